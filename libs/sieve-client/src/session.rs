//! One connection to a server: greeting, STARTTLS, and how commands are said and answered.

use std::time::Duration;

use mail_net::line_wire::{LineWire, printable};
use mail_net::{Direction, Fingerprint, Net, Stream, Transcript};
use tokio::time::Instant;

use crate::capability::Capabilities;
use crate::error::SieveError;
use crate::limits::{ANSWER_BYTES, ANSWER_LINES, Limits, READ_BYTES, SCRIPT_BYTES};
use crate::response::{End, Kind, Response, Token, tokens};

/// How much of a line that is no greeting is kept for people to see.
const FOREIGN_LINE_CHARS: usize = 200;

/// A conversation with one server.
pub struct Session {
    pub(crate) wire: LineWire,
    pub(crate) limits: Limits,
    pub(crate) capabilities: Capabilities,
    /// False while an exchange is going on. It stays false when one is cut short, by an error or because its future was
    /// dropped: the next line could then belong to anything.
    ready: bool,
}

impl Session {
    /// Hears the greeting on a fresh connection, and in it what the server offers.
    ///
    /// # Errors
    /// [`SieveError::NotManageSieve`] when something else answers, [`SieveError::Refused`] and [`SieveError::Bye`] when the
    /// server does not want us, and those of the connection.
    pub async fn start(
        stream: Stream,
        limits: Limits,
        transcript: Option<Transcript>,
    ) -> Result<Session, SieveError> {
        let mut session = Session {
            wire: LineWire::new(stream, READ_BYTES, transcript),
            limits,
            capabilities: Capabilities::default(),
            ready: false,
        };
        session.hear_capabilities("the connection").await?;
        Ok(session)
    }

    /// What the server offers, as of the greeting, STARTTLS or the sign-in, whichever was last.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The connection, for its address and its TLS facts. None after a failed STARTTLS.
    pub fn stream(&self) -> Option<&Stream> {
        self.wire.stream()
    }

    /// True when the session can take another command.
    pub fn is_usable(&self) -> bool {
        self.ready
    }

    /// Puts TLS on the connection (RFC 5804 section 2.2), forgets all that was learnt before and hears it again.
    ///
    /// # Errors
    /// [`SieveError::StartTlsNotOffered`], [`SieveError::StartTlsInjection`], [`SieveError::Refused`], [`SieveError::Net`] with
    /// the reason why the certificate is not good enough, and those of the connection.
    pub async fn starttls(
        &mut self,
        net: &Net,
        host: &str,
        pin: Option<&Fingerprint>,
    ) -> Result<&Capabilities, SieveError> {
        if !self.capabilities.starttls {
            return Err(SieveError::StartTlsNotOffered);
        }
        self.command("STARTTLS", "STARTTLS\r\n").await?;
        self.begin()?;
        self.capabilities = Capabilities::default();
        if self.wire.has_unread_input() {
            self.wire.take_stream();
            return Err(SieveError::StartTlsInjection);
        }
        let stream = self.wire.take_stream().ok_or(SieveError::Unusable)?;
        self.wire.set_stream(net.tls(stream, host, pin).await?);
        self.hear_capabilities("STARTTLS").await?;
        Ok(&self.capabilities)
    }

    /// Asks again what the server offers: more after a sign-in than before.
    ///
    /// # Errors
    /// [`SieveError::Refused`] and those of the connection.
    pub async fn capability(&mut self) -> Result<&Capabilities, SieveError> {
        let response = self.command("CAPABILITY", "CAPABILITY\r\n").await?;
        self.capabilities = Capabilities::from_response(&response);
        Ok(&self.capabilities)
    }

    /// Says goodbye and closes. Nothing depends on the answer any more, so there is no error.
    pub async fn logout(mut self) {
        let within = self.limits.quit;
        if self.ready
            && self
                .wire
                .write_lines("LOGOUT\r\n", None, within, "LOGOUT to be sent")
                .await
                .is_ok()
        {
            // Whatever the server says now, we are done.
            let _ = self.answer(within, "the answer to LOGOUT").await;
        }
        self.wire.close(within).await;
    }

    /// Sends one command and reads its answer, which must be OK. BYE is an error wherever it comes.
    pub(crate) async fn command(
        &mut self,
        name: &'static str,
        text: &str,
    ) -> Result<Response, SieveError> {
        self.begin()?;
        // A script is not for the transcript, a command line is.
        let shown = text.split("\r\n").next().unwrap_or_default();
        self.wire
            .write_lines(text, Some(shown), self.limits.command, name)
            .await?;
        let response = self.answer(self.limits.command, name).await?;
        self.end();
        match response.end.kind {
            Kind::Ok => Ok(response),
            Kind::No => Err(SieveError::Refused {
                command: name,
                refusal: response.end.refusal(),
            }),
            Kind::Bye => Err(self.bye(&response.end)),
        }
    }

    /// The server goes: so do we.
    pub(crate) fn bye(&mut self, end: &End) -> SieveError {
        self.ready = false;
        SieveError::Bye {
            refusal: end.refusal(),
        }
    }

    /// Reads one whole answer, whatever it says.
    async fn answer(
        &mut self,
        within: Duration,
        what: &'static str,
    ) -> Result<Response, SieveError> {
        let deadline = Instant::now() + within;
        let mut lines = Vec::new();
        let mut room = ANSWER_BYTES;
        loop {
            let line = self.line(&mut room, deadline, within, what).await?;
            if let Some(end) = End::read(&line) {
                return Ok(Response { lines, end });
            }
            lines.push(line);
            if lines.len() > ANSWER_LINES {
                return Err(SieveError::AnswerTooLong);
            }
        }
    }

    /// Reads one line with the counted texts in it; both take of the `room` that their answer has.
    pub(crate) async fn line(
        &mut self,
        room: &mut usize,
        deadline: Instant,
        within: Duration,
        what: &'static str,
    ) -> Result<Vec<Token>, SieveError> {
        let mut all = Vec::new();
        loop {
            let line = self.wire.read_line(deadline, within, what).await?;
            self.wire.note_received(&line);
            take(room, line.len())?;
            let (found, counted) = tokens(&line)?;
            all.extend(found);
            let Some(count) = counted else {
                return Ok(all);
            };
            if count > SCRIPT_BYTES {
                return Err(SieveError::AnswerTooLong);
            }
            take(room, count)?;
            while self.wire.unread().len() < count {
                self.wire.fill(deadline, within, what).await?;
            }
            all.push(Token::Text(self.wire.unread()[..count].to_vec()));
            self.wire.consume(count);
            self.wire
                .note(Direction::Received, &format!("({count} bytes)"));
        }
    }

    /// Reads the capabilities that the server tells by itself, on a connection that is otherwise unused.
    async fn hear_capabilities(&mut self, command: &'static str) -> Result<(), SieveError> {
        const WHAT: &str = "the greeting";
        let within = self.limits.greeting;
        let deadline = Instant::now() + within;
        self.be_no_stranger(deadline, within, WHAT).await?;
        let response = self.answer(within, WHAT).await?;
        match response.end.kind {
            Kind::Ok => {
                self.capabilities = Capabilities::from_response(&response);
                self.end();
                Ok(())
            }
            Kind::No => Err(SieveError::Refused {
                command,
                refusal: response.end.refusal(),
            }),
            Kind::Bye => Err(self.bye(&response.end)),
        }
    }

    /// A greeting begins with a text in quotation marks, or at once with its end.
    async fn be_no_stranger(
        &mut self,
        deadline: Instant,
        within: Duration,
        what: &'static str,
    ) -> Result<(), SieveError> {
        while self.wire.unread().len() < 3 {
            self.wire.fill(deadline, within, what).await?;
        }
        let start = self.wire.unread();
        let known = [&b"OK"[..], b"NO", b"BYE"];
        if start.starts_with(b"\"") || known.iter().any(|word| start.starts_with(word)) {
            return Ok(());
        }
        let line = match self.wire.read_line(deadline, within, what).await {
            Ok(line) => line,
            // A protocol without lines.
            Err(_) => self.wire.unread().to_vec(),
        };
        Err(SieveError::NotManageSieve {
            line: printable(&line).chars().take(FOREIGN_LINE_CHARS).collect(),
        })
    }

    /// Begins an exchange. Until [`Session::end`] the session is unusable for any other.
    pub(crate) fn begin(&mut self) -> Result<(), SieveError> {
        if !std::mem::replace(&mut self.ready, false) {
            Err(SieveError::Unusable)
        } else {
            Ok(())
        }
    }

    /// Ends an exchange: every answer was read.
    pub(crate) fn end(&mut self) {
        self.ready = true;
    }
}

fn take(room: &mut usize, bytes: usize) -> Result<(), SieveError> {
    *room = room.checked_sub(bytes).ok_or(SieveError::AnswerTooLong)?;
    Ok(())
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("capabilities", &self.capabilities)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}
