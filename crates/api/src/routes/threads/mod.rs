//! Conversations.

mod change;
mod get;
mod list;

use crate::routes::messages::{Address, MessageShape};
use crate::state::ApiState;
use model::Timestamp;
use model::tag::TagRef;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::HashSet;
use store::threads;
use utoipa_axum::{router::OpenApiRouter, routes};

/// People shown for one conversation.
const PARTICIPANTS: usize = 12;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_threads))
        .routes(routes!(get::get_thread, change::change_thread))
}

/// A conversation.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Thread {
    /// `thr_…`
    id: String,
    /// The mailbox it belongs to.
    mailbox_id: String,
    /// The subject of its newest message.
    subject: Option<String>,
    /// When its newest message was received.
    last_at: Timestamp,
    /// Messages in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<i64>,
    /// Messages in it.
    message_count: i64,
    /// Of those, the unread.
    unread: i64,
    /// Authors of its messages, the newest first.
    #[schema(value_type = Vec<Address>)]
    participants: Vec<Box<RawValue>>,
    /// The beginning of its newest message.
    preview: String,
    /// Whether any message has attachments.
    has_attachments: bool,
    /// Whether any message is marked.
    flagged: bool,
    /// Own tags and folders of its messages.
    tags: Vec<TagRef>,
}

/// A conversation with its messages.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ThreadDetail {
    #[serde(flatten)]
    thread: Thread,
    /// The messages, oldest first; of a very long conversation the newest 500.
    #[schema(value_type = Vec<MessageShape>)]
    messages: Box<RawValue>,
}

/// What of a head a conversation shows.
#[derive(serde::Deserialize)]
struct Head {
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    from: Vec<Box<RawValue>>,
    #[serde(default)]
    preview: String,
    #[serde(default)]
    has_attachments: bool,
}

impl Thread {
    /// From the store's row and the heads of its messages, newest first.
    fn new(thread: threads::Thread, heads: &[String], flagged: bool, tags: Vec<TagRef>) -> Self {
        let heads: Vec<Head> = heads
            .iter()
            .filter_map(|head| serde_json::from_str(head).ok())
            .collect();
        let mut seen = HashSet::new();
        let participants = heads
            .iter()
            .flat_map(|head| &head.from)
            .filter(|person| seen.insert(person.get().to_lowercase()))
            .take(PARTICIPANTS)
            .cloned()
            .collect();
        let newest = heads.first();
        Self {
            id: thread.id,
            mailbox_id: thread.mailbox_id,
            subject: newest.and_then(|head| head.subject.clone()),
            last_at: thread.last_at,
            messages: Some(thread.messages),
            message_count: thread.messages,
            unread: thread.unread,
            participants,
            preview: newest.map_or_else(String::new, |head| head.preview.clone()),
            has_attachments: heads.iter().any(|head| head.has_attachments),
            flagged,
            tags,
        }
    }
}
