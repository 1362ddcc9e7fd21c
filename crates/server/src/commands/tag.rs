//! `postroom tag ...`: tags and folders of the application's own, beside the server's.

use super::context::{Context, confirm};
use super::mailbox;
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use model::tag::Kind;
use serde_json::{Value, json};

/// Tags that are looked through for a name.
const LISTED: usize = 5_000;

/// The commands of `tag`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Every tag and own folder, with how many messages it has
    List,
    /// Make a tag, or with --folder a folder of your own; no mail server hears of it
    Add {
        /// Its name
        name: String,
        /// A folder: a message lies in one at most
        #[arg(long)]
        folder: bool,
        /// Its colour, such as #3366cc
        #[arg(long)]
        color: Option<String>,
        /// Only for messages of this mailbox
        #[arg(long)]
        mailbox: Option<String>,
        /// Put this mailbox's incoming mail in it; repeat for several
        #[arg(long, value_name = "MAILBOX", requires = "folder")]
        receive_from: Vec<String>,
    },
    /// Change a tag or an own folder
    Edit {
        /// Its name or tag_...
        tag: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        /// New colour
        #[arg(long)]
        color: Option<String>,
        /// Put the incoming mail of this mailbox, and of no other, in it; repeat for several
        #[arg(long, value_name = "MAILBOX")]
        receive_from: Vec<String>,
        /// Put no mailbox's mail in it any more
        #[arg(long, conflicts_with = "receive_from")]
        receive_nothing: bool,
    },
    /// Remove a tag or an own folder; its messages stay
    Remove {
        /// Its name or tag_...
        tag: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List => {
            let query = [("counts", Some("true".to_owned()))];
            let list = client.list("/v1/tags", &query, LISTED).await?;
            context.output.value(&list, table)?;
        }
        Command::Add {
            name,
            folder,
            color,
            mailbox,
            receive_from,
        } => {
            let body = json!({
                "name": name, "color": color, "kind": if folder { Kind::Folder } else { Kind::Tag },
                "mailbox_id": mailbox::resolve_some(client, mailbox.as_deref()).await?,
                "receives_from": mailboxes(client, &receive_from).await?,
            });
            let tag = client.post("/v1/tags", &body).await?;
            context.output.value(&tag, |_, tag| said(tag, "is made"))?;
        }
        Command::Edit {
            tag,
            name,
            color,
            receive_from,
            receive_nothing,
        } => {
            let id = resolve(client, &tag).await?;
            let mut body = json!({});
            if let Some(name) = name {
                body["name"] = json!(name);
            }
            if let Some(color) = color {
                body["color"] = json!(color);
            }
            if receive_nothing || !receive_from.is_empty() {
                body["receives_from"] = json!(mailboxes(client, &receive_from).await?);
            }
            let tag = client.patch(&path(&id), &body).await?;
            context
                .output
                .value(&tag, |_, tag| said(tag, "is changed"))?;
        }
        Command::Remove { tag, yes } => {
            let id = resolve(client, &tag).await?;
            confirm(yes, &format!("remove {tag} from every message"))?;
            client.delete(&path(&id)).await?;
            let removed = json!({ "id": id, "removed": true });
            context.output.value(&removed, |_, _| {
                format!("{} is removed.", output::line(&tag))
            })?;
        }
    }
    Ok(Exit::Good)
}

async fn mailboxes(client: &Client, named: &[String]) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::with_capacity(named.len());
    for named in named {
        ids.push(mailbox::resolve(client, named).await?);
    }
    Ok(ids)
}

/// The id of a tag or own folder by its name; ids go through.
///
/// # Errors
/// There is none of that name, or more than one.
pub async fn resolve(client: &Client, named: &str) -> Result<String, Failure> {
    if named.starts_with("tag_") {
        return Ok(named.to_owned());
    }
    let list = client.list("/v1/tags", &[], LISTED).await?;
    let mut found = output::rows(&list).iter().filter(|tag| {
        let name = output::at(tag, "/name").to_lowercase();
        name == named.to_lowercase()
    });
    match (found.next(), found.next()) {
        (Some(tag), None) => Ok(output::at(tag, "/id").to_owned()),
        (Some(_), Some(_)) => Err(Failure::new(
            Exit::Conflict,
            format!("several tags and own folders are called {named}"),
        )
        .remedy("name it by its id: `postroom tag list`")),
        (None, _) => Err(Failure::new(
            Exit::NotFound,
            format!("no tag and no own folder is called {named}"),
        )
        .remedy("`postroom tag list` shows them, `postroom tag add` makes one")),
    }
}

fn path(id: &str) -> String {
    format!("/v1/tags/{}", segment(id))
}

fn said(tag: &Value, what: &str) -> String {
    format!(
        "{} {what}: {}",
        output::line(output::at(tag, "/name")),
        output::line(output::at(tag, "/id"))
    )
}

fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list).iter().map(|row| {
        [
            output::at(row, "/id").to_owned(),
            output::at(row, "/kind").to_owned(),
            output::at(row, "/name").to_owned(),
            output::number(row, "/messages").to_string(),
            output::number(row, "/unread").to_string(),
        ]
    });
    output.table(["ID", "KIND", "NAME", "MESSAGES", "UNREAD"], rows.collect())
}
