//! Every public function of the store, on both databases.

#[path = "../common/mod.rs"]
mod common;

mod access;
mod blobs;
mod evidence;
mod ingest;
mod pop3;
mod reading;
mod reports;
mod server_profiles;
mod submissions;
mod webhooks;
