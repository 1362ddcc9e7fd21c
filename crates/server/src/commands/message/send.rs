//! Sending and answering: a submission in the outbox.

use super::author::FromTemplate;
use super::written::{Written, people, read_any};
use crate::client::{Client, segment};
use crate::commands::context::Context;
use crate::commands::{draft, mailbox, outbox};
use crate::exit::{Exit, Failure};
use crate::output;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How often `--wait` looks.
const LOOK: Duration = Duration::from_millis(300);
/// How long `--wait` waits.
const WAIT_LIMIT: Duration = Duration::from_secs(120);

/// What `send` and `reply` share.
#[derive(Debug, clap::Args)]
pub struct Content {
    #[command(flatten)]
    written: Written,
    /// Not before this time (RFC 3339; with --time-zone a local time, 2026-01-31T09:00)
    #[arg(long, value_name = "TIME")]
    send_at: Option<String>,
    /// The time zone of --send-at, such as Europe/Vienna
    #[arg(long, value_name = "ZONE", requires = "send_at")]
    time_zone: Option<String>,
    /// So long it can be taken back before it goes out
    #[arg(long, value_name = "SECONDS")]
    undo: Option<u32>,
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

impl Content {
    /// When it goes out.
    fn schedule(&self, body: &mut Value) {
        if let Some(seconds) = self.undo {
            body["undo_seconds"] = json!(seconds);
        }
        if let Some(at) = &self.send_at {
            body["send_at"] = json!(at);
            body["time_zone"] = json!(self.time_zone);
        }
    }
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["subject", "forward", "text", "text_file", "html_file", "attach", "inline", "attach_stored", "attach_upload", "cc", "bcc", "from", "reply_to", "header", "template", "signature"])]
    raw: Option<String>,
    #[command(flatten)]
    content: Content,
}

/// Arguments of `message reply`.
#[derive(Debug, clap::Args)]
pub struct Reply {
    /// The message to answer, msg_...
    id: String,
    /// The mailbox that sends: its address or mbx_... [default: the identity's, or the original's if it can send, or your own]
    #[arg(long)]
    mailbox: Option<String>,
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
    args.content
        .written
        .author()
        .fill(client, &mut body)
        .await?;
    if let Some(file) = &args.raw {
        body["raw_base64"] = json!(STANDARD.encode(read_any(file)?));
        if !args.to.is_empty() {
            body["envelope"] = json!({ "to": args.to });
        }
        args.content.written.wishes(&mut body);
        return submit(context, client, body, &args.content).await;
    }
    body["to"] = json!(people(&args.to)?);
    body["subject"] = json!(args.subject);
    if let Some(id) = &args.forward {
        body["forward_message_id"] = json!(id);
        body["forward_as"] = json!(args.forward_as);
    }
    let filled = args.template.fill(client, &mut body).await?;
    args.content.written.fill(&mut body)?;
    let enough = filled || args.forward.is_some();
    args.content
        .written
        .attach(client, &mut body, enough)
        .await?;
    submit(context, client, body, &args.content).await
}

/// Answers a message.
pub async fn reply(context: &Context, client: &Client, args: Reply) -> Result<Exit, Failure> {
    let mailbox = mailbox::resolve_some(client, args.mailbox.as_deref()).await?;
    // The server finds the subject and the recipients, and the mailbox too: the original's may only receive.
    let mut body = json!({ "mailbox_id": mailbox, "in_reply_to_message_id": args.id });
    if args.all {
        body["reply_all"] = json!(true);
    }
    if let Some(answer) = &args.calendar {
        body["calendar_reply"] = json!(answer);
    }
    args.content
        .written
        .author()
        .fill(client, &mut body)
        .await?;
    args.content.written.fill(&mut body)?;
    let written = &args.content.written;
    written
        .attach(client, &mut body, args.calendar.is_some())
        .await?;
    submit(context, client, body, &args.content).await
}

async fn submit(
    context: &Context,
    client: &Client,
    mut body: Value,
    content: &Content,
) -> Result<Exit, Failure> {
    content.schedule(&mut body);
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
