//! The mail that had come while nobody looked, counted until it is told: in the mailbox's row, so that a connection that breaks
//! in the middle leaves the count to the next.

use crate::error::Result;
use crate::leases::{self, Lease};
use crate::{Store, Tx, events, mailboxes};
use model::event::{NewEvent, Origin};
use serde_json::json;

/// Counts messages that were stored as caught up with. In a folder whose past is not filled yet there is no gap.
pub(super) fn count(tx: &mut Tx<'_>, mailbox_id: &str, folder_id: &str, stored: i64) -> Result<()> {
    let sql = "UPDATE mailboxes SET caught_up = caught_up + $3
         WHERE id = $1 AND EXISTS (SELECT 1 FROM folders f WHERE f.id = $2 AND f.backfilled = 1)";
    let args = [mailbox_id.into(), folder_id.into(), stored.into()];
    tx.exec(sql, &args).map(drop)
}

/// The mailbox is in step: how much mail was caught up with since this was last told is told now, if there was any.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn tell_gap(store: &Store, lease: &Lease) -> Result<()> {
    let id = lease.mailbox_id.clone();
    let counted = store.db.glance(move |tx| caught_up(tx, &id)).await?;
    if counted == 0 {
        return Ok(());
    }
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            let id = &lease.mailbox_id;
            mailboxes::hold(tx, id)?;
            leases::check(tx, &lease)?;
            let event = NewEvent {
                kind: "mailbox.gap_filled",
                mailbox_id: Some(id.clone()),
                origin: Origin::CatchUp,
                data: json!({"messages": caught_up(tx, id)?}),
            };
            tx.exec(
                "UPDATE mailboxes SET caught_up = 0 WHERE id = $1",
                &[id.into()],
            )?;
            events::append(tx, &[event], now)
        })
        .await
}

fn caught_up(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<i64> {
    let sql = "SELECT caught_up FROM mailboxes WHERE id = $1";
    let row = tx.row(sql, &[mailbox_id.into()])?;
    row.map_or(Ok(0), |row| row.get(0))
}
