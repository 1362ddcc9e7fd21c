//! Messages: lists, one with its body, its bytes and files, and what a reader changes.

mod attachment;
mod body;
mod change;
mod get;
mod list;
mod query;
mod raw;
mod remove;
mod schema;

pub(crate) use body::with_bytes;
pub(crate) use schema::{Address, MessageShape};

use crate::caller::Caller;
use crate::error::Result;
use crate::state::ApiState;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use model::message::Message;
use store::messages;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_messages))
        .routes(routes!(
            get::get_message,
            change::change_message,
            remove::remove_message
        ))
        .routes(routes!(raw::get_raw_message))
        .routes(routes!(attachment::get_attachment))
}

/// The message, if it exists for this caller.
pub(crate) async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<Message> {
    let message = messages::get(&state.store, id).await?;
    caller.must_see(&message.mailbox_id, "the message")?;
    Ok(message)
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
