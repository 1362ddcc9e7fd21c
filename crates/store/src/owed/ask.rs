//! Wishes: what the application wants changed is written down here, and owed to the server.

use super::show::{self, Entry};
use super::{Intent, Target, owe, target};
use crate::error::{Result, StoreError};
use crate::ingest::{event, write_flags};
use crate::{Store, Tx, events};
use model::Timestamp;
use model::event::Origin;
use model::message::FlagChange;
use serde_json::json;
use std::collections::HashSet;

/// Changes a message's flags here at once, and owes the change to the server.
///
/// # Errors
/// No such message.
pub async fn change_flags(store: &Store, message_id: &str, change: FlagChange) -> Result<()> {
    let (now, id) = (store.now(), message_id.to_owned());
    store
        .db
        .write(move |tx| {
            let target = target(tx, &id)?;
            change_in(tx, &id, &target, &change, now)
        })
        .await
}

/// Adds a keyword to a message in the caller's own transaction, as [`change_flags`] would. Returns false where it has the keyword.
///
/// # Errors
/// As [`change_flags`].
pub(crate) fn add_keyword_in(
    tx: &mut Tx<'_>,
    message_id: &str,
    keyword: &str,
    now: Timestamp,
) -> Result<bool> {
    let target = target(tx, message_id)?;
    let mut keywords = target.flags.keywords.clone();
    if keywords.iter().any(|k| k.eq_ignore_ascii_case(keyword)) {
        return Ok(false);
    }
    keywords.push(keyword.to_owned());
    let change = FlagChange {
        keywords: Some(keywords),
        ..FlagChange::default()
    };
    change_in(tx, message_id, &target, &change, now)?;
    Ok(true)
}

fn change_in(
    tx: &mut Tx<'_>,
    id: &str,
    target: &Target,
    change: &FlagChange,
    now: Timestamp,
) -> Result<()> {
    let Target {
        mailbox_id,
        thread_id,
        flags,
        ..
    } = target;
    let (add, remove) = change.difference(flags);
    if add.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let after = change.apply(flags);
    write_flags(tx, id, &after)?;
    let unread = i64::from(flags.seen) - i64::from(after.seen);
    tx.exec(
        "UPDATE folders SET unread = unread + $2
         WHERE id IN (SELECT folder_id FROM placements WHERE message_id = $1)",
        &[id.into(), unread.into()],
    )?;
    crate::ingest::refresh_threads(tx, mailbox_id, &HashSet::from([thread_id.clone()]))?;
    let intent = Intent::Flags { add, remove };
    owe(tx, mailbox_id, Some(id), &intent, now)?;
    let data = json!({"message_id": id, "flags": after, "before": flags, "by": "api"});
    events::append(
        tx,
        &[event("message.changed", mailbox_id, Origin::Live, data)],
        now,
    )
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
            let target = target_and_folder(tx, &id, &folder_id)?;
            // Where it will lie once everything older is carried out.
            let there = match bound_for(tx, &id)? {
                Some(last) => last == folder_id,
                None => target.folder_ids.contains(&folder_id),
            };
            if there {
                return Ok(());
            }
            target.can_be_moved()?;
            let intent = Intent::Move { folder_id };
            owe(tx, &target.mailbox_id, Some(&id), &intent, now).map(drop)
        })
        .await
}

/// Owes the server a copy of a message in another folder, in the caller's transaction. The same copy that waits already is not
/// owed twice, unless the request says that it is another one (`is_told_apart`, by its idempotency key).
///
/// # Errors
/// No such message, the folder is not of its mailbox, the message lies there already, or the mailbox is read by POP3.
pub fn copy_in(
    tx: &mut Tx<'_>,
    message_id: &str,
    folder_id: &str,
    is_told_apart: bool,
    now: Timestamp,
) -> Result<Entry> {
    let Target {
        mailbox_id,
        folder_ids,
        ..
    } = {
        let target = target_and_folder(tx, message_id, folder_id)?;
        target.can_be_moved()?;
        target
    };
    if folder_ids.iter().any(|id| id == folder_id) {
        return Err(StoreError::Conflict(
            "the message lies in that folder already".into(),
        ));
    }
    let waiting = tx.row(
        "SELECT id FROM owed WHERE message_id = $1 AND kind = 'copy' AND folder_id = $2 AND state <> 'failed' LIMIT 1",
        &[message_id.into(), folder_id.into()],
    )?;
    let id = match waiting.filter(|_| !is_told_apart) {
        Some(row) => row.get(0)?,
        None => {
            let folder_id = folder_id.to_owned();
            let intent = Intent::Copy { folder_id };
            owe(tx, &mailbox_id, Some(message_id), &intent, now)?
        }
    };
    show::read(tx, &mailbox_id, &id)
}

/// Owes the server a move to the trash; from the trash the message is removed for good, and from anywhere where that is what is
/// wanted (`for_good`).
///
/// # Errors
/// No such message, its mailbox is read by POP3, or no folder of it is known as the trash (`trash_missing`).
pub async fn trash(store: &Store, message_id: &str, for_good: bool) -> Result<()> {
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
            let intent = match trash {
                _ if for_good => Intent::Expunge,
                Some(trash) if bound_for(tx, &id)?.as_ref() == Some(&trash) => return Ok(()),
                Some(trash) if folder_ids.contains(&trash) => Intent::Expunge,
                Some(folder_id) => Intent::Move { folder_id },
                None => {
                    return Err(StoreError::Refused {
                        problem_id: "trash_missing",
                        detail: "no folder of this mailbox is known as its trash".to_owned(),
                    });
                }
            };
            owe(tx, &mailbox_id, Some(&id), &intent, now).map(drop)
        })
        .await
}

/// Owes the server the removal of a message for good, in the caller's transaction. Nothing, where it is gone already or its
/// mailbox cannot be written to.
///
/// # Errors
/// The database is out of reach.
pub(crate) fn expunge_in(tx: &mut Tx<'_>, message_id: &str, now: Timestamp) -> Result<()> {
    let target = match target(tx, message_id) {
        Err(StoreError::NotFound(_) | StoreError::ReadOnly) => return Ok(()),
        found => found?,
    };
    if target.can_be_moved().is_err() {
        return Ok(());
    }
    let id = &target.mailbox_id;
    owe(tx, id, Some(message_id), &Intent::Expunge, now).map(drop)
}

/// A message, and a folder of its mailbox.
fn target_and_folder(tx: &mut Tx<'_>, message_id: &str, folder_id: &str) -> Result<Target> {
    let target = target(tx, message_id)?;
    let folder = crate::folders::read(tx, folder_id)?;
    if folder.mailbox_id != target.mailbox_id {
        return Err(StoreError::NotFound("the folder"));
    }
    Ok(target)
}

/// The folder that the last move leads to that is owed of a message.
fn bound_for(tx: &mut Tx<'_>, message_id: &str) -> Result<Option<String>> {
    let sql = "SELECT body FROM owed WHERE message_id = $1 AND kind = 'move' AND state <> 'failed' ORDER BY n DESC LIMIT 1";
    let Some(row) = tx.row(sql, &[message_id.into()])? else {
        return Ok(None);
    };
    Ok(match row.json(0)? {
        Intent::Move { folder_id } => Some(folder_id),
        _ => None,
    })
}
