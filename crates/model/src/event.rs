//! The one ordered log of what happened.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// How we came to know.
    Origin {
        /// As it happened.
        Live = "live",
        /// After an interruption.
        CatchUp = "catch_up",
        /// While filling the first copy: nobody should answer such mail.
        Backfill = "backfill",
    }
}

/// Every type of event there is.
pub const TYPES: &[&str] = &[
    "mailbox.created",
    "mailbox.approved",
    "mailbox.enabled",
    "mailbox.paused",
    "mailbox.disabled",
    "mailbox.changed",
    "mailbox.live",
    "mailbox.interrupted",
    "mailbox.held",
    "mailbox.recovered",
    "mailbox.removed",
    "mailbox.backfill_completed",
    "mailbox.gap_filled",
    "credential.expiring",
    "credential.expired",
    "credential.renewed",
    "folder.created",
    "folder.renamed",
    "folder.removed",
    "folder.reset",
    "message.received",
    "message.sent",
    "message.changed",
    "message.moved",
    "message.removed",
    "message.bounced",
    "message.unreadable",
    "change.failed",
    "submission.queued",
    "submission.accepted",
    "submission.deferred",
    "submission.unclear",
    "submission.failed",
    "submission.cancelled",
    "submission.returned",
    "tag.created",
    "tag.changed",
    "tag.removed",
    "alert.raised",
    "alert.resolved",
    "job.completed",
    "job.failed",
    "webhook.disabled",
    "webhook.test",
];

/// An event as the API and webhooks show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Event {
    /// `evt_…`
    pub id: String,
    /// One of the dotted names.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Opaque position in the log.
    pub cursor: String,
    /// The mailbox it is about, if any.
    pub mailbox_id: Option<String>,
    /// How we came to know.
    pub origin: Origin,
    /// What happened, by type.
    pub data: serde_json::Value,
}

/// An event on its way into the log.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// One of [`TYPES`].
    pub kind: &'static str,
    /// The mailbox it is about, if any.
    pub mailbox_id: Option<String>,
    /// How we came to know.
    pub origin: Origin,
    /// What happened.
    pub data: serde_json::Value,
}

impl NewEvent {
    /// A live event about a mailbox.
    pub fn live(kind: &'static str, mailbox_id: &str, data: serde_json::Value) -> Self {
        Self {
            kind,
            mailbox_id: Some(mailbox_id.to_owned()),
            origin: Origin::Live,
            data,
        }
    }
}
