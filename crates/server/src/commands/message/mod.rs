//! `postroom message ...`: read, sort and send mail; parse and sanitise files, offline.

mod append;
mod attach;
mod author;
pub mod parse;
mod read;
mod receipt;
pub mod sanitize;
mod send;
mod sort;
mod tags;
mod written;

pub use read::save;
pub use written::{Written, people};

use super::context::Context;
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};

/// The commands of `message`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Messages, newest first
    List(read::List),
    /// Search; words, and operators such as from: and subject:
    Search {
        /// What to look for
        query: String,
        #[command(flatten)]
        list: read::List,
    },
    /// One message with its text
    Show(read::Show),
    /// The original bytes
    Raw(read::Raw),
    /// Fetch the rest of messages whose header alone is stored
    Fetch(read::Fetch),
    /// Move to another folder, on the server
    Move(sort::Move),
    /// Copy to another folder, on the server
    Copy(sort::Copy),
    /// Store message files in a folder, on the server
    Append(append::Append),
    /// Set or clear flags, on the server
    Flag(sort::Flag),
    /// Put labels on messages or take them off, on a server that has labels (Gmail)
    Label(sort::Label),
    /// Move to the trash, on the server
    Delete(sort::Delete),
    /// Put tags of your own on messages or conversations, or take them off
    Tag(tags::Tag),
    /// Put messages or conversations in a folder of your own, leaving them where they are on the server
    Put(tags::Put),
    /// Send a message
    Send(Box<send::Send>),
    /// Answer a message
    Reply(Box<send::Reply>),
    /// Give the reading receipt that a message asks for; Postroom never gives one by itself
    Receipt(receipt::Args),
    /// A message file as the API would show it, offline
    Parse(parse::Args),
    /// HTML in, the HTML that the console would show out, offline
    Sanitize(sanitize::Args),
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List(args) => read::list(context, client, args, None).await,
        Command::Search { query, list } => read::list(context, client, list, Some(query)).await,
        Command::Show(args) => read::show(context, client, &args).await,
        Command::Raw(args) => read::raw(client, &args).await,
        Command::Fetch(args) => read::fetch(context, client, &args).await,
        Command::Move(args) => sort::move_to(context, client, &args).await,
        Command::Copy(args) => sort::copy_to(context, client, &args).await,
        Command::Append(args) => append::append(context, client, &args).await,
        Command::Flag(args) => sort::flag(context, client, &args).await,
        Command::Label(args) => sort::label(context, client, &args).await,
        Command::Delete(args) => sort::delete(context, client, &args).await,
        Command::Tag(args) => tags::tag(context, client, &args).await,
        Command::Put(args) => tags::put(context, client, &args).await,
        Command::Send(args) => send::send(context, client, *args).await,
        Command::Reply(args) => send::reply(context, client, *args).await,
        Command::Receipt(args) => receipt::run(context, client, &args).await,
        Command::Parse(args) => parse::run(context, &args),
        Command::Sanitize(args) => sanitize::run(context, &args),
    }
}

fn path(id: &str) -> String {
    format!("/v1/messages/{}", segment(id))
}
