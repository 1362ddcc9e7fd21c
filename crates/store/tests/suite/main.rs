//! Every public function of the store, on both databases.

#[path = "../common/mod.rs"]
mod common;

mod access;
mod ahead;
mod belonging;
mod blobs;
mod events;
mod evidence;
mod headers_only;
mod ingest;
mod lanes;
mod order;
mod owed;
mod pop3;
mod power_cut;
mod proofs;
mod reading;
mod removal;
mod reports;
mod schema;
mod searching;
mod server_profiles;
mod submissions;
mod sweep;
mod tags;
mod threading;
mod traffic;
mod unified;
mod webhooks;
