//! One connection to a server: greeting, EHLO, STARTTLS, and the small commands.

use std::time::Duration;

use mail_net::line_wire::{LineError, LineWire, printable};
use mail_net::{Fingerprint, Net, Stream, Transcript};
use tokio::time::Instant;

use crate::capability::Capabilities;
use crate::error::SmtpError;
use crate::limits::{Limits, READ_BYTES};
use crate::reply::{Reply, ReplyBuilder};

/// How much of a line that is no greeting is kept for people to see.
const FOREIGN_LINE_CHARS: usize = 200;
/// The longest name we introduce ourselves with, in bytes (RFC 5321 4.5.3.1.2).
const CLIENT_NAME_BYTES: usize = 255;

/// The server's first words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The greeting as a reply; its code is 220.
    pub reply: Reply,
}

/// A conversation with one server.
pub struct Session {
    pub(crate) wire: LineWire,
    pub(crate) limits: Limits,
    pub(crate) capabilities: Capabilities,
    client_name: Option<String>,
    ehlo_refusal: Option<Reply>,
    /// False while an exchange is going on. It stays false when one is cut short, by an error or because its future was
    /// dropped: the next reply could then belong to anything.
    ready: bool,
    /// A transaction was begun that the server may still hold open: RSET comes before the next.
    pub(crate) open_transaction: bool,
    /// How often MAIL was said: a server may take only so many (RFC 9422).
    pub(crate) transactions: u32,
}

impl Session {
    /// Hears the greeting on a fresh connection.
    ///
    /// # Errors
    /// [`SmtpError::NotSmtp`] when something else answers, [`SmtpError::Refused`] and [`SmtpError::ServiceClosing`] when the
    /// server does not want us, and those of the connection.
    pub async fn start(
        stream: Stream,
        limits: Limits,
        transcript: Option<Transcript>,
    ) -> Result<(Session, Greeting), SmtpError> {
        let mut session = Session {
            wire: LineWire::new(stream, READ_BYTES, transcript),
            limits,
            capabilities: Capabilities::default(),
            client_name: None,
            ehlo_refusal: None,
            ready: true,
            open_transaction: false,
            transactions: 0,
        };
        let reply = session.greeting().await?;
        match reply.code {
            220 => Ok((session, Greeting { reply })),
            421 => Err(SmtpError::ServiceClosing { reply }),
            _ if reply.is_refusal() => Err(SmtpError::Refused {
                command: "the connection",
                reply,
            }),
            // NNTP greets with 200 and 201.
            _ => Err(SmtpError::NotSmtp {
                line: reply.to_string(),
            }),
        }
    }

    /// Introduces us as `name` and learns what the server offers. A server that knows no EHLO gets HELO.
    ///
    /// # Errors
    /// [`SmtpError::BadClientName`], [`SmtpError::Refused`], and those of the connection.
    pub async fn ehlo(&mut self, name: &str) -> Result<&Capabilities, SmtpError> {
        if name.is_empty()
            || name.len() > CLIENT_NAME_BYTES
            || !name.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(SmtpError::BadClientName {
                name: name.to_owned(),
            });
        }
        let reply = self
            .command(&format!("EHLO {name}"), "the reply to EHLO")
            .await?;
        self.ehlo_refusal = None;
        self.capabilities = if reply.is_positive() {
            Capabilities::from_ehlo(&reply)
        } else if reply.is_permanent() {
            self.ehlo_refusal = Some(reply);
            let reply = self
                .command(&format!("HELO {name}"), "the reply to HELO")
                .await?;
            expect_positive("HELO", reply).map(|reply| Capabilities::from_helo(&reply))?
        } else {
            return Err(SmtpError::Refused {
                command: "EHLO",
                reply,
            });
        };
        self.client_name = Some(name.to_owned());
        self.open_transaction = false;
        Ok(&self.capabilities)
    }

    /// The server's refusal of EHLO, where it took HELO instead: why it offers nothing, in its own words.
    pub fn ehlo_refusal(&self) -> Option<&Reply> {
        self.ehlo_refusal.as_ref()
    }

    /// What the server offers, as of the last EHLO. Empty before it.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The connection, for its address and its TLS facts. None after a failed STARTTLS.
    pub fn stream(&self) -> Option<&Stream> {
        self.wire.stream()
    }

    /// Puts TLS on the connection (RFC 3207), forgets all that was learnt before and says EHLO again.
    ///
    /// # Errors
    /// [`SmtpError::StartTlsNotOffered`], [`SmtpError::StartTlsInjection`], [`SmtpError::Refused`], [`SmtpError::Net`] with the
    /// reason why the certificate is not good enough, and those of the connection. Only after the first and the third can the
    /// session go on, without TLS.
    pub async fn starttls(
        &mut self,
        net: &Net,
        host: &str,
        pin: Option<&Fingerprint>,
    ) -> Result<&Capabilities, SmtpError> {
        let name = match &self.client_name {
            Some(name) if self.capabilities.starttls => name.clone(),
            _ => return Err(SmtpError::StartTlsNotOffered),
        };
        let reply = self.command("STARTTLS", "the reply to STARTTLS").await?;
        expect_positive("STARTTLS", reply)?;
        self.begin()?;
        self.capabilities = Capabilities::default();
        if self.wire.has_unread_input() {
            self.wire.take_stream();
            return Err(SmtpError::StartTlsInjection);
        }
        let stream = self.wire.take_stream().ok_or(SmtpError::Unusable)?;
        self.wire.set_stream(net.tls(stream, host, pin).await?);
        self.end();
        self.ehlo(&name).await
    }

    /// Ends whatever transaction is open.
    ///
    /// # Errors
    /// [`SmtpError::Refused`] and those of the connection.
    pub async fn rset(&mut self) -> Result<(), SmtpError> {
        let reply = self.command("RSET", "the reply to RSET").await?;
        expect_positive("RSET", reply)?;
        self.open_transaction = false;
        Ok(())
    }

    /// Asks whether the server is still there.
    ///
    /// # Errors
    /// [`SmtpError::Refused`] and those of the connection.
    pub async fn noop(&mut self) -> Result<(), SmtpError> {
        let reply = self.command("NOOP", "the reply to NOOP").await?;
        expect_positive("NOOP", reply).map(drop)
    }

    /// Says goodbye and closes. Nothing depends on the answer any more, so there is no error.
    pub async fn quit(mut self) {
        let within = self.limits.quit;
        if self.ready
            && self
                .wire
                .write_lines("QUIT\r\n", None, within, "QUIT to be sent")
                .await
                .is_ok()
        {
            // Whatever the server says now, we are done.
            let _ = self.read_reply(within, "the reply to QUIT").await;
        }
        self.wire.close(within).await;
    }

    /// True when the session can take another command.
    pub fn is_usable(&self) -> bool {
        self.ready
    }

    /// True when the server takes no more messages over this connection (MAILMAX of RFC 9422): another one is needed.
    pub fn is_spent(&self) -> bool {
        self.capabilities
            .limits
            .mails
            .is_some_and(|limit| self.transactions >= limit)
    }

    /// From here on messages go with DATA, also where the server offers CHUNKING: for a server that does not know what it
    /// offers ([`SmtpError::ChunkingUnusable`]).
    pub fn avoid_chunks(&mut self) {
        self.capabilities.chunking = false;
    }

    /// From here on a message goes to no more recipients than this, also where the server does not say so.
    pub fn limit_recipients(&mut self, most: u32) {
        let known = &mut self.capabilities.limits.recipients;
        *known = Some(known.map_or(most, |known| known.min(most)).max(1));
    }

    /// How many of these recipients one message goes to: the others have to wait for the next.
    pub fn fitting(&self, to: &[String]) -> usize {
        self.capabilities.limits.part(to).0.len()
    }

    /// Sends one command and reads its reply; 421 is an error wherever it comes.
    async fn command(&mut self, line: &str, what: &'static str) -> Result<Reply, SmtpError> {
        self.begin()?;
        self.wire
            .write_lines(&format!("{line}\r\n"), None, self.limits.command, what)
            .await?;
        let reply = self.reply(what).await?;
        self.end();
        Ok(reply)
    }

    /// Reads the reply to a command; 421 is an error wherever it comes.
    pub(crate) async fn reply(&mut self, what: &'static str) -> Result<Reply, SmtpError> {
        let reply = self.read_reply(self.limits.command, what).await?;
        if reply.code == 421 {
            Err(SmtpError::ServiceClosing { reply })
        } else {
            Ok(reply)
        }
    }

    /// Reads one whole reply, whatever it says.
    pub(crate) async fn read_reply(
        &mut self,
        within: Duration,
        what: &'static str,
    ) -> Result<Reply, SmtpError> {
        let deadline = Instant::now() + within;
        let mut builder = ReplyBuilder::default();
        loop {
            let line = self.wire.read_line(deadline, within, what).await?;
            self.wire.note_received(&line);
            if let Some(reply) = builder.push(&line)? {
                return Ok(reply);
            }
        }
    }

    /// Begins an exchange. Until [`Session::end`] the session is unusable for any other.
    pub(crate) fn begin(&mut self) -> Result<(), SmtpError> {
        if !std::mem::replace(&mut self.ready, false) {
            Err(SmtpError::Unusable)
        } else {
            Ok(())
        }
    }

    /// From here on the session is of no use, whatever was read.
    pub(crate) fn spoil(&mut self) {
        self.ready = false;
    }

    /// Ends an exchange: every reply was read.
    pub(crate) fn end(&mut self) {
        self.ready = true;
    }

    async fn greeting(&mut self) -> Result<Reply, SmtpError> {
        const WHAT: &str = "the greeting";
        let within = self.limits.greeting;
        let deadline = Instant::now() + within;
        let mut builder = ReplyBuilder::default();
        let mut first = true;
        loop {
            let line = match self.wire.read_line(deadline, within, WHAT).await {
                Ok(line) => line,
                // A protocol without lines, or one whose first line never ends.
                Err(LineError::TooLong | LineError::Closed { .. } | LineError::TimedOut { .. })
                    if first && is_foreign(self.wire.unread()) =>
                {
                    return Err(not_smtp(self.wire.unread()));
                }
                Err(error) => return Err(error.into()),
            };
            self.wire.note_received(&line);
            match builder.push(&line) {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => first = false,
                Err(SmtpError::Nonsense { .. }) if first => return Err(not_smtp(&line)),
                Err(error) => return Err(error),
            }
        }
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

pub(crate) fn expect_positive(command: &'static str, reply: Reply) -> Result<Reply, SmtpError> {
    if reply.is_positive() {
        Ok(reply)
    } else if reply.is_refusal() {
        Err(SmtpError::Refused { command, reply })
    } else {
        Err(SmtpError::Nonsense {
            line: reply.to_string(),
        })
    }
}

/// True for bytes that cannot be the start of an SMTP reply.
fn is_foreign(bytes: &[u8]) -> bool {
    bytes.iter().take(3).any(|b| !b.is_ascii_digit())
}

fn not_smtp(line: &[u8]) -> SmtpError {
    SmtpError::NotSmtp {
        line: printable(line).chars().take(FOREIGN_LINE_CHARS).collect(),
    }
}
