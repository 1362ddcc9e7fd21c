use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use store::{audit, auto_replies};

/// Removes an out of office, with what it knows of who got an answer.
#[utoipa::path(delete, path = "/v1/auto-replies/{id}", tag = "auto-replies", params(("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove_auto_reply(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<StatusCode> {
    super::may_set(&caller)?;
    let old = super::visible(&state, &caller, &id).await?;
    auto_replies::remove(&state.store, &id).await?;
    let detail = json!({"mailbox_id": old.mailbox_id});
    audit::append(&state.store, caller.id(), "auto_reply.removed", &id, detail).await?;
    Ok(StatusCode::NO_CONTENT)
}
