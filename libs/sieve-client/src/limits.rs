//! How long we wait for a server and how much of its talk we keep.

use std::time::Duration;

/// How much is read from the socket at once.
pub(crate) const READ_BYTES: usize = 4 * 1024;
/// The largest script, or other counted text, that we take and send, in bytes. Servers allow about as much.
pub(crate) const SCRIPT_BYTES: usize = 1024 * 1024;
/// The most lines of one answer: a list of scripts, or of capabilities.
pub(crate) const ANSWER_LINES: usize = 2000;
/// All that is kept of one answer, in bytes.
pub(crate) const ANSWER_BYTES: usize = 2 * SCRIPT_BYTES;
/// The longest name of a script, in bytes (RFC 5804 section 1.6 asks a server for 512).
pub(crate) const NAME_BYTES: usize = 512;
/// The longest text between quotation marks (RFC 5804 section 4); what is longer is counted.
pub(crate) const QUOTED_BYTES: usize = 1024;

/// How long each kind of wait may last. A wait covers a whole answer, not one read: a server that drips bytes gains nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the greeting is complete.
    pub greeting: Duration,
    /// Until the answer to a command is complete; also for one write.
    pub command: Duration,
    /// Until the answer to LOGOUT, which changes nothing any more.
    pub quit: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            greeting: Duration::from_secs(20),
            command: Duration::from_secs(30),
            quit: Duration::from_secs(2),
        }
    }
}
