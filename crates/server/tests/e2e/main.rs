//! The product as a black box: the real binary beside real mail servers, through REST and the command line alone.
//!
//! One file for each thing that the product must do; [`setting`] has what they share. Each test has a server and
//! mailboxes of its own; Dovecot, Postfix, PostgreSQL and S3 are shared by the whole run.

mod append;
mod auto_reply;
mod auto_reply_on_server;
mod bad_input;
mod belonging;
mod change;
mod commands;
mod compose;
mod connect;
mod crash;
mod crash_auto_reply;
mod crash_changes;
mod crash_merging;
mod crash_sending;
mod detect;
mod drafts;
mod full_disk;
mod identities;
mod ledger;
mod life;
mod newcomer;
mod nodes;
mod operate;
mod owed;
mod pop3;
mod profiles;
mod provider_limits;
mod providers;
mod requests;
mod returned;
mod send;
mod sent_copy;
mod setting;
mod sync;
mod tell;
mod wishes;
