//! What can go wrong between us and a server, named so that a caller knows who acts next.

use std::io;
use std::time::Duration;

use mail_net::NetError;
use mail_net::line_wire::LineError;
use mail_net::sasl::SaslError;
use thiserror::Error;

use crate::answer::Answer;

/// Why something could not be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Pop3Error {
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
    /// The first line is not a POP3 greeting: another protocol, another port.
    #[error("this is not a POP3 server; its first line was: {line}")]
    NotPop3 {
        /// The line, made printable and cut.
        line: String,
    },
    /// A line that is no POP3 answer, or an answer that makes no sense here.
    #[error("the server's answer makes no sense: {line}")]
    Nonsense {
        /// The line, made printable.
        line: String,
    },
    /// A line, a listing or a message beyond the limits.
    #[error("the server sent too much: {what}")]
    TooLong {
        /// What was too long.
        what: &'static str,
    },
    /// The server said no to a command.
    #[error("the server refused {command}: {}", answer.text)]
    Refused {
        /// The command, such as `RETR`, or `the connection` for a refusing greeting.
        command: &'static str,
        /// What the server said.
        answer: Answer,
    },
    /// The server does not have this optional command.
    #[error("the server does not offer {command}")]
    Unsupported {
        /// The command, such as `UIDL`.
        command: &'static str,
    },
    /// STLS was wanted and the server does not offer it. We never go on without.
    #[error("the server does not offer STLS")]
    StlsNotOffered,
    /// There was something after the answer to STLS and before TLS: somebody on the way may have put it there.
    #[error(
        "the server sent more than its answer to STLS before TLS began; this can be an attack, so the connection was dropped"
    )]
    StlsInjection,
    /// The server offers no way to sign in that fits the credentials.
    #[error("the server offers no way to sign in that fits (it offers: {})", if offered.is_empty() { "none".to_owned() } else { offered.join(", ") })]
    NoMechanism {
        /// The mechanisms the server offers.
        offered: Vec<String>,
    },
    /// The server did not accept the sign-in. It may have counted this attempt.
    #[error("the server refused the sign-in: {text}")]
    AuthFailed {
        /// The response code: `AUTH` says that the credentials are wrong, `SYS/TEMP`, `SYS/PERM`, `IN-USE` and `LOGIN-DELAY`
        /// that something else is.
        code: Option<String>,
        /// The server's text.
        text: String,
        /// The decoded error of an OAuth mechanism (RFC 7628), JSON as the server wrote it.
        oauth_error: Option<String>,
    },
    /// The SASL exchange went wrong on our side: the server's proof is false, or a challenge is malformed.
    #[error("signing in failed: {0}")]
    Sasl(#[from] SaslError),
    /// The user name or password has a character that a command line cannot hold.
    #[error("the user name or the password has a line end or a control character")]
    BadCredentials,
    /// The operating system gave no random numbers for a sign-in.
    #[error("no random numbers from the operating system: {0}")]
    Random(String),
    /// An earlier exchange on this session was cut short, so what comes next cannot be told apart.
    #[error("this connection cannot be used any more")]
    Unusable,
}

impl From<LineError> for Pop3Error {
    fn from(error: LineError) -> Pop3Error {
        match error {
            LineError::Io { what, source } => Pop3Error::Io { what, source },
            LineError::Closed { what } => Pop3Error::Closed { what },
            LineError::TimedOut { what, after } => Pop3Error::TimedOut { what, after },
            LineError::TooLong => Pop3Error::TooLong { what: "a line" },
            LineError::Unusable => Pop3Error::Unusable,
        }
    }
}
