//! Messages on the move: known again in their new folder by their bytes, and, of equal ones, by their lasting id.

use super::{Batch, NewMessage, Place, complete, event, live, placing, write_flags};
use crate::Tx;
use crate::db::Row;
use crate::error::Result;
use model::event::{NewEvent, Origin};
use model::message::{Direction, Flags};
use serde_json::json;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Messages whose bytes lay elsewhere until just now have moved: they keep their ids.
pub(super) fn relink(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    batch: &mut Batch,
    place: &Place,
    log: &mut Vec<NewEvent>,
) -> Result<Vec<(String, NewMessage)>> {
    let vanished = may_be_among(tx, mailbox_id, batch)?;
    let mut by_digest: HashMap<(String, i64), Vec<Vanished>> = HashMap::new();
    let mut other_part = complete::OtherPart::default();
    for row in vanished.iter().rev() {
        let flags = Flags {
            seen: row.get(3)?,
            answered: row.get(4)?,
            flagged: row.get(5)?,
            draft: row.get(6)?,
            keywords: row.json(7)?,
        };
        let known = Vanished {
            id: row.get(0)?,
            from: row.get(2)?,
            flags,
            object_id: row.get(11)?,
            labels: match row.get::<Option<String>>(12)? {
                None => None,
                Some(labels) => Some(serde_json::from_str(&labels)?),
            },
        };
        let size = row.get(8)?;
        other_part.add(row.get(9)?, row.get(10)?, size, &known);
        by_digest
            .entry((row.get(1)?, size))
            .or_default()
            .push(known);
    }
    let mut moved = Vec::new();
    let mut rest = Vec::with_capacity(batch.messages.len());
    for message in std::mem::take(&mut batch.messages) {
        let key = (message.stored.digest.clone(), message.size());
        let same = by_digest
            .get_mut(&key)
            .and_then(|same| take_best(same, message.object_id.as_deref()));
        let other = match same {
            Some(_) => None,
            None => other_part.take(&message),
        };
        let completes = other.is_some() && message.headers_only.is_none();
        let Some(known) = same.or(other) else {
            rest.push(message);
            continue;
        };
        let id = known.id.clone();
        if completes {
            log.push(complete::one(tx, mailbox_id, &id, &message, batch)?);
        }
        let seen = Seen {
            flags: &message.flags,
            direction: Some(message.direction),
            object_id: message.object_id.as_deref(),
            labels: message.labels.as_deref(),
        };
        let here = Here {
            mailbox_id,
            folder_id: &batch.folder_id,
            place,
            origin: batch.origin,
        };
        found_again(tx, &here, known, &seen, log)?;
        moved.push((id, message));
    }
    batch.messages = rest;
    Ok(moved)
}

/// Messages that vanished and may be one of the batch's: those with its digests, or its Message-IDs. Not all that vanished:
/// after a change of UIDVALIDITY that is a whole folder, for each of its batches.
fn may_be_among(tx: &mut Tx<'_>, mailbox_id: &str, batch: &Batch) -> Result<Vec<Row>> {
    let any = "SELECT 1 FROM messages WHERE mailbox_id = $1 AND vanished_at IS NOT NULL LIMIT 1";
    if tx.row(any, &[mailbox_id.into()])?.is_none() {
        return Ok(Vec::new());
    }
    let messages = &batch.messages;
    let digests: Vec<&str> = messages.iter().map(|m| &*m.stored.digest).collect();
    let ids: Vec<&str> = messages
        .iter()
        .filter_map(|message| message.refs.message_id.as_deref())
        .collect();
    let columns = "id, digest, vanished_from, seen, answered, flagged, draft, keywords, size, body, internet_message_id,
                object_id, labels";
    // `|| ''` and `+ 0`: by digest and by Message-ID, not through all that vanished.
    let sql = format!(
        "SELECT {columns} FROM messages
         WHERE digest IN {} AND mailbox_id || '' = $1 AND vanished_at + 0 IS NOT NULL
         UNION SELECT {columns} FROM messages
         WHERE mailbox_id = $1 AND internet_message_id IN {} AND vanished_at + 0 IS NOT NULL
         ORDER BY 1",
        tx.dialect().texts(2),
        tx.dialect().texts(3)
    );
    let args = [
        mailbox_id.into(),
        serde_json::to_string(&digests)?.into(),
        serde_json::to_string(&ids)?.into(),
    ];
    tx.rows(&sql, &args)
}

/// Where a message is found again.
pub(super) struct Here<'a> {
    pub(super) mailbox_id: &'a str,
    pub(super) folder_id: &'a str,
    pub(super) place: &'a Place,
    pub(super) origin: Origin,
}

/// What the server says of it there.
pub(super) struct Seen<'a> {
    pub(super) flags: &'a Flags,
    /// `None`: as it was.
    pub(super) direction: Option<Direction>,
    pub(super) object_id: Option<&'a str>,
    pub(super) labels: Option<&'a [String]>,
}

/// A message that had lost its place has another one: it keeps its id, and what changed of it is told.
pub(super) fn found_again(
    tx: &mut Tx<'_>,
    here: &Here<'_>,
    known: Vanished,
    seen: &Seen<'_>,
    log: &mut Vec<NewEvent>,
) -> Result<()> {
    let Here {
        mailbox_id,
        folder_id,
        place,
        origin,
    } = *here;
    let Vanished {
        id,
        from,
        flags: before,
        labels: labels_before,
        ..
    } = known;
    write_flags(tx, &id, seen.flags)?;
    tx.exec(
        "UPDATE messages SET vanished_at = NULL, vanished_from = NULL, direction = coalesce($2, direction), object_id = $3,
           labels = $4 WHERE id = $1",
        &[
            (&id).into(),
            seen.direction.map(Direction::as_str).into(),
            seen.object_id.into(),
            placing::labels_text(seen.labels, place)?.into(),
        ],
    )?;
    let labels = seen.labels.map(|labels| placing::all_labels(labels, place));
    let relabelled = labels.is_some() && labels != labels_before;
    let returns = placing::is_back(tx, &id, folder_id)?;
    // What lay in no folder at all (see the completeness audit) has not moved.
    if !returns && from.as_deref().is_some_and(|from| from != folder_id) {
        let mut data = json!({
            "message_id": id, "from_folder_id": from, "folder_id": folder_id,
            "folder_path": place.path, "folder_role": place.role,
        });
        // It may be waited for in others.
        if let Some(folders) = placing::folders_of(tx, &[&id])?.remove(&id) {
            let here = json!({"folder_id": folder_id, "path": place.path, "role": place.role});
            data["folders"] = json!(placing::also(folders, here));
        }
        log.push(event("message.moved", mailbox_id, live(origin), data));
    }
    if before != *seen.flags || relabelled {
        let mut data = json!({
            "message_id": id, "folder_id": folder_id, "flags": seen.flags, "before": before,
        });
        if relabelled {
            data["labels"] = json!(labels);
            data["labels_before"] = json!(labels_before.unwrap_or_default());
        }
        log.push(event("message.changed", mailbox_id, live(origin), data));
    }
    Ok(())
}

/// A message that has lost its place and may have another one.
#[derive(Clone, Debug)]
pub(super) struct Vanished {
    pub(super) id: String,
    /// The folder it left.
    pub(super) from: Option<String>,
    pub(super) flags: Flags,
    pub(super) object_id: Option<String>,
    pub(super) labels: Option<BTreeSet<String>>,
}

/// Of messages with the same bytes, the one that the server calls the same; else any of them.
fn take_best(same: &mut Vec<Vanished>, object_id: Option<&str>) -> Option<Vanished> {
    let named = |known: &Vanished| object_id.is_some() && known.object_id.as_deref() == object_id;
    match same.iter().rposition(named) {
        Some(at) => Some(same.remove(at)),
        None => same.pop(),
    }
}

/// Takes out the messages whose bytes lie in another folder of the mailbox.
pub(super) fn take_twins(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    batch: &mut Batch,
) -> Result<Vec<NewMessage>> {
    let digests: Vec<&str> = batch
        .messages
        .iter()
        .map(|message| message.stored.digest.as_str())
        .collect();
    // `|| ''`: by digest, not through all that the mailbox has.
    let sql = format!(
        "SELECT m.digest, m.size FROM messages m JOIN placements p ON p.message_id = m.id
         WHERE m.mailbox_id || '' = $1 AND p.folder_id <> $2 AND m.digest IN {}",
        tx.dialect().texts(3)
    );
    let args = [
        mailbox_id.into(),
        (&batch.folder_id).into(),
        serde_json::to_string(&digests)?.into(),
    ];
    let elsewhere: HashSet<(String, i64)> = tx
        .rows(&sql, &args)?
        .iter()
        .map(|row| Ok((row.get(0)?, row.get(1)?)))
        .collect::<Result<_>>()?;
    let other_part = complete::other_parts_elsewhere(tx, mailbox_id, batch)?;
    let (twins, rest) = std::mem::take(&mut batch.messages)
        .into_iter()
        .partition(|message| {
            elsewhere.contains(&(message.stored.digest.clone(), message.size()))
                || other_part.contains(&message.uid)
        });
    batch.messages = rest;
    Ok(twins)
}
