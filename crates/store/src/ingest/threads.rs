//! Which conversation new messages belong to, decided under the mailbox's lock.

use super::ids::fresh_ids;
use super::{Batch, answers, event};
use crate::Tx;
use crate::db::Column::Text;
use crate::db::Insert;
use crate::error::Result;
use crate::submissions::Link;
use model::event::{NewEvent, Origin};
use model::message::Flags;
use model::returned::Confidence;
use model::{Timestamp, fresh_id};
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// How a name begins that is good for one batch only, and is not stored.
pub(super) const TRANSIENT: &str = "\u{1f}\u{1f}";

/// What a message hangs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadRefs {
    /// Its own Message-ID.
    pub message_id: Option<String>,
    /// Whoever has one of these names too is of the same conversation.
    pub names: Vec<String>,
    /// Names that it has if somebody else has them.
    pub also: Vec<String>,
    /// The Message-ID of the message that it belongs to, whatever that is about.
    pub parent: Option<String>,
    /// What the subject says, where that is enough to tell what a message answers.
    pub says: Option<String>,
    /// It answers something, and does not say what but by its subject.
    pub lone_answer: bool,
}

/// The decision for a batch.
#[derive(Clone, Debug, Default)]
pub struct Threaded {
    /// The thread of each message, in order.
    pub threads: Vec<String>,
    /// Names whose thread is new or another one.
    pub links: Vec<(String, String)>,
    /// Threads that turned out to be one: (from, into).
    pub merges: Vec<(String, String)>,
}

/// The deciding function: the threads of known names, the batch, and a source of fresh ids. It is handed in,
/// because threading is a matter of mail and not of storage.
pub type Threader =
    fn(&HashMap<String, String>, &[ThreadRefs], &mut dyn FnMut() -> String) -> Threaded;

pub(super) fn assign(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    batch: &Batch,
    links: &[Option<Link>],
    threader: Threader,
    now: Timestamp,
    log: &mut Vec<NewEvent>,
) -> Result<Vec<String>> {
    let messages = &batch.messages;
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut refs: Vec<ThreadRefs> = messages
        .iter()
        .map(|message| message.refs.clone())
        .collect();
    let ids: HashSet<&str> = refs
        .iter()
        .flat_map(|refs| refs.names.iter().chain(&refs.also).map(String::as_str))
        .collect();
    let sql = format!(
        "SELECT internet_message_id, thread_id FROM thread_links
         WHERE mailbox_id = $1 AND internet_message_id IN {}",
        tx.dialect().texts(2)
    );
    let rows = tx.rows(
        &sql,
        &[mailbox_id.into(), serde_json::to_string(&ids)?.into()],
    )?;
    let mut known = HashMap::with_capacity(rows.len());
    for row in &rows {
        known.insert(row.get(0)?, row.get(1)?);
    }
    let mut join = |refs: &mut ThreadRefs, thread: String| {
        let name = format!("{TRANSIENT}{thread}");
        refs.also.push(name.clone());
        known.insert(name, thread);
    };
    // Whoever answers a message under an id that a server gave it on the way names nothing that is known here.
    for (refs, link) in refs.iter_mut().zip(links) {
        let sure = link
            .as_ref()
            .filter(|l| l.confidence != Confidence::Guess && l.submission_id.is_some());
        if let Some(thread) = sure.and_then(|link| link.thread_id.clone()) {
            join(refs, thread);
        }
    }
    parents(tx, mailbox_id, &mut refs, &mut join)?;
    answers::join(tx, mailbox_id, messages, &mut refs, &mut join)?;
    let mut fresh = fresh_ids("thr", messages, now).into_iter();
    let mut next = || fresh.next().unwrap_or_else(|| fresh_id("thr", now));
    let decided = threader(&known, &refs, &mut next);
    write_links(tx, mailbox_id, &decided.links)?;
    for (from, into) in &decided.merges {
        merge(tx, mailbox_id, from, into, batch.origin, log)?;
    }
    Ok(decided.threads)
}

/// Messages that belong to a stored one, whatever that is about, join its conversation.
fn parents(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    refs: &mut [ThreadRefs],
    join: &mut impl FnMut(&mut ThreadRefs, String),
) -> Result<()> {
    let wanted: HashSet<&str> = refs.iter().filter_map(|r| r.parent.as_deref()).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT internet_message_id, thread_id FROM messages WHERE mailbox_id = $1 AND internet_message_id IN {}",
        tx.dialect().texts(2)
    );
    let args = [mailbox_id.into(), serde_json::to_string(&wanted)?.into()];
    for row in tx.rows(&sql, &args)? {
        let (id, thread): (String, String) = (row.get(0)?, row.get(1)?);
        for refs in refs.iter_mut() {
            if refs.parent.as_ref() == Some(&id) {
                join(refs, thread.clone());
            }
        }
    }
    Ok(())
}

fn write_links(tx: &mut Tx<'_>, mailbox_id: &str, links: &[(String, String)]) -> Result<()> {
    if links.is_empty() {
        return Ok(());
    }
    // One statement may not touch a row twice: the last word for an id counts.
    let links: HashMap<&str, &str> = links
        .iter()
        .filter(|(name, _)| !name.starts_with(TRANSIENT))
        .map(|(id, thread)| (id.as_str(), thread.as_str()))
        .collect();
    let rows = links
        .iter()
        .map(|(id, thread)| vec![(*id).into(), (*thread).into()])
        .collect();
    tx.insert(Insert {
        table: "thread_links",
        shared: &[("mailbox_id", mailbox_id.into())],
        columns: &[Text("internet_message_id"), Text("thread_id")],
        rows,
        then: "ON CONFLICT (mailbox_id, internet_message_id) DO UPDATE SET thread_id = excluded.thread_id",
    })?;
    Ok(())
}

/// Everything of one thread moves into another; each message says so, because its thread was told when it came.
fn merge(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    from: &str,
    into: &str,
    origin: Origin,
    log: &mut Vec<NewEvent>,
) -> Result<()> {
    let sql = "SELECT id, seen, answered, flagged, draft, keywords FROM messages
               WHERE mailbox_id = $1 AND thread_id = $2 AND vanished_at IS NULL ORDER BY id";
    for row in tx.rows(sql, &[mailbox_id.into(), from.into()])? {
        let flags = Flags {
            seen: row.get(1)?,
            answered: row.get(2)?,
            flagged: row.get(3)?,
            draft: row.get(4)?,
            keywords: row.json(5)?,
        };
        let data = json!({
            "message_id": row.get::<String>(0)?, "flags": flags, "before": flags,
            "thread_id": into, "thread_id_before": from,
        });
        log.push(event("message.changed", mailbox_id, origin, data));
    }
    let args = [mailbox_id.into(), from.into(), into.into()];
    tx.exec(
        "UPDATE messages SET thread_id = $3 WHERE mailbox_id = $1 AND thread_id = $2",
        &args,
    )?;
    tx.exec(
        "UPDATE thread_links SET thread_id = $3 WHERE mailbox_id = $1 AND thread_id = $2",
        &args,
    )?;
    tx.exec("DELETE FROM threads WHERE id = $1", &[from.into()])?;
    Ok(())
}

/// Threads of messages.
pub(super) fn of_messages<'a>(
    tx: &mut Tx<'_>,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<String>> {
    let ids: Vec<&str> = ids.collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT DISTINCT thread_id FROM messages WHERE id IN {}",
        tx.dialect().texts(1)
    );
    let rows = tx.rows(&sql, &[serde_json::to_string(&ids)?.into()])?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Counts the threads of messages anew.
pub(super) fn refresh_of<'a>(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let touched: HashSet<String> = of_messages(tx, ids)?.into_iter().collect();
    refresh(tx, mailbox_id, &touched)
}

/// Counts threads anew: one row each while it has messages, none when it has none.
pub(crate) fn refresh(tx: &mut Tx<'_>, mailbox_id: &str, threads: &HashSet<String>) -> Result<()> {
    if threads.is_empty() {
        return Ok(());
    }
    let ids = serde_json::to_string(threads)?;
    let touched = tx.dialect().texts(1);
    let sql = format!(
        "DELETE FROM threads WHERE id IN {touched} AND NOT EXISTS (
           SELECT 1 FROM messages m WHERE m.thread_id = threads.id AND m.vanished_at IS NULL)"
    );
    tx.exec(&sql, &[ids.clone().into()])?;
    let sql = format!(
        "INSERT INTO threads (id, mailbox_id, last_at, messages, unread, last_message_id)
         SELECT m.thread_id, $2, max(m.received_at), count(*),
                CAST(sum(CASE WHEN m.seen = 0 AND m.direction = 'incoming' THEN 1 ELSE 0 END) AS BIGINT),
                (SELECT x.id FROM messages x WHERE x.thread_id = m.thread_id AND x.vanished_at IS NULL
                 ORDER BY x.received_at DESC, x.id DESC LIMIT 1)
         FROM messages m WHERE m.thread_id IN {touched} AND m.vanished_at IS NULL GROUP BY m.thread_id
         ON CONFLICT (id) DO UPDATE SET last_at = excluded.last_at, messages = excluded.messages,
           unread = excluded.unread, last_message_id = excluded.last_message_id"
    );
    tx.exec(&sql, &[ids.into(), mailbox_id.into()])?;
    Ok(())
}
