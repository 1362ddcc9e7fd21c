//! Segments that are no longer worth their place: unused ones are removed, thin ones are copied together.
//!
//! The order makes it safe at any moment. The bytes that are still needed are copied to another segment and
//! synced; then one transaction moves their rows; and only when a segment has had no row for a day it is
//! removed. A crash leaves copies that no row points at, which are
//! swept like any others.

use super::{Place, Stored};
use crate::db::Column::{Int, Text};
use crate::error::{Result, StoreError};
use crate::{Store, Tx};

/// A segment is copied when less than one part in so many of it is still needed.
const THIN: u64 = 2;
/// A segment that is unused is kept this long: somebody may still read from it, and a back-up copies the rows
/// first and the segments after them.
const RETIRED_MILLIS: i64 = 24 * 3_600_000;
/// No upload takes longer than this.
const UPLOAD_MILLIS: i64 = 24 * 3_600_000;
/// Bytes that nothing refers to are kept this long: a transaction that will refer to them may be on its way.
pub(crate) const GRACE_MILLIS: i64 = 3_600_000;
/// Segments that one step looks at.
const SEGMENTS: usize = 100;
/// Bytes that one step copies, and the last blob's rest.
const COPY_BYTES: u64 = 32 * 1024 * 1024;
/// Blobs that one step copies.
const COPY_BLOBS: i64 = 1_000;

/// A walk through all segments that nobody writes to any more.
pub(crate) struct Walk {
    /// Not looked at yet, with their sizes.
    rest: Vec<(String, u64)>,
    /// To be copied.
    thin: Vec<String>,
    /// Segments removed so far.
    pub removed: u64,
    /// Bytes copied so far.
    pub moved: u64,
}

impl Walk {
    pub(crate) async fn begin(store: &Store) -> Result<Self> {
        let old = store.now().plus_millis(-GRACE_MILLIS);
        let gone = store.now().plus_millis(-UPLOAD_MILLIS);
        store.blobs.abort_uploads(gone).await?;
        Ok(Self {
            rest: store.blobs.closed_segments(old).await?,
            thin: Vec::new(),
            removed: 0,
            moved: 0,
        })
    }

    /// Looks at some segments, or copies some blobs. `true`: it is done.
    pub(crate) async fn step(&mut self, store: &Store) -> Result<bool> {
        if let Some(segment) = self.thin.last() {
            match copy(store, segment).await {
                Ok(0) => drop(self.thin.pop()),
                Ok(moved) => self.moved += moved,
                // What cannot be read stays where it is: perhaps a person can save it.
                Err(StoreError::Corrupt(why)) => {
                    tracing::error!(segment, why, "a segment is damaged; it is left alone");
                    self.thin.pop();
                }
                Err(error) => return Err(error),
            }
            return Ok(false);
        }
        let some = self
            .rest
            .split_off(self.rest.len().saturating_sub(SEGMENTS));
        if some.is_empty() {
            return Ok(true);
        }
        let needed = needed(store, &some).await?;
        let mut unused = Vec::new();
        for (segment, bytes) in some {
            match needed.iter().find(|(name, _)| *name == segment) {
                None => unused.push(segment),
                Some((_, needed)) if needed.saturating_mul(THIN) < bytes => self.thin.push(segment),
                Some(_) => {}
            }
        }
        for segment in retire(store, unused).await? {
            self.removed += u64::from(store.blobs.remove_segment(&segment).await?);
            forget(store, segment).await?;
        }
        Ok(false)
    }
}

/// How many bytes of these segments are still needed; those of which none is are left out.
async fn needed(store: &Store, segments: &[(String, u64)]) -> Result<Vec<(String, u64)>> {
    let names: Vec<&String> = segments.iter().map(|(name, _)| name).collect();
    let names = serde_json::to_string(&names)?;
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT segment, CAST(sum(length) AS BIGINT) FROM blobs WHERE segment IN {} GROUP BY segment",
                tx.dialect().texts(1)
            );
            tx.rows(&sql, &[names.into()])?
                .iter()
                .map(|row| Ok((row.get(0)?, row.get::<i64>(1)?.unsigned_abs())))
                .collect()
        })
        .await
}

/// Notes since when these are unused. Returns those for which that is long enough.
async fn retire(store: &Store, unused: Vec<String>) -> Result<Vec<String>> {
    if unused.is_empty() {
        return Ok(unused);
    }
    let now = store.now();
    let records: Vec<_> = unused
        .iter()
        .map(|segment| serde_json::json!({"segment": segment}))
        .collect();
    let (records, unused) = (
        serde_json::to_string(&records)?,
        serde_json::to_string(&unused)?,
    );
    store
        .db
        .write(move |tx| {
            let sql = format!(
                "INSERT INTO retired_segments (segment, since) SELECT segment, $2 FROM {} WHERE true
                 ON CONFLICT (segment) DO NOTHING",
                tx.dialect().records(1, &[Text("segment")])
            );
            tx.exec(&sql, &[records.into(), now.into()])?;
            // A time that has not come yet was written by a clock that stood ahead.
            let sql = format!(
                "SELECT segment FROM retired_segments WHERE segment IN {} AND (since < $2 OR since > $3)
                   AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.segment = retired_segments.segment)",
                tx.dialect().texts(1)
            );
            let args = [unused.into(), now.plus_millis(-RETIRED_MILLIS).into(), now.into()];
            tx.rows(&sql, &args)?.iter().map(|row| row.get(0)).collect()
        })
        .await
}

async fn forget(store: &Store, segment: String) -> Result<()> {
    let sql = "DELETE FROM retired_segments WHERE segment = $1";
    let gone = move |tx: &mut Tx<'_>| tx.exec(sql, &[segment.into()]);
    store.db.write(gone).await.map(drop)
}

/// Copies the next blobs of a segment to another one. Returns how many bytes; 0: there are none left.
async fn copy(store: &Store, segment: &str) -> Result<u64> {
    let blobs = next_blobs(store, segment).await?;
    if blobs.is_empty() {
        return Ok(0);
    }
    let mut batch = store.blobs.batch()?;
    let (mut copied, mut bytes) = (Vec::with_capacity(blobs.len()), 0);
    for blob in blobs {
        batch.begin();
        let mut at = 0;
        while at < blob.place.length {
            let piece = store
                .blobs
                .read_some(&blob.place, at..blob.place.length)
                .await?;
            batch.append(&piece).await?;
            at += piece.len() as u64;
        }
        let copy = batch.end();
        if copy.digest != blob.digest {
            let at = blob.place.position;
            let why = format!("the bytes at {at} are not those that were stored");
            return Err(StoreError::Corrupt(why));
        }
        bytes += blob.place.length.max(1);
        copied.push(copy);
        if bytes >= COPY_BYTES {
            break;
        }
    }
    batch.sync().await?;
    move_rows(store, segment, copied).await?;
    Ok(bytes)
}

async fn next_blobs(store: &Store, segment: &str) -> Result<Vec<Stored>> {
    let segment = segment.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = "SELECT digest, position, length FROM blobs WHERE segment = $1 ORDER BY position LIMIT $2";
            tx.rows(sql, &[(&segment).into(), COPY_BLOBS.into()])?
                .iter()
                .map(|row| {
                    Ok(Stored {
                        digest: row.get(0)?,
                        place: Place {
                            segment: segment.clone(),
                            position: row.get::<i64>(1)?.unsigned_abs(),
                            length: row.get::<i64>(2)?.unsigned_abs(),
                        },
                    })
                })
                .collect()
        })
        .await
}

/// From here on the copies count. A row that has gone meanwhile stays gone.
async fn move_rows(store: &Store, from: &str, copied: Vec<Stored>) -> Result<()> {
    let records: Vec<_> = copied
        .iter()
        .map(|blob| {
            serde_json::json!({
                "digest": blob.digest, "segment": blob.place.segment, "position": blob.place.position,
            })
        })
        .collect();
    let (from, records) = (from.to_owned(), serde_json::to_string(&records)?);
    store
        .db
        .write(move |tx| {
            let columns = [Text("digest"), Text("segment"), Int("position")];
            let sql = format!(
                "UPDATE blobs SET segment = r.segment, position = r.position FROM {}
                 WHERE blobs.digest = r.digest AND blobs.segment = $2",
                tx.dialect().records(1, &columns)
            );
            tx.exec(&sql, &[records.into(), from.into()]).map(drop)
        })
        .await
}
