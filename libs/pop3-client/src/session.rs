//! One connection to a server: greeting, CAPA, STLS, and the small commands.

use std::time::Duration;

use mail_net::line_wire::{LineError, LineWire, printable};
use mail_net::{Direction, Fingerprint, Net, Stream, Transcript};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::capability::Capabilities;
use crate::error::Pop3Error;
use crate::limits::{CAPABILITY_LINES, Limits, READ_BYTES};

/// How much of a line that is no greeting is kept for people to see.
const FOREIGN_LINE_CHARS: usize = 200;

/// The server's first words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The text after `+OK`.
    pub text: String,
}

/// A conversation with one server.
pub struct Session {
    pub(crate) wire: LineWire,
    pub(crate) limits: Limits,
    pub(crate) capabilities: Capabilities,
    /// False while an exchange is going on. It stays false when one is cut short, by an error or because its future or its
    /// download was dropped: the next line could then belong to anything.
    ready: bool,
    /// How many answers to commands that were sent are still to come.
    pub(crate) outstanding: usize,
    /// A download has begun and its end has not come.
    pub(crate) downloading: bool,
}

impl Session {
    /// Hears the greeting on a fresh connection.
    ///
    /// # Errors
    /// [`Pop3Error::NotPop3`] when something else answers, [`Pop3Error::Refused`] when the server does not want us, and those
    /// of the connection.
    pub async fn start(
        stream: Stream,
        limits: Limits,
        transcript: Option<Transcript>,
    ) -> Result<(Session, Greeting), Pop3Error> {
        let mut session = Session {
            wire: LineWire::new(stream, READ_BYTES, transcript),
            limits,
            capabilities: Capabilities::default(),
            ready: true,
            outstanding: 0,
            downloading: false,
        };
        let line = match session.line(limits.greeting, "the greeting").await {
            Ok(line) => line,
            // A protocol without lines, or one whose first line never ends.
            Err(LineError::TooLong | LineError::Closed { .. } | LineError::TimedOut { .. })
                if is_foreign(session.wire.unread()) =>
            {
                return Err(not_pop3(session.wire.unread()));
            }
            Err(error) => return Err(error.into()),
        };
        session.wire.note_received(&line);
        match Answer::parse(&line) {
            Ok(answer) if answer.ok => Ok((session, Greeting { text: answer.text })),
            Ok(answer) => Err(Pop3Error::Refused {
                command: "the connection",
                answer,
            }),
            Err(_) => Err(not_pop3(&line)),
        }
    }

    /// Learns what the server offers (RFC 2449). A server that does not know CAPA leaves [`Capabilities::listed`] false. What
    /// is offered may change with the sign-in, so it is worth asking again after it.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn capa(&mut self) -> Result<&Capabilities, Pop3Error> {
        const WHAT: &str = "the answer to CAPA";
        self.begin()?;
        let mut found = Capabilities::default();
        if self.ask("CAPA", WHAT).await?.ok {
            found.listed = true;
            let mut lines = 0;
            while let Some(line) = self.listing_line(WHAT).await? {
                lines += 1;
                if lines > CAPABILITY_LINES {
                    return Err(Pop3Error::TooLong {
                        what: "the list of capabilities",
                    });
                }
                self.wire.note_received(&line);
                found.add(&printable(&line));
            }
        }
        self.end();
        self.capabilities = found;
        Ok(&self.capabilities)
    }

    /// What the server offers, as of the last CAPA. Empty before it.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Bytes received and sent so far, below TLS's own overhead.
    pub fn traffic(&self) -> (u64, u64) {
        self.wire.traffic()
    }

    /// The connection, for its address and its TLS facts. None after a failed STLS.
    pub fn stream(&self) -> Option<&Stream> {
        self.wire.stream()
    }

    /// Puts TLS on the connection (RFC 2595), forgets all that was learnt before and asks again. A server that lists its
    /// capabilities without STLS is not asked; one that lists none is.
    ///
    /// # Errors
    /// [`Pop3Error::StlsNotOffered`], [`Pop3Error::StlsInjection`], [`Pop3Error::Refused`], [`Pop3Error::Net`] with the reason
    /// why the certificate is not good enough, and those of the connection.
    pub async fn stls(
        &mut self,
        net: &Net,
        host: &str,
        pin: Option<&Fingerprint>,
    ) -> Result<&Capabilities, Pop3Error> {
        if self.capabilities.listed && !self.capabilities.stls {
            return Err(Pop3Error::StlsNotOffered);
        }
        self.command("STLS", "STLS", "the answer to STLS").await?;
        self.begin()?;
        self.capabilities = Capabilities::default();
        if self.wire.has_unread_input() {
            self.wire.take_stream();
            return Err(Pop3Error::StlsInjection);
        }
        let stream = self.wire.take_stream().ok_or(Pop3Error::Unusable)?;
        self.wire.set_stream(net.tls(stream, host, pin).await?);
        self.end();
        self.capa().await
    }

    /// Asks whether the server is still there.
    ///
    /// # Errors
    /// [`Pop3Error::Refused`] and those of the connection.
    pub async fn noop(&mut self) -> Result<(), Pop3Error> {
        self.command("NOOP", "NOOP", "the answer to NOOP")
            .await
            .map(drop)
    }

    /// Ends the session, which deletes what is marked, and closes.
    ///
    /// # Errors
    /// [`Pop3Error::Refused`] when the server could not delete everything; [`Pop3Error::Unusable`] and those of the connection
    /// when it is not known whether it did.
    pub async fn quit(mut self) -> Result<(), Pop3Error> {
        let within = self.limits.quit;
        // The whole goodbye has its own, shorter wait.
        self.limits.command = within;
        let result = self
            .command("QUIT", "QUIT", "the answer to QUIT")
            .await
            .map(drop);
        self.wire.close(within).await;
        result
    }

    /// True when the session can take another command.
    pub fn is_usable(&self) -> bool {
        self.ready
    }

    /// Sends a command whose answer is one line, and takes no for an error.
    pub(crate) async fn command(
        &mut self,
        command: &'static str,
        line: &str,
        what: &'static str,
    ) -> Result<Answer, Pop3Error> {
        self.begin()?;
        let answer = self.ask(line, what).await?;
        self.end();
        if answer.ok {
            Ok(answer)
        } else {
            Err(Pop3Error::Refused { command, answer })
        }
    }

    /// Sends a line and reads the first line of its answer, within an exchange that has begun.
    pub(crate) async fn ask(
        &mut self,
        line: &str,
        what: &'static str,
    ) -> Result<Answer, Pop3Error> {
        self.wire
            .write_lines(&format!("{line}\r\n"), None, self.limits.command, what)
            .await?;
        self.answer(what).await
    }

    /// Reads the first line of an answer.
    pub(crate) async fn answer(&mut self, what: &'static str) -> Result<Answer, Pop3Error> {
        let line = self.line(self.limits.command, what).await?;
        self.wire.note_received(&line);
        Answer::parse(&line)
    }

    /// Reads one line. A bare LF ends it too; not so inside a message, see `unstuff.rs`.
    pub(crate) async fn line(
        &mut self,
        within: Duration,
        what: &'static str,
    ) -> Result<Vec<u8>, LineError> {
        let deadline = Instant::now() + within;
        self.wire.read_line(deadline, within, what).await
    }

    /// Reads one line of a listing, its dot undoubled; `None` at the end.
    pub(crate) async fn listing_line(
        &mut self,
        what: &'static str,
    ) -> Result<Option<Vec<u8>>, Pop3Error> {
        let mut line = self.line(self.limits.read, what).await?;
        if line == b"." {
            return Ok(None);
        }
        if line.first() == Some(&b'.') {
            line.remove(0);
        }
        Ok(Some(line))
    }

    /// Begins an exchange. Until [`Session::end`] the session is unusable for any other.
    pub(crate) fn begin(&mut self) -> Result<(), Pop3Error> {
        if std::mem::replace(&mut self.ready, false) {
            Ok(())
        } else {
            Err(Pop3Error::Unusable)
        }
    }

    /// Ends an exchange: everything the server had to say was read.
    pub(crate) fn end(&mut self) {
        self.ready = true;
    }

    /// Says in the transcript that something happened.
    pub(crate) fn note(&self, text: &str) {
        self.wire.note(Direction::Event, text);
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("capabilities", &self.capabilities)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

/// True for bytes that cannot be the start of a POP3 answer.
fn is_foreign(bytes: &[u8]) -> bool {
    bytes
        .first()
        .is_some_and(|byte| !matches!(byte, b'+' | b'-'))
}

fn not_pop3(line: &[u8]) -> Pop3Error {
    Pop3Error::NotPop3 {
        line: printable(line).chars().take(FOREIGN_LINE_CHARS).collect(),
    }
}
