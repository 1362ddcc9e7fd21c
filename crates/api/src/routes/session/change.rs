use super::Session;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Json;
use crate::state::ApiState;
use axum::extract::State;
use model::access::LayoutChange;
use serde::Deserialize;
use store::access;

/// What users change about themselves; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionChange {
    /// How the console shows mail.
    #[serde(default)]
    layout: LayoutChange,
}

/// Changes how the console shows mail to the user who is signed in, in every browser.
#[utoipa::path(patch, path = "/v1/session", tag = "session", request_body = SessionChange,
    responses((status = 200, body = Session)))]
pub(crate) async fn change_session(
    caller: Caller,
    State(state): State<ApiState>,
    Json { value, .. }: Json<SessionChange>,
) -> Result<axum::Json<Session>> {
    if caller.user().is_none() {
        return Err(ApiError::unauthorized("a token is no session"));
    }
    let user = access::change_layout(&state.store, caller.id(), value.layout).await?;
    state.callers.forget(caller.id());
    Ok(axum::Json(Session { user }))
}
