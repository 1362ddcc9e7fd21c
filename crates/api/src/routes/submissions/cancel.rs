use super::visible;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::submission::Submission;
use store::submissions;

/// Cancels what has not gone out yet.
#[utoipa::path(delete, path = "/v1/submissions/{id}", tag = "submissions", params(("id" = String, Path)),
    responses((status = 200, body = Submission)))]
pub(crate) async fn cancel_submission(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Submission>> {
    caller.need(Scope::Send)?;
    visible(&state, &caller, &id).await?;
    Ok(Json(submissions::cancel(&state.store, &id).await?))
}
