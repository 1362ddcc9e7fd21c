//! CREATE, RENAME, DELETE, SUBSCRIBE and UNSUBSCRIBE.

use crate::session::{Session, ignore};
use crate::wire::tokenizer::Cursor;
use crate::{ImapError, MailboxName};

impl Session {
    /// Creates a folder, and gives its lasting id where the server names it (MAILBOXID, RFC 8474 section 4.1).
    ///
    /// # Errors
    /// `No` (with code `ALREADYEXISTS` from newer servers), `Bad`, or a fatal error.
    pub async fn create(&mut self, name: &MailboxName) -> Result<Option<String>, ImapError> {
        let command = self.command("CREATE").mailbox(name)?;
        let ended = self.run(command, &mut ignore).await?;
        let id = ended.code_args("MAILBOXID");
        Ok(id.and_then(|args| Cursor::new(args).value().text()))
    }

    /// Deletes a folder and everything in it.
    ///
    /// # Errors
    /// `No` (with code `NONEXISTENT` from newer servers), `Bad`, or a fatal error.
    pub async fn delete(&mut self, name: &MailboxName) -> Result<(), ImapError> {
        self.on_folder("DELETE", name).await
    }

    /// Renames a folder.
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn rename(&mut self, from: &MailboxName, to: &MailboxName) -> Result<(), ImapError> {
        let command = self.command("RENAME").mailbox(from)?.mailbox(to)?;
        self.run(command, &mut ignore).await.map(drop)
    }

    /// Puts a folder on the list of subscribed ones.
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn subscribe(&mut self, name: &MailboxName) -> Result<(), ImapError> {
        self.on_folder("SUBSCRIBE", name).await
    }

    /// Takes a folder off the list of subscribed ones.
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn unsubscribe(&mut self, name: &MailboxName) -> Result<(), ImapError> {
        self.on_folder("UNSUBSCRIBE", name).await
    }

    async fn on_folder(&mut self, verb: &'static str, name: &MailboxName) -> Result<(), ImapError> {
        let command = self.command(verb).mailbox(name)?;
        self.run(command, &mut ignore).await.map(drop)
    }
}
