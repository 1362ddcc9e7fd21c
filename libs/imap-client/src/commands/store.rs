//! UID STORE: changing flags. The answer is read, because some servers say OK and do nothing.

use super::fetch_meta::MAX_SET_TEXT;
use crate::limits::Budget;
use crate::message_meta::{self, MessageMeta};
use crate::session::{Completed, Session};
use crate::wire::command::Command;
use crate::wire::response::{Response, StatusKind};
use crate::{ImapError, UidSet};

/// What happens to the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreMode {
    /// These are added.
    Add,
    /// These are taken away.
    Remove,
    /// These replace all others.
    Set,
}

/// What a store did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreResult {
    /// The messages whose new flags the server told.
    pub updated: Vec<MessageMeta>,
    /// The messages that were left alone because they had changed since `unchanged_since`.
    pub modified: UidSet,
}

impl Session {
    /// Changes flags. With `unchanged_since` (needs CONDSTORE) messages with a higher MODSEQ are left alone.
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error. Earlier parts of a long set may have been done already.
    pub async fn uid_store<S: AsRef<str>>(
        &mut self,
        uids: &UidSet,
        mode: StoreMode,
        flags: &[S],
        unchanged_since: Option<u64>,
    ) -> Result<StoreResult, ImapError> {
        let verb = match mode {
            StoreMode::Add => "+FLAGS",
            StoreMode::Remove => "-FLAGS",
            StoreMode::Set => "FLAGS",
        };
        let condition = unchanged_since
            .filter(|_| self.has_modseq)
            .map(|modseq| format!("(UNCHANGEDSINCE {modseq}) "))
            .unwrap_or_default();
        self.store_in_parts(uids, |command, set| {
            command
                .raw(&format!("{set} {condition}{verb}"))?
                .flags(flags)
        })
        .await
    }

    /// One command for each part of a long set, several in flight.
    pub(crate) async fn store_in_parts(
        &mut self,
        uids: &UidSet,
        build: impl Fn(Command, &UidSet) -> Result<Command, ImapError>,
    ) -> Result<StoreResult, ImapError> {
        let mut commands = Vec::new();
        for set in uids.chunks(u64::MAX, MAX_SET_TEXT) {
            commands.push(build(self.command("UID STORE"), &set)?);
        }
        let mut budget = Budget::new(self.limits.collected);
        let mut result = StoreResult::default();
        let updated = &mut result.updated;
        let ended = self
            .run_all("UID STORE", commands, &mut |response: &Response<'_>| {
                let Some((seq, rest)) = response.numbered("FETCH") else {
                    return Ok(false);
                };
                let (meta, _) = message_meta::parse(seq, rest);
                let ours = meta.uid.is_some_and(|uid| uids.contains(uid));
                if ours {
                    budget.spend(meta.cost())?;
                    updated.push(meta);
                }
                Ok(ours)
            })
            .await?;
        for ended in ended {
            result.finish(ended)?;
        }
        Ok(result)
    }
}

impl StoreResult {
    /// A NO with MODIFIED is the answer to the condition, not a failure (RFC 7162 section 3.1.3).
    fn finish(&mut self, ended: Completed) -> Result<(), ImapError> {
        match ended.code_args("MODIFIED") {
            Some(args) if ended.kind != StatusKind::Bad => {
                self.modified.extend(&UidSet::parse_bytes(args));
                Ok(())
            }
            _ => ended.into_result("UID STORE").map(drop),
        }
    }
}
