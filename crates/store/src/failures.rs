//! The ledger: one row for each message that could not be fetched, parsed or stored.

use crate::blobs::{self, Place};
use crate::db::Row;
use crate::error::{Result, StoreError};
use crate::removal::not_removed;
use crate::wake::Topic;
use crate::{Store, Tx};
use model::limits::FAILURE_ATTEMPTS;
use model::{Timestamp, fresh_id};
use serde::Serialize;
use std::collections::HashSet;

/// A message that is not there, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// `fal_…`
    pub id: String,
    /// The mailbox.
    pub mailbox_id: String,
    /// The folder.
    pub folder_id: String,
    /// The message's UID.
    pub uid: i64,
    /// The catalogue's id of the problem.
    pub problem_id: String,
    /// What happened, in words.
    pub reason: String,
    /// Digest of the raw bytes, where they were had.
    pub raw_digest: Option<String>,
    /// Tries so far.
    pub attempts: i64,
    /// When the next try comes; null: only by hand.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was first noticed.
    pub created_at: Timestamp,
}

/// A failure on its way into the ledger.
#[derive(Clone, Debug)]
pub struct NewFailure {
    /// The message's UID.
    pub uid: i64,
    /// The catalogue's id of the problem.
    pub problem_id: String,
    /// What happened, in words.
    pub reason: String,
    /// The raw bytes, where they were had.
    pub raw: Option<crate::blobs::Stored>,
}

/// Pauses before the tries: 1 minute, growing by the factor 4, at most a day.
fn pause(attempts: i64) -> Option<i64> {
    if attempts >= FAILURE_ATTEMPTS {
        return None;
    }
    Some((60_000 * 4i64.saturating_pow(attempts.clamp(0, 10) as u32)).min(86_400_000))
}

/// Writes failures of one folder; a known one counts another try. Returns the UIDs of those that are new.
pub(crate) fn add(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    folder_id: &str,
    uid_validity: i64,
    failures: &[NewFailure],
    now: Timestamp,
) -> Result<HashSet<i64>> {
    let mut new = HashSet::new();
    for failure in failures {
        let args = [folder_id.into(), uid_validity.into(), failure.uid.into()];
        let row = tx.row(
            "SELECT attempts FROM failures WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3",
            &args,
        )?;
        let attempts = match row {
            Some(row) => row.get::<i64>(0)? + 1,
            None => {
                new.insert(failure.uid);
                1
            }
        };
        let next = pause(attempts).map(|pause| now.plus_millis(pause));
        tx.exec(
            "INSERT INTO failures (id, mailbox_id, folder_id, uid_validity, uid, problem_id, reason, digest,
               attempts, next_attempt_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (folder_id, uid_validity, uid) DO UPDATE
               SET problem_id = excluded.problem_id, reason = excluded.reason, attempts = excluded.attempts,
                   digest = coalesce(excluded.digest, failures.digest), next_attempt_at = excluded.next_attempt_at",
            &[
                fresh_id("fal", now).into(),
                mailbox_id.into(),
                folder_id.into(),
                uid_validity.into(),
                failure.uid.into(),
                (&failure.problem_id).into(),
                (&failure.reason).into(),
                failure.raw.as_ref().map(|raw| raw.digest.clone()).into(),
                attempts.into(),
                next.into(),
                now.into(),
            ],
        )?;
    }
    Ok(new)
}

/// UIDs of a folder whose next try is due.
///
/// # Errors
/// The database is out of reach.
pub async fn due(store: &Store, folder_id: &str, uid_validity: i64) -> Result<Vec<i64>> {
    let (now, folder_id) = (store.now(), folder_id.to_owned());
    store
        .db
        .glance(move |tx| {
            let rows = tx.rows(
                "SELECT uid FROM failures WHERE folder_id = $1 AND uid_validity = $2 AND next_attempt_at <= $3
                 ORDER BY uid LIMIT 200",
                &[folder_id.into(), uid_validity.into(), now.into()],
            )?;
            rows.iter().map(|row| row.get(0)).collect()
        })
        .await
}

/// Folders of a mailbox with messages whose next try is due.
///
/// # Errors
/// The database is out of reach.
pub async fn due_folders(store: &Store, mailbox_id: &str) -> Result<Vec<String>> {
    let (now, mailbox_id) = (store.now(), mailbox_id.to_owned());
    store
        .db
        .glance(move |tx| {
            let rows = tx.rows(
                "SELECT DISTINCT folder_id FROM failures WHERE mailbox_id = $1 AND next_attempt_at <= $2",
                &[mailbox_id.into(), now.into()],
            )?;
            rows.iter().map(|row| row.get(0)).collect()
        })
        .await
}

/// A page of the ledger of a mailbox.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    mailbox_id: &str,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<Failure>> {
    let id = mailbox_id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM failures WHERE mailbox_id = $1 AND id > $2 AND ignored IS NULL AND {} ORDER BY id LIMIT $3",
                not_removed("mailbox_id")
            );
            let rows = tx.rows(&sql, &[id.into(), after.unwrap_or_default().into(), limit.into()])?;
            rows.iter().map(from_row).collect()
        })
        .await
}

/// Digest and place of the raw bytes of a message of the ledger.
///
/// # Errors
/// No such failure in this mailbox, or its bytes are not kept.
pub async fn raw(store: &Store, mailbox_id: &str, id: &str) -> Result<(String, Place)> {
    let (mailbox_id, id) = (mailbox_id.to_owned(), id.to_owned());
    let digest = store.db.read(move |tx| {
        let sql = format!(
            "SELECT digest FROM failures WHERE id = $1 AND mailbox_id = $2 AND ignored IS NULL AND {}",
            not_removed("mailbox_id")
        );
        let row = tx.row(&sql, &[id.into(), mailbox_id.into()])?;
        let row = row.ok_or(StoreError::NotFound("the failed message"))?;
        row.get::<Option<String>>(0)?
            .ok_or(StoreError::NotFound("the raw message"))
    });
    let digest = digest.await?;
    let place = blobs::find(store, &digest).await?;
    Ok((digest, place))
}

/// Has a message tried again at once.
///
/// # Errors
/// No such failure in this mailbox.
pub async fn retry(store: &Store, mailbox_id: &str, id: &str) -> Result<Failure> {
    let (mailbox_id, id) = (mailbox_id.to_owned(), id.to_owned());
    store
        .db
        .write(move |tx| {
            tx.exec(
                "UPDATE failures SET attempts = 0, next_attempt_at = 0 WHERE id = $1 AND mailbox_id = $2 AND ignored IS NULL",
                &[(&id).into(), (&mailbox_id).into()],
            )?;
            let sql = format!(
                "SELECT {COLUMNS} FROM failures WHERE id = $1 AND mailbox_id = $2 AND ignored IS NULL AND {}",
                not_removed("mailbox_id")
            );
            let row = tx.row(&sql, &[id.into(), (&mailbox_id).into()])?;
            tx.wake(Topic::Mailbox(mailbox_id));
            row.as_ref().map_or(Err(StoreError::NotFound("the failed message")), from_row)
        })
        .await
}

const COLUMNS: &str = "id, mailbox_id, folder_id, uid, problem_id, reason, digest, attempts,
    next_attempt_at, created_at";

fn from_row(row: &Row) -> Result<Failure> {
    Ok(Failure {
        id: row.get(0)?,
        mailbox_id: row.get(1)?,
        folder_id: row.get(2)?,
        uid: row.get(3)?,
        problem_id: row.get(4)?,
        reason: row.get(5)?,
        raw_digest: row.get(6)?,
        attempts: row.get(7)?,
        next_attempt_at: row.get(8)?,
        created_at: row.get(9)?,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn tries_end_and_pauses_grow_to_a_day() {
        assert_eq!(super::pause(0), Some(60_000));
        assert_eq!(super::pause(1), Some(240_000));
        assert_eq!(super::pause(7), Some(86_400_000));
        assert_eq!(super::pause(model::limits::FAILURE_ATTEMPTS), None);
    }
}
