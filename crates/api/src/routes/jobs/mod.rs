//! Jobs: how far they are, and a hand on them.

mod cancel;
mod get;
mod list;
mod pause;
mod resume;

pub(super) use cancel::{end, take_back};

use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::state::ApiState;
use model::job::{Job, JobFailure};
use serde::Serialize;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_jobs))
        .routes(routes!(get::get_job))
        .routes(routes!(pause::pause_job))
        .routes(routes!(resume::resume_job))
        .routes(routes!(cancel::cancel_job))
}

/// A job with the first hundred that it did not reach.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WholeJob {
    #[serde(flatten)]
    job: Job,
    /// Whom it did not reach, and why: the first hundred.
    failures: Vec<JobFailure>,
}

/// The job, if the caller asked for it, or administers.
async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<WholeJob> {
    let (job, owner, failures) = store::jobs::get(&state.store, id).await?;
    if owner != caller.id() && !caller.administers() {
        return Err(ApiError::not_found("the job"));
    }
    Ok(WholeJob { job, failures })
}
