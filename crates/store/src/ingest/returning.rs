//! Messages that lost their place and are known again by their lasting id (EMAILID of RFC 8474, X-GM-MSGID) and their size: the
//! same id is the same bytes, and they are not fetched once more.

use super::moving::{Here, Seen, Vanished, found_again};
use super::{folder_place, take_places, threads};
use crate::error::Result;
use crate::leases::{self, Lease};
use crate::{Store, events, mailboxes};
use model::Timestamp;
use model::event::Origin;
use model::message::Flags;
use std::collections::{BTreeMap, HashSet};

/// A message of a folder that may be one that was lost elsewhere.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its UID.
    pub uid: i64,
    /// Its MODSEQ; 0 where the server has none.
    pub mod_seq: i64,
    /// EMAILID or X-GM-MSGID.
    pub object_id: String,
    /// RFC822.SIZE.
    pub size: i64,
    /// Its flags.
    pub flags: Flags,
    /// X-GM-LABELS, where the server has them.
    pub labels: Option<Vec<String>>,
}

/// Whether any message of the mailbox has lost its place and has a lasting id.
///
/// # Errors
/// The database is out of reach.
pub async fn any_lost(store: &Store, mailbox_id: &str) -> Result<bool> {
    let id = mailbox_id.to_owned();
    store
        .db
        .glance(move |tx| {
            let sql = "SELECT 1 FROM messages WHERE mailbox_id = $1 AND vanished_at IS NOT NULL
                 AND object_id IS NOT NULL LIMIT 1";
            Ok(tx.row(sql, &[id.into()])?.is_some())
        })
        .await
}

/// Gives lost messages their new place in this folder. Returns the UIDs that are settled by it.
///
/// # Errors
/// Another node works on the mailbox; the folder was reset meanwhile; the database is out of reach.
pub async fn known_again(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    uid_validity: i64,
    origin: Origin,
    found: Vec<Found>,
) -> Result<Vec<i64>> {
    let (now, lease, folder_id) = (store.now(), lease.clone(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            let mailbox_id = lease.mailbox_id.as_str();
            mailboxes::hold(tx, mailbox_id)?;
            leases::check(tx, &lease)?;
            let place = folder_place(tx, &folder_id, uid_validity)?;
            let here = Here {
                mailbox_id,
                folder_id: &folder_id,
                place: &place,
                origin,
            };
            let mut lost = lost(tx, mailbox_id, &found)?;
            let taken = taken(tx, &folder_id, uid_validity, &found)?;
            let (mut settled, mut rows, mut log) = (Vec::new(), Vec::new(), Vec::new());
            let (mut ids, mut unread) = (Vec::new(), 0i64);
            for new in found.iter().filter(|new| !taken.contains(&new.uid)) {
                let same = lost.get_mut(&(new.object_id.clone(), new.size));
                let Some((known, received_at)) = same.and_then(Vec::pop) else {
                    continue;
                };
                let id = known.id.clone();
                let seen = Seen {
                    flags: &new.flags,
                    direction: None,
                    object_id: Some(&new.object_id),
                    labels: new.labels.as_deref(),
                };
                found_again(tx, &here, known, &seen, &mut log)?;
                settled.push(new.uid);
                unread += i64::from(!new.flags.seen);
                rows.push(vec![
                    new.uid.into(),
                    (&id).into(),
                    new.mod_seq.into(),
                    received_at.into(),
                ]);
                ids.push(id);
            }
            if settled.is_empty() {
                return Ok(settled);
            }
            take_places(tx, &folder_id, uid_validity, &settled, rows, unread)?;
            threads::refresh_of(tx, mailbox_id, ids.iter().map(String::as_str))?;
            events::append(tx, &log, now)?;
            Ok(settled)
        })
        .await
}

type Lost = BTreeMap<(String, i64), Vec<(Vanished, Timestamp)>>;

/// The lost messages with these lasting ids, by id and size.
fn lost(tx: &mut crate::Tx<'_>, mailbox_id: &str, found: &[Found]) -> Result<Lost> {
    let ids: Vec<&str> = found.iter().map(|new| new.object_id.as_str()).collect();
    let sql = format!(
        "SELECT id, vanished_from, seen, answered, flagged, draft, keywords, object_id, labels, size, received_at FROM messages
         WHERE mailbox_id = $1 AND vanished_at IS NOT NULL AND body = 'whole' AND object_id IN {} ORDER BY id DESC",
        tx.dialect().texts(2)
    );
    let args = [mailbox_id.into(), serde_json::to_string(&ids)?.into()];
    let mut lost = Lost::new();
    for row in &tx.rows(&sql, &args)? {
        let object_id: String = row.get(7)?;
        let labels: Option<String> = row.get(8)?;
        let known = Vanished {
            id: row.get(0)?,
            from: row.get(1)?,
            flags: Flags {
                seen: row.get(2)?,
                answered: row.get(3)?,
                flagged: row.get(4)?,
                draft: row.get(5)?,
                keywords: row.json(6)?,
            },
            object_id: Some(object_id.clone()),
            labels: labels.map(|text| serde_json::from_str(&text)).transpose()?,
        };
        let same = lost.entry((object_id, row.get(9)?)).or_default();
        same.push((known, row.get(10)?));
    }
    Ok(lost)
}

/// Those of the UIDs that are stored already.
fn taken(
    tx: &mut crate::Tx<'_>,
    folder_id: &str,
    uid_validity: i64,
    found: &[Found],
) -> Result<HashSet<i64>> {
    let uids: Vec<i64> = found.iter().map(|new| new.uid).collect();
    let sql = format!(
        "SELECT uid FROM placements WHERE folder_id = $1 AND uid_validity = $2 AND uid IN {}",
        tx.dialect().integers(3)
    );
    let args = [
        folder_id.into(),
        uid_validity.into(),
        serde_json::to_string(&uids)?.into(),
    ];
    tx.rows(&sql, &args)?.iter().map(|row| row.get(0)).collect()
}
