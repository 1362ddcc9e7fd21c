//! Which conversation new messages belong to, decided under the mailbox's lock.

use super::NewMessage;
use crate::Tx;
use crate::db::Column::Text;
use crate::db::Insert;
use crate::error::Result;
use model::{Timestamp, fresh_id};
use std::collections::{HashMap, HashSet};

/// What a message hangs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadRefs {
    /// Its own Message-ID.
    pub message_id: Option<String>,
    /// References.
    pub references: Vec<String>,
    /// In-Reply-To.
    pub in_reply_to: Option<String>,
}

/// The decision for a batch.
#[derive(Clone, Debug, Default)]
pub struct Threaded {
    /// The thread of each message, in order.
    pub threads: Vec<String>,
    /// Message-IDs whose thread is new or another one.
    pub links: Vec<(String, String)>,
    /// Threads that turned out to be one: (from, into).
    pub merges: Vec<(String, String)>,
}

/// The deciding function: known links, the batch, and a source of fresh ids. It is handed in,
/// because threading is a matter of mail and not of storage.
pub type Threader =
    fn(&HashMap<String, String>, &[ThreadRefs], &mut dyn FnMut() -> String) -> Threaded;

pub(super) fn assign(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    messages: &[NewMessage],
    threader: Threader,
    now: Timestamp,
) -> Result<Vec<String>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let refs: Vec<ThreadRefs> = messages
        .iter()
        .map(|message| message.refs.clone())
        .collect();
    let ids: HashSet<&str> = refs
        .iter()
        .flat_map(|r| {
            let own = r.message_id.iter().chain(&r.in_reply_to);
            own.chain(&r.references).map(String::as_str)
        })
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
    let decided = threader(&known, &refs, &mut || fresh_id("thr", now));
    write_links(tx, mailbox_id, &decided.links)?;
    for (from, into) in &decided.merges {
        merge(tx, mailbox_id, from, into)?;
    }
    Ok(decided.threads)
}

fn write_links(tx: &mut Tx<'_>, mailbox_id: &str, links: &[(String, String)]) -> Result<()> {
    if links.is_empty() {
        return Ok(());
    }
    // One statement may not touch a row twice: the last word for an id counts.
    let links: HashMap<&str, &str> = links
        .iter()
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

fn merge(tx: &mut Tx<'_>, mailbox_id: &str, from: &str, into: &str) -> Result<()> {
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
