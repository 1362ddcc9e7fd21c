//! The message after DATA: streamed, ended by a dot, and judged by the reply to it.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use mail_net::Direction;
use mail_net::line_wire::WriteFailed;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::data::WireForm;
use crate::error::SmtpError;
use crate::limits::{BODY_BLOCK_BYTES, LAST_WORDS};
use crate::session::Session;
use crate::transaction::DataResult;

pub(crate) const WHAT_BODY: &str = "the message to be taken";
pub(crate) const WHAT_END: &str = "the reply to the message";

impl Session {
    /// Ends a message that nobody is to get: the server said "go ahead" to a DATA that was sent along with recipients it
    /// then refused (RFC 2920 section 3.1). If this fails the session is of no use any more, and that is all.
    pub(crate) async fn end_empty_message(&mut self) {
        let mut dot = Vec::new();
        WireForm::dotted().finish(&mut dot);
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
    pub(crate) async fn send_body(
        &mut self,
        mut body: Pin<&mut impl AsyncRead>,
    ) -> Result<DataResult, SmtpError> {
        let within = self.limits.data_block;
        let mut stuffer = WireForm::dotted();
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
                    return self.broken_before_the_end(failed.error.into()).await;
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
                self.broken_before_the_end(error.into()).await
            }
            Err(WriteFailed { error, .. }) => {
                Ok(self.verdict(LAST_WORDS, Some(error.into())).await)
            }
        }
    }

    /// The message was not finished, so it is not sent. Perhaps the server said why before it stopped to listen.
    pub(crate) async fn broken_before_the_end(
        &mut self,
        error: SmtpError,
    ) -> Result<DataResult, SmtpError> {
        match self.read_reply(LAST_WORDS, WHAT_END).await {
            Ok(reply) if reply.is_refusal() => Ok(DataResult::Refused(reply)),
            _ => Err(error),
        }
    }

    /// Reads the reply to the end of the message; without one nobody knows.
    pub(crate) async fn verdict(
        &mut self,
        within: Duration,
        write_error: Option<SmtpError>,
    ) -> DataResult {
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

pub(crate) async fn read_block(
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
