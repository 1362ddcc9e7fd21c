//! `postroom folder ...`: folders of a mailbox.

use super::context::{Context, confirm};
use super::mailbox;
use super::size::{SizeLimit, size_limit};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use model::folder::{Mode, Role};
use serde_json::{Value, json};

/// Folders that are read at most.
const LISTED: usize = 100_000;

/// The commands of `folder`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Every folder with its role, counts and progress
    List {
        /// The mailbox: its address or mbx_...
        mailbox: String,
    },
    /// The inboxes of all mailboxes as one, and so the other roles, with their counts
    Unified,
    /// Look through all folders again; what is stored is not fetched twice
    Resync {
        /// The mailbox: its address or mbx_...
        mailbox: String,
    },
    /// Make a folder on the server
    Create {
        /// The mailbox: its address or mbx_...
        mailbox: String,
        /// The folder's name: one level
        name: String,
        /// Make it inside this folder: its path or fld_...
        #[arg(long = "in", value_name = "FOLDER")]
        parent: Option<String>,
    },
    /// Give a folder another name on the server
    Rename {
        /// The mailbox: its address or mbx_...
        mailbox: String,
        /// The folder: its path or fld_...
        folder: String,
        /// The new name: one level
        name: String,
    },
    /// Move a folder into another one on the server, or to the top
    Move {
        /// The mailbox: its address or mbx_...
        mailbox: String,
        /// The folder: its path or fld_...
        folder: String,
        /// Into this folder: its path or fld_...
        #[arg(long = "in", value_name = "FOLDER", required_unless_present = "top")]
        parent: Option<String>,
        /// To the top
        #[arg(long, conflicts_with = "parent")]
        top: bool,
    },
    /// Delete a folder on the server
    Delete {
        /// The mailbox: its address or mbx_...
        mailbox: String,
        /// The folder: its path or fld_...
        folder: String,
        /// Delete the messages in it for good
        #[arg(long)]
        with_messages: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Store only the headers of folders; a message's rest is fetched when it is asked for
    Watch {
        /// The mailbox: its address or mbx_...
        mailbox: String,
        /// The folders: their paths or fld_...
        #[arg(required = true)]
        folders: Vec<String>,
        /// Store mail from this day on; `mailbox`: as the mailbox says
        #[arg(long, value_name = "DATE")]
        since: Option<String>,
    },
    /// Say what a folder is for, and how much of it is stored
    Map {
        /// The mailbox: its address or mbx_...
        mailbox: String,
        /// The folder: its path or fld_...
        folder: String,
        /// inbox, drafts, sent, junk, trash, archive, all or flagged; `none` for none
        #[arg(long)]
        role: Option<String>,
        /// off, watch (headers only) or full
        #[arg(long)]
        mode: Option<Mode>,
        /// Store mail from this day on; `mailbox`: as the mailbox says
        #[arg(long, value_name = "DATE")]
        since: Option<String>,
        /// Store larger messages as headers, such as 25MB; `mailbox`: as the mailbox says
        #[arg(long, value_name = "SIZE", value_parser = size_limit)]
        size_limit: Option<SizeLimit>,
    },
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List { mailbox } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let list = client.list(&folders(&id), &[], LISTED).await?;
            context.output.value(&list, |output, list| {
                let rows = output::rows(list).iter().map(|row| {
                    [
                        output::at(row, "/id").to_owned(),
                        output::at(row, "/path").to_owned(),
                        output::at(row, "/role").to_owned(),
                        output::at(row, "/mode").to_owned(),
                        output::number(row, "/messages").to_string(),
                        output::number(row, "/unread").to_string(),
                        progress(row),
                    ]
                });
                output.table(
                    [
                        "ID", "PATH", "ROLE", "MODE", "MESSAGES", "UNREAD", "PROGRESS",
                    ],
                    rows.collect(),
                )
            })?;
        }
        Command::Unified => {
            let list = client.get("/v1/unified-folders", &[]).await?;
            context.output.value(&list, |output, list| {
                let rows = output::rows(list).iter().map(|row| {
                    [
                        output::at(row, "/role").to_owned(),
                        output::number(row, "/folders").to_string(),
                        output::number(row, "/messages").to_string(),
                        output::number(row, "/unread").to_string(),
                    ]
                });
                output.table(["ROLE", "FOLDERS", "MESSAGES", "UNREAD"], rows.collect())
            })?;
        }
        Command::Resync { mailbox } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let answer = client
                .post(
                    &format!("/v1/mailboxes/{}/resync", segment(&id)),
                    &json!({}),
                )
                .await?;
            context.output.value(&answer, |_, _| {
                "Every folder is looked through again. `postroom sync watch` shows how far it is.".to_owned()
            })?;
        }
        Command::Create {
            mailbox,
            name,
            parent,
        } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let mut body = json!({ "name": name });
            if let Some(parent) = &parent {
                body["parent_id"] = json!(resolve(client, &id, parent).await?);
            }
            let made = client.post(&folders(&id), &body).await?;
            context.output.value(&made, told)?;
        }
        Command::Rename {
            mailbox,
            folder,
            name,
        } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let folder = resolve(client, &id, &folder).await?;
            let path = format!("{}/{}", folders(&id), segment(&folder));
            let renamed = client.patch(&path, &json!({ "name": name })).await?;
            context.output.value(&renamed, told)?;
        }
        Command::Move {
            mailbox,
            folder,
            parent,
            top: _,
        } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let folder = resolve(client, &id, &folder).await?;
            let parent = match parent {
                Some(parent) => Some(resolve(client, &id, &parent).await?),
                None => None,
            };
            let path = format!("{}/{}", folders(&id), segment(&folder));
            let moved = client.patch(&path, &json!({ "parent_id": parent })).await?;
            context.output.value(&moved, told)?;
        }
        Command::Delete {
            mailbox,
            folder,
            with_messages,
            yes,
        } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let folder_id = resolve(client, &id, &folder).await?;
            confirm(yes, &format!("delete the folder {folder} on the server"))?;
            let path = format!(
                "{}/{}?with_messages={with_messages}",
                folders(&id),
                segment(&folder_id)
            );
            let answer = client.delete(&path).await?;
            context.output.value(&answer, |output, answer| {
                if answer.is_object() {
                    return told(output, answer);
                }
                "The folder is deleted.".to_owned()
            })?;
        }
        Command::Map {
            mailbox,
            folder,
            role,
            mode,
            since,
            size_limit,
        } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let folder = resolve(client, &id, &folder).await?;
            let body = change(role.as_deref(), mode, since.as_deref(), size_limit)?;
            let path = format!("{}/{}", folders(&id), segment(&folder));
            let folder = client.patch(&path, &body).await?;
            context.output.value(&folder, |_, folder| mapped(folder))?;
        }
        Command::Watch {
            mailbox,
            folders: named,
            since,
        } => {
            let id = mailbox::resolve(client, &mailbox).await?;
            let body = change(None, Some(Mode::Watch), since.as_deref(), None)?;
            let mut ids = Vec::with_capacity(named.len());
            for folder in &named {
                ids.push(resolve(client, &id, folder).await?);
            }
            let mut watched = Vec::with_capacity(ids.len());
            for folder in &ids {
                let path = format!("{}/{}", folders(&id), segment(folder));
                watched.push(client.patch(&path, &body).await?);
            }
            context
                .output
                .value(&json!({ "data": watched }), |_, list| {
                    let lines: Vec<_> = output::rows(list).iter().map(mapped).collect();
                    lines.join("\n")
                })?;
        }
    }
    Ok(Exit::Good)
}

fn mapped(folder: &Value) -> String {
    let text = |pointer: &str| output::line(output::at(folder, pointer));
    format!(
        "{}: role {}, mode {}",
        text("/path"),
        text("/role"),
        text("/mode")
    )
}

/// A folder as it is now, or what is owed of it.
fn told(_: &Output, answer: &Value) -> String {
    let text = |pointer: &str| output::line(output::at(answer, pointer));
    if answer["what"].is_string() {
        return format!(
            "The server is asked to {} ({}); `postroom owed list` shows how it goes.",
            text("/what"),
            text("/id")
        );
    }
    format!("{}  {}", text("/id"), text("/path"))
}

fn folders(mailbox_id: &str) -> String {
    format!("/v1/mailboxes/{}/folders", segment(mailbox_id))
}

fn change(
    role: Option<&str>,
    mode: Option<Mode>,
    since: Option<&str>,
    size_limit: Option<SizeLimit>,
) -> Result<Value, Failure> {
    let mut body = json!({});
    match role {
        Some("none") => body["role"] = Value::Null,
        Some(role) => {
            let role: Role = role.parse().map_err(Failure::usage)?;
            body["role"] = json!(role);
        }
        None => {}
    }
    if let Some(mode) = mode {
        body["mode"] = json!(mode);
    }
    match since {
        Some("mailbox") => body["since"] = Value::Null,
        Some(since) => body["since"] = json!(since),
        None => {}
    }
    if let Some(SizeLimit(limit)) = size_limit {
        body["size_limit"] = json!(limit);
    }
    if body == json!({}) {
        return Err(Failure::usage("nothing is to be changed")
            .remedy("name --role, --mode, --since or --size-limit"));
    }
    Ok(body)
}

/// The id of a folder that was named by its id or path.
///
/// # Errors
/// There is no such folder.
pub async fn resolve(client: &Client, mailbox_id: &str, named: &str) -> Result<String, Failure> {
    if named.starts_with("fld_") {
        return Ok(named.to_owned());
    }
    let list = client.list(&folders(mailbox_id), &[], LISTED).await?;
    let found = output::rows(&list).iter().find(|folder| {
        let path = output::at(folder, "/path");
        path == named || (named.eq_ignore_ascii_case("inbox") && path.eq_ignore_ascii_case("inbox"))
    });
    found
        .map(|folder| output::at(folder, "/id").to_owned())
        .ok_or_else(|| {
            Failure::new(Exit::NotFound, format!("the mailbox has no folder {named}"))
                .remedy("`postroom folder list MAILBOX` shows them all")
        })
}

fn progress(folder: &Value) -> String {
    let state = output::at(folder, "/progress/state");
    let problem = output::at(folder, "/problem_id");
    if !matches!(problem, "" | "-") {
        return format!("left alone: {problem}");
    }
    if state == "filling" {
        let number = |name: &str| output::number(folder, &format!("/progress/{name}"));
        return format!("filling {}/{}", number("done"), number("total"));
    }
    state.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_named_is_changed() {
        assert_eq!(
            change(Some("none"), None, None, None).unwrap(),
            json!({ "role": null })
        );
        assert_eq!(
            change(
                Some("sent"),
                Some(Mode::Watch),
                Some("2026-01-01"),
                Some(SizeLimit(Some(9)))
            )
            .unwrap(),
            json!({ "role": "sent", "mode": "watch", "since": "2026-01-01", "size_limit": 9 })
        );
        assert!(change(None, None, None, None).is_err());
        assert!(change(Some("nonsense"), None, None, None).is_err());
    }
}
