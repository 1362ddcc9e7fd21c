//! One engine that proves a mailbox, and one language for what stands in the way.
//!
//! - [`problems`] is the catalogue: every problem with its cause, its remedy and who acts next.
//! - [`recognise`] turns what a server said, or a socket did, into one entry of it. Pure.
//! - [`open`] goes from settings to a signed-in session, for whoever needs one: the report, the synchroniser, the outbox.
//! - [`detect`] goes from an address to settings, and says where they come from.
//! - [`engine`] makes the connection report: ten steps, streamed as they end, and a verdict of one sentence.
//! - [`typed`] turns what people type into settings, or says what is wrong with it. Pure.
//! - [`server_reply`] has a mailbox's own server answer while nobody is there.
//! - [`roles`] says what a folder is for.

mod alike;
pub mod detect;
pub mod engine;
pub mod open;
pub mod problems;
pub mod providers;
pub mod recognise;
mod report;
mod request;
pub mod roles;
mod run;
pub mod server_reply;
mod steps;
mod test_message;
pub mod typed;

pub use engine::Engine;
pub use model::mailbox::Logins;
pub use recognise::{Failure, Peer, Spoken};
pub use report::{for_a_person, proofs};
pub use request::{Count, TestRequest};
pub use test_message::TestMessageId;
