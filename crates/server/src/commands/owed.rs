//! `postroom owed ...`: changes that a mailbox's server has not confirmed.

use super::context::Context;
use super::mailbox;
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use serde_json::{Value, json};

/// Changes that are read at most.
const LISTED: usize = 100_000;

/// The commands of `owed`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// What the server has not confirmed yet, and what failed
    List {
        /// The mailbox: its address or mbx_...
        mailbox: String,
    },
    /// Try a change again now, also one that failed for good
    Retry {
        /// The mailbox: its address or mbx_...
        mailbox: String,
        /// The change: owe_...
        change: String,
    },
    /// Give a change up: what the server has counts
    Cancel {
        /// The mailbox: its address or mbx_...
        mailbox: String,
        /// The change: owe_...
        change: String,
    },
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List { mailbox } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let path = format!("/v1/mailboxes/{}/owed", segment(&id));
            let list = client.list(&path, &[], LISTED).await?;
            context.output.value(&list, table)?;
        }
        Command::Retry { mailbox, change } => {
            let answer = act(client, &mailbox, &change, "retry").await?;
            context
                .output
                .value(&answer, |_, _| "The server is asked again.".to_owned())?;
        }
        Command::Cancel { mailbox, change } => {
            act(client, &mailbox, &change, "cancel").await?;
            let given_up = json!({"id": change, "state": "cancelled"});
            context.output.value(&given_up, |_, _| {
                "Given up: what the server has counts.".to_owned()
            })?;
        }
    }
    Ok(Exit::Good)
}

async fn act(client: &Client, mailbox: &str, change: &str, verb: &str) -> Result<Value, Failure> {
    let id = mailbox::resolve(client, mailbox).await?;
    let path = format!(
        "/v1/mailboxes/{}/owed/{}/{verb}",
        segment(&id),
        segment(change)
    );
    client.post(&path, &json!({})).await
}

fn table(output: &Output, list: &Value) -> String {
    if output::rows(list).is_empty() {
        return "Nothing: the server has confirmed every change.".to_owned();
    }
    let rows = output::rows(list).iter().map(|row| {
        [
            output::at(row, "/id").to_owned(),
            output::at(row, "/state").to_owned(),
            output::at(row, "/what").to_owned(),
            output::at(row, "/message_id").to_owned(),
            output::number(row, "/attempts").to_string(),
            output::time(row, "/next_attempt_at"),
            output::at(row, "/reason").to_owned(),
        ]
    });
    output.table(
        [
            "ID", "STATE", "CHANGE", "MESSAGE", "TRIES", "NEXT TRY", "REASON",
        ],
        rows.collect(),
    )
}
