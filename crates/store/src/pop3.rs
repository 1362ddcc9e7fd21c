//! What we know of a POP3 maildrop: which unique id became which message.
//!
//! A maildrop has no UIDs and no flags; the answer to UIDL is its only lasting identity (RFC 1939
//! section 7). We give out UIDs of our own, growing, and write the ids in the transaction that stores
//! the messages, so a message is known exactly when it is stored. A crash costs the batch in flight,
//! which is fetched again, and nothing else.
//!
//! A message that the server has no more keeps our copy: most POP3 servers lose mail because a client
//! fetched it or because it grew old, not because a person threw it away. Only its id is forgotten.
//! When the same bytes turn up under another id (the provider moved, a bad server counts anew), the
//! copy is taken for them: nothing is doubled, and nothing is told twice.

mod copies;

pub use copies::{Copy, asked, copies, note_sizes, resized, reused, safe_since};
pub(crate) use copies::{LISTED, count_kept, give_back};

use crate::db::Column::{Int, Text};
use crate::db::Row;
use crate::error::Result;
use crate::ingest::{self, Batch, Outcome, Threader};
use crate::leases::{self, Lease};
use crate::{Store, Tx, folders, mailboxes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use model::message::Flags;
use ring::digest::{SHA256, digest};
use serde_json::json;
use std::collections::HashMap;

/// The UIDVALIDITY of a maildrop's folder. No IMAP server may say 0 (RFC 9051 section 2.3.1.1), so a
/// mailbox that changes its protocol is matched anew by its bytes, in both directions.
pub const UID_VALIDITY: i64 = 0;
/// Longest key that is kept as it is; PostgreSQL indexes no row above some 2700 bytes.
const KEY_BYTES: usize = 200;
/// What begins a key that no server sent.
const MARK: &str = "=?";

/// The key of a unique id: its text if it is short and printable, else an encoding of it. `None` for
/// an empty one, which is no identity.
pub fn key(id: &[u8]) -> Option<String> {
    if id.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(id).unwrap_or(MARK);
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.starts_with(MARK);
    Some(if id.len() > KEY_BYTES {
        format!("{MARK}sha256?{}", STANDARD.encode(digest(&SHA256, id)))
    } else if plain {
        text.to_owned()
    } else {
        format!("{MARK}b64?{}", STANDARD.encode(id))
    })
}

/// The key of a message without a unique id: what it says. `nth` tells apart messages that are equal
/// to the byte, from 1.
pub fn content_key(digest: &str, nth: u32) -> String {
    format!("{MARK}content?{digest}?{nth}")
}

/// The key of a message that has no unique id and could not be read: its number, for want of better.
pub fn number_key(number: u32) -> String {
    format!("{MARK}number?{number}")
}

/// Whether a key is one of [`content_key`] or [`number_key`].
pub fn is_nameless(key: &str) -> bool {
    key.strip_prefix(MARK)
        .is_some_and(|rest| rest.starts_with("content?") || rest.starts_with("number?"))
}

/// How things stand with one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The message is stored.
    Stored,
    /// It is in the ledger of failures.
    Failed {
        /// Its next try is due.
        due: bool,
    },
    /// It was left out because of its date.
    LeftOut(Timestamp),
    /// It broke the connection, and is to be fetched.
    Open,
}

/// All ids of a folder that we know.
///
/// # Errors
/// The database is out of reach.
pub async fn known(store: &Store, folder_id: &str) -> Result<HashMap<String, Standing>> {
    let (now, id) = (store.now(), folder_id.to_owned());
    store
        .db
        .read(move |tx| {
            let rows = tx.rows(
                "SELECT u.unique_id, u.dated, p.uid, x.uid, x.next_attempt_at FROM pop3_uids u
                 LEFT JOIN placements p ON p.folder_id = u.folder_id AND p.uid_validity = $2 AND p.uid = u.uid
                 LEFT JOIN failures x ON x.folder_id = u.folder_id AND x.uid_validity = $2 AND x.uid = u.uid
                 WHERE u.folder_id = $1",
                &[id.into(), UID_VALIDITY.into()],
            )?;
            rows.iter()
                .map(|row| Ok((row.get(0)?, standing(row, now)?)))
                .collect()
        })
        .await
}

fn standing(row: &Row, now: Timestamp) -> Result<Standing> {
    if row.get::<Option<i64>>(2)?.is_some() {
        return Ok(Standing::Stored);
    }
    if row.get::<Option<i64>>(3)?.is_some() {
        let next: Option<Timestamp> = row.get(4)?;
        return Ok(Standing::Failed {
            due: next.is_some_and(|next| next <= now),
        });
    }
    let dated: Option<Timestamp> = row.get(1)?;
    Ok(dated.map_or(Standing::Open, Standing::LeftOut))
}

/// Makes a folder a maildrop: whatever it was before loses its UIDs and is matched again by its bytes.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn begin(store: &Store, lease: &Lease, folder_id: &str) -> Result<()> {
    let (held, id) = (lease.clone(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            leases::check(tx, &held)?;
            // First the ids: after a crash here, this is simply done again.
            tx.exec("DELETE FROM pop3_uids WHERE folder_id = $1", &[id.into()])
        })
        .await?;
    folders::reset(store, lease, folder_id, UID_VALIDITY).await
}

/// Forgets ids that the server has no more, and their failures. What is stored stays.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn forget(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    keys: Vec<String>,
) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
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

fn forget_in(tx: &mut Tx<'_>, folder_id: &str, keys: &[String]) -> Result<()> {
    let keys = serde_json::to_string(keys)?;
    let among = tx.dialect().texts(2);
    let failed = format!(
        "DELETE FROM failures WHERE folder_id = $1 AND uid_validity = $3 AND uid IN
         (SELECT uid FROM pop3_uids WHERE folder_id = $1 AND unique_id IN {among})"
    );
    tx.exec(
        &failed,
        &[folder_id.into(), keys.clone().into(), UID_VALIDITY.into()],
    )?;
    let ids = format!("DELETE FROM pop3_uids WHERE folder_id = $1 AND unique_id IN {among}");
    tx.exec(&ids, &[folder_id.into(), keys.into()]).map(drop)
}

/// The connection broke in the middle of this message. Returns how often it did so since the message
/// was last stored.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn strike(store: &Store, lease: &Lease, folder_id: &str, key: &str) -> Result<i64> {
    let (lease, id, key) = (lease.clone(), folder_id.to_owned(), key.to_owned());
    let now = store.now();
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            let row = tx.row(
                "INSERT INTO pop3_uids (folder_id, unique_id, strikes, noted_at) VALUES ($1, $2, 1, $3)
                 ON CONFLICT (folder_id, unique_id) DO UPDATE SET strikes = pop3_uids.strikes + 1
                 RETURNING strikes",
                &[id.into(), key.into(), now.into()],
            )?;
            row.map_or(Ok(1), |row| row.get(0))
        })
        .await
}

/// What came of one stretch of a maildrop. In `batch`, the UID of a message or failure is its index in
/// `keys`; the transaction gives the real ones.
#[derive(Clone, Debug)]
pub struct Haul {
    /// Messages and failures.
    pub batch: Batch,
    /// The keys of those messages and failures, each once.
    pub keys: Vec<String>,
    /// Messages that were left out, with their dates.
    pub left_out: Vec<(String, Timestamp)>,
}

/// Stores a haul: ids, messages, failures, cursor and events in one transaction.
///
/// # Errors
/// As [`ingest::ingest`].
pub async fn ingest(
    store: &Store,
    lease: &Lease,
    haul: Haul,
    threader: Threader,
) -> Result<Outcome> {
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &lease.mailbox_id)?;
            leases::check(tx, &lease)?;
            let mut batch = number(tx, haul, now)?;
            keep_flags(tx, &lease.mailbox_id, &mut batch)?;
            ingest::run(tx, &lease, batch, threader, now)
        })
        .await
}

/// Gives the haul its UIDs and writes its ids down.
fn number(tx: &mut Tx<'_>, haul: Haul, now: Timestamp) -> Result<Batch> {
    let Haul {
        mut batch,
        keys,
        left_out,
    } = haul;
    let folder_id = batch.folder_id.clone();
    // A message that is tried again keeps its UID, so that its failure is found.
    let mut uids = known_uids(tx, &folder_id, &keys)?;
    let mut copies = copies_without_id(tx, &batch)?;
    let row = tx.row(
        "SELECT high_uid FROM folders WHERE id = $1",
        &[(&folder_id).into()],
    )?;
    let mut next: i64 = row.map_or(Ok(1), |row| row.get(0))?;
    let mut fresh = || {
        next += 1;
        next - 1
    };
    let mut rows = Vec::with_capacity(keys.len() + left_out.len());
    for message in &mut batch.messages {
        let Some(key) = keys.get(message.uid as usize) else {
            continue;
        };
        message.uid = match uids.get(key) {
            Some(uid) => *uid,
            None => copies
                .get_mut(&message.stored.digest)
                .and_then(Vec::pop)
                .unwrap_or_else(&mut fresh),
        };
        rows.push(json!({"unique_id": key, "uid": message.uid, "dated": null}));
    }
    for (key, dated) in &left_out {
        rows.push(json!({"unique_id": key, "uid": null, "dated": dated.0}));
    }
    write_ids(tx, &folder_id, &rows, "strikes = 0", now)?;
    let mut failed = Vec::with_capacity(batch.failures.len());
    for failure in &mut batch.failures {
        let Some(key) = keys.get(failure.uid as usize) else {
            continue;
        };
        failure.uid = *uids.entry(key.clone()).or_insert_with(&mut fresh);
        failed.push(json!({"unique_id": key, "uid": failure.uid, "dated": null}));
    }
    write_ids(tx, &folder_id, &failed, "strikes = pop3_uids.strikes", now)?;
    batch.cursor.high_uid = Some(next);
    Ok(batch)
}

fn known_uids(tx: &mut Tx<'_>, folder_id: &str, keys: &[String]) -> Result<HashMap<String, i64>> {
    let sql = format!(
        "SELECT unique_id, uid FROM pop3_uids WHERE folder_id = $1 AND uid IS NOT NULL AND unique_id IN {}",
        tx.dialect().texts(2)
    );
    let args = [folder_id.into(), serde_json::to_string(keys)?.into()];
    tx.rows(&sql, &args)?
        .iter()
        .map(|row| Ok((row.get(0)?, row.get(1)?)))
        .collect()
}

/// UIDs, by digest, of stored messages whose ids the server has no more; the oldest at the end.
fn copies_without_id(tx: &mut Tx<'_>, batch: &Batch) -> Result<HashMap<String, Vec<i64>>> {
    let digests: Vec<&str> = batch
        .messages
        .iter()
        .map(|message| message.stored.digest.as_str())
        .collect();
    let sql = format!(
        "SELECT m.digest, p.uid FROM messages m JOIN placements p ON p.message_id = m.id
         WHERE m.digest IN {} AND p.folder_id = $1 AND p.uid_validity = $2
           AND NOT EXISTS (SELECT 1 FROM pop3_uids u WHERE u.folder_id = p.folder_id AND u.uid = p.uid)
         ORDER BY p.uid DESC",
        tx.dialect().texts(3)
    );
    let args = [
        (&batch.folder_id).into(),
        UID_VALIDITY.into(),
        serde_json::to_string(&digests)?.into(),
    ];
    let mut copies: HashMap<String, Vec<i64>> = HashMap::new();
    for row in tx.rows(&sql, &args)? {
        copies.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(copies)
}

/// Messages that wait to be matched by their bytes, because the folder was an IMAP folder until now,
/// keep the flags they had: POP3 has none to put in their place.
fn keep_flags(tx: &mut Tx<'_>, mailbox_id: &str, batch: &mut Batch) -> Result<()> {
    let digests: Vec<&str> = batch
        .messages
        .iter()
        .map(|message| message.stored.digest.as_str())
        .collect();
    let sql = format!(
        "SELECT digest, seen, answered, flagged, draft, keywords FROM messages
         WHERE mailbox_id = $1 AND vanished_at IS NOT NULL AND digest IN {}",
        tx.dialect().texts(2)
    );
    let args = [mailbox_id.into(), serde_json::to_string(&digests)?.into()];
    let mut flags: HashMap<String, Flags> = HashMap::new();
    for row in tx.rows(&sql, &args)? {
        let had = Flags {
            seen: row.get(1)?,
            answered: row.get(2)?,
            flagged: row.get(3)?,
            draft: row.get(4)?,
            keywords: row.json(5)?,
        };
        flags.insert(row.get(0)?, had);
    }
    for message in &mut batch.messages {
        if let Some(had) = flags.get(&message.stored.digest) {
            message.flags = had.clone();
        }
    }
    Ok(())
}

fn write_ids(
    tx: &mut Tx<'_>,
    folder_id: &str,
    rows: &[serde_json::Value],
    strikes: &str,
    now: Timestamp,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = [Text("unique_id"), Int("uid"), Int("dated")];
    let sql = format!(
        "INSERT INTO pop3_uids (folder_id, unique_id, uid, dated, strikes, noted_at)
         SELECT $2, unique_id, uid, dated, 0, CAST($3 AS BIGINT) FROM {} WHERE true
         ON CONFLICT (folder_id, unique_id) DO UPDATE
           SET uid = excluded.uid, dated = excluded.dated, noted_at = excluded.noted_at, {strikes}",
        tx.dialect().records(1, &columns)
    );
    tx.exec(
        &sql,
        &[
            serde_json::to_string(rows)?.into(),
            folder_id.into(),
            now.into(),
        ],
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_a_short_printable_key_of_its_own() {
        let long = vec![b'x'; 5000];
        let mut longer = long.clone();
        longer.push(b'y');
        let ids: [&[u8]; 8] = [
            b"0001abc",
            b"=?b64?MDAx",
            b"with space",
            b"\xff\xfe",
            b"=?content?x?1",
            b"=?number?1",
            &long,
            &longer,
        ];
        let keys: Vec<String> = ids.iter().filter_map(|id| key(id)).collect();
        assert_eq!(keys.len(), ids.len());
        assert_eq!(keys[0], "0001abc");
        for (i, key) in keys.iter().enumerate() {
            assert!(key.len() <= 300 && key.bytes().all(|b| b.is_ascii_graphic()));
            assert!(!keys[..i].contains(key), "{key}");
            assert!(!is_nameless(key), "{key}");
        }
        assert_eq!(key(b""), None);
        assert!(is_nameless(&content_key("abc", 2)) && is_nameless(&number_key(7)));
    }
}
