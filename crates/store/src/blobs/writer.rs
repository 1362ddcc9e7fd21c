//! A batch: blobs appended to one segment, made durable together.

use super::buffer::{BUFFER, Buffer, Places};
use super::{Place, local, upload};
use crate::error::Result;
use crate::hex::hex;
use ring::digest::{Context, SHA256};

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

    /// Appends and gives the buffer back.
    async fn write(&mut self, buffer: Buffer) -> Result<Buffer> {
        match self {
            Self::Local(segment) => segment.write(buffer).await,
            Self::Bucket(upload) => {
                let bytes = upload.write(buffer.into_bytes()).await?;
                Ok(Buffer::from_bytes(bytes))
            }
        }
    }
}

/// Blobs on their way to disk. Dropped before [`Batch::sync`], nothing of it counts.
pub struct Batch {
    sink: Sink,
    buffer: Buffer,
    /// Position in the segment of the buffer's first byte.
    base: u64,
    begun_at: u64,
    hash: Option<Context>,
}

impl Batch {
    pub(super) fn new(sink: Sink, places: &Places) -> Self {
        let base = sink.position();
        let buffer = match &sink {
            Sink::Local(_) => Buffer::placed(places.clone()),
            Sink::Bucket(_) => Buffer::default(),
        };
        Self {
            sink,
            buffer,
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
        self.buffer.append(bytes, self.base);
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

    /// Bytes of the blob that was begun and has not ended; `None` where there is none.
    pub fn begun(&self) -> Option<u64> {
        self.hash.is_some().then(|| self.position() - self.begun_at)
    }

    /// Gives the memory back while nothing comes: what is there goes to the segment. It is not durable yet. (A bucket takes
    /// only large pieces: for one the bytes stay in memory.)
    ///
    /// # Errors
    /// The disk is full.
    pub async fn park(&mut self) -> Result<()> {
        if matches!(self.sink, Sink::Bucket(_)) {
            return Ok(());
        }
        self.spill().await?;
        self.buffer = Buffer::placed(Places::default());
        Ok(())
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
        let to = from.checked_add(stored.place.length as usize)?;
        self.buffer.bytes().get(from..to)
    }

    /// Makes all ended blobs durable, and gives the segment back.
    ///
    /// # Errors
    /// The disk is full, or the bucket out of reach: nothing of the batch counts.
    pub async fn sync(mut self) -> Result<()> {
        self.sync_keeping().await
    }

    /// Like [`Batch::sync`], leaving the bytes readable in memory until the batch is dropped.
    ///
    /// # Errors
    /// As [`Batch::sync`].
    pub async fn sync_keeping(&mut self) -> Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        match &mut self.sink {
            Sink::Local(segment) if buffer.is_empty() => {
                self.buffer = buffer;
                segment.sync_data().await
            }
            Sink::Local(segment) => {
                self.buffer = segment.write_durably(buffer).await?;
                Ok(())
            }
            Sink::Bucket(upload) => {
                if !buffer.is_empty() {
                    let bytes = upload.write(buffer.into_bytes()).await?;
                    self.buffer = Buffer::from_bytes(bytes);
                }
                upload.complete().await
            }
        }
    }

    fn position(&self) -> u64 {
        self.base + self.buffer.len() as u64
    }

    async fn spill(&mut self) -> Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let written = buffer.len() as u64;
        self.buffer = self.sink.write(buffer).await?;
        self.base += written;
        self.buffer.clear(self.base);
        Ok(())
    }
}
