use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::job::{Job, Phase};
use store::{Store, StoreError, jobs, submissions};

/// Ends a job: nothing more is made, and what waits in the outbox is cancelled.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = Job)))]
pub(crate) async fn cancel_job(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Job>> {
    caller.need(Scope::Send)?;
    super::visible(&state, &caller, &id).await?;
    let job = jobs::set_phase(&state.store, &id, Phase::Cancelled).await?;
    take_back(&state.store, &id).await?;
    Ok(Json(job))
}

/// Cancels what a job has in the outbox and nobody has begun.
pub(crate) async fn take_back(store: &Store, id: &str) -> Result<(), StoreError> {
    for waiting in jobs::waiting(store, id).await? {
        match submissions::cancel(store, &waiting).await {
            // The courier was faster.
            Ok(_) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
