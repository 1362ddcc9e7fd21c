//! NOOP and LOGOUT.

use crate::ImapError;
use crate::session::{Session, ignore};

impl Session {
    /// Shows that the connection lives, and lets the server tell what is new.
    ///
    /// # Errors
    /// A fatal error when it does not live.
    pub async fn noop(&mut self) -> Result<(), ImapError> {
        let command = self.command("NOOP");
        self.run(command, &mut ignore).await.map(drop)
    }

    /// Says good-bye and closes the connection. Never fails: what cannot be said politely is said by closing.
    pub async fn logout(mut self) {
        let command = self.command("LOGOUT");
        let patience = std::time::Duration::from_secs(2).min(self.limits.progress);
        let _ = tokio::time::timeout(patience, self.run_to_end(command, &mut ignore)).await;
        self.wire.shutdown().await;
    }
}
