//! The body of a draft: which part goes where, in which encoding, and where the files stand.
//!
//! text, alternative(text, html, calendar), with related(html, pictures) and mixed(…, files)
//! around. The content of files is not written here: in its place stands a mark that nothing else
//! in the message has, and [`split`] cuts the bytes there.

use crate::compose::{Draft, DraftAttachment, Piece};
use crate::transfer::LineScan;
use crate::{attachments, clean, flowed, html_text};
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};

/// What stands for an attachment's content until [`split`].
const MARK: &str = "_file_";

/// The body as a tree of parts, files marked.
pub(crate) fn body(draft: &Draft, boundaries: &Boundaries) -> MimePart<'static> {
    let text = text_of(draft);
    let (pictures, files): (Vec<_>, Vec<_>) = draft
        .attachments
        .iter()
        .enumerate()
        .partition(|(_, a)| a.inline && a.content_id.is_some() && draft.html.is_some());
    let all = |list: &[(usize, &DraftAttachment)]| -> Vec<MimePart<'static>> {
        let parts = list.iter().map(|(n, a)| file(*n, a, boundaries));
        parts.collect()
    };
    let mut forms = vec![plain(&text)];
    if let Some(html) = &draft.html {
        let mut rich = leaf_text(ContentType::new("text/html"), html);
        if !pictures.is_empty() {
            let mut parts = vec![rich];
            parts.extend(all(&pictures));
            rich = boundaries.multipart("related", parts, is_eight_bit(&pictures));
        }
        forms.push(rich);
    }
    forms.extend(draft.calendar.as_ref().map(|calendar| {
        let kind = ContentType::new("text/calendar")
            .attribute("charset", "utf-8")
            .attribute("method", token(&calendar.method));
        leaf_text(kind, &calendar.text)
    }));
    let mut root = match forms.len() {
        1 => forms.remove(0),
        _ => boundaries.multipart("alternative", forms, is_eight_bit(&pictures)),
    };
    // Programs that know no iMIP show the calendar as a file (RFC 6047 section 2.4).
    let calendar = draft.calendar.as_ref().map(|calendar| {
        let kind = ContentType::new("application/ics").attribute("name", "invite.ics");
        let disposition = ContentType::new("attachment").attribute("filename", "invite.ics");
        let bytes = calendar.text.clone().into_bytes();
        MimePart::new(kind, BodyPart::Binary(bytes.into()))
            .header("Content-Disposition", disposition)
    });
    if !files.is_empty() || calendar.is_some() {
        let mut parts = vec![root];
        parts.extend(all(&files));
        parts.extend(calendar);
        let eight_bit = is_eight_bit(&pictures) || is_eight_bit(&files);
        root = boundaries.multipart("mixed", parts, eight_bit);
    }
    root
}

/// Cuts the bytes of a message where its files belong. None where the marks are not exactly those
/// of the files: something else in the message looks like one.
pub(crate) fn split(raw: Vec<u8>, draft: &Draft, boundaries: &Boundaries) -> Option<Vec<Piece>> {
    if draft.attachments.is_empty() {
        return Some(vec![Piece::Bytes(raw)]);
    }
    let mark = format!("{}{MARK}", boundaries.seed).into_bytes();
    let mut pieces = Vec::new();
    let mut found = vec![false; draft.attachments.len()];
    let mut rest = raw.as_slice();
    while let Some(at) = rest.windows(mark.len()).position(|w| w == mark) {
        let (before, after) = rest.split_at_checked(at)?;
        let after = after.get(mark.len()..)?;
        let digits = after.iter().take_while(|b| b.is_ascii_digit()).count();
        let (number, after) = after.split_at_checked(digits)?;
        let attachment: usize = std::str::from_utf8(number).ok()?.parse().ok()?;
        let seen = found.get_mut(attachment)?;
        if std::mem::replace(seen, true) || !before.ends_with(b"\r\n\r\n") {
            return None;
        }
        let base64 = transfer(draft.attachments.get(attachment)?) == Transfer::Base64;
        pieces.push(Piece::Bytes(before.to_vec()));
        pieces.push(Piece::File { attachment, base64 });
        rest = after;
    }
    pieces.push(Piece::Bytes(rest.to_vec()));
    found.iter().all(|found| *found).then_some(pieces)
}

fn text_of(draft: &Draft) -> String {
    match (&draft.text, &draft.html) {
        (Some(text), _) => text.clone(),
        (None, Some(html)) => html_text::text(html),
        (None, None) => String::new(),
    }
}

/// Boundaries that the same draft always gets and that stand nowhere in its text.
pub(crate) struct Boundaries {
    seed: String,
}

impl Boundaries {
    /// The `nth` possible ones.
    pub(crate) fn new(draft: &Draft, nth: u64) -> Self {
        let text = text_of(draft);
        // FNV-1a: spreads, hides nothing. (Inner messages that lie elsewhere were written before this message had an id.)
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
                || draft
                    .attachments
                    .iter()
                    .any(|a| is_message(a) && inside(&a.bytes))
        };
        let seed = (nth..u64::MAX)
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

    /// `eight_bit`: something in it is, and RFC 2045 section 6.4 wants that said.
    fn multipart(
        &self,
        kind: &str,
        parts: Vec<MimePart<'static>>,
        eight_bit: bool,
    ) -> MimePart<'static> {
        let content_type = ContentType::new(format!("multipart/{kind}"))
            .attribute("boundary", format!("{}_{kind}", self.seed));
        let part = MimePart::new(content_type, BodyPart::Multipart(parts));
        if eight_bit {
            part.header("Content-Transfer-Encoding", Raw::new("8bit"))
        } else {
            part
        }
    }
}

/// Plain text: flowed where its lines are long, as the writer's own otherwise.
fn plain(text: &str) -> MimePart<'static> {
    let clean = clean::body(text.to_owned(), usize::MAX).0;
    match flowed::flow(&clean) {
        Some(flowed) => {
            let kind = ContentType::new("text/plain")
                .attribute("charset", "utf-8")
                .attribute("format", "flowed");
            leaf_text(kind, &flowed).transfer_encoding("7bit")
        }
        None => leaf_text(ContentType::new("text/plain"), &clean),
    }
}

/// Quoted-printable or 7-bit text with CR LF line ends.
fn leaf_text(content_type: ContentType<'static>, text: &str) -> MimePart<'static> {
    let mut clean = clean::body(text.to_owned(), usize::MAX)
        .0
        .replace('\n', "\r\n");
    if !clean.ends_with("\r\n") {
        clean.push_str("\r\n");
    }
    MimePart::new(content_type, BodyPart::Text(clean.into()))
}

/// How a file travels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transfer {
    Seven,
    Eight,
    Base64,
}

/// RFC 2046 section 5.2.1: inner messages are not encoded, where they can travel so.
fn transfer(file: &DraftAttachment) -> Transfer {
    if !is_message(file) {
        return Transfer::Base64;
    }
    let lines = match file.outside {
        Some(outside) => outside.lines,
        None => LineScan::of(&file.bytes),
    };
    match (lines.fault(), lines.is_ascii()) {
        (Some(_), _) => Transfer::Base64,
        (None, true) => Transfer::Seven,
        (None, false) => Transfer::Eight,
    }
}

fn is_message(file: &DraftAttachment) -> bool {
    let kind = file.content_type.get(.."message/".len());
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("message/"))
}

fn is_eight_bit(files: &[(usize, &DraftAttachment)]) -> bool {
    files
        .iter()
        .any(|(_, file)| transfer(file) == Transfer::Eight)
}

fn token(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphabetic).collect()
}

fn file(n: usize, file: &DraftAttachment, boundaries: &Boundaries) -> MimePart<'static> {
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
    let encoding = match transfer(file) {
        Transfer::Seven => "7bit",
        Transfer::Eight => "8bit",
        Transfer::Base64 => "base64",
    };
    let mark = format!("{}{MARK}{n}", boundaries.seed).into_bytes();
    let mut part = MimePart::new(content_type, BodyPart::Binary(mark.into()))
        .header("Content-Disposition", disposition)
        .transfer_encoding(encoding);
    if let Some(id) = &file.content_id {
        part = part.cid(id.clone());
    }
    part
}
