//! The ledger of messages that could not be stored.

mod list;
mod raw;
mod retry;

use crate::state::ApiState;
use model::Timestamp;
use serde::Serialize;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_failures))
        .routes(routes!(raw::get_raw_failure))
        .routes(routes!(retry::retry_failure))
}

/// A message that is not there, and why.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Failure {
    /// `fal_…`
    id: String,
    /// The mailbox.
    mailbox_id: String,
    /// The folder.
    folder_id: String,
    /// The message's UID on the server.
    uid: i64,
    /// The catalogue's id of the problem.
    problem_id: String,
    /// What happened, in words.
    reason: String,
    /// Whether its raw bytes are kept: then they can be downloaded.
    has_raw: bool,
    /// Tries so far.
    attempts: i64,
    /// When the next try comes; null: only by hand.
    next_attempt_at: Option<Timestamp>,
    /// When it was first noticed.
    created_at: Timestamp,
}

impl From<store::failures::Failure> for Failure {
    fn from(failure: store::failures::Failure) -> Self {
        Self {
            id: failure.id,
            mailbox_id: failure.mailbox_id,
            folder_id: failure.folder_id,
            uid: failure.uid,
            problem_id: failure.problem_id,
            reason: failure.reason,
            has_raw: failure.raw_digest.is_some(),
            attempts: failure.attempts,
            next_attempt_at: failure.next_attempt_at,
            created_at: failure.created_at,
        }
    }
}
