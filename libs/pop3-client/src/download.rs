//! Messages on their way to us: one (RETR, TOP), or many whose commands go ahead of their answers (RFC 2449 section 6.6).

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::error::Pop3Error;
use crate::limits::PIPELINED_COMMANDS;
use crate::session::Session;
use crate::unstuff::{Progress, Unstuffer};

const WHAT_RETR: &str = "the answer to RETR";
const WHAT_MESSAGE: &str = "the message";

/// One message that is being received. Read it to its end: dropping it earlier ends the session.
#[derive(Debug)]
pub struct Download<'s> {
    session: &'s mut Session,
    number: u32,
    unstuffer: Unstuffer,
    chunk: Vec<u8>,
    bytes: u64,
    done: bool,
}

/// Many messages that are being received one after the other. Dropping it before its end ends the session when commands were
/// sent ahead.
#[derive(Debug)]
pub struct Batch<'s> {
    session: &'s mut Session,
    /// Sent and not answered, in order.
    asked: VecDeque<u32>,
    /// Not sent yet, in order.
    waiting: VecDeque<u32>,
    /// True within a step; it stays so when the step was cut short.
    in_step: bool,
}

impl Session {
    /// Asks for one message.
    ///
    /// # Errors
    /// [`Pop3Error::Refused`] and those of the connection.
    pub async fn retr(&mut self, number: u32) -> Result<Download<'_>, Pop3Error> {
        self.begin()?;
        let answer = self.ask(&format!("RETR {number}"), WHAT_RETR).await?;
        if !answer.ok {
            self.end();
            return Err(Pop3Error::Refused {
                command: "RETR",
                answer,
            });
        }
        Ok(Download::new(self, number))
    }

    /// Asks for the header and the first `lines` lines of the body of one message.
    ///
    /// # Errors
    /// [`Pop3Error::Unsupported`] when the server lists its capabilities and TOP is not among them, [`Pop3Error::Refused`] and
    /// those of the connection.
    pub async fn top(&mut self, number: u32, lines: u32) -> Result<Download<'_>, Pop3Error> {
        self.begin()?;
        let answer = self
            .ask(&format!("TOP {number} {lines}"), "the answer to TOP")
            .await?;
        if !answer.ok {
            self.end();
            // A refusal may also mean that there is no such message, so only a list without TOP tells.
            let may_have_it = self.capabilities.top || !self.capabilities.listed;
            return Err(self.missing_or_refused("TOP", answer, may_have_it));
        }
        Ok(Download::new(self, number))
    }

    /// Asks for many messages, ahead of their answers where the server offers PIPELINING.
    pub fn retr_all(&mut self, numbers: impl IntoIterator<Item = u32>) -> Batch<'_> {
        Batch {
            session: self,
            asked: VecDeque::new(),
            waiting: numbers.into_iter().collect(),
            in_step: false,
        }
    }
}

impl Batch<'_> {
    /// The next message, in the order they were asked for; `None` after the last. The one before must have been read to its
    /// end.
    ///
    /// # Errors
    /// [`Pop3Error::Refused`] for a message that the server does not give: the others go on. After any other error there are
    /// none.
    pub async fn next(&mut self) -> Option<Result<Download<'_>, Pop3Error>> {
        if self.asked.is_empty() && self.waiting.is_empty() {
            return None;
        }
        let cut_short = std::mem::replace(&mut self.in_step, true) || self.session.downloading;
        let step = if cut_short {
            Err(Pop3Error::Unusable)
        } else {
            self.ask_ahead_and_answer().await
        };
        self.in_step = false;
        match step {
            Ok(number) => Some(Ok(Download::new(self.session, number))),
            Err(error) => {
                if !matches!(error, Pop3Error::Refused { .. }) {
                    self.asked.clear();
                    self.waiting.clear();
                }
                Some(Err(error))
            }
        }
    }

    async fn ask_ahead_and_answer(&mut self) -> Result<u32, Pop3Error> {
        let session = &mut *self.session;
        if self.asked.is_empty() {
            session.begin()?;
        }
        let window = if session.capabilities.pipelining {
            PIPELINED_COMMANDS
        } else {
            1
        };
        // Refilled when half empty, so that the server always has work and several commands share a packet.
        if self.asked.len() <= window / 2 {
            let count = (window - self.asked.len()).min(self.waiting.len());
            let numbers: Vec<u32> = self.waiting.drain(..count).collect();
            let lines: String = numbers
                .iter()
                .map(|number| format!("RETR {number}\r\n"))
                .collect();
            session
                .wire
                .write_lines(&lines, None, session.limits.command, WHAT_RETR)
                .await?;
            self.asked.extend(numbers);
            session.outstanding = self.asked.len();
        }
        let answer = session.answer(WHAT_RETR).await?;
        let number = self.asked.pop_front().ok_or(Pop3Error::Unusable)?;
        session.outstanding = self.asked.len();
        if answer.ok {
            return Ok(number);
        }
        if session.outstanding == 0 {
            session.end();
        }
        Err(Pop3Error::Refused {
            command: "RETR",
            answer,
        })
    }
}

impl<'s> Download<'s> {
    fn new(session: &'s mut Session, number: u32) -> Download<'s> {
        session.downloading = true;
        Download {
            session,
            number,
            unstuffer: Unstuffer::new(),
            chunk: Vec::new(),
            bytes: 0,
            done: false,
        }
    }

    /// The message's number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The next bytes of the message, exactly as it is stored at the server; `None` at its end. A chunk is what
    /// one read from the connection gave, some 64 KiB at most.
    ///
    /// # Errors
    /// [`Pop3Error::TooLong`] and those of the connection; the message is incomplete then, and the session over.
    pub async fn next_chunk(&mut self) -> Result<Option<&[u8]>, Pop3Error> {
        self.chunk.clear();
        while self.chunk.is_empty() && !self.done {
            let wire = &mut self.session.wire;
            if !wire.has_unread_input() {
                let within = self.session.limits.read;
                wire.fill(Instant::now() + within, within, WHAT_MESSAGE)
                    .await?;
            }
            let unread = wire.unread();
            let used = match self.unstuffer.push(unread, &mut self.chunk) {
                Progress::More => unread.len(),
                Progress::End(used) => {
                    self.done = true;
                    used
                }
            };
            wire.consume(used);
        }
        self.bytes += self.chunk.len() as u64;
        if self.bytes > self.session.limits.message_bytes {
            return Err(Pop3Error::TooLong { what: "a message" });
        }
        if self.done && self.session.downloading {
            self.finish();
        }
        Ok((!self.chunk.is_empty()).then_some(self.chunk.as_slice()))
    }

    /// Reads what is left into memory: for small things such as the answer to TOP. Bounded by
    /// [`Limits::message_bytes`](crate::Limits::message_bytes).
    ///
    /// # Errors
    /// As [`Download::next_chunk`].
    pub async fn read_all(mut self) -> Result<Vec<u8>, Pop3Error> {
        let mut all = Vec::new();
        while let Some(chunk) = self.next_chunk().await? {
            all.extend_from_slice(chunk);
        }
        Ok(all)
    }

    fn finish(&mut self) {
        self.session.downloading = false;
        self.session
            .note(&format!("({} bytes of message)", self.bytes));
        if self.session.outstanding == 0 {
            self.session.end();
        }
    }
}
