//! The synchronisation against real servers: after every scenario the store equals the server.

#[macro_use]
mod servers_each;

mod ahead;
mod audit;
mod breakdown;
mod conversations;
mod crowd;
mod differential;
mod first;
mod follower;
mod following;
mod hands;
mod headers_only;
mod invariants;
mod labels;
mod labels_differential;
mod large;
mod lasting_ids;
mod ledger;
mod limits;
mod log;
mod owed;
mod owed_appends;
mod owed_copies;
mod owed_folders;
mod owed_moves;
mod owed_order;
mod pop3;
mod pop3_originals;
mod proofs;
mod servers_differences;
mod switching;
mod test_messages;
mod troubled;
mod utf8_names;
mod waiting;
