//! Every public function of the store, on both databases.

#[path = "../common/mod.rs"]
mod common;

mod evidence;
mod submissions;
mod webhooks;
