//! How much a server may send, and how long it may be silent. All of them are hard: beyond, the session ends.

use std::time::Duration;

use crate::{ImapError, UidSet};

/// Bounds of one session.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest line in bytes, literals not counted. SEARCH and VANISHED lists may have sixteen times that: they are
    /// one line for a whole folder.
    pub line: usize,
    /// The largest literal in bytes that is accepted at all.
    pub literal: u64,
    /// The largest literal in bytes that is kept in memory inside a response; a larger one reads as NIL.
    /// Bodies that are streamed are not affected.
    pub inline_literal: u64,
    /// The largest response in bytes, literals that are kept included.
    pub response: usize,
    /// The most folders one LIST may name.
    pub list_entries: usize,
    /// The most memory in bytes (roughly) that unsolicited items may take until [`crate::Session::take_unsolicited`].
    pub unsolicited: usize,
    /// The most memory in bytes (roughly) that the answers to one command may take where they are collected.
    pub collected: usize,
    /// How long to wait for the greeting.
    pub greeting: Duration,
    /// How long a command may go without a single byte from the server.
    pub progress: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            line: 1 << 20,
            literal: 2 << 30,
            inline_literal: 1 << 20,
            response: 8 << 20,
            list_entries: 200_000,
            unsolicited: 32 << 20,
            collected: 64 << 20,
            greeting: Duration::from_secs(30),
            progress: Duration::from_secs(60),
        }
    }
}

/// What any kept item costs beside its text.
pub(crate) const ITEM_COST: usize = 200;

/// Memory that answers may still take: a server that never stops must not fill ours.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    left: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Budget {
        Budget { limit, left: limit }
    }

    /// Takes `bytes` off.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), ImapError> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            ImapError::limit(format!("answers of more than {} bytes", self.limit))
        })?;
        Ok(())
    }

    /// Adds UIDs to a set, and takes off what they cost.
    pub(crate) fn extend(&mut self, set: &mut UidSet, more: &UidSet) -> Result<(), ImapError> {
        self.spend(size_of_val(more.ranges()))?;
        set.extend(more);
        Ok(())
    }
}
