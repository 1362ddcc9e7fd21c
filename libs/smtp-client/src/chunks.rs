//! The message in counted chunks (BDAT, RFC 3030), for servers that offer CHUNKING.
//!
//! No dot ends such a message and none is doubled: the server knows by the count. Line ends are repaired before they are
//! counted, because the server may pass the message on with DATA. Chunks may follow each other without waiting (pipelining),
//! but the last one, which makes it a message, goes only when every one before it was taken: so what is refused half-way is
//! known to be refused, and what is cut half-way is known not to be sent.

use std::pin::Pin;

use mail_net::Direction;
use mail_net::line_wire::WriteFailed;
use tokio::io::AsyncRead;

use crate::body::{WHAT_BODY, WHAT_END, read_block};
use crate::data::WireForm;
use crate::error::SmtpError;
use crate::limits::{BODY_BLOCK_BYTES, CHUNK_BYTES, LAST_WORDS, PIPELINED_CHUNKS};
use crate::reply::Reply;
use crate::session::Session;
use crate::transaction::DataResult;

const WHAT_CHUNK: &str = "the reply to a part of the message";
/// Room for the longest command before a chunk: `BDAT`, twenty digits, `LAST`, blanks and a line end.
const COMMAND_ROOM: usize = 32;

/// One chunk that is being filled, with room for its command in front, so that both leave in one write.
struct Chunk {
    buffer: Vec<u8>,
}

impl Chunk {
    fn new() -> Chunk {
        let mut buffer = Vec::with_capacity(COMMAND_ROOM + CHUNK_BYTES + 2 * BODY_BLOCK_BYTES);
        buffer.resize(COMMAND_ROOM, 0);
        Chunk { buffer }
    }

    fn len(&self) -> usize {
        self.buffer.len() - COMMAND_ROOM
    }

    fn clear(&mut self) {
        self.buffer.truncate(COMMAND_ROOM);
    }

    /// Command and bytes as they go over the wire.
    fn on_the_wire(&mut self, last: bool) -> &[u8] {
        let command = format!("BDAT {}{}\r\n", self.len(), if last { " LAST" } else { "" });
        let start = COMMAND_ROOM - command.len();
        self.buffer[start..COMMAND_ROOM].copy_from_slice(command.as_bytes());
        &self.buffer[start..]
    }
}

impl Session {
    /// Streams the body in chunks, and reads their replies.
    pub(crate) async fn send_chunks(
        &mut self,
        mut body: Pin<&mut impl AsyncRead>,
    ) -> Result<DataResult, SmtpError> {
        let within = self.limits.data_block;
        let most_unanswered = if self.capabilities.pipelining {
            PIPELINED_CHUNKS
        } else {
            1
        };
        let mut form = WireForm::counted();
        let mut block = vec![0; BODY_BLOCK_BYTES];
        let mut chunk = Chunk::new();
        let (mut sent, mut answered) = (0, 0);
        let mut bytes = 0;
        loop {
            let count = read_block(body.as_mut(), &mut block, within).await?;
            if count == 0 {
                break;
            }
            bytes += count;
            // Only what is known not to be the end goes without LAST.
            if chunk.len() >= CHUNK_BYTES {
                if let Err(failed) = self.write_chunk(&mut chunk, false).await {
                    let error = failed.error.into();
                    return self.broken_in_chunks(sent - answered, error).await;
                }
                chunk.clear();
                sent += 1;
                if sent - answered == most_unanswered {
                    if let Some(refusal) = self.chunk_reply(sent - answered - 1).await? {
                        return self.refused_chunk(refusal, answered == 0);
                    }
                    answered += 1;
                }
            }
            form.push(&block[..count], &mut chunk.buffer);
        }
        form.complete(&mut chunk.buffer);
        while answered < sent {
            if let Some(refusal) = self.chunk_reply(sent - answered - 1).await? {
                return self.refused_chunk(refusal, answered == 0);
            }
            answered += 1;
        }
        if self.wire.has_unread_input() {
            // An answer too many would be taken for the one to the message.
            return Err(SmtpError::Nonsense {
                line: mail_net::line_wire::printable(self.wire.unread()),
            });
        }
        self.wire
            .note(Direction::Sent, &format!("({bytes} bytes of message)"));
        match self.write_chunk(&mut chunk, true).await {
            Ok(()) => match self.verdict(self.limits.data_end, None).await {
                DataResult::Refused(reply) => self.refused_chunk(reply, sent == 0),
                result => Ok(result),
            },
            Err(WriteFailed { taken, error }) if taken < chunk.on_the_wire(true).len() => {
                // A chunk without its last byte is no message.
                self.broken_before_the_end(error.into()).await
            }
            Err(WriteFailed { error, .. }) => {
                Ok(self.verdict(LAST_WORDS, Some(error.into())).await)
            }
        }
    }

    async fn write_chunk(&mut self, chunk: &mut Chunk, last: bool) -> Result<(), WriteFailed> {
        let note = format!("BDAT {}{}", chunk.len(), if last { " LAST" } else { "" });
        self.wire.note(Direction::Sent, &note);
        let within = self.limits.data_block;
        self.wire
            .write(chunk.on_the_wire(last), within, WHAT_BODY)
            .await
    }

    /// Reads the reply to a chunk that was not the last, and gives it when it is a refusal. That ends the message: the replies
    /// to the `behind` chunks that are on their way already say nothing new.
    async fn chunk_reply(&mut self, behind: usize) -> Result<Option<Reply>, SmtpError> {
        let reply = self.read_reply(self.limits.data_block, WHAT_CHUNK).await?;
        if reply.is_positive() {
            return Ok(None);
        }
        if reply.code == 421 {
            return Err(SmtpError::ServiceClosing { reply });
        }
        if !reply.is_refusal() {
            return Err(SmtpError::Nonsense {
                line: reply.to_string(),
            });
        }
        for _ in 0..behind {
            if self.read_reply(LAST_WORDS, WHAT_CHUNK).await.is_err() {
                // The refusal holds; this connection is of no use any more.
                return Ok(Some(reply));
            }
        }
        self.end();
        Ok(Some(reply))
    }

    /// The message is refused, unless it is BDAT itself, said for the first time, that the server does not know.
    fn refused_chunk(&mut self, reply: Reply, first: bool) -> Result<DataResult, SmtpError> {
        // The server forgets the chunks only when it is told to (RFC 3030 section 2).
        self.open_transaction = true;
        if first && matches!(reply.code, 500 | 502 | 504) {
            drop(self.wire.take_stream());
            self.spoil();
            return Err(SmtpError::ChunkingUnusable { reply });
        }
        Ok(DataResult::Refused(reply))
    }

    /// The connection broke in the middle of a chunk, so nothing is sent. Perhaps the server said why before.
    async fn broken_in_chunks(
        &mut self,
        unanswered: usize,
        error: SmtpError,
    ) -> Result<DataResult, SmtpError> {
        for _ in 0..unanswered {
            match self.read_reply(LAST_WORDS, WHAT_END).await {
                Ok(reply) if reply.is_positive() => {}
                Ok(reply) if reply.is_refusal() => return Ok(DataResult::Refused(reply)),
                _ => return Err(error),
            }
        }
        self.broken_before_the_end(error).await
    }
}
