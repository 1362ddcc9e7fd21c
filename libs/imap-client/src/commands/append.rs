//! APPEND: putting a message into a folder, streamed from wherever it is.

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
        let mut command = self.command("APPEND").mailbox(folder)?;
        if !flags.is_empty() {
            command = command.flags(flags)?;
        }
        if let Some(unix) = internal_date {
            command = command.raw(&format!("\"{}\"", date::format(unix)))?;
        }
        self.begin("APPEND")?;
        let outcome = self.append_streamed(command, size, body).await;
        let ended = self.end(outcome)?.into_result("APPEND")?;
        Ok(ended.code_args("APPENDUID").and_then(parse))
    }

    async fn append_streamed(
        &mut self,
        mut command: Command,
        size: u64,
        body: impl AsyncRead + Send,
    ) -> Result<Completed, ImapError> {
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        let wait = size > ASK_FIRST_ABOVE || self.literal_mode().waits(length);
        let plus = if wait { "" } else { "+" };
        command = command.raw(&format!("{{{size}{plus}}}"))?;
        let tag = self.tag();
        if let Some(ended) = self.send(tag, &command, &mut ignore).await? {
            return Ok(ended);
        }
        if wait && let Step::Completed(ended) = self.step(tag, &mut ignore).await? {
            return Ok(ended);
        }
        self.send_body(size, body).await?;
        // The body is the literal; the line that began the command still has to end.
        self.wire.write(b"\r\n").await?;
        self.wire.flush().await?;
        match self.step(tag, &mut ignore).await? {
            Step::Completed(ended) => Ok(ended),
            Step::Continue(_) => Err(ImapError::protocol("the server asks for more after APPEND")),
        }
    }

    async fn send_body(&mut self, size: u64, body: impl AsyncRead + Send) -> Result<(), ImapError> {
        if let Some(transcript) = &self.transcript {
            transcript.note(Direction::Sent, &format!("(a message of {size} bytes)"));
        }
        let mut body = std::pin::pin!(body.take(size));
        let mut piece = vec![0; usize::try_from(size).map_or(PIECE, |size| size.clamp(1, PIECE))];
        let mut left = size;
        while left > 0 && !self.wire.peer_is_gone() {
            let count = body.read(&mut piece).await?;
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
