use super::{redated, visible};
use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::submission::Submission;
use store::submissions;

/// Tries again at once what was deferred, failed or is unclear. What waits for its `send_at` goes out now, which its `Date` says then.
#[utoipa::path(post, path = "/v1/submissions/{id}/retry", tag = "submissions", params(("id" = String, Path)),
    responses((status = 200, body = Submission)))]
pub(crate) async fn retry_submission(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Submission>> {
    caller.need(Scope::Send)?;
    let submission = visible(&state, &caller, &id).await?;
    let early = redated::of(&state, &submission).await?;
    Ok(Json(submissions::retry_as(&state.store, &id, early).await?))
}
