//! Bytes to and from the server: bounded lines in, deadlines on everything, a redacted transcript beside it.

use std::future::Future;
use std::io;
use std::time::Duration;

use mail_net::sasl::Secret;
use mail_net::{Direction, Stream, Transcript};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::answer::printable;
use crate::error::Pop3Error;
use crate::limits::{LINE_BYTES, READ_BYTES};

/// The connection, with what was read from it and not used yet.
pub(crate) struct Wire {
    /// None while TLS is being put on, and for good after that failed.
    stream: Option<Stream>,
    input: Vec<u8>,
    /// How much of `input` is used up.
    used: usize,
    transcript: Option<Transcript>,
}

impl Wire {
    pub(crate) fn new(stream: Stream, transcript: Option<Transcript>) -> Wire {
        Wire {
            stream: Some(stream),
            input: Vec::new(),
            used: 0,
            transcript,
        }
    }

    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    /// Gives the bare connection away, to put TLS on it.
    pub(crate) fn take_stream(&mut self) -> Option<Stream> {
        self.stream.take()
    }

    /// Goes on with a fresh connection; nothing read before counts.
    pub(crate) fn set_stream(&mut self, stream: Stream) {
        self.stream = Some(stream);
        self.input.clear();
        self.used = 0;
    }

    /// True when the server has sent more than was asked for so far.
    pub(crate) fn has_unread_input(&self) -> bool {
        self.used < self.input.len()
    }

    /// What was read and not used yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.input[self.used..]
    }

    /// Marks so many unread bytes as used.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.used = (self.used + bytes).min(self.input.len());
    }

    /// Writes commands, each with its line end. The transcript gets `shown` in their place where they hold a secret.
    pub(crate) async fn write(
        &mut self,
        lines: &str,
        shown: Option<&str>,
        within: Duration,
        what: &'static str,
    ) -> Result<(), Pop3Error> {
        for line in shown.unwrap_or(lines).lines() {
            self.note(Direction::Sent, line);
        }
        let deadline = Instant::now() + within;
        let stream = self.stream.as_mut().ok_or(Pop3Error::Unusable)?;
        bounded(deadline, within, what, stream.write_all(lines.as_bytes())).await?;
        bounded(deadline, within, what, stream.flush()).await
    }

    /// Reads one line and gives it without its line end. A bare LF is taken for one, as every client does; not so inside a
    /// message, see `unstuff.rs`.
    pub(crate) async fn read_line(
        &mut self,
        within: Duration,
        what: &'static str,
    ) -> Result<Vec<u8>, Pop3Error> {
        let deadline = Instant::now() + within;
        let mut searched = 0;
        loop {
            if let Some(at) = self.unread()[searched..].iter().position(|b| *b == b'\n') {
                let end = searched + at;
                let line = &self.unread()[..end];
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if line.len() > LINE_BYTES {
                    return Err(Pop3Error::TooLong { what: "a line" });
                }
                let line = line.to_vec();
                self.consume(end + 1);
                return Ok(line);
            }
            searched = self.unread().len();
            if searched > LINE_BYTES {
                return Err(Pop3Error::TooLong { what: "a line" });
            }
            self.fill(deadline, within, what).await?;
        }
    }

    /// Reads at least one more byte from the connection behind what is unread.
    pub(crate) async fn fill(
        &mut self,
        deadline: Instant,
        within: Duration,
        what: &'static str,
    ) -> Result<(), Pop3Error> {
        let stream = self.stream.as_mut().ok_or(Pop3Error::Unusable)?;
        self.input.drain(..self.used);
        self.used = 0;
        let kept = self.input.len();
        self.input.resize(kept + READ_BYTES, 0);
        let count = bounded(deadline, within, what, stream.read(&mut self.input[kept..])).await;
        self.input
            .truncate(kept + count.as_ref().map_or(0, |count| *count));
        if count? == 0 {
            Err(Pop3Error::Closed { what })
        } else {
            Ok(())
        }
    }

    /// From here on no line of the transcript shows this, should the server repeat it.
    pub(crate) fn keep_out(&self, secret: &Secret) {
        if let Some(transcript) = &self.transcript {
            transcript.keep_out(secret);
        }
    }

    /// Says in the transcript what the server said, or that something happened.
    pub(crate) fn note(&self, direction: Direction, line: &str) {
        if let Some(transcript) = &self.transcript {
            transcript.note(direction, line);
        }
    }

    /// The same for a line of the server as it came.
    pub(crate) fn note_received(&self, line: &[u8]) {
        if self.transcript.is_some() {
            self.note(Direction::Received, &printable(line));
        }
    }

    /// Says goodbye to TLS and TCP, as far as that goes without waiting long.
    pub(crate) async fn close(&mut self, within: Duration) {
        if let Some(mut stream) = self.stream.take() {
            // The connection is of no use from here on, whatever this gives.
            let _ = timeout_at(Instant::now() + within, stream.shutdown()).await;
        }
    }
}

/// Waits for one step of I/O until the deadline.
async fn bounded<T>(
    deadline: Instant,
    within: Duration,
    what: &'static str,
    step: impl Future<Output = io::Result<T>>,
) -> Result<T, Pop3Error> {
    match timeout_at(deadline, step).await {
        Err(_) => Err(Pop3Error::TimedOut {
            what,
            after: within,
        }),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(match source.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Pop3Error::Closed { what },
            _ => Pop3Error::Io { what, source },
        }),
    }
}
