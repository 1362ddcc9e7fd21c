//! What is owed, for people and programs: they see it, have it tried again, or give it up.

use super::{Intent, settle};
use crate::db::Row;
use crate::error::{Result, StoreError};
use crate::removal::not_removed;
use crate::wake::Topic;
use crate::{Store, Tx, mailboxes};
use model::Timestamp;
use serde::Serialize;

/// Where a change stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for its turn, for the server, or for the mailbox to be more than read only.
    Pending,
    /// It is being carried out.
    Working,
    /// It failed for good: what the server has counts.
    Failed,
}

impl State {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "pending" => Some(Self::Pending),
            "working" => Some(Self::Working),
            "failed" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// One change that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `owe_…`
    pub id: String,
    /// The mailbox.
    pub mailbox_id: String,
    /// Where it stands.
    pub state: State,
    /// What is owed.
    pub intent: Intent,
    /// The message that it is about.
    pub message_id: Option<String>,
    /// The folder that it is about, or that the message goes to.
    pub folder_id: Option<String>,
    /// Tries so far.
    pub attempts: i64,
    /// When the next try is due; `None`: not by itself.
    pub next_attempt_at: Option<Timestamp>,
    /// What stood in the way of the last try.
    pub problem_id: Option<String>,
    /// The same in words.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl Entry {
    /// The kind of change, in one word.
    pub const fn kind(&self) -> &'static str {
        self.intent.kind()
    }
}

const COLUMNS: &str =
    "o.id, o.mailbox_id, o.state, o.body, o.message_id, o.folder_id, o.attempts, o.next_attempt_at,
    o.problem_id, o.reason, o.created_at";

fn from_row(row: &Row) -> Result<Entry> {
    let state = row.word(2, State::parse)?;
    let next: Timestamp = row.get(7)?;
    Ok(Entry {
        id: row.get(0)?,
        mailbox_id: row.get(1)?,
        state,
        intent: row.json(3)?,
        message_id: row.get(4)?,
        folder_id: row.get(5)?,
        attempts: row.get(6)?,
        next_attempt_at: (state != State::Failed).then_some(next),
        problem_id: row.get(8)?,
        reason: row.get(9)?,
        created_at: row.get(10)?,
    })
}

/// What is owed to a mailbox's server, and what failed, in the order in which it was asked for.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    mailbox_id: &str,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<Entry>> {
    let id = mailbox_id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM owed o WHERE o.mailbox_id = $1 AND {}
                   AND o.n > coalesce((SELECT e.n FROM owed e WHERE e.id = $2), 0) ORDER BY o.n LIMIT $3",
                not_removed("o.mailbox_id")
            );
            let args = [id.into(), after.unwrap_or_default().into(), limit.into()];
            tx.rows(&sql, &args)?.iter().map(from_row).collect()
        })
        .await
}

/// One change.
///
/// # Errors
/// Nothing of that id is owed to this mailbox's server.
pub async fn get(store: &Store, mailbox_id: &str, id: &str) -> Result<Entry> {
    let (mailbox_id, id) = (mailbox_id.to_owned(), id.to_owned());
    store.db.read(move |tx| read(tx, &mailbox_id, &id)).await
}

pub(super) fn read(tx: &mut Tx<'_>, mailbox_id: &str, id: &str) -> Result<Entry> {
    let sql = format!(
        "SELECT {COLUMNS} FROM owed o WHERE o.id = $1 AND o.mailbox_id = $2 AND {}",
        not_removed("o.mailbox_id")
    );
    let row = tx.row(&sql, &[id.into(), mailbox_id.into()])?;
    row.as_ref()
        .map_or(Err(StoreError::NotFound("the owed change")), from_row)
}

/// Has a change tried again at once, also one that had failed for good.
///
/// # Errors
/// Nothing of that id is owed to this mailbox's server, or the mailbox may only be read.
pub async fn retry(store: &Store, mailbox_id: &str, id: &str) -> Result<Entry> {
    let (now, mailbox_id, id) = (store.now(), mailbox_id.to_owned(), id.to_owned());
    store
        .db
        .write(move |tx| {
            let mailbox = mailboxes::lock(tx, &mailbox_id)?;
            let entry = read(tx, &mailbox_id, &id)?;
            if mailbox.read_only {
                return Err(StoreError::ReadOnly);
            }
            if entry.state != State::Working {
                if let (State::Failed, Intent::Append { submission_id, .. }) = (entry.state, &entry.intent) {
                    let sql = "UPDATE submissions SET sent_copy = 'owed' WHERE id = $1";
                    tx.exec(sql, &[submission_id.into()])?;
                }
                tx.exec(
                    "UPDATE owed SET state = 'pending', attempts = 0, next_attempt_at = $2 WHERE id = $1",
                    &[(&id).into(), now.into()],
                )?;
            }
            tx.wake(Topic::Mailbox(mailbox_id.clone()));
            read(tx, &mailbox_id, &id)
        })
        .await
}

/// Gives a change up: what the server has counts.
///
/// # Errors
/// Nothing of that id is owed to this mailbox's server, or it is being carried out at this moment.
pub async fn cancel(store: &Store, mailbox_id: &str, id: &str) -> Result<()> {
    let (now, mailbox_id, id) = (store.now(), mailbox_id.to_owned(), id.to_owned());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &mailbox_id)?;
            let entry = read(tx, &mailbox_id, &id)?;
            let at_work = tx.row(
                "SELECT 1 FROM leases WHERE mailbox_id = $1 AND expires_at > $2",
                &[(&mailbox_id).into(), now.into()],
            )?;
            if entry.state == State::Working && at_work.is_some() {
                return Err(StoreError::Conflict(
                    "the server is being asked for this change right now".into(),
                ));
            }
            tx.exec("DELETE FROM owed WHERE id = $1", &[(&id).into()])?;
            if entry.state != State::Failed {
                let rows = tx.rows(
                    "SELECT folder_id FROM placements WHERE message_id = $1",
                    &[entry.message_id.clone().into()],
                )?;
                for row in &rows {
                    let folder: String = row.get(0)?;
                    settle::forget_here(tx, &entry.intent, Some(&folder))?;
                }
                if rows.is_empty() {
                    settle::forget_here(tx, &entry.intent, None)?;
                }
            }
            tx.wake(Topic::Mailbox(mailbox_id.clone()));
            Ok(())
        })
        .await
}
