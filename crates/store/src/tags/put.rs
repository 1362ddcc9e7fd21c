//! Putting tags on messages and conversations, and showing them there.

use super::{Tag, read};
use crate::error::{Result, StoreError};
use crate::ingest::{NewMessage, event};
use crate::{Store, Tx, events, mailboxes};
use model::Timestamp;
use model::event::{NewEvent, Origin};
use model::message::{Direction, Flags, Message};
use model::tag::{Kind, TagRef};
use serde_json::json;
use std::collections::HashMap;

/// Tags on one message.
pub const TAGS_OF_MESSAGE: usize = 100;
/// Messages of a conversation that are tagged with it; of a longer one the newest.
const MESSAGES: i64 = 2_000;

/// What is put on a message, and what is taken off: ids of tags. A folder takes the place of the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// On.
    pub add: Vec<String>,
    /// Off.
    pub remove: Vec<String>,
}

/// Changes the tags of a message.
///
/// # Errors
/// No such message or tag; the tag is for another mailbox; too many tags.
pub async fn on_message(store: &Store, id: &str, put: Put) -> Result<()> {
    on(store, id, "id", put).await
}

/// Changes the tags of every message of a conversation.
///
/// # Errors
/// No such conversation or tag; the tag is for another mailbox; too many tags.
pub async fn on_thread(store: &Store, id: &str, put: Put) -> Result<()> {
    on(store, id, "thread_id", put).await
}

async fn on(store: &Store, id: &str, column: &'static str, put: Put) -> Result<()> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            // A message that has just left its last folder turns up in another one, with its tags.
            let (gone, there) = match column {
                "id" => (StoreError::NotFound("the message"), "true"),
                _ => (StoreError::NotFound("the thread"), "vanished_at IS NULL"),
            };
            let sql =
                format!("SELECT mailbox_id FROM messages WHERE {column} = $1 AND {there} LIMIT 1");
            let row = tx.row(&sql, &[(&id).into()])?.ok_or(gone)?;
            let mailbox_id: String = row.get(0)?;
            mailboxes::hold(tx, &mailbox_id)?;
            let add = wanted(tx, &mailbox_id, &put.add)?;
            let sql = format!(
                "SELECT id, received_at, seen, answered, flagged, draft, keywords FROM messages
                 WHERE {column} = $1 AND {there} ORDER BY received_at DESC LIMIT $2"
            );
            let rows = tx.rows(&sql, &[(&id).into(), MESSAGES.into()])?;
            let ids: Vec<String> = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
            let mut before = of_messages(tx, &ids)?;
            let mut log = Vec::new();
            for row in &rows {
                let flags = Flags {
                    seen: row.get(2)?,
                    answered: row.get(3)?,
                    flagged: row.get(4)?,
                    draft: row.get(5)?,
                    keywords: row.json(6)?,
                };
                let id: String = row.get(0)?;
                let tags = before.remove(&id).unwrap_or_default();
                let at = row.get(1)?;
                let changed = change(tx, &id, at, tags, &add, &put.remove)?;
                if let Some((before, after)) = changed {
                    log.push(said(&mailbox_id, &id, &flags, &before, &after));
                }
            }
            events::append(tx, &log, now)
        })
        .await
}

/// The flags did not change, and the event says so: who knows nothing of tags reads it as before.
fn said(
    mailbox_id: &str,
    id: &str,
    flags: &Flags,
    before: &[TagRef],
    after: &[TagRef],
) -> NewEvent {
    let data = json!({
        "message_id": id, "flags": flags, "before": flags, "tags": after, "tags_before": before, "by": "api",
    });
    event("message.changed", mailbox_id, Origin::Live, data)
}

fn wanted(tx: &mut Tx<'_>, mailbox_id: &str, ids: &[String]) -> Result<Vec<TagRef>> {
    let mut tags = Vec::with_capacity(ids.len());
    for id in ids {
        let tag = read(tx, id)?;
        if tag.mailbox_id.as_deref().is_some_and(|of| of != mailbox_id) {
            return Err(StoreError::NotFound("the tag"));
        }
        if tag.kind == Kind::Folder && tags.iter().any(|tag: &TagRef| tag.kind == Kind::Folder) {
            return Err(StoreError::Conflict(
                "a message lies in one own folder at most".into(),
            ));
        }
        tags.push(short(&tag));
    }
    Ok(tags)
}

fn short(tag: &Tag) -> TagRef {
    TagRef {
        id: tag.id.clone(),
        name: tag.name.clone(),
        color: tag.color.clone(),
        kind: tag.kind,
    }
}

/// The tags before and after, where they differ.
fn change(
    tx: &mut Tx<'_>,
    message_id: &str,
    received_at: Timestamp,
    before: Vec<TagRef>,
    add: &[TagRef],
    remove: &[String],
) -> Result<Option<(Vec<TagRef>, Vec<TagRef>)>> {
    let other_folder = add.iter().any(|tag| tag.kind == Kind::Folder);
    let mut after: Vec<TagRef> = before
        .iter()
        .filter(|tag| !(remove.contains(&tag.id) || other_folder && tag.kind == Kind::Folder))
        .cloned()
        .collect();
    for tag in add {
        if !after.iter().any(|there| there.id == tag.id) {
            after.push(tag.clone());
        }
    }
    if after.len() > TAGS_OF_MESSAGE {
        return Err(StoreError::Conflict(format!(
            "a message can have {TAGS_OF_MESSAGE} tags at most"
        )));
    }
    after.sort_by(|a, b| a.id.cmp(&b.id));
    if after == before {
        return Ok(None);
    }
    for tag in before.iter().filter(|tag| !after.contains(tag)) {
        tx.exec(
            "DELETE FROM message_tags WHERE message_id = $1 AND tag_id = $2",
            &[message_id.into(), (&tag.id).into()],
        )?;
    }
    for tag in after.iter().filter(|tag| !before.contains(tag)) {
        tx.exec(
            "INSERT INTO message_tags (tag_id, message_id, received_at) VALUES ($1, $2, $3)",
            &[(&tag.id).into(), message_id.into(), received_at.into()],
        )?;
    }
    Ok(Some((before, after)))
}

/// The tags of messages, by the messages' ids; in the order of the tags' ids.
fn of_messages(tx: &mut Tx<'_>, ids: &[String]) -> Result<HashMap<String, Vec<TagRef>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT g.message_id, t.id, t.name, t.color, t.kind FROM message_tags g JOIN tags t ON t.id = g.tag_id
         WHERE g.message_id IN {} ORDER BY t.id",
        tx.dialect().texts(1)
    );
    collect(tx, &sql, &serde_json::to_string(ids)?)
}

fn collect(tx: &mut Tx<'_>, sql: &str, ids: &str) -> Result<HashMap<String, Vec<TagRef>>> {
    let mut found: HashMap<String, Vec<TagRef>> = HashMap::new();
    for row in tx.rows(sql, &[ids.into()])? {
        let tag = TagRef {
            id: row.get(1)?,
            name: row.get(2)?,
            color: row.get(3)?,
            kind: row.word(4, Kind::parse)?,
        };
        found.entry(row.get(0)?).or_default().push(tag);
    }
    Ok(found)
}

/// The tags of the messages of conversations, by the conversations' ids; each tag once.
pub(crate) fn of_threads(tx: &mut Tx<'_>, ids: &[&str]) -> Result<HashMap<String, Vec<TagRef>>> {
    let sql = format!(
        "SELECT DISTINCT m.thread_id, t.id, t.name, t.color, t.kind FROM messages m
         JOIN message_tags g ON g.message_id = m.id JOIN tags t ON t.id = g.tag_id
         WHERE m.thread_id IN {} AND m.vanished_at IS NULL ORDER BY t.id",
        tx.dialect().texts(1)
    );
    collect(tx, &sql, &serde_json::to_string(ids)?)
}

/// Gives messages their tags.
pub(crate) fn onto<'m>(
    tx: &mut Tx<'_>,
    messages: impl Iterator<Item = &'m mut Message>,
) -> Result<()> {
    let mut messages: Vec<&mut Message> = messages.collect();
    let ids: Vec<String> = messages.iter().map(|message| message.id.clone()).collect();
    let mut tags = of_messages(tx, &ids)?;
    for message in &mut messages {
        message.tags = tags.remove(&message.id).unwrap_or_default();
    }
    Ok(())
}

/// Whether a new message is one that an own folder receives.
pub(crate) fn is_put(message: &NewMessage) -> bool {
    message.direction == Direction::Incoming
}

/// Puts new incoming mail in the own folder that receives the mailbox's mail, if there is one.
pub(crate) fn put_new(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    new: &[(&str, &NewMessage)],
) -> Result<Option<TagRef>> {
    let sql = "SELECT tag_id FROM put_in WHERE mailbox_id = $1";
    let Some(row) = tx.row(sql, &[mailbox_id.into()])? else {
        return Ok(None);
    };
    let folder = short(&read(tx, &row.get::<String>(0)?)?);
    for (id, message) in new.iter().filter(|(_, message)| is_put(message)) {
        tx.exec(
            "INSERT INTO message_tags (tag_id, message_id, received_at) VALUES ($1, $2, $3)",
            &[
                (&folder.id).into(),
                (*id).into(),
                message.received_at.into(),
            ],
        )?;
    }
    Ok(Some(folder))
}
