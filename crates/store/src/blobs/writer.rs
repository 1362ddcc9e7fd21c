//! A batch: blobs appended to one segment, made durable together.

use super::{Place, local, upload};
use crate::error::Result;
use crate::hex::hex;
use ring::digest::{Context, SHA256};

/// Bytes held in memory before they go to the segment. A batch that stays below is parsed from memory.
const BUFFER: usize = 12 * 1024 * 1024;

/// A blob that was appended; durable once the batch was synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// SHA-256, in hex.
    pub digest: String,
    /// Where it lies.
    pub place: Place,
}

pub(super) enum Sink {
    Local(local::Segment),
    Bucket(upload::Upload),
}

impl Sink {
    fn name(&self) -> &str {
        match self {
            Self::Local(segment) => segment.name(),
            Self::Bucket(upload) => upload.name(),
        }
    }

    fn position(&self) -> u64 {
        match self {
            Self::Local(segment) => segment.position(),
            Self::Bucket(upload) => upload.position(),
        }
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Self::Local(segment) => segment.write(bytes).await,
            Self::Bucket(upload) => upload.write(bytes).await,
        }
    }
}

/// Blobs on their way to disk. Dropped before [`Batch::sync`], nothing of it counts.
pub struct Batch {
    sink: Sink,
    buffer: Vec<u8>,
    /// Position in the segment of the buffer's first byte.
    base: u64,
    begun_at: u64,
    hash: Option<Context>,
}

impl Batch {
    pub(super) fn new(sink: Sink) -> Self {
        let base = sink.position();
        Self {
            sink,
            buffer: Vec::new(),
            base,
            begun_at: base,
            hash: None,
        }
    }

    /// Begins a blob.
    pub fn begin(&mut self) {
        self.begun_at = self.position();
        self.hash = Some(Context::new(&SHA256));
    }

    /// Appends to the blob that was begun.
    ///
    /// # Errors
    /// The disk is full, or the bucket out of reach.
    pub async fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER {
            self.spill().await
        } else {
            Ok(())
        }
    }

    /// Ends the blob that was begun.
    pub fn end(&mut self) -> Stored {
        let hash = self.hash.take().unwrap_or_else(|| Context::new(&SHA256));
        Stored {
            digest: hex(hash.finish().as_ref()),
            place: Place {
                segment: self.sink.name().to_owned(),
                position: self.begun_at,
                length: self.position() - self.begun_at,
            },
        }
    }

    /// Forgets the blob that was begun (its bytes may stay as waste).
    pub fn abort(&mut self) {
        self.hash = None;
        if self.begun_at >= self.base {
            self.buffer.truncate((self.begun_at - self.base) as usize);
        }
    }

    /// The bytes of a blob of this batch, if they are still in memory.
    pub fn bytes(&self, stored: &Stored) -> Option<&[u8]> {
        let from = stored.place.position.checked_sub(self.base)? as usize;
        self.buffer.get(from..from + stored.place.length as usize)
    }

    /// Makes all ended blobs durable, and gives the segment back.
    ///
    /// # Errors
    /// The disk is full, or the bucket out of reach: nothing of the batch counts.
    pub async fn sync(mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            self.spill().await?;
        }
        match self.sink {
            Sink::Local(segment) => segment.sync().await,
            Sink::Bucket(upload) => upload.finish().await,
        }
    }

    /// Like [`Batch::sync`], leaving the bytes readable in memory until the batch is dropped.
    ///
    /// # Errors
    /// As [`Batch::sync`].
    pub async fn sync_keeping(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            let bytes = std::mem::take(&mut self.buffer);
            self.buffer = self.sink.write(bytes).await?;
        }
        match &mut self.sink {
            Sink::Local(segment) => segment.sync_data().await,
            Sink::Bucket(upload) => upload.complete().await,
        }
    }

    fn position(&self) -> u64 {
        self.base + self.buffer.len() as u64
    }

    async fn spill(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.buffer);
        let written = bytes.len() as u64;
        let mut buffer = self.sink.write(bytes).await?;
        buffer.clear();
        self.buffer = buffer;
        self.base += written;
        Ok(())
    }
}
