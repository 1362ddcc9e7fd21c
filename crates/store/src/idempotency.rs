//! Idempotency keys: a POST that is repeated with the same key is done once and answered the same.
//!
//! A key is claimed before the work and settled in the transaction that makes what was asked for ([`settle_in`]), so that no
//! crash can come between the two. Where that transaction is all the work, it claims the key as well. Where more work follows
//! (a new mailbox is tested), its answer stands for the final one should the process not live to give it. Answers are sealed,
//! because some of them show a secret once.

use crate::db::Dialect;
use crate::error::{Result, StoreError};
use crate::{Store, Tx};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::limits::IDEMPOTENCY_MILLIS;
use model::{Secret, Timestamp};

/// After this time the claim of a node that did not settle it is void.
const CLAIM_MILLIS: i64 = 120_000;

/// A key, whose it is, and what was asked under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The token or user that sent it.
    pub owner: String,
    /// The key.
    pub key: String,
    /// Digest of verb, path and body.
    pub request_digest: String,
    /// This process: after a restart, its unsettled claims are void.
    pub process: String,
    /// It was claimed before the work; else the answer claims it.
    pub claimed: bool,
}

/// What is known of a key.
#[derive(Clone, Debug)]
pub enum Claim {
    /// It is ours now: do the work.
    Yours,
    /// The work was done; this was the answer.
    Answered {
        /// HTTP status.
        status: u16,
        /// JSON.
        body: Secret,
    },
    /// The work is being done by someone else.
    InProgress,
    /// The key stands for another request.
    OtherRequest,
}

/// Whether anything is known of a key.
///
/// # Errors
/// The database is out of reach.
pub async fn is_known(store: &Store, key: &Key) -> Result<bool> {
    let args = [(&key.owner).into(), (&key.key).into()];
    let sql = "SELECT 1 FROM idempotency WHERE owner = $1 AND key = $2";
    let known = move |tx: &mut Tx<'_>| Ok(tx.row(sql, &args)?.is_some());
    store.db.glance(known).await
}

/// Claims a key. `running`: this process is at work under the same key.
///
/// # Errors
/// The database is out of reach.
pub async fn claim(store: &Store, key: Key, running: bool) -> Result<Claim> {
    let (now, seal) = (store.now(), store.seal.clone());
    store
        .db
        .write(move |tx| {
            if insert(tx, &key, &key.process, 0, "", now)? {
                return Ok(Claim::Yours);
            }
            let sql = format!(
                "SELECT request_digest, process, status, body, created_at FROM idempotency
                 WHERE owner = $1 AND key = $2{}",
                tx.dialect().for_update()
            );
            let row = tx.row(&sql, &[(&key.owner).into(), (&key.key).into()])?;
            let Some(row) = row else { return Ok(Claim::InProgress) };
            if row.get::<String>(0)? != key.request_digest {
                return Ok(Claim::OtherRequest);
            }
            let (process, status, body): (String, i64, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
            // SQLite has one serving process: a claim of another one belongs to a process that is gone.
            let ours = process == key.process;
            let void = (ours && !running)
                || (!ours
                    && (tx.dialect() == Dialect::Sqlite
                        || now.0 - row.get::<Timestamp>(4)?.0 > CLAIM_MILLIS));
            if !process.is_empty() && !void {
                return Ok(Claim::InProgress);
            }
            let made = status != 0;
            if !process.is_empty() {
                // Made, but not worked on to its end: what was answered then is the answer. Not made: it is ours to make.
                let next = if made { "" } else { &key.process };
                tx.exec(
                    "UPDATE idempotency SET process = $3, created_at = $4 WHERE owner = $1 AND key = $2",
                    &[(&key.owner).into(), (&key.key).into(), next.into(), now.into()],
                )?;
            }
            if !made {
                return Ok(Claim::Yours);
            }
            let sealed = STANDARD
                .decode(body)
                .map_err(|_| StoreError::Corrupt("an answer is not base64".into()))?;
            let body = seal.open_sealed(&place(&key), &sealed)?;
            Ok(Claim::Answered { status: status as u16, body })
        })
        .await
}

/// Writes a key down. `false`: it is known already. Old ones go.
fn insert(
    tx: &mut Tx<'_>,
    key: &Key,
    process: &str,
    status: u16,
    sealed: &str,
    now: Timestamp,
) -> Result<bool> {
    tx.exec(
        "DELETE FROM idempotency WHERE created_at < $1",
        &[now.plus_millis(-IDEMPOTENCY_MILLIS).into()],
    )?;
    let inserted = tx.exec(
        "INSERT INTO idempotency (key, owner, request_digest, process, status, body, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (owner, key) DO NOTHING",
        &[
            (&key.key).into(),
            (&key.owner).into(),
            (&key.request_digest).into(),
            process.into(),
            i64::from(status).into(),
            sealed.into(),
            now.into(),
        ],
    )?;
    Ok(inserted == 1)
}

/// How far the work under a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What was asked for is made; more is done to it, and the answer may get better.
    Made,
    /// All is done, and this is the answer.
    Done,
}

/// Settles a key with the final answer.
///
/// # Errors
/// The database is out of reach.
pub async fn settle(store: &Store, key: Key, status: u16, body: Secret) -> Result<()> {
    let other = store.clone();
    store
        .db
        .write(move |tx| settle_in(&other, tx, &key, Stage::Done, status, &body))
        .await
}

/// Like [`settle`], inside the transaction that does the work.
///
/// # Errors
/// As [`settle`]; `Conflict` when the claim was lost meanwhile.
pub fn settle_in(
    store: &Store,
    tx: &mut Tx<'_>,
    key: &Key,
    stage: Stage,
    status: u16,
    body: &Secret,
) -> Result<()> {
    let sealed = STANDARD.encode(store.seal.seal(&place(key), body)?);
    let next = match stage {
        Stage::Made => key.process.as_str(),
        Stage::Done => "",
    };
    let settled = if key.claimed {
        let args = [
            (&key.owner).into(),
            (&key.key).into(),
            (&key.process).into(),
            i64::from(status).into(),
            sealed.into(),
            next.into(),
        ];
        let sql = "UPDATE idempotency SET status = $4, body = $5, process = $6
                   WHERE owner = $1 AND key = $2 AND process = $3";
        tx.exec(sql, &args)? == 1
    } else {
        insert(tx, key, next, status, &sealed, store.now())?
    };
    match settled {
        true => Ok(()),
        false => Err(StoreError::Conflict(
            "another request has taken this idempotency key over".into(),
        )),
    }
}

/// Gives a claim back: nothing more is done under it. What was made keeps its answer; if nothing was, the key is free.
///
/// # Errors
/// The database is out of reach.
pub async fn give_up(store: &Store, key: Key) -> Result<()> {
    store
        .db
        .write(move |tx| {
            let args = [key.owner.into(), key.key.into(), key.process.into()];
            tx.exec(
                "DELETE FROM idempotency WHERE owner = $1 AND key = $2 AND status = 0 AND process = $3",
                &args,
            )?;
            tx.exec(
                "UPDATE idempotency SET process = '' WHERE owner = $1 AND key = $2 AND process = $3",
                &args,
            )?;
            Ok(())
        })
        .await
}

fn place(key: &Key) -> String {
    format!("idempotency/{}/{}", key.owner, key.key)
}
