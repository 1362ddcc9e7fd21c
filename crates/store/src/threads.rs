//! Conversations for the API.

use crate::db::Row;
use crate::error::{Result, StoreError};
use crate::{Store, Tx, messages};
use model::Timestamp;
use model::message::Message;

/// Messages of one conversation that are shown; of a longer one the newest.
pub const THREAD_MESSAGES: i64 = 500;

const COLUMNS: &str = "t.id, t.mailbox_id, t.last_at, t.messages, t.unread, t.last_message_id";

/// A conversation.
#[derive(Clone, Debug)]
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
    /// The newest message.
    pub last_message: Option<Message>,
}

/// Which conversations are wanted; what is absent does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of these mailboxes (what the caller may see); `None`: all.
    pub visible: Option<Vec<String>>,
    /// Of this mailbox.
    pub mailbox_id: Option<String>,
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
) -> Result<Vec<Thread>> {
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
) -> Result<Vec<Thread>> {
    let mut sql = format!("SELECT {COLUMNS} FROM threads t WHERE t.messages > 0");
    let mut args = vec![limit.into()];
    if let Some(id) = filter.mailbox_id {
        args.push(id.into());
        sql.push_str(&format!(" AND t.mailbox_id = ${}", args.len()));
    }
    if let Some(ids) = filter.visible {
        args.push(serde_json::to_string(&ids)?.into());
        let texts = tx.dialect().texts(args.len());
        sql.push_str(&format!(" AND t.mailbox_id || '' IN {texts}"));
    }
    if let Some(unread) = filter.unread {
        sql.push_str(if unread {
            " AND t.unread > 0"
        } else {
            " AND t.unread = 0"
        });
    }
    if let Some((at, id)) = after {
        args.push(at.into());
        args.push(id.into());
        let n = args.len();
        sql.push_str(&format!(" AND (t.last_at, t.id) < (${}, ${n})", n - 1));
    }
    sql.push_str(" ORDER BY t.last_at DESC, t.id DESC LIMIT $1");
    let rows = tx.rows(&sql, &args)?;
    let mut found = rows.iter().map(from_row).collect::<Result<Vec<_>>>()?;
    let ids: Vec<String> = rows.iter().map(|row| row.get(5)).collect::<Result<_>>()?;
    let newest = messages::by_ids(tx, &ids)?;
    for (thread, id) in found.iter_mut().zip(&ids) {
        thread.last_message = newest.iter().find(|message| message.id == *id).cloned();
    }
    Ok(found)
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
            let sql = format!("SELECT {COLUMNS} FROM threads t WHERE t.id = $1");
            let row = tx.row(&sql, &[(&id).into()])?;
            let mut thread = row
                .as_ref()
                .map_or(Err(StoreError::NotFound("the thread")), from_row)?;
            let messages = messages::of_thread(tx, &id, THREAD_MESSAGES)?;
            thread.last_message = messages.last().cloned();
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
        last_message: None,
    })
}
