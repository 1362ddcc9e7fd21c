//! The messages of connection tests: noted before they are sent, and left out of the copy where they turn up.
//!
//! Their header and the shape of their Message-ID prove nothing, since anybody may write both; a Message-ID that was noted here
//! does, because nobody can guess it. Whoever gets a test message knows it, and could hide mail behind it: so it counts for one
//! small message of a folder.
//!
//! A message that is left out has a row in the ledger of failures, marked with its Message-ID: its UID is accounted for, and
//! it is no hole, is never tried again, and shows nowhere.

use crate::error::Result;
use crate::ingest::{Batch, NewMessage};
use crate::{Store, Tx};
use model::{Timestamp, fresh_id};

/// What the Message-ID of every test message begins with.
const BEGINS: &str = "test_";
/// No test message is larger, whatever is put above it on its way.
const BYTES_MOST: u64 = 64 * 1024;
/// How long a Message-ID is remembered after it was last met.
const KEPT_MILLIS: i64 = 30 * 86_400_000;

/// Takes note of a Message-ID, without angle brackets. To be called before its message is sent.
///
/// # Errors
/// The database is out of reach.
pub async fn note(store: &Store, internet_message_id: &str) -> Result<()> {
    let (now, id) = (store.now(), internet_message_id.to_owned());
    store
        .db
        .write(move |tx| {
            tx.exec(
                "INSERT INTO test_messages (internet_message_id, met_at) VALUES ($1, $2)
                 ON CONFLICT (internet_message_id) DO NOTHING",
                &[id.into(), now.into()],
            )
            .map(drop)
        })
        .await
}

/// Takes the test messages out of a batch and writes their UIDs down as accounted for.
pub(crate) fn take_out(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    batch: &mut Batch,
    now: Timestamp,
) -> Result<()> {
    let looks_so = |message: &NewMessage| {
        let id = message.refs.message_id.as_deref();
        id.is_some_and(|id| id.starts_with(BEGINS)) && message.stored.place.length <= BYTES_MOST
    };
    if !batch.messages.iter().any(looks_so) {
        return Ok(());
    }
    let (candidates, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut batch.messages)
        .into_iter()
        .partition(looks_so);
    batch.messages = rest;
    for message in candidates {
        let id = message.refs.message_id.clone().unwrap_or_default();
        if !is_the_one(tx, batch, &id, message.uid)? {
            batch.messages.push(message);
            continue;
        }
        tx.exec(
            "UPDATE test_messages SET met_at = $2 WHERE internet_message_id = $1",
            &[(&id).into(), now.into()],
        )?;
        tx.exec(
            "INSERT INTO failures (id, mailbox_id, folder_id, uid_validity, uid, problem_id, reason, attempts, ignored, created_at)
             VALUES ($1, $2, $3, $4, $5, '', '', 0, $6, $7)
             ON CONFLICT (folder_id, uid_validity, uid) DO UPDATE
               SET ignored = excluded.ignored, next_attempt_at = NULL",
            &[
                fresh_id("fal", now).into(),
                mailbox_id.into(),
                (&batch.folder_id).into(),
                batch.uid_validity.into(),
                message.uid.into(),
                id.into(),
                now.into(),
            ],
        )?;
    }
    Ok(())
}

/// Whether a Message-ID was noted, and no other message of the folder stands behind it.
fn is_the_one(tx: &mut Tx<'_>, batch: &Batch, id: &str, uid: i64) -> Result<bool> {
    let row = tx.row(
        "SELECT 1 FROM test_messages t WHERE t.internet_message_id = $1 AND NOT EXISTS (
           SELECT 1 FROM failures f WHERE f.folder_id = $2 AND f.uid_validity = $3 AND f.uid <> $4 AND f.ignored = $1)",
        &[
            id.into(),
            (&batch.folder_id).into(),
            batch.uid_validity.into(),
            uid.into(),
        ],
    )?;
    Ok(row.is_some())
}

/// Forgets what was not met for long, unless a message is still left out because of it.
pub(crate) fn expire(tx: &mut Tx<'_>, now: Timestamp, rows: i64) -> Result<u64> {
    tx.exec(
        "DELETE FROM test_messages WHERE internet_message_id IN (
           SELECT t.internet_message_id FROM test_messages t WHERE t.met_at < $1
             AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.ignored = t.internet_message_id) LIMIT $2)",
        &[now.plus_millis(-KEPT_MILLIS).into(), rows.into()],
    )
}
