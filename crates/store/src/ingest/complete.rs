//! Messages of which only the header is stored: how the rest joins them, and how they are known again.
//!
//! A header has another digest than its message. The same message is recognised by its Message-ID and its size, but only
//! across that difference: between two headers, or two whole messages, the bytes decide.

use super::moving::Vanished;
use super::{Batch, NewMessage, event};
use crate::Tx;
use crate::error::{Result, StoreError};
use crate::search;
use model::event::NewEvent;
use model::message::Flags;
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// Takes the messages out of a batch whose header alone is stored and that came whole now, with their ids. One that was
/// asked for and could not be read is asked for no more.
pub(super) fn take_out(tx: &mut Tx<'_>, batch: &mut Batch) -> Result<Vec<(String, NewMessage)>> {
    let uids: Vec<i64> = batch
        .messages
        .iter()
        .map(|message| message.uid)
        .chain(batch.failures.iter().map(|failure| failure.uid))
        .collect();
    if uids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT p.uid, m.id FROM placements p JOIN messages m ON m.id = p.message_id
         WHERE p.folder_id = $1 AND p.uid_validity = $2 AND m.body <> 'whole' AND p.uid IN {}",
        tx.dialect().integers(3)
    );
    let args = [
        (&batch.folder_id).into(),
        batch.uid_validity.into(),
        serde_json::to_string(&uids)?.into(),
    ];
    let mut ids: HashMap<i64, String> = HashMap::new();
    for row in tx.rows(&sql, &args)? {
        ids.insert(row.get(0)?, row.get(1)?);
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut whole = Vec::new();
    let mut rest = Vec::with_capacity(batch.messages.len());
    for message in std::mem::take(&mut batch.messages) {
        match ids.get(&message.uid) {
            Some(id) if message.headers_only.is_none() => whole.push((id.clone(), message)),
            _ => rest.push(message),
        }
    }
    batch.messages = rest;
    for failure in &batch.failures {
        if let Some(id) = ids.get(&failure.uid) {
            tx.exec(
                "UPDATE messages SET body = 'head' WHERE id = $1",
                &[id.into()],
            )?;
        }
    }
    // Its header is stored: it is no hole, and the ledger counts holes.
    batch
        .failures
        .retain(|failure| !ids.contains_key(&failure.uid));
    Ok(whole)
}

/// The rest of a message is there: its row keeps the id, the flags and the time.
pub(super) fn one(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    id: &str,
    message: &NewMessage,
    batch: &Batch,
) -> Result<NewEvent> {
    let row = tx.row(
        "SELECT n, seen, answered, flagged, draft, keywords, received_at FROM messages WHERE id = $1",
        &[id.into()],
    )?;
    let row = row.ok_or(StoreError::NotFound("the message"))?;
    let flags = Flags {
        seen: row.get(1)?,
        answered: row.get(2)?,
        flagged: row.get(3)?,
        draft: row.get(4)?,
        keywords: row.json(5)?,
    };
    tx.exec(
        "UPDATE messages SET digest = $2, size = $3, head = $4, has_attachments = $5, body = 'whole' WHERE id = $1",
        &[
            id.into(),
            (&message.stored.digest).into(),
            message.size().into(),
            (&message.head).into(),
            message.has_attachments.into(),
        ],
    )?;
    search::replace(tx, mailbox_id, row.get(0)?, row.get(6)?, &message.words)?;
    let data = json!({
        "message_id": id, "folder_id": batch.folder_id, "flags": flags, "before": flags, "complete": true,
    });
    Ok(event("message.changed", mailbox_id, batch.origin, data))
}

/// Messages that vanished, by Message-ID, size, and whether they are whole.
#[derive(Default)]
pub(super) struct OtherPart(HashMap<(String, i64, bool), Vec<Vanished>>);

impl OtherPart {
    pub(super) fn add(
        &mut self,
        body: String,
        message_id: Option<String>,
        size: i64,
        vanished: &Vanished,
    ) {
        if let Some(message_id) = message_id {
            let key = (message_id, size, body == "whole");
            self.0.entry(key).or_default().push(vanished.clone());
        }
    }

    /// The header of a message that came whole, or the whole message of a header.
    pub(super) fn take(&mut self, message: &NewMessage) -> Option<Vanished> {
        let message_id = message.refs.message_id.clone()?;
        let key = (message_id, message.size(), message.headers_only.is_some());
        self.0.get_mut(&key).and_then(Vec::pop)
    }
}

/// UIDs of a batch's messages of which another folder has the other part.
pub(super) fn other_parts_elsewhere(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    batch: &Batch,
) -> Result<HashSet<i64>> {
    let headers = batch.messages.iter().any(|m| m.headers_only.is_some());
    let sql = "SELECT 1 FROM messages WHERE mailbox_id = $1 AND body <> 'whole' LIMIT 1";
    if !headers && tx.row(sql, &[mailbox_id.into()])?.is_none() {
        return Ok(HashSet::new());
    }
    let ids: Vec<&str> = batch
        .messages
        .iter()
        .filter_map(|message| message.refs.message_id.as_deref())
        .collect();
    let sql = format!(
        "SELECT m.internet_message_id, m.size, m.body FROM messages m JOIN placements p ON p.message_id = m.id
         WHERE m.mailbox_id = $1 AND p.folder_id <> $2 AND m.internet_message_id IN {}",
        tx.dialect().texts(3)
    );
    let args = [
        mailbox_id.into(),
        (&batch.folder_id).into(),
        serde_json::to_string(&ids)?.into(),
    ];
    let mut there: HashSet<(String, i64, bool)> = HashSet::new();
    for row in tx.rows(&sql, &args)? {
        there.insert((row.get(0)?, row.get(1)?, row.get::<String>(2)? == "whole"));
    }
    let other = |message: &&NewMessage| {
        message.refs.message_id.as_ref().is_some_and(|id| {
            there.contains(&(id.clone(), message.size(), message.headers_only.is_some()))
        })
    };
    Ok(batch.messages.iter().filter(other).map(|m| m.uid).collect())
}
