//! Tags and folders of one's own: put on messages here, and not on the mail server.

use super::path;
use crate::client::Client;
use crate::commands::context::Context;
use crate::commands::tag;
use crate::exit::{Exit, Failure};
use crate::output;
use serde_json::json;

/// Arguments of `message tag`.
#[derive(Debug, clap::Args)]
pub struct Tag {
    /// The messages, msg_..., or conversations, thr_...
    #[arg(required = true)]
    ids: Vec<String>,
    /// Put this tag on: its name or tag_...; repeat for several
    #[arg(long, value_name = "TAG", required_unless_present = "remove")]
    add: Vec<String>,
    /// Take this tag off; repeat for several
    #[arg(long, value_name = "TAG")]
    remove: Vec<String>,
}

/// Arguments of `message put`.
#[derive(Debug, clap::Args)]
pub struct Put {
    /// The messages, msg_..., or conversations, thr_...
    #[arg(required = true)]
    ids: Vec<String>,
    /// The own folder: its name or tag_...
    #[arg(long, value_name = "FOLDER", required_unless_present = "out_of")]
    into: Option<String>,
    /// Take them out of this own folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "into")]
    out_of: Option<String>,
}

/// Puts tags on messages, and takes them off.
pub async fn tag(context: &Context, client: &Client, args: &Tag) -> Result<Exit, Failure> {
    change(context, client, &args.ids, &args.add, &args.remove).await
}

/// Puts messages in an own folder.
pub async fn put(context: &Context, client: &Client, args: &Put) -> Result<Exit, Failure> {
    let (add, remove) = (args.into.as_slice(), args.out_of.as_slice());
    change(context, client, &args.ids, add, remove).await
}

async fn change(
    context: &Context,
    client: &Client,
    ids: &[String],
    add: &[String],
    remove: &[String],
) -> Result<Exit, Failure> {
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for (names, ids) in [(add, &mut on), (remove, &mut off)] {
        for named in names {
            ids.push(tag::resolve(client, named).await?);
        }
    }
    let body = json!({ "tags": { "add": on, "remove": off } });
    let mut changed = Vec::with_capacity(ids.len());
    for id in ids {
        let path = if id.starts_with("thr_") {
            format!("/v1/threads/{}", crate::client::segment(id))
        } else {
            path(id)
        };
        changed.push(client.patch(&path, &body).await?);
    }
    let count = changed.len();
    context.output.value(&json!({ "data": changed }), |_, _| {
        format!("{} changed.", output::line(&count.to_string()))
    })?;
    Ok(Exit::Good)
}
