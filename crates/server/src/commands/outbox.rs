//! `postroom outbox ...`: what is on its way out.

use super::context::{Context, confirm};
use super::mailbox;
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use serde_json::{Value, json};

/// The commands of `outbox`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Submissions, newest first
    List {
        /// Only this mailbox
        #[arg(long)]
        mailbox: Option<String>,
        /// Only this state: queued, sending, accepted, deferred, unclear, failed, cancelled
        #[arg(long)]
        state: Option<model::submission::State>,
        /// Only what waits for its time
        #[arg(long, conflicts_with = "state")]
        scheduled: bool,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// One submission with each recipient's fate
    Show {
        /// The submission, sub_...
        id: String,
    },
    /// Try again now
    Retry {
        /// The submission, sub_...
        id: String,
    },
    /// Do not send it
    Cancel {
        /// The submission, sub_...
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List {
            mailbox,
            state,
            scheduled,
            limit,
        } => {
            let mailbox = mailbox::resolve_some(client, mailbox.as_deref()).await?;
            let query = [
                ("mailbox_id", mailbox),
                ("state", state.map(|s| s.to_string())),
                ("scheduled", scheduled.then(|| "true".to_owned())),
            ];
            let list = client.list("/v1/submissions", &query, limit).await?;
            context.output.value(&list, table)?;
        }
        Command::Show { id } => {
            let submission = client.get(&path(&id), &[]).await?;
            context.output.value(&submission, show)?;
        }
        Command::Retry { id } => {
            let submission = client
                .post(&format!("{}/retry", path(&id)), &json!({}))
                .await?;
            context.output.value(&submission, show)?;
        }
        Command::Cancel { id, yes } => {
            confirm(yes, &format!("cancel {id}"))?;
            let answer = client.delete(&path(&id)).await?;
            let answer = if answer.is_null() {
                json!({ "id": id, "state": "cancelled" })
            } else {
                answer
            };
            context.output.value(&answer, |_, _| {
                format!("{} is cancelled.", output::line(&id))
            })?;
        }
    }
    Ok(Exit::Good)
}

fn path(id: &str) -> String {
    format!("/v1/submissions/{}", segment(id))
}

fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list).iter().map(|row| {
        let to: Vec<_> = row["recipients"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|r| output::at(r, "/address"))
            .collect();
        [
            output::at(row, "/id").to_owned(),
            output::at(row, "/state").to_owned(),
            to.join(", "),
            output::at(row, "/subject").to_owned(),
            output::number(row, "/attempts").to_string(),
            output::time(row, "/next_attempt_at"),
        ]
    });
    output.table(
        ["ID", "STATE", "TO", "SUBJECT", "TRIES", "NEXT TRY"],
        rows.collect(),
    )
}

/// A submission with its recipients.
pub fn show(output: &Output, submission: &Value) -> String {
    let text = |pointer: &str| output::line(output::at(submission, pointer));
    let mut lines = vec![
        format!("{}  {}  {}", text("/id"), text("/state"), text("/subject")),
        format!(
            "  tries {}, next {}",
            output::number(submission, "/attempts"),
            output::time(submission, "/next_attempt_at")
        ),
    ];
    if submission["possible_duplicate"] == json!(true) {
        lines.push("  It may have been sent twice: the server's last answer was lost.".to_owned());
    }
    lines.extend(wishes(submission).map(|wishes| format!("  asked for {wishes}")));
    let rows: Vec<_> = submission["recipients"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| {
            let said = [
                row["code"].as_i64().map(|c| c.to_string()),
                row["text"].as_str().map(str::to_owned),
            ];
            [
                output::at(row, "/address").to_owned(),
                output::at(row, "/state").to_owned(),
                said.into_iter().flatten().collect::<Vec<_>>().join(" "),
                came_back(&row["returned"]),
            ]
        })
        .collect();
    lines.push(output.table(
        ["RECIPIENT", "STATE", "THE SERVER SAID", "WHAT CAME BACK"],
        rows,
    ));
    lines.join("\n")
}

/// What came back for a recipient after the server had taken the message, in a few words.
fn came_back(returned: &Value) -> String {
    let word = match output::at(returned, "/kind") {
        "" => return String::new(),
        "bounce" if returned["permanent"] == json!(true) => "returned for good",
        "bounce" => "returned",
        "delayed" => "delayed",
        "accepted" => "accepted with a receipt",
        "delivered" => "delivered",
        "read" => "displayed",
        "complaint" => "complained about",
        "challenge" => "asks whether you are a person",
        other => other,
    };
    let seems = match output::at(returned, "/confidence") {
        "guess" => ", as it seems",
        _ => "",
    };
    let parts = [
        format!("{word}{seems}"),
        output::at(returned, "/status").to_owned(),
        output::at(returned, "/diagnostic").to_owned(),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    output::line(&parts.join(": "))
}

/// What it asks of those who carry it; none where it asks for nothing.
fn wishes(submission: &Value) -> Option<String> {
    let mut wishes = Vec::new();
    let events = submission.pointer("/dsn/notify").and_then(Value::as_array);
    let events: Vec<_> = events
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if !events.is_empty() {
        wishes.push(format!("notices ({})", events.join(", ")));
    }
    if submission["require_tls"] == json!(true) {
        wishes.push("TLS all the way".to_owned());
    }
    if submission["read_receipt"] == json!(true) {
        wishes.push("a reading receipt".to_owned());
    }
    (!wishes.is_empty()).then(|| wishes.join(" and "))
}
