//! Bytes to and from the server: bounded lines in, deadlines on everything, a redacted transcript beside it.

use std::future::Future;
use std::io;
use std::time::Duration;

use mail_net::sasl::Secret;
use mail_net::{Direction, Stream, Transcript};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::error::SmtpError;
use crate::limits::REPLY_LINE_BYTES;
use crate::reply::{Reply, ReplyBuilder, printable};

/// How much is read from the socket at once.
const READ_BYTES: usize = 4 * 1024;

/// Why a write ended early, and how much of it the connection had taken by then.
pub(crate) struct WriteFailed {
    pub(crate) taken: usize,
    pub(crate) error: SmtpError,
}

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

    /// Writes commands, each with its line end.
    pub(crate) async fn write_commands(
        &mut self,
        lines: &str,
        within: Duration,
        what: &'static str,
    ) -> Result<(), SmtpError> {
        for line in lines.lines() {
            self.note(Direction::Sent, line);
        }
        self.write(lines.as_bytes(), within, what)
            .await
            .map_err(|failed| failed.error)
    }

    /// Writes one line of a sign-in; the transcript gets `shown` instead.
    pub(crate) async fn write_secret(
        &mut self,
        line: &str,
        shown: &str,
        within: Duration,
        what: &'static str,
    ) -> Result<(), SmtpError> {
        self.note(Direction::Sent, shown);
        self.write(line.as_bytes(), within, what)
            .await
            .map_err(|failed| failed.error)
    }

    /// Writes all of `bytes`, or says how many of them the connection had taken when it failed.
    pub(crate) async fn write(
        &mut self,
        bytes: &[u8],
        within: Duration,
        what: &'static str,
    ) -> Result<(), WriteFailed> {
        let deadline = Instant::now() + within;
        let mut taken = 0;
        let Some(stream) = self.stream.as_mut() else {
            return Err(WriteFailed {
                taken,
                error: SmtpError::Unusable,
            });
        };
        while taken < bytes.len() {
            match bounded(deadline, within, what, stream.write(&bytes[taken..])).await {
                Ok(0) => {
                    return Err(WriteFailed {
                        taken,
                        error: SmtpError::Closed { what },
                    });
                }
                Ok(count) => taken += count,
                Err(error) => return Err(WriteFailed { taken, error }),
            }
        }
        bounded(deadline, within, what, stream.flush())
            .await
            .map_err(|error| WriteFailed { taken, error })
    }

    /// Reads one whole reply.
    pub(crate) async fn read_reply(
        &mut self,
        within: Duration,
        what: &'static str,
    ) -> Result<Reply, SmtpError> {
        let deadline = Instant::now() + within;
        let mut builder = ReplyBuilder::default();
        loop {
            let line = self.read_line(deadline, within, what).await?;
            if let Some(reply) = builder.push(&line)? {
                return Ok(reply);
            }
        }
    }

    /// Reads one line and gives it without its line end. A bare LF is taken for one, as every client does.
    pub(crate) async fn read_line(
        &mut self,
        deadline: Instant,
        within: Duration,
        what: &'static str,
    ) -> Result<Vec<u8>, SmtpError> {
        let mut searched = self.used;
        loop {
            if let Some(at) = self.input[searched..].iter().position(|b| *b == b'\n') {
                let end = searched + at;
                let line = self.input[self.used..end]
                    .strip_suffix(b"\r")
                    .unwrap_or(&self.input[self.used..end]);
                if line.len() > REPLY_LINE_BYTES {
                    return Err(SmtpError::ReplyTooLong);
                }
                let line = line.to_vec();
                self.used = end + 1;
                self.note(Direction::Received, &printable(&line));
                return Ok(line);
            }
            if self.input.len() - self.used > REPLY_LINE_BYTES {
                return Err(SmtpError::ReplyTooLong);
            }
            self.input.drain(..self.used);
            self.used = 0;
            searched = self.input.len();
            let stream = self.stream.as_mut().ok_or(SmtpError::Unusable)?;
            let mut block = [0; READ_BYTES];
            let count = bounded(deadline, within, what, stream.read(&mut block)).await?;
            if count == 0 {
                return Err(SmtpError::Closed { what });
            }
            self.input.extend_from_slice(&block[..count]);
        }
    }

    /// What the server said on a line that it never ended, for a message to a person.
    pub(crate) fn unfinished_line(&self) -> &[u8] {
        &self.input[self.used..]
    }

    /// From here on no line of the transcript shows this, should the server repeat it.
    pub(crate) fn keep_out(&self, secret: &Secret) {
        if let Some(transcript) = &self.transcript {
            transcript.keep_out(secret);
        }
    }

    /// Says in the transcript what is not worth its bytes there.
    pub(crate) fn note(&self, direction: Direction, line: &str) {
        if let Some(transcript) = &self.transcript {
            transcript.note(direction, line);
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
) -> Result<T, SmtpError> {
    match timeout_at(deadline, step).await {
        Err(_) => Err(SmtpError::TimedOut {
            what,
            after: within,
        }),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(match source.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => SmtpError::Closed { what },
            _ => SmtpError::Io { what, source },
        }),
    }
}
