//! Sending and answering: a submission in the outbox.

use super::author::{Author, FromTemplate};
use super::{attach, path};
use crate::client::{Client, segment};
use crate::commands::context::Context;
use crate::commands::{draft, mailbox, outbox};
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
    /// A picture that the HTML shows as cid:NAME; the file alone goes by its own name
    #[arg(long, value_name = "[NAME=]FILE")]
    inline: Vec<String>,
    /// The author's name and address, where the mailbox may send as several
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Where answers should go; repeat for several
    #[arg(long, value_name = "ADDRESS")]
    reply_to: Vec<String>,
    /// A further header field, "Name: value": X-*, List-* and a few more; repeat for several
    #[arg(long, value_name = "FIELD")]
    header: Vec<String>,
    /// Leave the original's text away in an answer
    #[arg(long)]
    no_quote: bool,
    /// Further recipients; repeat for several
    #[arg(long, value_name = "ADDRESS")]
    cc: Vec<String>,
    /// Hidden recipients; repeat for several
    #[arg(long, value_name = "ADDRESS")]
    bcc: Vec<String>,
    /// Not before this time (RFC 3339; with --time-zone a local time, 2026-01-31T09:00)
    #[arg(long, value_name = "TIME")]
    send_at: Option<String>,
    /// The time zone of --send-at, such as Europe/Vienna
    #[arg(long, value_name = "ZONE", requires = "send_at")]
    time_zone: Option<String>,
    /// So long it can be taken back before it goes out
    #[arg(long, value_name = "SECONDS")]
    undo: Option<u32>,
    /// high goes before normal, normal before low
    #[arg(long)]
    priority: Option<model::submission::Priority>,
    /// Ask the servers on the way for notices: success, delay, failure, or never alone; commas between several
    #[arg(long, value_name = "EVENTS", value_delimiter = ',', value_parser = ["success", "delay", "failure", "never"])]
    dsn: Vec<String>,
    /// How much of the message comes back with a notice
    #[arg(long, value_name = "PART", value_parser = ["headers", "full"])]
    dsn_return: Option<String>,
    /// Send only if every server on the way promises TLS (REQUIRETLS)
    #[arg(long)]
    require_tls: bool,
    #[command(flatten)]
    author: Author,
    /// Ask the recipients for a reading receipt, which they may refuse
    #[arg(long)]
    read_receipt: bool,
    /// Keep it as a draft, also in the server's Drafts folder, instead of sending it
    #[arg(long, conflicts_with_all = ["wait", "send_at", "idempotency_key"])]
    draft: bool,
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
    /// The mailbox that sends: its address or mbx_... [default: the identity's, or your own]
    #[arg(long)]
    mailbox: Option<String>,
    /// A recipient; repeat for several
    #[arg(long, value_name = "ADDRESS", required_unless_present = "raw")]
    to: Vec<String>,
    /// The subject; a forward has the original's without it, and a template its own
    #[arg(long)]
    subject: Option<String>,
    #[command(flatten)]
    template: FromTemplate,
    /// The stored message to forward, msg_...
    #[arg(long, value_name = "MESSAGE")]
    forward: Option<String>,
    /// With its text and files, or as one file
    #[arg(long, value_name = "HOW", value_parser = ["inline", "attachment"], requires = "forward")]
    forward_as: Option<String>,
    /// A whole message from a file instead (RFC 5322), sent as it is; - for standard input. --to: elsewhere than its header says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["subject", "forward", "text", "text_file", "html_file", "attach", "inline", "cc", "bcc", "from", "reply_to", "header", "template", "signature"])]
    raw: Option<String>,
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
    /// Answer the invitation in it, so that calendars understand
    #[arg(long, value_name = "ANSWER", value_parser = ["accepted", "tentative", "declined"], conflicts_with = "all")]
    calendar: Option<String>,
    #[command(flatten)]
    content: Content,
}

/// Sends a new message.
pub async fn send(context: &Context, client: &Client, args: Send) -> Result<Exit, Failure> {
    let mailbox = mailbox::resolve_some(client, args.mailbox.as_deref()).await?;
    let mut body = json!({ "mailbox_id": mailbox });
    args.content.author.fill(client, &mut body).await?;
    if let Some(file) = &args.raw {
        body["raw_base64"] = json!(STANDARD.encode(read_any(file)?));
        if !args.to.is_empty() {
            body["envelope"] = json!({ "to": args.to });
        }
        wishes(&mut body, &args.content);
        return submit(context, client, body, &args.content).await;
    }
    body["to"] = json!(people(&args.to)?);
    body["subject"] = json!(args.subject);
    if let Some(id) = &args.forward {
        body["forward_message_id"] = json!(id);
        body["forward_as"] = json!(args.forward_as);
    }
    let filled = args.template.fill(client, &mut body).await?;
    fill(&mut body, &args.content)?;
    let enough = filled || args.forward.is_some();
    attach(client, &mut body, &args.content, enough).await?;
    submit(context, client, body, &args.content).await
}

/// Answers a message.
pub async fn reply(context: &Context, client: &Client, args: Reply) -> Result<Exit, Failure> {
    let message = client.get(&path(&args.id), &[]).await?;
    let mailbox_id = output::at(&message, "/mailbox_id");
    // The server finds the subject and the recipients.
    let mut body = json!({ "mailbox_id": mailbox_id, "in_reply_to_message_id": args.id });
    if args.all {
        body["reply_all"] = json!(true);
    }
    if let Some(answer) = &args.calendar {
        body["calendar_reply"] = json!(answer);
    }
    args.content.author.fill(client, &mut body).await?;
    fill(&mut body, &args.content)?;
    attach(client, &mut body, &args.content, args.calendar.is_some()).await?;
    submit(context, client, body, &args.content).await
}

/// Adds the files. `enough`: there is something to send without them and without a text.
async fn attach(
    client: &Client,
    body: &mut Value,
    content: &Content,
    enough: bool,
) -> Result<(), Failure> {
    let files = content.attach.len() + content.inline.len();
    if body["text"].is_null() && body["html"].is_null() && files == 0 && !enough {
        return Err(Failure::usage("the message would be empty")
            .remedy("add --text, --text-file, --html-file or --attach"));
    }
    if files > 0 {
        let attachments = attach::upload(client, &content.attach, &content.inline).await?;
        body["attachments"] = json!(attachments);
    }
    Ok(())
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
    if let Some(from) = &content.from {
        body["from"] = person(from)?;
    }
    if !content.reply_to.is_empty() {
        body["reply_to"] = json!(people(&content.reply_to)?);
    }
    if content.no_quote {
        body["quote"] = json!(false);
    }
    for field in &content.header {
        let Some((name, value)) = field.split_once(':') else {
            return Err(Failure::usage(format!("{field} is no header field"))
                .remedy("write it as \"Name: value\""));
        };
        body["headers"][name.trim()] = json!(value.trim());
    }
    wishes(body, content);
    Ok(())
}

/// What is asked for beside the message itself.
fn wishes(body: &mut Value, content: &Content) {
    if let Some(seconds) = content.undo {
        body["undo_seconds"] = json!(seconds);
    }
    if let Some(priority) = content.priority {
        body["priority"] = json!(priority);
    }
    if let Some(at) = &content.send_at {
        body["send_at"] = json!(at);
        body["time_zone"] = json!(content.time_zone);
    }
    if !content.dsn.is_empty() || content.dsn_return.is_some() {
        body["dsn"] = json!({ "notify": content.dsn, "return": content.dsn_return });
    }
    if content.require_tls {
        body["require_tls"] = json!(true);
    }
    if content.read_receipt {
        body["read_receipt"] = json!(true);
    }
}

async fn submit(
    context: &Context,
    client: &Client,
    body: Value,
    content: &Content,
) -> Result<Exit, Failure> {
    if content.draft {
        let draft = client.post("/v1/drafts", &body).await?;
        context.output.value(&draft, draft::show)?;
        return Ok(Exit::Good);
    }
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
    String::from_utf8(read_any(file)?)
        .map_err(|_| Failure::usage(format!("{file} is not UTF-8 text")))
}

/// A file, or standard input.
fn read_any(file: &str) -> Result<Vec<u8>, Failure> {
    if file != "-" {
        return read_file(Path::new(file), SUBMISSION_BYTES as u64);
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(SUBMISSION_BYTES as u64)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

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
