use super::{Thread, ThreadDetail};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Ids;
use crate::routes::messages::write_array;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::message::Message;
use model::tag::TagRef;
use serde_json::value::RawValue;
use store::threads;

/// One conversation with its messages.
#[utoipa::path(get, path = "/v1/threads/{id}", tag = "threads", params(("id" = String, Path)),
    responses((status = 200, body = ThreadDetail)))]
pub(crate) async fn get_thread(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<ThreadDetail>> {
    caller.need(Scope::Read)?;
    let (thread, messages) = threads::get(&state.store, &id).await?;
    caller.must_see(&thread.mailbox_id, "the thread")?;
    written(thread, &messages).map(Json)
}

/// The conversation as it is now, for a caller who may see it.
pub(super) async fn detail(state: &ApiState, id: &str) -> Result<ThreadDetail> {
    let (thread, messages) = threads::get(&state.store, id).await?;
    written(thread, &messages)
}

fn written(thread: threads::Thread, messages: &[Message]) -> Result<ThreadDetail> {
    let mut text = Vec::new();
    write_array(&mut text, messages)?;
    let text = String::from_utf8(text).map_err(|_| ApiError::internal())?;
    let heads: Vec<_> = messages
        .iter()
        .rev()
        .map(|message| message.head.clone())
        .collect();
    let flagged = messages.iter().any(|message| message.flags.flagged);
    let mut tags: Vec<TagRef> = messages.iter().flat_map(|m| m.tags.clone()).collect();
    tags.sort_by(|a, b| a.id.cmp(&b.id));
    tags.dedup();
    let mut thread = Thread::new(thread, &heads, flagged, tags);
    // In the detail this name is the list itself.
    thread.messages = None;
    Ok(ThreadDetail {
        thread,
        messages: RawValue::from_string(text)?,
    })
}
