//! How much a server may send, and how long it may be silent. All of them are hard: beyond, the session ends.

use std::time::Duration;

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
    /// The most unsolicited items that wait for [`crate::Session::take_unsolicited`].
    pub unsolicited: usize,
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
            list_entries: 500_000,
            unsolicited: 1_000_000,
            greeting: Duration::from_secs(30),
            progress: Duration::from_secs(60),
        }
    }
}
