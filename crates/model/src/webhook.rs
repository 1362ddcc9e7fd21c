//! Webhooks: where events are posted to, and how each delivery went.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// Where a delivery stands.
    DeliveryState { Pending = "pending", Delivered = "delivered", Dead = "dead" }
}

/// A webhook as the API shows it; the signing secret is shown once, at creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Webhook {
    /// `whk_…`
    pub id: String,
    /// Where events are posted.
    pub url: String,
    /// Types wanted (`message.*` stands for a family); empty: all.
    pub types: Vec<String>,
    /// Only these mailboxes; empty: all.
    pub mailbox_ids: Vec<String>,
    /// Origins wanted; empty: all.
    pub origins: Vec<crate::event::Origin>,
    /// Whether events are posted.
    pub enabled: bool,
    /// Why Postroom switched it off, if it did.
    pub disabled_reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Delivery {
    /// `dlv_…`
    pub id: String,
    /// The webhook.
    pub webhook_id: String,
    /// The event.
    pub event_id: String,
    /// The event's type.
    pub event_type: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: i64,
    /// When the next try comes.
    pub next_attempt_at: Option<Timestamp>,
    /// HTTP status of the last answer.
    pub last_status: Option<i64>,
    /// What went wrong last, in words.
    pub last_error: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
}
