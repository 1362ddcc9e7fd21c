//! A message on its way into the outbox, and into the blob store: in pieces, so that a file of any size needs no memory.

use crate::error::{ApiError, Result};
use crate::state::ApiState;
use axum::http::StatusCode;
use mail_message::{Base64Lines, Piece};
use model::Timestamp;
use model::limits::OUTGOING_BYTES;
use store::StoreError;
use store::blobs::{Batch, Place, READ_BYTES, Stored};
use tokio::sync::OwnedSemaphorePermit;

/// Bytes that are appended at once.
const APPEND: usize = 256 * 1024;

/// A message ready to be written.
pub(super) struct Ready {
    /// Its bytes, in order.
    pub(super) pieces: Vec<Piece>,
    /// The content of its files, by number.
    pub(super) files: Vec<Source>,
    /// Bytes of the whole message.
    pub(super) length: u64,
    /// For `MAIL FROM`.
    pub(super) envelope_from: String,
    /// For `RCPT TO`.
    pub(super) envelope_to: Vec<String>,
    /// Without brackets.
    pub(super) message_id: String,
    /// Its subject, for lists.
    pub(super) subject: String,
    /// The identity that it is sent as.
    pub(super) identity_id: String,
    /// The place in memory of what it takes from stored messages, given back with it.
    pub(super) _place: Option<OwnedSemaphorePermit>,
}

/// What a message has that does not come from its writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp<'a> {
    /// Of which its Message-ID is made.
    pub(super) unique: &'a str,
    /// What its `Date` says.
    pub(super) date: Timestamp,
}

/// Where the content of a file is.
pub(super) enum Source {
    /// Here.
    Bytes(Vec<u8>),
    /// In the blob store.
    Stored(Place),
}

impl Ready {
    /// Stores the message durably.
    pub(super) async fn store(&self, state: &ApiState) -> Result<Stored> {
        if let Some(bytes) = self.in_memory() {
            return Ok(state.store.blobs.put(&bytes).await?);
        }
        let mut batch = state.store.blobs.batch()?;
        batch.begin();
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => append(&mut batch, bytes).await?,
                Piece::File { attachment, base64 } => {
                    if let Some(source) = self.files.get(*attachment) {
                        file(state, &mut batch, source, *base64).await?;
                    }
                }
            }
        }
        let stored = batch.end();
        batch.sync().await?;
        if stored.place.length != self.length {
            return Err(StoreError::Corrupt("a file changed its length".into()).into());
        }
        Ok(stored)
    }

    /// All of a small message without files.
    fn in_memory(&self) -> Option<Vec<u8>> {
        if self.length > APPEND as u64 {
            return None;
        }
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => Some(bytes.as_slice()),
            Piece::File { .. } => None,
        });
        Some(pieces.collect::<Option<Vec<_>>>()?.concat())
    }
}

/// Refuses a message that is larger than any that is sent. `length`: bytes that it has at least.
pub(super) fn fits(length: u64) -> Result<()> {
    if length <= OUTGOING_BYTES {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        format!("the message would have at least {length} bytes; {OUTGOING_BYTES} are allowed"),
    ))
}

/// Puts a file into the blob store until its message is written, so that it needs no memory meanwhile. Nothing refers to it there:
/// the sweep takes it away.
pub(super) async fn set_aside(state: &ApiState, bytes: &[u8]) -> Result<Place> {
    if bytes.len() <= APPEND {
        return Ok(state.store.blobs.put(bytes).await?.place);
    }
    let mut batch = state.store.blobs.batch()?;
    batch.begin();
    append(&mut batch, bytes).await?;
    let place = batch.end().place;
    batch.sync().await?;
    Ok(place)
}

pub(super) async fn append(batch: &mut Batch, bytes: &[u8]) -> Result<()> {
    for piece in bytes.chunks(APPEND) {
        batch.append(piece).await?;
    }
    Ok(())
}

async fn file(state: &ApiState, batch: &mut Batch, source: &Source, base64: bool) -> Result<()> {
    let mut lines = Base64Lines::default();
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        let read;
        let piece = match source {
            Source::Bytes(bytes) => {
                let from = bytes.get(at..).unwrap_or_default();
                from.get(..from.len().min(APPEND)).unwrap_or_default()
            }
            Source::Stored(place) => {
                let from = at as u64;
                read = state
                    .store
                    .blobs
                    .read_some(place, from..from + READ_BYTES)
                    .await?;
                &read
            }
        };
        if piece.is_empty() {
            break;
        }
        at += piece.len();
        if base64 {
            out.clear();
            lines.push(piece, &mut out);
            append(batch, &out).await?;
        } else {
            append(batch, piece).await?;
        }
    }
    out.clear();
    lines.finish(&mut out);
    append(batch, &out).await
}
