//! Storing message files in a folder of the server.

use crate::client::{Client, segment};
use crate::commands::context::Context;
use crate::commands::{folder, mailbox};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::limits::SUBMISSION_BYTES;
use serde_json::{Value, json};
use std::io::Read;
use std::time::{Duration, Instant};

/// How often `--wait` looks.
const LOOK: Duration = Duration::from_millis(200);
/// How long `--wait` waits.
const WAIT_LIMIT: Duration = Duration::from_secs(120);

/// Arguments of `message append`.
#[derive(Debug, clap::Args)]
pub struct Append {
    /// The mailbox: its address or mbx_...
    mailbox: String,
    /// The folder: its path or fld_...
    folder: String,
    /// Message files (.eml), stored as they are; - for standard input
    #[arg(required = true)]
    files: Vec<String>,
    /// As read
    #[arg(long)]
    seen: bool,
    /// As marked
    #[arg(long)]
    flagged: bool,
    /// As answered
    #[arg(long)]
    answered: bool,
    /// As drafts
    #[arg(long)]
    draft: bool,
    /// With this keyword; repeat for several
    #[arg(long, value_name = "KEYWORD")]
    keyword: Vec<String>,
    /// The time of arrival that the server is told (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    received_at: Option<String>,
    /// Makes the command safe to repeat: the same key stores each file once
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait until the server has stored them
    #[arg(long)]
    wait: bool,
}

/// Stores message files in a folder.
pub async fn append(context: &Context, client: &Client, args: &Append) -> Result<Exit, Failure> {
    let mailbox = mailbox::resolve(client, &args.mailbox).await?;
    let folder = folder::resolve(client, &mailbox, &args.folder).await?;
    let mut owed = Vec::with_capacity(args.files.len());
    for (n, file) in args.files.iter().enumerate() {
        let body = body(args, &folder, &read(file)?);
        let key = args
            .idempotency_key
            .as_ref()
            .map(|key| format!("{key}/{n}"));
        owed.push(
            client
                .post_once("/v1/messages", &body, key.as_deref())
                .await?,
        );
    }
    let mut exit = Exit::Good;
    if args.wait {
        let end = Instant::now() + WAIT_LIMIT;
        for entry in &mut owed {
            settle(client, entry, end).await?;
            if entry["state"] == "failed" {
                exit = Exit::Refused;
            }
        }
    }
    context.output.value(&json!({ "data": owed }), told)?;
    Ok(exit)
}

fn body(args: &Append, folder: &str, raw: &[u8]) -> Value {
    let mut body = json!({
        "folder_id": folder, "raw_base64": STANDARD.encode(raw),
        "flags": {
            "seen": args.seen, "flagged": args.flagged, "answered": args.answered, "draft": args.draft, "keywords": args.keyword,
        },
    });
    if let Some(at) = &args.received_at {
        body["received_at"] = json!(at);
    }
    body
}

fn read(file: &str) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::usage(format!("{file} cannot be read")).because(error);
    let mut source: Box<dyn Read> = match file {
        "-" => Box::new(std::io::stdin().lock()),
        _ => Box::new(std::fs::File::open(file).map_err(unreadable)?),
    };
    let mut bytes = Vec::new();
    let most = SUBMISSION_BYTES as u64 + 1;
    source
        .by_ref()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > SUBMISSION_BYTES {
        let most = output::size(SUBMISSION_BYTES as i64);
        return Err(Failure::usage(format!("{file} is too large"))
            .because(format!("a message has {most} at most")));
    }
    Ok(bytes)
}

/// Waits until a message is stored (`done`) or never will be (`failed`).
async fn settle(client: &Client, entry: &mut Value, end: Instant) -> Result<(), Failure> {
    let path = format!(
        "/v1/mailboxes/{}/owed/{}",
        segment(output::at(entry, "/mailbox_id")),
        segment(output::at(entry, "/id"))
    );
    loop {
        match client.get(&path, &[]).await {
            Ok(now) => *entry = now,
            Err(failure) if failure.exit == Exit::NotFound => {
                entry["state"] = json!("done");
                return Ok(());
            }
            Err(failure) => return Err(failure),
        }
        if entry["state"] == "failed" {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(
                Failure::new(Exit::TimedOut, "the server has not stored it yet")
                    .remedy("`postroom owed list MAILBOX` shows how it goes on"),
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn told(_: &Output, list: &Value) -> String {
    let lines = output::rows(list).iter().map(|entry| {
        let text = |pointer: &str| output::line(output::at(entry, pointer));
        match entry["state"].as_str() {
            Some("done") => format!("{}: the server has stored it.", text("/id")),
            Some("failed") => format!("{}: {}", text("/id"), text("/reason")),
            _ => format!(
                "{}: on its way to the server; `postroom owed list` shows how it goes.",
                text("/id")
            ),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
