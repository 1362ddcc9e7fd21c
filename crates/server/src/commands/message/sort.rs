//! Sorting: flags, labels, folders, copies, trash. The server is told; until it agrees, the change is owed.

use super::path;
use crate::client::Client;
use crate::commands::context::{Context, confirm};
use crate::commands::folder;
use crate::exit::{Exit, Failure};
use crate::output;
use serde_json::{Value, json};

/// Arguments of `message move`.
#[derive(Debug, clap::Args)]
pub struct Move {
    /// The message, msg_...
    id: String,
    /// The folder: its path or fld_...
    folder: String,
}

/// Arguments of `message copy`.
#[derive(Debug, clap::Args)]
pub struct Copy {
    /// The message, msg_...
    id: String,
    /// The folder: its path or fld_...
    folder: String,
}

/// Arguments of `message flag`.
#[derive(Debug, clap::Args)]
pub struct Flag {
    /// The messages, msg_...
    #[arg(required = true)]
    ids: Vec<String>,
    /// Read
    #[arg(long)]
    seen: bool,
    /// Unread
    #[arg(long, conflicts_with = "seen")]
    unseen: bool,
    /// Marked
    #[arg(long)]
    flagged: bool,
    /// Not marked
    #[arg(long, conflicts_with = "flagged")]
    unflagged: bool,
    /// Answered
    #[arg(long)]
    answered: bool,
    /// Not answered
    #[arg(long, conflicts_with = "answered")]
    unanswered: bool,
}

/// Arguments of `message label`.
#[derive(Debug, clap::Args)]
pub struct Label {
    /// The messages, msg_...
    #[arg(required = true)]
    ids: Vec<String>,
    /// A label to put on; the server's own begin with a backslash, as \Inbox or \Starred
    #[arg(long = "add", value_name = "LABEL")]
    add: Vec<String>,
    /// A label to take off
    #[arg(long = "remove", value_name = "LABEL")]
    remove: Vec<String>,
}

/// Arguments of `message delete`.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// The messages, msg_...
    #[arg(required = true)]
    ids: Vec<String>,
    /// Remove them for good, wherever they lie
    #[arg(long)]
    permanent: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Moves one message.
pub async fn move_to(context: &Context, client: &Client, args: &Move) -> Result<Exit, Failure> {
    let folder = target(client, &args.id, &args.folder).await?;
    let message = client
        .patch(&path(&args.id), &json!({ "folder_id": folder }))
        .await?;
    context.output.value(&message, |_, _| {
        format!(
            "{} is moved to {}.",
            output::line(&args.id),
            output::line(&args.folder)
        )
    })?;
    Ok(Exit::Good)
}

/// Copies one message.
pub async fn copy_to(context: &Context, client: &Client, args: &Copy) -> Result<Exit, Failure> {
    let folder = target(client, &args.id, &args.folder).await?;
    let uri = format!("{}/copy", path(&args.id));
    let answer = client.post(&uri, &json!({ "folder_id": folder })).await?;
    context.output.value(&answer, |_, answer| {
        let (id, folder) = (output::line(&args.id), output::line(&args.folder));
        match answer.is_null() {
            true => format!("{id} is copied to {folder}."),
            false => format!("The copy of {id} to {folder} is owed: see `postroom owed list`."),
        }
    })?;
    Ok(Exit::Good)
}

/// The folder of the message's mailbox, by path or id.
async fn target(client: &Client, message: &str, folder: &str) -> Result<String, Failure> {
    if folder.starts_with("fld_") {
        return Ok(folder.to_owned());
    }
    let message = client.get(&path(message), &[]).await?;
    folder::resolve(client, output::at(&message, "/mailbox_id"), folder).await
}

/// Sets and clears flags.
pub async fn flag(context: &Context, client: &Client, args: &Flag) -> Result<Exit, Failure> {
    let flags = change(args)?;
    let mut changed = Vec::with_capacity(args.ids.len());
    for id in &args.ids {
        changed.push(client.patch(&path(id), &json!({ "flags": flags })).await?);
    }
    context.output.value(&json!({ "data": changed }), |_, _| {
        format!("{} changed.", changed.len())
    })?;
    Ok(Exit::Good)
}

/// Puts labels on and takes them off.
pub async fn label(context: &Context, client: &Client, args: &Label) -> Result<Exit, Failure> {
    if args.add.is_empty() && args.remove.is_empty() {
        return Err(Failure::usage("no label is named").remedy("add --add LABEL or --remove LABEL"));
    }
    let labels = json!({ "add": args.add, "remove": args.remove });
    let mut changed = Vec::with_capacity(args.ids.len());
    for id in &args.ids {
        let change = json!({ "labels": labels });
        changed.push(client.patch(&path(id), &change).await?);
    }
    context.output.value(&json!({ "data": changed }), |_, _| {
        format!("{} changed.", changed.len())
    })?;
    Ok(Exit::Good)
}

fn change(args: &Flag) -> Result<Value, Failure> {
    let mut flags = json!({});
    for (name, set, clear) in [
        ("seen", args.seen, args.unseen),
        ("flagged", args.flagged, args.unflagged),
        ("answered", args.answered, args.unanswered),
    ] {
        if set || clear {
            flags[name] = json!(set);
        }
    }
    if flags == json!({}) {
        return Err(Failure::usage("no flag is named")
            .remedy("add --seen, --unseen, --flagged, --unflagged, --answered or --unanswered"));
    }
    Ok(flags)
}

/// Moves messages to the trash, or removes them for good.
pub async fn delete(context: &Context, client: &Client, args: &Delete) -> Result<Exit, Failure> {
    let (ask, whither, done) = match args.permanent {
        true => ("remove", " for good", "removed for good"),
        false => ("move", " to the trash", "moved to the trash"),
    };
    confirm(
        args.yes,
        &format!("{ask} {} message(s){whither}", args.ids.len()),
    )?;
    let how = if args.permanent {
        "?permanent=true"
    } else {
        ""
    };
    for id in &args.ids {
        client.delete(&format!("{}{how}", path(id))).await?;
    }
    context
        .output
        .value(&json!({ "deleted": args.ids }), |_, _| {
            format!("{} {done}.", args.ids.len())
        })?;
    Ok(Exit::Good)
}
