//! Values, states and ids of Postroom: what the words mean, without any I/O.
//!
//! The field names of the serialised types are the contract of the REST API.

pub mod access;
pub mod auto_reply;
pub mod changes;
pub mod completeness;
pub mod detection;
pub mod event;
pub mod folder;
pub mod id;
pub mod identity;
pub mod job;
mod lacks;
pub mod limits;
pub mod mailbox;
pub mod message;
pub mod missing;
pub mod normalised;
pub mod plan;
pub mod problem;
pub mod report;
pub mod returned;
pub mod secret;
pub mod server_profile;
pub mod signature;
pub mod submission;
pub mod tag;
mod text_enum;
pub mod time;
pub mod traffic;
pub mod webhook;
pub mod zone;

pub use id::{fresh_id, least_id, made_at};
pub use secret::Secret;
pub use time::{Clock, Timestamp};
