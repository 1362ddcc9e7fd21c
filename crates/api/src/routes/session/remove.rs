use crate::caller::Caller;
use crate::error::Result;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use store::{access, audit};

/// Signs out: the session ends on the server, and the cookie goes.
#[utoipa::path(delete, path = "/v1/session", tag = "session", responses((status = 204)))]
pub(crate) async fn remove_session(
    caller: Caller,
    State(state): State<ApiState>,
) -> Result<Response> {
    if caller.user().is_some() {
        access::end_session(&state.store, caller.digest()).await?;
        state.callers.forget(caller.digest());
        audit::append(
            &state.store,
            caller.id(),
            "session.ended",
            caller.id(),
            json!({}),
        )
        .await?;
    }
    Ok(super::without_cookie(&state))
}
