//! The rest of messages whose header alone is stored: it is never made up, and fetched when somebody asks for it.

use crate::error::{ApiError, Result};
use crate::state::ApiState;
use axum::http::StatusCode;
use std::time::Duration;
use store::messages::{self, Raw};
use store::wake::Topic;
use tokio::time::Instant;

/// How long a request waits for the rest of a message.
const PATIENCE: Duration = Duration::from_secs(5);
/// At least so often it is looked whether it has come.
const LOOK: Duration = Duration::from_millis(200);

/// What is not there cannot be given: a header is not passed off as its message.
pub(crate) fn whole(raw: &Raw) -> Result<()> {
    if raw.complete {
        return Ok(());
    }
    let detail = match raw.asked {
        true => "the rest of this message was asked for, and the mail server has not sent it yet",
        false => "only the header of this message is stored",
    };
    Err(ApiError::new(StatusCode::CONFLICT, "headers_only", detail))
}

/// Asks for the rest of a message, and waits for it a little. What comes back may still be its header.
pub(crate) async fn fetched(state: &ApiState, id: &str) -> Result<Raw> {
    let mut wake = state.store.db.wakes().listen(Topic::Events);
    messages::ask(&state.store, id).await?;
    let end = Instant::now() + PATIENCE;
    loop {
        let raw = messages::raw(&state.store, id).await?;
        // One that could not be read is asked for no more.
        if !raw.asked || Instant::now() >= end {
            return Ok(raw);
        }
        let _ = tokio::time::timeout(LOOK, wake.next()).await;
    }
}
