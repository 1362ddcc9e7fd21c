//! A message that the application brings: its bytes are durable here, and owed to a folder of the server.

use super::folders::writable;
use super::show::{self, Entry};
use super::{Intent, owe};
use crate::blobs::{self, Stored};
use crate::error::Result;
use crate::{Tx, folders};
use model::Timestamp;

/// Of the subject, so much is shown with what is owed.
const SUBJECT_CHARS: usize = 200;

/// A message that is to be stored on a server.
#[derive(Clone, Debug)]
pub struct Brought {
    /// Our id of the folder.
    pub folder_id: String,
    /// The raw bytes.
    pub stored: Stored,
    /// The Message-ID, if it has one.
    pub internet_message_id: Option<String>,
    /// The subject; empty if it has none.
    pub subject: String,
    /// IMAP flags that it gets.
    pub flags: Vec<String>,
    /// The time of its arrival that the server is told (INTERNALDATE).
    pub received_at: Timestamp,
}

/// Owes the server a new message in a folder, in the caller's transaction. It shows here once the server has it, as
/// `message.received` (or `message.sent`) with `by: api` and the `owed_id` of what is given back.
///
/// # Errors
/// No such folder; its mailbox is not read by IMAP (`imap_only`), or may only be read.
pub fn append_in(tx: &mut Tx<'_>, brought: &Brought, now: Timestamp) -> Result<Entry> {
    let folder = folders::read(tx, &brought.folder_id)?;
    writable(tx, &folder.mailbox_id)?;
    blobs::index(tx, std::slice::from_ref(&brought.stored), now)?;
    let intent = Intent::Import {
        folder_id: brought.folder_id.clone(),
        digest: brought.stored.digest.clone(),
        internet_message_id: brought.internet_message_id.clone(),
        subject: brought.subject.chars().take(SUBJECT_CHARS).collect(),
        flags: brought.flags.clone(),
        received_at: brought.received_at,
    };
    let id = owe(tx, &folder.mailbox_id, None, &intent, now)?;
    show::read(tx, &folder.mailbox_id, &id)
}
