//! Servers with labels (Gmail's X-GM-EXT-1): a message is one, and each folder that shows it is a place of it. Flags and
//! labels are the message's, whichever folder they are changed in.
//!
//! Copies on other servers stay messages of their own, also where they share an EMAILID (RFC 8474): that names the bytes, and
//! each copy has flags of its own.

use super::{Batch, NewMessage, Place, complete, event, folder_place, live, take_places, threads};
use crate::error::Result;
use crate::leases::{self, Lease};
use crate::{Store, Tx, events, mailboxes};
use model::Timestamp;
use model::event::{NewEvent, Origin};
use model::folder::Role;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Where Gmail's own folders lie.
const GMAILS_OWN: [&str; 2] = ["[Gmail]/", "[Google Mail]/"];

/// A message of a folder that may be stored already, from another folder: its bytes were not asked for.
#[derive(Clone, Debug)]
pub struct NewPlace {
    /// Its UID.
    pub uid: i64,
    /// Its MODSEQ; 0 where the server has none.
    pub mod_seq: i64,
    /// X-GM-MSGID.
    pub object_id: String,
    /// RFC822.SIZE.
    pub size: i64,
    /// X-GM-LABELS.
    pub labels: Vec<String>,
}

/// A stored message that gets a further place.
struct Joined {
    id: String,
    seen: bool,
    received_at: Timestamp,
    /// It was here before the folder began anew: nothing to tell.
    returns: bool,
}

/// Gives stored messages their further place in this folder, so that their bytes are not fetched again. Returns the UIDs that
/// are settled by it; the others are not stored yet.
///
/// # Errors
/// Another node works on the mailbox; the folder was reset meanwhile; the database is out of reach.
pub async fn place(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    uid_validity: i64,
    origin: Origin,
    places: Vec<NewPlace>,
) -> Result<Vec<i64>> {
    let (now, lease, folder_id) = (store.now(), lease.clone(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            let mailbox_id = lease.mailbox_id.as_str();
            mailboxes::hold(tx, mailbox_id)?;
            leases::check(tx, &lease)?;
            let place = folder_place(tx, &folder_id, uid_validity)?;
            let ids: Vec<&str> = places
                .iter()
                .map(|place| place.object_id.as_str())
                .collect();
            let mut known = stored(tx, mailbox_id, &folder_id, &ids)?;
            let (mut settled, mut rows, mut told) = (Vec::new(), Vec::new(), Vec::new());
            let (mut unread, mut log) = (0i64, Vec::new());
            for new in &places {
                let whole = |known: &Known| known.whole && known.size == new.size;
                let Some(found) = known.remove(&new.object_id).filter(whole) else {
                    continue;
                };
                settled.push(new.uid);
                unread += i64::from(!found.joined.seen);
                rows.push(vec![
                    new.uid.into(),
                    (&found.joined.id).into(),
                    new.mod_seq.into(),
                    found.joined.received_at.into(),
                ]);
                told.push((found.joined, Some(new.labels.clone())));
            }
            if settled.is_empty() {
                return Ok(settled);
            }
            tell(tx, mailbox_id, &folder_id, origin, &place, &told, &mut log)?;
            take_places(tx, &folder_id, uid_validity, &settled, rows, unread)?;
            let ids = told.iter().map(|(joined, _)| joined.id.as_str());
            threads::refresh_of(tx, mailbox_id, ids)?;
            events::append(tx, &log, now)?;
            Ok(settled)
        })
        .await
}

/// Gives messages of the batch that the mailbox has already, under the same lasting id and with the same bytes, their further
/// place. What is stored of their flags stays: a look at any of their folders brings what is newer.
pub(super) fn join(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    batch: &mut Batch,
    place: &Place,
    log: &mut Vec<NewEvent>,
) -> Result<Vec<(String, NewMessage)>> {
    let ids: Vec<&str> = batch
        .messages
        .iter()
        .filter(|message| message.labels.is_some())
        .filter_map(|message| message.object_id.as_deref())
        .collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = stored(tx, mailbox_id, &batch.folder_id, &ids)?;
    let (mut joined, mut told) = (Vec::new(), Vec::new());
    let mut rest = Vec::with_capacity(batch.messages.len());
    for mut message in std::mem::take(&mut batch.messages) {
        let id = message
            .object_id
            .as_ref()
            .filter(|_| message.labels.is_some());
        let same = |known: &Known| {
            let parts = !known.whole || message.headers_only.is_some();
            known.size == message.size() && (parts || known.digest == message.stored.digest)
        };
        match id.and_then(|id| known.remove(id)).filter(same) {
            Some(found) => {
                if !found.whole && message.headers_only.is_none() {
                    log.push(complete::one(
                        tx,
                        mailbox_id,
                        &found.joined.id,
                        &message,
                        batch,
                    )?);
                }
                message.flags.seen = found.joined.seen;
                joined.push((found.joined.id.clone(), message.clone()));
                told.push((found.joined, message.labels));
            }
            None => rest.push(message),
        }
    }
    batch.messages = rest;
    let (folder_id, origin) = (&batch.folder_id, batch.origin);
    tell(tx, mailbox_id, folder_id, origin, place, &told, log)?;
    Ok(joined)
}

struct Known {
    joined: Joined,
    digest: String,
    size: i64,
    whole: bool,
}

/// The stored messages with these lasting ids that have no place in this folder.
fn stored(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    folder_id: &str,
    object_ids: &[&str],
) -> Result<BTreeMap<String, Known>> {
    let sql = format!(
        "SELECT m.object_id, m.id, m.seen, m.received_at, b.folder_id, m.digest, m.size, m.body FROM messages m
         LEFT JOIN expected_back b ON b.message_id = m.id AND b.folder_id = $3
         WHERE m.mailbox_id = $1 AND m.vanished_at IS NULL AND m.object_id IN {}
           AND NOT EXISTS (SELECT 1 FROM placements p WHERE p.message_id = m.id AND p.folder_id = $3)
         ORDER BY m.id DESC",
        tx.dialect().texts(2)
    );
    let args = [
        mailbox_id.into(),
        serde_json::to_string(object_ids)?.into(),
        folder_id.into(),
    ];
    let mut known = BTreeMap::new();
    for row in tx.rows(&sql, &args)? {
        let joined = Joined {
            id: row.get(1)?,
            seen: row.get(2)?,
            received_at: row.get(3)?,
            returns: row.get::<Option<String>>(4)?.is_some(),
        };
        let found = Known {
            joined,
            digest: row.get(5)?,
            size: row.get(6)?,
            whole: row.get::<String>(7)? == "whole",
        };
        known.insert(row.get(0)?, found);
    }
    Ok(known)
}

/// Writes the labels of messages that get a further place, and tells of it. What is found while the past is filled has its origin.
fn tell(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    folder_id: &str,
    origin: Origin,
    place: &Place,
    joined: &[(Joined, Option<Vec<String>>)],
    log: &mut Vec<NewEvent>,
) -> Result<()> {
    let here = json!({"folder_id": folder_id, "path": place.path, "role": place.role});
    let ids: Vec<&str> = joined
        .iter()
        .map(|(joined, _)| joined.id.as_str())
        .collect();
    let mut folders = folders_of(tx, &ids)?;
    let mut ours = owed_labels(tx, &ids)?;
    for (joined, labels) in joined {
        let returns = joined.returns && is_back(tx, &joined.id, folder_id)?;
        if returns || place.role == Some(Role::All) {
            // That it lies in the folder of all mail goes without saying; what changed of its labels is told by the others.
            continue;
        }
        let labels = match ours.remove(&joined.id) {
            Some(ours) => Some(ours),
            None => labels.as_deref().map(|labels| all_labels(labels, place)),
        };
        let text = labels.as_ref().map(serde_json::to_string).transpose()?;
        tx.exec(
            "UPDATE messages SET labels = $2 WHERE id = $1",
            &[(&joined.id).into(), text.into()],
        )?;
        let all = also(folders.remove(&joined.id).unwrap_or_default(), here.clone());
        let mut data = json!({
            "message_id": joined.id, "from_folder_id": null, "folder_id": folder_id,
            "folder_path": place.path, "folder_role": place.role, "folders": all,
        });
        if let Some(labels) = labels {
            data["labels"] = json!(labels);
        }
        log.push(event("message.moved", mailbox_id, origin, data));
    }
    Ok(())
}

/// The labels of messages whose labels were changed here, and the server has not confirmed it: its older word must not undo that.
fn owed_labels(tx: &mut Tx<'_>, ids: &[&str]) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let sql = format!(
        "SELECT m.id, m.labels FROM messages m WHERE m.labels IS NOT NULL AND m.id IN {}
           AND EXISTS (SELECT 1 FROM owed o WHERE o.message_id = m.id AND o.kind = 'labels' AND o.state <> 'failed')",
        tx.dialect().texts(1)
    );
    tx.rows(&sql, &[serde_json::to_string(ids)?.into()])?
        .iter()
        .map(|row| Ok((row.get(0)?, row.json(1)?)))
        .collect()
}

/// Messages that lay in a folder which began anew, still lie in another one, and were not found in the first again.
pub(super) fn not_returned(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    origin: Origin,
    log: &mut Vec<NewEvent>,
) -> Result<()> {
    let rows = tx.rows(
        "SELECT b.message_id, b.folder_id FROM expected_back b JOIN folders f ON f.id = b.folder_id
         JOIN messages m ON m.id = b.message_id
         WHERE f.mailbox_id = $1 AND (f.backfilled <> 0 OR f.mode = 'off') AND m.vanished_at IS NULL",
        &[mailbox_id.into()],
    )?;
    for row in &rows {
        let (id, from): (String, String) = (row.get(0)?, row.get(1)?);
        is_back(tx, &id, &from)?;
        left(tx, mailbox_id, &from, &[id], origin, log)?;
    }
    Ok(())
}

/// A message is waited for in this folder no more. Whether it was.
pub(super) fn is_back(tx: &mut Tx<'_>, message_id: &str, folder_id: &str) -> Result<bool> {
    let sql = "DELETE FROM expected_back WHERE message_id = $1 AND folder_id = $2";
    Ok(tx.exec(sql, &[message_id.into(), folder_id.into()])? > 0)
}

/// A folder begins anew: its messages with labels, which may lie in others too, come back without a word, if they come back.
pub(crate) fn expect_back(tx: &mut Tx<'_>, folder_id: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO expected_back (message_id, folder_id)
         SELECT DISTINCT p.message_id, p.folder_id FROM placements p JOIN messages m ON m.id = p.message_id
         WHERE p.folder_id = $1 AND m.labels IS NOT NULL
         ON CONFLICT (message_id, folder_id) DO NOTHING",
        &[folder_id.into()],
    )
    .map(drop)
}

/// Tells of messages that left a folder and still lie in others.
pub(crate) fn left(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    folder_id: &str,
    ids: &[String],
    origin: Origin,
    log: &mut Vec<NewEvent>,
) -> Result<()> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let sql = "SELECT 1 FROM folders WHERE id = $1 AND role = 'all'";
    if tx.row(sql, &[folder_id.into()])?.is_some() {
        return Ok(());
    }
    for (id, folders) in folders_of(tx, &ids)? {
        let Some(first) = folders.first() else {
            continue;
        };
        if folders
            .iter()
            .any(|folder| folder["folder_id"] == folder_id)
        {
            continue;
        }
        let data = json!({
            "message_id": id, "from_folder_id": folder_id, "folder_id": first["folder_id"],
            "folder_path": first["path"], "folder_role": first["role"], "folders": folders,
        });
        log.push(event("message.moved", mailbox_id, live(origin), data));
    }
    Ok(())
}

/// Messages of a folder that will still lie in another one when the folder is gone.
pub(crate) fn stay_behind(tx: &mut Tx<'_>, folder_id: &str) -> Result<Vec<String>> {
    tx.rows(
        "SELECT DISTINCT p.message_id FROM placements p
         JOIN placements o ON o.message_id = p.message_id AND o.folder_id <> p.folder_id WHERE p.folder_id = $1",
        &[folder_id.into()],
    )?
    .iter()
    .map(|row| row.get(0))
    .collect()
}

/// All folders that each of these messages lies in, as events name them; one that began anew counts until it is read again.
pub(crate) fn folders_of(tx: &mut Tx<'_>, ids: &[&str]) -> Result<BTreeMap<String, Vec<Json>>> {
    let mut found: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let sql = format!(
        "SELECT DISTINCT p.message_id, f.id, f.path, f.role FROM placements p JOIN folders f ON f.id = p.folder_id
         WHERE p.message_id IN {ids}
         UNION SELECT b.message_id, f.id, f.path, f.role FROM expected_back b JOIN folders f ON f.id = b.folder_id
         WHERE b.message_id IN {ids} ORDER BY 1, 2",
        ids = tx.dialect().texts(1)
    );
    for row in tx.rows(&sql, &[serde_json::to_string(ids)?.into()])? {
        let (folder_id, path): (String, String) = (row.get(1)?, row.get(2)?);
        let role = row.maybe_word(3, Role::parse)?;
        let folder = json!({"folder_id": folder_id, "path": path, "role": role});
        found.entry(row.get(0)?).or_default().push(folder);
    }
    found.values_mut().for_each(leave_all_mail_out);
    Ok(found)
}

/// The folders with one more.
pub(super) fn also(mut folders: Vec<Json>, here: Json) -> Vec<Json> {
    folders.push(here);
    leave_all_mail_out(&mut folders);
    folders
}

/// The folder of all mail is told where a message lies nowhere else.
fn leave_all_mail_out(folders: &mut Vec<Json>) {
    if folders.iter().any(|folder| folder["role"] != "all") {
        folders.retain(|folder| folder["role"] != "all");
    }
}

/// A message's labels as they are kept: sorted, as a JSON array; nothing where the server has no labels.
pub(super) fn labels_text(labels: Option<&[String]>, place: &Place) -> Result<Option<String>> {
    Ok(match labels {
        None => None,
        Some(labels) => Some(serde_json::to_string(&all_labels(labels, place))?),
    })
}

/// All labels of a message. Gmail leaves out the label of the folder that is open, so it depends on the folder what the server
/// says; with it, the answer is the same from everywhere.
pub(crate) fn all_labels(labels: &[String], place: &Place) -> BTreeSet<String> {
    let own = label_of(&place.path, place.role);
    let said = labels.iter().map(String::as_str);
    said.chain(own).map(str::to_owned).collect()
}

/// The label that a folder shows; `None`: the folder is not that of one label.
pub fn label_of(path: &str, role: Option<Role>) -> Option<&str> {
    match role {
        Some(Role::Inbox) => Some("\\Inbox"),
        Some(Role::Sent) => Some("\\Sent"),
        Some(Role::Drafts) => Some("\\Draft"),
        Some(Role::Flagged) => Some("\\Starred"),
        Some(Role::All | Role::Junk | Role::Trash) => None,
        // The one folder of Gmail's own that has no role with us, whatever language its name is in.
        _ if GMAILS_OWN.iter().any(|own| path.starts_with(own)) => Some("\\Important"),
        _ => Some(path),
    }
}
