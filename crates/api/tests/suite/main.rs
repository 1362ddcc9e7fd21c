//! The API over its router, with a SQLite store.

mod common;

mod access;
mod appending;
mod belonging;
mod composing;
mod description;
mod detect;
mod drafts;
mod events;
mod failures;
mod headers_only;
mod idempotency;
mod identities;
mod mailboxes;
mod merges;
mod messages;
mod negative;
mod providers;
mod receipts;
mod server_profiles;
mod signatures;
mod submissions;
mod tags;
mod typed;
mod uploads;
mod webhooks;
