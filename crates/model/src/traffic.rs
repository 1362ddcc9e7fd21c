//! What a provider allows in a day, and how much of it is used.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// What a receiving server allows one mailbox; null: nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Allowed {
    /// Octets downloaded in any 24 hours.
    pub bytes_down: Option<i64>,
    /// Octets uploaded in any 24 hours.
    pub bytes_up: Option<i64>,
    /// Messages fetched in any 24 hours.
    pub messages: Option<i64>,
    /// Connections at once.
    pub connections: Option<i64>,
    /// Minutes between two looks where the server does not tell of changes.
    pub poll_minutes: Option<i64>,
}

impl Allowed {
    /// Whether anything is limited by the day.
    pub const fn by_the_day(&self) -> bool {
        self.bytes_down.is_some() || self.bytes_up.is_some() || self.messages.is_some()
    }
}

/// What was used of it in the last 24 hours, whole hours at their beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Used {
    /// Octets downloaded, and set aside for what is being downloaded.
    pub bytes_down: i64,
    /// Octets uploaded.
    pub bytes_up: i64,
    /// Messages fetched.
    pub messages: i64,
    /// When the oldest of it counts no more; null: nothing was used.
    pub opens_at: Option<Timestamp>,
}
