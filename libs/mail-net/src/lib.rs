//! The road to a mail server: name resolution, address policy, TCP, TLS and SASL.
//!
//! The parts are used in this order, and a caller that follows it cannot reach a forbidden address:
//!
//! 1. [`Net::resolve`] asks the system resolver (or the named one) and keeps only addresses that the [`Policy`] permits.
//! 2. [`Net::connect`] races those very addresses (never a second look-up, so no DNS rebinding) and gives a plain [`Stream`].
//! 3. [`Net::tls`] turns a plain stream into a verified one, or says exactly why it would not.
//! 4. [`sasl`] has the mechanisms that IMAP, POP3 and SMTP share.
//!
//! [`line_wire`] reads and writes the lines of POP3 and SMTP. [`Net::mx`], [`Net::srv`] and [`Net::txt`] read what else the name system knows, and [`http`] fetches and posts under
//! the same policy and trust. [`Transcript`] keeps the last lines of a conversation for people who ask "what did the server say?",
//! without anything secret.

mod certificate;
mod connect;
mod error;
pub mod http;
pub mod line_wire;
mod policy;
mod probe;
mod records;
mod resolve;
pub mod sasl;
mod stream;
mod tls;
mod transcript;

pub use certificate::{CertificateInfo, Fingerprint, InvalidFingerprint};
pub use connect::{Net, Timeouts};
pub use error::{NetError, TlsFailure, TlsFailureKind};
pub use policy::{Cidr, InvalidCidr, Policy};
pub use probe::has_route;
pub use records::{Mx, Srv};
pub use resolve::Resolved;
pub use stream::{Stream, TlsInfo};
pub use tls::TlsSettings;
pub use transcript::{Direction, Transcript};

use serde::{Deserialize, Serialize};

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte (RFC 8314 "implicit TLS").
    Tls,
    /// Plain text first, then the protocol's STARTTLS command; without it nothing else is said.
    Starttls,
    /// No protection at all.
    None,
}
