//! A batch of the past goes in piece by piece, behind whatever somebody waits for: when somebody comes, the pieces so far
//! are committed and the rest waits its turn. So new mail of another mailbox waits for a piece at most, not for a batch,
//! and where nobody comes a batch is one transaction. The cursor moves with the last piece: what a crash leaves half done
//! is fetched again, and found there.

use super::{Batch, Outcome, Threader};
use crate::error::Result;
use crate::folders::Cursor;
use crate::leases::Lease;
use crate::{Store, Tx};
use model::Timestamp;

/// Messages in a piece: some five milliseconds of work.
const PIECE: usize = 50;

/// Stores a batch that nobody waits for.
pub(super) async fn ingest(
    store: &Store,
    lease: &Lease,
    batch: Batch,
    threader: Threader,
) -> Result<Outcome> {
    let mut total = Outcome::default();
    let mut rest = Some(batch);
    while let Some(mut batch) = rest.take() {
        if !total.doubtful.is_empty() {
            // Behind messages that are not settled yet the cursor must not move.
            batch.cursor = Cursor::default();
        }
        let (now, lease, db) = (store.now(), lease.clone(), store.db.clone());
        let work = move |tx: &mut Tx<'_>| {
            let come = || db.somebody_waits();
            until_somebody_comes(tx, &lease, batch, threader, now, come)
        };
        let (outcome, left) = store.db.write_later(work).await?;
        add(&mut total, outcome);
        rest = left;
    }
    Ok(total)
}

/// Stores pieces until all are stored, or somebody waits. Returns what is left.
fn until_somebody_comes(
    tx: &mut Tx<'_>,
    lease: &Lease,
    mut batch: Batch,
    threader: Threader,
    now: Timestamp,
    come: impl Fn() -> bool,
) -> Result<(Outcome, Option<Batch>)> {
    let mut total = Outcome::default();
    while batch.messages.len() > PIECE {
        // The newest first, as the past is filled: they are the last of a batch.
        let newest = batch.messages.split_off(batch.messages.len() - PIECE);
        let piece = Batch {
            folder_id: batch.folder_id.clone(),
            messages: newest,
            failures: Vec::new(),
            gone: Vec::new(),
            cursor: Cursor::default(),
            ..batch
        };
        add(&mut total, super::run(tx, lease, piece, threader, now)?);
        if come() {
            return Ok((total, Some(batch)));
        }
    }
    if !total.doubtful.is_empty() {
        batch.cursor = Cursor::default();
    }
    add(&mut total, super::run(tx, lease, batch, threader, now)?);
    Ok((total, None))
}

fn add(total: &mut Outcome, more: Outcome) {
    total.stored += more.stored;
    total.moved += more.moved;
    total.known += more.known;
    total.failed += more.failed;
    total.doubtful.extend(more.doubtful);
}
