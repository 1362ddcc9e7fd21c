//! Mail messages as values: read, shown, answered, written, threaded and searched.
//!
//! Everything here is a pure function of its arguments: no sockets, no files, no clock, no async.
//! Whatever bytes come in, every function returns within bounded time and memory and never
//! panics; the bounds are named constants of the module that keeps them.
//!
//! * [`read`]: RFC 5322 bytes to [`Head`], [`Message`], [`Summary`] and [`Attachment`]
//! * [`report`], [`auth_results`]: what machines wrote into a message
//! * [`sanitize`], [`html_text`], [`reply_text`]: bodies made safe, plain and short
//! * [`compose`], [`reply`], [`calendar`], [`written_to()`]: drafts to bytes on the wire, and from whom an answer leaves
//! * [`auto_reply`]: what may be answered by itself, and how
//! * [`thread`], [`subject`], [`search`]: conversations and words

mod address;
mod attachments;
pub mod auth_results;
pub mod auto_reply;
mod body;
pub mod calendar;
pub mod certified;
mod charset;
mod clean;
pub mod compose;
mod compose_body;
mod compose_check;
mod css;
mod date;
mod decode;
mod flowed;
mod header;
mod html_gate;
mod html_scan;
pub mod html_text;
mod html_url;
pub mod inline;
mod mime;
pub mod read;
pub mod receipt;
pub mod reply;
pub mod reply_text;
pub mod report;
pub mod sanitize;
pub mod search;
mod seven_bit;
pub mod subject;
pub mod thread;
mod transfer;
mod words;
mod written_to;

pub use address::Address;
pub use auth_results::AuthResults;
pub use compose::{
    CalendarPart, ComposeError, Composed, Draft, DraftAttachment, Outside, Piece, Prepared,
    compose, date_field, message_id, prepare, tidy,
};
pub use read::{
    Attachment, AttachmentMeta, Head, Message, SearchText, Summary, attachment, head, read,
    summarize,
};
pub use report::{Confidence, Disposition, Report, ReportKind, ReportRecipient};
pub use seven_bit::{NotSevenBit, SevenBit};
pub use transfer::{Base64Lines, LineScan};
pub use written_to::written_to;
