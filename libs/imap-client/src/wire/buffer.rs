//! The read buffer: finds where a response ends, and hands out body bytes without copying them.
//!
//! The buffer is small while a session idles and grows to [`BULK_BUFFER`] while reads keep filling it.

use std::io;
use std::ops::Range;
use std::time::Duration;

use mail_net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::link::Link;
use super::response::has_free_text;
use crate::{ImapError, Limits};

/// What an idle session keeps.
const IDLE_BUFFER: usize = 1 << 10;
/// What a working session begins with.
const FIRST_BUFFER: usize = 8 << 10;
/// Reads larger than this gain nothing.
const BULK_BUFFER: usize = 256 << 10;
/// Lists of UIDs are one line for a whole folder: they may be this many times longer than other lines.
const UID_LIST_FACTOR: usize = 16;

/// The connection with its read buffer: `buf[start..end]` is unread.
pub(crate) struct Wire {
    link: Link,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of an oversized literal that are still to be thrown away, before the text at `start + skip_at`.
    skipping: Option<Skipping>,
    limits: Limits,
    /// How long a read may take without a byte.
    patience: Duration,
    /// Named in the error when it takes longer.
    waiting_for: &'static str,
    bytes_read: u64,
    bytes_written: u64,
    peer_is_gone: bool,
}

#[derive(Clone, Copy)]
struct Skipping {
    /// Where in the response (from `start`) the literal's bytes would be.
    at: usize,
    left: u64,
}

/// How [`Wire::frame`] reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Responses whole, with their literals.
    Whole,
    /// The same, but stop before the literal of a body.
    StreamBodies,
    /// The rest of a response whose body was streamed.
    Continued,
}

/// What [`Wire::frame`] found at the front of the buffer. It stays there until [`Wire::consume`].
pub(crate) enum Frame {
    /// A whole response, literals included.
    Complete(Range<usize>),
    /// The response up to the body's literal, of which `literal` bytes follow.
    Body { head: Range<usize>, literal: u64 },
}

impl Wire {
    pub(crate) fn new(stream: Stream, limits: Limits) -> Wire {
        Wire {
            link: Link::Plain(stream),
            buf: Vec::new(),
            start: 0,
            end: 0,
            skipping: None,
            limits,
            patience: limits.progress,
            waiting_for: "an answer",
            bytes_read: 0,
            bytes_written: 0,
            peer_is_gone: false,
        }
    }

    pub(crate) fn stream(&self) -> &Stream {
        self.link.stream()
    }

    pub(crate) fn is_deflated(&self) -> bool {
        self.link.is_deflated()
    }

    /// From the next byte on, which may be here already, the server's data is compressed.
    pub(crate) fn start_deflate(&mut self) {
        let unread = &self.buf[self.start..self.end];
        self.bytes_read -= unread.len() as u64;
        self.link.start_deflate(unread);
        self.start = 0;
        self.end = 0;
    }

    /// Takes the stream out for TLS; an ended one stays behind.
    pub(crate) fn take_stream(&mut self) -> Stream {
        self.link.take_stream()
    }

    pub(crate) fn put_stream(&mut self, stream: Stream) {
        self.link = Link::Plain(stream);
    }

    pub(crate) fn has_unread(&self) -> bool {
        self.start < self.end
    }

    pub(crate) fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read + self.link.compressed_bytes_read().unwrap_or(0)
    }

    pub(crate) fn expect(&mut self, what: &'static str, patience: Duration) {
        self.waiting_for = what;
        self.patience = patience;
    }

    pub(crate) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.buf.get(range.clone()).unwrap_or(&[])
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            // A huge line is over; its buffer must not outlive it.
            if self.buf.len() > BULK_BUFFER {
                self.buf.truncate(BULK_BUFFER);
                self.buf.shrink_to_fit();
            }
        }
    }

    /// Gives memory back. Unread bytes stay.
    pub(crate) fn shrink(&mut self) {
        self.link.shrink();
        self.buf.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        self.buf.truncate(self.end.max(IDLE_BUFFER));
        self.buf.shrink_to_fit();
    }

    /// Finds the next response, reading as needed. Nothing is lost when the future is dropped: the next call
    /// finds the same bytes again.
    pub(crate) async fn frame(&mut self, framing: Framing) -> Result<Frame, ImapError> {
        self.finish_skipping().await?;
        // Offsets from `start`: `line` is where the current line begins, `scan` how far it was searched.
        let mut line = 0;
        let mut scan = 0;
        let mut text = 0;
        loop {
            let unread = &self.buf[self.start..self.end];
            let newline = unread
                .get(scan..)
                .unwrap_or(&[])
                .iter()
                .position(|byte| *byte == b'\n');
            let Some(newline) = newline else {
                scan = unread.len();
                self.check_line(text + scan.saturating_sub(line))?;
                self.fill().await?;
                continue;
            };
            let next = scan + newline + 1;
            text += next - line;
            self.check_line(text)?;
            let unread = &self.buf[self.start..self.end];
            let literal = trailing_literal(&unread[line..next])
                .filter(|_| framing == Framing::Continued || !has_free_text(unread));
            let Some((at, length)) = literal else {
                return Ok(Frame::Complete(self.start..self.start + next));
            };
            if length > self.limits.literal {
                return Err(ImapError::limit(format!(
                    "a literal of {length} bytes ({} are allowed)",
                    self.limits.literal
                )));
            }
            if framing == Framing::StreamBodies && is_body_item(&unread[..line + at]) {
                return Ok(Frame::Body {
                    head: self.start..self.start + next,
                    literal: length,
                });
            }
            let kept = usize::try_from(length)
                .ok()
                .filter(|_| length <= self.limits.inline_literal)
                .filter(|kept| next.saturating_add(*kept) <= self.limits.response);
            match kept {
                Some(kept) => {
                    let whole = next + kept;
                    while self.end - self.start < whole {
                        self.fill().await?;
                    }
                    line = whole;
                }
                None => {
                    // `{n}CRLF` becomes ` NIL`, and the bytes are dropped as they come.
                    line = self.replace_by_nil(line + at, next);
                    self.skipping = Some(Skipping {
                        at: line,
                        left: length,
                    });
                    self.finish_skipping().await?;
                }
            }
            scan = line;
        }
    }

    fn check_line(&self, length: usize) -> Result<(), ImapError> {
        if length <= self.limits.line {
            return Ok(());
        }
        let begins = &self.buf[self.start..self.end.min(self.start + 12)];
        let is_list = [&b"* SEARCH"[..], b"* ESEARCH", b"* VANISHED"]
            .iter()
            .any(|name| {
                begins
                    .get(..name.len())
                    .is_some_and(|begin| begin.eq_ignore_ascii_case(name))
            });
        if is_list && length <= self.limits.line.saturating_mul(UID_LIST_FACTOR) {
            return Ok(());
        }
        Err(ImapError::limit(format!(
            "a line of more than {} bytes",
            self.limits.line
        )))
    }

    /// Replaces `buf[from..to]` (offsets from `start`) and gives the offset behind the replacement.
    fn replace_by_nil(&mut self, from: usize, to: usize) -> usize {
        const NIL: &[u8] = b" NIL";
        let (from, to) = (self.start + from, self.start + to);
        let removed = to - from;
        // `{1}` CRLF is never shorter than the replacement.
        if removed >= NIL.len() {
            self.buf[from..from + NIL.len()].copy_from_slice(NIL);
            self.buf.copy_within(to..self.end, from + NIL.len());
            self.end -= removed - NIL.len();
        }
        from + NIL.len() - self.start
    }

    async fn finish_skipping(&mut self) -> Result<(), ImapError> {
        while let Some(Skipping { at, left }) = self.skipping {
            let from = self.start + at;
            let have = (self.end - from) as u64;
            let drop = usize::try_from(have.min(left)).unwrap_or(usize::MAX);
            self.buf.copy_within(from + drop..self.end, from);
            self.end -= drop;
            let left = left - drop as u64;
            self.skipping = (left > 0).then_some(Skipping { at, left });
            if left > 0 {
                self.fill().await?;
            }
        }
        Ok(())
    }

    /// Body bytes that are already here, at most `limit`; reads when there are none.
    pub(crate) async fn chunk(&mut self, limit: u64) -> Result<Range<usize>, ImapError> {
        if self.start == self.end {
            self.fill().await?;
        }
        let have = (self.end - self.start) as u64;
        let count = usize::try_from(have.min(limit)).unwrap_or(usize::MAX);
        Ok(self.start..self.start + count)
    }

    /// Reads once. Any byte counts as progress.
    pub(crate) async fn fill(&mut self) -> Result<(), ImapError> {
        self.make_room();
        let room = self.buf.len() - self.end;
        let read = timeout(self.patience, self.link.read(&mut self.buf[self.end..])).await;
        let count = match read {
            Err(_) => {
                return Err(ImapError::TimedOut {
                    what: self.waiting_for,
                });
            }
            Ok(Ok(0)) => return Err(ImapError::Closed),
            Ok(Ok(count)) => count,
            Ok(Err(error)) if closed(&error) => return Err(ImapError::Closed),
            Ok(Err(error)) => return Err(ImapError::Io(error)),
        };
        self.end += count;
        if !self.link.is_deflated() {
            self.bytes_read += count as u64;
        }
        if count == room && self.buf.len() < BULK_BUFFER {
            let larger = (self.buf.len() * 2).min(BULK_BUFFER);
            self.buf.resize(larger, 0);
        }
        Ok(())
    }

    fn make_room(&mut self) {
        if self.buf.is_empty() {
            self.buf.resize(FIRST_BUFFER, 0);
        }
        // Moving a little is cheaper than reading little.
        if self.start > 0 && self.buf.len() - self.end < self.buf.len() / 2 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buf.len() {
            let larger = self.buf.len() * 2;
            self.buf.resize(larger, 0);
        }
    }

    /// Writes all. Each written piece counts as progress. When the peer has closed, the bytes are dropped without an
    /// error: what it said before is still to be read, and usually says why.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), ImapError> {
        while !bytes.is_empty() && !self.peer_is_gone {
            let written = timeout(self.patience, self.link.write(bytes)).await;
            let count = self.sent(written)?.unwrap_or(0);
            self.peer_is_gone |= count == 0;
            self.bytes_written += count as u64;
            bytes = bytes.get(count..).unwrap_or(&[]);
        }
        Ok(())
    }

    pub(crate) async fn flush(&mut self) -> Result<(), ImapError> {
        if !self.peer_is_gone {
            let flushed = timeout(self.patience, self.link.flush()).await;
            self.peer_is_gone = self.sent(flushed)?.is_none();
        }
        Ok(())
    }

    /// Whether writing makes no sense any more.
    pub(crate) fn peer_is_gone(&self) -> bool {
        self.peer_is_gone
    }

    /// `None` when the peer has closed.
    fn sent<T>(&self, outcome: Result<io::Result<T>, Elapsed>) -> Result<Option<T>, ImapError> {
        match outcome {
            Err(_) => Err(ImapError::TimedOut {
                what: self.waiting_for,
            }),
            Ok(Err(error)) if closed(&error) => Ok(None),
            Ok(outcome) => Ok(Some(outcome?)),
        }
    }

    /// Says good-bye to the transport; failures do not matter any more.
    pub(crate) async fn shutdown(&mut self) {
        let _ = timeout(Duration::from_secs(2), self.link.shutdown()).await;
    }
}

/// Whether the peer is simply gone; servers often forget TLS's farewell.
fn closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

/// `{12}`, `{12+}` or `~{12}` at the end of a line: its offset in the line and the length it announces.
fn trailing_literal(line: &[u8]) -> Option<(usize, u64)> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let inner = line.strip_suffix(b"}")?;
    let inner = inner
        .strip_suffix(b"+")
        .or_else(|| inner.strip_suffix(b"-"))
        .unwrap_or(inner);
    let open = inner.iter().rposition(|byte| !byte.is_ascii_digit())?;
    let digits = &inner[open + 1..];
    if inner[open] != b'{' || digits.is_empty() {
        return None;
    }
    let tilde = open > 0 && inner[open - 1] == b'~';
    // A number too large for u64 is still a claim, and is refused as one.
    let length = super::value::digits(digits).unwrap_or(u64::MAX);
    Some((if tilde { open - 1 } else { open }, length))
}

/// Whether the text before a literal names the whole message: `BODY[]`, `BODY[]<0>`, `BINARY[]` or `RFC822`.
fn is_body_item(before: &[u8]) -> bool {
    let item = before.trim_ascii_end();
    let begin = item
        .iter()
        .rposition(|byte| matches!(byte, b' ' | b'('))
        .map_or(0, |at| at + 1);
    crate::message_meta::is_whole_body(&item[begin..])
}
