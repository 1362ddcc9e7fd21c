//! An object on its way to the bucket. A small batch is one PUT; a large one goes in parts.
//!
//! Parts that were sent are stored, and paid for, until their upload is completed or aborted. So an upload that is
//! given up is aborted, and for one that a crash cuts off there is a note in the bucket with its id, which the
//! sweep finds.

use crate::error::{Result, StoreError};
use bytes::Bytes;
use object_store::aws::AmazonS3;
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::{MultipartId, ObjectStoreExt as _, PutPayload};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Parts of one upload that may be under way at once.
const PARTS_IN_FLIGHT: usize = 2;

pub(super) struct Upload {
    store: Arc<AmazonS3>,
    name: String,
    path: Path,
    note: Path,
    position: u64,
    first: Option<Bytes>,
    parts: Option<Parts>,
}

impl Upload {
    /// Of an object with this name at `path`; `note` is where its id is written down.
    pub(super) fn new(store: Arc<AmazonS3>, name: String, path: Path, note: Path) -> Self {
        Self {
            store,
            name,
            path,
            note,
            position: 0,
            first: None,
            parts: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Takes a piece; the buffer comes back with its bytes.
    pub(super) async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.position += bytes.len() as u64;
        let copy = bytes.clone();
        let piece = Bytes::from(bytes);
        if self.parts.is_none() && self.first.is_none() {
            self.first = Some(piece);
            return Ok(copy);
        }
        if self.parts.is_none() {
            let parts = Parts::begin(self.store.clone(), self.path.clone(), self.note.clone());
            self.parts = Some(parts.await?);
        }
        if let Some(parts) = &mut self.parts {
            if let Some(first) = self.first.take() {
                parts.send(first).await?;
            }
            parts.send(piece).await?;
        }
        Ok(copy)
    }

    pub(super) async fn complete(&mut self) -> Result<()> {
        if let Some(parts) = &mut self.parts {
            parts.complete().await?;
            self.parts = None;
        } else if let Some(only) = self.first.take() {
            self.store
                .put(&self.path, PutPayload::from_bytes(only))
                .await
                .map_err(StoreError::from)?;
        }
        Ok(())
    }
}

impl Drop for Upload {
    /// Given up, or failed. Where this does not come to its end, the sweep does it.
    fn drop(&mut self) {
        if let (Some(parts), Ok(runtime)) =
            (self.parts.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(parts.abort());
        }
    }
}

/// An upload in parts.
struct Parts {
    store: Arc<AmazonS3>,
    path: Path,
    note: Path,
    id: MultipartId,
    sending: JoinSet<object_store::Result<(usize, PartId)>>,
    sent: Vec<Option<PartId>>,
}

impl Parts {
    async fn begin(store: Arc<AmazonS3>, path: Path, note: Path) -> Result<Self> {
        let id = store
            .create_multipart(&path)
            .await
            .map_err(StoreError::from)?;
        let parts = Self {
            store,
            path,
            note,
            id,
            sending: JoinSet::new(),
            sent: Vec::new(),
        };
        // Before the first part: there is nothing to lose before the note is there.
        let payload = PutPayload::from(parts.id.clone());
        if let Err(error) = parts.store.put(&parts.note, payload).await {
            parts.abort().await;
            return Err(error.into());
        }
        Ok(parts)
    }

    async fn send(&mut self, piece: Bytes) -> Result<()> {
        while self.sending.len() >= PARTS_IN_FLIGHT {
            self.join().await?;
        }
        let (store, path, id) = (self.store.clone(), self.path.clone(), self.id.clone());
        let n = self.sent.len();
        self.sent.push(None);
        self.sending.spawn(async move {
            let part = store.put_part(&path, &id, n, PutPayload::from_bytes(piece));
            Ok((n, part.await?))
        });
        Ok(())
    }

    async fn join(&mut self) -> Result<()> {
        if let Some(done) = self.sending.join_next().await {
            let (n, part) = done
                .map_err(|e| StoreError::Unavailable(e.to_string()))?
                .map_err(StoreError::from)?;
            self.sent[n] = Some(part);
        }
        Ok(())
    }

    async fn complete(&mut self) -> Result<()> {
        while !self.sending.is_empty() {
            self.join().await?;
        }
        let parts = self.sent.iter_mut().filter_map(Option::take).collect();
        self.store
            .complete_multipart(&self.path, &self.id, parts)
            .await
            .map_err(StoreError::from)?;
        if let Err(error) = self.store.delete(&self.note).await {
            tracing::debug!(%error, "the note of an upload stays until the sweep");
        }
        Ok(())
    }

    async fn abort(mut self) {
        self.sending.shutdown().await;
        if let Err(error) = abort(&self.store, &self.path, &self.id, &self.note).await {
            tracing::debug!(%error, "an upload is aborted by the sweep");
        }
    }
}

/// Ends an upload that nobody goes on with, and forgets it.
pub(super) async fn abort(
    store: &AmazonS3,
    path: &Path,
    id: &MultipartId,
    note: &Path,
) -> Result<()> {
    match store.abort_multipart(path, id).await {
        // It was completed, or aborted before.
        Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    store.delete(note).await.map_err(StoreError::from)
}
