//! Conversations for the API.

use crate::db::Row;
use crate::error::{Result, StoreError};
use crate::messages::SWITCHED_OFF;
use crate::removal::not_removed;
use crate::{Store, Tx, messages, tags};
use model::Timestamp;
use model::folder::Role;
use model::message::Message;
use model::tag::TagRef;
use std::collections::HashMap;

/// Messages of one conversation that are shown; of a longer one the newest.
pub const THREAD_MESSAGES: i64 = 500;
/// Heads that are read for one page of conversations, the newest first.
const PAGE_HEADS: i64 = 2_000;

const COLUMNS: &str = "t.id, t.mailbox_id, t.last_at, t.messages, t.unread";

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// `thr_…`
    pub id: String,
    /// The mailbox it belongs to.
    pub mailbox_id: String,
    /// When its newest message was received.
    pub last_at: Timestamp,
    /// Messages in it.
    pub messages: i64,
    /// Of those, the unread.
    pub unread: i64,
}

/// A conversation in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The conversation.
    pub thread: Thread,
    /// By what the list is ordered: when its newest message was received, hidden or not.
    pub order: Timestamp,
    /// The parsed heads of its messages, the newest first; of long conversations not all.
    pub heads: Vec<String>,
    /// Whether one of those messages is marked.
    pub flagged: bool,
    /// Own tags and folders of its messages.
    pub tags: Vec<TagRef>,
}

/// Which conversations are wanted; what is absent does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of these mailboxes (what the caller may see); `None`: all.
    pub visible: Option<Vec<String>>,
    /// Of this mailbox.
    pub mailbox_id: Option<String>,
    /// With a message in a folder with this role.
    pub role: Option<Role>,
    /// With a message that has this own tag, or lies in this own folder.
    pub tag: Option<String>,
    /// With unread messages, or without.
    pub unread: Option<bool>,
}

/// A page of conversations, the one with the newest message first. `after`: time and id of the last
/// one of the page before.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    filter: Filter,
    after: Option<(Timestamp, String)>,
    limit: i64,
) -> Result<Vec<Found>> {
    store
        .db
        .read(move |tx| page(tx, filter, after, limit))
        .await
}

fn page(
    tx: &mut Tx<'_>,
    filter: Filter,
    after: Option<(Timestamp, String)>,
    limit: i64,
) -> Result<Vec<Found>> {
    let mut sql = format!(
        "SELECT {COLUMNS} FROM threads t WHERE t.messages > 0 AND {}",
        not_removed("t.mailbox_id")
    );
    let mut args = vec![limit.into()];
    let hiding = folders_are_off(tx)?;
    if hiding {
        sql.push_str(&format!(" AND {}", has_shown("")));
    }
    if let Some(id) = filter.mailbox_id {
        args.push(id.into());
        sql.push_str(&format!(" AND t.mailbox_id = ${}", args.len()));
    }
    if let Some(ids) = filter.visible {
        args.push(serde_json::to_string(&ids)?.into());
        let texts = tx.dialect().texts(args.len());
        sql.push_str(&format!(" AND t.mailbox_id || '' IN {texts}"));
    }
    if let Some(role) = filter.role {
        args.push(role.as_str().into());
        sql.push_str(&format!(
            " AND EXISTS (SELECT 1 FROM messages m JOIN placements p ON p.message_id = m.id
                          JOIN folders f ON f.id = p.folder_id WHERE m.thread_id = t.id AND m.vanished_at IS NULL AND f.role = ${}
                            AND NOT (f.mode = 'off' AND f.mode_fixed = 1))",
            args.len()
        ));
    }
    if let Some(tag) = filter.tag {
        args.push(tag.into());
        sql.push_str(&format!(
            " AND t.id IN (SELECT m.thread_id FROM message_tags g JOIN messages m ON m.id = g.message_id
                           WHERE g.tag_id = ${} AND m.vanished_at IS NULL)",
            args.len()
        ));
    }
    if let Some(unread) = filter.unread {
        let side = if unread { ">" } else { "=" };
        if hiding {
            let not = if unread { "" } else { "NOT " };
            let shown = has_shown(" AND m.seen = 0 AND m.direction = 'incoming'");
            sql.push_str(&format!(" AND {not}{shown}"));
        } else {
            sql.push_str(&format!(" AND t.unread {side} 0"));
        }
    }
    if let Some((at, id)) = after {
        args.push(at.into());
        args.push(id.into());
        let n = args.len();
        sql.push_str(&format!(" AND (t.last_at, t.id) < (${}, ${n})", n - 1));
    }
    sql.push_str(" ORDER BY t.last_at DESC, t.id DESC LIMIT $1");
    let threads = tx
        .rows(&sql, &args)?
        .iter()
        .map(from_row)
        .collect::<Result<Vec<_>>>()?;
    with_heads(tx, threads, hiding)
}

/// Whether a person has switched folders off: then some messages of conversations may be hidden.
fn folders_are_off(tx: &mut Tx<'_>) -> Result<bool> {
    let sql = "SELECT 1 FROM folders WHERE mode = 'off' AND mode_fixed = 1 LIMIT 1";
    Ok(tx.row(sql, &[])?.is_some())
}

/// The condition that the conversation `t` has a message that is shown, and that is so.
fn has_shown(so: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM messages m WHERE m.thread_id = t.id AND m.vanished_at IS NULL{so} AND {SWITCHED_OFF})"
    )
}

/// Counts only what is shown.
fn count_shown(tx: &mut Tx<'_>, threads: &mut [Thread]) -> Result<()> {
    let ids: Vec<&str> = threads.iter().map(|thread| thread.id.as_str()).collect();
    let sql = format!(
        "SELECT m.thread_id, max(m.received_at), count(*),
                CAST(sum(CASE WHEN m.seen = 0 AND m.direction = 'incoming' THEN 1 ELSE 0 END) AS BIGINT)
         FROM messages m WHERE m.thread_id IN {} AND m.vanished_at IS NULL AND {SWITCHED_OFF} GROUP BY m.thread_id",
        tx.dialect().texts(1)
    );
    let rows = tx.rows(&sql, &[serde_json::to_string(&ids)?.into()])?;
    for row in rows {
        let id: String = row.get(0)?;
        if let Some(thread) = threads.iter_mut().find(|thread| thread.id == id) {
            (thread.last_at, thread.messages) = (row.get(1)?, row.get(2)?);
            thread.unread = row.get(3)?;
        }
    }
    Ok(())
}

fn with_heads(tx: &mut Tx<'_>, mut threads: Vec<Thread>, hiding: bool) -> Result<Vec<Found>> {
    let orders: Vec<Timestamp> = threads.iter().map(|thread| thread.last_at).collect();
    let mut shown = String::new();
    if hiding {
        count_shown(tx, &mut threads)?;
        shown = format!(" AND {SWITCHED_OFF}");
    }
    let ids: Vec<&str> = threads.iter().map(|thread| thread.id.as_str()).collect();
    let sql = format!(
        "SELECT m.thread_id, m.head, m.flagged FROM messages m
         WHERE m.thread_id IN {} AND m.vanished_at IS NULL{shown} ORDER BY m.received_at DESC, m.id DESC LIMIT $2",
        tx.dialect().texts(1)
    );
    let mut heads: HashMap<String, (Vec<String>, bool)> = HashMap::new();
    for row in tx.rows(
        &sql,
        &[serde_json::to_string(&ids)?.into(), PAGE_HEADS.into()],
    )? {
        let (of, flagged) = heads.entry(row.get(0)?).or_default();
        of.push(row.get(1)?);
        *flagged |= row.get::<bool>(2)?;
    }
    let mut tags = tags::of_threads(tx, &ids)?;
    Ok(threads
        .iter()
        .cloned()
        .zip(orders)
        .map(|(thread, order)| {
            let (heads, flagged) = heads.remove(&thread.id).unwrap_or_default();
            Found {
                order,
                tags: tags.remove(&thread.id).unwrap_or_default(),
                thread,
                heads,
                flagged,
            }
        })
        .collect())
}

/// One conversation with its messages, oldest first.
///
/// # Errors
/// No such conversation.
pub async fn get(store: &Store, id: &str) -> Result<(Thread, Vec<Message>)> {
    let id = id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM threads t WHERE t.id = $1 AND {}",
                not_removed("t.mailbox_id")
            );
            let row = tx.row(&sql, &[(&id).into()])?;
            let thread = row
                .as_ref()
                .map_or(Err(StoreError::NotFound("the thread")), from_row)?;
            let mut threads = [thread];
            if folders_are_off(tx)? {
                count_shown(tx, &mut threads)?;
            }
            let [thread] = threads;
            let messages = messages::of_thread(tx, &id, THREAD_MESSAGES)?;
            if messages.is_empty() {
                return Err(StoreError::NotFound("the thread"));
            }
            Ok((thread, messages))
        })
        .await
}

fn from_row(row: &Row) -> Result<Thread> {
    Ok(Thread {
        id: row.get(0)?,
        mailbox_id: row.get(1)?,
        last_at: row.get(2)?,
        messages: row.get(3)?,
        unread: row.get(4)?,
    })
}
