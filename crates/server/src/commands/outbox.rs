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
        /// As CSV, a line for each recipient, for a spreadsheet; for all of it with --limit
        #[arg(long)]
        csv: bool,
    },
    /// One submission with each recipient's fate, what stands in the way, and its copy in Sent
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
            csv,
        } => {
            let mailbox = mailbox::resolve_some(client, mailbox.as_deref()).await?;
            let query = [
                ("mailbox_id", mailbox),
                ("state", state.map(|s| s.to_string())),
                ("scheduled", scheduled.then(|| "true".to_owned())),
            ];
            let list = client.list("/v1/submissions", &query, limit).await?;
            if csv {
                output::print(&as_csv(&list))?;
            } else {
                context.output.value(&list, table)?;
            }
        }
        Command::Show { id } => {
            let submission = client.get(&path(&id), &[]).await?;
            let reason = reason(client, &submission).await?;
            context.output.value(&submission, |output, submission| {
                let shown = show(output, submission);
                match &reason {
                    Some(reason) => format!("{shown}\n{}", output::text(reason)),
                    None => shown,
                }
            })?;
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

/// What stands in the way and what to do about it; none: nothing does, or it is over.
async fn reason(client: &Client, submission: &Value) -> Result<Option<String>, Failure> {
    let state = output::at(submission, "/state");
    let over = matches!(state, "accepted" | "cancelled");
    let Some(problem) = submission["problem_id"].as_str().filter(|_| !over) else {
        return Ok(None);
    };
    let entry = client
        .get(&format!("/v1/problems/{}", segment(problem)), &[])
        .await?;
    let at = |path: &str| output::at(&entry, path).to_owned();
    Ok(Some(format!(
        "{} ({problem})\n{}",
        at("/title"),
        at("/remedy")
    )))
}

/// The columns of the CSV.
const COLUMNS: [(&str, &str); 10] = [
    ("id", "/id"),
    ("mailbox_id", "/mailbox_id"),
    ("state", "/state"),
    ("subject", "/subject"),
    ("created_at", "/created_at"),
    ("send_at", "/send_at"),
    ("next_attempt_at", "/next_attempt_at"),
    ("problem_id", "/problem_id"),
    ("sent_copy", "/sent_copy/state"),
    ("message_id", "/message_id"),
];

/// What follows them for each recipient.
const OF_RECIPIENT: [(&str, &str); 6] = [
    ("recipient", "/address"),
    ("recipient_state", "/state"),
    ("code", "/code"),
    ("enhanced_code", "/enhanced_code"),
    ("text", "/text"),
    ("returned", "/returned/kind"),
];

/// Submissions as CSV (RFC 4180), a line for each recipient.
fn as_csv(list: &Value) -> String {
    let cell = |value: &Value, pointer: &str| match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => output::csv(text),
        Some(other) => output::csv(&other.to_string()),
    };
    let names = COLUMNS.iter().chain(&OF_RECIPIENT).map(|(name, _)| *name);
    let head = names.chain(["attempts", "possible_duplicate"]);
    let mut lines = vec![head.collect::<Vec<_>>().join(",")];
    for row in output::rows(list) {
        for recipient in row["recipients"].as_array().into_iter().flatten() {
            let own = COLUMNS.iter().map(|(_, pointer)| cell(row, pointer));
            let theirs = OF_RECIPIENT
                .iter()
                .map(|(_, pointer)| cell(recipient, pointer));
            let last = ["/attempts", "/possible_duplicate"].map(|pointer| cell(row, pointer));
            let all: Vec<_> = own.chain(theirs).chain(last).collect();
            lines.push(all.join(","));
        }
    }
    lines.join("\r\n") + "\r\n"
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
    let copy = match output::at(submission, "/sent_copy/state") {
        "filed" => "filed",
        "owed" => "on its way to the server",
        "none" => "not wanted, or not possible",
        _ => "not filed yet",
    };
    lines.push(format!("  copy in Sent: {copy}"));
    if output::at(submission, "/state") == "deferred" && submission["next_attempt_at"].is_null() {
        lines.push("  It is not tried again before somebody has acted.".to_owned());
    }
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
    let Some(kind) = returned["kind"].as_str() else {
        return String::new();
    };
    let word = match kind {
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
    let said = ["status", "diagnostic"].map(|name| returned[name].as_str().map(str::to_owned));
    let parts: Vec<_> = [Some(format!("{word}{seems}"))]
        .into_iter()
        .chain(said)
        .flatten()
        .collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_has_a_line_for_each_recipient_and_nothing_runs_in_a_spreadsheet() {
        let list = json!({"data": [{
            "id": "sub_1", "state": "deferred", "subject": "Quote, \"new\"", "attempts": 2, "possible_duplicate": false, "sent_copy": {"state": "pending"},
            "recipients": [{"address": "a@x.test", "state": "accepted", "code": 250}, {"address": "b@x.test", "state": "deferred", "text": "=cmd()\r\nlater"}],
        }]});
        let csv = as_csv(&list);
        let lines: Vec<_> = csv.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 3, "{csv}");
        assert!(lines[0].starts_with("id,mailbox_id,state,subject,"));
        assert!(
            lines[1].contains(r#","Quote, ""new""","#)
                && lines[1].contains(",a@x.test,accepted,250,"),
            "{csv}"
        );
        assert!(lines[2].contains(",'=cmd() later,"), "{csv}");
        let count = |line: &str| line.replace(r#""Quote, ""new""""#, "").matches(',').count();
        assert!(lines.iter().all(|line| count(line) == 17), "{csv}");
    }

    #[test]
    fn what_did_not_come_back_is_not_told() {
        assert_eq!(came_back(&Value::Null), "");
        let bounce = json!({"kind": "bounce", "permanent": true, "confidence": "sure", "status": "5.1.1", "diagnostic": null});
        assert_eq!(came_back(&bounce), "returned for good: 5.1.1");
    }

    #[test]
    fn the_copy_in_sent_and_a_hold_are_told() {
        let said = show(
            &Output::new(false),
            &json!({"state": "deferred", "sent_copy": {"state": "owed"}, "recipients": []}),
        );
        assert!(
            said.contains("copy in Sent: on its way to the server"),
            "{said}"
        );
        assert!(
            said.contains("not tried again before somebody has acted"),
            "{said}"
        );
    }
}
