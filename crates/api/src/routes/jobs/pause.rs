use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::job::{Job, Phase};

/// Pauses a job: nothing more is made. What is in the outbox already, a hundred messages at most, goes out.
#[utoipa::path(post, path = "/v1/jobs/{id}/pause", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = Job)))]
pub(crate) async fn pause_job(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Job>> {
    caller.need(Scope::Send)?;
    super::visible(&state, &caller, &id).await?;
    let job = store::jobs::set_phase(&state.store, &id, Phase::Paused).await?;
    Ok(Json(job))
}
