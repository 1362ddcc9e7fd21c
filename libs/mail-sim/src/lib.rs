//! Mail servers and a webhook receiver that misbehave on demand, over real loopback sockets.
//!
//! For faults that no real server can be made to show: a line without end, a literal of 4 GiB, a server that talks
//! nonsense. Each simulator runs in a thread of its own, so that blocking and asynchronous tests use it alike, and ends
//! when dropped. Nothing is shared with the product's own clients: a misunderstanding cannot hide on both sides.
//!
//! ```no_run
//! use mail_sim::{ImapFault, ImapScript, ImapSim, Point};
//! let sim = ImapSim::start(ImapScript::new().mail("INBOX", b"Subject: hi\r\n\r\nhello\r\n").fault(ImapFault::EndlessLine(Point::Fetch)));
//! // connect to sim.port(), any user name, password "secret"
//! assert!(sim.log().iter().any(|line| line.contains("LOGIN")));
//! ```

mod deflate;
mod dns;
mod hook;
mod https;
mod imap;
mod net;
mod pop3;
mod profiles;
mod sasl;
mod smtp;
mod tls;

pub use dns::{DnsFault, DnsScript, DnsSim};
pub use hook::{HookRequest, HookSim, Reaction};
pub use https::{HttpsScript, HttpsSim, Page};
pub use imap::{Contents, ImapFault, ImapScript, ImapSim, Point};
pub use net::Encryption;
pub use pop3::{Pop3Fault, Pop3Script, Pop3Sim};
pub use profiles::{
    At, ImapProfile, Pop3Profile, Profile, Refusal, SmtpProfile, profile, profiles,
};
pub use smtp::{ReceivedMail, SmtpFault, SmtpScript, SmtpSim};
pub use tls::TlsFault;

/// The password that every simulator accepts, with any user name.
pub const PASSWORD: &str = "secret";
