//! Sending and answering: a submission in the outbox.

use super::path;
use crate::client::{Client, segment};
use crate::commands::context::Context;
use crate::commands::{mailbox, outbox};
use crate::exit::{Exit, Failure};
use crate::output;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::limits::SUBMISSION_BYTES;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often `--wait` looks.
const LOOK: Duration = Duration::from_millis(300);
/// How long `--wait` waits.
const WAIT_LIMIT: Duration = Duration::from_secs(120);

/// The parts of a message that `send` and `reply` share.
#[derive(Debug, clap::Args)]
pub struct Content {
    /// The text
    #[arg(long, conflicts_with = "text_file")]
    text: Option<String>,
    /// The text from a file; - for standard input
    #[arg(long, value_name = "FILE")]
    text_file: Option<String>,
    /// The HTML from a file; - for standard input
    #[arg(long, value_name = "FILE")]
    html_file: Option<String>,
    /// A file to send along; repeat for several
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// Further recipients; repeat for several
    #[arg(long, value_name = "ADDRESS")]
    cc: Vec<String>,
    /// Hidden recipients; repeat for several
    #[arg(long, value_name = "ADDRESS")]
    bcc: Vec<String>,
    /// Not before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    send_at: Option<String>,
    /// Makes the command safe to repeat: the same key sends once
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait until the sending server has answered
    #[arg(long)]
    wait: bool,
}

/// Arguments of `message send`.
#[derive(Debug, clap::Args)]
pub struct Send {
    /// The mailbox that sends: its address or mbx_...
    #[arg(long)]
    mailbox: String,
    /// A recipient; repeat for several
    #[arg(long, value_name = "ADDRESS", required = true)]
    to: Vec<String>,
    /// The subject
    #[arg(long, default_value = "")]
    subject: String,
    #[command(flatten)]
    content: Content,
}

/// Arguments of `message reply`.
#[derive(Debug, clap::Args)]
pub struct Reply {
    /// The message to answer, msg_...
    id: String,
    /// Answer everybody, not the author alone
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    content: Content,
}

/// Sends a new message.
pub async fn send(context: &Context, client: &Client, args: Send) -> Result<Exit, Failure> {
    let mailbox = mailbox::resolve(client, &args.mailbox).await?;
    let mut body =
        json!({ "mailbox_id": mailbox, "to": people(&args.to)?, "subject": args.subject });
    fill(&mut body, &args.content)?;
    submit(context, client, body, &args.content).await
}

/// Answers a message.
pub async fn reply(context: &Context, client: &Client, args: Reply) -> Result<Exit, Failure> {
    let message = client.get(&path(&args.id), &[]).await?;
    let mailbox_id = output::at(&message, "/mailbox_id");
    // The server finds the subject and, unless everybody is meant, the recipient.
    let mut body = json!({ "mailbox_id": mailbox_id, "in_reply_to_message_id": args.id });
    if args.all {
        let own = client
            .get(&format!("/v1/mailboxes/{}", segment(mailbox_id)), &[])
            .await?;
        let (to, cc) = everybody(&message, output::at(&own, "/address"));
        if to.is_empty() {
            return Err(Failure::new(
                Exit::Refused,
                "the message says nowhere that it can be answered",
            ));
        }
        body["to"] = json!(to);
        body["cc"] = json!(cc);
    }
    fill(&mut body, &args.content)?;
    submit(context, client, body, &args.content).await
}

/// Everybody who gets an answer: Reply-To, else From; and all recipients but ourselves. Answering our own
/// message goes to whom it went to.
fn everybody(message: &Value, own: &str) -> (Vec<Value>, Vec<Value>) {
    let list = |name: &str| message[name].as_array().cloned().unwrap_or_default();
    let address = |person: &Value| {
        person["address"]
            .as_str()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let is_own = |person: &Value| address(person).eq_ignore_ascii_case(own);
    let mut to = list("reply_to");
    if to.is_empty() {
        to = list("from");
    }
    if !to.is_empty() && to.iter().all(is_own) {
        to = list("to");
    }
    let mut cc: Vec<_> = list("to").into_iter().chain(list("cc")).collect();
    cc.retain(|person| !is_own(person));
    let mut seen = std::collections::HashSet::new();
    to.retain(|person| !address(person).is_empty() && seen.insert(address(person)));
    cc.retain(|person| !address(person).is_empty() && seen.insert(address(person)));
    (to, cc)
}

fn fill(body: &mut Value, content: &Content) -> Result<(), Failure> {
    if let Some(text) = &content.text {
        body["text"] = json!(text);
    }
    if let Some(file) = &content.text_file {
        body["text"] = json!(read_text(file)?);
    }
    if let Some(file) = &content.html_file {
        body["html"] = json!(read_text(file)?);
    }
    if !content.cc.is_empty() {
        let mut cc = body["cc"].as_array().cloned().unwrap_or_default();
        cc.extend(people(&content.cc)?);
        body["cc"] = json!(cc);
    }
    if !content.bcc.is_empty() {
        body["bcc"] = json!(people(&content.bcc)?);
    }
    if let Some(at) = &content.send_at {
        body["send_at"] = json!(at);
    }
    let mut attachments = Vec::with_capacity(content.attach.len());
    let mut room = SUBMISSION_BYTES as u64;
    for file in &content.attach {
        let bytes = read_file(file, room)?;
        room = room.saturating_sub(bytes.len() as u64);
        attachments.push(json!({
            "filename": file.file_name().unwrap_or(file.as_os_str()).to_string_lossy(),
            "content_type": content_type(file), "content_base64": STANDARD.encode(&bytes),
        }));
    }
    if !attachments.is_empty() {
        body["attachments"] = json!(attachments);
    }
    if body["text"].is_null() && body["html"].is_null() && attachments.is_empty() {
        return Err(Failure::usage("the message would be empty")
            .remedy("add --text, --text-file, --html-file or --attach"));
    }
    Ok(())
}

async fn submit(
    context: &Context,
    client: &Client,
    body: Value,
    content: &Content,
) -> Result<Exit, Failure> {
    let key = content.idempotency_key.as_deref();
    let mut submission = client.post_once("/v1/submissions", &body, key).await?;
    if content.wait {
        submission = settled(client, submission).await?;
    }
    let exit = match submission["state"].as_str() {
        Some("failed" | "cancelled") => Exit::Refused,
        Some("deferred" | "unclear") if content.wait => Exit::TimedOut,
        _ => Exit::Good,
    };
    context.output.value(&submission, outbox::show)?;
    Ok(exit)
}

async fn settled(client: &Client, mut submission: Value) -> Result<Value, Failure> {
    let since = Instant::now();
    let path = format!(
        "/v1/submissions/{}",
        segment(output::at(&submission, "/id"))
    );
    while matches!(submission["state"].as_str(), Some("queued" | "sending")) {
        if since.elapsed() > WAIT_LIMIT {
            return Err(
                Failure::new(Exit::TimedOut, "the sending server has not answered yet")
                    .remedy("`postroom outbox list` shows how it goes on"),
            );
        }
        tokio::time::sleep(LOOK).await;
        submission = client.get(&path, &[]).await?;
    }
    Ok(submission)
}

/// "Ann <ann@example.com>" or "ann@example.com" as the API takes them.
fn people(texts: &[String]) -> Result<Vec<Value>, Failure> {
    texts.iter().map(|text| person(text)).collect()
}

fn person(text: &str) -> Result<Value, Failure> {
    let text = text.trim();
    let (name, address) = match text
        .strip_suffix('>')
        .and_then(|rest| rest.rsplit_once('<'))
    {
        Some((name, address)) => (name.trim().trim_matches('"'), address.trim()),
        None => ("", text),
    };
    if !address.contains('@') {
        return Err(Failure::usage(format!("{text} is not a mail address")));
    }
    Ok(if name.is_empty() {
        json!({ "address": address })
    } else {
        json!({ "name": name, "address": address })
    })
}

fn read_text(file: &str) -> Result<String, Failure> {
    let bytes = if file == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .take(SUBMISSION_BYTES as u64)
            .read_to_end(&mut bytes)?;
        bytes
    } else {
        read_file(Path::new(file), SUBMISSION_BYTES as u64)?
    };
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{file} is not UTF-8 text")))
}

fn read_file(file: &Path, room: u64) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("{} cannot be read", file.display())).because(error)
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened
        .take(room + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > room {
        let most = output::size(SUBMISSION_BYTES as i64);
        return Err(Failure::usage(format!("{} is too large", file.display()))
            .because(format!("a message has {most} at most")));
    }
    Ok(bytes)
}

/// By the file's name; what is unknown is plain bytes.
fn content_type(file: &Path) -> &'static str {
    let extension = file
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "txt" | "log" | "md" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "ics" => "text/calendar",
        "pdf" => "application/pdf",
        "json" => "application/json",
        "zip" => "application/zip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "odt" => "application/vnd.oasis.opendocument.text",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_all_goes_to_everybody_but_us() {
        let message = json!({
            "from": [{ "address": "bob@example.com" }], "reply_to": [],
            "to": [{ "address": "ANN@example.com" }, { "address": "cleo@example.com" }], "cc": [{ "address": "bob@example.com" }],
        });
        let addresses = |list: &[Value]| {
            list.iter()
                .map(|p| p["address"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let (to, cc) = everybody(&message, "ann@example.com");
        assert_eq!(addresses(&to), ["bob@example.com"]);
        assert_eq!(addresses(&cc), ["cleo@example.com"]);
        let (to, _) = everybody(&message, "bob@example.com");
        assert_eq!(to.len(), 2, "our own message goes on to whom it went to");
    }

    #[test]
    fn people_are_addresses_with_or_without_a_name() {
        assert_eq!(
            person("\"Ann B\" <ann@example.com>").unwrap(),
            json!({ "name": "Ann B", "address": "ann@example.com" })
        );
        assert_eq!(
            person(" ann@example.com ").unwrap(),
            json!({ "address": "ann@example.com" })
        );
        assert!(person("ann").is_err());
    }
}
