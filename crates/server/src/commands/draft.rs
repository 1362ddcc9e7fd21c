//! `postroom draft ...`: messages that are being written. `message send --draft` begins one.

use super::context::{Context, confirm};
use super::{mailbox, outbox};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use serde_json::{Value, json};

/// The commands of `draft`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Drafts, what was begun last first
    List {
        /// Only this mailbox
        #[arg(long)]
        mailbox: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// One draft with what was written
    Show {
        /// The draft, drf_...
        id: String,
    },
    /// Send it as it is; it is no draft any more
    Send {
        /// The draft, drf_...
        id: String,
        /// Not before this time (RFC 3339)
        #[arg(long, value_name = "TIME")]
        send_at: Option<String>,
        /// Makes the command safe to repeat: the same key sends once
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Throw it away, on the server too
    Remove {
        /// The draft, drf_...
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List { mailbox, limit } => {
            let mailbox = mailbox::resolve_some(client, mailbox.as_deref()).await?;
            let list = client
                .list("/v1/drafts", &[("mailbox_id", mailbox)], limit)
                .await?;
            context.output.value(&list, table)?;
        }
        Command::Show { id } => {
            let draft = client.get(&path(&id), &[]).await?;
            context.output.value(&draft, show)?;
        }
        Command::Send {
            id,
            send_at,
            idempotency_key,
        } => {
            let mut body = json!({});
            if let Some(at) = send_at {
                body["send_at"] = json!(at);
            }
            let url = format!("{}/send", path(&id));
            let submission = client
                .post_once(&url, &body, idempotency_key.as_deref())
                .await?;
            context.output.value(&submission, outbox::show)?;
        }
        Command::Remove { id, yes } => {
            confirm(yes, &format!("throw {id} away"))?;
            client.delete(&path(&id)).await?;
            let gone = json!({ "id": id });
            context
                .output
                .value(&gone, |_, _| format!("{} is gone.", output::line(&id)))?;
        }
    }
    Ok(Exit::Good)
}

fn path(id: &str) -> String {
    format!("/v1/drafts/{}", segment(id))
}

fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list).iter().map(|row| {
        [
            output::at(row, "/id").to_owned(),
            output::at(row, "/content/subject").to_owned(),
            output::at(row, "/on_server").to_owned(),
            output::time(row, "/updated_at"),
        ]
    });
    output.table(
        ["ID", "SUBJECT", "ON THE SERVER", "CHANGED"],
        rows.collect(),
    )
}

/// A draft with its text.
pub fn show(_: &Output, draft: &Value) -> String {
    let text = |pointer: &str| output::line(output::at(draft, pointer));
    format!(
        "{}  {}  {}\n\n{}",
        text("/id"),
        text("/on_server"),
        text("/content/subject"),
        output::at(draft, "/content/text")
    )
}
