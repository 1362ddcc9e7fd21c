//! APPEND: putting a message into a folder, streamed from wherever it is.
//!
//! Where UTF8=ACCEPT is enabled, a header in UTF-8 has to be marked (RFC 6855 section 4). RFC 9755, RFC 9051 and some servers
//! know no such mark: whoever refuses it is sent the message without.

use mail_net::Direction;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::session::{Completed, Session, Step, ignore};
use crate::wire::command::Command;
use crate::wire::value::digits;
use crate::{ImapError, MailboxName, date};

/// Read and written at once.
const PIECE: usize = 64 << 10;
/// Larger messages wait for the server's go-ahead even where they need not: it may refuse them by size alone.
const ASK_FIRST_ABOVE: u64 = 256 << 10;
/// So much of a header is looked at; a longer one has shown by then what it is.
const HEADER_MAX: usize = 64 << 10;

/// Where the new message is (RFC 4315).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendUid {
    /// UIDVALIDITY of the folder.
    pub uidvalidity: u64,
    /// The message's UID.
    pub uid: u64,
}

impl Session {
    /// Appends a message of exactly `size` bytes, already with CRLF line ends. `internal_date` is in Unix seconds.
    /// The result is `None` when the server does not name the UID.
    ///
    /// # Errors
    /// `No` (with code `TRYCREATE` when there is no such folder, `OVERQUOTA`, `TOOBIG`), `Bad`, or a fatal error: a
    /// body that ends early leaves a half-sent command, so it ends the session.
    pub async fn append(
        &mut self,
        folder: &MailboxName,
        flags: &[&str],
        internal_date: Option<i64>,
        size: u64,
        body: impl AsyncRead + Send,
    ) -> Result<Option<AppendUid>, ImapError> {
        let mut body = Body {
            ahead: Vec::new(),
            begun: false,
            size,
            rest: std::pin::pin!(body.take(size)),
        };
        if self.is_enabled("UTF8=ACCEPT") && !self.is_enabled("IMAP4REV2") {
            body.read_header().await?;
        }
        if !is_ascii_header(&body.ahead) {
            let command = self.append_command(folder, flags, internal_date)?;
            let marked = self.append_as(command, Literal::Utf8, &mut body).await;
            match marked {
                // Perhaps because of the mark alone, and before a byte of the message was sent.
                Err(ImapError::No { .. } | ImapError::Bad { .. }) if !body.begun => {}
                ended => return ended,
            }
        }
        let command = self.append_command(folder, flags, internal_date)?;
        self.append_as(command, Literal::Plain, &mut body).await
    }

    fn append_command(
        &self,
        folder: &MailboxName,
        flags: &[&str],
        internal_date: Option<i64>,
    ) -> Result<Command, ImapError> {
        let mut command = self.command("APPEND").mailbox(folder)?;
        if !flags.is_empty() {
            command = command.flags(flags)?;
        }
        match internal_date {
            Some(unix) => command.raw(&format!("\"{}\"", date::format(unix))),
            None => Ok(command),
        }
    }

    async fn append_as(
        &mut self,
        command: Command,
        literal: Literal,
        body: &mut Body<impl AsyncRead + Unpin + Send>,
    ) -> Result<Option<AppendUid>, ImapError> {
        self.begin("APPEND")?;
        let outcome = self.append_streamed(command, literal, body).await;
        let ended = self.end(outcome)?.into_result("APPEND")?;
        Ok(ended.code_args("APPENDUID").and_then(parse))
    }

    async fn append_streamed(
        &mut self,
        command: Command,
        literal: Literal,
        body: &mut Body<impl AsyncRead + Unpin + Send>,
    ) -> Result<Completed, ImapError> {
        let size = body.size;
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let wait =
            literal == Literal::Utf8 || size > ASK_FIRST_ABOVE || self.literal_mode().waits(length);
        let (announced, end) = match (literal, wait) {
            (Literal::Utf8, _) => (format!("UTF8 (~{{{size}}}"), &b")\r\n"[..]),
            (Literal::Plain, true) => (format!("{{{size}}}"), &b"\r\n"[..]),
            (Literal::Plain, false) => (format!("{{{size}+}}"), &b"\r\n"[..]),
        };
        let command = command.raw(&announced)?;
        let tag = self.tag();
        if let Some(ended) = self.send(tag, &command, &mut ignore).await? {
            return Ok(ended);
        }
        if wait && let Step::Completed(ended) = self.step(tag, &mut ignore).await? {
            return Ok(ended);
        }
        self.send_body(body).await?;
        // The body is the literal; the line that began the command still has to end.
        self.wire.write(end).await?;
        self.wire.flush().await?;
        match self.step(tag, &mut ignore).await? {
            Step::Completed(ended) => Ok(ended),
            Step::Continue(_) => Err(ImapError::protocol("the server asks for more after APPEND")),
        }
    }

    async fn send_body(
        &mut self,
        body: &mut Body<impl AsyncRead + Unpin + Send>,
    ) -> Result<(), ImapError> {
        let size = body.size;
        if let Some(transcript) = &self.transcript {
            transcript.note(Direction::Sent, &format!("(a message of {size} bytes)"));
        }
        body.begun = true;
        self.wire.write(&body.ahead).await?;
        let mut left = size.saturating_sub(body.ahead.len() as u64);
        let mut piece = vec![0; usize::try_from(left).map_or(PIECE, |left| left.clamp(1, PIECE))];
        while left > 0 && !self.wire.peer_is_gone() {
            let count = body.rest.read(&mut piece).await?;
            if count == 0 {
                return Err(ImapError::protocol(format!(
                    "the message ends {left} bytes before its stated size of {size}"
                )));
            }
            self.wire.write(&piece[..count]).await?;
            left = left.saturating_sub(count as u64);
        }
        Ok(())
    }
}

/// How the message stands in the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Literal {
    /// `{310}`.
    Plain,
    /// `UTF8 (~{310}`: its header is in UTF-8.
    Utf8,
}

/// A message on its way.
struct Body<R> {
    /// What was read to see what its header is.
    ahead: Vec<u8>,
    /// Bytes of it were sent.
    begun: bool,
    /// All its bytes.
    size: u64,
    rest: R,
}

impl<R: AsyncRead + Unpin> Body<R> {
    /// Reads to the end of the header, or as far as one is looked at.
    async fn read_header(&mut self) -> Result<(), ImapError> {
        while self.ahead.len() < HEADER_MAX && header_end(&self.ahead).is_none() {
            let mut piece = [0; 4096];
            let count = self.rest.read(&mut piece).await?;
            if count == 0 {
                break;
            }
            self.ahead.extend_from_slice(&piece[..count]);
        }
        Ok(())
    }
}

fn header_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n")
}

fn is_ascii_header(bytes: &[u8]) -> bool {
    bytes[..header_end(bytes).unwrap_or(bytes.len())].is_ascii()
}

/// Reads `38505 3955`.
fn parse(args: &[u8]) -> Option<AppendUid> {
    let mut words = args
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    Some(AppendUid {
        uidvalidity: digits(words.next()?)?,
        uid: digits(words.next()?)?,
    })
}
