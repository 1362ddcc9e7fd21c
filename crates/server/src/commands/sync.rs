//! `postroom sync ...`: how far the local copy is.

use super::{Context, mailbox};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
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
    /// Messages that could not be stored, with the reason
    Failed {
        /// Only this mailbox
        #[arg(long)]
        mailbox: Option<String>,
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
        Command::Failed { mailbox } => {
            let only = mailbox::resolve_some(client, mailbox.as_deref()).await?;
            let failures = failures(client, only).await?;
            context.output.value(&json!({ "data": failures }), failed)?;
        }
        Command::Audit { mailbox, repair } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            return super::audit::run(context, client, &id, repair).await;
        }
        Command::Retry { mailbox, failure } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let path = format!(
                "/v1/mailboxes/{}/failures/{}/retry",
                segment(&id),
                segment(&failure)
            );
            let answer = client.post(&path, &json!({})).await?;
            context
                .output
                .value(&answer, |_, _| "The message is fetched again.".to_owned())?;
        }
    }
    Ok(Exit::Good)
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
        ]
    });
    output.table(
        ["ID", "MAILBOX", "UID", "PROBLEM", "REASON", "TRIES"],
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
