use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use store::{access, audit};

/// Revokes a token; within a second nobody comes in with it any more.
#[utoipa::path(delete, path = "/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove_token(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<StatusCode> {
    super::admit(&caller)?;
    access::revoke_token(&state.store, &id).await?;
    state.callers.forget(&id);
    audit::append(&state.store, caller.id(), "token.revoked", &id, json!({})).await?;
    Ok(StatusCode::NO_CONTENT)
}
