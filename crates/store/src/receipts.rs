//! The reading receipts that were given: one for a message at most (RFC 8098 section 2.1), whatever the server keeps of its mark.

use crate::error::{Result, StoreError};
use crate::submissions::{self, NewSubmission};
use crate::{Store, mailboxes, owed};
use model::submission::Submission;

/// The keyword of a message whose receipt was given, or will never be (RFC 3503).
pub const GIVEN: &str = "$MDNSent";

/// Queues the receipt for a message of the mailbox that `new` goes through. Note, mark and receipt are one transaction, in this
/// order: who comes second finds the note or the mark, and a crash leaves all of it or nothing. The mark may be refused
/// (a read-only mailbox) or be lost (a server without keywords); the note is here to stay.
///
/// # Errors
/// No such message; `Conflict`: its receipt was given, here or by another program; as [`submissions::create`].
pub async fn give(store: &Store, message_id: &str, new: NewSubmission) -> Result<Submission> {
    let (now, rules, id) = (store.now(), store.sending.clone(), message_id.to_owned());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &new.mailbox_id)?;
            let sql = "SELECT 1 FROM messages WHERE id = $1 AND mailbox_id = $2 AND vanished_at IS NULL";
            let there = tx.row(sql, &[(&id).into(), (&new.mailbox_id).into()])?;
            there.ok_or(StoreError::NotFound("the message"))?;
            let sql = "INSERT INTO receipts (message_id, given_at) VALUES ($1, $2) ON CONFLICT (message_id) DO NOTHING";
            let is_first = tx.exec(sql, &[(&id).into(), now.into()])? == 1;
            // Nothing may be changed on a read-only mailbox's server: no mark there, which keeps no receipt back.
            let is_marked = match owed::add_keyword_in(tx, &id, GIVEN, now) {
                Err(StoreError::ReadOnly) => true,
                other => other?,
            };
            if !(is_first && is_marked) {
                return Err(StoreError::Conflict("a receipt was given already".into()));
            }
            submissions::create_in(tx, &rules, &new, now)
        })
        .await
}
