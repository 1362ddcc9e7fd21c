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
    jobs::begin_cancel(&state.store, &id).await?;
    Ok(Json(end(&state.store, &id).await?))
}

/// Ends a job that is being cancelled, as the last thing: one that has ended is looked at by nobody, so nothing of it may wait
/// any more. If the process dies before that, whoever takes the job next does the rest.
pub(crate) async fn end(store: &Store, id: &str) -> Result<Job, StoreError> {
    take_back(store, id).await?;
    jobs::set_phase(store, id, Phase::Cancelled).await
}

/// Cancels what a job has in the outbox and its server does not have yet.
pub(crate) async fn take_back(store: &Store, id: &str) -> Result<(), StoreError> {
    for waiting in jobs::waiting(store, id).await? {
        match submissions::cancel(store, &waiting).await {
            // The server has it, or may have it.
            Ok(_) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
