//! What can go wrong on the road to a mail server, named so that a person can act on it.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::certificate::CertificateInfo;

/// Why a server could not be reached, or not be trusted.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The address policy does not permit this host or port; nothing was sent.
    #[error("connecting to {host} is not allowed: {reason}")]
    Blocked {
        /// The host that was asked for.
        host: String,
        /// Which rule said no.
        reason: String,
    },
    /// The name system says that this name does not exist.
    #[error("the name {host} does not exist")]
    NameNotFound {
        /// The host that was asked for.
        host: String,
    },
    /// The name system gave no usable answer; trying later may help.
    #[error("the name {host} could not be looked up: {message}")]
    DnsFailed {
        /// The host that was asked for.
        host: String,
        /// The resolver's own words.
        message: String,
    },
    /// The name exists but has no address.
    #[error("the name {host} has no address")]
    NoAddress {
        /// The host that was asked for.
        host: String,
    },
    /// Every address answered that nobody listens on the port.
    #[error("{host} refuses connections on port {port}")]
    Refused {
        /// The host that was asked for.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// A step took longer than it may.
    #[error("{host}: {what} took longer than {} s", after.as_secs_f32())]
    TimedOut {
        /// The host that was asked for.
        host: String,
        /// The step, such as "the TLS handshake".
        what: &'static str,
        /// The limit that was exceeded.
        after: Duration,
    },
    /// There is no route to any of the addresses.
    #[error("{host} cannot be reached on port {port}: {message}")]
    Unreachable {
        /// The host that was asked for.
        host: String,
        /// The TCP port.
        port: u16,
        /// The operating system's own words.
        message: String,
    },
    /// The TLS handshake failed or the certificate was refused.
    #[error(transparent)]
    Tls(Box<TlsFailure>),
    /// An extra certificate authority could not be read.
    #[error("the extra certificate authority cannot be used: {message}")]
    InvalidCa {
        /// What is wrong with it.
        message: String,
    },
    /// Any other failure of the connection.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// A failed TLS handshake.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct TlsFailure {
    /// What a person should look at.
    pub kind: TlsFailureKind,
    /// The certificate that the server showed, if it came that far.
    pub certificate: Option<CertificateInfo>,
    /// One plain English sentence.
    pub message: String,
}

/// The classes of TLS failure that call for different actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsFailureKind {
    /// Signed by an authority that is not known here, or the chain is incomplete.
    Untrusted,
    /// The certificate vouches for itself.
    SelfSigned,
    /// The certificate belongs to other names.
    NameMismatch,
    /// The certificate is no longer valid.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The server answered in plain text on this port.
    NotTls,
    /// No protocol version or cipher in common; TLS 1.2 is the least that is accepted.
    ProtocolTooOld,
    /// The certificate is not the pinned one.
    PinMismatch,
    /// Anything else; see the message.
    Other,
}
