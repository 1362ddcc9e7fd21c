//! One folder: look at it, take in what changed, fetch what is new, fill the past.

mod bodies;
mod copies;
pub mod fetch;
pub(crate) mod half;
mod heads;
pub mod look;
pub mod parse;
pub mod plan;
mod refusals;
mod storing;
