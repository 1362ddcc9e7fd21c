//! Tags and folders of the application's own. They hang on our id of a message, so they stay with it when it moves, when its
//! folder's UIDs begin anew, and when its mailbox changes from POP3 to IMAP. The synchronisation never looks at them.

mod put;

pub use put::{Put, TAGS_OF_MESSAGE, on_message, on_thread};
pub(crate) use put::{is_put, of_threads, onto, put_new};

use crate::db::{Row, Value};
use crate::error::{Result, StoreError};
use crate::{Store, Tx, events};
use model::event::{NewEvent, Origin};
use model::tag::{Kind, Tag};
use model::{Timestamp, fresh_id};
use serde_json::json;
use std::collections::HashMap;

/// Tags and own folders that there can be.
pub const TAGS: i64 = 5_000;
/// The newest messages of a tag that are counted.
pub const COUNTED: i64 = 10_000;

const COLUMNS: &str = "t.id, t.name, t.color, t.kind, t.mailbox_id, t.created_at";

/// What is needed to make a tag or an own folder.
#[derive(Clone, Debug)]
pub struct NewTag {
    /// Its name: unique among its kind, for its mailbox or for all.
    pub name: String,
    /// Its colour.
    pub color: Option<String>,
    /// A tag or a folder.
    pub kind: Kind,
    /// Only for messages of this mailbox.
    pub mailbox_id: Option<String>,
    /// Mailboxes whose incoming mail is put in it.
    pub receives_from: Vec<String>,
}

/// What may change; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New name.
    pub name: Option<String>,
    /// New colour, or none.
    pub color: Option<Option<String>>,
    /// Mailboxes whose incoming mail is put in it from now on.
    pub receives_from: Option<Vec<String>>,
}

/// How many messages have a tag: those among the newest [`COUNTED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All.
    pub messages: i64,
    /// Of those, the unread.
    pub unread: i64,
}

/// Makes a tag or an own folder.
///
/// # Errors
/// There is one with this name, or too many.
pub fn create_in(tx: &mut Tx<'_>, new: &NewTag, now: Timestamp) -> Result<Tag> {
    let tag = insert(tx, new, now)?;
    events::append(tx, &[event("tag.created", &tag)], now)?;
    Ok(tag)
}

fn insert(tx: &mut Tx<'_>, new: &NewTag, now: Timestamp) -> Result<Tag> {
    let row = tx.row("SELECT count(*) FROM tags", &[])?;
    let there: i64 = row.map_or(Ok(0), |row| row.get(0))?;
    if there >= TAGS {
        return Err(StoreError::Conflict(format!(
            "there are {TAGS} tags and folders already, and there can be no more"
        )));
    }
    check_name(tx, new.kind, new.mailbox_id.as_deref(), &new.name, None)?;
    let id = fresh_id("tag", now);
    let args: [Value; 7] = [
        (&id).into(),
        new.kind.as_str().into(),
        (&new.name).into(),
        new.name.to_lowercase().into(),
        new.color.clone().into(),
        new.mailbox_id.clone().into(),
        now.into(),
    ];
    tx.exec(
        "INSERT INTO tags (id, kind, name, name_key, color, mailbox_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &args,
    )?;
    receive_from(tx, &id, &new.receives_from)?;
    read(tx, &id)
}

fn check_name(
    tx: &mut Tx<'_>,
    kind: Kind,
    mailbox_id: Option<&str>,
    name: &str,
    but: Option<&str>,
) -> Result<()> {
    let sql = "SELECT 1 FROM tags WHERE kind = $1 AND coalesce(mailbox_id, '') = $2 AND name_key = $3 AND id <> $4";
    let args: [Value; 4] = [
        kind.as_str().into(),
        mailbox_id.unwrap_or_default().into(),
        name.to_lowercase().into(),
        but.unwrap_or_default().into(),
    ];
    match tx.row(sql, &args)? {
        Some(_) => Err(StoreError::Conflict(format!(
            "there is a {kind} of that name already"
        ))),
        None => Ok(()),
    }
}

/// A mailbox's incoming mail is put in one own folder; the last word counts.
fn receive_from(tx: &mut Tx<'_>, id: &str, mailboxes: &[String]) -> Result<()> {
    tx.exec("DELETE FROM put_in WHERE tag_id = $1", &[id.into()])?;
    for mailbox in mailboxes {
        tx.exec(
            "INSERT INTO put_in (mailbox_id, tag_id) VALUES ($1, $2)
             ON CONFLICT (mailbox_id) DO UPDATE SET tag_id = excluded.tag_id",
            &[mailbox.into(), id.into()],
        )?;
    }
    Ok(())
}

/// Tags in order of their age, after the one with the id `after`; `visible`: only those for all mailboxes or for one of these.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    visible: Option<Vec<String>>,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<Tag>> {
    store
        .db
        .read(move |tx| {
            let mut args: Vec<Value> = vec![after.unwrap_or_default().into(), limit.into()];
            let mut seen = "";
            let narrowed;
            if let Some(ids) = &visible {
                args.push(serde_json::to_string(ids)?.into());
                let texts = tx.dialect().texts(3);
                narrowed = format!(" AND (t.mailbox_id IS NULL OR t.mailbox_id IN {texts})");
                seen = &narrowed;
            }
            let sql = format!(
                "SELECT {COLUMNS} FROM tags t WHERE t.id > $1{seen}
                   AND (t.mailbox_id IS NULL OR {}) ORDER BY t.id LIMIT $2",
                crate::removal::not_removed("t.mailbox_id")
            );
            let mut tags = tx
                .rows(&sql, &args)?
                .iter()
                .map(from_row)
                .collect::<Result<Vec<_>>>()?;
            with_senders(tx, &mut tags)?;
            if let Some(ids) = &visible {
                for tag in &mut tags {
                    tag.receives_from.retain(|id| ids.contains(id));
                }
            }
            Ok(tags)
        })
        .await
}

/// How many messages of the mailboxes `visible` have each of these tags.
///
/// # Errors
/// The database is out of reach.
pub async fn count(
    store: &Store,
    tags: Vec<String>,
    visible: Option<Vec<String>>,
) -> Result<HashMap<String, Count>> {
    store
        .db
        .read(move |tx| {
            let mut counts = HashMap::with_capacity(tags.len());
            for tag in tags {
                let mut args: Vec<Value> = vec![(&tag).into(), COUNTED.into()];
                let mut narrowed = String::new();
                if let Some(ids) = &visible {
                    args.push(serde_json::to_string(ids)?.into());
                    narrowed = format!(" AND m.mailbox_id IN {}", tx.dialect().texts(3));
                }
                let sql = format!(
                    "SELECT count(*), CAST(coalesce(sum(CASE WHEN m.seen = 0 THEN 1 ELSE 0 END), 0) AS BIGINT)
                     FROM (SELECT message_id FROM message_tags WHERE tag_id = $1 ORDER BY received_at DESC LIMIT $2) g
                     JOIN messages m ON m.id = g.message_id
                     WHERE m.vanished_at IS NULL{narrowed} AND {} AND {}",
                    crate::removal::not_removed("m.mailbox_id"),
                    crate::messages::SWITCHED_OFF
                );
                if let Some(row) = tx.row(&sql, &args)? {
                    let count = Count {
                        messages: row.get(0)?,
                        unread: row.get(1)?,
                    };
                    counts.insert(tag, count);
                }
            }
            Ok(counts)
        })
        .await
}

/// One tag.
///
/// # Errors
/// No such tag.
pub async fn get(store: &Store, id: &str) -> Result<Tag> {
    let id = id.to_owned();
    store.db.read(move |tx| read(tx, &id)).await
}

/// Changes a tag.
///
/// # Errors
/// No such tag, or there is another one with the new name.
pub async fn change(store: &Store, id: &str, change: Change) -> Result<Tag> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            let old = read(tx, &id)?;
            let name = change.name.unwrap_or_else(|| old.name.clone());
            check_name(tx, old.kind, old.mailbox_id.as_deref(), &name, Some(&id))?;
            tx.exec(
                "UPDATE tags SET name = $2, name_key = $3, color = $4 WHERE id = $1",
                &[
                    (&id).into(),
                    (&name).into(),
                    name.to_lowercase().into(),
                    change.color.unwrap_or_else(|| old.color.clone()).into(),
                ],
            )?;
            if let Some(mailboxes) = &change.receives_from {
                receive_from(tx, &id, mailboxes)?;
            }
            let tag = read(tx, &id)?;
            if tag != old {
                events::append(tx, &[event("tag.changed", &tag)], now)?;
            }
            Ok(tag)
        })
        .await
}

/// Removes a tag, and takes it off every message: one event says so for all of them.
///
/// # Errors
/// No such tag.
pub async fn remove(store: &Store, id: &str) -> Result<()> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            let tag = read(tx, &id)?;
            tx.exec("DELETE FROM tags WHERE id = $1", &[(&id).into()])?;
            events::append(tx, &[event("tag.removed", &tag)], now)
        })
        .await
}

fn read(tx: &mut Tx<'_>, id: &str) -> Result<Tag> {
    let sql = format!("SELECT {COLUMNS} FROM tags t WHERE t.id = $1");
    let row = tx.row(&sql, &[id.into()])?;
    let tag = row
        .as_ref()
        .map_or(Err(StoreError::NotFound("the tag")), from_row)?;
    let mut tags = [tag];
    with_senders(tx, &mut tags)?;
    let [tag] = tags;
    Ok(tag)
}

fn with_senders(tx: &mut Tx<'_>, tags: &mut [Tag]) -> Result<()> {
    let ids: Vec<&str> = tags.iter().map(|tag| tag.id.as_str()).collect();
    let sql = format!(
        "SELECT tag_id, mailbox_id FROM put_in WHERE tag_id IN {} ORDER BY mailbox_id",
        tx.dialect().texts(1)
    );
    for row in tx.rows(&sql, &[serde_json::to_string(&ids)?.into()])? {
        let id: String = row.get(0)?;
        if let Some(tag) = tags.iter_mut().find(|tag| tag.id == id) {
            tag.receives_from.push(row.get(1)?);
        }
    }
    Ok(())
}

fn event(kind: &'static str, tag: &Tag) -> NewEvent {
    NewEvent {
        kind,
        mailbox_id: tag.mailbox_id.clone(),
        origin: Origin::Live,
        data: json!({"tag": tag}),
    }
}

fn from_row(row: &Row) -> Result<Tag> {
    Ok(Tag {
        id: row.get(0)?,
        name: row.get(1)?,
        color: row.get(2)?,
        kind: row.word(3, Kind::parse)?,
        mailbox_id: row.get(4)?,
        receives_from: Vec::new(),
        created_at: row.get(5)?,
    })
}
