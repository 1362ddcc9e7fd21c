//! The project's harness of real servers, and what tests need around them.
//!
//! - [`servers`]: where Dovecot, Postfix, Cyrus, Courier, PostgreSQL and S3 of this run listen (the program `mail-servers` starts
//!   them; nextest's setup script calls it).
//! - [`user`]: a mailbox of the test's own; [`TestUser::seed`] fills it before the first sign-in, [`deliver`] and [`deliver_from`] by LMTP.
//! - [`ImapProbe`]: a second, independent IMAP client, and with it the [`oracle`] that results are compared with.
//! - [`Generator`]: deterministic mail; [`Random`]: the same numbers on every machine. - [`Proxy`]: a connection that can be cut; [`MindingProxy`]: cut at one command. - [`Postroom`]: the real binary.
//! - [`SecondClient`]: random things done to a mailbox; [`replay`]: what the events alone tell of it.
//! - [`script`]: a server that follows a script, at the other end of a pipe.
//! - [`WriteLog`]: what a power cut leaves of a folder.
//! - [`postgres_database`], [`bucket`]: a fresh database and a fresh bucket.
//!
//! What goes wrong in here panics with a sentence that says what to do: a test has no other use for it.

mod brand;
mod databases;
mod encode;
mod generator;
mod http;
mod json_api;
mod lmtp;
mod maildir;
mod minding;
mod postroom;
mod probe;
mod proxy;
mod random;
mod replay;
mod response;
mod rewriting;
mod samples;
pub mod script;
mod second_client;
mod servers;
mod users;
mod utf7;
mod write_log;

pub use brand::Brand;
pub use databases::{S3Bucket, bucket, postgres_database};
pub use generator::{Generator, Mail, Profile};
pub use http::{Response, SseEvent, SseReader};
pub use json_api::Api;
pub use lmtp::{deliver, deliver_from};
pub use minding::{Deed, MindingProxy};
pub use postroom::{Launch, Postroom, wait_for};
pub use probe::{Contents, ImapProbe, Oracle, Reply, Selected, oracle, sha256_hex};
pub use proxy::{Fault, Proxy};
pub use random::Random;
pub use replay::{Replayed, replay};
pub use response::Item;
pub use second_client::SecondClient;
pub use servers::{ENDPOINTS_FILE, ENVIRONMENT, OtherServer, Servers, servers};
pub use users::{
    TestUser, expired_oauth_token, oauth_token, receiving_user, sending_user, unique, user, user_at,
};
pub use utf7::{utf7_decode, utf7_encode};
pub use write_log::{Change, Left, WriteLog, power_cut};
