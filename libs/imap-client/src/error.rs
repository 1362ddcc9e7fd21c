//! What can go wrong in an IMAP session.

use std::io;

use mail_net::NetError;

/// Why an IMAP command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    /// The TLS upgrade failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The connection failed.
    #[error("the connection to the IMAP server failed: {0}")]
    Io(#[from] io::Error),
    /// The server closed the connection without a word, or an earlier failure had already ended it.
    #[error("the IMAP server closed the connection")]
    Closed,
    /// Nothing came (or could be sent) for as long as the limits allow.
    #[error("the IMAP server was silent for too long while we waited for {what}")]
    TimedOut {
        /// What was waited for.
        what: &'static str,
    },
    /// Something else listens on this port.
    #[error("this is not an IMAP server; it says: {line}")]
    NotImap {
        /// The first line it sent.
        line: String,
    },
    /// The server said good-bye.
    #[error("the IMAP server ended the session: {text}")]
    Bye {
        /// The server's reason.
        text: String,
    },
    /// The server refused the command.
    #[error("the IMAP server refused {command}: {text}")]
    No {
        /// The command's name.
        command: &'static str,
        /// The response code's first word in capitals, such as `OVERQUOTA`.
        code: Option<String>,
        /// The server's reason.
        text: String,
    },
    /// The server did not understand the command.
    #[error("the IMAP server did not understand {command}: {text}")]
    Bad {
        /// The command's name.
        command: &'static str,
        /// The response code's first word in capitals.
        code: Option<String>,
        /// The server's reason.
        text: String,
    },
    /// The server sent more than [`crate::Limits`] allow. The session is over.
    #[error("the IMAP server exceeded a limit: {what}")]
    Limit {
        /// Which limit, with the number that broke it.
        what: String,
    },
    /// The conversation went off the rails, or the caller asked for something that cannot be said in IMAP.
    #[error("IMAP protocol error: {what}")]
    Protocol {
        /// What happened.
        what: String,
    },
    /// Bytes were waiting behind the answer to STARTTLS: someone injected them (RFC 9051 section 11.1).
    #[error("the server (or someone in between) sent text behind its STARTTLS answer")]
    StartTlsInjection,
    /// The server refused the credentials.
    #[error("the IMAP server refused the login ({mechanism}): {text}")]
    AuthFailed {
        /// The mechanism, or `LOGIN command`.
        mechanism: String,
        /// The response code's first word, such as `AUTHENTICATIONFAILED`.
        code: Option<String>,
        /// The server's reason.
        text: String,
        /// The decoded error of an OAuth mechanism, usually JSON.
        oauth_error: Option<String>,
    },
    /// The server offers no mechanism that fits the credentials.
    #[error("the IMAP server offers no login method that fits; it offers: {}", offered.join(" "))]
    NoMechanism {
        /// The SASL mechanisms the server listed.
        offered: Vec<String>,
    },
    /// The server forbids the LOGIN command and offers no other way; often TLS is missing.
    #[error("the IMAP server does not allow logging in on this connection (LOGINDISABLED)")]
    LoginDisabled,
    /// A move needs MOVE or UIDPLUS; without them messages of other clients could be removed.
    #[error("the IMAP server has neither MOVE nor UIDPLUS, so messages cannot be moved safely")]
    NeedsExpunge,
    /// The session may only read (see [`crate::Session::read_only`]); nothing was sent.
    #[error("{command} was not sent, because the mailbox is set to be read only")]
    ReadOnly {
        /// The command's name.
        command: &'static str,
    },
    /// The extension is not offered.
    #[error("the IMAP server does not offer {what}")]
    Unsupported {
        /// The capability's name.
        what: &'static str,
    },
}

impl ImapError {
    /// Whether the session cannot be used any more.
    pub fn is_fatal(&self) -> bool {
        match self {
            ImapError::No { .. }
            | ImapError::Bad { .. }
            | ImapError::AuthFailed { .. }
            | ImapError::NoMechanism { .. }
            | ImapError::LoginDisabled
            | ImapError::NeedsExpunge
            | ImapError::ReadOnly { .. }
            | ImapError::Unsupported { .. } => false,
            ImapError::Net(_)
            | ImapError::Io(_)
            | ImapError::Closed
            | ImapError::TimedOut { .. }
            | ImapError::NotImap { .. }
            | ImapError::Bye { .. }
            | ImapError::Limit { .. }
            | ImapError::Protocol { .. }
            | ImapError::StartTlsInjection => true,
        }
    }

    /// The response code's first word in capitals, where the server refused a command and gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            ImapError::No { code, .. } | ImapError::Bad { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn protocol(what: impl Into<String>) -> ImapError {
        ImapError::Protocol { what: what.into() }
    }

    pub(crate) fn limit(what: impl Into<String>) -> ImapError {
        ImapError::Limit { what: what.into() }
    }
}
