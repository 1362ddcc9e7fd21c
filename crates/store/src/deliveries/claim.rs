//! What the courier does: claims a delivery in a transaction of its own, posts it, settles it.
//! A claim that ends unsettled is simply taken again: at least once is the promise, and the event's
//! id lets the receiver recognise what it has seen.

use super::{Delivery, read};
use crate::db::Value;
use crate::error::{Result, StoreError};
use crate::wake::Topic;
use crate::{Store, Tx, events};
use model::Timestamp;
use model::event::{NewEvent, Origin};
use model::limits::WEBHOOK_TRY_MILLIS;
use serde_json::json;

/// Life of a claim; longer than a post can last.
pub const CLAIM_MILLIS: i64 = 60_000;

/// What may be posted now. A claim that a clock ahead of ours has written is not believed.
const DUE: &str = "d.next_attempt_at <= $1
    AND (d.claimed_until IS NULL OR d.claimed_until <= $1 OR d.claimed_until > $1 + 120000)";
const _: () = assert!(
    2 * CLAIM_MILLIS == 120_000,
    "DUE has twice the life of a claim"
);

/// A delivery with all that is needed to post it.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The delivery.
    pub id: String,
    /// Its webhook.
    pub webhook_id: String,
    /// Where to post it.
    pub url: String,
    /// The event: the constant `webhook-id` of every try.
    pub event_id: String,
    /// What is posted, the same at every try.
    pub body: String,
    /// Which try this is, from 1 on: the fence of the claim.
    pub attempt: i64,
    /// After this time it is not tried any more.
    pub give_up_at: Timestamp,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint has it.
    Delivered,
    /// The next try comes then.
    Again(Timestamp),
    /// Given up.
    Dead,
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// What becomes of the delivery.
    pub verdict: Verdict,
    /// The HTTP status of the answer, if there was one.
    pub status: Option<i64>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// The endpoint asked for nothing more (410 Gone): the webhook is switched off.
    pub gone: bool,
}

/// Webhooks that have something to post now, with whether every try has failed of late.
///
/// # Errors
/// The database is out of reach.
pub async fn due_webhooks(store: &Store) -> Result<Vec<(String, bool)>> {
    let now = store.now();
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT w.id, w.failing_since FROM webhooks w WHERE w.enabled = 1
                   AND EXISTS (SELECT 1 FROM deliveries d WHERE d.webhook_id = w.id AND {DUE}) ORDER BY w.id"
            );
            tx.rows(&sql, &[now.into()])?
                .iter()
                .map(|row| Ok((row.get(0)?, row.get::<Option<i64>>(1)?.is_some())))
                .collect()
        })
        .await
}

/// When the next delivery falls due that is not due yet.
///
/// # Errors
/// The database is out of reach.
pub async fn next_due(store: &Store) -> Result<Option<Timestamp>> {
    let now = store.now();
    store
        .db
        .read(move |tx| {
            let sql = "SELECT min(d.next_attempt_at) FROM webhooks w
                       JOIN deliveries d ON d.webhook_id = w.id AND d.next_attempt_at > $1 WHERE w.enabled = 1";
            tx.row(sql, &[now.into()])?
                .map_or(Ok(None), |row| row.get(0))
        })
        .await
}

/// Claims up to `limit` due deliveries of a webhook, the oldest first.
///
/// # Errors
/// The database is out of reach: nothing is claimed.
pub async fn claim_due(store: &Store, webhook_id: &str, limit: i64) -> Result<Vec<Claimed>> {
    let (now, webhook_id) = (store.now(), webhook_id.to_owned());
    store
        .db
        .write(move |tx| {
            let sql = "SELECT url FROM webhooks WHERE id = $1 AND enabled = 1";
            let Some(row) = tx.row(sql, &[(&webhook_id).into()])? else {
                return Ok(Vec::new());
            };
            let url: String = row.get(0)?;
            let sql = format!(
                "SELECT d.id, d.event_id, d.body, d.attempts, d.give_up_at FROM deliveries d
                 WHERE {DUE} AND d.webhook_id = $2 ORDER BY d.next_attempt_at, d.position LIMIT $3{}",
                tx.dialect().for_update_skip_locked()
            );
            let rows = tx.rows(&sql, &[now.into(), (&webhook_id).into(), limit.into()])?;
            let latest = now.plus_millis(WEBHOOK_TRY_MILLIS);
            let mut claimed = Vec::with_capacity(rows.len());
            for row in &rows {
                let delivery = Claimed {
                    id: row.get(0)?,
                    webhook_id: webhook_id.clone(),
                    url: url.clone(),
                    event_id: row.get(1)?,
                    body: row.get(2)?,
                    attempt: row.get::<i64>(3)? + 1,
                    give_up_at: row.get::<Timestamp>(4)?.min(latest),
                };
                let until = now.plus_millis(CLAIM_MILLIS);
                tx.exec(
                    "UPDATE deliveries SET attempts = $2, claimed_until = $3, give_up_at = $4 WHERE id = $1",
                    &[
                        (&delivery.id).into(),
                        delivery.attempt.into(),
                        until.into(),
                        delivery.give_up_at.into(),
                    ],
                )?;
                claimed.push(delivery);
            }
            Ok(claimed)
        })
        .await
}

/// Writes down what became of a try. A webhook whose every try has failed for three days, or whose
/// endpoint asked for it, is switched off, with an event.
///
/// # Errors
/// [`StoreError::Fenced`]: another try has begun since. The delivery is gone with its webhook.
pub async fn settle(store: &Store, claimed: &Claimed, settlement: Settlement) -> Result<Delivery> {
    let now = store.now();
    let claimed = claimed.clone();
    store
        .db
        .write(move |tx| {
            let next = match settlement.verdict {
                Verdict::Again(at) => Some(at),
                Verdict::Delivered | Verdict::Dead => None,
            };
            let state = match settlement.verdict {
                Verdict::Again(_) => "pending",
                Verdict::Delivered => "delivered",
                Verdict::Dead => "dead",
            };
            let delivered = settlement.verdict == Verdict::Delivered;
            let args = [
                Value::from(&claimed.id),
                claimed.attempt.into(),
                state.into(),
                next.into(),
                settlement.status.into(),
                settlement.error.clone().into(),
                delivered.then_some(now).into(),
            ];
            let settled = tx.exec(
                "UPDATE deliveries SET state = $3, next_attempt_at = $4, last_status = $5, last_error = $6,
                   delivered_at = $7, claimed_until = NULL
                 WHERE id = $1 AND attempts = $2 AND state = 'pending' AND claimed_until IS NOT NULL",
                &args,
            )?;
            if settled == 0 {
                return match read(tx, &claimed.id) {
                    Ok(_) => Err(StoreError::Fenced),
                    Err(error) => Err(error),
                };
            }
            if next.is_some() {
                tx.wake(Topic::Deliveries);
            }
            let delivery = read(tx, &claimed.id)?;
            if let Some(event) = note_health(tx, &claimed, &settlement, now)? {
                events::append(tx, &[event], now)?;
            }
            Ok(delivery)
        })
        .await
}

/// Keeps in mind since when every try has failed, and switches the webhook off after too long.
fn note_health(
    tx: &mut Tx<'_>,
    claimed: &Claimed,
    settlement: &Settlement,
    now: Timestamp,
) -> Result<Option<NewEvent>> {
    let id = &claimed.webhook_id;
    if settlement.verdict == Verdict::Delivered {
        let sql =
            "UPDATE webhooks SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL";
        tx.exec(sql, &[id.into()])?;
        return Ok(None);
    }
    tx.exec(
        "UPDATE webhooks SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL",
        &[id.into(), now.into()],
    )?;
    let reason = if settlement.gone {
        "The endpoint answered 410 Gone: it wants no more events."
    } else {
        "Every delivery has failed for three days."
    };
    let since = if settlement.gone {
        now
    } else {
        now.plus_millis(-WEBHOOK_TRY_MILLIS)
    };
    let switched_off = tx.exec(
        "UPDATE webhooks SET enabled = 0, disabled_reason = $2
         WHERE id = $1 AND enabled = 1 AND failing_since <= $3",
        &[id.into(), reason.into(), since.into()],
    )?;
    if switched_off == 0 {
        return Ok(None);
    }
    Ok(Some(NewEvent {
        kind: "webhook.disabled",
        mailbox_id: None,
        origin: Origin::Live,
        data: json!({
            "webhook_id": id, "url": claimed.url, "reason": reason,
            "last_status": settlement.status, "last_error": settlement.error,
        }),
    }))
}
