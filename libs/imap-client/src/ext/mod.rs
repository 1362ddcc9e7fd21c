//! Extensions that are more than one command: push (IDLE, NOTIFY) and quick resynchronisation.

pub(crate) mod idle;
pub(crate) mod notify;
pub(crate) mod qresync;
