//! The synchronisation against the real Dovecot: after every scenario the store equals the server.

mod breakdown;
mod differential;
mod first;
mod follower;
mod following;
mod owed;
mod pop3;
mod waiting;
