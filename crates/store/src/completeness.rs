//! The completeness audit: what is stored of a folder, message by message; what is asked for; what was found.

use crate::db::Row;
use crate::error::{Result, StoreError};
use crate::leases::{self, Lease};
use crate::removal::not_removed;
use crate::wake::Topic;
use crate::{Store, Tx, ingest, mailboxes};
use model::Timestamp;
use model::completeness::{Audit, AuditOutcome, FolderAudit, LastAudit, outcome};
use model::message::Flags;
use std::collections::{HashMap, HashSet};

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its flags.
    pub flags: Flags,
    /// Its whole size, in octets.
    pub size: i64,
    /// A change of it is owed to the server: until that is paid, the two differ rightly.
    pub owed: bool,
}

/// What is stored of a folder from the first to the last UID, ends included, by UID. What only we have, since POP3 had it no more, is no part of it where the folder
/// is one of IMAP.
///
/// # Errors
/// The database is out of reach.
pub async fn held(
    store: &Store,
    folder_id: &str,
    uid_validity: i64,
    (first, last): (i64, i64),
) -> Result<HashMap<i64, Held>> {
    let id = folder_id.to_owned();
    store
        .db
        .read(move |tx| {
            let rows = tx.rows(
                "SELECT p.uid, m.seen, m.answered, m.flagged, m.draft, m.keywords, m.size,
                   CAST(CASE WHEN EXISTS (SELECT 1 FROM owed o WHERE o.message_id = m.id) THEN 1 ELSE 0 END AS BIGINT)
                 FROM placements p JOIN messages m ON m.id = p.message_id
                 WHERE p.folder_id = $1 AND p.uid_validity = $2 AND p.uid BETWEEN $3 AND $4",
                &[id.into(), uid_validity.into(), first.into(), last.into()],
            )?;
            rows.iter()
                .map(|row| {
                    let flags = Flags {
                        seen: row.get(1)?,
                        answered: row.get(2)?,
                        flagged: row.get(3)?,
                        draft: row.get(4)?,
                        keywords: row.json(5)?,
                    };
                    let owed = row.get::<i64>(7)? == 1;
                    Ok((
                        row.get(0)?,
                        Held {
                            flags,
                            size: row.get(6)?,
                            owed,
                        },
                    ))
                })
                .collect()
        })
        .await
}

/// What the store itself has wrong about a folder: the counts beside the rows they count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// By how much the count of messages is off.
    pub off_by: i64,
    /// Whether the count of unread messages is wrong.
    pub unread_wrong: bool,
}

const COUNTED: &str = "SELECT f.messages, f.unread, count(m.id),
    CAST(coalesce(sum(CASE WHEN m.seen = 0 THEN 1 ELSE 0 END), 0) AS BIGINT)
    FROM folders f LEFT JOIN placements p ON p.folder_id = f.id LEFT JOIN messages m ON m.id = p.message_id
    WHERE f.id = $1 GROUP BY f.id, f.messages, f.unread";

/// Compares a folder's counts with its rows.
///
/// # Errors
/// The folder is gone, or the database is out of reach.
pub async fn counts(store: &Store, folder_id: &str) -> Result<Counts> {
    let id = folder_id.to_owned();
    store
        .db
        .read(move |tx| {
            let row = tx.row(COUNTED, &[id.into()])?;
            let row = row.ok_or(StoreError::NotFound("the folder"))?;
            Ok(Counts {
                off_by: row.get::<i64>(2)? - row.get::<i64>(0)?,
                unread_wrong: row.get::<i64>(1)? != row.get::<i64>(3)?,
            })
        })
        .await
}

/// Counts a folder's messages anew.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn recount(store: &Store, lease: &Lease, folder_id: &str) -> Result<()> {
    let (lease, id) = (lease.clone(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &lease.mailbox_id)?;
            leases::check(tx, &lease)?;
            let Some(row) = tx.row(COUNTED, &[(&id).into()])? else {
                return Err(StoreError::NotFound("the folder"));
            };
            tx.exec(
                "UPDATE folders SET messages = $2, unread = $3 WHERE id = $1",
                &[
                    id.into(),
                    row.get::<i64>(2)?.into(),
                    row.get::<i64>(3)?.into(),
                ],
            )?;
            Ok(())
        })
        .await
}

/// Messages that lie in no folder, and are not known as vanished either.
const ADRIFT: &str = "mailbox_id = $1 AND vanished_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM placements p WHERE p.message_id = messages.id)";

/// Takes messages that lie in no folder for vanished: what is fetched again under the same bytes keeps its id, the
/// rest is removed at the end of a round. Says whether there were any.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn give_up_adrift(store: &Store, lease: &Lease) -> Result<bool> {
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &lease.mailbox_id)?;
            leases::check(tx, &lease)?;
            let id = lease.mailbox_id.as_str();
            let sql = format!("SELECT DISTINCT thread_id FROM messages WHERE {ADRIFT}");
            let rows = tx.rows(&sql, &[id.into()])?;
            let threads: HashSet<String> =
                rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
            let sql = format!("UPDATE messages SET vanished_at = $2 WHERE {ADRIFT}");
            let given_up = tx.exec(&sql, &[id.into(), now.into()])?;
            ingest::refresh_threads(tx, id, &threads)?;
            Ok(given_up > 0)
        })
        .await
}

/// Asks for an audit of a mailbox, with or without repair.
///
/// # Errors
/// No such mailbox.
pub async fn ask(store: &Store, mailbox_id: &str, repair: bool) -> Result<Audit> {
    let (now, id) = (store.now(), mailbox_id.to_owned());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &id)?;
            tx.exec(
                "INSERT INTO completeness (mailbox_id, asked_at, repair) VALUES ($1, $2, $3)
                 ON CONFLICT (mailbox_id) DO UPDATE SET asked_at = excluded.asked_at, repair = excluded.repair",
                &[(&id).into(), now.into(), repair.into()],
            )?;
            tx.wake(Topic::Mailbox(id.clone()));
            read(tx, &id)
        })
        .await
}

/// What is asked for: since when, and whether differences are to be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Since when; `None`: nobody asked.
    pub at: Option<Timestamp>,
    /// Differences are repaired.
    pub repair: bool,
    /// When the last audit ended, or the mailbox was added.
    pub last_at: Timestamp,
}

/// What is asked for now.
///
/// # Errors
/// No such mailbox.
pub async fn asked(store: &Store, mailbox_id: &str) -> Result<Asked> {
    let id = mailbox_id.to_owned();
    store
        .db
        .glance(move |tx| {
            let row = tx.row(
                "SELECT c.asked_at, coalesce(c.repair, 0), coalesce(c.finished_at, m.created_at)
                 FROM mailboxes m LEFT JOIN completeness c ON c.mailbox_id = m.id WHERE m.id = $1",
                &[id.into()],
            )?;
            let row = row.ok_or(StoreError::NotFound("the mailbox"))?;
            Ok(Asked {
                at: row.get(0)?,
                repair: row.get(1)?,
                last_at: row.get(2)?,
            })
        })
        .await
}

/// Writes down what an audit found. One that was asked for after `asked` is still to come.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn finish(
    store: &Store,
    lease: &Lease,
    asked: Asked,
    folders: Vec<FolderAudit>,
) -> Result<()> {
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &lease.mailbox_id)?;
            leases::check(tx, &lease)?;
            let differences: i64 = folders.iter().map(FolderAudit::differences).sum();
            let repaired: i64 = folders.iter().map(|folder| folder.repaired).sum();
            tx.exec(
                "INSERT INTO completeness (mailbox_id, finished_at, outcome, differences, repaired, folders)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (mailbox_id) DO UPDATE SET finished_at = excluded.finished_at, outcome = excluded.outcome,
                   differences = excluded.differences, repaired = excluded.repaired, folders = excluded.folders,
                   asked_at = CASE WHEN completeness.asked_at = $7 THEN NULL ELSE completeness.asked_at END",
                &[
                    (&lease.mailbox_id).into(),
                    now.into(),
                    outcome(&folders).as_str().into(),
                    differences.into(),
                    repaired.into(),
                    serde_json::to_string(&folders)?.into(),
                    asked.at.into(),
                ],
            )?;
            Ok(())
        })
        .await
}

/// The audit of a mailbox.
///
/// # Errors
/// No such mailbox.
pub async fn get(store: &Store, mailbox_id: &str) -> Result<Audit> {
    let id = mailbox_id.to_owned();
    store.db.read(move |tx| read(tx, &id)).await
}

fn read(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<Audit> {
    let sql = format!(
        "SELECT c.finished_at, c.outcome, c.differences, c.repaired, c.asked_at, c.folders
         FROM mailboxes m LEFT JOIN completeness c ON c.mailbox_id = m.id WHERE m.id = $1 AND {}",
        not_removed("m.id")
    );
    let row = tx.row(&sql, &[mailbox_id.into()])?;
    let row = row.ok_or(StoreError::NotFound("the mailbox"))?;
    Ok(Audit {
        mailbox_id: mailbox_id.to_owned(),
        last: last(&row, 0)?,
        asked_at: row.get(4)?,
        folders: mailboxes::maybe_json(&row, 5)?.unwrap_or_default(),
    })
}

/// The last audit from four columns: when, how, differences, repaired.
pub(crate) fn last(row: &Row, first: usize) -> Result<Option<LastAudit>> {
    let Some(at) = row.get(first)? else {
        return Ok(None);
    };
    Ok(Some(LastAudit {
        at,
        outcome: row.word(first + 1, AuditOutcome::parse)?,
        differences: row.get(first + 2)?,
        repaired: row.get(first + 3)?,
    }))
}
