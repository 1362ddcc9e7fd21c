//! Drafts to bytes on the wire (RFC 5322, RFC 2045 to 2047, RFC 2231).
//!
//! The bytes are fit for any server: 7-bit, CR LF only, no line over 998 octets, domains in
//! ASCII. No field can smuggle in a header or a recipient (S8, S9): control characters are
//! refused with a JSON pointer to the field, and the finished bytes are checked once more.
//! The same draft always gives the same bytes, so a retry sends the same message (R12).

use crate::address::Address;
use crate::compose_check::{Check, ascii_domain, is_id, is_structured};
use crate::{attachments, clean, html_text};
use base64::Engine as _;
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address as WireAddress;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};
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
/// Octets of a line without its end (RFC 5322 section 2.1.1).
const MAX_LINE: usize = 998;

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
}

/// A file to be sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DraftAttachment {
    /// Name shown to the recipient; path parts are dropped.
    pub filename: String,
    /// "type/subtype".
    pub content_type: String,
    /// Content.
    pub bytes: Vec<u8>,
    /// For `cid:` addresses in the HTML, without brackets.
    pub content_id: Option<String>,
    /// Shown inside the HTML rather than listed.
    pub inline: bool,
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
/// Names every field that cannot be sent as it is: no or bad addresses, control characters,
/// refused headers, bad content types, too many of something.
pub fn compose(draft: &Draft) -> Result<Composed, ComposeError> {
    let mut check = Check::default();
    let from = check.address(&draft.from, "/from");
    let to = check.list(&draft.to, "/to");
    let cc = check.list(&draft.cc, "/cc");
    let bcc = check.list(&draft.bcc, "/bcc");
    let reply_to = check.list(&draft.reply_to, "/reply_to");
    let recipients = to.len() + cc.len() + bcc.len();
    if recipients == 0 && check.errors.is_empty() {
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
    for (name, list) in [("To", &to), ("Cc", &cc), ("Reply-To", &reply_to)] {
        if !list.is_empty() {
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
    let mut raw = Vec::new();
    message.body(body(draft)).serialize(&mut raw);
    wire_safe(&raw).map_err(|message| ComposeError {
        errors: vec![FieldError {
            pointer: String::new(),
            message,
        }],
    })?;
    let mut seen = HashSet::new();
    let envelope_to = [to, cc, bcc]
        .into_iter()
        .flatten()
        .map(|a| a.address)
        .filter(|a| seen.insert(a.to_lowercase()))
        .collect();
    Ok(Composed {
        raw,
        envelope_from: from.address,
        envelope_to,
        message_id: draft.message_id.clone(),
    })
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

/// text, alternative(text, html), with related(html, pictures) and mixed(…, files) around.
fn body(draft: &Draft) -> MimePart<'static> {
    let text = match (&draft.text, &draft.html) {
        (Some(text), _) => text.clone(),
        (None, Some(html)) => html_text::text(html),
        (None, None) => String::new(),
    };
    let boundaries = Boundaries::new(draft, &text);
    let (pictures, files): (Vec<_>, Vec<_>) = draft
        .attachments
        .iter()
        .partition(|a| a.inline && a.content_id.is_some() && draft.html.is_some());
    let mut root = leaf_text("text/plain", &text);
    if let Some(html) = &draft.html {
        let mut rich = leaf_text("text/html", html);
        if !pictures.is_empty() {
            let parts = std::iter::once(rich)
                .chain(pictures.into_iter().map(file))
                .collect();
            rich = boundaries.multipart("related", parts);
        }
        root = boundaries.multipart("alternative", vec![root, rich]);
    }
    if !files.is_empty() {
        let parts = std::iter::once(root)
            .chain(files.into_iter().map(file))
            .collect();
        root = boundaries.multipart("mixed", parts);
    }
    root
}

/// Boundaries that the same draft always gets and that stand nowhere in its text.
struct Boundaries {
    seed: String,
}

impl Boundaries {
    fn new(draft: &Draft, text: &str) -> Self {
        // FNV-1a: spreads, hides nothing.
        let hash = draft
            .message_id
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
                (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
            });
        let html = draft.html.as_deref().unwrap_or_default();
        let taken = |seed: &str| {
            let inside = |bytes: &[u8]| bytes.windows(seed.len()).any(|w| w == seed.as_bytes());
            text.contains(seed)
                || html.contains(seed)
                || draft.attachments.iter().any(|a| {
                    a.content_type.to_ascii_lowercase().starts_with("message/") && inside(&a.bytes)
                })
        };
        let seed = (0..u64::MAX)
            .map(|n| {
                format!(
                    "=_{:016x}",
                    hash.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                )
            })
            .find(|seed| !taken(seed))
            .unwrap_or_default();
        Self { seed }
    }

    fn multipart(&self, kind: &str, parts: Vec<MimePart<'static>>) -> MimePart<'static> {
        let content_type = ContentType::new(format!("multipart/{kind}"))
            .attribute("boundary", format!("{}_{kind}", self.seed));
        MimePart::new(content_type, BodyPart::Multipart(parts))
    }
}

/// Quoted-printable or 7-bit text with CR LF line ends.
fn leaf_text(content_type: &'static str, text: &str) -> MimePart<'static> {
    let mut clean = clean::body(text.to_owned(), usize::MAX)
        .0
        .replace('\n', "\r\n");
    if !clean.ends_with("\r\n") {
        clean.push_str("\r\n");
    }
    MimePart::new(content_type, BodyPart::Text(clean.into()))
}

fn file(file: &DraftAttachment) -> MimePart<'static> {
    let name = attachments::safe_filename(&file.filename);
    let mut content_type = ContentType::new(file.content_type.to_ascii_lowercase());
    // Readers of RFC 2231 take the disposition's name; the oldest know only this one.
    if !name.is_empty() && name.is_ascii() {
        content_type = content_type.attribute("name", name.clone());
    }
    let mut disposition = ContentType::new(if file.inline { "inline" } else { "attachment" });
    if !name.is_empty() {
        disposition = disposition.attribute("filename", name);
    }
    // RFC 2046 section 5.2.1: inner messages are not to be encoded, where they can travel so.
    let inner = file
        .content_type
        .to_ascii_lowercase()
        .starts_with("message/");
    let (encoding, bytes) = if inner && file.bytes.is_ascii() && wire_safe(&file.bytes).is_ok() {
        ("7bit", file.bytes.clone())
    } else {
        ("base64", wrapped_base64(&file.bytes))
    };
    let mut part = MimePart::new(content_type, BodyPart::Binary(bytes.into()))
        .header("Content-Disposition", disposition)
        .transfer_encoding(encoding);
    if let Some(id) = &file.content_id {
        part = part.cid(id.clone());
    }
    part
}

fn wrapped_base64(bytes: &[u8]) -> Vec<u8> {
    const LINE: usize = 57;
    let mut out = String::with_capacity(bytes.len() / LINE * 78 + 80);
    for line in bytes.chunks(LINE) {
        base64::engine::general_purpose::STANDARD.encode_string(line, &mut out);
        out.push_str("\r\n");
    }
    out.into_bytes()
}

/// CR LF only, no line over 998 octets, no NUL.
fn wire_safe(raw: &[u8]) -> Result<(), String> {
    let mut length = 0;
    let mut previous = 0u8;
    for &b in raw {
        match b {
            b'\n' if previous != b'\r' => return Err("a bare line feed would be sent".into()),
            b'\n' => length = 0,
            _ if previous == b'\r' => return Err("a bare carriage return would be sent".into()),
            b'\r' => {}
            0 => return Err("a NUL would be sent".into()),
            _ => length += 1,
        }
        if length > MAX_LINE {
            return Err("a line longer than 998 octets would be sent".into());
        }
        previous = b;
    }
    if previous == b'\r' {
        return Err("a bare carriage return would be sent".into());
    }
    Ok(())
}
