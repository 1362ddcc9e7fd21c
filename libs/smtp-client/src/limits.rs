//! How long we wait for a server and how much of its talk we keep.

use std::time::Duration;

/// How much is read from the socket at once.
pub(crate) const READ_BYTES: usize = 4 * 1024;
/// The most lines of one reply. The longest EHLO answers in use have some 30.
pub(crate) const REPLY_LINES: usize = 256;
/// The most bytes of one reply, all lines together.
pub(crate) const REPLY_BYTES: usize = 64 * 1024;
/// The most commands sent before their replies are read (RFC 2920). Small enough that neither side's socket buffer can fill
/// with commands or replies while both wait for the other.
pub(crate) const PIPELINED_COMMANDS: usize = 100;
/// The longest command line with an initial SASL response (RFC 4954 section 4).
pub(crate) const AUTH_LINE_BYTES: usize = 12_288;
/// How much of the body is read from its source, and written, at once.
pub(crate) const BODY_BLOCK_BYTES: usize = 64 * 1024;
/// The least size of every chunk but the last (RFC 3030), in bytes: what is held in memory while it is counted.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;
/// The most chunks sent before their replies are read, where the server offers PIPELINING. A server that refuses one has to
/// read those behind it in vain.
pub(crate) const PIPELINED_CHUNKS: usize = 4;
/// How long a reply that the server may have sent before it hung up is looked for.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long each kind of wait may last. A wait covers a whole reply, not one read: a server that drips bytes gains nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the greeting is complete.
    pub greeting: Duration,
    /// Until the reply to any command but DATA is complete; also for one write of commands.
    pub command: Duration,
    /// Until the reply to DATA itself.
    pub data_start: Duration,
    /// For one block of the body: its reading at the source, and its writing to the server.
    pub data_block: Duration,
    /// Until the reply to the final dot. When this ends, the fate of the message is unknown, so it should be long.
    pub data_end: Duration,
    /// Until the answer to QUIT, which changes nothing any more.
    pub quit: Duration,
}

impl Limits {
    /// The waits that RFC 5321 4.5.3.2 asks a client for: minutes, and ten of them after the final dot.
    pub const fn patient() -> Limits {
        Limits {
            greeting: Duration::from_secs(300),
            command: Duration::from_secs(300),
            data_start: Duration::from_secs(120),
            data_block: Duration::from_secs(180),
            data_end: Duration::from_secs(600),
            quit: Duration::from_secs(5),
        }
    }

    /// Short waits for when a person is watching. The final dot keeps its ten minutes: hurry there makes duplicates.
    pub const fn interactive() -> Limits {
        Limits {
            greeting: Duration::from_secs(20),
            command: Duration::from_secs(20),
            data_start: Duration::from_secs(30),
            data_block: Duration::from_secs(60),
            data_end: Duration::from_secs(600),
            quit: Duration::from_secs(2),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::patient()
    }
}
