//! Who files the copy in Sent, mailbox by mailbox. What a mailbox has shown counts more than what is known of its provider, and
//! is remembered; where nothing is known the copy is looked for a moment later, before we file it ourselves.

use super::claim::Claimed;
use crate::db::Row;
use crate::error::{Result, StoreError};
use crate::mailboxes::maybe_json;
use crate::wake::Topic;
use crate::{Tx, owed};
use model::Timestamp;
use model::mailbox::{Incoming, Protocol, SentCopyFiler};
use model::submission::SentCopyState;

/// How long a server that files sent mail by itself is given before we do it.
pub const PROVIDER_COPY_MILLIS: i64 = 120_000;
/// How long one of which it is not known.
pub const UNKNOWN_COPY_MILLIS: i64 = 10_000;

/// Who files the copy in the Sent folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentCopyBy {
    /// We append it over IMAP.
    Us,
    /// The provider does it by itself.
    Provider,
    /// It is not known: it is looked for, and then we do.
    Unknown,
}

/// What a mailbox says about copies of what it sends.
pub(super) struct Filing {
    keeps_mail: bool,
    learned: Option<SentCopyFiler>,
}

impl Filing {
    /// Reads it, and holds the mailbox's row until the transaction ends.
    pub(super) fn lock(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<Self> {
        let sql = format!(
            "SELECT incoming, read_only, sent_copy_by FROM mailboxes WHERE id = $1 AND removed_at IS NULL{}",
            tx.dialect().for_update()
        );
        let row = tx.row(&sql, &[mailbox_id.into()])?;
        row.as_ref()
            .map_or(Err(StoreError::NotFound("the mailbox")), Self::from_row)
    }

    fn from_row(row: &Row) -> Result<Self> {
        let incoming: Option<Incoming> = maybe_json(row, 0)?;
        let read_only: bool = row.get(1)?;
        let learned: Option<String> = row.get(2)?;
        Ok(Self {
            keeps_mail: incoming.is_some_and(|i| i.protocol == Protocol::Imap) && !read_only,
            learned: learned.as_deref().and_then(SentCopyFiler::parse),
        })
    }

    /// Owes the copy of a message that was taken, where it is ours to file or may be. Where the copy stands then.
    pub(super) fn owe(
        &self,
        tx: &mut Tx<'_>,
        sent: &Claimed,
        known: SentCopyBy,
        now: Timestamp,
    ) -> Result<SentCopyState> {
        if sent.submission.message_id.is_some() {
            return Ok(SentCopyState::Filed);
        }
        if !self.keeps_mail {
            return Ok(SentCopyState::None);
        }
        let by = match self.learned {
            Some(SentCopyFiler::Server) => SentCopyBy::Provider,
            Some(SentCopyFiler::Postroom) => SentCopyBy::Us,
            None => known,
        };
        let (pause, state) = match by {
            SentCopyBy::Us => (0, SentCopyState::Owed),
            // Believed, and made good if the copy has not shown itself after a while.
            SentCopyBy::Provider => (PROVIDER_COPY_MILLIS, SentCopyState::Pending),
            SentCopyBy::Unknown => (UNKNOWN_COPY_MILLIS, SentCopyState::Pending),
        };
        owe_copy(tx, sent, now.plus_millis(pause), now)?;
        Ok(state)
    }
}

fn owe_copy(tx: &mut Tx<'_>, old: &Claimed, due: Timestamp, now: Timestamp) -> Result<()> {
    let submission = &old.submission;
    let intent = owed::Intent::Append {
        digest: old.digest.clone(),
        internet_message_id: submission.internet_message_id.clone(),
        submission_id: submission.id.clone(),
    };
    tx.exec(
        "INSERT INTO owed (id, mailbox_id, kind, body, next_attempt_at, created_at)
         VALUES ($1, $2, 'append', $3, $4, $5) ON CONFLICT (id) DO NOTHING",
        &[
            owed_id(&submission.id).into(),
            (&submission.mailbox_id).into(),
            serde_json::to_string(&intent)?.into(),
            due.into(),
            now.into(),
        ],
    )?;
    tx.wake(Topic::Mailbox(submission.mailbox_id.clone()));
    Ok(())
}

/// The copy was seen in Sent: it is owed no more. If nobody has begun to file it, the server has done it by itself.
pub(super) fn seen(tx: &mut Tx<'_>, sent: &Claimed) -> Result<()> {
    let id = owed_id(&sent.submission.id);
    let waited = "DELETE FROM owed WHERE id = $1 AND state = 'pending' AND attempts = 0";
    let by_itself = tx.exec(waited, &[(&id).into()])? == 1;
    tx.exec("DELETE FROM owed WHERE id = $1", &[id.into()])?;
    if by_itself {
        learn(tx, &sent.submission.mailbox_id, SentCopyFiler::Server)?;
    }
    Ok(())
}

/// Remembers who files the mailbox's copies.
pub(crate) fn learn(tx: &mut Tx<'_>, mailbox_id: &str, by: SentCopyFiler) -> Result<()> {
    tx.exec(
        "UPDATE mailboxes SET sent_copy_by = $2 WHERE id = $1 AND (sent_copy_by IS NULL OR sent_copy_by <> $2)",
        &[mailbox_id.into(), by.as_str().into()],
    )?;
    Ok(())
}

/// The owed row of a submission's copy has an id that follows from the submission's.
pub(super) fn owed_id(submission_id: &str) -> String {
    let tail = submission_id.strip_prefix("sub_").unwrap_or(submission_id);
    format!("owe_{tail}")
}
