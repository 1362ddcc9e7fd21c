//! How long we wait for a server and how much of its talk we keep.

use std::time::Duration;

/// The most capabilities of one CAPA answer.
pub(crate) const CAPABILITY_LINES: usize = 256;
/// The longest command line, in bytes with its line end (RFC 2449 section 4); a longer SASL response waits to be asked for.
pub(crate) const COMMAND_BYTES: usize = 255;
/// The most RETR commands sent before their answers are read (RFC 2449 section 6.6). Together they are far smaller than a
/// socket buffer, so writing them never waits for the server to read.
pub(crate) const PIPELINED_COMMANDS: usize = 50;
/// How much is read from the socket at once.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// How long each kind of wait may last, and how much a server may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the greeting is complete.
    pub greeting: Duration,
    /// Until the first line of any answer is complete; also for one write. Some servers open a large maildrop only at PASS
    /// or STAT, which takes its time.
    pub command: Duration,
    /// Until the next bytes of a listing or a message.
    pub read: Duration,
    /// Until the answer to QUIT, when the server deletes.
    pub quit: Duration,
    /// The most messages of one listing.
    pub listing_entries: usize,
    /// The most bytes of all unique ids together.
    pub listing_bytes: usize,
    /// The most bytes of one message.
    pub message_bytes: u64,
}

impl Limits {
    /// For work in the background.
    pub const fn patient() -> Limits {
        Limits {
            greeting: Duration::from_secs(60),
            command: Duration::from_secs(180),
            read: Duration::from_secs(60),
            quit: Duration::from_secs(120),
            listing_entries: 1_000_000,
            listing_bytes: 64 * 1024 * 1024,
            message_bytes: 256 * 1024 * 1024,
        }
    }

    /// Short waits for when a person is watching.
    pub const fn interactive() -> Limits {
        Limits {
            greeting: Duration::from_secs(20),
            command: Duration::from_secs(20),
            read: Duration::from_secs(20),
            quit: Duration::from_secs(5),
            ..Limits::patient()
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::patient()
    }
}
