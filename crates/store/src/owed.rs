//! What we owe a server: changes that the application asked for, kept as durable intents until the
//! server has confirmed them. They are carried out in order, before anything else is looked at.
//!
//! - [`ask`]: a change is wanted.
//! - [`append`]: a message is to be stored on the server.
//! - [`labels`]: a change of labels is wanted, and what the server says of them afterwards.
//! - [`folders`]: a change of the list of folders is wanted.
//! - [`take`]: what is to be carried out now.
//! - [`settle`]: the server confirmed it, refuses it for now, or never does it.
//! - [`show`]: what is owed, for people and programs, who may try again or give up.

mod append;
mod ask;
mod folders;
mod labels;
mod settle;
mod show;
mod take;

pub use append::{Brought, append_in};
pub(crate) use ask::{add_keyword_in, expunge_in};
pub use ask::{change_flags, copy_in, move_to, trash};
pub(crate) use folders::writable;
pub use folders::{create_folder_in, delete_folder, rename_folder};
pub use labels::change_labels;
pub(crate) use settle::nothing_left_to_change;
pub use settle::{Refusal, done, failed, postpone};
pub use show::{Entry, State, cancel, get, list, retry};
pub use take::{copying, next_due, put_by_others, rest, take};

use crate::error::{Result, StoreError};
pub use crate::own_copies::CopyFrom;
use crate::wake::Topic;
use crate::{Store, Tx, mailboxes};
use model::mailbox::{Protocol, SentCopyFiler};
use model::message::{Flags, LabelChange};
use model::{Timestamp, fresh_id};
use serde::{Deserialize, Serialize};

/// What is owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Intent {
    /// Set and clear flags.
    Flags {
        /// IMAP flags to add.
        add: Vec<String>,
        /// IMAP flags to remove.
        remove: Vec<String>,
    },
    /// Put labels on and take them off.
    Labels(LabelChange),
    /// Move into another folder.
    Move {
        /// Our id of the folder.
        folder_id: String,
    },
    /// Copy into another folder.
    Copy {
        /// Our id of the folder.
        folder_id: String,
    },
    /// Remove for good.
    Expunge,
    /// Make a folder.
    Create {
        /// Our id of the folder that it is made in; `None`: at the top.
        parent_id: Option<String>,
        /// Its name there, as people write it.
        name: String,
    },
    /// Give a folder another name, or another place.
    Rename {
        /// Our id of the folder.
        folder_id: String,
        /// Its name among its neighbours, as people write it.
        name: String,
        /// Where it lies then.
        to: Level,
    },
    /// Delete a folder.
    Delete {
        /// Our id of the folder.
        folder_id: String,
        /// With what lies in it.
        with_messages: bool,
    },
    /// File a copy (of a submission) in the Sent folder.
    Append {
        /// The raw bytes.
        digest: String,
        /// The Message-ID, to find it again before a second try.
        internet_message_id: String,
        /// The submission it is a copy of.
        submission_id: String,
    },
    /// Store a message that the application brought.
    Import {
        /// Our id of the folder.
        folder_id: String,
        /// The raw bytes.
        digest: String,
        /// The Message-ID, if it has one.
        internet_message_id: Option<String>,
        /// The subject, for people.
        subject: String,
        /// IMAP flags that it gets.
        flags: Vec<String>,
        /// The time of its arrival that the server is told (INTERNALDATE).
        received_at: Timestamp,
    },
}

/// Where in the list a folder lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Where it has been.
    #[default]
    Same,
    /// At the top.
    Top,
    /// Inside the folder with this id of ours.
    Inside(String),
}

impl Intent {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Flags { .. } => "flags",
            Self::Labels(_) => "labels",
            Self::Move { .. } => "move",
            Self::Copy { .. } => "copy",
            Self::Expunge => "expunge",
            Self::Append { .. } | Self::Import { .. } => "append",
            Self::Create { .. } => "create",
            Self::Rename { .. } => "rename",
            Self::Delete { .. } => "delete",
        }
    }

    /// Our folder that it is about, or that a message goes to.
    pub fn folder_id(&self) -> Option<&str> {
        match self {
            Self::Move { folder_id }
            | Self::Copy { folder_id }
            | Self::Import { folder_id, .. }
            | Self::Rename { folder_id, .. }
            | Self::Delete { folder_id, .. } => Some(folder_id),
            Self::Create { parent_id, .. } => parent_id.as_deref(),
            Self::Flags { .. } | Self::Labels(_) | Self::Expunge | Self::Append { .. } => None,
        }
    }

    /// The raw bytes that are kept for it alone.
    fn digest(&self) -> Option<&str> {
        match self {
            Self::Import { digest, .. } => Some(digest),
            // The submission keeps the other one's.
            _ => None,
        }
    }

    /// Whether it is about a folder and no message.
    pub const fn is_of_folder(&self) -> bool {
        matches!(
            self,
            Self::Create { .. } | Self::Rename { .. } | Self::Delete { .. }
        )
    }
}

/// Where a message lies on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Our folder.
    pub folder_id: String,
    /// Its name on the wire.
    pub wire_name: String,
    /// UIDVALIDITY.
    pub uid_validity: i64,
    /// UID.
    pub uid: i64,
}

/// One owed change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// `owe_…`
    pub id: String,
    /// What is owed.
    pub intent: Intent,
    /// The message it is about.
    pub message_id: Option<String>,
    /// Where that message lies now; `None`: it is gone from the server.
    pub spot: Option<Spot>,
    /// Its MODSEQ there, as far as we know it; what is higher was changed by somebody else since.
    pub mod_seq: Option<i64>,
    /// Tries so far.
    pub attempts: i64,
    /// Where the target folder ended before a try copied the message there.
    pub copy_from: Option<CopyFrom>,
}

/// How the server confirmed a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmed {
    /// Where a moved message lies now, if the server said so.
    pub moved_to: Option<Spot>,
    /// Where the copy lies that was made, if the server said so or it was found.
    pub copied_to: Option<Spot>,
    /// All flags of the message, as the server has them after the change.
    pub flags: Option<Flags>,
    /// Its MODSEQ then.
    pub mod_seq: Option<i64>,
    /// Its labels, as the server tells them in the folder where it lay.
    pub labels: Option<Vec<String>>,
    /// Who filed the copy of what was sent, where it was that.
    pub sent_copy_by: Option<SentCopyFiler>,
    /// What it changed about the list of folders.
    pub folders: Vec<crate::folders::ListChange>,
}

/// Whether anything is still owed about a message.
///
/// # Errors
/// The database is out of reach.
pub async fn pending(store: &Store, message_id: &str) -> Result<Vec<String>> {
    let id = message_id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql =
                "SELECT kind FROM owed WHERE message_id = $1 AND state <> 'failed' ORDER BY n";
            tx.rows(sql, &[id.into()])?
                .iter()
                .map(|row| row.get(0))
                .collect()
        })
        .await
}

struct Target {
    mailbox_id: String,
    thread_id: String,
    flags: Flags,
    folder_ids: Vec<String>,
    receives_by: Option<Protocol>,
}

impl Target {
    /// Whether the server has a way to move or remove single messages and keep the others' places.
    fn can_be_moved(&self) -> Result<()> {
        if self.receives_by == Some(Protocol::Pop3) {
            return Err(StoreError::Refused {
                problem_id: "imap_only",
                detail: "the mailbox is read by POP3, and Postroom moves and deletes nothing there"
                    .into(),
            });
        }
        Ok(())
    }
}

/// The message under the lock of its mailbox.
fn target(tx: &mut Tx<'_>, id: &str) -> Result<Target> {
    let gone = StoreError::NotFound("the message");
    let sql = "SELECT mailbox_id FROM messages WHERE id = $1 AND vanished_at IS NULL";
    let row = tx.row(sql, &[id.into()])?.ok_or(gone)?;
    let mailbox_id: String = row.get(0)?;
    let mailbox = mailboxes::lock(tx, &mailbox_id)?;
    if mailbox.read_only {
        return Err(StoreError::ReadOnly);
    }
    let row = tx
        .row(
            "SELECT thread_id, seen, answered, flagged, draft, keywords FROM messages WHERE id = $1",
            &[id.into()],
        )?
        .ok_or(StoreError::NotFound("the message"))?;
    let rows = tx.rows(
        "SELECT folder_id FROM placements WHERE message_id = $1",
        &[id.into()],
    )?;
    Ok(Target {
        mailbox_id,
        thread_id: row.get(0)?,
        flags: Flags {
            seen: row.get(1)?,
            answered: row.get(2)?,
            flagged: row.get(3)?,
            draft: row.get(4)?,
            keywords: row.json(5)?,
        },
        folder_ids: rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?,
        receives_by: mailbox.incoming.map(|incoming| incoming.protocol),
    })
}

/// Writes an owed change, in the transaction that needs it, and wakes the mailbox's worker. Gives its id.
pub(crate) fn owe(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    message_id: Option<&str>,
    intent: &Intent,
    now: Timestamp,
) -> Result<String> {
    let id = fresh_id("owe", now);
    tx.exec(
        "INSERT INTO owed (id, mailbox_id, kind, message_id, folder_id, body, digest, next_attempt_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        &[
            (&id).into(),
            mailbox_id.into(),
            intent.kind().into(),
            message_id.into(),
            intent.folder_id().into(),
            serde_json::to_string(intent)?.into(),
            intent.digest().into(),
            now.into(),
        ],
    )?;
    tx.wake(Topic::Mailbox(mailbox_id.to_owned()));
    Ok(id)
}
