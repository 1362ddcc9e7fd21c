//! A ManageSieve client (RFC 5804): reads, checks, stores and activates the Sieve scripts that a server runs over incoming mail.
//!
//! The story of one connection, and the file that tells each part:
//!
//! 1. [`Session::start`] hears the greeting, which lists what the server can do (`capability.rs`), and recognises a server that
//!    speaks something else (`session.rs`).
//! 2. [`Session::starttls`] makes the connection private and forgets all that was learnt before.
//! 3. [`Session::login`] proves who we are, with at most one attempt that a server could count (`auth.rs`).
//! 4. Scripts are listed, read, checked, stored, activated and deleted (`scripts.rs`). Every answer is read by `response.rs`.
//! 5. [`Session::logout`] says goodbye.
//!
//! Everything the server says is bounded (`limits.rs`) and every wait has a deadline. No method is safe to drop half-way and
//! then go on with: a session whose exchange was cut short says [`SieveError::Unusable`] from then on.

mod auth;
mod capability;
mod error;
mod limits;
mod response;
mod scripts;
mod session;

pub use auth::LoginDone;
pub use capability::Capabilities;
pub use error::{Refusal, RefusalCode, SieveError};
pub use limits::Limits;
pub use scripts::Script;
pub use session::Session;
