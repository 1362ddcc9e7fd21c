//! Messages whose header alone is stored, and the wish for the rest.

use super::read;
use crate::error::Result;
use crate::wake::Topic;
use crate::{Store, Tx};
use model::message::Message;

/// Asks for the rest of a message whose header alone is stored. A whole message stays as it is.
///
/// # Errors
/// No such message.
pub async fn ask(store: &Store, id: &str) -> Result<Message> {
    let id = id.to_owned();
    store
        .db
        .write(move |tx| {
            let message = read(tx, &id)?;
            let sql = "UPDATE messages SET body = 'asked' WHERE id = $1 AND body = 'head'";
            tx.exec(sql, &[(&id).into()])?;
            tx.wake(Topic::Mailbox(message.mailbox_id.clone()));
            Ok(message)
        })
        .await
}

/// Puts right what is asked for after the size limit of a mailbox, or the mode or limit of one of its folders, was changed:
/// of headers, the rest where a folder wants it, and of what is not wanted any more, nothing. Whole messages stay whole.
pub(crate) fn want_rest(tx: &mut Tx<'_>, mailbox_id: &str, folder_id: Option<&str>) -> Result<()> {
    const WANTED: &str = "EXISTS (SELECT 1 FROM placements p JOIN folders f ON f.id = p.folder_id
         JOIN mailboxes b ON b.id = f.mailbox_id WHERE p.message_id = messages.id AND f.mode = 'full'
           AND messages.size <= coalesce(f.size_limit, b.size_limit, 9223372036854775807))";
    let within = match folder_id {
        Some(_) => "id IN (SELECT message_id FROM placements WHERE folder_id = $2)",
        None => "CAST($2 AS TEXT) IS NULL",
    };
    for (from, to, wanted) in [("head", "asked", ""), ("asked", "head", "NOT")] {
        let sql = format!(
            "UPDATE messages SET body = '{to}' WHERE mailbox_id = $1 AND body = '{from}' AND {within} AND {wanted} {WANTED}"
        );
        tx.exec(
            &sql,
            &[mailbox_id.into(), folder_id.map(str::to_owned).into()],
        )?;
    }
    Ok(())
}

/// The folders with messages whose rest was asked for.
///
/// # Errors
/// The database is out of reach.
pub async fn asked_folders(store: &Store, mailbox_id: &str) -> Result<Vec<String>> {
    let id = mailbox_id.to_owned();
    store
        .db
        .glance(move |tx| {
            let rows = tx.rows(
                "SELECT DISTINCT p.folder_id FROM messages m JOIN placements p ON p.message_id = m.id
                 WHERE m.mailbox_id = $1 AND m.body <> 'whole' AND m.body = 'asked'",
                &[id.into()],
            )?;
            rows.iter().map(|row| row.get(0)).collect()
        })
        .await
}

/// The UIDs of a folder's messages whose rest was asked for.
///
/// # Errors
/// The database is out of reach.
pub async fn asked_uids(store: &Store, folder_id: &str, uid_validity: i64) -> Result<Vec<i64>> {
    let folder_id = folder_id.to_owned();
    store
        .db
        .read(move |tx| {
            let rows = tx.rows(
                "SELECT p.uid FROM folders f JOIN messages m ON m.mailbox_id = f.mailbox_id AND m.body <> 'whole' AND m.body = 'asked'
                 JOIN placements p ON p.message_id = m.id AND p.folder_id = f.id
                 WHERE f.id = $1 AND p.uid_validity = $2",
                &[folder_id.into(), uid_validity.into()],
            )?;
            rows.iter().map(|row| row.get(0)).collect()
        })
        .await
}
