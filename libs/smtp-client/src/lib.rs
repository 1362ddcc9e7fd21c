//! An SMTP submission client that says exactly what became of a message.
//!
//! The story of one connection, and the file that tells each part:
//!
//! 1. [`Session::start`] hears the greeting and recognises a server that speaks something else (`session.rs`).
//! 2. [`Session::ehlo`] learns what the server can do (`capability.rs`); [`Session::starttls`] makes the connection private,
//!    forgets all that was learnt before and asks again.
//! 3. [`Session::login`] proves who we are, with at most one attempt that a server could count (`auth.rs`).
//! 4. [`Session::send`] hands over one message (`transaction.rs`): the addresses are checked (`envelope.rs`), notices are asked
//!    for (`dsn.rs`), every recipient gets an answer of its own (`reply.rs`), the body is streamed in a form that cannot be
//!    mistaken for a second message (`data.rs`), up to a final dot (`body.rs`) or in counted chunks where the server takes them
//!    (`chunks.rs`), and the result is one of: not sent, accepted, refused, unknown.
//! 5. [`Session::quit`] says goodbye. A session can send any number of messages before that, or as many as the server says
//!    (`server_limits.rs`, [`Session::is_spent`]).
//!
//! Everything the server says is bounded (`limits.rs`) and every wait has a deadline. No method is safe to drop half-way and
//! then go on with: a session whose exchange was cut short says [`SmtpError::Unusable`] from then on.

mod auth;
mod body;
mod capability;
mod chunks;
mod data;
mod dsn;
mod envelope;
mod error;
mod limits;
mod reply;
mod server_limits;
mod session;
mod transaction;

pub use auth::LoginDone;
pub use capability::{Capabilities, SizeLimit};
pub use dsn::{Dsn, Notify, Return};
pub use envelope::{AddressProblem, Envelope};
pub use error::SmtpError;
pub use limits::Limits;
pub use reply::Reply;
pub use server_limits::ServerLimits;
pub use session::{Greeting, Session};
pub use transaction::{DataResult, Outcome, RecipientReply};
