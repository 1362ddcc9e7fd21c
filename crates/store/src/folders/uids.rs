//! What is accounted for in a folder, by UID: stored, in the ledger of failures, or left out on purpose.

use crate::Store;
use crate::error::Result;
use model::Timestamp;

/// The UIDs of a folder that we have.
///
/// # Errors
/// The database is out of reach.
pub async fn stored_uids(store: &Store, folder_id: &str, uid_validity: i64) -> Result<Vec<i64>> {
    uids_of(store, "placements", folder_id, uid_validity).await
}

/// The UIDs of a folder that are in the ledger of failures, or left out on purpose.
///
/// # Errors
/// The database is out of reach.
pub async fn failed_uids(store: &Store, folder_id: &str, uid_validity: i64) -> Result<Vec<i64>> {
    uids_of(store, "failures", folder_id, uid_validity).await
}

async fn uids_of(
    store: &Store,
    table: &'static str,
    folder_id: &str,
    uid_validity: i64,
) -> Result<Vec<i64>> {
    let folder_id = folder_id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT uid FROM {table} WHERE folder_id = $1 AND uid_validity = $2 ORDER BY uid"
            );
            let rows = tx.rows(&sql, &[folder_id.into(), uid_validity.into()])?;
            rows.iter().map(|row| row.get(0)).collect()
        })
        .await
}

/// Messages that are still to be fetched, by folder, as far as they were counted.
///
/// # Errors
/// The database is out of reach.
pub async fn to_come(store: &Store, mailbox_id: &str) -> Result<Vec<(String, i64)>> {
    let id = mailbox_id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = "SELECT id, total - messages FROM folders
                 WHERE mailbox_id = $1 AND mode <> 'off' AND backfilled = 0 AND total > messages";
            let rows = tx.rows(sql, &[id.into()])?;
            rows.iter()
                .map(|row| Ok((row.get(0)?, row.get(1)?)))
                .collect()
        })
        .await
}

/// Messages of one end of a folder that stand for all of them.
const SAMPLE: i64 = 4;

/// A few messages of a folder, its newest and its oldest: UID, octets, and when the server received it.
///
/// # Errors
/// The database is out of reach.
pub async fn sample(
    store: &Store,
    folder_id: &str,
    uid_validity: i64,
) -> Result<Vec<(i64, i64, Timestamp)>> {
    let folder_id = folder_id.to_owned();
    store
        .db
        .glance(move |tx| {
            let mut all = Vec::new();
            for order in ["DESC", "ASC"] {
                let sql = format!(
                    "SELECT p.uid, m.size, m.received_at FROM placements p JOIN messages m ON m.id = p.message_id
                     WHERE p.folder_id = $1 AND p.uid_validity = $2 ORDER BY p.uid {order} LIMIT {SAMPLE}"
                );
                for row in tx.rows(&sql, &[(&folder_id).into(), uid_validity.into()])? {
                    all.push((row.get(0)?, row.get(1)?, row.get(2)?));
                }
            }
            Ok(all)
        })
        .await
}

/// The flags of messages of a folder, by UID: of those from the first to the last UID, ends included.
///
/// # Errors
/// The database is out of reach.
pub async fn stored_flags(
    store: &Store,
    folder_id: &str,
    uid_validity: i64,
    (first, last): (i64, i64),
) -> Result<std::collections::HashMap<i64, model::message::Flags>> {
    let folder_id = folder_id.to_owned();
    store
        .db
        .read(move |tx| {
            let rows = tx.rows(
                "SELECT p.uid, m.seen, m.answered, m.flagged, m.draft, m.keywords
                 FROM placements p JOIN messages m ON m.id = p.message_id
                 WHERE p.folder_id = $1 AND p.uid_validity = $2 AND p.uid BETWEEN $3 AND $4",
                &[
                    folder_id.into(),
                    uid_validity.into(),
                    first.into(),
                    last.into(),
                ],
            )?;
            rows.iter()
                .map(|row| {
                    let flags = model::message::Flags {
                        seen: row.get(1)?,
                        answered: row.get(2)?,
                        flagged: row.get(3)?,
                        draft: row.get(4)?,
                        keywords: row.json(5)?,
                    };
                    Ok((row.get(0)?, flags))
                })
                .collect()
        })
        .await
}
