//! What is not needed any more is taken away: raw bytes that nothing refers to, old events, expired
//! keys and sessions.
//!
//! A [`Round`] walks through everything once, in steps that each read and remove a bounded piece, so that no
//! transaction is long and whoever runs it sets the pace. It looks first and writes only where there is
//! something to remove. Several nodes may do it at a time; a round that a crash ends is simply begun again.

use crate::blobs::compact::{self, GRACE_MILLIS};
use crate::error::Result;
use crate::{Store, Tx};
use model::Timestamp;
use model::limits::{EVENTS_KEPT_MILLIS, IDEMPOTENCY_MILLIS};

/// Rows that one step looks at.
const ROWS: i64 = 2_000;
/// Nodes that were not seen for this long are forgotten.
const NODE_MILLIS: i64 = 24 * 3_600_000;

/// What a round took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows, of all tables.
    pub rows: u64,
    /// Whole segments.
    pub segments: u64,
    /// Bytes that were copied because what lay around them is unused.
    pub moved: u64,
}

/// Once through everything, step by step.
pub struct Round {
    stage: Stage,
    swept: Swept,
}

/// A blob by age: when it was touched, and its digest.
type Behind = (i64, String);

enum Stage {
    /// Small tables, and those that are ordered by age.
    Aged,
    /// Blobs by age, behind this one.
    Blobs { touched_at: i64, digest: String },
    /// Segments.
    Segments(compact::Walk),
}

impl Round {
    /// At its beginning.
    pub fn new() -> Self {
        Self {
            stage: Stage::Aged,
            swept: Swept::default(),
        }
    }

    /// Takes one step. What the round took away once it is through; `None`: there is more to do.
    ///
    /// # Errors
    /// The database, the folder or the bucket is out of reach.
    pub async fn step(&mut self, store: &Store) -> Result<Option<Swept>> {
        match &mut self.stage {
            Stage::Aged => {
                let (rows, more) = sweep_aged(store).await?;
                self.swept.rows += rows;
                if !more {
                    self.stage = Stage::Blobs {
                        touched_at: i64::MIN,
                        digest: String::new(),
                    };
                }
            }
            Stage::Blobs { touched_at, digest } => {
                let (rows, next) = sweep_blobs(store, *touched_at, digest).await?;
                self.swept.rows += rows;
                self.stage = match next {
                    Some((touched_at, digest)) => Stage::Blobs { touched_at, digest },
                    None => Stage::Segments(compact::Walk::begin(store).await?),
                };
            }
            Stage::Segments(walk) => {
                let done = walk.step(store).await?;
                self.swept.segments = walk.removed;
                self.swept.moved = walk.moved;
                if done {
                    return Ok(Some(self.swept));
                }
            }
        }
        Ok(None)
    }
}

impl Default for Round {
    fn default() -> Self {
        Self::new()
    }
}

/// A whole round at once.
///
/// # Errors
/// As [`Round::step`].
pub async fn run(store: &Store) -> Result<Swept> {
    let mut round = Round::new();
    loop {
        if let Some(swept) = round.step(store).await? {
            return Ok(swept);
        }
    }
}

/// Returns how many rows went, and whether there are more.
async fn sweep_aged(store: &Store) -> Result<(u64, bool)> {
    let (now, kept_millis) = (store.now(), store.sending.kept_millis);
    store
        .db
        .write(move |tx| {
            // One that somebody tries again meanwhile is left alone: its row is held, or is not what it was when it is free.
            let settled = format!(
                "DELETE FROM submissions WHERE settled_at < $1 AND id IN (
                   SELECT id FROM submissions WHERE settled_at < $1 ORDER BY settled_at LIMIT $2{})",
                tx.dialect().for_update_skip_locked()
            );
            let aged: [(&str, i64); 5] = [
                (&settled, kept_millis),
                // Positions grow with time: only the first ones are looked at, old or not.
                (
                    "DELETE FROM events WHERE position IN (SELECT e.position FROM
                       (SELECT position, occurred_at FROM events ORDER BY position LIMIT $2) e WHERE e.occurred_at < $1)",
                    EVENTS_KEPT_MILLIS,
                ),
                (
                    "DELETE FROM idempotency WHERE (owner, key) IN (
                       SELECT owner, key FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
                    IDEMPOTENCY_MILLIS,
                ),
                (
                    "DELETE FROM job_rows WHERE (job_id, n) IN (SELECT r.job_id, r.n FROM jobs j
                       JOIN job_rows r ON r.job_id = j.id WHERE j.finished_at < $1 LIMIT $2)",
                    crate::jobs::KEPT_MILLIS,
                ),
                (
                    "DELETE FROM jobs WHERE id IN (SELECT j.id FROM jobs j WHERE j.finished_at < $1
                       AND NOT EXISTS (SELECT 1 FROM job_rows r WHERE r.job_id = j.id) LIMIT $2)",
                    crate::jobs::KEPT_MILLIS,
                ),
            ];
            let (mut rows, mut more) = (0, false);
            for (sql, age) in aged {
                let gone = tx.exec(sql, &[now.plus_millis(-age).into(), ROWS.into()])?;
                rows += gone;
                more |= gone >= ROWS as u64;
            }
            for (sql, before) in [
                ("DELETE FROM sessions WHERE expires_at < $1", now),
                ("DELETE FROM tokens WHERE expires_at < $1", now),
                ("DELETE FROM nodes WHERE seen_at < $1", now.plus_millis(-NODE_MILLIS)),
            ] {
                rows += tx.exec(sql, &[before.into()])?;
            }
            rows += crate::test_messages::expire(tx, now, ROWS)?;
            rows += crate::uploads::expire(tx, now)?;
            Ok((rows, more))
        })
        .await
}

/// Looks at the blobs behind this one. Returns how many rows went, and where to go on.
async fn sweep_blobs(
    store: &Store,
    touched_at: i64,
    digest: &str,
) -> Result<(u64, Option<Behind>)> {
    let old = store.now().plus_millis(-GRACE_MILLIS);
    let after = digest.to_owned();
    let (unused, next) = store
        .db
        .read(move |tx| look_at_blobs(tx, old, touched_at, after))
        .await?;
    if unused.is_empty() {
        return Ok((0, next));
    }
    let unused = serde_json::to_string(&unused)?;
    let rows = store
        .db
        .write(move |tx| {
            // The touch and the reference come in one transaction, so a blob that has been referred to
            // again since is either young or has its reference.
            let sql = format!(
                "DELETE FROM blobs WHERE digest IN {} AND touched_at < $1
                   AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.digest = blobs.digest)
                   AND NOT EXISTS (SELECT 1 FROM submissions s WHERE s.digest = blobs.digest)
                   AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.digest = blobs.digest)
                   AND NOT EXISTS (SELECT 1 FROM owed o WHERE o.digest = blobs.digest)
                   AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.digest = blobs.digest)",
                tx.dialect().texts(2)
            );
            tx.exec(&sql, &[old.into(), unused.into()])
        })
        .await?;
    Ok((rows, next))
}

/// Of the next blobs by age, the ones that nothing refers to.
fn look_at_blobs(
    tx: &mut Tx<'_>,
    old: Timestamp,
    touched_at: i64,
    digest: String,
) -> Result<(Vec<String>, Option<Behind>)> {
    let rows = tx.rows(
        "SELECT b.digest, b.touched_at,
            EXISTS (SELECT 1 FROM messages m WHERE m.digest = b.digest)
            OR EXISTS (SELECT 1 FROM submissions s WHERE s.digest = b.digest)
            OR EXISTS (SELECT 1 FROM failures f WHERE f.digest = b.digest)
            OR EXISTS (SELECT 1 FROM owed o WHERE o.digest = b.digest)
            OR EXISTS (SELECT 1 FROM uploads u WHERE u.digest = b.digest)
         FROM blobs b WHERE (b.touched_at, b.digest) > ($1, $2) AND b.touched_at < $3
         ORDER BY b.touched_at, b.digest LIMIT $4",
        &[touched_at.into(), digest.into(), old.into(), ROWS.into()],
    )?;
    let mut unused = Vec::new();
    for row in &rows {
        if !row.get::<bool>(2)? {
            unused.push(row.get(0)?);
        }
    }
    let next = match rows.last() {
        Some(last) if rows.len() as i64 >= ROWS => Some((last.get(1)?, last.get(0)?)),
        _ => None,
    };
    Ok((unused, next))
}
