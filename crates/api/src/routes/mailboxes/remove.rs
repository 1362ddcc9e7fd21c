use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use serde_json::json;
use store::{StoreError, audit, mailboxes};

/// Removes a mailbox with everything stored of it. The mail on its server stays as it is. An out of office on its server has to be
/// removed before.
#[utoipa::path(delete, path = "/v1/mailboxes/{id}", tag = "mailboxes", params(("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove_mailbox(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<StatusCode> {
    caller.need(Scope::Manage)?;
    let mailbox = super::visible(&state, &caller, &id).await?;
    let refused = |error: StoreError| match error {
        // The store knows one: the mailbox's own server answers for it.
        error @ StoreError::Conflict(_) => {
            let remedy = "Remove its out of office first (`DELETE /v1/auto-replies/ID`, or `postroom auto-reply remove MAILBOX`).";
            ApiError::from(error).remedy(remedy)
        }
        error => error.into(),
    };
    mailboxes::remove(&state.store, &id)
        .await
        .map_err(refused)?;
    let detail = json!({"address": mailbox.address});
    audit::append(&state.store, caller.id(), "mailbox.removed", &id, detail).await?;
    Ok(StatusCode::NO_CONTENT)
}
