//! Handing over one message: MAIL, RCPT for everyone, DATA or BDAT, the body, and what became of it.
//!
//! Until the end of the message is begun (the final dot, the last byte of the last chunk) nothing is sent, whatever happens: an
//! error is an error. After it is begun, only the server's reply tells what became of the message, and without one the answer
//! is [`DataResult::Unknown`] (RFC 1047).

use mail_net::Stream;
use tokio::io::AsyncRead;

use crate::capability::SizeLimit;
use crate::envelope::Envelope;
use crate::error::SmtpError;
use crate::limits::PIPELINED_COMMANDS;
use crate::reply::Reply;
use crate::session::Session;

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// One answer per recipient, in the order of the envelope. What `data` says holds for those that were accepted.
    pub recipients: Vec<RecipientReply>,
    /// Recipients who did not fit into this message by the server's own limits (RFC 9422). The server heard nothing of them;
    /// they can go at once, in a message of their own.
    pub postponed: Vec<String>,
    /// What became of the message itself.
    pub data: DataResult,
}

/// The server's answer for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientReply {
    /// The address as in the envelope.
    pub address: String,
    /// Whether the server takes messages for it.
    pub accepted: bool,
    /// The server's words.
    pub reply: Reply,
}

/// What became of the message for the recipients that were accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataResult {
    /// Every recipient was refused, so there was nothing to send.
    NotSent,
    /// The server has taken responsibility for the message.
    Accepted(Reply),
    /// The server does not take the message; 4xx for now, 5xx for good. It is sent to nobody.
    Refused(Reply),
    /// The end of the message was begun and no reply came: the server has the message or has it not. A second try may make a duplicate.
    Unknown {
        /// What went wrong, for people.
        what: String,
    },
}

/// How far MAIL, RCPT and DATA got.
#[derive(Default)]
struct Opening {
    mail_refused: Option<Reply>,
    recipients: Vec<RecipientReply>,
    /// The reply to DATA, where it was sent: go ahead, or a refusal.
    data: Option<Result<(), Reply>>,
}

enum Command<'a> {
    Rset,
    Mail(String),
    Rcpt {
        address: &'a str,
        parameters: String,
    },
    Data,
}

impl Opening {
    /// The server does not know a parameter (RFC 5321 4.1.1.11): that of MAIL, or those of every RCPT.
    fn parameters_refused(&self) -> bool {
        let unknown = |reply: &Reply| matches!(reply.code, 501 | 504 | 555);
        let refused = match &self.mail_refused {
            Some(reply) => unknown(reply),
            None => self.recipients.iter().all(|to| unknown(&to.reply)),
        };
        refused && self.data != Some(Ok(()))
    }
}

impl Session {
    /// Sends one message. The body is read once, from its start to its end, and normalised on its way: see `data.rs`. Its end
    /// is read before the first byte of what ends the message is written.
    ///
    /// # Errors
    /// Any error means that nothing was sent to anybody: the envelope cannot be sent ([`SmtpError::BadAddress`],
    /// [`SmtpError::NoRecipients`], [`SmtpError::TooLarge`], [`SmtpError::NeedsSmtpUtf8`], [`SmtpError::NeedsEightBitMime`],
    /// [`SmtpError::NeedsTls`], [`SmtpError::NeedsRequireTls`], [`SmtpError::BadEnvelopeId`]), the connection is used up
    /// ([`SmtpError::ConnectionSpent`]), the server refused the sender ([`SmtpError::Refused`]) or is closing
    /// ([`SmtpError::ServiceClosing`]) or does not know BDAT ([`SmtpError::ChunkingUnusable`]), the body could not be read
    /// ([`SmtpError::Body`]), or the connection broke before the end of the message.
    pub async fn send(
        &mut self,
        envelope: &Envelope,
        body: impl AsyncRead,
    ) -> Result<Outcome, SmtpError> {
        self.send_to_those(envelope, |_| body).await
    }

    /// [`Session::send`], with a body that is made when it is known who gets it: from the answers to the recipients, where one was
    /// accepted at least.
    ///
    /// # Errors
    /// As for [`Session::send`].
    pub async fn send_to_those<B: AsyncRead>(
        &mut self,
        envelope: &Envelope,
        body: impl FnOnce(&[RecipientReply]) -> B,
    ) -> Result<Outcome, SmtpError> {
        self.check(envelope)?;
        self.begin()?;
        let (now, later) = self.capabilities.limits.part(&envelope.to);
        let postponed = later.into_iter().map(str::to_owned).collect();
        let mut opening = self.open(envelope, &now).await?;
        if self.capabilities.dsn && envelope.dsn.is_some() && opening.parameters_refused() {
            // A server that offers DSN and does not take it. Notices are not worth the message.
            self.capabilities.dsn = false;
            opening = self.open(envelope, &now).await?;
        }
        let go_ahead = matches!(opening.data, Some(Ok(())));
        let nobody = !opening
            .recipients
            .iter()
            .any(|recipient| recipient.accepted);
        if let Some(reply) = opening.mail_refused {
            self.end_unsent(go_ahead).await;
            return Err(SmtpError::Refused {
                command: "MAIL",
                reply,
            });
        }
        let data = match opening.data {
            _ if nobody => {
                self.end_unsent(go_ahead).await;
                DataResult::NotSent
            }
            Some(Err(reply)) => {
                self.end();
                DataResult::Refused(reply)
            }
            data => {
                let body = std::pin::pin!(body(&opening.recipients));
                let sent = match data {
                    Some(_) => self.send_body(body).await,
                    None => self.send_chunks(body).await,
                };
                if !self.is_usable() {
                    // Without its end there is no message: closing makes the server forget what it has.
                    drop(self.wire.take_stream());
                }
                sent?
            }
        };
        Ok(Outcome {
            recipients: opening.recipients,
            postponed,
            data,
        })
    }

    /// What can be known without asking the server.
    fn check(&self, envelope: &Envelope) -> Result<(), SmtpError> {
        if let Some((address, problem)) = envelope.problem() {
            return Err(SmtpError::BadAddress {
                address: address.to_owned(),
                problem,
            });
        }
        if envelope.to.is_empty() {
            return Err(SmtpError::NoRecipients);
        }
        if let Some(dsn) = &envelope.dsn {
            dsn.check()?;
        }
        if let Some(limit) = self.capabilities.limits.mails.filter(|_| self.is_spent()) {
            return Err(SmtpError::ConnectionSpent { limit });
        }
        if envelope.require_tls {
            // Whoever put TLS on the stream has verified the certificate: `mail-net` knows no other TLS.
            if !self.stream().is_some_and(Stream::is_tls) {
                return Err(SmtpError::NeedsTls);
            }
            if !self.capabilities.require_tls {
                return Err(SmtpError::NeedsRequireTls);
            }
        }
        if envelope.needs_smtputf8() && !self.capabilities.smtputf8 {
            return Err(SmtpError::NeedsSmtpUtf8);
        }
        if envelope.eight_bit && !self.capabilities.eight_bit_mime {
            return Err(SmtpError::NeedsEightBitMime);
        }
        match self.capabilities.size {
            SizeLimit::Bytes(limit) if envelope.size > limit => Err(SmtpError::TooLarge {
                size: envelope.size,
                limit,
            }),
            _ => Ok(()),
        }
    }

    /// Ends an exchange in which no message goes out.
    async fn end_unsent(&mut self, go_ahead: bool) {
        if go_ahead {
            self.end_empty_message().await;
        } else {
            self.end();
        }
    }

    /// Sends everything before the body, many commands at once where the server can take that (RFC 2920).
    async fn open(&mut self, envelope: &Envelope, to: &[&str]) -> Result<Opening, SmtpError> {
        let mut commands = Vec::with_capacity(to.len() + 3);
        if self.open_transaction {
            commands.push(Command::Rset);
        }
        commands.push(Command::Mail(self.mail_command(envelope)));
        let dsn = envelope.dsn.as_ref().filter(|_| self.capabilities.dsn);
        commands.extend(to.iter().map(|address| Command::Rcpt {
            address,
            parameters: dsn.map_or_else(String::new, |dsn| dsn.recipient_parameters(address)),
        }));
        let window = if self.capabilities.pipelining {
            PIPELINED_COMMANDS
        } else {
            1
        };
        // DATA must be the last of its group, and here it is the last of all. BDAT comes when it is known who gets the message.
        if !self.capabilities.chunking {
            commands.push(Command::Data);
        }

        let mut opening = Opening::default();
        for group in commands.chunks(window) {
            let nobody_yet = !opening
                .recipients
                .iter()
                .any(|recipient| recipient.accepted);
            if opening.mail_refused.is_some() || (nobody_yet && matches!(group, [Command::Data])) {
                break;
            }
            let lines: String = group.iter().map(Command::line).collect();
            let what = group.first().map_or("a reply", Command::what);
            self.wire
                .write_lines(&lines, None, self.limits.command, what)
                .await?;
            if group
                .iter()
                .any(|command| matches!(command, Command::Mail(_)))
            {
                self.transactions = self.transactions.saturating_add(1);
            }
            for command in group {
                self.take_reply(command, &mut opening).await?;
            }
        }
        Ok(opening)
    }

    fn mail_command(&self, envelope: &Envelope) -> String {
        let mut line = format!("MAIL FROM:<{}>", envelope.from);
        if envelope.size > 0 && self.capabilities.size != SizeLimit::NotOffered {
            line.push_str(&format!(" SIZE={}", envelope.size));
        }
        // RFC 6531 section 3.1: a server with SMTPUTF8 has 8BITMIME, and UTF-8 in headers is 8-bit content.
        if (envelope.eight_bit || envelope.needs_smtputf8()) && self.capabilities.eight_bit_mime {
            line.push_str(" BODY=8BITMIME");
        }
        if envelope.needs_smtputf8() {
            line.push_str(" SMTPUTF8");
        }
        if envelope.require_tls {
            line.push_str(" REQUIRETLS");
        }
        if let Some(dsn) = envelope.dsn.as_ref().filter(|_| self.capabilities.dsn) {
            line.push_str(&dsn.mail_parameters());
        }
        line
    }

    async fn take_reply(
        &mut self,
        command: &Command<'_>,
        opening: &mut Opening,
    ) -> Result<(), SmtpError> {
        if let Command::Data = command {
            let reply = self
                .read_reply(self.limits.data_start, command.what())
                .await?;
            opening.data = Some(match reply.code {
                300..400 => Ok(()),
                421 => return Err(SmtpError::ServiceClosing { reply }),
                _ if reply.is_refusal() => Err(reply),
                _ => {
                    return Err(SmtpError::Nonsense {
                        line: reply.to_string(),
                    });
                }
            });
            return Ok(());
        }
        let reply = self.reply(command.what()).await?;
        if !reply.is_positive() && !reply.is_refusal() {
            return Err(SmtpError::Nonsense {
                line: reply.to_string(),
            });
        }
        match command {
            Command::Rset if reply.is_positive() => self.open_transaction = false,
            Command::Rset => {
                return Err(SmtpError::Refused {
                    command: "RSET",
                    reply,
                });
            }
            Command::Mail(_) if reply.is_positive() => self.open_transaction = true,
            Command::Mail(_) => opening.mail_refused = Some(reply),
            Command::Rcpt { address, .. } => opening.recipients.push(RecipientReply {
                address: (*address).to_owned(),
                accepted: reply.is_positive(),
                reply,
            }),
            Command::Data => {}
        }
        Ok(())
    }
}

impl Command<'_> {
    fn line(&self) -> String {
        match self {
            Command::Rset => "RSET\r\n".to_owned(),
            Command::Mail(line) => format!("{line}\r\n"),
            Command::Rcpt {
                address,
                parameters,
            } => format!("RCPT TO:<{address}>{parameters}\r\n"),
            Command::Data => "DATA\r\n".to_owned(),
        }
    }

    fn what(&self) -> &'static str {
        match self {
            Command::Rset => "the reply to RSET",
            Command::Mail(_) => "the reply to MAIL",
            Command::Rcpt { .. } => "the reply to RCPT",
            Command::Data => "the reply to DATA",
        }
    }
}
