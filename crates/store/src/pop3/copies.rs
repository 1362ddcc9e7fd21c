//! What is kept of a maildrop beyond its ids: the sizes that tell a reused id, the copies that are
//! safe enough to delete the originals, and the copies that outlive the maildrop.

use super::{UID_VALIDITY, forget_in};
use crate::blobs::Place;
use crate::db::Column::{Int, Text};
use crate::error::Result;
use crate::ingest::Batch;
use crate::leases::{self, Lease};
use crate::{Store, Tx, mailboxes};
use model::Timestamp;
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// A message of a maildrop that is stored durably here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Its key.
    pub key: String,
    /// Where its bytes are.
    pub place: Place,
}

const COPIES: &str = "SELECT u.unique_id, b.segment, b.position, b.length FROM pop3_uids u
     JOIN placements p ON p.folder_id = u.folder_id AND p.uid_validity = $2 AND p.uid = u.uid
     JOIN messages m ON m.id = p.message_id AND m.vanished_at IS NULL
     JOIN blobs b ON b.digest = m.digest
     WHERE u.folder_id = $1";

/// The messages whose ids were noted until `until` and whose copies here are whole and durable; oldest first.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn safe_since(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    until: Timestamp,
) -> Result<Vec<Copy>> {
    let (lease, id) = (lease.clone(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            let sql = format!(
                "{COPIES} AND m.body = 'whole' AND u.noted_at <= $3 ORDER BY u.noted_at, u.uid"
            );
            found(tx, &sql, &[id.into(), UID_VALIDITY.into(), until.into()])
        })
        .await
}

/// The keys of messages whose header alone is stored and whose rest was asked for.
///
/// # Errors
/// The database is out of reach.
pub async fn asked(store: &Store, folder_id: &str) -> Result<HashSet<String>> {
    let id = folder_id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = "SELECT u.unique_id FROM folders f
                 JOIN messages m ON m.mailbox_id = f.mailbox_id AND m.body = 'asked'
                 JOIN placements p ON p.message_id = m.id AND p.folder_id = f.id AND p.uid_validity = $2
                 JOIN pop3_uids u ON u.folder_id = f.id AND u.uid = p.uid WHERE f.id = $1";
            let rows = tx.rows(sql, &[id.into(), UID_VALIDITY.into()])?;
            rows.iter().map(|row| row.get(0)).collect()
        })
        .await
}

/// The stored copies of these keys.
///
/// # Errors
/// The database is out of reach.
pub async fn copies(store: &Store, folder_id: &str, keys: &[String]) -> Result<Vec<Copy>> {
    let (id, keys) = (folder_id.to_owned(), serde_json::to_string(keys)?);
    store
        .db
        .read(move |tx| {
            let sql = format!("{COPIES} AND u.unique_id IN {}", tx.dialect().texts(3));
            found(tx, &sql, &[id.into(), UID_VALIDITY.into(), keys.into()])
        })
        .await
}

fn found(tx: &mut Tx<'_>, sql: &str, args: &[crate::db::Value]) -> Result<Vec<Copy>> {
    tx.rows(sql, args)?
        .iter()
        .map(|row| {
            Ok(Copy {
                key: row.get(0)?,
                place: Place {
                    segment: row.get(1)?,
                    position: row.get::<i64>(2)? as u64,
                    length: row.get::<i64>(3)? as u64,
                },
            })
        })
        .collect()
}

/// The keys whose listed size is another one than before: perhaps other messages under old ids. Sizes that
/// are new to us are not among them.
///
/// # Errors
/// The database is out of reach.
pub async fn resized(
    store: &Store,
    folder_id: &str,
    listed: &HashMap<String, i64>,
) -> Result<Vec<String>> {
    let id = folder_id.to_owned();
    let before: Vec<(String, i64)> = store
        .db
        .read(move |tx| {
            let sql = "SELECT unique_id, octets FROM pop3_uids WHERE folder_id = $1 AND octets IS NOT NULL";
            tx.rows(sql, &[id.into()])?
                .iter()
                .map(|row| Ok((row.get(0)?, row.get(1)?)))
                .collect()
        })
        .await?;
    Ok(before
        .into_iter()
        .filter(|(key, octets)| listed.get(key).is_some_and(|now| now != octets))
        .map(|(key, _)| key)
        .collect())
}

/// Notes the sizes that the server listed, of the keys that are known.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn note_sizes(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    listed: &HashMap<String, i64>,
) -> Result<()> {
    if listed.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = listed
        .iter()
        .map(|(key, octets)| json!({"unique_id": key, "octets": octets}))
        .collect();
    let (lease, id, rows) = (
        lease.clone(),
        folder_id.to_owned(),
        serde_json::to_string(&rows)?,
    );
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            let sql = format!(
                "UPDATE pop3_uids SET octets = r.octets FROM {}
                 WHERE pop3_uids.folder_id = $2 AND pop3_uids.unique_id = r.unique_id
                   AND (pop3_uids.octets IS NULL OR pop3_uids.octets <> r.octets)",
                tx.dialect().records(1, &[Text("unique_id"), Int("octets")])
            );
            tx.exec(&sql, &[rows.into(), id.into()]).map(drop)
        })
        .await
}

/// The server gives these ids to other messages now: they are new ones. The old ones keep their copies.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn reused(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    keys: Vec<String>,
) -> Result<()> {
    let (lease, id) = (lease.clone(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &lease.mailbox_id)?;
            leases::check(tx, &lease)?;
            forget_in(tx, &id, &keys)
        })
        .await
}

/// Placements (`p`) that stand for something on a server. The others are copies of what a server had no more
/// while it spoke POP3: no comparison with a server may take them away.
pub(crate) const LISTED: &str = "(p.uid_validity <> 0 OR EXISTS
     (SELECT 1 FROM pop3_uids u WHERE u.folder_id = p.folder_id AND u.uid = p.uid))";

/// How many are kept here alone, how many of them are unread, and the first UID that none of them has.
pub(crate) fn count_kept(tx: &mut Tx<'_>, folder_id: &str) -> Result<(i64, i64, i64)> {
    let row = tx.row(
        "SELECT count(*), CAST(coalesce(sum(1 - m.seen), 0) AS BIGINT), CAST(coalesce(max(p.uid), 0) AS BIGINT)
         FROM placements p JOIN messages m ON m.id = p.message_id WHERE p.folder_id = $1 AND p.uid_validity = $2",
        &[folder_id.into(), UID_VALIDITY.into()],
    )?;
    row.map_or(Ok((0, 0, 1)), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<i64>(2)? + 1))
    })
}

/// Messages that were kept here alone and turn up on the IMAP server are the same: they wait to be matched
/// by their bytes, as many as there are in the batch.
pub(crate) fn give_back(tx: &mut Tx<'_>, batch: &Batch, now: Timestamp) -> Result<()> {
    let place = [(&batch.folder_id).into(), UID_VALIDITY.into()];
    // The order keeps PostgreSQL from reading the table from its beginning for the first row that fits.
    let some =
        "SELECT 1 FROM placements WHERE folder_id = $1 AND uid_validity = $2 ORDER BY uid LIMIT 1";
    if batch.uid_validity == UID_VALIDITY || tx.row(some, &place)?.is_none() {
        return Ok(());
    }
    let mut wanted: HashMap<&str, usize> = HashMap::new();
    for message in &batch.messages {
        *wanted.entry(message.stored.digest.as_str()).or_default() += 1;
    }
    let digests: Vec<&&str> = wanted.keys().collect();
    let sql = format!(
        "SELECT p.uid, m.id, m.digest, m.seen FROM placements p JOIN messages m ON m.id = p.message_id
         WHERE p.folder_id = $1 AND p.uid_validity = $2 AND m.digest IN {} ORDER BY p.uid",
        tx.dialect().texts(3)
    );
    let [folder, epoch] = place;
    let rows = tx.rows(
        &sql,
        &[folder, epoch, serde_json::to_string(&digests)?.into()],
    )?;
    for row in &rows {
        let digest: String = row.get(2)?;
        let Some(left) = wanted.get_mut(digest.as_str()).filter(|left| **left > 0) else {
            continue;
        };
        *left -= 1;
        let (uid, id): (i64, String) = (row.get(0)?, row.get(1)?);
        tx.exec(
            "DELETE FROM placements WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3",
            &[(&batch.folder_id).into(), UID_VALIDITY.into(), uid.into()],
        )?;
        tx.exec(
            "UPDATE messages SET vanished_at = $2, vanished_from = $3 WHERE id = $1",
            &[id.into(), now.into(), (&batch.folder_id).into()],
        )?;
        tx.exec(
            "UPDATE folders SET messages = messages - 1, unread = unread - $2 WHERE id = $1",
            &[(&batch.folder_id).into(), (1 - row.get::<i64>(3)?).into()],
        )?;
    }
    Ok(())
}
