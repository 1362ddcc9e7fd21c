//! From bytes to responses and from commands to bytes.
//!
//! [`buffer`] frames, [`response`] tells the kinds of response apart, [`tokenizer`] and [`value`] read what is inside,
//! [`command`] writes.

pub(crate) mod buffer;
pub(crate) mod command;
pub(crate) mod link;
pub(crate) mod response;
pub(crate) mod tokenizer;
pub(crate) mod value;
