//! What is not needed any more is taken away, a bounded piece at a time: raw bytes that nothing
//! refers to, old events, expired keys and sessions.

use crate::Store;
use crate::error::Result;
use model::limits::{EVENTS_KEPT_MILLIS, IDEMPOTENCY_MILLIS};

/// Bytes that nothing refers to are kept this long: a transaction that will refer to them may be on its way.
const GRACE_MILLIS: i64 = 3_600_000;
/// Rows that one step removes from one table.
const ROWS: i64 = 2_000;

/// What a sweep took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows, of all tables.
    pub rows: u64,
    /// Whole segments.
    pub segments: u64,
}

/// Sweeps once. Safe to run on several nodes at a time.
///
/// # Errors
/// The database, the folder or the bucket is out of reach.
pub async fn run(store: &Store) -> Result<Swept> {
    let mut swept = Swept {
        rows: sweep_rows(store).await?,
        segments: 0,
    };
    let old = store.now().plus_millis(-GRACE_MILLIS);
    let segments = store.blobs.closed_segments(old).await?;
    for segment in unused(store, segments).await? {
        swept.segments += u64::from(store.blobs.remove_segment(&segment).await?);
    }
    Ok(swept)
}

async fn sweep_rows(store: &Store) -> Result<u64> {
    let now = store.now();
    store
        .db
        .write(move |tx| {
            // The touch and the reference come in one transaction, so a blob that is just being
            // referred to again is either young or has its reference.
            let mut rows = tx.exec(
                "DELETE FROM blobs WHERE digest IN (
                   SELECT b.digest FROM blobs b WHERE b.touched_at < $1
                     AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.digest = b.digest)
                     AND NOT EXISTS (SELECT 1 FROM submissions s WHERE s.digest = b.digest)
                     AND NOT EXISTS (SELECT 1 FROM failures f WHERE f.digest = b.digest)
                   LIMIT $2) AND touched_at < $1",
                &[now.plus_millis(-GRACE_MILLIS).into(), ROWS.into()],
            )?;
            let aged: [(&str, i64); 2] = [
                (
                    "DELETE FROM events WHERE position IN (
                       SELECT position FROM events WHERE occurred_at < $1 ORDER BY position LIMIT $2)",
                    EVENTS_KEPT_MILLIS,
                ),
                (
                    "DELETE FROM idempotency WHERE (owner, key) IN (
                       SELECT owner, key FROM idempotency WHERE created_at < $1 LIMIT $2)",
                    IDEMPOTENCY_MILLIS,
                ),
            ];
            for (sql, age) in aged {
                rows += tx.exec(sql, &[now.plus_millis(-age).into(), ROWS.into()])?;
            }
            for sql in [
                "DELETE FROM sessions WHERE expires_at < $1",
                "DELETE FROM tokens WHERE expires_at < $1",
            ] {
                rows += tx.exec(sql, &[now.into()])?;
            }
            Ok(rows)
        })
        .await
}

/// Of these segments, the ones that no blob lies in.
async fn unused(store: &Store, segments: Vec<String>) -> Result<Vec<String>> {
    if segments.is_empty() {
        return Ok(segments);
    }
    let asked = serde_json::to_string(&segments)?;
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT DISTINCT segment FROM blobs WHERE segment IN {}",
                tx.dialect().texts(1)
            );
            let used: Vec<String> = tx
                .rows(&sql, &[asked.into()])?
                .iter()
                .map(|row| row.get(0))
                .collect::<Result<_>>()?;
            Ok(segments
                .into_iter()
                .filter(|segment| !used.contains(segment))
                .collect())
        })
        .await
}
