//! Drafts to bytes on the wire (RFC 5322, RFC 2045 to 2047, RFC 2231).
//!
//! The bytes are fit for any server: 7-bit, CR LF only, no line over 998 octets, domains in
//! ASCII. Only what cannot be said so is not: an address with letters beyond ASCII before its @
//! (RFC 6531 then), and a forwarded message that is 8-bit itself. No field can smuggle in a header
//! or a recipient (S8, S9): control characters are refused with a JSON pointer to the field, and
//! the finished bytes are checked once more. The same draft always gives the same bytes, so a
//! retry sends the same message (R12).
//!
//! [`prepare`] gives the message in pieces, so that files of any size need no memory: the caller
//! writes each piece out, reading files where they lie. [`compose`] puts a small one together.

use crate::address::Address;
use crate::compose_body::{Boundaries, body, split};
use crate::compose_check::{Check, ascii_domain, is_id, is_structured};
use crate::inline;
use crate::transfer::{Base64Lines, LineScan};
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address as WireAddress;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::ToSchema;

/// Recipients of one message, all fields together.
pub const MAX_RECIPIENTS: usize = 2_000;
/// Characters of a subject.
pub const MAX_SUBJECT: usize = 2_000;
/// Ids written into `References`.
pub const MAX_REFERENCES: usize = 50;
/// Files of one message.
pub const MAX_ATTACHMENTS: usize = 500;
/// Extra header fields.
pub const MAX_HEADERS: usize = 100;
/// A message to be written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// Author; also the envelope's sender.
    pub from: Address,
    /// First recipients.
    pub to: Vec<Address>,
    /// Further recipients.
    pub cc: Vec<Address>,
    /// Hidden recipients: in the envelope only.
    pub bcc: Vec<Address>,
    /// Where answers should go.
    pub reply_to: Vec<Address>,
    /// Plain; encoded as needed.
    pub subject: String,
    /// Plain text; made from `html` where missing.
    pub text: Option<String>,
    /// HTML, sent as given.
    pub html: Option<String>,
    /// Files.
    pub attachments: Vec<DraftAttachment>,
    /// An answer to an invitation: a third form of the text, and a file.
    pub calendar: Option<CalendarPart>,
    /// Message id answered to, without brackets.
    pub in_reply_to: Option<String>,
    /// Message ids of the conversation, oldest first, without brackets.
    pub references: Vec<String>,
    /// Extra fields of a short list: `X-*`, `List-*`, `Importance` and the like.
    pub headers: Vec<(String, String)>,
    /// Without brackets, see [`message_id`].
    pub message_id: String,
    /// `Date`, Unix milliseconds.
    pub date_ms: i64,
    /// It is only kept: nobody has to be named yet, and hidden recipients are written down.
    pub unsent: bool,
}

/// A calendar that goes along (RFC 6047).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CalendarPart {
    /// iTIP's method, such as `REPLY`.
    pub method: String,
    /// The calendar.
    pub text: String,
}

/// A file to be sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DraftAttachment {
    /// Name shown to the recipient; path parts are dropped.
    pub filename: String,
    /// "type/subtype".
    pub content_type: String,
    /// Content; empty where it is `outside`.
    pub bytes: Vec<u8>,
    /// For `cid:` addresses in the HTML, without brackets.
    pub content_id: Option<String>,
    /// Shown inside the HTML rather than listed.
    pub inline: bool,
    /// The content lies elsewhere, and is read when the message is written.
    pub outside: Option<Outside>,
}

/// Content that is not in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outside {
    /// Bytes.
    pub length: u64,
    /// What its lines are like; only looked at for inner messages (`message/rfc822`).
    pub lines: LineScan,
}

/// A message ready to be written, see [`prepare`].
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The message, in order.
    pub pieces: Vec<Piece>,
    /// Bytes of the whole message.
    pub length: u64,
    /// For `MAIL FROM`.
    pub envelope_from: String,
    /// For `RCPT TO`: to, cc and bcc, each once (case ignored).
    pub envelope_to: Vec<String>,
    /// As in the draft.
    pub message_id: String,
}

/// A part of a message's bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// As they are.
    Bytes(Vec<u8>),
    /// The content of an attachment.
    File {
        /// Which one of the draft.
        attachment: usize,
        /// In base64 lines ([`Base64Lines`]); else as it is.
        base64: bool,
    },
}

/// A message ready to be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Composed {
    /// The bytes, CR LF at every line end, no `Bcc`.
    pub raw: Vec<u8>,
    /// For `MAIL FROM`.
    pub envelope_from: String,
    /// For `RCPT TO`: to, cc and bcc, each once (case ignored).
    pub envelope_to: Vec<String>,
    /// As in the draft.
    pub message_id: String,
}

/// One field that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the draft, like `/to/0/address`.
    pub pointer: String,
    /// What is wrong, in plain words.
    pub message: String,
}

/// The draft cannot be sent; every field at fault is named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the draft cannot be sent: {}", .errors.iter().map(|e| format!("{}: {}", e.pointer, e.message)).collect::<Vec<_>>().join("; "))]
pub struct ComposeError {
    /// At least one.
    pub errors: Vec<FieldError>,
}

/// Writes `draft` as a message.
///
/// # Errors
/// As [`tidy`] and [`prepare`]; a file whose content is not here.
pub fn compose(draft: &Draft) -> Result<Composed, ComposeError> {
    let mut draft = draft.clone();
    tidy(&mut draft)?;
    let prepared = prepare(&draft)?;
    let mut raw = Vec::with_capacity(usize::try_from(prepared.length).unwrap_or_default());
    for piece in &prepared.pieces {
        match piece {
            Piece::Bytes(bytes) => raw.extend_from_slice(bytes),
            Piece::File { attachment, base64 } => {
                let file = draft.attachments.get(*attachment);
                let Some(file) = file.filter(|file| file.outside.is_none()) else {
                    let pointer = format!("/attachments/{attachment}");
                    return Err(refusal(&pointer, "its content is not here"));
                };
                if *base64 {
                    let mut lines = Base64Lines::default();
                    lines.push(&file.bytes, &mut raw);
                    lines.finish(&mut raw);
                } else {
                    raw.extend_from_slice(&file.bytes);
                }
            }
        }
    }
    Ok(Composed {
        raw,
        envelope_from: prepared.envelope_from,
        envelope_to: prepared.envelope_to,
        message_id: prepared.message_id,
    })
}

/// Brings HTML and inline pictures together: see [`inline::settle`]. To be done once, before
/// [`prepare`]; it may add attachments.
///
/// # Errors
/// The HTML shows a picture that no attachment is, or has one that cannot be read.
pub fn tidy(draft: &mut Draft) -> Result<(), ComposeError> {
    let errors = inline::settle(draft);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ComposeError { errors })
    }
}

/// Makes a message of `draft`, in pieces.
///
/// # Errors
/// Names every field that cannot be sent as it is: no or bad addresses, control characters,
/// refused headers, bad content types, too many of something.
pub fn prepare(draft: &Draft) -> Result<Prepared, ComposeError> {
    let mut check = Check::default();
    let from = check.address(&draft.from, "/from");
    let to = check.list(&draft.to, "/to");
    let cc = check.list(&draft.cc, "/cc");
    let bcc = check.list(&draft.bcc, "/bcc");
    let reply_to = check.list(&draft.reply_to, "/reply_to");
    let recipients = to.len() + cc.len() + bcc.len();
    if recipients == 0 && !draft.unsent && check.errors.is_empty() {
        check.refuse("/to", "the message has no recipient");
    }
    if recipients > MAX_RECIPIENTS {
        check.refuse("/to", format!("more than {MAX_RECIPIENTS} recipients"));
    }
    let subject = draft.subject.replace('\t', " ");
    check.line(&subject, "/subject", MAX_SUBJECT);
    if !is_id(&draft.message_id) {
        check.refuse("/message_id", "is not a message id like unique@domain");
    }
    if !(0..253_402_300_800_000).contains(&draft.date_ms) {
        check.refuse("/date_ms", "is outside the years 1970 to 9999");
    }
    check.headers(&draft.headers);
    check.attachments(&draft.attachments);
    if !check.errors.is_empty() {
        return Err(ComposeError {
            errors: check.errors,
        });
    }
    let mut message = MessageBuilder::new()
        .header("From", wire(std::slice::from_ref(&from)))
        .message_id(draft.message_id.as_str())
        .date(Date::new(draft.date_ms.div_euclid(1_000)))
        .subject(subject.trim());
    for (name, list) in [
        ("To", &to),
        ("Cc", &cc),
        ("Bcc", &bcc),
        ("Reply-To", &reply_to),
    ] {
        if !list.is_empty() && (name != "Bcc" || draft.unsent) {
            message = message.header(name, wire(list));
        }
    }
    if let Some(id) = draft.in_reply_to.as_deref().filter(|id| is_id(id)) {
        message = message.in_reply_to(id);
    }
    let references = bounded_references(&draft.references);
    if !references.is_empty() {
        message = message.header("References", MessageId::new_list(references.into_iter()));
    }
    for (name, value) in &draft.headers {
        message = message.header(name.as_str(), header_value(name, value.trim()));
    }
    let pieces = pieces(&message, draft)?;
    let length = pieces.iter().map(|piece| piece.length(draft)).sum();
    let mut seen = HashSet::new();
    let envelope_to = [to, cc, bcc]
        .into_iter()
        .flatten()
        .map(|a| a.address)
        .filter(|a| seen.insert(a.to_lowercase()))
        .collect();
    Ok(Prepared {
        pieces,
        length,
        envelope_from: from.address,
        envelope_to,
        message_id: draft.message_id.clone(),
    })
}

/// The bytes around the files, checked.
fn pieces(message: &MessageBuilder<'_>, draft: &Draft) -> Result<Vec<Piece>, ComposeError> {
    // A boundary that also stands in a header field would be found there: then the next one.
    const TRIES: u64 = 16;
    for n in 0..TRIES {
        let boundaries = Boundaries::new(draft, n);
        let mut raw = Vec::new();
        message
            .clone()
            .body(body(draft, &boundaries))
            .serialize(&mut raw);
        let Some(pieces) = split(raw, draft, &boundaries) else {
            continue;
        };
        for piece in &pieces {
            if let Piece::Bytes(bytes) = piece {
                wire_safe(bytes).map_err(|message| refusal("", message))?;
            }
        }
        return Ok(pieces);
    }
    Err(refusal("", "no boundary between its parts could be found"))
}

impl Piece {
    /// Bytes of it in the message.
    fn length(&self, draft: &Draft) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { attachment, base64 } => {
                let file = draft.attachments.get(*attachment);
                let length = file.map_or(0, DraftAttachment::length);
                if *base64 {
                    Base64Lines::length(length)
                } else {
                    length
                }
            }
        }
    }
}

impl DraftAttachment {
    /// Bytes of its content.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.outside
            .map_or(self.bytes.len() as u64, |outside| outside.length)
    }
}

fn refusal(pointer: &str, message: impl Into<String>) -> ComposeError {
    ComposeError {
        errors: vec![FieldError {
            pointer: pointer.to_owned(),
            message: message.into(),
        }],
    }
}

/// What would hurt a server on the way.
fn wire_safe(raw: &[u8]) -> Result<(), String> {
    match LineScan::of(raw).fault() {
        None => Ok(()),
        Some(fault) => Err(format!("{fault} would be sent")),
    }
}

/// A `Message-ID` without brackets from something unique and the author's address. Characters
/// that have no place in an id are dropped from `unique`.
#[must_use]
pub fn message_id(unique: &str, address: &str) -> String {
    let left: String = unique
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '='))
        .take(128)
        .collect();
    let left = left.trim_matches('.');
    let left = if left.is_empty() { "0" } else { left };
    let domain = address
        .rsplit_once('@')
        .and_then(|(_, d)| ascii_domain(d))
        .filter(|d| !d.starts_with('['))
        .unwrap_or_else(|| "localhost".to_owned());
    format!("{left}@{domain}")
}

/// The first id names the conversation, the last ones its newest branch. Ids that cannot be
/// written are left out: other people's mistakes must not stop an answer.
fn bounded_references(ids: &[String]) -> Vec<&str> {
    let good: Vec<&str> = ids
        .iter()
        .map(String::as_str)
        .filter(|id| is_id(id))
        .collect();
    let tail = good.len().saturating_sub(MAX_REFERENCES - 1).max(1);
    good.first()
        .into_iter()
        .chain(good.get(tail..).unwrap_or_default())
        .copied()
        .collect()
}

fn header_value<'x>(name: &str, value: &'x str) -> HeaderType<'x> {
    if is_structured(name) {
        Raw::new(value).into()
    } else {
        Text::new(value).into()
    }
}

fn wire(list: &[Address]) -> WireAddress<'static> {
    WireAddress::new_list(
        list.iter()
            .map(|a| WireAddress::new_address(a.name.clone(), a.address.clone()))
            .collect(),
    )
}

/// The value of a `Date` field (RFC 5322 section 3.3), in UTC. `date_ms`: Unix milliseconds.
#[must_use]
pub fn date_field(date_ms: i64) -> String {
    Date::new(date_ms.div_euclid(1_000)).to_rfc822()
}
