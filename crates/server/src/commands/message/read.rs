//! Reading: lists, one message, its original bytes.

use super::path;
use crate::client::Client;
use crate::commands::context::Context;
use crate::commands::{folder, mailbox, tag};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

/// Which messages.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only this mailbox
    #[arg(long)]
    mailbox: Option<String>,
    /// Only this folder of the mailbox: its path or fld_...
    #[arg(long)]
    folder: Option<String>,
    /// Only folders of this role: inbox, sent, ...
    #[arg(long)]
    role: Option<model::folder::Role>,
    /// Only this conversation, thr_...
    #[arg(long)]
    thread: Option<String>,
    /// Only with this tag, or in this folder, of your own: its name or tag_...
    #[arg(long)]
    tag: Option<String>,
    /// Only with this label of the server (Gmail), such as Customers or \Important
    #[arg(long)]
    label: Option<String>,
    /// Only from this address
    #[arg(long)]
    from: Option<String>,
    /// Only since this day
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Only unread ones
    #[arg(long)]
    unread: bool,
    /// Only marked ones
    #[arg(long)]
    flagged: bool,
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// The page after this cursor
    #[arg(long)]
    cursor: Option<String>,
}

/// Arguments of `message show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The message, msg_...
    id: String,
}

/// Arguments of `message raw`.
#[derive(Debug, clap::Args)]
pub struct Raw {
    /// The message, msg_...
    id: String,
    /// Write to this file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Arguments of `message fetch`.
#[derive(Debug, clap::Args)]
pub struct Fetch {
    /// The messages, msg_...
    #[arg(required = true)]
    ids: Vec<String>,
}

/// Prints a list, or what a search found.
pub async fn list(
    context: &Context,
    client: &Client,
    args: List,
    search: Option<String>,
) -> Result<Exit, Failure> {
    let mailbox = mailbox::resolve_some(client, args.mailbox.as_deref()).await?;
    let folder = match (&mailbox, args.folder) {
        (_, Some(id)) if id.starts_with("fld_") => Some(id),
        (Some(mailbox), Some(named)) => Some(folder::resolve(client, mailbox, &named).await?),
        (None, Some(_)) => {
            return Err(Failure::usage("a folder's path needs its mailbox").remedy("add --mailbox"));
        }
        (_, None) => None,
    };
    let tag = match args.tag {
        Some(named) => Some(tag::resolve(client, &named).await?),
        None => None,
    };
    let query = [
        ("tag_id", tag),
        ("label", args.label),
        ("mailbox_id", mailbox),
        ("folder_id", folder),
        ("role", args.role.map(|role| role.to_string())),
        ("thread_id", args.thread),
        ("from", args.from),
        ("since", args.since),
        ("unread", args.unread.then(|| "true".to_owned())),
        ("flagged", args.flagged.then(|| "true".to_owned())),
        ("q", search),
        ("cursor", args.cursor),
    ];
    let list = client.list("/v1/messages", &query, args.limit).await?;
    context.output.value(&list, table)?;
    Ok(Exit::Good)
}

fn table(output: &Output, list: &Value) -> String {
    let rows: Vec<_> = output::rows(list)
        .iter()
        .map(|row| {
            let mut marks = String::new();
            for (name, mark) in [("seen", ' '), ("flagged", '*'), ("answered", 'r')] {
                let set = row["flags"][name] == Value::Bool(true);
                match (name, set) {
                    ("seen", false) => marks.push('N'),
                    ("seen", true) => {}
                    (_, true) => marks.push(mark),
                    _ => {}
                }
            }
            if row["has_attachments"] == Value::Bool(true) {
                marks.push('@');
            }
            [
                output::at(row, "/id").to_owned(),
                output::time(row, "/received_at"),
                marks,
                person(&row["from"][0]),
                output::at(row, "/subject").to_owned(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return "There is no such message.".to_owned();
    }
    let mut text = output.table(["ID", "RECEIVED", "", "FROM", "SUBJECT"], rows);
    if let Some(cursor) = list["next_cursor"].as_str() {
        text.push_str(&format!(
            "\nThere are more: --cursor {}",
            output::line(cursor)
        ));
    }
    text
}

/// Prints one message.
pub async fn show(context: &Context, client: &Client, args: &Show) -> Result<Exit, Failure> {
    let body = Some("text,html".to_owned());
    let message = client.get(&path(&args.id), &[("body", body)]).await?;
    context
        .output
        .value(&message, |_, message| letter(message))?;
    Ok(Exit::Good)
}

fn letter(message: &Value) -> String {
    let mut lines = Vec::new();
    for (name, field) in [("From", "from"), ("To", "to"), ("Cc", "cc")] {
        let people: Vec<_> = message[field]
            .as_array()
            .into_iter()
            .flatten()
            .map(person)
            .collect();
        if !people.is_empty() {
            lines.push(format!("{name}: {}", output::line(&people.join(", "))));
        }
    }
    lines.push(format!(
        "Subject: {}",
        output::line(output::at(message, "/subject"))
    ));
    lines.push(format!(
        "Received: {}",
        output::time(message, "/received_at")
    ));
    let folders: Vec<_> = message["folders"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|f| output::at(f, "/path"))
        .collect();
    lines.push(format!("Folders: {}", output::line(&folders.join(", "))));
    let tags: Vec<_> = message["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tag| output::at(tag, "/name"))
        .collect();
    if !tags.is_empty() {
        lines.push(format!("Tags: {}", output::line(&tags.join(", "))));
    }
    for attachment in message["attachments"].as_array().into_iter().flatten() {
        lines.push(format!(
            "Attachment: {} ({}, {}) {}",
            output::line(output::at(attachment, "/filename")),
            output::line(output::at(attachment, "/content_type")),
            output::size(output::number(attachment, "/size")),
            output::line(output::at(attachment, "/id")),
        ));
    }
    lines.push(String::new());
    lines.push(output::text(
        message["text"].as_str().unwrap_or("(no text)"),
    ));
    lines.join("\n")
}

/// "Ann <ann@example.com>".
pub fn person(value: &Value) -> String {
    let address = output::at(value, "/address");
    match value["name"].as_str().filter(|name| !name.is_empty()) {
        Some(name) => format!("{name} <{address}>"),
        None => address.to_owned(),
    }
}

/// Writes the original bytes; onto a terminal only as safe text.
pub async fn raw(client: &Client, args: &Raw) -> Result<Exit, Failure> {
    let path = format!("{}/raw", path(&args.id));
    save(client, &path, args.output.as_deref()).await
}

/// Writes what is at a path of the API to a file or standard output; onto a terminal only as safe text.
pub async fn save(client: &Client, path: &str, file: Option<&Path>) -> Result<Exit, Failure> {
    if let Some(file) = file {
        let mut out = std::fs::File::create(file).map_err(|error| {
            Failure::usage(format!("{} cannot be written", file.display())).because(error)
        })?;
        client
            .bytes(path, |bytes| Ok(out.write_all(bytes)?))
            .await?;
        out.sync_all()?;
    } else if std::io::stdout().is_terminal() {
        let mut all = Vec::new();
        client
            .bytes(path, |bytes| {
                all.extend_from_slice(bytes);
                Ok(())
            })
            .await?;
        output::print(&output::text(&String::from_utf8_lossy(&all)))?;
    } else {
        client.bytes(path, output::print_bytes).await?;
    }
    Ok(Exit::Good)
}

/// Fetches the rest of messages whose header alone is stored.
pub async fn fetch(context: &Context, client: &Client, args: &Fetch) -> Result<Exit, Failure> {
    for id in &args.ids {
        let path = format!("{}/fetch", path(id));
        let message = client.post(&path, &serde_json::json!({})).await?;
        context.output.value(&message, |_, message| {
            let id = output::line(id);
            match message["complete"].as_bool() {
                Some(true) => format!("{id} is stored whole."),
                _ => format!("{id} is on its way: the server has not sent it yet."),
            }
        })?;
    }
    Ok(Exit::Good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_letter_cannot_send_codes_to_the_terminal() {
        let message = json!({
            "from": [{ "name": "E\u{1b}[31mve", "address": "eve@example.com" }], "to": [], "subject": "s\r\nBcc: x",
            "text": "one\n\u{1b}]0;x\u{7}two", "attachments": [{ "filename": "a\u{202e}txt.exe", "content_type": "a/b", "size": 1, "id": "att_1" }],
        });
        let text = letter(&message);
        assert!(
            !text.contains(['\u{1b}', '\u{7}', '\u{202e}', '\r']),
            "{text:?}"
        );
        assert!(text.contains("Subject: s  Bcc: x"));
    }
}
