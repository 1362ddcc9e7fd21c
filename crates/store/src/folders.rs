//! Folders: what the server has, how much of it we keep, and how far we have come.
//!
//! Two cursors say how far: every message with `low_uid <= UID < high_uid` is accounted for (stored,
//! in the ledger of failures, or gone). New mail raises `high_uid`; filling the past lowers `low_uid`
//! until `backfilled`. Both move only in the transaction that stores the messages they cover.

mod change;
mod cursor;
mod park;
mod uids;
mod unified;

pub use change::{Change, change, resync};
use cursor::completed;
pub(crate) use cursor::write_cursor;
pub use cursor::{Asked, Cursor, asked, filled_on, move_cursor};
pub use park::{UNSTABLE, park, settled};
pub use uids::{failed_uids, sample, stored_flags, stored_uids, to_come};
pub(crate) use unified::newest_of_role;
pub use unified::unified;

use crate::db::{Row, Value};
use crate::error::{Result, StoreError};
use crate::leases::Lease;
use crate::removal::not_removed;
use crate::{Store, Tx, events, ingest, leases, mailboxes};
use model::event::{NewEvent, Origin};
use model::folder::{Folder, Mode, Progress, Role};
use model::mailbox::CoverageState;
use model::{Timestamp, fresh_id};
use serde_json::json;
use std::collections::BTreeMap;

const COLUMNS: &str =
    "f.id, f.mailbox_id, f.path, f.delimiter, f.role, f.mode, f.since, f.messages, f.unread,
    f.total, f.backfilled, (SELECT count(*) FROM failures x WHERE x.folder_id = f.id AND x.ignored IS NULL),
    (SELECT count(*) FROM failures x WHERE x.folder_id = f.id AND x.ignored IS NOT NULL),
    (SELECT count(*) FROM messages q JOIN placements z ON z.message_id = q.id AND z.folder_id = f.id
       JOIN mailboxes b ON b.id = q.mailbox_id
     WHERE q.mailbox_id = f.mailbox_id AND q.body <> 'whole' AND q.body = 'asked'
       AND q.size <= coalesce(f.size_limit, b.size_limit, 9223372036854775807)), f.problem_id, f.parked_until, f.size_limit";

/// A folder as the synchronisation knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Our id.
    pub id: String,
    /// The name on the wire (see [`wire_text`]).
    pub wire_name: String,
    /// The decoded path.
    pub path: String,
    /// What it is for.
    pub role: Option<Role>,
    /// A person said what it is for.
    pub role_fixed: bool,
    /// How much of it is stored.
    pub mode: Mode,
    /// A person chose the mode.
    pub mode_fixed: bool,
    /// Mail from this time on is stored.
    pub since: Option<Timestamp>,
    /// Octets of the largest message that is stored whole; `None`: as the mailbox says.
    pub size_limit: Option<i64>,
    /// MAILBOXID (RFC 8474), if the server has it.
    pub object_id: Option<String>,
    /// UIDVALIDITY of what is stored.
    pub uid_validity: Option<i64>,
    /// First UID that was not yet looked at.
    pub high_uid: i64,
    /// Lowest UID that is accounted for; `None`: filling has not begun.
    pub low_uid: Option<i64>,
    /// HIGHESTMODSEQ up to which changes were applied.
    pub mod_seq: Option<i64>,
    /// MESSAGES of the server when it was last in step.
    pub server_messages: Option<i64>,
    /// Messages stored.
    pub messages: i64,
    /// Messages that are there with the past, once it was counted.
    pub total: i64,
    /// The past is filled.
    pub backfilled: bool,
    /// UIDVALIDITY changes in a row: since the folder was whole and found with the same one again.
    pub resets: i64,
    /// Until then the folder is left alone, because its server gives it another identity again and again.
    pub parked_until: Option<Timestamp>,
}

/// Bytes of a folder's name as text: as they are where they are UTF-8, else in base64 behind a mark.
pub fn wire_text(wire: &[u8]) -> String {
    use base64::Engine as _;
    match std::str::from_utf8(wire) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => format!(
            "=?b64?{}",
            base64::engine::general_purpose::STANDARD.encode(wire)
        ),
    }
}

/// The bytes behind [`wire_text`].
pub fn wire_bytes(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    text.strip_prefix("=?b64?")
        .and_then(|rest| base64::engine::general_purpose::STANDARD.decode(rest).ok())
        .unwrap_or_else(|| text.as_bytes().to_vec())
}

/// So many folders are read on the caller's own thread.
const GLANCED_AT: i64 = 200;

/// All folders of a mailbox, as the synchronisation knows them.
///
/// # Errors
/// The database is out of reach.
pub async fn known(store: &Store, mailbox_id: &str) -> Result<Vec<Known>> {
    let read = |limit: i64| {
        let id = mailbox_id.to_owned();
        move |tx: &mut Tx<'_>| -> Result<Vec<Known>> {
            let sql =
                format!("SELECT {KNOWN} FROM folders WHERE mailbox_id = $1 ORDER BY id LIMIT $2");
            let rows = tx.rows(&sql, &[id.into(), limit.into()])?;
            rows.iter().map(known_from_row).collect()
        }
    };
    let few = store.db.glance(read(GLANCED_AT + 1)).await?;
    match few.len() as i64 <= GLANCED_AT {
        true => Ok(few),
        false => store.db.read(read(i64::MAX)).await,
    }
}

/// One folder, as the synchronisation knows it; `None`: it is gone.
///
/// # Errors
/// The database is out of reach.
pub async fn known_one(store: &Store, folder_id: &str) -> Result<Option<Known>> {
    let id = folder_id.to_owned();
    store
        .db
        .glance(move |tx| {
            let sql = format!("SELECT {KNOWN} FROM folders WHERE id = $1");
            tx.row(&sql, &[id.into()])?
                .as_ref()
                .map(known_from_row)
                .transpose()
        })
        .await
}

const KNOWN: &str = "id, wire_name, path, role, mode, mode_fixed, since, object_id, uid_validity,
    high_uid, low_uid, mod_seq, server_messages, messages, backfilled, resets, parked_until, size_limit, role_fixed,
    total";

fn known_from_row(row: &Row) -> Result<Known> {
    Ok(Known {
        id: row.get(0)?,
        wire_name: row.get(1)?,
        path: row.get(2)?,
        role: row.maybe_word(3, Role::parse)?,
        mode: row.word(4, Mode::parse)?,
        mode_fixed: row.get(5)?,
        since: row.get(6)?,
        object_id: row.get(7)?,
        uid_validity: row.get(8)?,
        high_uid: row.get(9)?,
        low_uid: row.get(10)?,
        mod_seq: row.get(11)?,
        server_messages: row.get(12)?,
        messages: row.get(13)?,
        backfilled: row.get(14)?,
        resets: row.get(15)?,
        parked_until: row.get(16)?,
        size_limit: row.get(17)?,
        role_fixed: row.get(18)?,
        total: row.get(19)?,
    })
}

/// A folder that the server has and we did not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFolder {
    /// The name on the wire.
    pub wire_name: String,
    /// The decoded path.
    pub path: String,
    /// The server's delimiter.
    pub delimiter: Option<String>,
    /// What it is for.
    pub role: Option<Role>,
    /// How much of it to store.
    pub mode: Mode,
    /// MAILBOXID, if the server has it.
    pub object_id: Option<String>,
    /// The server has never had a message in it: then there is no past to fill.
    pub empty: Option<Empty>,
}

/// A folder without a message, as the server counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Empty {
    /// UIDVALIDITY.
    pub uid_validity: i64,
    /// UIDNEXT.
    pub uid_next: i64,
    /// HIGHESTMODSEQ.
    pub mod_seq: i64,
}

/// One change of the list of folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListChange {
    /// The server has a new folder.
    Created(NewFolder),
    /// A folder has a new name; its messages stay what they are.
    Renamed {
        /// Our folder.
        id: String,
        /// Under its new name.
        to: NewFolder,
    },
    /// Its name is written another way on the wire; it is the same name.
    Respelled {
        /// Our folder.
        id: String,
        /// The name on the wire.
        wire_name: String,
    },
    /// The role, mode or object id is another one.
    Adjusted {
        /// Our folder.
        id: String,
        /// What it is for now.
        role: Option<Role>,
        /// How much of it to store.
        mode: Mode,
        /// MAILBOXID.
        object_id: Option<String>,
    },
    /// The server has it no more.
    Removed {
        /// Our folder.
        id: String,
    },
}

/// Applies changes of the list of folders, with their events.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn apply_list(store: &Store, lease: &Lease, changes: Vec<ListChange>) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            let mailbox_id = lease.mailbox_id.as_str();
            mailboxes::hold(tx, mailbox_id)?;
            leases::check(tx, &lease)?;
            let mut log = Vec::new();
            for change in &changes {
                apply_one(tx, mailbox_id, change, now, &mut log)?;
            }
            let complete = |change: &ListChange| matches!(change, ListChange::Created(new) if new.empty.is_some());
            if changes.iter().any(complete) {
                log.extend(completed(tx, mailbox_id)?);
            }
            events::append(tx, &log, now)
        })
        .await
}

/// What a person said that a folder is for, when the mailbox was added; `Some(None)`: for nothing.
fn role_said(tx: &mut Tx<'_>, mailbox_id: &str, path: &str) -> Result<Option<Option<Role>>> {
    let sql = "SELECT folder_roles FROM mailboxes WHERE id = $1 AND folder_roles <> '{}'";
    let Some(row) = tx.row(sql, &[mailbox_id.into()])? else {
        return Ok(None);
    };
    let text: String = row.get(0)?;
    let said: BTreeMap<String, Option<Role>> = serde_json::from_str(&text)?;
    Ok(said.get(path).copied())
}

pub(crate) fn apply_one(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    change: &ListChange,
    now: Timestamp,
    log: &mut Vec<NewEvent>,
) -> Result<()> {
    match change {
        ListChange::Created(new) => {
            let id = fresh_id("fld", now);
            let said = role_said(tx, mailbox_id, &new.path)?;
            let role = said.unwrap_or(new.role);
            let args = [
                Value::from(&id),
                mailbox_id.into(),
                (&new.wire_name).into(),
                (&new.path).into(),
                new.delimiter.clone().into(),
                role.map(Role::as_str).into(),
                new.mode.as_str().into(),
                new.object_id.clone().into(),
                now.into(),
                said.is_some().into(),
                new.empty.map(|empty| empty.uid_validity).into(),
                new.empty.map_or(1, |empty| empty.uid_next).into(),
                new.empty.map(|_| 1).into(),
                new.empty.map(|empty| empty.mod_seq).into(),
                new.empty.map(|_| 0).into(),
                new.empty.is_some().into(),
            ];
            let made = tx.exec(
                "INSERT INTO folders (id, mailbox_id, wire_name, path, delimiter, role, mode, object_id, created_at, role_fixed,
                   uid_validity, high_uid, low_uid, mod_seq, server_messages, backfilled)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (mailbox_id, wire_name) DO NOTHING",
                &args,
            )?;
            if made > 0 {
                let data = json!({"folder_id": id, "path": new.path, "role": role});
                log.push(NewEvent::live("folder.created", mailbox_id, data));
            }
        }
        ListChange::Renamed { id, to } => {
            tx.exec(
                "UPDATE folders SET wire_name = $2, path = $3, delimiter = $4, object_id = $5, mod_seq = NULL WHERE id = $1",
                &[
                    id.into(),
                    (&to.wire_name).into(),
                    (&to.path).into(),
                    to.delimiter.clone().into(),
                    to.object_id.clone().into(),
                ],
            )?;
            let data = json!({"folder_id": id, "path": to.path});
            log.push(NewEvent::live("folder.renamed", mailbox_id, data));
        }
        ListChange::Respelled { id, wire_name } => {
            tx.exec(
                "UPDATE folders SET wire_name = $2 WHERE id = $1",
                &[id.into(), wire_name.into()],
            )?;
        }
        ListChange::Adjusted {
            id,
            role,
            mode,
            object_id,
        } => {
            let sql = "SELECT 1 FROM folders WHERE id = $1 AND mode = 'off' AND mode_fixed = 0";
            if *mode != Mode::Off && tx.row(sql, &[id.into()])?.is_some() {
                change::begin_again(tx, id)?;
            }
            tx.exec(
                "UPDATE folders SET role = CASE WHEN role_fixed = 1 THEN role ELSE $2 END,
                   mode = CASE WHEN mode_fixed = 1 THEN mode ELSE $3 END, object_id = $4 WHERE id = $1",
                &[
                    id.into(),
                    role.map(Role::as_str).into(),
                    mode.as_str().into(),
                    object_id.clone().into(),
                ],
            )?;
        }
        ListChange::Removed { id } => {
            let sql = "SELECT path FROM folders WHERE id = $1";
            let Some(row) = tx.row(sql, &[id.into()])? else {
                return Ok(());
            };
            let path: String = row.get(0)?;
            let elsewhere = ingest::stay_behind(tx, id)?;
            vanish(tx, id, now, "true")?;
            ingest::left(tx, mailbox_id, id, &elsewhere, Origin::Live, log)?;
            tx.exec("DELETE FROM folders WHERE id = $1", &[id.into()])?;
            let data = json!({"folder_id": id, "path": path});
            log.push(NewEvent::live("folder.removed", mailbox_id, data));
        }
    }
    Ok(())
}

/// Takes the placements `which` (of `p`) of a folder away; their messages vanish unless they turn up elsewhere.
fn vanish(tx: &mut Tx<'_>, folder_id: &str, now: Timestamp, which: &str) -> Result<()> {
    let messages = format!(
        "UPDATE messages SET vanished_at = $2, vanished_from = $1
         WHERE id IN (SELECT p.message_id FROM placements p WHERE p.folder_id = $1 AND {which})
           AND NOT EXISTS (SELECT 1 FROM placements p WHERE p.message_id = messages.id AND p.folder_id <> $1)"
    );
    tx.exec(&messages, &[folder_id.into(), now.into()])?;
    let placements = format!("DELETE FROM placements AS p WHERE p.folder_id = $1 AND {which}");
    tx.exec(&placements, &[folder_id.into()])?;
    tx.exec(
        "DELETE FROM failures WHERE folder_id = $1",
        &[folder_id.into()],
    )?;
    Ok(())
}

/// Takes over another UIDVALIDITY of a folder that never had a message: there is nothing that could be taken for another, and
/// nothing to tell. It is to be filled: what is news in it and what is the past is not known.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn adopt(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    uid_validity: i64,
    mod_seq: Option<i64>,
) -> Result<()> {
    let (lease, folder_id) = (lease.clone(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            tx.exec(
                "UPDATE folders SET uid_validity = $2, mod_seq = $3, low_uid = NULL, backfilled = 0, asked = asked + 1
                 WHERE id = $1 AND high_uid <= 1 AND messages = 0",
                &[folder_id.into(), uid_validity.into(), mod_seq.into()],
            )
            .map(drop)
        })
        .await
}

/// Begins a folder anew because its UIDVALIDITY is another one: what is stored keeps its data and
/// loses its UIDs; it is matched again by its bytes as they are fetched.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn reset(store: &Store, lease: &Lease, folder_id: &str, uid_validity: i64) -> Result<()> {
    begin(store, lease, folder_id, uid_validity, None).await
}

/// The same for a folder that was opened, and had this HIGHESTMODSEQ then: what is fetched from now on is no older.
///
/// # Errors
/// As [`reset`].
pub async fn begin(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    uid_validity: i64,
    mod_seq: Option<i64>,
) -> Result<()> {
    let (now, lease, folder_id) = (store.now(), lease.clone(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &lease.mailbox_id)?;
            leases::check(tx, &lease)?;
            let row = tx.row(
                "SELECT uid_validity, path FROM folders WHERE id = $1",
                &[(&folder_id).into()],
            )?;
            let Some(row) = row else {
                return Err(StoreError::NotFound("the folder"));
            };
            let before: Option<i64> = row.get(0)?;
            if before == Some(uid_validity) {
                return Ok(());
            }
            let mut log = Vec::new();
            ingest::expect_back(tx, &folder_id)?;
            // What only we have, since POP3 had it no more, is no part of the comparison.
            vanish(tx, &folder_id, now, crate::pop3::LISTED)?;
            // Nobody can ask for these UIDs any more: what is still there comes again under others.
            tx.exec(
                "DELETE FROM failures WHERE folder_id = $1 AND uid_validity <> $2",
                &[(&folder_id).into(), uid_validity.into()],
            )?;
            let (messages, unread, free_uid) = crate::pop3::count_kept(tx, &folder_id)?;
            let high_uid = if uid_validity == crate::pop3::UID_VALIDITY { free_uid } else { 1 };
            tx.exec(
                "UPDATE folders SET uid_validity = $2, high_uid = $4, low_uid = NULL, mod_seq = $7,
                   server_messages = NULL, messages = $5, unread = $6, total = 0, backfilled = 0, asked = asked + 1,
                   resets = resets + $3 WHERE id = $1",
                &[(&folder_id).into(), uid_validity.into(), i64::from(before.is_some()).into(), high_uid.into(),
                    messages.into(), unread.into(), mod_seq.into()],
            )?;
            if before.is_some() {
                let data = json!({"folder_id": folder_id, "path": row.get::<String>(1)?});
                let event = NewEvent {
                    kind: "folder.reset",
                    mailbox_id: Some(lease.mailbox_id.clone()),
                    origin: Origin::CatchUp,
                    data,
                };
                log.push(event);
            }
            events::append(tx, &log, now)
        })
        .await
}

/// The folders of a mailbox, as the API shows them.
///
/// # Errors
/// The database is out of reach.
pub async fn list(store: &Store, mailbox_id: &str) -> Result<Vec<Folder>> {
    let id = mailbox_id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM folders f WHERE f.mailbox_id = $1 AND {} ORDER BY f.path",
                not_removed("f.mailbox_id")
            );
            tx.rows(&sql, &[id.into()])?.iter().map(from_row).collect()
        })
        .await
}

/// One folder.
///
/// # Errors
/// No such folder.
pub async fn get(store: &Store, id: &str) -> Result<Folder> {
    let id = id.to_owned();
    store.db.read(move |tx| read(tx, &id)).await
}

pub(crate) fn read(tx: &mut Tx<'_>, id: &str) -> Result<Folder> {
    let sql = format!(
        "SELECT {COLUMNS} FROM folders f WHERE f.id = $1 AND {}",
        not_removed("f.mailbox_id")
    );
    let row = tx.row(&sql, &[id.into()])?;
    row.as_ref()
        .map_or(Err(StoreError::NotFound("the folder")), from_row)
}

fn from_row(row: &Row) -> Result<Folder> {
    let path: String = row.get(2)?;
    let delimiter: Option<String> = row.get(3)?;
    let name = match delimiter.as_deref().filter(|d| !d.is_empty()) {
        Some(delimiter) => path.rsplit(delimiter).next().unwrap_or(&path).to_owned(),
        None => path.clone(),
    };
    let mode: Mode = row.word(5, Mode::parse)?;
    // What is left out on purpose is not to come.
    let (messages, total) = (row.get::<i64>(7)?, row.get::<i64>(9)? - row.get::<i64>(12)?);
    // Of messages whose rest was asked for, the header alone is there: in a folder that is to be whole, that is not enough.
    let asked = match mode {
        Mode::Full => row.get::<i64>(13)?,
        Mode::Watch | Mode::Off => 0,
    };
    let (backfilled, holes) = (row.get::<bool>(10)?, row.get::<i64>(11)?);
    let filled = backfilled && asked == 0;
    // Once the past is filled, what is there and what could not be stored is all there is.
    let total = if backfilled { messages + holes } else { total };
    let state = match (mode, filled, holes) {
        (Mode::Off, ..) => CoverageState::None,
        (_, false, _) => CoverageState::Filling,
        (_, true, 0) => CoverageState::Complete,
        (_, true, _) => CoverageState::Holes,
    };
    Ok(Folder {
        id: row.get(0)?,
        mailbox_id: row.get(1)?,
        path,
        name,
        role: row.maybe_word(4, Role::parse)?,
        mode,
        since: row.get(6)?,
        size_limit: row.get(16)?,
        messages,
        unread: row.get(8)?,
        progress: Progress {
            state,
            done: messages - asked,
            total: total.max(messages),
        },
        problem_id: row.get(14)?,
        tried_again_at: row.get(15)?,
    })
}
