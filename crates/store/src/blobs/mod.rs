//! Raw bytes, by digest, in append-only segments: files on disk, or objects in a bucket.
//!
//! A batch of messages is appended to one segment and synced once; only then does the transaction
//! that refers to them begin. So a row never points at bytes that are not durable, and 200 messages
//! cost one sync. Bytes that no row came to refer to are swept later (see [`crate::sweep`]).

mod bucket;
mod buffer;
pub(crate) mod compact;
mod local;
mod reader;
mod shared;
mod upload;
mod writer;

pub use bucket::BucketConfig;
pub use buffer::Places;
pub use reader::Reader;
pub use writer::{Batch, Stored};

use crate::error::{Result, StoreError};
use crate::{Db, Store};
use bytes::Bytes;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Size at which a segment file is closed and a new one begun.
pub const SEGMENT_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes that one read returns at most; larger blobs are read in pieces.
pub const READ_BYTES: u64 = 1024 * 1024;

/// Where raw bytes go.
#[derive(Clone, Debug)]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// An S3-compatible bucket.
    Bucket(BucketConfig),
}

/// Where one blob lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The segment's name.
    pub segment: String,
    /// First byte.
    pub position: u64,
    /// Bytes.
    pub length: u64,
}

/// The blob store: cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    backend: Backend,
    shared: Arc<shared::Shared>,
}

#[derive(Clone)]
enum Backend {
    Local(Arc<local::Folder>),
    Bucket(Arc<bucket::Bucket>),
}

impl Blobs {
    pub(crate) fn open(location: &Location) -> Result<Self> {
        let backend = match location {
            Location::Folder(path) => Backend::Local(Arc::new(local::Folder::open(path)?)),
            Location::Bucket(config) => Backend::Bucket(Arc::new(bucket::Bucket::open(config)?)),
        };
        Ok(Self {
            backend,
            shared: Arc::default(),
        })
    }

    /// Takes over the segments that an earlier process left half full, or makes sure that the bucket's prefix is
    /// this installation's. Only for a server, before it begins (the only one that serves the folder): a command
    /// beside a running server never does so.
    ///
    /// # Errors
    /// The folder, the bucket or the database is out of reach; a segment is shorter than the index says; the
    /// bucket's prefix is another installation's.
    pub async fn take_over(&self, db: &Db) -> Result<()> {
        let folder = match &self.backend {
            Backend::Local(folder) => folder,
            Backend::Bucket(bucket) => {
                return bucket
                    .claim(&crate::settings::installation(db).await?)
                    .await;
            }
        };
        for (name, file) in folder.unfinished()? {
            let segment = name.clone();
            let end = db
                .read(move |tx| {
                    let sql = "SELECT CAST(coalesce(max(position + length), 0) AS BIGINT) FROM blobs WHERE segment = $1";
                    tx.row(sql, &[segment.into()])?.map_or(Ok(0), |row| row.get::<i64>(0))
                })
                .await?;
            folder.reclaim(name, file, end as u64)?;
        }
        Ok(())
    }

    /// Begins a batch: an exclusive place to append to.
    ///
    /// # Errors
    /// The disk is full, or the segment cannot be made.
    pub fn batch(&self) -> Result<Batch> {
        self.batch_in(&Places::default())
    }

    /// Like [`Blobs::batch`], for one of many: where its bytes were in memory, those of a later one will be.
    ///
    /// # Errors
    /// As [`Blobs::batch`].
    pub fn batch_in(&self, places: &Places) -> Result<Batch> {
        let sink = match &self.backend {
            Backend::Local(folder) => writer::Sink::Local(folder.take()?),
            Backend::Bucket(bucket) => writer::Sink::Bucket(bucket.take()?),
        };
        Ok(Batch::new(sink, places))
    }

    /// Stores one blob durably. Small ones that come at the same moment share a sync of the disk.
    ///
    /// # Errors
    /// The disk is full, or the bucket out of reach.
    pub async fn put(&self, bytes: &[u8]) -> Result<Stored> {
        // One upload to a bucket after the other would take longer than all of them at once.
        let shares = matches!(self.backend, Backend::Local(_));
        if shares && bytes.len() <= shared::SMALL {
            return self.shared.put(self, Bytes::copy_from_slice(bytes)).await;
        }
        self.put_alone(bytes).await
    }

    async fn put_alone(&self, bytes: &[u8]) -> Result<Stored> {
        let mut batch = self.batch()?;
        batch.begin();
        batch.append(bytes).await?;
        let stored = batch.end();
        batch.sync().await?;
        Ok(stored)
    }

    /// Reads bytes `range` of a blob, at most [`READ_BYTES`] of them.
    ///
    /// # Errors
    /// The segment is gone or out of reach.
    pub async fn read_some(&self, place: &Place, range: Range<u64>) -> Result<Bytes> {
        let end = range
            .end
            .min(place.length)
            .min(range.start.saturating_add(READ_BYTES));
        if range.start >= end {
            return Ok(Bytes::new());
        }
        let from = place.position + range.start;
        let to = place.position + end;
        match &self.backend {
            Backend::Local(folder) => {
                // Little is read sooner than another thread is woken for it.
                if to - from <= shared::SMALL as u64
                    && let Some(bytes) = folder.read_cached(&place.segment, from, to)
                {
                    return Ok(bytes);
                }
                let (folder, segment) = (folder.clone(), place.segment.clone());
                tokio::task::spawn_blocking(move || folder.read(&segment, from, to))
                    .await
                    .map_err(|e| StoreError::Unavailable(e.to_string()))?
            }
            Backend::Bucket(bucket) => bucket.read(&place.segment, from, to).await,
        }
    }

    /// Whether the segment of a blob is not in the folder, though the folder is there. A bucket says so when it is read.
    #[must_use]
    pub fn lacks(&self, place: &Place) -> bool {
        match &self.backend {
            Backend::Local(folder) => folder.lacks(&place.segment),
            Backend::Bucket(_) => false,
        }
    }

    /// Reads a whole blob of at most `limit` bytes; of a larger one its beginning.
    ///
    /// # Errors
    /// The segment is gone or out of reach.
    pub async fn read(&self, place: &Place, limit: u64) -> Result<Vec<u8>> {
        let wanted = place.length.min(limit);
        let mut bytes = Vec::with_capacity(wanted as usize);
        while (bytes.len() as u64) < wanted {
            let piece = self.read_some(place, bytes.len() as u64..wanted).await?;
            if piece.is_empty() {
                return Err(StoreError::Corrupt(format!(
                    "segment {} is too short",
                    place.segment
                )));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// Removes a segment that nothing refers to.
    ///
    /// # Errors
    /// The file or object cannot be removed.
    pub(crate) async fn remove_segment(&self, segment: &str) -> Result<bool> {
        match &self.backend {
            Backend::Local(folder) => folder.remove(segment),
            Backend::Bucket(bucket) => bucket.remove(segment).await,
        }
    }

    /// Ends what was begun before `older_than` and never came to its end.
    ///
    /// # Errors
    /// The bucket is out of reach.
    pub(crate) async fn abort_uploads(&self, older_than: model::Timestamp) -> Result<()> {
        match &self.backend {
            Backend::Local(_) => Ok(()),
            Backend::Bucket(bucket) => bucket.abort_uploads(older_than).await,
        }
    }

    /// Segments, with their sizes, that nobody has written to since `older_than`, and nobody will.
    ///
    /// # Errors
    /// The folder or bucket cannot be listed.
    pub(crate) async fn closed_segments(
        &self,
        older_than: model::Timestamp,
    ) -> Result<Vec<(String, u64)>> {
        match &self.backend {
            Backend::Local(folder) => folder.closed(older_than),
            Backend::Bucket(bucket) => bucket.list(older_than).await,
        }
    }
}

/// Where the blob with this digest lies.
///
/// # Errors
/// No such blob.
pub async fn find(store: &Store, digest: &str) -> Result<Place> {
    let digest = digest.to_owned();
    store
        .db
        .glance(move |tx| {
            let row = tx.row(
                "SELECT segment, position, length FROM blobs WHERE digest = $1",
                &[digest.into()],
            )?;
            row.map_or(Err(StoreError::NotFound("the raw message")), |row| {
                Ok(Place {
                    segment: row.get(0)?,
                    position: row.get::<i64>(1)? as u64,
                    length: row.get::<i64>(2)? as u64,
                })
            })
        })
        .await
}

/// Puts the places of stored blobs into the index, inside the transaction that refers to them.
/// A digest that is there already is only touched, so that no sweep takes it away meanwhile.
pub(crate) fn index(
    tx: &mut crate::Tx<'_>,
    stored: &[Stored],
    now: model::Timestamp,
) -> Result<()> {
    use crate::db::Column::{Int, Text};
    let mut seen = std::collections::HashSet::new();
    let rows = stored
        .iter()
        .filter(|blob| seen.insert(blob.digest.as_str()))
        .map(|blob| {
            let place = &blob.place;
            vec![
                (&blob.digest).into(),
                (&place.segment).into(),
                (place.position as i64).into(),
                (place.length as i64).into(),
            ]
        })
        .collect();
    tx.insert(crate::db::Insert {
        table: "blobs",
        shared: &[("touched_at", now.into())],
        columns: &[
            Text("digest"),
            Text("segment"),
            Int("position"),
            Int("length"),
        ],
        rows,
        then: "ON CONFLICT (digest) DO UPDATE SET touched_at = excluded.touched_at",
    })?;
    Ok(())
}
