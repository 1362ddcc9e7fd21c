//! What the connection of a mailbox does, as it is told and shown.

use super::proofs::{self, Side};
use crate::db::Value;
use crate::error::{Result, StoreError};
use crate::leases::{self, Lease};
use crate::{Store, Tx, events};
use model::Timestamp;
use model::event::NewEvent;
use model::mailbox::{Connection, ConnectionState, Lifecycle};
use model::problem::Problem;
use serde_json::json;

/// Takes note of what the connection does, with the event that belongs to the change. A change that
/// says nothing new only moves `proven_alive_at`.
///
/// # Errors
/// Another node works on the mailbox now, or it is gone.
pub async fn set_connection(
    store: &Store,
    lease: &Lease,
    connection: Connection,
    problem: Option<Problem>,
) -> Result<()> {
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| write(tx, &lease, &connection, problem.as_ref(), now))
        .await
}

/// Takes note that the connection works, and with it the receiving side of the settings of version `tested`, in one
/// transaction: whoever hears of the event finds the proof. Returns whether a connection report is wanted (see
/// [`super::works`]).
///
/// # Errors
/// As [`set_connection`].
pub async fn arrived(
    store: &Store,
    lease: &Lease,
    connection: Connection,
    tested: i64,
) -> Result<bool> {
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            let wanted = proofs::note(tx, &lease.mailbox_id, tested, Side::Receiving)?;
            write(tx, &lease, &connection, None, now)?;
            Ok(wanted)
        })
        .await
}

fn write(
    tx: &mut Tx<'_>,
    lease: &Lease,
    connection: &Connection,
    problem: Option<&Problem>,
    now: Timestamp,
) -> Result<()> {
    let id = &lease.mailbox_id;
    let Some(old) = before(tx, id)? else {
        return leases::check(tx, lease);
    };
    leases::check(tx, lease)?;
    let same_state = old.state == connection.state;
    let since = if same_state { old.since } else { Some(now) };
    let args = [
        Value::from(id),
        connection.state.as_str().into(),
        connection.proven_alive_at.or(old.proven_alive_at).into(),
        since.into(),
        connection.until.into(),
        // While a connection is being made, what stood in the way is not yet disproved.
        kept_problem(&old, connection).into(),
    ];
    tx.exec(
        "UPDATE mailboxes SET connection_state = $2, proven_alive_at = $3, connection_since = $4,
           connection_until = $5, connection_problem = $6 WHERE id = $1",
        &args,
    )?;
    if let Some(kind) = transition(&old, connection.state) {
        let data = json!({
            "state": connection.state, "before": old.state, "until": connection.until,
            "problem_id": connection.problem_id,
            "problem": problem.map(|p| json!({
                "means": p.means, "server_said": p.server_said, "remedy": p.remedy.text})),
        });
        events::append(tx, &[NewEvent::live(kind, id, data)], now)?;
    }
    Ok(())
}

/// What was known of the connection; `None`: the mailbox is not enabled. Its row is held until the transaction ends.
fn before(tx: &mut Tx<'_>, id: &str) -> Result<Option<Connection>> {
    let sql = format!(
        "SELECT lifecycle, connection_state, proven_alive_at, connection_since, connection_until, connection_problem
         FROM mailboxes WHERE id = $1 AND removed_at IS NULL{}",
        tx.dialect().for_update()
    );
    let row = tx.row(&sql, &[id.into()])?;
    let row = row.ok_or(StoreError::NotFound("the mailbox"))?;
    if row.word(0, Lifecycle::parse)? != Lifecycle::Enabled {
        return Ok(None);
    }
    Ok(Some(Connection {
        state: row.word(1, ConnectionState::parse)?,
        proven_alive_at: row.get(2)?,
        since: row.get(3)?,
        until: row.get(4)?,
        problem_id: row.get(5)?,
    }))
}

fn kept_problem(old: &Connection, new: &Connection) -> Option<String> {
    let connecting = new.state == ConnectionState::Connecting;
    new.problem_id
        .clone()
        .or_else(|| old.problem_id.clone().filter(|_| connecting))
}

/// The event that a change of the connection's state is.
fn transition(from: &Connection, to: ConnectionState) -> Option<&'static str> {
    use ConnectionState::{Connecting, Held, Limited, Live, Off, Polling, Waiting};
    match (from.state, to) {
        (Connecting, Live | Polling) if from.problem_id.is_some() => Some("mailbox.recovered"),
        (Live | Polling, Live | Polling) => None,
        (Waiting | Held | Limited, Live | Polling) => Some("mailbox.recovered"),
        (Connecting | Off, Live | Polling) => Some("mailbox.live"),
        (Held, Held) | (Waiting | Limited, Waiting | Limited) => None,
        (_, Held) => Some("mailbox.held"),
        (_, Waiting | Limited) => Some("mailbox.interrupted"),
        (_, Connecting | Off) => None,
    }
}
