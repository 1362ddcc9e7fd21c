//! `postroom draft ...`: messages that are being written. `message send --draft` begins one.

use super::context::{Context, confirm};
use super::message::{Written, people};
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
    /// Change it; what is not named stays, and files come on top of those that are there
    Edit(Box<Edit>),
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

/// Arguments of `draft edit`.
#[derive(Debug, clap::Args)]
pub struct Edit {
    /// The draft, drf_...
    id: String,
    /// A recipient, instead of those before; repeat for several
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// The subject
    #[arg(long)]
    subject: Option<String>,
    /// Take this away, before anything else; repeat for several
    #[arg(long, value_name = "FIELD", value_parser = ["to", "cc", "bcc", "reply_to", "subject", "text", "html", "attachments", "headers", "dsn", "require_tls", "read_receipt", "priority", "signature", "identity_id"])]
    without: Vec<String>,
    #[command(flatten)]
    written: Written,
}

impl Edit {
    /// What changes of the draft.
    async fn body(&self, client: &Client, old: &Value) -> Result<Value, Failure> {
        let mut body = json!({ "version": old["version"] });
        for field in &self.without {
            body[field] = Value::Null;
        }
        if !self.to.is_empty() {
            body["to"] = json!(people(&self.to)?);
        }
        if let Some(subject) = &self.subject {
            body["subject"] = json!(subject);
        }
        self.written.author().fill(client, &mut body).await?;
        self.written.fill(&mut body)?;
        in_place(&mut body);
        // Those that are there are named again: what is given takes their place.
        let taken = self.without.iter().any(|field| field == "attachments");
        if !taken && !old["content"]["attachments"].is_null() {
            body["attachments"] = old["content"]["attachments"].clone();
        }
        self.written.attach(client, &mut body, true).await?;
        if body["mailbox_id"].is_null()
            && let Some(fields) = body.as_object_mut()
        {
            fields.remove("mailbox_id");
        }
        Ok(body)
    }
}

/// A text takes the place of HTML and of a template, HTML that of a text and of a template.
fn in_place(body: &mut Value) {
    let given = |body: &Value, name: &str| body[name].is_string();
    let (text, html) = (given(body, "text"), given(body, "html"));
    if text || html {
        for (name, stays) in [
            ("text", text),
            ("html", html),
            ("template_id", false),
            ("data", false),
        ] {
            if !stays {
                body[name] = Value::Null;
            }
        }
    }
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
        Command::Edit(edit) => {
            let path = path(&edit.id);
            let old = client.get(&path, &[]).await?;
            let body = edit.body(client, &old).await?;
            let changed = client.patch(&path, &body).await?;
            context.output.value(&changed, show)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_anew_takes_the_place_of_what_was_there() {
        let after = |mut body: Value| {
            in_place(&mut body);
            body
        };
        assert_eq!(after(json!({"subject": "x"})), json!({"subject": "x"}));
        assert_eq!(
            after(json!({"text": "Hello"})),
            json!({"text": "Hello", "html": null, "template_id": null, "data": null})
        );
        assert_eq!(
            after(json!({"text": "Hello", "html": "<p>Hello</p>"})),
            json!({"text": "Hello", "html": "<p>Hello</p>", "template_id": null, "data": null})
        );
    }
}
