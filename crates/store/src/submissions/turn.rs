//! A node's turn to send for a mailbox: one node at a time has its connection, so that a bad password is tried once.
//! It saves sign-ins, and is not what keeps a message from being sent twice: see [`super::claim`].

use crate::error::Result;
use crate::wake::Topic;
use crate::{Store, Tx, leases};
use model::Timestamp;

/// Life of a node's right to send for a mailbox; a courier that works prolongs it.
pub const MAILBOX_MILLIS: i64 = 180_000;

/// Takes the right to send for a mailbox: one node at a time has its connection. `false`: another
/// living node has it. It saves sign-ins and is not what keeps a message from being sent twice: see [`super::begin`].
///
/// # Errors
/// The database is out of reach.
pub async fn take_mailbox(store: &Store, mailbox_id: &str) -> Result<bool> {
    let (now, node) = (store.now(), store.node.to_string());
    let mailbox_id = mailbox_id.to_owned();
    store
        .db
        .write(move |tx| {
            leases::show_life(tx, &node, now)?;
            let taken = tx.exec(
                "INSERT INTO couriers (mailbox_id, node, until) SELECT id, $2, $3 FROM mailboxes WHERE id = $1
                 ON CONFLICT (mailbox_id) DO UPDATE SET node = excluded.node, until = excluded.until
                   WHERE couriers.until <= $4 OR couriers.until > $6 OR couriers.node = excluded.node
                      OR NOT EXISTS (SELECT 1 FROM nodes n WHERE n.node = couriers.node AND n.seen_at > $5)",
                &[
                    mailbox_id.into(),
                    node.into(),
                    now.plus_millis(MAILBOX_MILLIS).into(),
                    now.into(),
                    leases::alive_since(now).into(),
                    now.plus_millis(2 * MAILBOX_MILLIS).into(),
                ],
            )?;
            Ok(taken == 1)
        })
        .await
}

/// Gives the right to send back, and lets everyone look again.
///
/// # Errors
/// The database is out of reach: then it runs out by itself.
pub async fn give_back_mailbox(store: &Store, mailbox_id: &str) -> Result<()> {
    let (node, mailbox_id) = (store.node.to_string(), mailbox_id.to_owned());
    store
        .db
        .write(move |tx| {
            let sql = "DELETE FROM couriers WHERE mailbox_id = $1 AND node = $2";
            tx.exec(sql, &[mailbox_id.into(), node.into()])?;
            tx.wake(Topic::Submissions);
            Ok(())
        })
        .await
}

/// Prolongs the turn of whoever works.
pub(super) fn prolong(tx: &mut Tx<'_>, mailbox_id: &str, node: &str, now: Timestamp) -> Result<()> {
    tx.exec(
        "UPDATE couriers SET until = $3 WHERE mailbox_id = $1 AND node = $2",
        &[
            mailbox_id.into(),
            node.into(),
            now.plus_millis(MAILBOX_MILLIS).into(),
        ],
    )?;
    Ok(())
}
