//! NOTIFY (RFC 5465): one connection hears about every folder.

use crate::session::ignore;
use crate::wire::response::StatusKind;
use crate::{ImapError, Session};

/// What to be told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifySet {
    /// New, changed and expunged messages and the folders themselves, in the personal namespace; the selected folder
    /// as if in IDLE.
    Personal,
    /// Nothing any more.
    None,
}

impl Session {
    /// Asks to be told. `false` when the server does not offer NOTIFY or refuses this set.
    ///
    /// Stop it with [`Session::stop_notify`] before bodies are fetched: Dovecot 2.3 writes its news into the middle of a
    /// literal when a reader is slow, which damages the message and everything behind it.
    ///
    /// News arrives with the answers to other commands and in [`Session::idle`]: as `Status` for other folders, as
    /// usual for the selected one.
    ///
    /// # Errors
    /// Only fatal ones.
    pub async fn notify(&mut self, set: NotifySet) -> Result<bool, ImapError> {
        if !self.supports("NOTIFY") {
            return Ok(false);
        }
        let arguments = match set {
            NotifySet::Personal => {
                "SET (selected (MessageNew MessageExpunge FlagChange)) \
                 (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"
            }
            NotifySet::None => "NONE",
        };
        let command = self.command("NOTIFY").raw(arguments)?;
        let ended = self.run_to_end(command, &mut ignore).await?;
        Ok(ended.kind == StatusKind::Ok)
    }

    /// Asks not to be told any more, without waiting for the answer: the server carries out commands in order, and the
    /// next command's reader passes over this one's end.
    ///
    /// # Errors
    /// Only fatal ones.
    pub async fn stop_notify(&mut self) -> Result<(), ImapError> {
        let command = self.command("NOTIFY").raw("NONE")?;
        self.begin(command.name)?;
        let tag = self.tag();
        let sent = self.send(tag, &command, &mut ignore).await;
        self.end(sent)?;
        Ok(())
    }
}
