//! Parts of one message (`BODY.PEEK[]<origin.length>`, RFC 9051 section 6.4.5): a large message comes in slices, and goes on
//! where it was cut.
//!
//! The server's own word about where a part begins is checked before its first byte is handed on: a server that ignores
//! the origin would otherwise put the message's beginning into its middle.

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::fetch_body::BodyEvent;
use crate::session::{Session, Tag};
use crate::{ImapError, UidSet};

/// Slices asked for ahead of their answers.
const AHEAD: usize = 2;

/// A slice that was asked for.
struct Slice {
    tag: Tag,
    origin: u64,
    len: u64,
}

/// What has come of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    /// The server has no such message.
    Nothing,
    /// So many bytes.
    Bytes(u64),
}

impl Session {
    /// Reads `len` bytes of one message from `offset` on into `sink`, and says how many there were: fewer at the
    /// message's end, `None` when the server has no such message.
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
        self.begin_parts()?;
        let slice = self.ask_for(uid, offset, len).await?;
        Ok(match self.receive(uid, &slice, sink).await? {
            Came::Nothing => None,
            Came::Bytes(count) => Some(count),
        })
    }

    /// Reads a message from `offset` to its end into `sink`, in slices of `slice` bytes (one at least), with the next
    /// slice asked for already, and says how many bytes there were; `None` when the server has no such message.
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
        self.begin_parts()?;
        let len = slice.max(1);
        let mut asked = std::collections::VecDeque::with_capacity(AHEAD);
        let mut next = offset;
        let mut total = 0;
        let mut found = false;
        let mut ended = false;
        loop {
            while !ended && asked.len() < AHEAD {
                asked.push_back(self.ask_for(uid, next, len).await?);
                next = next.saturating_add(len);
            }
            let Some(slice) = asked.pop_front() else {
                return Ok(found.then_some(total));
            };
            let came = if ended {
                // Asked for before the end was seen: there is nothing in it, and its refusal means nothing.
                match self.receive(uid, &slice, &mut tokio::io::sink()).await {
                    Err(error) if error.is_fatal() => return Err(error),
                    _ => continue,
                }
            } else {
                match self.receive(uid, &slice, sink).await {
                    Err(error) if !error.is_fatal() => {
                        for slice in asked {
                            let rest = self.receive(uid, &slice, &mut tokio::io::sink()).await;
                            match rest {
                                Err(error) if error.is_fatal() => return Err(error),
                                _ => {}
                            }
                        }
                        return Err(error);
                    }
                    outcome => outcome?,
                }
            };
            match came {
                Came::Nothing => ended = true,
                Came::Bytes(count) => {
                    found = true;
                    total += count;
                    ended = count < len;
                }
            }
        }
    }

    fn begin_parts(&mut self) -> Result<(), ImapError> {
        if self.in_flight.is_empty() {
            Ok(())
        } else {
            Err(ImapError::protocol("bodies are still coming"))
        }
    }

    async fn ask_for(&mut self, uid: u64, origin: u64, len: u64) -> Result<Slice, ImapError> {
        let wanted = UidSet::range(uid, uid);
        let item = format!("BODY.PEEK[]<{origin}.{len}>");
        let tag = self.start_fetch(&wanted, &item).await?;
        Ok(Slice { tag, origin, len })
    }

    /// Hands on what comes of the slice, to its command's end.
    async fn receive(
        &mut self,
        uid: u64,
        slice: &Slice,
        sink: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<Came, ImapError> {
        let mut came = Came::Nothing;
        loop {
            let begins = match self.next_body_event().await? {
                BodyEvent::Begin { len, .. } => Some(len),
                BodyEvent::Chunk(bytes) => {
                    if let Err(error) = sink.write_all(bytes).await {
                        return self.end(Err(ImapError::Io(error)));
                    }
                    None
                }
                BodyEvent::MessageEnd { meta, body_len } => {
                    if meta.uid != Some(uid) && body_len.is_some() {
                        return self.wrong_part("a part of another message");
                    }
                    came = body_len.map_or(came, Came::Bytes);
                    None
                }
                BodyEvent::Done { tag, status } if tag == slice.tag => {
                    return status.into_result().map(|()| came);
                }
                _ => None,
            };
            if let Some(len) = begins {
                let origin = self.bodies.origin;
                let from_here = origin == Some(slice.origin)
                    // The whole message is the part from its beginning, if it is not longer.
                    || (origin.is_none() && slice.origin == 0);
                if !from_here || len > slice.len {
                    return self.wrong_part("another part of the message than it was asked for");
                }
                if came != Came::Nothing {
                    return self.wrong_part("a part of the message twice");
                }
            }
        }
    }

    /// Ends the session: what comes next cannot be believed.
    fn wrong_part<T>(&mut self, which: &str) -> Result<T, ImapError> {
        let what = format!("the server sent {which}");
        self.end(Err(ImapError::protocol(what)))
    }
}
