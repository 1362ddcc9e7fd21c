//! The outbox.

mod cancel;
mod compose;
mod create;
mod get;
mod input;
mod list;
mod raw;
mod ready;
mod retry;

use crate::caller::Caller;
use crate::error::Result;
use crate::state::ApiState;
use model::submission::Submission;
use store::submissions;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_submissions, create::create_submission))
        .routes(routes!(get::get_submission, cancel::cancel_submission))
        .routes(routes!(retry::retry_submission))
}

/// The submission, if it exists for this caller.
async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<Submission> {
    let submission = submissions::get(&state.store, id).await?;
    caller.must_see(&submission.mailbox_id, "the submission")?;
    Ok(submission)
}
