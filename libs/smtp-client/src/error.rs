//! What can go wrong between us and a server, named so that a caller knows who acts next.

use std::io;
use std::time::Duration;

use mail_net::NetError;
use mail_net::line_wire::LineError;
use mail_net::sasl::SaslError;
use thiserror::Error;

use crate::envelope::AddressProblem;
use crate::reply::Reply;

/// Why something could not be done. None of these says that a message may have been accepted: that is
/// [`DataResult::Unknown`](crate::DataResult::Unknown).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SmtpError {
    /// The connection could not be secured.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The connection broke in the middle of something.
    #[error("the connection broke while waiting for {what}: {source}")]
    Io {
        /// What was being waited for.
        what: &'static str,
        /// What the operating system or TLS said.
        source: io::Error,
    },
    /// The server hung up without a word.
    #[error("the server closed the connection while we waited for {what}")]
    Closed {
        /// What was being waited for.
        what: &'static str,
    },
    /// The server did not answer in time.
    #[error("the server did not answer within {} seconds while we waited for {what}", after.as_secs())]
    TimedOut {
        /// What was being waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The first line is not an SMTP greeting: another protocol, another port.
    #[error("this is not an SMTP server; its first line was: {line}")]
    NotSmtp {
        /// The line, made printable and cut.
        line: String,
    },
    /// A line that is no SMTP reply, or a reply that makes no sense here.
    #[error("the server's answer makes no sense: {line}")]
    Nonsense {
        /// The line, made printable.
        line: String,
    },
    /// A reply line, or a reply, beyond all measure.
    #[error("the server's answer is too long")]
    ReplyTooLong,
    /// The server said no to a command.
    #[error("the server refused {command}: {reply}")]
    Refused {
        /// The command, such as `MAIL`, or `the connection` for a refusing greeting.
        command: &'static str,
        /// What the server said.
        reply: Reply,
    },
    /// The server is going away (421, which may answer any command). Nothing was sent; later is better.
    #[error("the server is closing the connection: {reply}")]
    ServiceClosing {
        /// What the server said.
        reply: Reply,
    },
    /// STARTTLS was wanted and the server does not offer it. We never go on without.
    #[error("the server does not offer STARTTLS")]
    StartTlsNotOffered,
    /// There was something after the answer to STARTTLS and before TLS: somebody on the way may have put it there.
    #[error(
        "the server sent more than its answer to STARTTLS before TLS began; this can be an attack, so the connection was dropped"
    )]
    StartTlsInjection,
    /// The server offers no way to sign in that fits the credentials.
    #[error("the server offers no way to sign in that fits (it offers: {})", if offered.is_empty() { "none".to_owned() } else { offered.join(", ") })]
    NoMechanism {
        /// The mechanisms the server offers.
        offered: Vec<String>,
    },
    /// The server did not accept the sign-in. It may have counted this attempt.
    #[error("the server refused the sign-in: {code} {}{text}", enhanced.as_ref().map(|code| format!("{code} ")).unwrap_or_default())]
    AuthFailed {
        /// The code; 4xx means that the server could not check, not that the credentials are wrong.
        code: u16,
        /// The enhanced code, such as `5.7.8`.
        enhanced: Option<String>,
        /// The server's text.
        text: String,
        /// The decoded error of an OAuth mechanism (RFC 7628), JSON as the server wrote it.
        oauth_error: Option<String>,
    },
    /// The SASL exchange went wrong on our side: the server's proof is false, or a challenge is malformed.
    #[error("signing in failed: {0}")]
    Sasl(#[from] SaslError),
    /// The operating system gave no random numbers for a sign-in.
    #[error("no random numbers from the operating system: {0}")]
    Random(String),
    /// A name or an address that must not be put on the wire.
    #[error("the address {address:?} cannot be used: {problem}")]
    BadAddress {
        /// The address.
        address: String,
        /// What is wrong with it.
        problem: AddressProblem,
    },
    /// An envelope without recipients.
    #[error("the message has no recipients")]
    NoRecipients,
    /// The name for EHLO is empty or has characters that a command line cannot hold.
    #[error("the name {name:?} cannot be used in EHLO")]
    BadClientName {
        /// The name.
        name: String,
    },
    /// The message is larger than the server's SIZE limit; nothing was sent.
    #[error("the message has {size} bytes and the server takes at most {limit}")]
    TooLarge {
        /// The message's size in bytes.
        size: u64,
        /// The server's limit in bytes.
        limit: u64,
    },
    /// The message needs SMTPUTF8 and the server does not offer it; nothing was sent.
    #[error(
        "the message has addresses or headers beyond ASCII, and the server does not offer SMTPUTF8"
    )]
    NeedsSmtpUtf8,
    /// The message needs 8BITMIME and the server does not offer it; nothing was sent.
    #[error("the message has 8-bit content, and the server does not offer 8BITMIME")]
    NeedsEightBitMime,
    /// The message asks for TLS all the way and this connection has none; nothing was sent.
    #[error("the message may only travel over TLS, and this connection has none")]
    NeedsTls,
    /// The message asks for TLS all the way and the server does not promise it; nothing was sent (RFC 8689).
    #[error("the message may only travel over TLS, and the server does not offer REQUIRETLS")]
    NeedsRequireTls,
    /// The name for notices that was given cannot be sent: it is empty, too long, or beyond printable ASCII (RFC 3461 4.4).
    #[error("the envelope id {id:?} cannot be used")]
    BadEnvelopeId {
        /// The id.
        id: String,
    },
    /// The server offers CHUNKING and does not know BDAT. Nothing was sent, and the connection was dropped, because such a
    /// server may take the message for commands. Another connection can do it with [`Session::avoid_chunks`](crate::Session::avoid_chunks).
    #[error("the server offers CHUNKING and does not take it: {reply}")]
    ChunkingUnusable {
        /// What the server said.
        reply: Reply,
    },
    /// The server takes only so many messages over one connection (MAILMAX of RFC 9422); nothing was sent.
    #[error("the server takes at most {limit} messages over one connection, and it has them")]
    ConnectionSpent {
        /// The server's limit.
        limit: u32,
    },
    /// The message could not be read at its source. The connection was dropped, so the server discards what it has.
    #[error("the message could not be read: {0}")]
    Body(#[source] io::Error),
    /// An earlier exchange on this session was cut short, so what comes next cannot be told apart.
    #[error("this connection cannot be used any more")]
    Unusable,
}

impl SmtpError {
    /// The server's reply, where one is the reason.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            SmtpError::Refused { reply, .. }
            | SmtpError::ServiceClosing { reply }
            | SmtpError::ChunkingUnusable { reply } => Some(reply),
            _ => None,
        }
    }
}

impl From<LineError> for SmtpError {
    fn from(error: LineError) -> SmtpError {
        match error {
            LineError::Io { what, source } => SmtpError::Io { what, source },
            LineError::Closed { what } => SmtpError::Closed { what },
            LineError::TimedOut { what, after } => SmtpError::TimedOut { what, after },
            LineError::TooLong => SmtpError::ReplyTooLong,
            LineError::Unusable => SmtpError::Unusable,
        }
    }
}
