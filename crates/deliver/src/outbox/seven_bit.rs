//! A stored message with 8-bit content for a server that takes none: rewritten while it is sent, the same way at every try.

use super::body::{Body, Reader};
use mail_message::SevenBit;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use store::StoreError;
use store::blobs::READ_BYTES;
use tokio::io::{AsyncRead, ReadBuf};

impl Body {
    /// How many bytes it has when it is rewritten; none where it cannot be.
    pub(super) async fn rewritten_size(&self) -> Result<Option<u64>, StoreError> {
        let (mut rewriting, mut out, mut size) = (SevenBit::default(), Vec::new(), 0);
        let mut pieces = self.pieces();
        while let Some(piece) = pieces.next().await? {
            if rewriting.push(&piece, &mut out).is_err() {
                return Ok(None);
            }
            size += out.len() as u64;
            out.clear();
        }
        let is_good = rewriting.finish(&mut out).is_ok();
        Ok(is_good.then_some(size + out.len() as u64))
    }
}

/// The message being read and rewritten.
pub(super) struct Rewritten {
    body: Reader,
    /// None once the message has ended.
    rewriting: Option<SevenBit>,
    read: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
}

impl Rewritten {
    pub(super) fn new(body: Reader) -> Self {
        Self {
            body,
            rewriting: Some(SevenBit::default()),
            read: vec![0; READ_BYTES as usize],
            ready: Vec::new(),
            given: 0,
        }
    }
}

impl AsyncRead for Rewritten {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.given == this.ready.len() {
            let Some(rewriting) = &mut this.rewriting else {
                return Poll::Ready(Ok(()));
            };
            this.ready.clear();
            this.given = 0;
            let mut piece = ReadBuf::new(&mut this.read);
            ready!(Pin::new(&mut this.body).poll_read(cx, &mut piece))?;
            let done = if piece.filled().is_empty() {
                this.rewriting
                    .take()
                    .map(|last| last.finish(&mut this.ready))
            } else {
                Some(rewriting.push(piece.filled(), &mut this.ready))
            };
            done.transpose().map_err(io::Error::other)?;
        }
        let left = &this.ready[this.given..];
        let count = buf.remaining().min(left.len());
        buf.put_slice(&left[..count]);
        this.given += count;
        Poll::Ready(Ok(()))
    }
}
