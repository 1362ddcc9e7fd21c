//! A blob as a stream: whoever sends it on needs no memory for it.

use super::{Blobs, Place, READ_BYTES};
use crate::error::StoreError;
use bytes::{Buf as _, Bytes};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

type Reading = Pin<Box<dyn Future<Output = Result<Bytes, StoreError>> + Send>>;

/// A blob being read from its start.
pub struct Reader {
    blobs: Blobs,
    place: Place,
    at: u64,
    piece: Bytes,
    reading: Option<Reading>,
}

impl Blobs {
    /// Reads a whole blob, a piece at a time. A segment that is gone is an error of the stream.
    pub fn reader(&self, place: &Place) -> Reader {
        Reader {
            blobs: self.clone(),
            place: place.clone(),
            at: 0,
            piece: Bytes::new(),
            reading: None,
        }
    }

    /// Reads a blob whose bytes are here already.
    pub fn reader_of(&self, place: &Place, bytes: Bytes) -> Reader {
        Reader {
            at: bytes.len() as u64,
            piece: bytes,
            ..self.reader(place)
        }
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.piece.is_empty() && this.at < this.place.length {
            let reading = this.reading.get_or_insert_with(|| {
                let (blobs, place, at) = (this.blobs.clone(), this.place.clone(), this.at);
                Box::pin(async move { blobs.read_some(&place, at..at + READ_BYTES).await })
            });
            let read = ready!(reading.as_mut().poll(cx));
            this.reading = None;
            let piece = read.map_err(io::Error::other)?;
            if piece.is_empty() {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof)));
            }
            this.at += piece.len() as u64;
            this.piece = piece;
        }
        let count = buf.remaining().min(this.piece.len());
        buf.put_slice(&this.piece[..count]);
        this.piece.advance(count);
        Poll::Ready(Ok(()))
    }
}
