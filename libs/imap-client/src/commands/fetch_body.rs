//! Whole messages, streamed. Several fetches may be in flight; events come in the server's order.
//!
//! A message's facts may stand before or behind its body, so they come at its end, together with how many bytes the
//! body really had. A body whose [`BodyEvent::MessageEnd`] never came is not to be believed.

use std::collections::VecDeque;
use std::ops::Range;

use crate::message_meta::{self, BodyItem, MessageMeta};
use crate::session::{Completed, Session, Tag, completed, ignore, note_received};
use crate::wire::buffer::{Frame, Framing};
use crate::wire::response::{Response, StatusKind};
use crate::{ImapError, UidSet};

/// Servers have line limits; RFC 7162 section 4 asks clients to stay below this.
const MAX_COMMAND: usize = 8000;

/// One step of what body fetches bring.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyEvent<'a> {
    /// A body begins. The UID is here only if the server named it before the body.
    Begin {
        /// The message, if known already.
        uid: Option<u64>,
        /// How many bytes will come.
        len: u64,
    },
    /// The next bytes of the body; never empty.
    Chunk(&'a [u8]),
    /// The body is complete.
    BodyEnd {
        /// How many bytes came.
        len: u64,
    },
    /// The server has no body for this message: it was expunged meanwhile, or cannot be read.
    Missing,
    /// All that was said about this message. Only now it counts.
    MessageEnd {
        /// Its facts.
        meta: MessageMeta,
        /// The length of its body; `None` after [`BodyEvent::Missing`].
        body_len: Option<u64>,
    },
    /// One of the fetches is over.
    Done {
        /// Which.
        tag: Tag,
        /// How it ended.
        status: Completion,
    },
}

/// How a pipelined command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// Well. It does not mean that all messages came.
    Ok,
    /// Refused.
    No {
        /// The code's name in capitals.
        code: Option<String>,
        /// The server's words.
        text: String,
    },
    /// Not understood.
    Bad {
        /// The code's name in capitals.
        code: Option<String>,
        /// The server's words.
        text: String,
    },
}

/// Where the reading of bodies stands between two calls.
#[derive(Debug, Default)]
pub(crate) struct BodyStream {
    phase: Phase,
    /// Bytes at the front of the read buffer that the caller has seen.
    seen: usize,
    /// The text around a streamed body, which reads as an empty string in it.
    around: Vec<u8>,
    /// Events of a message that came in one piece.
    queue: VecDeque<Queued>,
    /// The chunk that was handed out of the queue.
    chunk: Vec<u8>,
    /// Where in the message the body that began last begins, if the server said so.
    pub(super) origin: Option<u64>,
}

#[derive(Debug, Default, Clone, Copy)]
enum Phase {
    #[default]
    Between,
    Literal {
        left: u64,
        len: u64,
    },
    Behind {
        len: u64,
    },
}

#[derive(Debug)]
enum Queued {
    Begin {
        uid: Option<u64>,
        len: u64,
        origin: Option<u64>,
    },
    Chunk(Vec<u8>),
    BodyEnd {
        len: u64,
    },
    Missing,
    MessageEnd {
        meta: MessageMeta,
        body_len: Option<u64>,
    },
}

/// An event whose bytes are not borrowed yet.
enum Found {
    Event(BodyEvent<'static>),
    Chunk(Range<usize>),
    OwnChunk,
}

impl BodyStream {
    pub(crate) fn shrink(&mut self) {
        self.around.shrink_to(0);
        self.queue.shrink_to(0);
        self.chunk = Vec::new();
    }
}

impl Session {
    /// Asks for whole messages with their facts, marking nothing as read. More may be asked for before the answers
    /// have been taken; two to four in flight hide the way to the server.
    ///
    /// # Errors
    /// [`ImapError::Protocol`] when the set's text is too long for one command (see [`UidSet::chunks`]), or a
    /// fatal error.
    pub async fn start_fetch_bodies(&mut self, uids: &UidSet) -> Result<Tag, ImapError> {
        self.start_fetch(uids, "BODY.PEEK[]").await
    }

    pub(super) async fn start_fetch(
        &mut self,
        uids: &UidSet,
        body: &str,
    ) -> Result<Tag, ImapError> {
        let set = uids.to_string();
        if set.is_empty() || set.len() > MAX_COMMAND {
            return Err(ImapError::protocol(
                "a set of UIDs that is empty or too long for one command",
            ));
        }
        let mut items = vec!["UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE"];
        if self.has_modseq {
            items.push("MODSEQ");
        }
        items.extend(self.object_id_items());
        if self.supports("X-GM-EXT-1") {
            items.push("X-GM-LABELS");
        }
        let items = items.join(" ");
        let command = self
            .command("UID FETCH")
            .raw(&format!("{set} ({items} {body})"))?;
        self.begin_pipelined("bodies")?;
        let tag = self.tag();
        let sent = self.send(tag, &command, &mut ignore).await;
        self.end(sent)?;
        self.in_flight.push_back(tag);
        Ok(tag)
    }

    /// How many body fetches have not been answered in full.
    pub fn bodies_in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The next event. Dropping the future loses nothing. Without a fetch in flight this is an error.
    ///
    /// # Errors
    /// Fatal ones only; a refused fetch is a [`BodyEvent::Done`].
    pub async fn next_body_event(&mut self) -> Result<BodyEvent<'_>, ImapError> {
        if self.in_flight.is_empty() {
            return Err(ImapError::protocol("no body was asked for"));
        }
        self.check_alive()?;
        self.wire.expect("a message", self.limits.progress);
        let found = match self.next_found().await {
            Ok(found) => found,
            Err(error) => return self.end(Err(error)),
        };
        Ok(match found {
            Found::Event(event) => event,
            Found::Chunk(range) => BodyEvent::Chunk(self.wire.bytes(&range)),
            Found::OwnChunk => BodyEvent::Chunk(&self.bodies.chunk),
        })
    }

    async fn next_found(&mut self) -> Result<Found, ImapError> {
        self.wire.consume(std::mem::take(&mut self.bodies.seen));
        loop {
            if let Some(queued) = self.bodies.queue.pop_front() {
                return Ok(self.bodies.hand_out(queued));
            }
            match self.bodies.phase {
                Phase::Literal { left: 0, len } => {
                    self.bodies.phase = Phase::Behind { len };
                    return Ok(Found::Event(BodyEvent::BodyEnd { len }));
                }
                Phase::Literal { left, len } => {
                    let range = self.wire.chunk(left).await?;
                    self.bodies.seen = range.len();
                    self.bodies.phase = Phase::Literal {
                        left: left - range.len() as u64,
                        len,
                    };
                    return Ok(Found::Chunk(range));
                }
                Phase::Behind { len } => {
                    let meta = self.read_behind().await?;
                    self.bodies.phase = Phase::Between;
                    return Ok(Found::Event(BodyEvent::MessageEnd {
                        meta,
                        body_len: Some(len),
                    }));
                }
                Phase::Between => {
                    if let Some(event) = self.read_between().await? {
                        return Ok(Found::Event(event));
                    }
                }
            }
        }
    }

    /// Reads one response, or one up to its body.
    async fn read_between(&mut self) -> Result<Option<BodyEvent<'static>>, ImapError> {
        let (range, literal) = match self.wire.frame(Framing::StreamBodies).await? {
            Frame::Complete(range) => (range, None),
            Frame::Body { head, literal } => (head, Some(literal)),
        };
        let bytes = self.wire.bytes(&range);
        note_received(self.transcript.as_ref(), bytes);
        let event = match literal {
            Some(len) => {
                let uid = self.bodies.open(bytes);
                self.bodies.phase = Phase::Literal { left: len, len };
                Some(BodyEvent::Begin { uid, len })
            }
            None => self.whole_response(&range)?,
        };
        self.wire.consume(range.len());
        Ok(event)
    }

    fn whole_response(
        &mut self,
        range: &Range<usize>,
    ) -> Result<Option<BodyEvent<'static>>, ImapError> {
        let response = Response::parse(self.wire.bytes(range));
        if let Response::Status {
            tag: Some(name),
            kind,
            code,
            text,
        } = &response
        {
            let position = self
                .in_flight
                .iter()
                .position(|tag| tag.to_string().as_bytes() == *name);
            let Some(tag) = position.and_then(|at| self.in_flight.remove(at)) else {
                return Ok(None);
            };
            return Ok(Some(BodyEvent::Done {
                tag,
                status: Completion::from(completed(*kind, *code, text)),
            }));
        }
        if let Some((seq, rest)) = response.numbered("FETCH") {
            let (meta, body) = message_meta::parse(seq, rest);
            if body != BodyItem::Absent {
                self.bodies.enqueue(meta, &body);
                return Ok(None);
            }
        }
        self.facts.absorb(&response, self.limits.unsolicited)?;
        Ok(None)
    }

    /// Reads the rest of a response whose body has been handed out.
    async fn read_behind(&mut self) -> Result<MessageMeta, ImapError> {
        // A second body in one response is nobody's wish; it is kept or dropped like any literal.
        let range = match self.wire.frame(Framing::Continued).await? {
            Frame::Complete(range) | Frame::Body { head: range, .. } => range,
        };
        if !ends_a_fetch(self.wire.bytes(&range)) {
            // The server wrote something into the body, or announced a wrong length: what came is not the message.
            return Err(ImapError::protocol(
                "the text behind a message's bytes is not the end of a FETCH response",
            ));
        }
        let mut around = std::mem::take(&mut self.bodies.around);
        around.extend_from_slice(self.wire.bytes(&range));
        let meta = match Response::parse(&around).numbered("FETCH") {
            Some((seq, rest)) => message_meta::parse(seq, rest).0,
            None => MessageMeta::default(),
        };
        self.wire.consume(range.len());
        self.bodies.around = around;
        Ok(meta)
    }
}

impl BodyStream {
    /// Keeps the text before a body, with an empty string in the body's place, and finds the UID in it.
    fn open(&mut self, head: &[u8]) -> Option<u64> {
        let brace = head
            .iter()
            .rposition(|byte| *byte == b'{')
            .unwrap_or(head.len());
        let before = head.get(..brace).unwrap_or(head);
        self.around.clear();
        self.around
            .extend_from_slice(before.strip_suffix(b"~").unwrap_or(before));
        self.around.extend_from_slice(b"\"\"");
        self.origin = None;
        let (seq, rest) = Response::parse(&self.around).numbered("FETCH")?;
        let (meta, body) = message_meta::parse(seq, rest);
        self.origin = match body {
            BodyItem::Here { origin, .. } => origin,
            _ => None,
        };
        meta.uid
    }

    fn enqueue(&mut self, meta: MessageMeta, body: &BodyItem<'_>) {
        let body_len = match body {
            BodyItem::Here { bytes, origin } => {
                let len = bytes.len() as u64;
                self.queue.push_back(Queued::Begin {
                    uid: meta.uid,
                    len,
                    origin: *origin,
                });
                if len > 0 {
                    self.queue.push_back(Queued::Chunk(bytes.to_vec()));
                }
                self.queue.push_back(Queued::BodyEnd { len });
                Some(len)
            }
            BodyItem::Nil | BodyItem::Absent => {
                self.queue.push_back(Queued::Missing);
                None
            }
        };
        self.queue.push_back(Queued::MessageEnd { meta, body_len });
    }

    fn hand_out(&mut self, queued: Queued) -> Found {
        Found::Event(match queued {
            Queued::Begin { uid, len, origin } => {
                self.origin = origin;
                BodyEvent::Begin { uid, len }
            }
            Queued::Chunk(bytes) => {
                self.chunk = bytes;
                return Found::OwnChunk;
            }
            Queued::BodyEnd { len } => BodyEvent::BodyEnd { len },
            Queued::Missing => BodyEvent::Missing,
            Queued::MessageEnd { meta, body_len } => BodyEvent::MessageEnd { meta, body_len },
        })
    }
}

impl From<Completed> for Completion {
    fn from(ended: Completed) -> Completion {
        let code = ended.code_name();
        let text = ended.text;
        match ended.kind {
            StatusKind::Ok => Completion::Ok,
            StatusKind::No => Completion::No { code, text },
            _ => Completion::Bad { code, text },
        }
    }
}

impl Completion {
    pub(super) fn into_result(self) -> Result<(), ImapError> {
        let command = "UID FETCH";
        match self {
            Completion::Ok => Ok(()),
            Completion::No { code, text } => Err(ImapError::No {
                command,
                code,
                text,
            }),
            Completion::Bad { code, text } => Err(ImapError::Bad {
                command,
                code,
                text,
            }),
        }
    }
}

/// Whether this can stand behind a body: further items of a FETCH response and its closing bracket.
fn ends_a_fetch(rest: &[u8]) -> bool {
    const ITEMS: [&str; 13] = [
        "UID ",
        "FLAGS ",
        "INTERNALDATE ",
        "RFC822",
        "BODY",
        "BINARY",
        "ENVELOPE ",
        "MODSEQ ",
        "EMAILID ",
        "THREADID ",
        "SAVEDATE ",
        "PREVIEW ",
        "X-",
    ];
    let Some(items) = rest.trim_ascii_end().strip_suffix(b")") else {
        return false;
    };
    // Some servers leave out the blank behind a literal.
    let items = items.trim_ascii();
    items.is_empty()
        || ITEMS.iter().any(|item| {
            items
                .get(..item.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(item.as_bytes()))
        })
}

#[cfg(test)]
mod tests {
    use super::ends_a_fetch;

    #[test]
    fn only_the_end_of_a_fetch_response_ends_one() {
        for good in [
            ")\r\n",
            " )\r\n",
            " UID 7)\r\n",
            "UID 7 FLAGS (\\Seen))\r\n",
            " x-gm-labels (a))\r\n",
            " BODY[1] {1}\r\nx)\r\n",
        ] {
            assert!(ends_a_fetch(good.as_bytes()), "{good}");
        }
        for bad in [
            "\r\n",
            "QUJDQUJD\r\n",
            " words (in brackets)\r\n",
            " UID 7\r\n",
            "* 2 FETCH (UID 3)\r\n",
            "--x--\r\n",
        ] {
            assert!(!ends_a_fetch(bad.as_bytes()), "{bad}");
        }
    }
}
