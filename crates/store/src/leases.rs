//! Who works on which mailbox. A lease saves work twice done; its epoch makes sure: every write of
//! a worker proves in its transaction that the lease is still its own.

use crate::db::{Dialect, Value};
use crate::error::{Result, StoreError};
use crate::{Store, Tx};
use model::Timestamp;
use model::limits::LEASE_MILLIS;

/// A lease that would live longer than this was written by a clock that stood ahead: it is cut to its
/// length. What is above the length itself is room for clocks that differ a little.
const LEASE_MOST_MILLIS: i64 = 2 * LEASE_MILLIS;

/// The right to work on a mailbox, until it is taken over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The mailbox.
    pub mailbox_id: String,
    /// The node that holds it.
    pub node: String,
    /// Grows with each change of hands.
    pub epoch: i64,
}

/// What a node holds of what is shared out. A mailbox that was paused and is still being left is no part of that: it must not
/// cost another one its place.
const MINE: &str = "SELECT count(*) FROM leases l JOIN mailboxes m ON m.id = l.mailbox_id WHERE l.node = $1 AND m.lifecycle = 'enabled'";

/// Renews the leases of this node, and says that it lives. Returns the leases that are still held.
///
/// # Errors
/// The database is out of reach: after the lease's life the work must stop.
pub async fn renew(store: &Store) -> Result<Vec<Lease>> {
    let (now, node) = (store.now(), store.node.to_string());
    store
        .db
        .write(move |tx| {
            show_life(tx, &node, now)?;
            cut_to_length(tx, now)?;
            let rows = tx.rows(
                "UPDATE leases SET expires_at = $2 WHERE node = $1 RETURNING mailbox_id, epoch",
                &[(&node).into(), now.plus_millis(LEASE_MILLIS).into()],
            )?;
            rows.iter().map(|row| lease(&node, row)).collect()
        })
        .await
}

/// Says inside a transaction that a node lives: what it has claimed is its own. It comes before all other
/// rows of a transaction, so that nobody who holds one of those waits for it.
pub(crate) fn show_life(tx: &mut Tx<'_>, node: &str, now: Timestamp) -> Result<()> {
    tx.exec(
        "INSERT INTO nodes (node, seen_at) VALUES ($1, $2)
         ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at",
        &[node.into(), now.into()],
    )?;
    Ok(())
}

/// Whoever was seen after this time is alive.
pub(crate) fn alive_since(now: Timestamp) -> Timestamp {
    now.plus_millis(-LEASE_MILLIS)
}

/// The rows that nobody is at, by their columns `claimed_by` and `claimed_until`, with the arguments from $1 on: a claim ends with its
/// time, and with the node that has it.
pub(crate) fn claimable(tx: &Tx<'_>, node: &str, now: Timestamp) -> (String, Vec<Value>) {
    let mut args = vec![now.into(), node.into()];
    let gone = match tx.dialect() {
        // There is one node only, which gives up the claims of its former life when it begins.
        Dialect::Sqlite => "",
        Dialect::Postgres => {
            args.push(alive_since(now).into());
            " AND NOT EXISTS (SELECT 1 FROM nodes o WHERE o.node = claimed_by AND o.seen_at > $3)"
        }
    };
    let sql = format!("(claimed_until IS NULL OR claimed_until <= $1 OR claimed_by <> $2{gone})");
    (sql, args)
}

/// A clock that stood far ahead must not keep a mailbox from everybody until its time has come.
fn cut_to_length(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    let most = now.plus_millis(LEASE_MOST_MILLIS);
    tx.exec(
        "UPDATE leases SET expires_at = $2 WHERE expires_at > $1",
        &[most.into(), now.plus_millis(LEASE_MILLIS).into()],
    )?;
    tx.exec(
        "UPDATE nodes SET seen_at = $2 WHERE seen_at > $1",
        &[most.into(), now.into()],
    )?;
    Ok(())
}

/// Takes leases of enabled mailboxes that nobody holds, up to this node's fair share and at most
/// `limit` at once (no storm of sign-ins).
///
/// # Errors
/// The database is out of reach.
pub async fn acquire(store: &Store, limit: i64) -> Result<Vec<Lease>> {
    let (now, node) = (store.now(), store.node.to_string());
    store
        .db
        .write(move |tx| {
            let number = |row: Option<crate::db::Row>| row.map_or(Ok(0), |row| row.get::<i64>(0));
            let nodes = number(tx.row(
                "SELECT count(*) FROM nodes WHERE seen_at > $1 AND leaving = 0",
                &[alive_since(now).into()],
            )?)?
            .max(1);
            let wanted = number(
                tx.row("SELECT count(*) FROM mailboxes WHERE lifecycle = 'enabled'", &[])?,
            )?;
            let mine = number(tx.row(MINE, &[(&node).into()])?)?;
            let share = (wanted + nodes - 1) / nodes;
            let room = (share - mine).min(limit);
            if room <= 0 {
                return Ok(Vec::new());
            }
            let skip = tx.dialect().for_update_skip_locked();
            let sql = format!(
                "SELECT m.id FROM mailboxes m
                 WHERE m.lifecycle = 'enabled'
                   AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.mailbox_id = m.id AND l.expires_at > $1)
                 ORDER BY m.id LIMIT $2{skip}"
            );
            let rows = tx.rows(&sql, &[now.into(), room.into()])?;
            let mut taken = Vec::with_capacity(rows.len());
            for row in rows {
                let id: String = row.get(0)?;
                let rows = tx.rows(
                    "INSERT INTO leases (mailbox_id, node, epoch, expires_at) VALUES ($1, $2, 1, $3)
                     ON CONFLICT (mailbox_id) DO UPDATE
                       SET node = excluded.node, epoch = leases.epoch + 1, expires_at = excluded.expires_at
                       WHERE leases.expires_at <= $4
                     RETURNING mailbox_id, epoch",
                    &[
                        (&id).into(),
                        (&node).into(),
                        now.plus_millis(LEASE_MILLIS).into(),
                        now.into(),
                    ],
                )?;
                for row in &rows {
                    taken.push(lease(&node, row)?);
                }
            }
            Ok(taken)
        })
        .await
}

/// Gives leases back, in one transaction, so that another node need not wait for their end.
///
/// # Errors
/// The database is out of reach: then they run out by themselves.
pub async fn release(store: &Store, leases: Vec<Lease>) -> Result<()> {
    if leases.is_empty() {
        return Ok(());
    }
    store
        .db
        .write(move |tx| {
            for lease in &leases {
                tx.exec(
                    "UPDATE leases SET expires_at = 0, node = '' WHERE mailbox_id = $1 AND node = $2 AND epoch = $3",
                    &[(&lease.mailbox_id).into(), (&lease.node).into(), lease.epoch.into()],
                )?;
            }
            tx.wake(crate::wake::Topic::Roster);
            Ok(())
        })
        .await
}

/// How many leases this node holds beyond its fair share (another node has joined).
///
/// # Errors
/// The database is out of reach.
pub async fn surplus(store: &Store) -> Result<i64> {
    let (now, node) = (store.now(), store.node.to_string());
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT ({MINE}), (SELECT count(*) FROM nodes WHERE seen_at > $2 AND leaving = 0),
                        (SELECT count(*) FROM mailboxes WHERE lifecycle = 'enabled')"
            );
            let row = tx.row(&sql, &[node.into(), alive_since(now).into()])?;
            let Some(row) = row else { return Ok(0) };
            let (mine, nodes, wanted) = (
                row.get::<i64>(0)?,
                row.get::<i64>(1)?.max(1),
                row.get::<i64>(2)?,
            );
            Ok((mine - (wanted + nodes - 1) / nodes).max(0))
        })
        .await
}

/// Gives back everything of this node, and takes it off the list: the end of a clean stop. While it still
/// sends a message it stays on the list as one that takes no more work: that message is nobody else's.
///
/// # Errors
/// The database is out of reach.
pub async fn leave(store: &Store) -> Result<()> {
    let node = store.node.to_string();
    store
        .db
        .write(move |tx| {
            tx.exec(
                "UPDATE leases SET expires_at = 0, node = '' WHERE node = $1",
                &[(&node).into()],
            )?;
            let gone = tx.exec(
                "DELETE FROM nodes WHERE node = $1
                   AND NOT EXISTS (SELECT 1 FROM submissions WHERE claimed_until IS NOT NULL AND claimed_by = $1)",
                &[(&node).into()],
            )?;
            if gone == 0 {
                let sql = "UPDATE nodes SET leaving = 1 WHERE node = $1";
                tx.exec(sql, &[(&node).into()])?;
            }
            tx.wake(crate::wake::Topic::Roster);
            Ok(())
        })
        .await
}

/// The only server of a store begins: every lease, every node and every claim on a job or a draft of a former life is void. To be
/// called with the lock on the data directory held, which proves that no other server is alive.
///
/// # Errors
/// The database is out of reach.
pub async fn enter_alone(store: &Store) -> Result<()> {
    store
        .db
        .write(|tx| {
            tx.exec("UPDATE leases SET expires_at = 0, node = ''", &[])?;
            tx.exec("DELETE FROM nodes", &[])?;
            crate::drafts::copying::enter_alone_in(tx)?;
            crate::jobs::enter_alone_in(tx)
        })
        .await
}

/// Proves inside a transaction that the lease is still ours.
pub(crate) fn check(tx: &mut Tx<'_>, lease: &Lease) -> Result<()> {
    let sql = format!(
        "SELECT 1 FROM leases WHERE mailbox_id = $1 AND node = $2 AND epoch = $3{}",
        tx.dialect().for_update()
    );
    let args = [
        (&lease.mailbox_id).into(),
        (&lease.node).into(),
        lease.epoch.into(),
    ];
    tx.row(&sql, &args)?.map(|_| ()).ok_or(StoreError::Fenced)
}

fn lease(node: &str, row: &crate::db::Row) -> Result<Lease> {
    Ok(Lease {
        mailbox_id: row.get(0)?,
        node: node.to_owned(),
        epoch: row.get(1)?,
    })
}
