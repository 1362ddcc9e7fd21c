use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{Ids, Json};
use crate::routes::owed::{Owed, settled};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::access::Scope;
use serde::Deserialize;
use store::{StoreError, mailboxes, owed};

/// Where a copy is wanted.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageCopy {
    /// The folder of the same mailbox.
    folder_id: String,
}

/// Copies a message into another folder, on the server. 204: the server has done it; 202: it is owed. The copy is a message of its
/// own: `message.received` (or `message.sent`) with `by: api` and `copy_of` tells its id.
#[utoipa::path(post, path = "/v1/messages/{id}/copy", tag = "messages", params(("id" = String, Path)),
    request_body = MessageCopy, responses((status = 204), (status = 202, body = Owed)))]
pub(crate) async fn copy_message(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<MessageCopy>,
) -> Result<Response> {
    caller.need(Scope::Write)?;
    let message = super::visible(&state, &caller, &id).await?;
    let wish = owed::copy_to(&state.store, &id, &value.folder_id).await;
    let owed_id = wish.map_err(|error| match error {
        StoreError::NotFound("the folder") => {
            ApiError::field("/folder_id", "is no folder of this message's mailbox")
        }
        other => other.into(),
    })?;
    let mailbox = mailboxes::get(&state.store, &message.mailbox_id).await?;
    Ok(match settled(&state, &mailbox, &owed_id).await? {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(entry) => (StatusCode::ACCEPTED, axum::Json(Owed::from(entry))).into_response(),
    })
}
