use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;

/// Removes a signature. Identities that had it have the central one, if there is one.
#[utoipa::path(delete, path = "/v1/signatures/{id}", tag = "signatures", params(("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove_signature(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<StatusCode> {
    let old = super::visible(&state, &caller, &id).await?;
    super::may_write(&caller, old.kind)?;
    store::signatures::remove(&state.store, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
