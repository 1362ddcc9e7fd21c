//! CAPABILITY: asked for only when the server has not volunteered the list since the last change of state.

use crate::capability::Capabilities;
use crate::session::ignore;
use crate::{ImapError, Session, Unsolicited};

impl Session {
    /// The capabilities in force. The server is asked at most once per state: at the start, after TLS, after login.
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn capability(&mut self) -> Result<&Capabilities, ImapError> {
        if self.facts.capabilities.is_none() {
            let command = self.command("CAPABILITY");
            self.run(command, &mut ignore).await?;
            self.facts.retain(|item| *item != Unsolicited::Capability);
        }
        Ok(self.facts.capabilities.get_or_insert_default())
    }
}
