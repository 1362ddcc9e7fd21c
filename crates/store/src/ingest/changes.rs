//! What changed about messages that are stored: flags, and messages that left their folder.

use super::{Place, event, placing, threads, write_flags};
use crate::error::{Result, StoreError};
use crate::folders::{self, Cursor};
use crate::leases::{self, Lease};
use crate::{Store, Tx, events, mailboxes, search};
use model::Timestamp;
use model::event::{NewEvent, Origin};
use model::folder::Role;
use model::message::Flags;
use serde_json::json;
use std::collections::{BTreeSet, HashMap, HashSet};

/// A message's flags as the server has them now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagUpdate {
    /// Its UID.
    pub uid: i64,
    /// All its flags.
    pub flags: Flags,
    /// Its MODSEQ; 0 where the server has none.
    pub mod_seq: i64,
    /// All its labels but for the one of this folder, where the server said them.
    pub labels: Option<Vec<String>>,
}

/// What changed in one folder.
#[derive(Clone, Debug)]
pub struct Changes {
    /// The folder.
    pub folder_id: String,
    /// UIDVALIDITY under which it was seen.
    pub uid_validity: i64,
    /// How we came to know.
    pub origin: Origin,
    /// Flags, of messages we may or may not have.
    pub flags: Vec<FlagUpdate>,
    /// UID ranges (first, last) that are gone.
    pub vanished: Vec<(i64, i64)>,
    /// Where the cursors go.
    pub cursor: Cursor,
}

/// Applies changes. Messages that are gone vanish: they are removed at the end of the round, unless
/// they turn up in another folder.
///
/// # Errors
/// Another node works on the mailbox; the folder was reset meanwhile; the database is out of reach.
pub async fn apply(store: &Store, lease: &Lease, changes: Changes) -> Result<()> {
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            let mailbox_id = lease.mailbox_id.as_str();
            mailboxes::hold(tx, mailbox_id)?;
            leases::check(tx, &lease)?;
            let sql = "SELECT uid_validity, path, role FROM folders WHERE id = $1";
            let row = tx.row(sql, &[(&changes.folder_id).into()])?;
            let row = row.ok_or(StoreError::NotFound("the folder"))?;
            let validity: Option<i64> = row.get(0)?;
            let place = Place {
                path: row.get(1)?,
                role: row.maybe_word(2, Role::parse)?,
            };
            if validity != Some(changes.uid_validity) {
                return Err(StoreError::Conflict(
                    "the folder was reset meanwhile".into(),
                ));
            }
            let mut log = Vec::new();
            let mut touched = HashSet::new();
            vanish(tx, mailbox_id, &changes, now, &mut log, &mut touched)?;
            change_flags(tx, mailbox_id, &changes, &place, &mut log, &mut touched)?;
            threads::refresh(tx, mailbox_id, &touched)?;
            log.extend(folders::write_cursor(
                tx,
                mailbox_id,
                &changes.folder_id,
                &changes.cursor,
            )?);
            events::append(tx, &log, now)
        })
        .await
}

fn vanish(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    changes: &Changes,
    now: Timestamp,
    log: &mut Vec<NewEvent>,
    touched: &mut HashSet<String>,
) -> Result<()> {
    let mut gone = 0i64;
    let mut unread = 0i64;
    for (first, last) in &changes.vanished {
        let range = [
            (&changes.folder_id).into(),
            changes.uid_validity.into(),
            (*first).into(),
            (*last).into(),
        ];
        let rows = tx.rows(
            "SELECT m.id, m.thread_id, m.seen FROM placements p JOIN messages m ON m.id = p.message_id
             WHERE p.folder_id = $1 AND p.uid_validity = $2 AND p.uid BETWEEN $3 AND $4",
            &range,
        )?;
        tx.exec(
            "DELETE FROM failures WHERE folder_id = $1 AND uid_validity = $2 AND uid BETWEEN $3 AND $4",
            &range,
        )?;
        if rows.is_empty() {
            continue;
        }
        tx.exec(
            "DELETE FROM placements WHERE folder_id = $1 AND uid_validity = $2 AND uid BETWEEN $3 AND $4",
            &range,
        )?;
        let mut ids: Vec<String> = Vec::with_capacity(rows.len());
        for row in &rows {
            ids.push(row.get(0)?);
            touched.insert(row.get(1)?);
            unread += i64::from(!row.get::<bool>(2)?);
        }
        gone += ids.len() as i64;
        let sql = format!(
            "UPDATE messages SET vanished_at = $2, vanished_from = $3 WHERE id IN {}
             AND NOT EXISTS (SELECT 1 FROM placements p WHERE p.message_id = messages.id)",
            tx.dialect().texts(1)
        );
        tx.exec(
            &sql,
            &[
                serde_json::to_string(&ids)?.into(),
                now.into(),
                (&changes.folder_id).into(),
            ],
        )?;
        placing::left(
            tx,
            mailbox_id,
            &changes.folder_id,
            &ids,
            changes.origin,
            log,
        )?;
    }
    if gone > 0 {
        tx.exec(
            "UPDATE folders SET messages = messages - $2, unread = unread - $3 WHERE id = $1",
            &[(&changes.folder_id).into(), gone.into(), unread.into()],
        )?;
    }
    Ok(())
}

fn change_flags(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    changes: &Changes,
    place: &Place,
    log: &mut Vec<NewEvent>,
    touched: &mut HashSet<String>,
) -> Result<()> {
    let mut unread = 0i64;
    for chunk in changes.flags.chunks(500) {
        let wanted: HashMap<i64, &FlagUpdate> =
            chunk.iter().map(|update| (update.uid, update)).collect();
        let uids: Vec<i64> = wanted.keys().copied().collect();
        // What we owe the server ourselves comes first: its older word must not undo it here.
        let sql = format!(
            "SELECT p.uid, m.id, m.thread_id, m.seen, m.answered, m.flagged, m.draft, m.keywords, m.labels,
                    {}, {}
             FROM placements p JOIN messages m ON m.id = p.message_id
             WHERE p.folder_id = $1 AND p.uid_validity = $2 AND p.uid IN {}",
            owes("flags"),
            owes("labels"),
            tx.dialect().integers(3)
        );
        let args = [
            (&changes.folder_id).into(),
            changes.uid_validity.into(),
            serde_json::to_string(&uids)?.into(),
        ];
        for row in tx.rows(&sql, &args)? {
            let uid: i64 = row.get(0)?;
            let Some(update) = wanted.get(&uid) else {
                continue;
            };
            let before = Flags {
                seen: row.get(3)?,
                answered: row.get(4)?,
                flagged: row.get(5)?,
                draft: row.get(6)?,
                keywords: row.json(7)?,
            };
            let id: String = row.get(1)?;
            let labels_before: BTreeSet<String> = match row.get::<Option<String>>(8)? {
                None => BTreeSet::new(),
                Some(labels) => serde_json::from_str(&labels)?,
            };
            let (owes_flags, owes_labels): (i64, i64) = (row.get(9)?, row.get(10)?);
            let labels = update
                .labels
                .as_deref()
                .filter(|_| owes_labels == 0)
                .map(|labels| placing::all_labels(labels, place))
                .filter(|labels| *labels != labels_before);
            let after = if owes_flags == 0 {
                &update.flags
            } else {
                &before
            };
            if before == *after && labels.is_none() {
                continue;
            }
            write_flags(tx, &id, after)?;
            tx.exec(
                "UPDATE placements SET mod_seq = $4 WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3",
                &[
                    (&changes.folder_id).into(),
                    changes.uid_validity.into(),
                    uid.into(),
                    update.mod_seq.into(),
                ],
            )?;
            let more_unread = i64::from(before.seen) - i64::from(after.seen);
            unread += more_unread;
            if more_unread != 0 {
                // The other places of a message with labels.
                tx.exec(
                    "UPDATE folders SET unread = unread + $3 WHERE id <> $2
                       AND id IN (SELECT folder_id FROM placements WHERE message_id = $1)",
                    &[
                        (&id).into(),
                        (&changes.folder_id).into(),
                        more_unread.into(),
                    ],
                )?;
            }
            touched.insert(row.get(2)?);
            let mut data = json!({
                "message_id": id, "folder_id": changes.folder_id, "flags": after, "before": before,
            });
            if let Some(labels) = labels {
                tx.exec(
                    "UPDATE messages SET labels = $2 WHERE id = $1",
                    &[(&id).into(), serde_json::to_string(&labels)?.into()],
                )?;
                data["labels"] = json!(labels);
                data["labels_before"] = json!(labels_before);
            }
            log.push(event("message.changed", mailbox_id, changes.origin, data));
        }
    }
    if unread != 0 {
        tx.exec(
            "UPDATE folders SET unread = unread + $2 WHERE id = $1",
            &[(&changes.folder_id).into(), unread.into()],
        )?;
    }
    Ok(())
}

/// 1 where a change of this kind is owed of the message `m`.
fn owes(kind: &str) -> String {
    format!(
        "(SELECT count(*) FROM (SELECT 1 FROM owed o WHERE o.message_id = m.id AND o.kind = '{kind}'
           AND o.state <> 'failed' LIMIT 1) owes)"
    )
}

/// How long a message may yet turn up in another folder that is still being filled.
const FILLING_MILLIS: i64 = 600_000;

/// Removes the messages that vanished before `before` and did not turn up elsewhere in a whole
/// round since. While folders are being filled they may yet turn up there.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn finish_vanished(
    store: &Store,
    lease: &Lease,
    before: Timestamp,
    origin: Origin,
) -> Result<i64> {
    // Mostly nothing did, and that costs no writing.
    let id = lease.mailbox_id.clone();
    if !store.db.glance(move |tx| any_missed(tx, &id)).await? {
        return Ok(0);
    }
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            let mailbox_id = lease.mailbox_id.as_str();
            mailboxes::hold(tx, mailbox_id)?;
            leases::check(tx, &lease)?;
            let rows = tx.rows(
                "SELECT m.n, m.id, m.thread_id, m.vanished_from FROM messages m
                 WHERE m.mailbox_id = $1 AND m.vanished_at <= $2
                   AND NOT EXISTS (SELECT 1 FROM folders f
                                   WHERE f.id = m.vanished_from AND f.backfilled = 0 AND f.mode <> 'off')
                   AND NOT EXISTS (SELECT 1 FROM expected_back b JOIN folders f ON f.id = b.folder_id
                                   WHERE b.message_id = m.id AND f.backfilled = 0 AND f.mode <> 'off')
                   AND (m.vanished_at < $3 OR NOT EXISTS (
                     SELECT 1 FROM folders f WHERE f.mailbox_id = m.mailbox_id AND f.mode <> 'off'
                       AND f.backfilled = 0 AND f.uid_validity IS NOT NULL))
                 LIMIT 5000",
                &[
                    mailbox_id.into(),
                    before.into(),
                    before.plus_millis(-FILLING_MILLIS).into(),
                ],
            )?;
            let mut log = Vec::new();
            placing::not_returned(tx, mailbox_id, origin, &mut log)?;
            if rows.is_empty() {
                events::append(tx, &log, now)?;
                return Ok(0);
            }
            let (mut numbers, mut ids) = (Vec::new(), Vec::new());
            let mut touched = HashSet::new();
            for row in &rows {
                let id: String = row.get(1)?;
                let from: Option<String> = row.get(3)?;
                let data = json!({
                    "message_id": id, "thread_id": row.get::<String>(2)?, "folder_id": from,
                });
                log.push(event("message.removed", mailbox_id, origin, data));
                numbers.push(row.get(0)?);
                touched.insert(row.get(2)?);
                ids.push(id);
            }
            search::remove(tx, &numbers)?;
            let gone = serde_json::to_string(&ids)?;
            crate::owed::nothing_left_to_change(tx, mailbox_id, &gone, &mut log)?;
            for sql in [
                format!("DELETE FROM owed WHERE message_id IN {}", tx.dialect().texts(1)),
                format!("DELETE FROM messages WHERE id IN {}", tx.dialect().texts(1)),
            ] {
                tx.exec(&sql, &[gone.clone().into()])?;
            }
            threads::refresh(tx, mailbox_id, &touched)?;
            events::append(tx, &log, now)?;
            Ok(ids.len() as i64)
        })
        .await
}

/// Whether any message vanished, or is waited for in a folder that began anew.
fn any_missed(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<bool> {
    let vanished =
        "SELECT 1 FROM messages WHERE mailbox_id = $1 AND vanished_at IS NOT NULL LIMIT 1";
    let expected = "SELECT 1 FROM expected_back b JOIN folders f ON f.id = b.folder_id WHERE f.mailbox_id = $1 LIMIT 1";
    let id = [mailbox_id.into()];
    Ok(tx.row(vanished, &id)?.is_some() || tx.row(expected, &id)?.is_some())
}

/// Whether any message vanished after `since` and was not settled yet.
///
/// # Errors
/// The database is out of reach.
pub async fn vanished_since(store: &Store, mailbox_id: &str, since: Timestamp) -> Result<bool> {
    let id = mailbox_id.to_owned();
    store
        .db
        .glance(move |tx| {
            let sql = "SELECT 1 FROM messages WHERE mailbox_id = $1 AND vanished_at > $2 LIMIT 1";
            Ok(tx.row(sql, &[id.into(), since.into()])?.is_some())
        })
        .await
}
