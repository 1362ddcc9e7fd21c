//! Servers with labels (Gmail's X-GM-EXT-1): a message is one, and each folder that shows it is a place of it. Flags and
//! labels are the message's, whichever folder they are changed in.
//!
//! Copies on other servers stay messages of their own, also where they share an EMAILID (RFC 8474): that names the bytes, and
//! each copy has flags of its own.

use super::{Batch, NewMessage, Place, event, live};
use crate::Tx;
use crate::error::Result;
use model::event::{NewEvent, Origin};
use model::folder::Role;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Where Gmail's own folders lie.
const GMAILS_OWN: [&str; 2] = ["[Gmail]/", "[Google Mail]/"];

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
    let sql = format!(
        "SELECT m.object_id, m.digest, m.id, m.seen FROM messages m
         WHERE m.mailbox_id = $1 AND m.vanished_at IS NULL AND m.object_id IN {}
           AND NOT EXISTS (SELECT 1 FROM placements p WHERE p.message_id = m.id AND p.folder_id = $3)
         ORDER BY m.id DESC",
        tx.dialect().texts(2)
    );
    let args = [
        mailbox_id.into(),
        serde_json::to_string(&ids)?.into(),
        (&batch.folder_id).into(),
    ];
    let mut known: BTreeMap<(String, String), (String, bool)> = BTreeMap::new();
    for row in tx.rows(&sql, &args)? {
        known.insert((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?));
    }
    let mut joined = Vec::new();
    let mut rest = Vec::with_capacity(batch.messages.len());
    for mut message in std::mem::take(&mut batch.messages) {
        let key = message
            .object_id
            .clone()
            .filter(|_| message.labels.is_some())
            .map(|id| (id, message.stored.digest.clone()));
        match key.and_then(|key| known.remove(&key)) {
            Some((id, seen)) => {
                message.flags.seen = seen;
                joined.push((id, message));
            }
            None => rest.push(message),
        }
    }
    batch.messages = rest;
    let here = json!({"folder_id": batch.folder_id, "path": place.path, "role": place.role});
    let ids: Vec<&str> = joined.iter().map(|(id, _)| id.as_str()).collect();
    let mut folders = folders_of(tx, &ids)?;
    for (id, message) in &joined {
        tx.exec(
            "UPDATE messages SET labels = $2 WHERE id = $1",
            &[
                id.into(),
                labels_text(message.labels.as_deref(), place)?.into(),
            ],
        )?;
        let mut all = folders.remove(id).unwrap_or_default();
        all.push(here.clone());
        let data = json!({
            "message_id": id, "from_folder_id": null, "folder_id": batch.folder_id,
            "folder_path": place.path, "folder_role": place.role, "folders": all,
        });
        log.push(event("message.moved", mailbox_id, live(batch.origin), data));
    }
    Ok(joined)
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

fn folders_of(tx: &mut Tx<'_>, ids: &[&str]) -> Result<BTreeMap<String, Vec<Json>>> {
    let mut found: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let sql = format!(
        "SELECT DISTINCT p.message_id, f.id, f.path, f.role FROM placements p JOIN folders f ON f.id = p.folder_id
         WHERE p.message_id IN {} ORDER BY 1, 2",
        tx.dialect().texts(1)
    );
    for row in tx.rows(&sql, &[serde_json::to_string(ids)?.into()])? {
        let (folder_id, path): (String, String) = (row.get(1)?, row.get(2)?);
        let role = row.maybe_word(3, Role::parse)?;
        let folder = json!({"folder_id": folder_id, "path": path, "role": role});
        found.entry(row.get(0)?).or_default().push(folder);
    }
    Ok(found)
}

/// A message's labels as they are kept: sorted, as a JSON array.
pub(super) fn labels_text(labels: Option<&[String]>, place: &Place) -> Result<String> {
    Ok(match labels {
        None => "[]".to_owned(),
        Some(labels) => serde_json::to_string(&all_labels(labels, place))?,
    })
}

/// All labels of a message. Gmail leaves out the label of the folder that is open, so it depends on the folder what the server
/// says; with it, the answer is the same from everywhere.
pub(super) fn all_labels(labels: &[String], place: &Place) -> BTreeSet<String> {
    let own = match place.role {
        Some(Role::Inbox) => Some("\\Inbox"),
        Some(Role::Sent) => Some("\\Sent"),
        Some(Role::Drafts) => Some("\\Draft"),
        Some(Role::Flagged) => Some("\\Starred"),
        Some(Role::All | Role::Junk | Role::Trash) => None,
        // The one folder of Gmail's own that has no role with us, whatever language its name is in.
        _ if GMAILS_OWN.iter().any(|own| place.path.starts_with(own)) => Some("\\Important"),
        _ => Some(place.path.as_str()),
    };
    let said = labels.iter().cloned();
    said.chain(own.map(str::to_owned)).collect()
}
