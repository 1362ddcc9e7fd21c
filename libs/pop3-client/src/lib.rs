//! A POP3 client (RFC 1939) that gives every message byte for byte and never needs a whole one in memory.
//!
//! The story of one connection, and the file that tells each part:
//!
//! 1. [`Session::start`] hears the greeting and recognises a server that speaks something else (`session.rs`).
//! 2. [`Session::capa`] learns what the server can do (`capability.rs`); [`Session::stls`] makes the connection private and
//!    forgets all that was learnt before.
//! 3. [`Session::login`] proves who we are, with at most one attempt that a server could count (`auth.rs`).
//! 4. [`Session::stat`], [`Session::list`] and [`Session::uidl`] tell what is there (`maildrop.rs`). Message numbers hold for
//!    this session only; what [`Session::uidl`] gives is the only lasting identity there is.
//! 5. [`Session::retr`] and [`Session::top`] give a [`Download`] whose chunks are unstuffed on the way (`download.rs`,
//!    `unstuff.rs`); [`Session::retr_all`] asks for many at once where the server can take that.
//! 6. [`Session::dele`] and [`Session::dele_all`] mark (`deletion.rs`); only [`Session::quit`] deletes, and says whether it did.
//!
//! Everything the server says is bounded (`limits.rs`) and every wait has a deadline. A session whose exchange was cut short,
//! by an error or because its future or a download was dropped, says [`Pop3Error::Unusable`] from then on.

mod answer;
mod auth;
mod capability;
mod deletion;
mod download;
mod error;
mod limits;
mod maildrop;
mod session;
mod unstuff;

pub use answer::Answer;
pub use auth::{LoginDone, SignInWay};
pub use capability::Capabilities;
pub use download::{Batch, Download};
pub use error::Pop3Error;
pub use limits::Limits;
pub use maildrop::{Listed, Stat, UniqueId};
pub use session::{Greeting, Session};
