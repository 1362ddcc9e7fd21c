//! Folders: what IMAP calls mailboxes.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What a folder is for (RFC 6154, and `inbox`).
    Role as "FolderRole" {
        Inbox = "inbox", Drafts = "drafts", Sent = "sent", Junk = "junk", Trash = "trash",
        Archive = "archive", All = "all", Flagged = "flagged",
    }
}

text_enum! {
    /// How much of a folder is stored.
    Mode as "FolderMode" {
        /// Nothing.
        Off = "off",
        /// Headers only.
        Watch = "watch",
        /// Whole messages.
        Full = "full",
    }
}

/// How far a folder has been stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Progress {
    /// none, filling, complete or holes.
    pub state: crate::mailbox::CoverageState,
    /// Messages stored.
    pub done: i64,
    /// Messages there are to store.
    pub total: i64,
}

/// A folder as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Folder {
    /// `fld_…`
    pub id: String,
    /// The mailbox it belongs to.
    pub mailbox_id: String,
    /// The whole path, decoded, with the server's delimiter.
    pub path: String,
    /// The last part of the path.
    pub name: String,
    /// What it is for, if known.
    pub role: Option<Role>,
    /// How much of it is stored.
    pub mode: Mode,
    /// Mail from this time on is stored; null: as the mailbox says.
    pub since: Option<Timestamp>,
    /// Octets of the largest message that is stored whole; null: as the mailbox says.
    pub size_limit: Option<i64>,
    /// Messages stored in it.
    pub messages: i64,
    /// Of those, the unread.
    pub unread: i64,
    /// How far it has been stored.
    pub progress: Progress,
    /// Why it is left alone for now; null: it is not.
    pub problem_id: Option<String>,
    /// When it is tried again.
    pub tried_again_at: Option<Timestamp>,
}

/// The folders of one role over all mailboxes, as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Unified {
    /// What they are for.
    pub role: Role,
    /// How many folders there are.
    pub folders: i64,
    /// Messages stored in them; one that lies in several counts in each.
    pub messages: i64,
    /// Of those, the unread.
    pub unread: i64,
}
