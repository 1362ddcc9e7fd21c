//! `postroom sync ...`: how far the local copy is.

use super::context::Context;
use super::{mailbox, message};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How often the bars look.
const LOOK: Duration = Duration::from_millis(500);
/// Mailboxes that are shown at most.
const LISTED: usize = 10_000;

/// The commands of `sync`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Each mailbox's connection and coverage
    Status,
    /// The same as live bars
    Watch {
        /// Only this mailbox
        #[arg(long)]
        mailbox: Option<String>,
        /// End once everything is complete
        #[arg(long)]
        until_complete: bool,
    },
    /// What the first synchronisation of a mailbox means: how much there is, what the provider allows, when it ends
    Plan {
        /// The mailbox: its address or mbx_...
        mailbox: String,
    },
    /// Messages that could not be stored, with the reason
    Failed {
        /// Only this mailbox
        #[arg(long)]
        mailbox: Option<String>,
    },
    /// The bytes of a message that could not be stored, where they are kept
    Raw {
        /// The mailbox: its address or mbx_...
        mailbox: String,
        /// The failure's id
        failure: String,
        /// Write to this file
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Compare everything with the server: messages, flags, sizes
    Audit {
        /// The mailbox: its address or mbx_...
        mailbox: String,
        /// Repair what differs
        #[arg(long)]
        repair: bool,
    },
    /// Try to store a message again
    Retry {
        /// The mailbox: its address or mbx_...
        mailbox: String,
        /// The failure's id
        failure: String,
    },
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Status => {
            let list = client.list("/v1/mailboxes", &[], LISTED).await?;
            context.output.value(&list, status)?;
        }
        Command::Watch {
            mailbox,
            until_complete,
        } => {
            let only = mailbox::resolve_some(client, mailbox.as_deref()).await?;
            watch(context, client, only.as_deref(), until_complete).await?;
        }
        Command::Plan { mailbox } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let path = format!("/v1/mailboxes/{}/plan", segment(&id));
            let found = client.get(&path, &[]).await?;
            context.output.value(&found, plan)?;
        }
        Command::Failed { mailbox } => {
            let only = mailbox::resolve_some(client, mailbox.as_deref()).await?;
            let failures = failures(client, only).await?;
            context.output.value(&json!({ "data": failures }), failed)?;
        }
        Command::Raw {
            mailbox,
            failure,
            output,
        } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let path = format!("{}/raw", path_of(&id, &failure));
            return message::save(client, &path, output.as_deref()).await;
        }
        Command::Audit { mailbox, repair } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            return super::audit::run(context, client, &id, repair).await;
        }
        Command::Retry { mailbox, failure } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let path = format!("{}/retry", path_of(&id, &failure));
            let answer = client.post(&path, &json!({})).await?;
            context
                .output
                .value(&answer, |_, _| "The message is fetched again.".to_owned())?;
        }
    }
    Ok(Exit::Good)
}

/// A row of the ledger.
fn path_of(mailbox: &str, failure: &str) -> String {
    format!(
        "/v1/mailboxes/{}/failures/{}",
        segment(mailbox),
        segment(failure)
    )
}

fn status(output: &Output, list: &Value) -> String {
    let rows = output::rows(list).iter().map(|row| {
        [
            output::at(row, "/address").to_owned(),
            output::at(row, "/connection/state").to_owned(),
            output::time(row, "/connection/proven_alive_at"),
            mailbox::coverage(row),
            output::at(row, "/connection/problem_id").to_owned(),
        ]
    });
    output.table(
        [
            "ADDRESS",
            "CONNECTION",
            "PROVEN ALIVE",
            "COVERAGE",
            "PROBLEM",
        ],
        rows.collect(),
    )
}

fn plan(output: &Output, plan: &Value) -> String {
    let known = |value: &Value, field: &str, show: fn(i64) -> String| {
        value[field]
            .as_i64()
            .map_or_else(|| "unknown".to_owned(), show)
    };
    let rows = plan["folders"].as_array().into_iter().flatten().map(|row| {
        [
            output::at(row, "/path").to_owned(),
            output::at(row, "/mode").to_owned(),
            known(row, "messages", |n| n.to_string()),
            known(row, "bytes", output::size),
            output::number(row, "/done").to_string(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return "Nothing is known of its folders yet: `postroom mailbox test MAILBOX` signs in, and the first synchronisation counts them.".to_owned();
    }
    let number = |pointer: &str| output::number(plan, pointer);
    let mut text = output.table(["FOLDER", "MODE", "MESSAGES", "SIZE", "STORED"], rows);
    text.push_str(&format!(
        "\n{} messages, {}; stored {}, {}",
        number("/messages"),
        output::size(number("/bytes")),
        number("/done"),
        output::size(number("/done_bytes")),
    ));
    if let Some(limit) = plan["allowed"]["bytes_down"].as_i64() {
        text.push_str(&format!(
            "\nThe provider allows {} a day; used in the last 24 hours: {}",
            output::size(limit),
            output::size(number("/used/bytes_down")),
        ));
    }
    if let Some(limit) = plan["allowed"]["messages"].as_i64() {
        text.push_str(&format!(
            "\nThe provider allows {limit} messages a day; used in the last 24 hours: {}",
            number("/used/messages"),
        ));
    }
    if plan["waits_until"].is_string() {
        let until = output::time(plan, "/waits_until");
        text.push_str(&format!(
            "\nIt waits until {until}; new mail comes all the same."
        ));
    }
    if plan["ends_at"].is_string() {
        let end = output::time(plan, "/ends_at");
        text.push_str(&format!("\nExpected end: {end}"));
    }
    text
}

async fn failures(client: &Client, only: Option<String>) -> Result<Vec<Value>, Failure> {
    let ids = match only {
        Some(id) => vec![id],
        None => {
            let list = client.list("/v1/mailboxes", &[], LISTED).await?;
            let with_holes = output::rows(&list)
                .iter()
                .filter(|m| output::number(m, "/coverage/holes") > 0);
            with_holes
                .map(|m| output::at(m, "/id").to_owned())
                .collect()
        }
    };
    let mut all = Vec::new();
    for id in ids {
        let page = client
            .list(
                &format!("/v1/mailboxes/{}/failures", segment(&id)),
                &[],
                LISTED,
            )
            .await?;
        all.extend(output::rows(&page).iter().cloned());
    }
    Ok(all)
}

fn failed(output: &Output, list: &Value) -> String {
    if output::rows(list).is_empty() {
        return "Every message could be stored.".to_owned();
    }
    let rows = output::rows(list).iter().map(|row| {
        [
            output::at(row, "/id").to_owned(),
            output::at(row, "/mailbox_id").to_owned(),
            output::number(row, "/uid").to_string(),
            output::at(row, "/problem_id").to_owned(),
            output::at(row, "/reason").to_owned(),
            output::number(row, "/attempts").to_string(),
            match row["has_raw"].as_bool() {
                Some(true) => "kept".to_owned(),
                _ => String::new(),
            },
        ]
    });
    output.table(
        [
            "ID", "MAILBOX", "UID", "PROBLEM", "REASON", "TRIES", "BYTES",
        ],
        rows.collect(),
    )
}

/// Looks again and again; bars on a terminal, a line for each change elsewhere.
async fn watch(
    context: &Context,
    client: &Client,
    only: Option<&str>,
    until_complete: bool,
) -> Result<(), Failure> {
    let mut display = Display::new();
    loop {
        let list = client.list("/v1/mailboxes", &[], LISTED).await?;
        let wanted = |m: &&Value| {
            only.is_none_or(|id| m["id"] == json!(id)) && m["lifecycle"] == json!("enabled")
        };
        let mailboxes: Vec<_> = output::rows(&list).iter().filter(wanted).collect();
        for mailbox in &mailboxes {
            display.show(context, mailbox)?;
        }
        let complete =
            |m: &&Value| matches!(output::at(m, "/coverage/state"), "complete" | "holes");
        if until_complete && mailboxes.iter().all(complete) {
            display.end();
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

struct Display {
    all: Option<MultiProgress>,
    style: ProgressStyle,
    bars: BTreeMap<String, ProgressBar>,
    printed: BTreeMap<String, String>,
}

impl Display {
    fn new() -> Self {
        let style =
            ProgressStyle::with_template("{prefix:32!} {bar:30} {pos}/{len} {per_sec} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        Self {
            all: output::shows_progress()
                .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            style,
            bars: BTreeMap::new(),
            printed: BTreeMap::new(),
        }
    }

    fn show(&mut self, context: &Context, mailbox: &Value) -> Result<(), Failure> {
        let id = output::at(mailbox, "/id").to_owned();
        let state = format!(
            "{} {}",
            output::at(mailbox, "/connection/state"),
            output::at(mailbox, "/coverage/state")
        );
        if let (Some(all), false) = (&self.all, context.output.json) {
            let bar = self
                .bars
                .entry(id)
                .or_insert_with(|| all.add(ProgressBar::new(0).with_style(self.style.clone())));
            bar.set_prefix(output::line(output::at(mailbox, "/address")));
            let number = |name: &str| output::number(mailbox, name).max(0).unsigned_abs();
            bar.set_length(number("/coverage/total").max(number("/coverage/done")));
            bar.set_position(number("/coverage/done"));
            bar.set_message(output::line(&state));
            return Ok(());
        }
        let text = if context.output.json {
            let facts = json!({ "id": id, "address": mailbox["address"], "connection": mailbox["connection"]["state"], "coverage": mailbox["coverage"] });
            output::json(&facts, false)
        } else {
            output::line(&format!(
                "{} {} {}",
                output::at(mailbox, "/address"),
                state,
                mailbox::coverage(mailbox)
            ))
        };
        if self.printed.get(&id) != Some(&text) {
            output::print(&text)?;
            self.printed.insert(id, text);
        }
        Ok(())
    }

    fn end(&self) {
        for bar in self.bars.values() {
            bar.abandon();
        }
    }
}
