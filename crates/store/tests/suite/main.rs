//! Every public function of the store, on both databases.

#[path = "../common/mod.rs"]
mod common;

mod access;
mod ahead;
mod auto_replies;
mod belonging;
mod blobs;
mod claims;
mod drafts;
mod events;
mod evidence;
mod headers_only;
mod identities;
mod ingest;
mod jobs;
mod lanes;
mod order;
mod outbox;
mod owed;
mod pop3;
mod power_cut;
mod proofs;
mod reading;
mod receipts;
mod removal;
mod reports;
mod returned;
mod schema;
mod searching;
mod server_profiles;
mod submissions;
mod sweep;
mod tags;
mod threading;
mod traffic;
mod unified;
mod uploads;
mod webhooks;
