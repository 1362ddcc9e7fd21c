//! IDLE (RFC 2177): waiting for the server to speak first, at next to no cost.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use crate::session::{Step, ignore, note_received};
use crate::wire::buffer::{Frame, Framing};
use crate::wire::response::Response;
use crate::{ImapError, Session};

/// News comes in bursts: what has come with the first is taken in for so long at most. What comes later comes before the
/// answer to DONE.
const COALESCE_LIMIT: Duration = Duration::from_millis(40);

/// No IDLE is longer, whatever the caller says.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Why waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleEnd {
    /// The server told something; see [`Session::take_unsolicited`].
    News,
    /// The caller's wake-up came.
    Wake,
    /// The time is over.
    Time,
    /// The server ended the IDLE by itself.
    Server,
}

impl Session {
    /// Waits for news, for `wake`, or for `max` (RFC 2177 wants less than 29 minutes), whichever comes first.
    /// Buffers are given back meanwhile. The session is ready for other commands when this returns `Ok`.
    ///
    /// # Errors
    /// `No`/`Bad` when the server refuses IDLE; fatal ones when the connection is gone.
    pub async fn idle(
        &mut self,
        max: Duration,
        wake: impl Future<Output = ()>,
    ) -> Result<IdleEnd, ImapError> {
        self.idle_until_told(max, wake, || {}).await
    }

    /// The same, with word of the first news before the server has agreed to end the IDLE.
    ///
    /// # Errors
    /// As [`Session::idle`].
    pub async fn idle_until_told(
        &mut self,
        max: Duration,
        wake: impl Future<Output = ()>,
        told: impl FnOnce(),
    ) -> Result<IdleEnd, ImapError> {
        // Said before we began to wait: no need to wait at all.
        if self.has_news() {
            return Ok(IdleEnd::News);
        }
        self.begin("IDLE")?;
        let outcome = self.idle_until(max, wake, told).await;
        self.end(outcome)
    }

    async fn idle_until(
        &mut self,
        max: Duration,
        wake: impl Future<Output = ()>,
        told: impl FnOnce(),
    ) -> Result<IdleEnd, ImapError> {
        let tag = self.tag();
        let command = self.command("IDLE");
        self.send(tag, &command, &mut ignore).await?;
        match self.step(tag, &mut ignore).await? {
            Step::Continue(_) => {}
            Step::Completed(ended) => {
                ended.into_result("IDLE")?;
                return Ok(IdleEnd::Server);
            }
        }
        self.shrink();
        let end = self.listen(tag, max, wake).await?;
        if end == IdleEnd::Server {
            return Ok(end);
        }
        if end == IdleEnd::News {
            told();
        }
        self.wire.expect("the end of IDLE", self.limits.progress);
        self.send_line(b"DONE", false).await?;
        loop {
            match self.step(tag, &mut ignore).await? {
                Step::Completed(ended) => {
                    ended.into_result("IDLE")?;
                    return Ok(end);
                }
                // A second `+` means nothing.
                Step::Continue(_) => {}
            }
        }
    }

    async fn listen(
        &mut self,
        tag: crate::Tag,
        max: Duration,
        wake: impl Future<Output = ()>,
    ) -> Result<IdleEnd, ImapError> {
        let max = max.min(LONGEST);
        let deadline = Instant::now() + max;
        // The read itself has no other limit than the caller's.
        self.wire.expect("news", max + Duration::from_secs(1));
        let mut wake = pin!(wake);
        let mut time = pin!(sleep_until(deadline));
        loop {
            // Dropping the read is safe: what came stays in the buffer.
            let ended = tokio::select! {
                biased;
                ended = self.hear(tag) => ended?,
                () = &mut wake => return Ok(self.or_news(IdleEnd::Wake)),
                () = &mut time => return Ok(self.or_news(IdleEnd::Time)),
            };
            if ended {
                return Ok(IdleEnd::Server);
            }
            if self.has_news() {
                return if self.coalesce(tag).await? {
                    Ok(IdleEnd::Server)
                } else {
                    Ok(IdleEnd::News)
                };
            }
        }
    }

    /// Takes in what has come with the first news. `true` when the server ended the IDLE.
    async fn coalesce(&mut self, tag: crate::Tag) -> Result<bool, ImapError> {
        let limit = Instant::now() + COALESCE_LIMIT;
        while Instant::now() < limit && self.facts.bye.is_none() {
            match timeout(Duration::ZERO, self.hear(tag)).await {
                Err(_) => break,
                Ok(ended) => {
                    if ended? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Takes in one response. `true` when it ends the IDLE.
    async fn hear(&mut self, tag: crate::Tag) -> Result<bool, ImapError> {
        let range = match self.wire.frame(Framing::Whole).await? {
            Frame::Complete(range) | Frame::Body { head: range, .. } => range,
        };
        let bytes = self.wire.bytes(&range);
        note_received(self.transcript.as_ref(), bytes);
        let response = Response::parse(bytes);
        let ended = match &response {
            Response::Status {
                tag: Some(name), ..
            } => *name == tag.to_string().as_bytes(),
            response => {
                self.facts.absorb(response, self.limits.unsolicited)?;
                false
            }
        };
        self.wire.consume(range.len());
        Ok(ended)
    }

    fn has_news(&self) -> bool {
        self.facts
            .unsolicited
            .iter()
            .any(crate::Unsolicited::is_news)
    }

    fn or_news(&self, end: IdleEnd) -> IdleEnd {
        if self.has_news() { IdleEnd::News } else { end }
    }
}
