//! Messages: lists, one with its body, its bytes and files, what a reader changes, and new ones on the server.

mod attachment;
mod body;
mod change;
mod copy;
mod create;
mod fetch;
mod get;
mod list;
mod query;
mod raw;
mod receipt;
mod remove;
mod rest;
mod schema;

pub(crate) use attachment::file;
pub(crate) use body::{is_huge, with_bytes};
pub(crate) use raw::download;
pub(crate) use rest::{fetched, whole};
pub(crate) use schema::{Address, MessageShape};

use crate::caller::Caller;
use crate::error::Result;
use crate::state::ApiState;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use model::message::Message;
use std::time::Duration;
use store::wake::Topic;
use store::{messages, owed};
use tokio::time::Instant;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_messages, create::create_message))
        .routes(routes!(
            get::get_message,
            change::change_message,
            remove::remove_message
        ))
        .routes(routes!(copy::copy_message))
        .routes(routes!(receipt::give_receipt))
        .routes(routes!(fetch::fetch_message))
        .routes(routes!(raw::get_raw_message))
        .routes(routes!(attachment::get_attachment))
}

/// The message, if it exists for this caller.
pub(crate) async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<Message> {
    let message = messages::get(&state.store, id).await?;
    caller.must_see(&message.mailbox_id, "the message")?;
    Ok(message)
}

/// How long a request waits for the server to carry out what it asked for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waits until nothing is owed to the server about a message any more; not at all while the server
/// cannot be reached, and for a bounded time otherwise.
pub(crate) async fn carried_out(state: &ApiState, message: &Message) -> Result<()> {
    use model::mailbox::ConnectionState::{Live, Polling};
    let mailbox = store::mailboxes::get(&state.store, &message.mailbox_id).await?;
    if !matches!(mailbox.connection.state, Live | Polling) {
        return Ok(());
    }
    let end = Instant::now() + PATIENCE;
    // Carrying something out is an event, or at the latest a few of these pauses away.
    let mut wake = state.store.db.wakes().listen(Topic::Events);
    while Instant::now() < end && !owed::pending(&state.store, &message.id).await?.is_empty() {
        let _ = tokio::time::timeout(Duration::from_millis(100), wake.next()).await;
    }
    Ok(())
}

/// A JSON answer that was written by hand.
pub(crate) fn written(body: Vec<u8>) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// Messages as a JSON array, their heads copied and not parsed.
pub(crate) fn write_array(out: &mut Vec<u8>, messages: &[Message]) -> Result<()> {
    out.push(b'[');
    for (i, message) in messages.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        message.write_json(out)?;
    }
    out.push(b']');
    Ok(())
}
