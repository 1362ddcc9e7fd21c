//! Handing over one message: MAIL, RCPT for everyone, DATA, the body, and what became of it.
//!
//! Until the final dot is begun nothing is sent, whatever happens: an error is an error. After it is begun, only the server's
//! reply tells what became of the message, and without one the answer is [`DataResult::Unknown`] (RFC 1047).

use std::io;
use std::pin::Pin;
use std::time::Duration;

use mail_net::Direction;
use mail_net::line_wire::WriteFailed;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::capability::SizeLimit;
use crate::data::DotStuffer;
use crate::envelope::Envelope;
use crate::error::SmtpError;
use crate::limits::{BODY_BLOCK_BYTES, LAST_WORDS, PIPELINED_COMMANDS};
use crate::reply::Reply;
use crate::session::Session;

const WHAT_BODY: &str = "the message to be taken";
const WHAT_END: &str = "the reply to the message";

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// One answer per recipient, in the order of the envelope. What `data` says holds for those that were accepted.
    pub recipients: Vec<RecipientReply>,
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
    /// The final dot was begun and no reply came: the server has the message or has it not. A second try may make a duplicate.
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
    Rcpt(&'a str),
    Data,
}

impl Session {
    /// Sends one message. The body is read once, from its start to its end, and normalised on its way: see `data.rs`.
    ///
    /// # Errors
    /// Any error means that nothing was sent to anybody: the envelope cannot be sent ([`SmtpError::BadAddress`],
    /// [`SmtpError::NoRecipients`], [`SmtpError::TooLarge`], [`SmtpError::NeedsSmtpUtf8`], [`SmtpError::NeedsEightBitMime`]),
    /// the server refused the sender ([`SmtpError::Refused`]) or is closing ([`SmtpError::ServiceClosing`]), the body could not
    /// be read ([`SmtpError::Body`]), or the connection broke before the final dot.
    pub async fn send(
        &mut self,
        envelope: &Envelope,
        body: impl AsyncRead,
    ) -> Result<Outcome, SmtpError> {
        self.check(envelope)?;
        self.begin()?;
        let opening = self.open(envelope).await?;
        let go_ahead = matches!(opening.data, Some(Ok(())));
        let nobody = !opening
            .recipients
            .iter()
            .any(|recipient| recipient.accepted);
        if (opening.mail_refused.is_some() || nobody) && go_ahead {
            self.end_empty_message().await;
        } else if !go_ahead {
            self.end();
        }
        if let Some(reply) = opening.mail_refused {
            return Err(SmtpError::Refused {
                command: "MAIL",
                reply,
            });
        }
        let data = match opening.data {
            _ if nobody => DataResult::NotSent,
            Some(Ok(())) => {
                let mut body = std::pin::pin!(body);
                let sent = self.send_body(body.as_mut()).await;
                if !self.is_usable() {
                    // Without a dot there is no message: closing makes the server forget what it has.
                    drop(self.wire.take_stream());
                }
                sent?
            }
            Some(Err(reply)) => DataResult::Refused(reply),
            None => return Err(SmtpError::Unusable),
        };
        Ok(Outcome {
            recipients: opening.recipients,
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

    /// Sends everything before the body, many commands at once where the server can take that (RFC 2920).
    async fn open(&mut self, envelope: &Envelope) -> Result<Opening, SmtpError> {
        let mut commands = Vec::with_capacity(envelope.to.len() + 3);
        if self.open_transaction {
            commands.push(Command::Rset);
        }
        commands.push(Command::Mail(self.mail_command(envelope)));
        commands.extend(envelope.to.iter().map(|to| Command::Rcpt(to)));
        let window = if self.capabilities.pipelining {
            PIPELINED_COMMANDS
        } else {
            1
        };
        // DATA must be the last of its group, and here it is the last of all.
        commands.push(Command::Data);

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
            Command::Rcpt(address) => opening.recipients.push(RecipientReply {
                address: (*address).to_owned(),
                accepted: reply.is_positive(),
                reply,
            }),
            Command::Data => {}
        }
        Ok(())
    }

    /// Ends a message that nobody is to get: the server said "go ahead" to a DATA that was sent along with recipients it
    /// then refused (RFC 2920 section 3.1). If this fails the session is of no use any more, and that is all.
    async fn end_empty_message(&mut self) {
        let mut dot = Vec::new();
        DotStuffer::new().finish(&mut dot);
        if self
            .wire
            .write(&dot, self.limits.command, WHAT_END)
            .await
            .is_ok()
            && self.reply(WHAT_END).await.is_ok()
        {
            self.end();
        }
    }

    /// Streams the body and its final dot, and reads the reply.
    async fn send_body(
        &mut self,
        mut body: Pin<&mut impl AsyncRead>,
    ) -> Result<DataResult, SmtpError> {
        let within = self.limits.data_block;
        let mut stuffer = DotStuffer::new();
        let mut block = vec![0; BODY_BLOCK_BYTES];
        let mut wire_form = Vec::with_capacity(BODY_BLOCK_BYTES + BODY_BLOCK_BYTES / 8);
        let mut bytes = 0;
        loop {
            let count = read_block(body.as_mut(), &mut block, within).await?;
            if count == 0 {
                break;
            }
            bytes += count;
            stuffer.push(&block[..count], &mut wire_form);
            if wire_form.len() >= BODY_BLOCK_BYTES {
                if let Err(failed) = self.wire.write(&wire_form, within, WHAT_BODY).await {
                    return self.broken_before_the_dot(failed.error.into()).await;
                }
                wire_form.clear();
            }
        }
        let dot = stuffer.finish(&mut wire_form);
        self.wire
            .note(Direction::Sent, &format!("({bytes} bytes of message)"));
        match self.wire.write(&wire_form, within, WHAT_BODY).await {
            Ok(()) => Ok(self.verdict(self.limits.data_end, None).await),
            // `taken` never says less than what a server can act on: TLS may have put more of the last record on its way,
            // but a record that is not complete cannot be read.
            Err(WriteFailed { taken, error }) if taken <= dot => {
                self.broken_before_the_dot(error.into()).await
            }
            Err(WriteFailed { error, .. }) => {
                Ok(self.verdict(LAST_WORDS, Some(error.into())).await)
            }
        }
    }

    /// The message was not finished, so it is not sent. Perhaps the server said why before it stopped to listen.
    async fn broken_before_the_dot(&mut self, error: SmtpError) -> Result<DataResult, SmtpError> {
        match self.read_reply(LAST_WORDS, WHAT_END).await {
            Ok(reply) if reply.is_refusal() => Ok(DataResult::Refused(reply)),
            _ => Err(error),
        }
    }

    /// Reads the reply to the final dot; without one nobody knows.
    async fn verdict(&mut self, within: Duration, write_error: Option<SmtpError>) -> DataResult {
        let connected = write_error.is_none();
        match self.read_reply(within, WHAT_END).await {
            Ok(reply) if reply.is_positive() || reply.is_refusal() => {
                self.open_transaction = false;
                if connected && reply.code != 421 {
                    self.end();
                }
                if reply.is_positive() {
                    DataResult::Accepted(reply)
                } else {
                    DataResult::Refused(reply)
                }
            }
            Ok(reply) => DataResult::Unknown {
                what: SmtpError::Nonsense {
                    line: reply.to_string(),
                }
                .to_string(),
            },
            Err(error) => DataResult::Unknown {
                what: write_error.unwrap_or(error).to_string(),
            },
        }
    }
}

impl Command<'_> {
    fn line(&self) -> String {
        match self {
            Command::Rset => "RSET\r\n".to_owned(),
            Command::Mail(line) => format!("{line}\r\n"),
            Command::Rcpt(to) => format!("RCPT TO:<{to}>\r\n"),
            Command::Data => "DATA\r\n".to_owned(),
        }
    }

    fn what(&self) -> &'static str {
        match self {
            Command::Rset => "the reply to RSET",
            Command::Mail(_) => "the reply to MAIL",
            Command::Rcpt(_) => "the reply to RCPT",
            Command::Data => "the reply to DATA",
        }
    }
}

async fn read_block(
    mut body: Pin<&mut impl AsyncRead>,
    block: &mut [u8],
    within: Duration,
) -> Result<usize, SmtpError> {
    match timeout(within, body.read(block)).await {
        Ok(count) => count.map_err(SmtpError::Body),
        Err(_) => Err(SmtpError::Body(io::Error::new(
            io::ErrorKind::TimedOut,
            "its source gave nothing in time",
        ))),
    }
}
