//! The connection below the read buffer: bare, or inside COMPRESS=DEFLATE (RFC 4978).
//!
//! Inflating is streamed: never more comes out than the reader has room for, so a small input that stands for gigabytes
//! (a "bomb") costs time and no memory, and the limits on lines and literals count what came out.
//!
//! Deflating is done where it pays. Commands are a few dozen bytes: they go as stored blocks, which any inflater reads and
//! which need no state. What is larger, the pieces of an APPEND, goes through a compressor of a third of a megabyte that
//! lives no longer than they do.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use mail_net::Stream;
use miniz_oxide::deflate::core::CompressorOxide;
use miniz_oxide::deflate::{CompressionLevel, stream::deflate};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Compressed bytes read at once.
const INPUT: usize = 16 << 10;
/// Plain bytes taken at once from a writer.
const PIECE: usize = 64 << 10;
/// Shorter writes are not compressed.
const COMPRESS_FROM: usize = 1 << 10;
/// What a stored block may hold (RFC 1951 section 3.2.4).
const STORED: usize = 0xffff;

/// The connection.
pub(crate) enum Link {
    Plain(Stream),
    Deflated(Box<Deflated>),
}

impl Link {
    pub(crate) fn stream(&self) -> &Stream {
        match self {
            Link::Plain(stream) => stream,
            Link::Deflated(deflated) => &deflated.stream,
        }
    }

    pub(crate) fn is_deflated(&self) -> bool {
        matches!(self, Link::Deflated(_))
    }

    /// Gives the bare stream away, for TLS; an ended one stays behind.
    pub(crate) fn take_stream(&mut self) -> Stream {
        match std::mem::replace(self, Link::Plain(Stream::closed())) {
            Link::Plain(stream) => stream,
            Link::Deflated(deflated) => deflated.stream,
        }
    }

    /// From here on both directions are compressed. `already_read` came behind the server's yes.
    pub(crate) fn start_deflate(&mut self, already_read: &[u8]) {
        if !self.is_deflated() {
            *self = Link::Deflated(Box::new(Deflated::new(self.take_stream(), already_read)));
        }
    }

    /// How many bytes of the connection stand for what was read: more than that much only came out of the inflater.
    pub(crate) fn compressed_bytes_read(&self) -> Option<u64> {
        match self {
            Link::Plain(_) => None,
            Link::Deflated(deflated) => Some(deflated.bytes_read),
        }
    }

    /// Gives back memory that an idle connection does not need. The inflater's window stays: the server may refer to it.
    pub(crate) fn shrink(&mut self) {
        if let Link::Deflated(deflated) = self {
            deflated.shrink();
        }
    }
}

/// A stream inside DEFLATE.
pub(crate) struct Deflated {
    stream: Stream,
    inflater: Box<InflateState>,
    /// Compressed bytes that were read; `input[at..]` is not inflated yet.
    input: Vec<u8>,
    at: usize,
    /// The inflater may have more for us without further input.
    more_inside: bool,
    /// The server ended its compressed stream, which it never should: there is nothing behind.
    ended: bool,
    /// Bytes read from the connection.
    bytes_read: u64,
    /// There while large pieces are written one after the other.
    deflater: Option<Box<CompressorOxide>>,
    /// Compressed bytes that are not written yet: `output[written..]`.
    output: Vec<u8>,
    written: usize,
}

impl Deflated {
    fn new(stream: Stream, already_read: &[u8]) -> Deflated {
        Deflated {
            stream,
            inflater: InflateState::new_boxed(DataFormat::Raw),
            input: already_read.to_vec(),
            at: 0,
            more_inside: false,
            ended: false,
            bytes_read: already_read.len() as u64,
            deflater: None,
            output: Vec::new(),
            written: 0,
        }
    }

    fn shrink(&mut self) {
        self.input.drain(..self.at);
        self.at = 0;
        self.input.shrink_to_fit();
        self.output.drain(..self.written);
        self.written = 0;
        self.output.shrink_to_fit();
        self.deflater = None;
    }

    /// Inflates what there is into `buf`. `false` when input is needed for more.
    fn inflate_into(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<bool> {
        while (self.at < self.input.len() || self.more_inside) && !self.ended {
            let outcome = inflate(
                &mut self.inflater,
                &self.input[self.at..],
                buf.initialize_unfilled(),
                MZFlush::None,
            );
            self.at += outcome.bytes_consumed;
            buf.advance(outcome.bytes_written);
            self.more_inside = outcome.bytes_written > 0;
            match outcome.status {
                Ok(MZStatus::StreamEnd) => self.ended = true,
                Ok(_) => {}
                // Nothing could be done with what there is.
                Err(MZError::Buf) => self.more_inside = false,
                Err(_) => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the server's compressed data is damaged",
                    ));
                }
            }
            if outcome.bytes_written > 0 {
                return Ok(true);
            }
            if outcome.bytes_consumed == 0 {
                break;
            }
        }
        Ok(self.ended)
    }

    /// Writes what is compressed already.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.output.len() {
            let rest = &self.output[self.written..];
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        self.output.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Puts `bytes` behind the output, so that the server can read all of them now.
    fn deflate(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() < COMPRESS_FROM {
            // A compressor that does not see these bytes counts its distances wrong from here on.
            self.deflater = None;
            for part in bytes.chunks(STORED) {
                store(part, &mut self.output);
            }
            return Ok(());
        }
        let deflater = self.deflater.get_or_insert_with(|| {
            let mut deflater = Box::<CompressorOxide>::default();
            deflater.set_format_and_level(DataFormat::Raw, CompressionLevel::BestSpeed as u8);
            deflater
        });
        let mut input = bytes;
        loop {
            let end = self.output.len();
            self.output.resize(end + input.len() / 2 + COMPRESS_FROM, 0);
            // A flush ends in an empty stored block, that is, at a whole byte: stored blocks may follow (RFC 1951).
            let outcome = deflate(deflater, input, &mut self.output[end..], MZFlush::Sync);
            let full = end + outcome.bytes_written == self.output.len();
            self.output.truncate(end + outcome.bytes_written);
            input = input.get(outcome.bytes_consumed..).unwrap_or(&[]);
            match outcome.status {
                Ok(_) | Err(MZError::Buf) if input.is_empty() && !full => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(io::Error::other("the data could not be compressed")),
            }
        }
    }
}

/// One stored block: its header at a whole byte, its length twice, its bytes (RFC 1951 section 3.2.4).
fn store(bytes: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.push(0);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(bytes);
}

impl AsyncRead for Deflated {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            // What is inflated costs time without a system call: other tasks want their turn too.
            let turn = ready!(tokio::task::coop::poll_proceed(cx));
            if buf.remaining() == 0 || this.inflate_into(buf)? {
                turn.made_progress();
                return Poll::Ready(Ok(()));
            }
            this.input.resize(INPUT, 0);
            this.at = 0;
            let mut fresh = ReadBuf::new(&mut this.input);
            let read = Pin::new(&mut this.stream).poll_read(cx, &mut fresh);
            let count = fresh.filled().len();
            this.input.truncate(count);
            if read.is_pending() {
                // Nothing there: an idle connection must not keep the buffer.
                this.input = Vec::new();
            }
            ready!(read)?;
            this.bytes_read += count as u64;
            if count == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Deflated {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        let piece = &buf[..buf.len().min(PIECE)];
        this.deflate(piece)?;
        // The piece is taken whether or not it could be written now.
        if let Poll::Ready(Err(error)) = this.poll_drain(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Link::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Link::Deflated(deflated) => Pin::new(deflated.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Link::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Link::Deflated(deflated) => Pin::new(deflated.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Link::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Link::Deflated(deflated) => Pin::new(deflated.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Link::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Link::Deflated(deflated) => Pin::new(deflated.as_mut()).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    fn pair(pipe: usize) -> (Link, Link) {
        let (ours, theirs) = duplex(pipe);
        let deflated = |io| {
            let mut link = Link::Plain(Stream::from_io(io));
            link.start_deflate(&[]);
            link
        };
        (deflated(ours), deflated(theirs))
    }

    #[tokio::test]
    async fn short_and_long_writes_in_any_order_come_out_as_they_went_in() {
        let text = "A line that comes again and again, as in mail.\r\n".repeat(4000);
        let noise: Vec<u8> = (0_u32..70_000)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        let writes: [&[u8]; 8] = [
            b"P1 NOOP\r\n",
            text.as_bytes(),
            b"P2 NOOP\r\n",
            &noise,
            &text.as_bytes()[..COMPRESS_FROM],
            &text.as_bytes()[..COMPRESS_FROM - 1],
            &noise[..PIECE],
            b"\r\n",
        ];
        for pipe in [7, 1 << 20] {
            let (mut ours, mut theirs) = pair(pipe);
            let sent = writes.concat();
            let writer = async {
                for write in writes {
                    ours.write_all(write).await.unwrap();
                    ours.flush().await.unwrap();
                }
                ours.shutdown().await.unwrap();
            };
            let mut got = Vec::new();
            let (_, read) = tokio::join!(writer, theirs.read_to_end(&mut got));
            read.unwrap();
            assert!(got == sent, "pipe of {pipe}");
            assert!(theirs.compressed_bytes_read().unwrap() < sent.len() as u64);
        }
    }

    #[tokio::test]
    async fn every_write_can_be_read_at_once() {
        let (mut ours, mut theirs) = pair(1 << 20);
        for length in [1, 40, COMPRESS_FROM, 5000, 3, PIECE * 2] {
            let text = vec![b'x'; length];
            ours.write_all(&text).await.unwrap();
            ours.flush().await.unwrap();
            let mut got = vec![0; length];
            theirs.read_exact(&mut got).await.unwrap();
            assert_eq!(got, text);
        }
    }

    #[tokio::test]
    async fn a_bomb_comes_out_in_small_pieces_and_takes_no_memory() {
        const SIZE: usize = 64 << 20;
        let bomb = compress_to_vec(&vec![0; SIZE], 9);
        assert!(bomb.len() < SIZE / 900);
        let mut link = Link::Plain(Stream::closed());
        link.start_deflate(&bomb);
        let mut buf = vec![0; 8 << 10];
        let mut total = 0;
        loop {
            let count = link.read(&mut buf).await.unwrap();
            if count == 0 {
                break;
            }
            total += count;
        }
        assert_eq!(total, SIZE);
    }

    #[tokio::test]
    async fn damage_and_early_ends_are_errors_or_ends_and_never_a_panic() {
        let good = compress_to_vec("some mail\r\n".repeat(500).as_bytes(), 6);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let mut link = Link::Plain(Stream::closed());
                link.start_deflate(&bad);
                let mut got = Vec::new();
                // Whatever it is, it is bounded and ends.
                let _ = (&mut link).take(1 << 20).read_to_end(&mut got).await;
            }
            let mut link = Link::Plain(Stream::closed());
            link.start_deflate(&good[..at]);
            let mut got = Vec::new();
            link.read_to_end(&mut got).await.unwrap();
        }
        let mut link = Link::Plain(Stream::closed());
        // A block of the kind that is reserved.
        link.start_deflate(b"\x07 no block is like this");
        let mut got = Vec::new();
        let error = link.read_to_end(&mut got).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
