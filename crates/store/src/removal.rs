//! The removal of mailboxes. A mailbox that is removed cannot be seen from that moment on, and nobody works on
//! it any more; what it had is taken away after that, a bounded piece at a time. A crash in between changes
//! nothing: the mark on the mailbox's row says that there is more to do.

use crate::error::Result;
use crate::events;
use crate::wake::Topic;
use crate::{Store, Tx, mailboxes, search};
use model::event::NewEvent;
use serde_json::json;

/// Rows that one step takes away.
pub const ROWS: i64 = 500;

/// What a mailbox has, in tables with an id and a `mailbox_id`.
const WITH_ID: &[&str] = &["threads", "failures", "owed", "submissions", "reports"];

/// The condition that the mailbox in this column was not removed.
pub(crate) fn not_removed(column: &str) -> String {
    format!("{column} NOT IN (SELECT id FROM mailboxes WHERE removed_at IS NOT NULL)")
}

/// Removes a mailbox with all its mail: it is gone for everybody once this returns, with its credentials.
///
/// # Errors
/// No such mailbox; `Conflict`: its server answers for it, and would go on.
pub async fn remove(store: &Store, id: &str) -> Result<()> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            let old = mailboxes::lock(tx, &id)?;
            crate::auto_replies::leave_server(tx, &id)?;
            tx.exec(
                "UPDATE mailboxes SET removed_at = $2, lifecycle = 'disabled', connection_state = 'off',
                   incoming_secret = NULL, outgoing_secret = NULL, server_profile_id = NULL, send_shared = 0, system_sender = 0
                 WHERE id = $1",
                &[(&id).into(), now.into()],
            )?;
            // Whoever works on it is refused from here on.
            for table in ["leases", "couriers"] {
                let sql = format!("DELETE FROM {table} WHERE mailbox_id = $1");
                tx.exec(&sql, &[(&id).into()])?;
            }
            let data = json!({"address": old.address});
            events::append(tx, &[NewEvent::live("mailbox.removed", &id, data)], now)?;
            tx.wake(Topic::Mailbox(id));
            tx.wake(Topic::Roster);
            Ok(())
        })
        .await
}

/// Takes away up to `rows` rows of a removed mailbox. `true`: there is more to do.
///
/// # Errors
/// The database is out of reach.
pub async fn step(store: &Store, rows: i64) -> Result<bool> {
    let waiting = store.db.read(|tx| {
        let sql = "SELECT 1 FROM mailboxes WHERE removed_at IS NOT NULL LIMIT 1";
        Ok(tx.row(sql, &[])?.is_some())
    });
    if !waiting.await? {
        return Ok(false);
    }
    store
        .db
        .write(move |tx| {
            let sql = format!(
                "SELECT id FROM mailboxes WHERE removed_at IS NOT NULL ORDER BY removed_at, id LIMIT 1{}",
                tx.dialect().for_update_skip_locked()
            );
            let Some(row) = tx.row(&sql, &[])? else {
                // Another node is at it.
                return Ok(false);
            };
            let id: String = row.get(0)?;
            let left = take_away(tx, &id, rows)?;
            if left > 0 {
                tx.exec("DELETE FROM mailboxes WHERE id = $1", &[id.into()])?;
            }
            Ok(true)
        })
        .await
}

/// Returns how many rows might have been taken away beyond what there was.
fn take_away(tx: &mut Tx<'_>, id: &str, rows: i64) -> Result<i64> {
    let messages = tx.rows(
        "SELECT n FROM messages WHERE mailbox_id = $1 LIMIT $2",
        &[id.into(), rows.into()],
    )?;
    let numbers: Vec<i64> = messages
        .iter()
        .map(|row| row.get(0))
        .collect::<Result<_>>()?;
    if !numbers.is_empty() {
        search::remove(tx, &numbers)?;
        let sql = format!(
            "DELETE FROM messages WHERE n IN {}",
            tx.dialect().integers(1)
        );
        tx.exec(&sql, &[serde_json::to_string(&numbers)?.into()])?;
    }
    let mut left = rows - numbers.len() as i64;
    let mut tables: Vec<String> = WITH_ID.iter().map(|table| by_id(table)).collect();
    tables.push(
        "DELETE FROM thread_links WHERE mailbox_id = $1 AND internet_message_id IN (
           SELECT internet_message_id FROM thread_links WHERE mailbox_id = $1 LIMIT $2)"
            .to_owned(),
    );
    tables.push(
        "DELETE FROM pop3_uids WHERE (folder_id, unique_id) IN (
           SELECT p.folder_id, p.unique_id FROM pop3_uids p JOIN folders f ON f.id = p.folder_id
           WHERE f.mailbox_id = $1 LIMIT $2)"
            .to_owned(),
    );
    tables.push(by_id("folders"));
    for sql in tables {
        if left == 0 {
            break;
        }
        left -= tx.exec(&sql, &[id.into(), left.into()])? as i64;
    }
    Ok(left)
}

fn by_id(table: &str) -> String {
    format!(
        "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE mailbox_id = $1 LIMIT $2)"
    )
}
