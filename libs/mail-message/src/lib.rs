//! Mail messages as values: read, shown, answered, written, threaded and searched.
//!
//! Everything here is a pure function of its arguments: no sockets, no files, no clock, no async.
//! Whatever bytes come in, every function returns within bounded time and memory and never
//! panics; the bounds are named constants of the module that keeps them.
//!
//! * [`read`]: RFC 5322 bytes to [`Head`], [`Message`], [`Summary`] and [`Attachment`]
//! * [`report`], [`auth_results`]: what machines wrote into a message
//! * [`sanitize`], [`html_text`], [`reply_text`]: bodies made safe, plain and short
//! * [`compose`], [`reply`]: drafts to bytes on the wire
//! * [`thread`], [`subject`], [`search`]: conversations and words

mod address;
mod attachments;
pub mod auth_results;
mod body;
mod charset;
mod clean;
pub mod compose;
mod compose_check;
mod css;
mod date;
mod decode;
mod header;
mod html_gate;
mod html_scan;
pub mod html_text;
mod html_url;
mod mime;
pub mod read;
pub mod reply;
pub mod reply_text;
pub mod report;
pub mod sanitize;
pub mod search;
pub mod subject;
pub mod thread;
mod words;

pub use address::Address;
pub use auth_results::AuthResults;
pub use compose::{ComposeError, Composed, Draft, DraftAttachment, compose, message_id};
pub use read::{
    Attachment, AttachmentMeta, Head, Message, SearchText, Summary, attachment, head, read,
    summarize,
};
pub use report::{Report, ReportKind, ReportRecipient};
