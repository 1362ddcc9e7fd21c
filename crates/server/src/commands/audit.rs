//! `postroom sync audit`: everything that is stored against the server.

use super::context::Context;
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use serde_json::{Value, json};
use std::time::Duration;

/// How often we look whether it has ended.
const LOOK: Duration = Duration::from_millis(300);

/// Asks for an audit, waits for it, and tells what it found.
pub async fn run(
    context: &Context,
    client: &Client,
    mailbox_id: &str,
    repair: bool,
) -> Result<Exit, Failure> {
    let path = format!("/v1/mailboxes/{}/audit", segment(mailbox_id));
    client.post(&path, &json!({ "repair": repair })).await?;
    let audit = loop {
        let audit = client.get(&path, &[]).await?;
        if audit["asked_at"].is_null() {
            break audit;
        }
        let mailbox = format!("/v1/mailboxes/{}", segment(mailbox_id));
        let mailbox = client.get(&mailbox, &[]).await?;
        let state = output::at(&mailbox, "/connection/state");
        if matches!(state, "held" | "waiting" | "limited") {
            let problem = output::at(&mailbox, "/connection/problem_id");
            return Err(Failure::new(
                Exit::Conflict,
                format!("the audit waits: the mailbox's connection is {state} ({problem})"),
            )
            .remedy("It begins by itself once the mailbox is connected again."));
        }
        tokio::time::sleep(LOOK).await;
    };
    context.output.value(&audit, told)?;
    let good = matches!(output::at(&audit, "/last/outcome"), "equal" | "repaired");
    Ok(if good { Exit::Good } else { Exit::Warnings })
}

fn told(output: &Output, audit: &Value) -> String {
    let rows = audit["folders"].as_array().into_iter().flatten();
    let number = |row: &Value, name: &str| output::number(row, name).to_string();
    let rows = rows.map(|row| {
        [
            output::at(row, "/path").to_owned(),
            number(row, "/server"),
            number(row, "/stored"),
            number(row, "/missing"),
            number(row, "/surplus"),
            number(row, "/flags"),
            number(row, "/sizes"),
            number(row, "/to_come"),
            number(row, "/in_ledger"),
            number(row, "/repaired"),
            output::at(row, "/problem_id").to_owned(),
        ]
    });
    let table = output.table(
        [
            "FOLDER", "SERVER", "STORED", "MISSING", "SURPLUS", "FLAGS", "SIZES", "TO COME",
            "LEDGER", "REPAIRED", "PROBLEM",
        ],
        rows.collect(),
    );
    let summary = match output::at(audit, "/last/outcome") {
        "equal" => "Server and store are equal.",
        "repaired" => "They differed, and are equal now.",
        "differs" => "They differ; --repair mends it.",
        _ => "A folder could not be compared.",
    };
    format!("{table}\n{summary}")
}
