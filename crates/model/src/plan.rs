//! What a first synchronisation means: how much there is, how far it is, and when it ends.

use crate::Timestamp;
use crate::folder::{Mode, Role};
use crate::mailbox::CoverageState;
use crate::traffic::{Allowed, Used};
use serde::{Deserialize, Serialize};

/// One folder of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlanFolder {
    /// `fld_…`; null: it is known from the connection report alone.
    pub folder_id: Option<String>,
    /// Its path, as people read it.
    pub path: String,
    /// What it is for.
    pub role: Option<Role>,
    /// How much of it is stored.
    pub mode: Mode,
    /// Messages to store; null: the server did not say yet.
    pub messages: Option<i64>,
    /// Octets of them, an estimate from the sizes that were asked for; null: not known yet.
    pub bytes: Option<i64>,
    /// Messages stored.
    pub done: i64,
    /// Octets of the messages stored.
    pub done_bytes: i64,
}

/// The plan of a mailbox: before its first synchronisation begins, from its last connection report; then from its folders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Plan {
    /// How complete the copy is; `none`: it has not begun.
    pub state: CoverageState,
    /// Folder by folder, those that are not stored too.
    pub folders: Vec<PlanFolder>,
    /// Messages of all folders that are stored, as far as known.
    pub messages: i64,
    /// Octets of them, as far as known.
    pub bytes: i64,
    /// Folders that are stored and of which messages or octets are not known.
    pub unknown: i64,
    /// Messages stored.
    pub done: i64,
    /// Octets of them.
    pub done_bytes: i64,
    /// What the provider allows.
    pub allowed: Allowed,
    /// What was used of it in the last 24 hours.
    pub used: Used,
    /// Messages fetched in a minute, smoothed; null: nothing was measured just now.
    pub messages_per_minute: Option<i64>,
    /// Octets fetched in a second, smoothed; null: nothing was measured just now.
    pub bytes_per_second: Option<i64>,
    /// Until when it waits for what the provider allows by the day; null: it does not.
    pub waits_until: Option<Timestamp>,
    /// Whether the provider's limit by the day decides when it ends.
    pub limited: bool,
    /// When it is expected to end; null: it has, or nothing can be said.
    pub ends_at: Option<Timestamp>,
}
