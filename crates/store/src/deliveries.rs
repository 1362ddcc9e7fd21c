//! Events on their way to webhooks: a row for each event and webhook, written once, body and all,
//! by [`fan_out`]; claimed and settled by the courier until the endpoint has said yes.

mod claim;

pub use claim::{Claimed, Settlement, Verdict, claim_due, due_webhooks, next_due, settle};

use crate::db::Column::{Int, Text};
use crate::db::Row;
use crate::error::{Result, StoreError};
use crate::wake::Topic;
use crate::{Store, Tx, events, webhooks};
use model::event::{Event, Origin};
use model::limits::{EVENTS_KEPT_MILLIS, WEBHOOK_TRY_MILLIS};
use model::webhook::{Delivery, DeliveryState, Webhook};
use model::{Timestamp, fresh_id};
use serde_json::json;

/// Events that one transaction takes on.
pub const FAN_OUT_EVENTS: i64 = 500;
/// Rows that one transaction sweeps away.
const SWEEP_ROWS: i64 = 1000;

const COLUMNS: &str =
    "d.id, d.webhook_id, d.event_id, d.event_type, d.state, d.attempts, d.next_attempt_at,
    d.last_status, d.last_error, d.created_at, d.delivered_at";

/// The same where any webhook is switched on. Where none is, nothing is written: the first one begins with what is to come
/// (see `webhooks::begin_now`).
///
/// # Errors
/// As [`fan_out`].
pub async fn fan_out_if_wanted(store: &Store) -> Result<i64> {
    let wanted = store.db.glance(webhooks::any_enabled);
    if !wanted.await? {
        return Ok(0);
    }
    fan_out(store).await
}

/// Gives the events that nobody has looked at yet to the webhooks that want them, in order; returns
/// how many events there were. The lock of the counter's row keeps a second node from doing it twice.
///
/// # Errors
/// The database is out of reach: nothing was moved.
pub async fn fan_out(store: &Store) -> Result<i64> {
    let now = store.now();
    store
        .db
        .write(move |tx| {
            let lock = tx.dialect().for_update();
            let sql = format!("SELECT value FROM counters WHERE name = 'fan_out'{lock}");
            let after: i64 = tx.row(&sql, &[])?.map_or(Ok(0), |row| row.get(0))?;
            // In this order: what is made for everything from now on misses none of it.
            let newest = events::newest_position(tx)?;
            let enabled = webhooks::enabled(tx)?;
            let (count, position) = if enabled.is_empty() {
                // Nobody wants them: they need not be read.
                (newest - after, newest)
            } else {
                let filter = events::Filter {
                    after,
                    ..events::Filter::default()
                };
                let (found, position) = events::read(tx, &filter, FAN_OUT_EVENTS)?;
                for webhook in &enabled {
                    let wanted = found.iter().filter(|e| wants(webhook, e));
                    insert(tx, webhook, wanted, now)?;
                }
                (found.len() as i64, position)
            };
            if count > 0 {
                let sql = "UPDATE counters SET value = $1 WHERE name = 'fan_out'";
                tx.exec(sql, &[position.into()])?;
            }
            Ok(count)
        })
        .await
}

/// Whether a webhook wants an event.
fn wants(webhook: &Webhook, event: &Event) -> bool {
    let mailbox = webhook.mailbox_ids.is_empty()
        || event
            .mailbox_id
            .as_ref()
            .is_some_and(|id| webhook.mailbox_ids.contains(id));
    let origin = webhook.origins.is_empty() || webhook.origins.contains(&event.origin);
    // A test is for the webhook that was asked for it (see [`test`]), never for all.
    mailbox
        && origin
        && event.kind != "webhook.test"
        && events::matches_type(&webhook.types, &event.kind)
}

/// Queues deliveries; one that is there already is left as it is.
fn insert<'a>(
    tx: &mut Tx<'_>,
    webhook: &Webhook,
    events: impl Iterator<Item = &'a Event>,
    now: Timestamp,
) -> Result<u64> {
    let records = events
        .map(|event| {
            Ok(json!({
                "id": fresh_id("dlv", now), "event_id": event.id, "event_type": event.kind, "body": body(event)?,
                "position": events::parse_cursor(&event.cursor).unwrap_or(0),
            }))
        })
        .collect::<Result<Vec<_>>>()?;
    if records.is_empty() {
        return Ok(0);
    }
    let columns = [
        Text("id"),
        Text("event_id"),
        Text("event_type"),
        Text("body"),
        Int("position"),
    ];
    let sql = format!(
        "INSERT INTO deliveries (id, webhook_id, event_id, position, event_type, body, state, attempts, next_attempt_at,
           give_up_at, created_at)
         SELECT id, $2, event_id, position, event_type, body, 'pending', 0, $3, $4, $3 FROM {} WHERE true
         ON CONFLICT (webhook_id, event_id) DO NOTHING",
        tx.dialect().records(1, &columns)
    );
    let args = [
        serde_json::to_string(&records)?.into(),
        (&webhook.id).into(),
        now.into(),
        now.plus_millis(WEBHOOK_TRY_MILLIS).into(),
    ];
    let added = tx.exec(&sql, &args)?;
    tx.wake(Topic::Deliveries);
    Ok(added)
}

/// What is posted, the same at every try: `type`, `timestamp` and `data` as Standard Webhooks has
/// them, and our own fields beside them.
fn body(event: &Event) -> Result<String> {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        timestamp: Timestamp,
        id: &'a str,
        occurred_at: Timestamp,
        cursor: &'a str,
        mailbox_id: Option<&'a str>,
        origin: Origin,
        data: &'a serde_json::Value,
    }
    Ok(serde_json::to_string(&Body {
        kind: &event.kind,
        timestamp: event.occurred_at,
        id: &event.id,
        occurred_at: event.occurred_at,
        cursor: &event.cursor,
        mailbox_id: event.mailbox_id.as_deref(),
        origin: event.origin,
        data: &event.data,
    })?)
}

/// Queues a `webhook.test` event for this webhook alone, whatever it is subscribed to.
///
/// # Errors
/// No such webhook, or it is switched off.
pub async fn test(store: &Store, webhook_id: &str) -> Result<Delivery> {
    let (now, webhook_id) = (store.now(), webhook_id.to_owned());
    store
        .db
        .write(move |tx| {
            let webhook = webhooks::read(tx, &webhook_id)?;
            if !webhook.enabled {
                return Err(StoreError::Conflict("the webhook is switched off".into()));
            }
            let newest = tx.row("SELECT value FROM counters WHERE name = 'events'", &[])?;
            let event = Event {
                id: fresh_id("evt", now),
                kind: "webhook.test".to_owned(),
                occurred_at: now,
                cursor: events::cursor(newest.map_or(Ok(0), |row| row.get(0))?),
                mailbox_id: None,
                origin: Origin::Live,
                data: json!({"webhook_id": webhook_id}),
            };
            insert(tx, &webhook, std::iter::once(&event), now)?;
            let sql = format!(
                "SELECT {COLUMNS} FROM deliveries d WHERE d.webhook_id = $1 AND d.event_id = $2"
            );
            let row = tx.row(&sql, &[webhook_id.into(), event.id.into()])?;
            row.as_ref()
                .map_or(Err(StoreError::NotFound("the delivery")), from_row)
        })
        .await
}

/// Deliveries of a webhook, newest first, older than the one with the id `before`.
///
/// # Errors
/// No such webhook.
pub async fn list(
    store: &Store,
    webhook_id: &str,
    state: Option<DeliveryState>,
    before: Option<String>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let webhook_id = webhook_id.to_owned();
    store
        .db
        .read(move |tx| {
            webhooks::read(tx, &webhook_id)?;
            let sql = format!(
                "SELECT {COLUMNS} FROM deliveries d
                 WHERE d.webhook_id = $1 AND ($2 = '' OR d.id < $2) AND ($3 = '' OR d.state = $3)
                 ORDER BY d.id DESC LIMIT $4"
            );
            let args = [
                webhook_id.into(),
                before.unwrap_or_default().into(),
                state.map_or("", DeliveryState::as_str).into(),
                limit.into(),
            ];
            tx.rows(&sql, &args)?.iter().map(from_row).collect()
        })
        .await
}

/// One delivery.
///
/// # Errors
/// No such delivery.
pub async fn get(store: &Store, id: &str) -> Result<Delivery> {
    let id = id.to_owned();
    store.db.read(move |tx| read(tx, &id)).await
}

/// The body of a delivery, as it is posted.
///
/// # Errors
/// No such delivery.
pub async fn posted_body(store: &Store, id: &str) -> Result<String> {
    let id = id.to_owned();
    store
        .db
        .read(move |tx| {
            let row = tx.row("SELECT body FROM deliveries WHERE id = $1", &[id.into()])?;
            row.map_or(Err(StoreError::NotFound("the delivery")), |row| row.get(0))
        })
        .await
}

/// Posts a delivery again now, whatever became of it: the same id, the same body.
///
/// # Errors
/// No such delivery.
pub async fn replay(store: &Store, id: &str) -> Result<Delivery> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            revive(tx, "id = $1", &[(&id).into()], now)?;
            read(tx, &id)
        })
        .await
}

/// Makes good what a webhook has missed since a time: events that were given up, and events of the
/// log that it never got because it was switched off or not there. What was delivered stays so.
/// Returns how many are on their way now.
///
/// # Errors
/// No such webhook.
pub async fn replay_since(store: &Store, webhook_id: &str, since: Timestamp) -> Result<u64> {
    let now = store.now();
    let id = webhook_id.to_owned();
    // So that everything counts as passed where no webhook is switched on.
    fan_out(store).await?;
    let mut revived = store
        .db
        .write(move |tx| {
            webhooks::lock(tx, &id)?;
            let which = "webhook_id = $1 AND state = 'dead' AND created_at >= $2";
            revive(tx, which, &[(&id).into(), since.into()], now)
        })
        .await?;
    // Page after page, so that no transaction is long; only what fan-out has passed already.
    let mut after = 0;
    loop {
        let id = webhook_id.to_owned();
        let (added, position, last) = store
            .db
            .write(move |tx| {
                let sql = "SELECT value FROM counters WHERE name = 'fan_out'";
                let done: i64 = tx.row(sql, &[])?.map_or(Ok(0), |row| row.get(0))?;
                let sql = "SELECT coalesce(min(position), 0) - 1 FROM events WHERE occurred_at >= $1 AND position > $2";
                let start: i64 = tx
                    .row(sql, &[since.into(), after.into()])?
                    .map_or(Ok(-1), |row| row.get(0))?;
                if start < 0 {
                    return Ok((0, after, true));
                }
                let webhook = webhooks::read(tx, &id)?;
                let filter = events::Filter {
                    after: start,
                    ..events::Filter::default()
                };
                let (found, position) = events::read(tx, &filter, FAN_OUT_EVENTS)?;
                let passed = |e: &&Event| {
                    events::parse_cursor(&e.cursor).is_some_and(|p| p <= done)
                        && e.occurred_at >= since
                        && wants(&webhook, e)
                };
                let added = insert(tx, &webhook, found.iter().filter(passed), now)?;
                let last = (found.len() as i64) < FAN_OUT_EVENTS || position >= done;
                Ok((added, position, last))
            })
            .await?;
        revived += added;
        after = position;
        if last {
            return Ok(revived);
        }
    }
}

fn revive(tx: &mut Tx<'_>, which: &str, args: &[crate::db::Value], now: Timestamp) -> Result<u64> {
    let n = args.len();
    let sql = format!(
        "UPDATE deliveries SET state = 'pending', next_attempt_at = ${}, give_up_at = ${}, delivered_at = NULL,
           claimed_until = NULL WHERE {which}",
        n + 1,
        n + 2
    );
    let mut args = args.to_vec();
    args.extend([now.into(), now.plus_millis(WEBHOOK_TRY_MILLIS).into()]);
    let revived = tx.exec(&sql, &args)?;
    tx.wake(Topic::Deliveries);
    Ok(revived)
}

/// How a webhook's deliveries stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Stats {
    /// On their way.
    pub pending: i64,
    /// Taken by the endpoint.
    pub delivered: i64,
    /// Given up.
    pub dead: i64,
    /// Since when every try has failed.
    pub failing_since: Option<Timestamp>,
    /// When the oldest one that is still on its way was queued.
    pub oldest_pending_at: Option<Timestamp>,
}

/// How the deliveries of a webhook stand, over what is kept (30 days).
///
/// # Errors
/// No such webhook.
pub async fn stats(store: &Store, webhook_id: &str) -> Result<Stats> {
    let webhook_id = webhook_id.to_owned();
    store
        .db
        .read(move |tx| {
            let row = tx.row(
                "SELECT failing_since FROM webhooks WHERE id = $1",
                &[(&webhook_id).into()],
            )?;
            let failing_since = row
                .ok_or(StoreError::NotFound("the webhook"))?
                .get::<Option<Timestamp>>(0)?;
            let mut stats = Stats {
                failing_since,
                ..Stats::default()
            };
            let sql = "SELECT state, count(*), min(created_at) FROM deliveries WHERE webhook_id = $1 GROUP BY state";
            for row in tx.rows(sql, &[webhook_id.into()])? {
                let count = row.get(1)?;
                match row.word(0, DeliveryState::parse)? {
                    DeliveryState::Pending => {
                        (stats.pending, stats.oldest_pending_at) = (count, row.get(2)?);
                    }
                    DeliveryState::Delivered => stats.delivered = count,
                    DeliveryState::Dead => stats.dead = count,
                }
            }
            Ok(stats)
        })
        .await
}

/// Forgets settled deliveries that are older than the log of events. Returns how many; to be called
/// again while there are any.
///
/// # Errors
/// The database is out of reach.
pub async fn sweep(store: &Store) -> Result<u64> {
    let before = store.now().plus_millis(-EVENTS_KEPT_MILLIS);
    store
        .db
        .write(move |tx| {
            let sql = "DELETE FROM deliveries WHERE id IN
                (SELECT id FROM deliveries WHERE created_at < $1 AND state <> 'pending' ORDER BY created_at LIMIT $2)";
            tx.exec(sql, &[before.into(), SWEEP_ROWS.into()])
        })
        .await
}

fn read(tx: &mut Tx<'_>, id: &str) -> Result<Delivery> {
    let sql = format!("SELECT {COLUMNS} FROM deliveries d WHERE d.id = $1");
    let row = tx.row(&sql, &[id.into()])?;
    row.as_ref()
        .map_or(Err(StoreError::NotFound("the delivery")), from_row)
}

fn from_row(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        id: row.get(0)?,
        webhook_id: row.get(1)?,
        event_id: row.get(2)?,
        event_type: row.get(3)?,
        state: row.word(4, DeliveryState::parse)?,
        attempts: row.get(5)?,
        next_attempt_at: row.get(6)?,
        last_status: row.get(7)?,
        last_error: row.get(8)?,
        created_at: row.get(9)?,
        delivered_at: row.get(10)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(types: &[&str], mailbox_ids: &[&str], origins: &[Origin]) -> Webhook {
        Webhook {
            id: "whk_1".into(),
            url: "https://example.com/".into(),
            types: types.iter().map(|t| (*t).to_owned()).collect(),
            mailbox_ids: mailbox_ids.iter().map(|t| (*t).to_owned()).collect(),
            origins: origins.to_vec(),
            enabled: true,
            disabled_reason: None,
            created_at: Timestamp(0),
        }
    }

    fn received() -> Event {
        Event {
            id: "evt_1".into(),
            kind: "message.received".into(),
            occurred_at: Timestamp(1_700_000_000_000),
            cursor: "e7".into(),
            mailbox_id: Some("mbx_1".into()),
            origin: Origin::Backfill,
            data: json!({"message_id": "msg_1"}),
        }
    }

    #[test]
    fn a_webhook_gets_what_it_asked_for() {
        use Origin::{Backfill, Live};
        let table = [
            (webhook(&[], &[], &[]), true),
            (webhook(&["message.*"], &["mbx_1"], &[Backfill]), true),
            (webhook(&["mailbox.*"], &[], &[]), false),
            (webhook(&[], &["mbx_2"], &[]), false),
            (webhook(&[], &[], &[Live]), false),
        ];
        for (webhook, wanted) in table {
            assert_eq!(wants(&webhook, &received()), wanted, "{webhook:?}");
        }
        let global = Event {
            mailbox_id: None,
            ..received()
        };
        assert!(!wants(&webhook(&[], &["mbx_1"], &[]), &global));
    }

    #[test]
    fn the_body_has_the_standard_fields_and_ours() {
        assert_eq!(
            body(&received()).unwrap(),
            "{\"type\":\"message.received\",\"timestamp\":\"2023-11-14T22:13:20.000Z\",\"id\":\"evt_1\",\
             \"occurred_at\":\"2023-11-14T22:13:20.000Z\",\"cursor\":\"e7\",\"mailbox_id\":\"mbx_1\",\
             \"origin\":\"backfill\",\"data\":{\"message_id\":\"msg_1\"}}"
        );
    }
}
