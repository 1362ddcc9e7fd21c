use super::Failure;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use store::failures;

/// Tries a message of the ledger again at once.
#[utoipa::path(post, path = "/v1/mailboxes/{id}/failures/{failure_id}/retry", tag = "failures",
    params(("id" = String, Path), ("failure_id" = String, Path)), responses((status = 200, body = Failure)))]
pub(crate) async fn retry_failure(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id, failure_id]): Ids<2>,
) -> Result<Json<Failure>> {
    caller.need(Scope::Manage)?;
    mailboxes::visible(&state, &caller, &id).await?;
    Ok(Json(
        failures::retry(&state.store, &id, &failure_id)
            .await?
            .into(),
    ))
}
