//! Bytes to and from a server that talks in lines (POP3, SMTP): bounded lines in, deadlines on everything, a redacted
//! transcript beside it.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::sasl::Secret;
use crate::{Direction, Stream, Transcript};

/// The longest line we take, in bytes without its line end. RFC 1939 section 3 and RFC 5321 section 4.5.3.1.5 allow 512;
/// servers that put a policy text with several links on one line go beyond it.
pub const LINE_BYTES: usize = 8 * 1024;

/// Why a line could not be sent or read. `what` is what was being waited for, such as `the answer to QUIT`.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The connection broke in the middle of something.
    #[error("the connection broke while waiting for {what}: {source}")]
    Io {
        /// What was being waited for.
        what: &'static str,
        /// What the operating system or TLS said.
        source: io::Error,
    },
    /// The server hung up without a word.
    #[error("the server closed the connection while we waited for {what}")]
    Closed {
        /// What was being waited for.
        what: &'static str,
    },
    /// The server did not answer in time.
    #[error("the server did not answer within {} seconds while we waited for {what}", after.as_secs())]
    TimedOut {
        /// What was being waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// A line beyond [`LINE_BYTES`].
    #[error("the server sent a line that is too long")]
    TooLong,
    /// There is no connection any more: TLS could not be put on it, or it was closed.
    #[error("this connection cannot be used any more")]
    Unusable,
}

/// Why a write ended early, and how much of it the connection had taken by then.
#[derive(Debug)]
pub struct WriteFailed {
    /// How many bytes the connection had taken.
    pub taken: usize,
    /// Why it took no more.
    pub error: LineError,
}

/// The connection, with what was read from it and not used yet.
pub struct LineWire {
    /// None while TLS is being put on, and for good after that failed.
    stream: Option<Stream>,
    input: Vec<u8>,
    /// How much of `input` is used up.
    used: usize,
    /// How much is read from the socket at once.
    read_bytes: usize,
    transcript: Option<Transcript>,
    /// Bytes read and written so far, below TLS's own overhead.
    traffic: (u64, u64),
}

impl LineWire {
    /// On a fresh connection. `read_bytes` is how much is read from it at once.
    pub fn new(stream: Stream, read_bytes: usize, transcript: Option<Transcript>) -> LineWire {
        LineWire {
            stream: Some(stream),
            input: Vec::new(),
            used: 0,
            read_bytes,
            transcript,
            traffic: (0, 0),
        }
    }

    /// The connection; none after TLS failed.
    pub fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    /// Bytes read and written so far, below TLS's own overhead.
    pub fn traffic(&self) -> (u64, u64) {
        self.traffic
    }

    /// Gives the bare connection away, to put TLS on it.
    pub fn take_stream(&mut self) -> Option<Stream> {
        self.stream.take()
    }

    /// Goes on with a fresh connection; nothing read before counts.
    pub fn set_stream(&mut self, stream: Stream) {
        self.stream = Some(stream);
        self.input.clear();
        self.used = 0;
    }

    /// True when the server has sent more than was asked for so far.
    pub fn has_unread_input(&self) -> bool {
        self.used < self.input.len()
    }

    /// What was read and not used yet.
    pub fn unread(&self) -> &[u8] {
        &self.input[self.used..]
    }

    /// Marks so many unread bytes as used.
    pub fn consume(&mut self, bytes: usize) {
        self.used = self.used.saturating_add(bytes).min(self.input.len());
    }

    /// Writes commands, each with its line end. The transcript gets `shown` in their place where they hold a secret.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn write_lines(
        &mut self,
        lines: &str,
        shown: Option<&str>,
        within: Duration,
        what: &'static str,
    ) -> Result<(), LineError> {
        for line in shown.unwrap_or(lines).lines() {
            self.note(Direction::Sent, line);
        }
        self.write(lines.as_bytes(), within, what)
            .await
            .map_err(|failed| failed.error)
    }

    /// Writes all of `bytes`, or says how many of them the connection had taken when it failed.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn write(
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
                error: LineError::Unusable,
            });
        };
        while taken < bytes.len() {
            match bounded(deadline, within, what, stream.write(&bytes[taken..])).await {
                Ok(0) => {
                    return Err(WriteFailed {
                        taken,
                        error: LineError::Closed { what },
                    });
                }
                Ok(count) => {
                    taken += count;
                    self.traffic.1 += count as u64;
                }
                Err(error) => return Err(WriteFailed { taken, error }),
            }
        }
        bounded(deadline, within, what, stream.flush())
            .await
            .map_err(|error| WriteFailed { taken, error })
    }

    /// Reads one line and gives it without its line end. A bare LF is taken for one, as every client does. The line is not
    /// in the transcript yet: see [`LineWire::note_received`].
    ///
    /// # Errors
    /// [`LineError::TooLong`] and those of the connection; what came of the line stays [`LineWire::unread`].
    pub async fn read_line(
        &mut self,
        deadline: Instant,
        within: Duration,
        what: &'static str,
    ) -> Result<Vec<u8>, LineError> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.unread()[searched..].iter().position(|b| *b == b'\n') {
                let end = searched + at;
                let line = &self.unread()[..end];
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if line.len() > LINE_BYTES {
                    return Err(LineError::TooLong);
                }
                let line = line.to_vec();
                self.consume(end + 1);
                return Ok(line);
            }
            searched = self.unread().len();
            // One more for the CR of a line that is just as long as it may be.
            if searched > LINE_BYTES + 1 {
                return Err(LineError::TooLong);
            }
            self.fill(deadline, within, what).await?;
        }
    }

    /// Reads at least one more byte from the connection behind what is unread.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn fill(
        &mut self,
        deadline: Instant,
        within: Duration,
        what: &'static str,
    ) -> Result<(), LineError> {
        let stream = self.stream.as_mut().ok_or(LineError::Unusable)?;
        self.input.drain(..self.used);
        self.used = 0;
        self.input.reserve(self.read_bytes);
        let count = bounded(deadline, within, what, stream.read_buf(&mut self.input)).await?;
        self.traffic.0 += count as u64;
        if count == 0 {
            Err(LineError::Closed { what })
        } else {
            Ok(())
        }
    }

    /// From here on no line of the transcript shows this, should the server repeat it.
    pub fn keep_out(&self, secret: &Secret) {
        if let Some(transcript) = &self.transcript {
            transcript.keep_out(secret);
        }
    }

    /// Says in the transcript what was said, or that something happened.
    pub fn note(&self, direction: Direction, line: &str) {
        if let Some(transcript) = &self.transcript {
            transcript.note(direction, line);
        }
    }

    /// The same for a line of the server as it came.
    pub fn note_received(&self, line: &[u8]) {
        if self.transcript.is_some() {
            self.note(Direction::Received, &printable(line));
        }
    }

    /// Says goodbye to TLS and TCP, as far as that goes without waiting long.
    pub async fn close(&mut self, within: Duration) {
        if let Some(mut stream) = self.stream.take() {
            // The connection is of no use from here on, whatever this gives.
            let _ = timeout_at(Instant::now() + within, stream.shutdown()).await;
        }
    }
}

/// Text for people from what a server sent: UTF-8 repaired, nothing that could steer a terminal or forge a log line.
pub fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// Waits for one step of I/O until the deadline.
async fn bounded<T>(
    deadline: Instant,
    within: Duration,
    what: &'static str,
    step: impl Future<Output = io::Result<T>>,
) -> Result<T, LineError> {
    match timeout_at(deadline, step).await {
        Err(_) => Err(LineError::TimedOut {
            what,
            after: within,
        }),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(match source.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => LineError::Closed { what },
            _ => LineError::Io { what, source },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    const WAIT: Duration = Duration::from_millis(300);

    async fn read(wire: &mut LineWire) -> Result<Vec<u8>, LineError> {
        wire.read_line(Instant::now() + WAIT, WAIT, "a line").await
    }

    #[tokio::test]
    async fn lines_of_the_greatest_length_pass_and_longer_ones_do_not_however_they_are_cut() {
        for (length, end, good) in [
            (LINE_BYTES, "\r\n", true),
            (LINE_BYTES, "\n", true),
            (LINE_BYTES + 1, "\r\n", false),
            (LINE_BYTES + 1, "\n", false),
            (LINE_BYTES * 4, "", false),
        ] {
            for piece in [1, LINE_BYTES, 1 << 20] {
                let (ours, mut theirs) = duplex(1 << 20);
                let text = format!("{}{end}", "x".repeat(length));
                for part in text.as_bytes().chunks(piece) {
                    theirs.write_all(part).await.expect("room in the pipe");
                }
                let mut wire = LineWire::new(Stream::from_io(ours), 512, None);
                match read(&mut wire).await {
                    Ok(line) => assert!(good && line.len() == length),
                    Err(LineError::TooLong) => assert!(!good),
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }

    #[tokio::test]
    async fn a_read_that_is_given_up_loses_nothing() {
        let (ours, mut theirs) = duplex(64);
        let mut wire = LineWire::new(Stream::from_io(ours), 512, None);
        theirs.write_all(b"+OK he").await.expect("room");
        assert!(matches!(
            read(&mut wire).await,
            Err(LineError::TimedOut { .. })
        ));
        theirs.write_all(b"llo\r\n").await.expect("room");
        assert_eq!(read(&mut wire).await.expect("the line"), b"+OK hello");
    }
}
