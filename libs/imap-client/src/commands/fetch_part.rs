//! Parts of one message (`BODY.PEEK[]<origin.length>`, RFC 9051 section 6.4.5): a large message comes in slices, and goes on
//! where it was cut.
//!
//! The server's own word about where a part begins is checked before its first byte is handed on: a server that ignores
//! the origin would otherwise put the message's beginning into its middle. The word of the command's end is not enough:
//! Dovecot says several of them at once, behind all their answers.

use std::collections::VecDeque;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::fetch_body::BodyEvent;
use crate::session::{Session, Tag};
use crate::{ImapError, UidSet};

/// Slices asked for ahead of their answers.
const AHEAD: usize = 2;

/// A slice that was asked for, until its command has ended.
struct Slice {
    tag: Tag,
    origin: u64,
    len: u64,
    /// Whether its answer is here.
    came: bool,
}

/// The slices of one message, in order.
struct Slices {
    uid: u64,
    /// Where the next one begins, and where the last one ends.
    next: u64,
    stop: u64,
    len: u64,
    asked: VecDeque<Slice>,
    /// The bytes handed on; `None` while there is nothing to say that the message exists.
    total: Option<u64>,
    /// The message's end was seen: whatever was asked for behind it has no meaning.
    ended: bool,
    /// The server has no such message, or has it no more: at a message's end there is an empty part, not none.
    gone: bool,
    /// Why a slice was refused.
    refused: Option<ImapError>,
}

impl Session {
    /// Reads `len` bytes (one at least) of one message from `offset` on into `sink`, and says how many there were: fewer at
    /// the message's end, `None` when the server has no such message.
    ///
    /// # Errors
    /// `No`/`Bad`; `Protocol` when the server sends another part than the one asked for, `Io` when the sink fails (the
    /// session is over then, and what the sink has is right so far), or another fatal error.
    pub async fn fetch_partial(
        &mut self,
        uid: u64,
        offset: u64,
        len: u64,
        sink: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<Option<u64>, ImapError> {
        let slices = Slices::new(uid, offset, offset.saturating_add(len.max(1)), len);
        self.receive(slices, sink).await
    }

    /// Reads a message from `offset` to its end into `sink`, in slices of `slice` bytes (one at least), with the next
    /// slice asked for already, and says how many bytes there were; `None` when the server has no such message, or has it
    /// no more.
    ///
    /// After an error the caller goes on, in this session or another, behind the bytes that the sink has.
    ///
    /// # Errors
    /// As [`Session::fetch_partial`].
    pub async fn fetch_rest(
        &mut self,
        uid: u64,
        offset: u64,
        slice: u64,
        sink: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<Option<u64>, ImapError> {
        let slices = Slices::new(uid, offset, u64::MAX, slice);
        self.receive(slices, sink).await
    }

    async fn receive(
        &mut self,
        mut slices: Slices,
        sink: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<Option<u64>, ImapError> {
        if !self.in_flight.is_empty() {
            return Err(ImapError::protocol("bodies are still coming"));
        }
        loop {
            while let Some((origin, len)) = slices.wanted() {
                let wanted = UidSet::range(slices.uid, slices.uid);
                let item = format!("BODY.PEEK[]<{origin}.{len}>");
                let tag = self.start_fetch(&wanted, &item).await?;
                slices.ask(tag, origin, len);
            }
            if slices.asked.is_empty() {
                return slices.outcome();
            }
            let begins = match self.next_body_event().await? {
                BodyEvent::Begin { len, .. } => Some(len),
                BodyEvent::Chunk(bytes) => {
                    if !slices.ended
                        && let Err(error) = sink.write_all(bytes).await
                    {
                        return self.end(Err(ImapError::Io(error)));
                    }
                    None
                }
                BodyEvent::MessageEnd { meta, body_len } => {
                    let about_it = meta.uid == Some(slices.uid);
                    match body_len {
                        Some(_) if !about_it && !slices.ended => {
                            return self.end(Err(wrong("a part of another message")));
                        }
                        Some(len) => slices.came(len),
                        None if about_it => slices.end(),
                        None => {}
                    }
                    None
                }
                BodyEvent::Done { tag, status } => {
                    slices.done(tag, status.into_result());
                    None
                }
                BodyEvent::BodyEnd { .. } | BodyEvent::Missing => None,
            };
            if let Some(len) = begins {
                let origin = self.bodies.origin;
                if let Err(error) = slices.begins(origin, len) {
                    return self.end(Err(error));
                }
            }
        }
    }
}

impl Slices {
    fn new(uid: u64, offset: u64, stop: u64, len: u64) -> Slices {
        Slices {
            uid,
            next: offset,
            stop,
            len: len.max(1),
            asked: VecDeque::with_capacity(AHEAD),
            total: None,
            ended: false,
            gone: false,
            refused: None,
        }
    }

    /// The next slice to ask for, if it is time.
    fn wanted(&self) -> Option<(u64, u64)> {
        let open = self.asked.iter().filter(|slice| !slice.came).count();
        (!self.ended && open < AHEAD && self.next < self.stop)
            .then(|| (self.next, self.len.min(self.stop - self.next)))
    }

    fn ask(&mut self, tag: Tag, origin: u64, len: u64) {
        self.next = origin.saturating_add(len);
        self.asked.push_back(Slice {
            tag,
            origin,
            len,
            came: false,
        });
    }

    /// Whether a body that begins is the next slice.
    fn begins(&self, origin: Option<u64>, len: u64) -> Result<(), ImapError> {
        if self.ended {
            return Ok(());
        }
        let Some(slice) = self.asked.iter().find(|slice| !slice.came) else {
            return Err(wrong("a part of the message twice"));
        };
        // The whole message is the part from its beginning, if it is not longer.
        let here = origin == Some(slice.origin) || (origin.is_none() && slice.origin == 0);
        if !here || len > slice.len {
            return Err(wrong("another part of the message than it was asked for"));
        }
        Ok(())
    }

    /// The answer of the next slice is here.
    fn came(&mut self, len: u64) {
        if let Some(slice) = self.asked.iter_mut().find(|slice| !slice.came) {
            slice.came = true;
            if !self.ended {
                self.ended = len < slice.len;
                self.total = Some(self.total.unwrap_or(0) + len);
            }
        }
    }

    /// The server has nothing for the next slice.
    fn end(&mut self) {
        if let Some(slice) = self.asked.iter_mut().find(|slice| !slice.came) {
            slice.came = true;
        }
        self.gone |= !self.ended;
        self.ended = true;
    }

    fn done(&mut self, tag: Tag, outcome: Result<(), ImapError>) {
        let Some(at) = self.asked.iter().position(|slice| slice.tag == tag) else {
            return;
        };
        let came = self.asked.remove(at).is_some_and(|slice| slice.came);
        // What was asked for behind the end may be refused, and what came has come.
        if !came && !self.ended {
            self.ended = true;
            self.gone = true;
            self.refused = outcome.err();
        }
    }

    fn outcome(self) -> Result<Option<u64>, ImapError> {
        let total = self.total.filter(|_| !self.gone);
        self.refused.map_or(Ok(total), Err)
    }
}

fn wrong(what: &str) -> ImapError {
    ImapError::protocol(format!("the server sent {what}"))
}
