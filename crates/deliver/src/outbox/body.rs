//! The bytes of a stored message, streamed: what is sent is exactly what was stored, at every try.

use bytes::Bytes;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use store::blobs::{Blobs, Place, READ_BYTES};
use store::{Store, StoreError, blobs};
use tokio::io::{AsyncRead, ReadBuf};

/// What is done between the last byte and the word that it was the last.
pub(super) type AtEnd = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// A stored message that can be read from its start, any number of times.
pub(super) struct Body {
    blobs: Blobs,
    place: Place,
    /// All of it, where that is one piece.
    whole: Option<Bytes>,
}

/// What the bytes ask of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Some byte is above 127.
    pub(super) eight_bit: bool,
    /// A header has UTF-8 in it (RFC 6532).
    pub(super) utf8_header: bool,
}

impl Body {
    /// Finds a message by its digest.
    pub(super) async fn find(store: &Store, digest: &str) -> Result<Self, StoreError> {
        let mut body = Self {
            blobs: store.blobs.clone(),
            place: blobs::find(store, digest).await?,
            whole: None,
        };
        if body.place.length <= READ_BYTES {
            let first = body.pieces().next().await?;
            body.whole = first.filter(|piece| piece.len() as u64 == body.place.length);
        }
        Ok(body)
    }

    /// Looks through the whole message.
    pub(super) async fn shape(&self) -> Result<Shape, StoreError> {
        let mut shape = Shape::default();
        let mut pieces = self.pieces();
        while let Some(piece) = pieces.next().await? {
            if pieces.at == piece.len() as u64 {
                shape.utf8_header = has_utf8(header(&piece));
            }
            shape.eight_bit |= !piece.is_ascii();
        }
        Ok(shape)
    }

    /// All of it, piece by piece.
    pub(super) fn pieces(&self) -> Pieces<'_> {
        Pieces { body: self, at: 0 }
    }

    /// Reads it from its start. Whoever has read the last byte hears of the end only when `at_end` is done, and not at all if
    /// it fails: the final dot cannot leave before it.
    pub(super) fn read(&self, at_end: AtEnd) -> Reader {
        let bytes = match &self.whole {
            Some(whole) => self.blobs.reader_of(&self.place, whole.clone()),
            None => self.blobs.reader(&self.place),
        };
        Reader {
            bytes,
            at_end: Some(at_end),
        }
    }
}

/// A message that is looked through.
pub(super) struct Pieces<'a> {
    body: &'a Body,
    at: u64,
}

impl Pieces<'_> {
    /// The next piece; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        let Body {
            blobs,
            place,
            whole,
        } = self.body;
        if self.at >= place.length {
            return Ok(None);
        }
        let piece = match whole {
            Some(whole) => whole.clone(),
            None => {
                blobs
                    .read_some(place, self.at..self.at + READ_BYTES)
                    .await?
            }
        };
        if piece.is_empty() {
            return Err(StoreError::Corrupt("a stored message is too short".into()));
        }
        self.at += piece.len() as u64;
        Ok(Some(piece))
    }
}

/// Everything before the first empty line.
fn header(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .or_else(|| bytes.windows(2).position(|w| w == b"\n\n"));
    &bytes[..end.unwrap_or(bytes.len())]
}

/// UTF-8 beyond ASCII. Other 8-bit bytes in a header are nothing that any extension permits.
fn has_utf8(header: &[u8]) -> bool {
    !header.is_ascii() && std::str::from_utf8(header).is_ok()
}

/// A message being read.
pub(super) struct Reader {
    bytes: blobs::Reader,
    at_end: Option<AtEnd>,
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.bytes).poll_read(cx, buf))?;
        if buf.filled().len() == before
            && buf.remaining() > 0
            && let Some(at_end) = &mut this.at_end
        {
            ready!(at_end.as_mut().poll(cx))?;
            this.at_end = None;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_ends_at_the_first_empty_line() {
        assert_eq!(header(b"A: b\r\n\r\nbody"), b"A: b");
        assert_eq!(header(b"A: b\n\nbody"), b"A: b");
        assert_eq!(header(b"A: b"), b"A: b");
    }

    #[test]
    fn only_utf8_asks_for_smtputf8() {
        assert!(has_utf8("Subject: Grüße".as_bytes()));
        assert!(!has_utf8(b"Subject: Gr\xfc\xdfe"));
        assert!(!has_utf8(b"Subject: Hello"));
    }
}
