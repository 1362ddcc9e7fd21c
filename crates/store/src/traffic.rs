//! What was used of a provider's limits by the day: counted before it is used, so that a crash can only make it less.
//!
//! A day is any 24 hours. It is counted in hours, and an hour counts until its last minute is 24 hours ago.

use crate::error::Result;
use crate::leases::{self, Lease};
use crate::{Store, Tx};
use model::Timestamp;
use model::traffic::{Allowed, Used};

const HOUR_MS: i64 = 3_600_000;
/// An hour counts for so many hours after its beginning.
const COUNTS: i64 = 25;

/// Octets and messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Octets downloaded.
    pub bytes_down: i64,
    /// Octets uploaded.
    pub bytes_up: i64,
    /// Messages fetched.
    pub messages: i64,
}

/// What was used in the last 24 hours.
///
/// # Errors
/// The database is out of reach.
pub async fn used(store: &Store, mailbox_id: &str) -> Result<Used> {
    let (now, id) = (store.now(), mailbox_id.to_owned());
    store.db.read(move |tx| in_window(tx, &id, now)).await
}

/// Sets aside as much of `wanted` as is allowed, and says how much that is: octets and messages each by themselves.
/// Uploading is all or nothing.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn set_aside(
    store: &Store,
    lease: &Lease,
    wanted: Amount,
    allowed: Allowed,
) -> Result<(Amount, Used)> {
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            let used = in_window(tx, &lease.mailbox_id, now)?;
            let free = |limit: Option<i64>, used: i64| limit.map_or(i64::MAX, |limit| limit - used);
            let part = |wanted: i64, free: i64| wanted.min(free).max(0);
            let up = free(allowed.bytes_up, used.bytes_up);
            let granted = Amount {
                bytes_down: part(wanted.bytes_down, free(allowed.bytes_down, used.bytes_down)),
                bytes_up: if wanted.bytes_up <= up {
                    wanted.bytes_up
                } else {
                    0
                },
                messages: part(wanted.messages, free(allowed.messages, used.messages)),
            };
            add(tx, &lease.mailbox_id, granted, now)?;
            Ok((granted, used))
        })
        .await
}

/// Adds what was used beyond what was set aside, or gives back (negative numbers) what was not needed.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn settle(store: &Store, lease: &Lease, difference: Amount) -> Result<()> {
    if difference == Amount::default() {
        return Ok(());
    }
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            add(tx, &lease.mailbox_id, difference, now)
        })
        .await
}

/// Notes until when a mailbox's past is not filled because of the provider's limits; `None`: it is.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn filling_waits(store: &Store, lease: &Lease, until: Option<Timestamp>) -> Result<()> {
    let lease = lease.clone();
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            let sql = "UPDATE mailboxes SET fill_waits_until = $2 WHERE id = $1";
            tx.exec(sql, &[(&lease.mailbox_id).into(), until.into()])
                .map(drop)
        })
        .await
}

/// Notes how fast a mailbox is filled: messages in a minute, octets in a second.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn filling_rate(store: &Store, lease: &Lease, per_minute: i64, bytes: i64) -> Result<()> {
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            note_rate(tx, &lease.mailbox_id, (per_minute, bytes), now)
        })
        .await
}

/// The same inside a transaction.
pub(crate) fn note_rate(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    (per_minute, bytes): (i64, i64),
    now: Timestamp,
) -> Result<()> {
    let args = [
        mailbox_id.into(),
        per_minute.into(),
        bytes.into(),
        now.into(),
    ];
    let sql = "UPDATE mailboxes SET fill_per_minute = $2, fill_bytes = $3, fill_measured_at = $4 WHERE id = $1";
    tx.exec(sql, &args).map(drop)
}

fn in_window(tx: &mut Tx<'_>, mailbox_id: &str, now: Timestamp) -> Result<Used> {
    let row = tx.row(
        "SELECT CAST(coalesce(sum(bytes_down), 0) AS BIGINT), CAST(coalesce(sum(bytes_up), 0) AS BIGINT),
           CAST(coalesce(sum(messages), 0) AS BIGINT), min(hour) FROM traffic WHERE mailbox_id = $1 AND hour > $2",
        &[mailbox_id.into(), (now.0.div_euclid(HOUR_MS) - COUNTS).into()],
    )?;
    let Some(row) = row else {
        return Ok(Used::default());
    };
    let oldest: Option<i64> = row.get(3)?;
    Ok(Used {
        bytes_down: row.get::<i64>(0)?.max(0),
        bytes_up: row.get::<i64>(1)?.max(0),
        messages: row.get::<i64>(2)?.max(0),
        opens_at: oldest.map(|hour| Timestamp((hour + COUNTS) * HOUR_MS)),
    })
}

fn add(tx: &mut Tx<'_>, mailbox_id: &str, amount: Amount, now: Timestamp) -> Result<()> {
    if amount == Amount::default() {
        return Ok(());
    }
    let hour = now.0.div_euclid(HOUR_MS);
    tx.exec(
        "INSERT INTO traffic (mailbox_id, hour, bytes_down, bytes_up, messages) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (mailbox_id, hour) DO UPDATE SET bytes_down = traffic.bytes_down + excluded.bytes_down,
           bytes_up = traffic.bytes_up + excluded.bytes_up, messages = traffic.messages + excluded.messages",
        &[
            mailbox_id.into(),
            hour.into(),
            amount.bytes_down.into(),
            amount.bytes_up.into(),
            amount.messages.into(),
        ],
    )?;
    // What counts no more is of no use to anybody.
    let sql = "DELETE FROM traffic WHERE mailbox_id = $1 AND hour <= $2";
    tx.exec(sql, &[mailbox_id.into(), (hour - COUNTS).into()])
        .map(drop)
}
