//! Extensions that are more than one command: compression, push (IDLE, NOTIFY) and quick resynchronisation.

pub(crate) mod compress;
pub(crate) mod idle;
pub(crate) mod notify;
pub(crate) mod qresync;
