//! The REST API under `/v1`, its description at `/openapi.json`, and the doors for machines that
//! watch (`/healthz`, `/readyz`, `/metrics`).
//!
//! A request passes, from the outside in: [`layers`] (trace id, span, security headers, panics),
//! [`authentication`] and [`caller`] (who asks, and what may they do and see), [`input`] (JSON and parameters, with a
//! pointer to each mistake), its handler in `routes/<noun>/<verb>.rs`, and on the way out
//! [`error`], which makes every failure a problem document (RFC 9457).
//!
//! The API opens no connection to a mail server but through a [`reporter::Reporter`] and a [`detector::Detect`]; everything
//! else it does is rows in the store, which the other parts look at.

mod authentication;
pub mod caller;
mod cookies;
mod decode;
mod detection;
pub mod detector;
pub mod error;
mod etag;
mod idempotent;
pub mod input;
mod layers;
mod limiter;
mod openapi;
mod page;
mod passwords;
mod proving;
mod ranges;
pub mod reporter;
mod routes;
mod state;
mod trace;
mod variables;

pub use routes::{document, router};
pub use state::{ApiState, Setup};
