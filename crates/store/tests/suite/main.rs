//! Every public function of the store, on both databases.

#[path = "../common/mod.rs"]
mod common;

mod blobs;
mod evidence;
mod ingest;
mod submissions;
mod webhooks;
