//! What is owed to a mailbox's server: changes that were asked for and are not confirmed yet, and those that failed.

mod cancel;
mod get;
mod list;
mod retry;

use crate::error::{ApiError, Result};
use crate::state::ApiState;
use axum::http::StatusCode;
use model::Timestamp;
use model::mailbox::Mailbox;
use serde::Serialize;
use std::time::Duration;
use store::StoreError;
use store::owed::{self, Entry, Intent, Level, State};
use store::wake::Topic;
use tokio::time::Instant;
use utoipa_axum::{router::OpenApiRouter, routes};

/// How long a request waits for the server to carry out what it asked for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_owed))
        .routes(routes!(get::get_owed))
        .routes(routes!(retry::retry_owed))
        .routes(routes!(cancel::cancel_owed))
}

/// A change that the server has not confirmed.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Owed {
    /// `owe_…`
    pub(crate) id: String,
    /// The mailbox.
    mailbox_id: String,
    /// `pending`: it waits; `working`: it is being carried out; `failed`: for good, and what the server has counts.
    #[schema(value_type = String)]
    state: State,
    /// `flags`, `labels`, `move`, `copy`, `expunge` (for good), `append` (a message that was brought, or the copy of a sent one), `create`, `rename` or `delete` (a folder).
    kind: &'static str,
    /// The change in words.
    what: String,
    /// The message that it is about.
    message_id: Option<String>,
    /// The folder that it is about, or that the message goes to.
    folder_id: Option<String>,
    /// Tries so far.
    attempts: i64,
    /// When the next try comes; null: not by itself.
    next_attempt_at: Option<Timestamp>,
    /// What stood in the way of the last try, as the catalogue knows it.
    problem_id: Option<String>,
    /// The same in words.
    reason: Option<String>,
    /// When it was asked for.
    created_at: Timestamp,
}

impl From<Entry> for Owed {
    fn from(entry: Entry) -> Self {
        Self {
            kind: entry.kind(),
            what: in_words(&entry.intent),
            id: entry.id,
            mailbox_id: entry.mailbox_id,
            state: entry.state,
            message_id: entry.message_id,
            folder_id: entry.folder_id,
            attempts: entry.attempts,
            next_attempt_at: entry.next_attempt_at,
            problem_id: entry.problem_id,
            reason: entry.reason,
            created_at: entry.created_at,
        }
    }
}

fn in_words(intent: &Intent) -> String {
    match intent {
        Intent::Flags { add, remove } => both(("set", add, " "), ("clear", remove, " ")),
        Intent::Labels(change) => both(
            ("put on the label", &change.add, ", "),
            ("take off the label", &change.remove, ", "),
        ),
        Intent::Move { .. } => "move the message".to_owned(),
        Intent::Copy { .. } => "copy the message".to_owned(),
        Intent::Expunge => "remove the message for good".to_owned(),
        Intent::Create { name, .. } => format!("make the folder {name}"),
        Intent::Rename { name, to, .. } => match to {
            Level::Same => format!("rename the folder to {name}"),
            Level::Top => format!("move the folder to the top, as {name}"),
            Level::Inside(_) => format!("move the folder into another one, as {name}"),
        },
        Intent::Delete { .. } => "delete the folder".to_owned(),
        Intent::Append { .. } => "file the copy of a sent message".to_owned(),
        Intent::Import { subject, .. } if subject.is_empty() => "store a message".to_owned(),
        Intent::Import { subject, .. } => format!("store the message \"{subject}\""),
    }
}

/// Two lists with what is done with each; an empty one is left out.
fn both(on: (&str, &[String], &str), off: (&str, &[String], &str)) -> String {
    let parts = [on, off]
        .into_iter()
        .filter(|(_, list, _)| !list.is_empty());
    let parts = parts.map(|(verb, list, between)| format!("{verb} {}", list.join(between)));
    parts.collect::<Vec<_>>().join(", ")
}

/// Waits a moment for a mailbox that is connected to carry out what is owed. `None`: it has; an error: it never will.
pub(crate) async fn settled(
    state: &ApiState,
    mailbox: &Mailbox,
    owed_id: &str,
) -> Result<Option<Entry>> {
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
