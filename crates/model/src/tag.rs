//! Tags and folders of the application's own: they lie beside what the mail server knows, and no server hears of them.

use crate::Timestamp;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// How it is put on messages.
    Kind as "TagKind" {
        /// Any number of them on one message.
        Tag = "tag",
        /// A message lies in one of them at most.
        Folder = "folder",
    }
}

/// A tag, or a folder of the application's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tag {
    /// `tag_…`
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its colour, `#rrggbb`.
    pub color: Option<String>,
    /// A tag or a folder.
    pub kind: Kind,
    /// The mailbox whose messages alone can have it; null: messages of all mailboxes.
    pub mailbox_id: Option<String>,
    /// Mailboxes whose incoming mail is put in here as it arrives.
    pub receives_from: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A tag as a message shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TagRef {
    /// `tag_…`
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its colour, `#rrggbb`.
    pub color: Option<String>,
    /// A tag or a folder.
    pub kind: Kind,
}
