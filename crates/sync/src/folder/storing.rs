//! Puts a batch into the store. Where the database refused one because of a message in it, each message is tried alone: the one
//! that cannot be stored goes into the ledger with its bytes, and the others pass.

use super::fetch::Job;
use super::parse;
use crate::error::Result;
use store::StoreError;
use store::folders::Cursor;
use store::ingest::{self, Batch, Outcome};

/// Stores a batch.
///
/// # Errors
/// The store failed, or refused the batch.
pub(super) async fn store(job: &Job<'_>, batch: Batch) -> Result<Outcome, StoreError> {
    let (store, lease) = (&job.context.store, job.lease);
    ingest::ingest(store, lease, batch, crate::threading::threader).await
}

/// Stores a batch, or what of it can be stored.
///
/// # Errors
/// The store failed, or refused every message: then it is not one of them that is to blame.
pub(super) async fn carefully(job: &Job<'_>, mut batch: Batch) -> Result<Outcome, StoreError> {
    let refused = match store(job, batch.clone()).await {
        Err(error @ StoreError::Corrupt(_)) => error,
        stored => return stored,
    };
    let mut total = Outcome::default();
    let messages = std::mem::take(&mut batch.messages);
    let (tried, mut stored) = (messages.len(), 0);
    for message in messages {
        let (uid, raw) = (message.uid, message.stored.clone());
        let alone = Batch {
            messages: vec![message],
            failures: Vec::new(),
            gone: Vec::new(),
            cursor: Cursor::default(),
            ..batch.clone()
        };
        match store(job, alone).await {
            Ok(outcome) => {
                stored += 1;
                total.add(outcome);
            }
            Err(StoreError::Corrupt(said)) => {
                tracing::warn!(
                    folder = job.folder_id,
                    uid,
                    said,
                    "a message cannot be stored"
                );
                batch.failures.push(parse::kept(uid, &raw, "store"));
            }
            Err(error) => return Err(error),
        }
    }
    if stored == 0 && tried > 1 {
        return Err(refused);
    }
    if !total.doubtful.is_empty() {
        // Behind messages that are not settled yet the cursor must not move.
        batch.cursor = Cursor::default();
    }
    total.add(store(job, batch).await?);
    Ok(total)
}
