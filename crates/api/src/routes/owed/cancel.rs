use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use store::owed;

/// Gives a change up: what the server has counts again. 409 while the server is being asked for it.
#[utoipa::path(post, path = "/v1/mailboxes/{id}/owed/{owed_id}/cancel", tag = "owed",
    params(("id" = String, Path), ("owed_id" = String, Path)), responses((status = 204)))]
pub(crate) async fn cancel_owed(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id, owed_id]): Ids<2>,
) -> Result<StatusCode> {
    caller.need(Scope::Write)?;
    mailboxes::visible(&state, &caller, &id).await?;
    owed::cancel(&state.store, &id, &owed_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
