//! Webhooks: where events are posted to. The signing secret is sealed, and shown once.

use crate::db::{Row, Value};
use crate::error::{Result, StoreError};
use crate::wake::Topic;
use crate::{Store, Tx, events};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::event::Origin;
use model::webhook::Webhook;
use model::{Secret, fresh_id};

/// Random bytes of a signing secret (Standard Webhooks 1.0 asks for 24 to 64).
const SECRET_BYTES: usize = 32;
/// What a signing secret begins with.
pub const SECRET_PREFIX: &str = "whsec_";

const COLUMNS: &str = "id, url, types, mailbox_ids, origins, enabled, disabled_reason, created_at";

/// What is needed to add a webhook.
#[derive(Clone, Debug, Default)]
pub struct NewWebhook {
    /// Where events are posted.
    pub url: String,
    /// Types wanted (`message.*` stands for a family); empty: all.
    pub types: Vec<String>,
    /// Only these mailboxes; empty: all.
    pub mailbox_ids: Vec<String>,
    /// Origins wanted; empty: all.
    pub origins: Vec<Origin>,
}

/// What may change about a webhook; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New address.
    pub url: Option<String>,
    /// New types.
    pub types: Option<Vec<String>>,
    /// New mailboxes.
    pub mailbox_ids: Option<Vec<String>>,
    /// New origins.
    pub origins: Option<Vec<Origin>>,
    /// On or off. Switching it on forgets its failures, and what is pending goes out.
    pub enabled: Option<bool>,
}

/// Adds a webhook. Its secret is in the answer and can never be read again.
///
/// # Errors
/// The database is out of reach.
pub async fn create(store: &Store, new: NewWebhook) -> Result<(Webhook, Secret)> {
    let inner = store.clone();
    store.db.write(move |tx| create_in(&inner, tx, &new)).await
}

/// Like [`create`], in the caller's own transaction (with an idempotency key).
///
/// # Errors
/// As [`create`].
pub fn create_in(store: &Store, tx: &mut Tx<'_>, new: &NewWebhook) -> Result<(Webhook, Secret)> {
    let now = store.now();
    let id = fresh_id("whk", now);
    let secret = fresh_secret();
    let args = [
        Value::from(&id),
        (&new.url).into(),
        store.seal.seal(&place(&id), &secret)?.into(),
        serde_json::to_string(&new.types)?.into(),
        serde_json::to_string(&new.mailbox_ids)?.into(),
        serde_json::to_string(&new.origins)?.into(),
        now.into(),
    ];
    begin_now(tx)?;
    tx.exec(
        "INSERT INTO webhooks (id, url, secret, types, mailbox_ids, origins, enabled, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
        &args,
    )?;
    Ok((read(tx, &id)?, secret))
}

/// One webhook.
///
/// # Errors
/// No such webhook.
pub async fn get(store: &Store, id: &str) -> Result<Webhook> {
    let id = id.to_owned();
    store.db.read(move |tx| read(tx, &id)).await
}

/// Webhooks in order of their age, after the one with the id `after`.
///
/// # Errors
/// The database is out of reach.
pub async fn list(store: &Store, after: Option<String>, limit: i64) -> Result<Vec<Webhook>> {
    store
        .db
        .read(move |tx| {
            let sql = format!("SELECT {COLUMNS} FROM webhooks WHERE id > $1 ORDER BY id LIMIT $2");
            let args = [after.unwrap_or_default().into(), limit.into()];
            tx.rows(&sql, &args)?.iter().map(from_row).collect()
        })
        .await
}

/// Changes a webhook.
///
/// # Errors
/// No such webhook.
pub async fn change(store: &Store, id: &str, change: Change) -> Result<Webhook> {
    let id = id.to_owned();
    store
        .db
        .write(move |tx| {
            let old = lock(tx, &id)?;
            if change.enabled == Some(true) {
                begin_now(tx)?;
            }
            let args = [
                Value::from(&id),
                change.url.unwrap_or(old.url).into(),
                serde_json::to_string(&change.types.unwrap_or(old.types))?.into(),
                serde_json::to_string(&change.mailbox_ids.unwrap_or(old.mailbox_ids))?.into(),
                serde_json::to_string(&change.origins.unwrap_or(old.origins))?.into(),
                change.enabled.unwrap_or(old.enabled).into(),
            ];
            tx.exec(
                "UPDATE webhooks SET url = $2, types = $3, mailbox_ids = $4, origins = $5, enabled = $6
                 WHERE id = $1",
                &args,
            )?;
            if change.enabled == Some(true) {
                let sql = "UPDATE webhooks SET disabled_reason = NULL, failing_since = NULL WHERE id = $1";
                tx.exec(sql, &[(&id).into()])?;
            }
            tx.wake(Topic::Deliveries);
            read(tx, &id)
        })
        .await
}

/// Removes a webhook with its deliveries.
///
/// # Errors
/// No such webhook.
pub async fn remove(store: &Store, id: &str) -> Result<()> {
    let id = id.to_owned();
    store
        .db
        .write(
            move |tx| match tx.exec("DELETE FROM webhooks WHERE id = $1", &[id.into()])? {
                0 => Err(StoreError::NotFound("the webhook")),
                _ => Ok(()),
            },
        )
        .await
}

/// The signing secret, opened: for the courier.
///
/// # Errors
/// No such webhook, or the key file is not the one it was sealed with.
pub async fn secret(store: &Store, id: &str) -> Result<Secret> {
    let (id, seal) = (id.to_owned(), store.seal.clone());
    store
        .db
        .read(move |tx| {
            let row = tx.row("SELECT secret FROM webhooks WHERE id = $1", &[(&id).into()])?;
            let row = row.ok_or(StoreError::NotFound("the webhook"))?;
            seal.open_sealed(&place(&id), &row.get::<Vec<u8>>(0)?)
        })
        .await
}

fn fresh_secret() -> Secret {
    let bytes = zeroize::Zeroizing::new(crate::seal::random::<SECRET_BYTES>());
    Secret::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(&bytes[..])))
}

fn place(id: &str) -> String {
    format!("webhooks/{id}/secret")
}

/// Reads a webhook and holds its row until the transaction ends.
pub(crate) fn lock(tx: &mut Tx<'_>, id: &str) -> Result<Webhook> {
    let sql = format!(
        "SELECT 1 FROM webhooks WHERE id = $1{}",
        tx.dialect().for_update()
    );
    tx.row(&sql, &[id.into()])?;
    read(tx, id)
}

pub(crate) fn read(tx: &mut Tx<'_>, id: &str) -> Result<Webhook> {
    let sql = format!("SELECT {COLUMNS} FROM webhooks WHERE id = $1");
    let row = tx.row(&sql, &[id.into()])?;
    row.as_ref()
        .map_or(Err(StoreError::NotFound("the webhook")), from_row)
}

/// Whether any webhook is switched on.
pub(crate) fn any_enabled(tx: &mut Tx<'_>) -> Result<bool> {
    let sql = "SELECT 1 FROM webhooks WHERE enabled = 1 LIMIT 1";
    Ok(tx.row(sql, &[])?.is_some())
}

/// What happened while no webhook was switched on is for none: to be called before one is, in its transaction.
fn begin_now(tx: &mut Tx<'_>) -> Result<()> {
    if any_enabled(tx)? {
        return Ok(());
    }
    let lock = tx.dialect().for_update();
    let sql = format!("SELECT value FROM counters WHERE name = 'fan_out'{lock}");
    tx.row(&sql, &[])?;
    let newest = events::newest_position(tx)?;
    let sql = "UPDATE counters SET value = $1 WHERE name = 'fan_out' AND value < $1";
    tx.exec(sql, &[newest.into()]).map(drop)
}

/// Every webhook that is switched on.
pub(crate) fn enabled(tx: &mut Tx<'_>) -> Result<Vec<Webhook>> {
    let sql = format!("SELECT {COLUMNS} FROM webhooks WHERE enabled = 1 ORDER BY id");
    tx.rows(&sql, &[])?.iter().map(from_row).collect()
}

fn from_row(row: &Row) -> Result<Webhook> {
    Ok(Webhook {
        id: row.get(0)?,
        url: row.get(1)?,
        types: row.json(2)?,
        mailbox_ids: row.json(3)?,
        origins: row.json(4)?,
        enabled: row.get(5)?,
        disabled_reason: row.get(6)?,
        created_at: row.get(7)?,
    })
}
