//! The outbox.

mod answer;
mod author;
mod begin;
mod cancel;
mod compose;
pub(crate) mod copying;
mod create;
mod drafts;
mod files;
mod get;
mod input;
mod list;
mod merge;
pub(crate) mod merging;
mod raw;
mod ready;
mod redated;
mod retry;
mod schedule;
mod signature;
mod template;

use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::state::ApiState;
use model::submission::Submission;
use store::submissions;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_submissions, create::create_submission))
        .routes(routes!(get::get_submission, cancel::cancel_submission))
        .routes(routes!(retry::retry_submission))
        .routes(routes!(merge::create_merge))
        .routes(routes!(begin::begin_answer))
        .routes(routes!(drafts::list_drafts, drafts::create_draft))
        .routes(routes!(
            drafts::get_draft,
            drafts::change_draft,
            drafts::remove_draft
        ))
        .routes(routes!(drafts::send_draft))
}

/// The submission, if it exists for this caller.
async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<Submission> {
    let submission = submissions::get(&state.store, id).await?;
    if !caller.sees(&submission.mailbox_id) {
        // Through a mailbox that is shared for sending, everyone sees what is one's own, and nothing else.
        let by = submissions::sent_by(&state.store, id).await?;
        if by.as_deref() != Some(caller.id()) {
            return Err(ApiError::not_found("the submission"));
        }
    }
    Ok(submission)
}
