//! What the server said unasked, sorted by what is to be done about it. Nothing of it is dropped:
//! a count that came in the middle of another command is looked at afterwards.

use crate::Context;
use crate::folder::look::update;
use crate::ledger::said;
use imap_client::{Session, UidSet, Unsolicited};
use std::collections::HashSet;
use store::folders::wire_text;
use store::ingest::{Changes, FlagUpdate};

/// Folders that are noted by name; of more the counts tell.
const TOLD: usize = 10_000;
/// Alerts that are kept until they are logged.
const ALERTS: usize = 10;

/// News that was not yet acted upon.
#[derive(Debug, Default)]
pub struct News {
    /// Flags in the open folder.
    flags: Vec<FlagUpdate>,
    /// UIDs gone from the open folder.
    vanished: UidSet,
    /// Something was expunged from the open folder, and the server did not say which UID.
    pub expunged: bool,
    /// The open folder has this many messages now.
    pub exists: Option<u64>,
    /// Other folders changed, or the list of folders did.
    pub elsewhere: bool,
    /// Other folders of which the server told by itself that they changed, by their names on the wire.
    pub told: HashSet<String>,
    /// What the server wants a person to read, and was not logged yet.
    alerts: Vec<String>,
    /// NOTIFY has stopped, or the server closes: what we were told is not all.
    pub unsure: bool,
}

impl News {
    /// Takes over what the session has collected.
    pub fn collect(&mut self, session: &mut Session) {
        for said in session.take_unsolicited() {
            match said {
                Unsolicited::Exists(count) => self.exists = Some(count),
                Unsolicited::Fetch(meta) => match update(&meta) {
                    Some(update) => self.flags.push(update),
                    // Flags of an unknown UID: only a comparison tells whose.
                    None if meta.flags.is_some() => self.expunged = true,
                    None => {}
                },
                Unsolicited::Vanished { uids, .. } => self.vanished.extend(&uids),
                Unsolicited::Expunge(_) => self.expunged = true,
                Unsolicited::Status { name, .. } => {
                    self.elsewhere = true;
                    if self.told.len() < TOLD {
                        self.told.insert(wire_text(name.wire()));
                    }
                }
                Unsolicited::List(_) => self.elsewhere = true,
                Unsolicited::NotificationOverflow | Unsolicited::Bye { .. } => self.unsure = true,
                Unsolicited::Recent(_) | Unsolicited::Capability => {}
                Unsolicited::Alert { text } => {
                    if self.alerts.len() < ALERTS {
                        self.alerts.push(text);
                    }
                }
            }
        }
    }

    /// Logs what the server wants a person to read (ALERT, RFC 9051 section 7.1).
    pub async fn log_alerts(&mut self, context: &Context, mailbox_id: &str) {
        for text in std::mem::take(&mut self.alerts) {
            let said = said(context, mailbox_id, text).await;
            tracing::info!(mailbox = mailbox_id, said, "the server wants this read");
        }
    }

    /// Whether changes of the open folder wait to be applied.
    pub fn has_changes(&self) -> bool {
        !self.flags.is_empty() || !self.vanished.is_empty()
    }

    /// Whether there is anything to act upon.
    pub fn is_empty(&self) -> bool {
        !self.has_changes()
            && !self.expunged
            && !self.elsewhere
            && !self.unsure
            && self.exists.is_none()
    }

    /// Moves flags into a transaction for the open folder. Returns whether messages vanished. They are not taken for
    /// gone yet: they may have moved elsewhere, or the folder has (Cyrus tells whoever has a renamed folder open that all
    /// is gone). A round tells which; the cursor stays, so that the server says again what vanished from where.
    pub fn drain_into(&mut self, changes: &mut Changes) -> bool {
        changes.flags.append(&mut self.flags);
        let vanished = !std::mem::take(&mut self.vanished).is_empty();
        self.elsewhere |= vanished;
        vanished
    }

    /// Another folder is about to be opened: it is compared as a whole, so what was said about the
    /// one before will be seen again when that one is looked at.
    pub fn leave_folder(&mut self) {
        if self.has_changes() || self.expunged || self.exists.is_some() {
            self.elsewhere = true;
        }
        self.flags.clear();
        self.vanished = UidSet::new();
        self.expunged = false;
        self.exists = None;
    }
}
