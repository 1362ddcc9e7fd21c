use super::visible;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::submission::Submission;

/// One message of the outbox, recipient by recipient.
#[utoipa::path(get, path = "/v1/submissions/{id}", tag = "submissions", params(("id" = String, Path)),
    responses((status = 200, body = Submission)))]
pub(crate) async fn get_submission(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Submission>> {
    caller.need(Scope::Read)?;
    Ok(Json(visible(&state, &caller, &id).await?))
}
