//! What can go wrong between us and a server, named so that a caller knows who acts next.

use std::fmt;
use std::io;
use std::time::Duration;

use mail_net::NetError;
use mail_net::line_wire::LineError;
use mail_net::sasl::SaslError;
use thiserror::Error;

/// Why something could not be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SieveError {
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
    /// The first line is not a ManageSieve greeting: another protocol, another port.
    #[error("this is not a ManageSieve server; its first line was: {line}")]
    NotManageSieve {
        /// The line, made printable and cut.
        line: String,
    },
    /// A line that is no ManageSieve answer, or an answer that makes no sense here.
    #[error("the server's answer makes no sense: {line}")]
    Nonsense {
        /// The line, made printable.
        line: String,
    },
    /// An answer beyond all measure.
    #[error("the server's answer is too long")]
    AnswerTooLong,
    /// The server said no to a command.
    #[error("the server refused {command}: {refusal}")]
    Refused {
        /// The command, such as `PUTSCRIPT`.
        command: &'static str,
        /// What the server said.
        refusal: Refusal,
    },
    /// The server is going away (BYE, which may answer anything).
    #[error("the server closed the connection: {refusal}")]
    Bye {
        /// What the server said.
        refusal: Refusal,
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
    #[error("the server refused the sign-in: {refusal}")]
    AuthFailed {
        /// What the server said.
        refusal: Refusal,
        /// The decoded error of an OAuth mechanism (RFC 7628), JSON as the server wrote it.
        oauth_error: Option<String>,
    },
    /// The SASL exchange went wrong on our side: the server's proof is false, or a challenge is malformed.
    #[error("signing in failed: {0}")]
    Sasl(#[from] SaslError),
    /// The operating system gave no random numbers for a sign-in.
    #[error("no random numbers from the operating system: {0}")]
    Random(String),
    /// A name that must not be put on the wire: empty, too long, or with control characters.
    #[error("the script name {name:?} cannot be used")]
    BadName {
        /// The name.
        name: String,
    },
    /// A script of more than a megabyte, which no server takes.
    #[error("the script has {size} bytes, and {limit} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The most.
        limit: usize,
    },
    /// The server does not know this command.
    #[error("the server does not offer {command}")]
    NotOffered {
        /// The command.
        command: &'static str,
    },
    /// An earlier exchange on this session was cut short, so what comes next cannot be told apart.
    #[error("this connection cannot be used any more")]
    Unusable,
}

/// A no, with its reason where the server gave one (RFC 5804 section 1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason for machines.
    pub code: Option<RefusalCode>,
    /// The reason for people, as the server wrote it; for a script that is wrong, the places and what is wrong there. Control
    /// characters but line ends are replaced by spaces.
    pub text: String,
}

/// The reason of a no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalCode {
    /// There is no script of this name.
    NonExistent,
    /// There is one already.
    AlreadyExists,
    /// The active script cannot be deleted.
    Active,
    /// Too many scripts, or too large a one.
    Quota,
    /// For now only.
    TryLater,
    /// Only over TLS.
    EncryptNeeded,
    /// Not by this mechanism.
    AuthTooWeak,
    /// The password has to be sent in plain text once.
    TransitionNeeded,
    /// Another server is responsible: its address (`sieve://...`).
    Referral(String),
    /// Something else, in the server's word.
    Other(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            f.write_str("it gave no reason")
        } else {
            f.write_str(&self.text.replace('\n', " "))
        }
    }
}

impl From<LineError> for SieveError {
    fn from(error: LineError) -> SieveError {
        match error {
            LineError::Io { what, source } => SieveError::Io { what, source },
            LineError::Closed { what } => SieveError::Closed { what },
            LineError::TimedOut { what, after } => SieveError::TimedOut { what, after },
            LineError::TooLong => SieveError::AnswerTooLong,
            LineError::Unusable => SieveError::Unusable,
        }
    }
}
