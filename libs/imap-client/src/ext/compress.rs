//! COMPRESS=DEFLATE (RFC 4978): fewer bytes on a slow line, for much work at the server's end.

use mail_net::Direction;

use crate::session::ignore;
use crate::wire::response::StatusKind;
use crate::{ImapError, Session};

impl Session {
    /// Compresses both directions from here on. `false` when the server does not offer it, or refuses. Only after the
    /// login: what an attacker can choose must never be compressed together with a password (RFC 4978 section 6), and
    /// servers offer it only then.
    ///
    /// It halves the bytes and costs a server a lot of time: on a fast line it is a loss. An idle connection keeps some
    /// 45 kB more for it.
    ///
    /// # Errors
    /// Only fatal ones.
    pub async fn compress(&mut self) -> Result<bool, ImapError> {
        if self.is_compressed() {
            return Ok(true);
        }
        if !self.supports("COMPRESS=DEFLATE") {
            return Ok(false);
        }
        let command = self.command("COMPRESS").raw("DEFLATE")?;
        let ended = self.run_to_end(command, &mut ignore).await?;
        if ended.kind != StatusKind::Ok {
            return Ok(false);
        }
        // What the server has said behind its yes is compressed already.
        self.wire.start_deflate();
        if let Some(transcript) = &self.transcript {
            transcript.note(Direction::Event, "compression begins");
        }
        Ok(true)
    }

    /// Whether [`Session::compress`] has succeeded.
    pub fn is_compressed(&self) -> bool {
        self.wire.is_deflated()
    }
}
