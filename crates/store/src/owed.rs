//! What we owe a server: changes that the application asked for, kept as durable intents until the
//! server has confirmed them. They are carried out in order, before anything else is looked at.

use crate::db::Row;
use crate::error::{Result, StoreError};
use crate::ingest::{event, write_flags};
use crate::leases::{self, Lease};
use crate::wake::Topic;
use crate::{Store, Tx, events, mailboxes};
use model::event::Origin;
use model::mailbox::Protocol;
use model::message::{FlagChange, Flags};
use model::{Timestamp, fresh_id};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashSet;

/// Tries after which a change that the server refuses is given up.
const ATTEMPTS: i64 = 6;

/// What is owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Intent {
    /// Set and clear flags.
    Flags {
        /// IMAP flags to add.
        add: Vec<String>,
        /// IMAP flags to remove.
        remove: Vec<String>,
    },
    /// Move into another folder.
    Move {
        /// Our id of the folder.
        folder_id: String,
    },
    /// Remove for good.
    Expunge,
    /// File a copy (of a submission) in the Sent folder.
    Append {
        /// The raw bytes.
        digest: String,
        /// The Message-ID, to find it again before a second try.
        internet_message_id: String,
        /// The submission it is a copy of.
        submission_id: String,
    },
}

impl Intent {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Flags { .. } => "flags",
            Self::Move { .. } => "move",
            Self::Expunge => "expunge",
            Self::Append { .. } => "append",
        }
    }
}

/// Where a message lies on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Our folder.
    pub folder_id: String,
    /// Its name on the wire.
    pub wire_name: String,
    /// UIDVALIDITY.
    pub uid_validity: i64,
    /// UID.
    pub uid: i64,
}

/// One owed change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// `owe_…`
    pub id: String,
    /// What is owed.
    pub intent: Intent,
    /// The message it is about.
    pub message_id: Option<String>,
    /// Where that message lies now; `None`: it is gone from the server.
    pub spot: Option<Spot>,
    /// Tries so far.
    pub attempts: i64,
    /// Where the target folder ended before a try copied the message there.
    pub copy_from: Option<CopyFrom>,
}

/// Where a folder ended: what was copied later has this UID or a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyFrom {
    /// UIDVALIDITY.
    pub uid_validity: i64,
    /// UIDNEXT.
    pub uid_next: i64,
}

/// How the server confirmed a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmed {
    /// Where a moved message lies now, if the server said so.
    pub moved_to: Option<Spot>,
    /// All flags of the message, as the server has them after the change.
    pub flags: Option<Flags>,
}

/// Changes a message's flags here at once, and owes the change to the server.
///
/// # Errors
/// No such message.
pub async fn change_flags(store: &Store, message_id: &str, change: FlagChange) -> Result<()> {
    let (now, id) = (store.now(), message_id.to_owned());
    store
        .db
        .write(move |tx| {
            let Target {
                mailbox_id,
                thread_id,
                flags,
                ..
            } = target(tx, &id)?;
            let (add, remove) = change.difference(&flags);
            if add.is_empty() && remove.is_empty() {
                return Ok(());
            }
            let after = change.apply(&flags);
            write_flags(tx, &id, &after)?;
            let unread = i64::from(flags.seen) - i64::from(after.seen);
            tx.exec(
                "UPDATE folders SET unread = unread + $2
                 WHERE id IN (SELECT folder_id FROM placements WHERE message_id = $1)",
                &[(&id).into(), unread.into()],
            )?;
            crate::ingest::refresh_threads(tx, &mailbox_id, &HashSet::from([thread_id]))?;
            owe(
                tx,
                &mailbox_id,
                Some(&id),
                &Intent::Flags { add, remove },
                now,
            )?;
            let data = json!({"message_id": id, "flags": after, "before": flags, "by": "api"});
            events::append(
                tx,
                &[event("message.changed", &mailbox_id, Origin::Live, data)],
                now,
            )
        })
        .await
}

/// Owes the server a move into a folder; the message shows there once the server has confirmed it.
///
/// # Errors
/// No such message, the folder is not of its mailbox, or the mailbox is read by POP3.
pub async fn move_to(store: &Store, message_id: &str, folder_id: &str) -> Result<()> {
    let (now, id, folder_id) = (store.now(), message_id.to_owned(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            let target = target(tx, &id)?;
            let folder = crate::folders::read(tx, &folder_id)?;
            if folder.mailbox_id != target.mailbox_id {
                return Err(StoreError::NotFound("the folder"));
            }
            if target.folder_ids.contains(&folder_id) {
                return Ok(());
            }
            target.can_be_moved()?;
            let intent = Intent::Move { folder_id };
            owe(tx, &target.mailbox_id, Some(&id), &intent, now)
        })
        .await
}

/// Owes the server a move to the trash; from the trash (or without one) the message is removed for good.
///
/// # Errors
/// No such message, or its mailbox is read by POP3.
pub async fn trash(store: &Store, message_id: &str) -> Result<()> {
    let (now, id) = (store.now(), message_id.to_owned());
    store
        .db
        .write(move |tx| {
            let target = target(tx, &id)?;
            target.can_be_moved()?;
            let Target { mailbox_id, folder_ids, .. } = target;
            let row = tx.row(
                "SELECT id FROM folders WHERE mailbox_id = $1 AND role = 'trash' ORDER BY id LIMIT 1",
                &[(&mailbox_id).into()],
            )?;
            let trash: Option<String> = row.map(|row| row.get(0)).transpose()?;
            if let Some(trash) = &trash
                && is_on_its_way(tx, &id, trash)?
            {
                return Ok(());
            }
            let intent = match trash {
                Some(folder_id) if !folder_ids.contains(&folder_id) => Intent::Move { folder_id },
                _ => Intent::Expunge,
            };
            owe(tx, &mailbox_id, Some(&id), &intent, now)
        })
        .await
}

/// Whether the last move that is owed of a message leads to this folder.
fn is_on_its_way(tx: &mut Tx<'_>, message_id: &str, folder_id: &str) -> Result<bool> {
    let sql =
        "SELECT body FROM owed WHERE message_id = $1 AND kind = 'move' ORDER BY n DESC LIMIT 1";
    let Some(row) = tx.row(sql, &[message_id.into()])? else {
        return Ok(false);
    };
    let last: Intent = row.json(0)?;
    Ok(matches!(last, Intent::Move { folder_id: to } if to == folder_id))
}

/// Whether anything is still owed about a message.
///
/// # Errors
/// The database is out of reach.
pub async fn pending(store: &Store, message_id: &str) -> Result<Vec<String>> {
    let id = message_id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = "SELECT kind FROM owed WHERE message_id = $1 ORDER BY n";
            tx.rows(sql, &[id.into()])?
                .iter()
                .map(|row| row.get(0))
                .collect()
        })
        .await
}

struct Target {
    mailbox_id: String,
    thread_id: String,
    flags: Flags,
    folder_ids: Vec<String>,
    receives_by: Option<Protocol>,
}

impl Target {
    /// Whether the server has a way to move or remove single messages and keep the others' places.
    fn can_be_moved(&self) -> Result<()> {
        if self.receives_by == Some(Protocol::Pop3) {
            return Err(StoreError::Conflict(
                "the mailbox is read by POP3, and Postroom moves and deletes nothing there".into(),
            ));
        }
        Ok(())
    }
}

/// The message under the lock of its mailbox.
fn target(tx: &mut Tx<'_>, id: &str) -> Result<Target> {
    let gone = StoreError::NotFound("the message");
    let sql = "SELECT mailbox_id FROM messages WHERE id = $1 AND vanished_at IS NULL";
    let row = tx.row(sql, &[id.into()])?.ok_or(gone)?;
    let mailbox_id: String = row.get(0)?;
    let mailbox = mailboxes::lock(tx, &mailbox_id)?;
    if mailbox.read_only {
        return Err(StoreError::ReadOnly);
    }
    let row = tx
        .row(
            "SELECT thread_id, seen, answered, flagged, draft, keywords FROM messages WHERE id = $1",
            &[id.into()],
        )?
        .ok_or(StoreError::NotFound("the message"))?;
    let rows = tx.rows(
        "SELECT folder_id FROM placements WHERE message_id = $1",
        &[id.into()],
    )?;
    Ok(Target {
        mailbox_id,
        thread_id: row.get(0)?,
        flags: Flags {
            seen: row.get(1)?,
            answered: row.get(2)?,
            flagged: row.get(3)?,
            draft: row.get(4)?,
            keywords: row.json(5)?,
        },
        folder_ids: rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?,
        receives_by: mailbox.incoming.map(|incoming| incoming.protocol),
    })
}

/// Writes an owed change, in the transaction that needs it, and wakes the mailbox's worker.
pub(crate) fn owe(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    message_id: Option<&str>,
    intent: &Intent,
    now: Timestamp,
) -> Result<()> {
    tx.exec(
        "INSERT INTO owed (id, mailbox_id, kind, message_id, body, next_attempt_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        &[
            fresh_id("owe", now).into(),
            mailbox_id.into(),
            intent.kind().into(),
            message_id.into(),
            serde_json::to_string(intent)?.into(),
            now.into(),
        ],
    )?;
    tx.wake(Topic::Mailbox(mailbox_id.to_owned()));
    Ok(())
}

/// What is owed now, oldest first; nothing while the mailbox may only be read. A change waits behind an older one about the same message.
///
/// # Errors
/// The database is out of reach.
pub async fn due(store: &Store, mailbox_id: &str, limit: i64) -> Result<Vec<Owed>> {
    let (now, id) = (store.now(), mailbox_id.to_owned());
    store
        .db
        .read(move |tx| {
            let rows = tx.rows(
                "SELECT o.id, o.body, o.message_id, o.attempts, p.folder_id, f.wire_name, p.uid_validity, p.uid, o.copy_from
                 FROM owed o LEFT JOIN placements p ON p.message_id = o.message_id
                 LEFT JOIN folders f ON f.id = p.folder_id
                 WHERE o.mailbox_id = $1 AND o.next_attempt_at <= $2
                   AND NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = $1 AND m.read_only <> 0)
                   AND NOT EXISTS (SELECT 1 FROM owed e WHERE e.message_id = o.message_id AND e.n < o.n
                                   AND e.next_attempt_at > $2)
                 ORDER BY o.n LIMIT $3",
                &[id.into(), now.into(), limit.into()],
            )?;
            rows.iter().map(from_row).collect()
        })
        .await
}

/// When the next owed change of a mailbox is due.
///
/// # Errors
/// The database is out of reach.
pub async fn next_due(store: &Store, mailbox_id: &str) -> Result<Option<Timestamp>> {
    let id = mailbox_id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = "SELECT min(next_attempt_at) FROM owed WHERE mailbox_id = $1
                AND NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = $1 AND m.read_only <> 0)";
            tx.row(sql, &[id.into()])?
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
        attempts: row.get(3)?,
        copy_from: copy_from
            .map(|text| serde_json::from_str(&text))
            .transpose()?,
    })
}

/// Notes where the target folder ends, before a message is copied there: should the answer be lost, the
/// copy is looked for from there on and not made twice.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn copying(store: &Store, lease: &Lease, owed: &Owed, from: CopyFrom) -> Result<()> {
    let (lease, id) = (lease.clone(), owed.id.clone());
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            let sql = "UPDATE owed SET copy_from = $2 WHERE id = $1";
            tx.exec(sql, &[id.into(), serde_json::to_string(&from)?.into()])
                .map(drop)
        })
        .await
}

/// The server has confirmed a change. What else it tells of the message's flags is somebody else's change.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn done(store: &Store, lease: &Lease, owed: &Owed, confirmed: Confirmed) -> Result<()> {
    let (now, lease, owed) = (store.now(), lease.clone(), owed.clone());
    store
        .db
        .write(move |tx| {
            let mailbox_id = lease.mailbox_id.as_str();
            mailboxes::lock(tx, mailbox_id)?;
            leases::check(tx, &lease)?;
            tx.exec("DELETE FROM owed WHERE id = $1", &[(&owed.id).into()])?;
            if let Intent::Append { submission_id, .. } = &owed.intent {
                tx.exec(
                    "UPDATE submissions SET sent_copy = 'filed' WHERE id = $1",
                    &[submission_id.into()],
                )?;
            }
            if let (Some(flags), Some(spot), Some(message_id)) =
                (&confirmed.flags, &owed.spot, &owed.message_id)
            {
                take_flags(tx, mailbox_id, message_id, spot, flags, now)?;
            }
            let (Some(from), Some(to), Some(message_id)) =
                (&owed.spot, &confirmed.moved_to, &owed.message_id)
            else {
                return Ok(());
            };
            replace_placement(tx, mailbox_id, message_id, from, to, now)
        })
        .await
}

/// Takes over the flags that the server tells after our change. Ours are in them, so a difference comes from
/// somebody else, and news of it may have been kept back while our own change was owed.
fn take_flags(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    message_id: &str,
    spot: &Spot,
    after: &Flags,
    now: Timestamp,
) -> Result<()> {
    let owed = "SELECT 1 FROM owed WHERE message_id = $1 AND kind = 'flags' LIMIT 1";
    if tx.row(owed, &[message_id.into()])?.is_some() {
        return Ok(());
    }
    let Target {
        thread_id,
        flags: before,
        ..
    } = match target(tx, message_id) {
        Ok(target) => target,
        // Gone, or read only meanwhile: the next look at the folder tells the rest.
        Err(StoreError::NotFound(_) | StoreError::ReadOnly) => return Ok(()),
        Err(error) => return Err(error),
    };
    if before == *after {
        return Ok(());
    }
    write_flags(tx, message_id, after)?;
    let unread = i64::from(before.seen) - i64::from(after.seen);
    tx.exec(
        "UPDATE folders SET unread = unread + $2
         WHERE id IN (SELECT folder_id FROM placements WHERE message_id = $1)",
        &[message_id.into(), unread.into()],
    )?;
    crate::ingest::refresh_threads(tx, mailbox_id, &HashSet::from([thread_id]))?;
    let data = json!({
        "message_id": message_id, "folder_id": spot.folder_id, "flags": after, "before": before,
    });
    events::append(
        tx,
        &[event("message.changed", mailbox_id, Origin::Live, data)],
        now,
    )
}

fn replace_placement(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    message_id: &str,
    from: &Spot,
    to: &Spot,
    now: Timestamp,
) -> Result<()> {
    let sql = "SELECT uid_validity, path, role, mode FROM folders WHERE id = $1";
    let Some(folder) = tx.row(sql, &[(&to.folder_id).into()])? else {
        return Ok(());
    };
    let gone = tx.exec(
        "DELETE FROM placements WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3",
        &[
            (&from.folder_id).into(),
            from.uid_validity.into(),
            from.uid.into(),
        ],
    )?;
    // A folder that is not stored, or not yet known under this UIDVALIDITY, takes no placement:
    // the message vanishes here, and is matched by its bytes if the folder is ever stored.
    let stored =
        folder.get::<Option<i64>>(0)? == Some(to.uid_validity) && folder.get::<String>(3)? != "off";
    if stored {
        tx.exec(
            "INSERT INTO placements (folder_id, uid_validity, uid, message_id, mod_seq, received_at)
             SELECT $1, $2, $3, id, 0, received_at FROM messages WHERE id = $4
             ON CONFLICT (folder_id, uid_validity, uid) DO NOTHING",
            &[
                (&to.folder_id).into(),
                to.uid_validity.into(),
                to.uid.into(),
                message_id.into(),
            ],
        )?;
    } else {
        tx.exec(
            "UPDATE messages SET vanished_at = $2, vanished_from = $3 WHERE id = $1",
            &[message_id.into(), now.into(), (&from.folder_id).into()],
        )?;
    }
    for (folder_id, step) in [
        (&from.folder_id, -(gone as i64)),
        (&to.folder_id, i64::from(stored)),
    ] {
        tx.exec(
            "UPDATE folders SET messages = messages + $2,
               unread = unread + $2 * (SELECT 1 - seen FROM messages WHERE id = $3) WHERE id = $1",
            &[folder_id.into(), step.into(), message_id.into()],
        )?;
    }
    let data = json!({
        "message_id": message_id, "from_folder_id": from.folder_id, "folder_id": to.folder_id,
        "folder_path": folder.get::<String>(1)?, "folder_role": folder.get::<Option<String>>(2)?, "by": "api",
    });
    events::append(
        tx,
        &[event("message.moved", mailbox_id, Origin::Live, data)],
        now,
    )
}

/// The server could not do it now (try at `next`), or will never (`None`): then the intent is dropped
/// and what the server has counts again.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn failed(
    store: &Store,
    lease: &Lease,
    owed: &Owed,
    problem_id: &str,
    next: Option<Timestamp>,
) -> Result<()> {
    let (lease, owed, problem_id) = (lease.clone(), owed.clone(), problem_id.to_owned());
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            match next.filter(|_| owed.attempts + 1 < ATTEMPTS) {
                Some(next) => tx.exec(
                    "UPDATE owed SET attempts = attempts + 1, next_attempt_at = $2, problem_id = $3 WHERE id = $1",
                    &[(&owed.id).into(), next.into(), problem_id.into()],
                )?,
                None => {
                    // The folder is compared again, so that our optimistic flags are put right.
                    if let Some(spot) = &owed.spot {
                        tx.exec(
                            "UPDATE folders SET server_messages = NULL, mod_seq = NULL WHERE id = $1",
                            &[(&spot.folder_id).into()],
                        )?;
                    }
                    if let Intent::Append { submission_id, .. } = &owed.intent {
                        tx.exec(
                            "UPDATE submissions SET sent_copy = 'none' WHERE id = $1",
                            &[submission_id.into()],
                        )?;
                    }
                    tx.exec("DELETE FROM owed WHERE id = $1", &[(&owed.id).into()])?
                }
            };
            Ok(())
        })
        .await
}
