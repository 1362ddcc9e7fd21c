use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::idempotent::{self, Answer};
use crate::input::{Ids, Json};
use crate::routes::owed::{Owed, settled};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::access::Scope;
use serde::Deserialize;
use store::idempotency::{Key, Stage};
use store::{folders, mailboxes, owed};

/// Where a copy is wanted.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageCopy {
    /// The folder of the same mailbox.
    folder_id: String,
}

/// Copies a message into another folder, on the server. 204: the server has done it; 202: it is owed. The copy is a message of its
/// own: `message.received` (or `message.sent`) with `by: api` and `copy_of` tells its id.
#[utoipa::path(post, path = "/v1/messages/{id}/copy", tag = "messages", params(("id" = String, Path),
    ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    request_body = MessageCopy, responses((status = 204), (status = 202, body = Owed)))]
pub(crate) async fn copy_message(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    headers: HeaderMap,
    Json { value, bytes }: Json<MessageCopy>,
) -> Result<Response> {
    caller.need(Scope::Write)?;
    let message = super::visible(&state, &caller, &id).await?;
    let folder = folders::get(&state.store, &value.folder_id).await;
    if !folder.is_ok_and(|folder| folder.mailbox_id == message.mailbox_id) {
        let text = "is no folder of this message's mailbox";
        return Err(ApiError::field("/folder_id", text));
    }
    let path = format!("/v1/mailboxes/{}/owed", message.mailbox_id);
    let asked = [id.as_bytes(), &bytes].concat();
    let inner = state.clone();
    let work = |key| copy(inner, message.mailbox_id, id, value.folder_id, key);
    idempotent::once(&state, &caller, &headers, (&path, &asked), work).await
}

async fn copy(
    state: ApiState,
    mailbox_id: String,
    message_id: String,
    folder_id: String,
    key: Option<Key>,
) -> Result<Answer> {
    let (now, has_key) = (state.store.now(), key.is_some());
    let owe = move |tx: &mut store::Tx<'_>| {
        owed::copy_in(tx, &message_id, &folder_id, has_key, now).map(Owed::from)
    };
    let (owed, _) = idempotent::make(&state, key, Stage::Made, StatusCode::ACCEPTED, owe).await?;
    let mailbox = mailboxes::get(&state.store, &mailbox_id).await?;
    match settled(&state, &mailbox, &owed.id).await? {
        None => Ok(Answer::empty(StatusCode::NO_CONTENT)),
        Some(entry) => Answer::json(StatusCode::ACCEPTED, &Owed::from(entry)),
    }
}
