//! What is to be carried out now. What is taken is marked as being at work: nobody cancels it under our hands.

use super::{CopyFrom, Intent, Owed, Spot};
use crate::db::Row;
use crate::error::Result;
use crate::ingest::label_of;
use crate::leases::{self, Lease};
use crate::{Store, Tx, own_copies};
use model::Timestamp;
use model::folder::Role;

/// What waits for an older change (`e`) that is not settled: one about the same message, because only then is it known where the
/// message lies; and a message that is brought to a folder after another one with the same bytes, because until then nobody can
/// tell which of them lies there.
const WAITS: &str = "EXISTS (SELECT 1 FROM owed e WHERE e.message_id = o.message_id AND e.n < o.n AND e.state <> 'failed')
           OR EXISTS (SELECT 1 FROM owed e WHERE e.digest = o.digest AND e.folder_id = o.folder_id AND e.n < o.n
                      AND e.state <> 'failed')";

/// Takes what is owed now, oldest first; nothing while the mailbox may only be read. A change waits until every older one about
/// the same message is settled, and a message that is brought until an equal one is that was brought to the same folder before.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn take(store: &Store, lease: &Lease, limit: i64) -> Result<Vec<Owed>> {
    let (now, id) = (store.now(), lease.mailbox_id.clone());
    // Mostly nothing is owed, and that costs no writing.
    let any = store
        .db
        .glance(move |tx| Ok(!due(tx, &id, now, 1)?.is_empty()))
        .await?;
    if !any {
        return Ok(Vec::new());
    }
    let lease = lease.clone();
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            let taken = due(tx, &lease.mailbox_id, now, limit)?;
            let ids: Vec<&str> = taken.iter().map(|owed| owed.id.as_str()).collect();
            let sql = format!(
                "UPDATE owed SET state = 'working' WHERE id IN {}",
                tx.dialect().texts(1)
            );
            tx.exec(&sql, &[serde_json::to_string(&ids)?.into()])?;
            Ok(taken)
        })
        .await
}

fn due(tx: &mut Tx<'_>, mailbox_id: &str, now: Timestamp, limit: i64) -> Result<Vec<Owed>> {
    let sql = format!(
        "SELECT o.id, o.body, o.message_id, o.attempts, p.folder_id, f.wire_name, p.uid_validity, p.uid, o.copy_from,
                f.path, f.role, p.mod_seq
         FROM owed o LEFT JOIN placements p ON p.message_id = o.message_id
         LEFT JOIN folders f ON f.id = p.folder_id
         WHERE o.mailbox_id = $1 AND o.next_attempt_at <= $2 AND o.state <> 'failed'
           AND NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = $1 AND m.read_only <> 0)
           AND NOT ({WAITS})
         ORDER BY o.n, CASE f.role WHEN 'inbox' THEN 0 WHEN 'all' THEN 2 ELSE 1 END, p.folder_id LIMIT $3"
    );
    let rows = tx.rows(&sql, &[mailbox_id.into(), now.into(), limit.into()])?;
    // Of a message with several places one is enough, and the others stay.
    let mut due: Vec<Owed> = Vec::with_capacity(rows.len());
    let mut leaves = false;
    for row in &rows {
        let owed = from_row(row)?;
        let better = match due.last_mut().filter(|last| last.id == owed.id) {
            None => {
                leaves = will_leave(&owed, row)?;
                due.push(owed);
                continue;
            }
            Some(last) if leaves && !will_leave(&owed, row)? => last,
            Some(_) => continue,
        };
        *better = owed;
        leaves = false;
    }
    Ok(due)
}

/// Whether a message will be gone from this place when its labels are changed: what the server says of it afterwards is better
/// read in another one.
fn will_leave(owed: &Owed, row: &Row) -> Result<bool> {
    let Intent::Labels(change) = &owed.intent else {
        return Ok(false);
    };
    let (path, role): (Option<String>, _) = (row.get(9)?, row.maybe_word(10, Role::parse)?);
    let own = path.as_deref().and_then(|path| label_of(path, role));
    Ok(own.is_some_and(|own| change.remove.iter().any(|gone| gone == own)))
}

/// What was taken and not settled waits again: the connection broke.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn rest(store: &Store, lease: &Lease) -> Result<()> {
    let lease = lease.clone();
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            let sql =
                "UPDATE owed SET state = 'pending' WHERE mailbox_id = $1 AND state = 'working'";
            tx.exec(sql, &[(&lease.mailbox_id).into()]).map(drop)
        })
        .await
}

/// When the next owed change of a mailbox is due, of those that wait for no other.
///
/// # Errors
/// The database is out of reach.
pub async fn next_due(store: &Store, mailbox_id: &str) -> Result<Option<Timestamp>> {
    let id = mailbox_id.to_owned();
    store
        .db
        .glance(move |tx| {
            let sql = format!(
                "SELECT min(o.next_attempt_at) FROM owed o WHERE o.mailbox_id = $1 AND o.state <> 'failed'
                 AND NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = $1 AND m.read_only <> 0) AND NOT ({WAITS})"
            );
            tx.row(&sql, &[id.into()])?
                .map_or(Ok(None), |row| row.get(0))
        })
        .await
}

fn from_row(row: &Row) -> Result<Owed> {
    let folder: Option<String> = row.get(4)?;
    let copy_from: Option<String> = row.get(8)?;
    let spot = match folder {
        Some(folder_id) => Some(Spot {
            folder_id,
            wire_name: row.get(5)?,
            uid_validity: row.get(6)?,
            uid: row.get(7)?,
        }),
        None => None,
    };
    Ok(Owed {
        id: row.get(0)?,
        intent: row.json(1)?,
        message_id: row.get(2)?,
        spot,
        mod_seq: row.get::<Option<i64>>(11)?.filter(|known| *known > 0),
        attempts: row.get(3)?,
        copy_from: copy_from
            .map(|text| serde_json::from_str(&text))
            .transpose()?,
    })
}

/// Notes where the target folder ends, before a message is copied or stored there: should the answer be lost, it is looked for
/// from there on and not put there twice. `None`: the server said NO, so that nothing there is ours.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn copying(
    store: &Store,
    lease: &Lease,
    owed: &Owed,
    from: Option<CopyFrom>,
) -> Result<()> {
    let (lease, id) = (lease.clone(), owed.id.clone());
    let from = from.as_ref().map(serde_json::to_string).transpose()?;
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            let sql = "UPDATE owed SET copy_from = $2 WHERE id = $1";
            tx.exec(sql, &[id.into(), from.into()]).map(drop)
        })
        .await
}

/// UIDs in a folder (UIDVALIDITY), from this one on, under which other changes than this one have put a message there, as far as
/// they are remembered.
///
/// # Errors
/// The database is out of reach.
pub async fn put_by_others(
    store: &Store,
    owed: &Owed,
    folder_id: &str,
    (uid_validity, from): (i64, i64),
) -> Result<Vec<i64>> {
    let (id, folder_id) = (owed.id.clone(), folder_id.to_owned());
    let read =
        move |tx: &mut Tx<'_>| own_copies::by_others(tx, (&folder_id, uid_validity, from), &id);
    store.db.read(read).await
}
