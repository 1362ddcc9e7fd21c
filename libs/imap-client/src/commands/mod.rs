//! One file for each command, in the order a session meets them.

pub(crate) mod append;
pub(crate) mod capability;
pub(crate) mod enable;
pub(crate) mod fetch_body;
pub(crate) mod fetch_meta;
pub(crate) mod fetch_part;
pub(crate) mod id;
pub(crate) mod labels;
pub(crate) mod list;
pub(crate) mod login;
pub(crate) mod mailbox;
pub(crate) mod move_copy;
pub(crate) mod namespace;
pub(crate) mod noop;
pub(crate) mod quota;
pub(crate) mod search;
pub(crate) mod select;
pub(crate) mod starttls;
pub(crate) mod status;
pub(crate) mod store;
