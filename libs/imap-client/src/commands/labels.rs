//! Gmail's labels (X-GM-EXT-1): one message in one place, marked with many. Reading them is [`crate::MetaItems::labels`].

use super::store::{StoreMode, StoreResult};
use crate::session::Session;
use crate::{ImapError, MailboxName, UidSet};

impl Session {
    /// Changes labels, given as people write them; Gmail's own begin with a backslash, such as `\Inbox` or `\Starred`.
    /// A label that does not exist yet is made.
    ///
    /// # Errors
    /// [`ImapError::Unsupported`] without X-GM-EXT-1, `No`/`Bad`, or a fatal error. Earlier parts of a long set may have
    /// been done already.
    pub async fn uid_store_labels<S: AsRef<str>>(
        &mut self,
        uids: &UidSet,
        mode: StoreMode,
        labels: &[S],
    ) -> Result<StoreResult, ImapError> {
        if !self.supports("X-GM-EXT-1") {
            return Err(ImapError::Unsupported { what: "X-GM-EXT-1" });
        }
        let verb = match mode {
            StoreMode::Add => "+X-GM-LABELS",
            StoreMode::Remove => "-X-GM-LABELS",
            StoreMode::Set => "X-GM-LABELS",
        };
        let names: Vec<MailboxName> = labels
            .iter()
            .map(|label| MailboxName::from_decoded(label.as_ref()))
            .collect();
        self.store_in_parts(uids, |command, set| {
            command.raw(&format!("{set} {verb}"))?.mailboxes(&names)
        })
        .await
    }
}
