//! Folders of a mailbox.

mod change;
mod create;
mod list;
mod remove;
mod unified;

use crate::error::{ApiError, Result};
use crate::state::ApiState;
use axum::http::StatusCode;
use model::folder::Folder;
use model::mailbox::Mailbox;
use std::time::Duration;
use store::owed::{self, Entry, State};
use store::wake::Topic;
use store::{StoreError, folders};
use tokio::time::Instant;
use utoipa_axum::{router::OpenApiRouter, routes};

/// How long a request waits for the server to carry out what it asked for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_folders, create::create_folder))
        .routes(routes!(change::change_folder, remove::remove_folder))
        .routes(routes!(unified::list_unified_folders))
}

/// The folder, if it is one of this mailbox.
async fn in_mailbox(state: &ApiState, mailbox_id: &str, folder_id: &str) -> Result<Folder> {
    let folder = folders::get(&state.store, folder_id).await?;
    if folder.mailbox_id != mailbox_id {
        return Err(ApiError::not_found("the folder"));
    }
    Ok(folder)
}

/// Waits a moment for a mailbox that is connected to carry out what is owed. `None`: it has; an error: it never will.
async fn settled(state: &ApiState, mailbox: &Mailbox, owed_id: &str) -> Result<Option<Entry>> {
    use model::mailbox::ConnectionState::{Live, Polling};
    let connected = matches!(mailbox.connection.state, Live | Polling);
    let end = Instant::now() + PATIENCE;
    let mut wake = state.store.db.wakes().listen(Topic::Events);
    loop {
        let entry = match owed::get(&state.store, &mailbox.id, owed_id).await {
            Err(StoreError::NotFound(_)) => return Ok(None),
            entry => entry?,
        };
        if entry.state == State::Failed {
            let problem = entry.problem_id.as_deref().unwrap_or("command_refused");
            let reason = entry.reason.clone().unwrap_or_default();
            return Err(ApiError::new(StatusCode::CONFLICT, problem, reason));
        }
        if !connected || entry.attempts > 0 || Instant::now() >= end {
            return Ok(Some(entry));
        }
        let _ = tokio::time::timeout(LOOK, wake.next()).await;
    }
}
