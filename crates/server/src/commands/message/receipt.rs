//! `message receipt`: the reading receipt that a message asks for, given because somebody says so.

use super::path;
use crate::client::Client;
use crate::commands::context::Context;
use crate::commands::outbox;
use crate::exit::{Exit, Failure};
use serde_json::json;

/// Arguments of `message receipt`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The message, msg_...
    id: String,
    /// Say that it was deleted
    #[arg(long)]
    deleted: bool,
    /// Say that you do not tell whether you have read it
    #[arg(long, conflicts_with = "deleted")]
    denied: bool,
}

/// Gives it.
pub async fn run(context: &Context, client: &Client, args: &Args) -> Result<Exit, Failure> {
    let disposition = match (args.deleted, args.denied) {
        (true, _) => "deleted",
        (_, true) => "denied",
        _ => "displayed",
    };
    let url = format!("{}/read-receipt", path(&args.id));
    let submission = client
        .post(&url, &json!({ "disposition": disposition }))
        .await?;
    context.output.value(&submission, outbox::show)?;
    Ok(Exit::Good)
}
