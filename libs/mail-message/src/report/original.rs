//! Which message a report is about: its header comes back with most of them, as a part or in the text.

use crate::header::{self, Fields};
use crate::mime::{Kind, Tree};
use crate::{address, clean, words};

/// Bytes read of a returned header.
const MAX_HEADER: usize = 64 * 1024;
/// Addresses kept of its recipients.
const MAX_TO: usize = 100;
/// Characters of its subject.
const MAX_SUBJECT: usize = 500;
/// Lines of a returned header in the text.
const MAX_LINES: usize = 400;
/// Fields that a header must have to be taken for one.
const TELLING: usize = 3;

/// What is known of the message that a report is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Original {
    pub(super) message_id: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) from: Vec<String>,
    pub(super) to: Vec<String>,
}

impl Original {
    fn of(fields: &Fields<'_>) -> Self {
        let people = |name: &str| -> Vec<String> {
            let (list, _) = address::list(fields.all(name));
            let addresses = list.into_iter().map(|person| person.address);
            addresses.filter(|a| a.contains('@')).take(MAX_TO).collect()
        };
        let mut to = people("To");
        to.extend(people("Cc"));
        to.truncate(MAX_TO);
        let id = |name: &str| {
            fields
                .get(name)
                .and_then(|id| header::message_ids(id, 1).pop())
        };
        Self {
            message_id: id("Message-ID"),
            subject: fields
                .get("Subject")
                .map(|v| clean::line(&words::text(header::cap(v, MAX_HEADER)), MAX_SUBJECT)),
            from: people("From"),
            to,
        }
    }
}

/// The returned message, or its header, as a part of the report.
pub(super) fn in_parts(tree: &Tree<'_>) -> Original {
    const HEADERS: [&str; 7] = [
        "text/rfc822-headers",
        "text/rfc822-header",
        "message/rfc822-headers",
        "message/global-headers",
        "text/rfc822",
        "message/rfc822",
        "message/global",
    ];
    for (number, part) in tree.parts.iter().enumerate() {
        if !HEADERS.contains(&part.content_type.value.as_str()) || number == 0 {
            continue;
        }
        if part.kind == Kind::Message {
            let inner = tree.parts.get(number + 1);
            if let Some(inner) = inner.filter(|inner| inner.parent == Some(number)) {
                return Original::of(&inner.fields);
            }
        }
        let bytes = part.bytes(MAX_HEADER);
        let (fields, _) = header::block(&bytes, |_| false);
        return Original::of(&fields);
    }
    Original::default()
}

/// A returned header in the text itself, and where it begins. What follows is no longer the server's word.
pub(super) fn in_text(text: &str) -> (usize, Original) {
    let mut copy = Copy::default();
    let mut loose = Original::default();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let bare = line.trim_start_matches([' ', '\t', '>', '|']).trim_end();
        if is_divider(bare) {
            let rest = text.get(at..).unwrap_or_default();
            return (start, header_after(rest).unwrap_or(loose));
        }
        match field_name(bare) {
            Some(name) => {
                if copy.lines.is_empty() {
                    copy.begins = start;
                }
                copy.add(&name, bare);
                loose_fact(&mut loose, &name, bare);
            }
            None if !bare.is_empty() && !copy.lines.is_empty() && line.starts_with([' ', '\t']) => {
                copy.fold(bare);
            }
            None => {
                if let Some(original) = copy.finish() {
                    return (copy.begins, original);
                }
                copy = Copy::default();
                loose_fact(&mut loose, "", bare);
            }
        }
    }
    match copy.finish() {
        Some(original) => (copy.begins, original),
        None => (text.len(), loose),
    }
}

/// Lines that may be a returned header.
#[derive(Default)]
struct Copy {
    lines: String,
    count: usize,
    telling: Vec<String>,
    begins: usize,
}

impl Copy {
    fn add(&mut self, name: &str, line: &str) {
        const TELLING_NAMES: [&str; 11] = [
            "received",
            "return-path",
            "message-id",
            "date",
            "from",
            "to",
            "subject",
            "mime-version",
            "content-type",
            "dkim-signature",
            "reply-to",
        ];
        if self.count >= MAX_LINES {
            return;
        }
        self.count += 1;
        self.lines.push_str(line);
        self.lines.push('\n');
        if TELLING_NAMES.contains(&name) && !self.telling.iter().any(|n| n == name) {
            self.telling.push(name.to_owned());
        }
    }

    fn fold(&mut self, line: &str) {
        if self.count < MAX_LINES {
            self.count += 1;
            self.lines.push(' ');
            self.lines.push_str(line);
            self.lines.push('\n');
        }
    }

    /// "To", "Subject" and "Sent" alone are how old servers name a message; a header has more than that.
    fn finish(&self) -> Option<Original> {
        let has = |name: &str| self.telling.iter().any(|n| n == name);
        let sure = has("message-id") || has("received") || has("mime-version");
        if self.telling.len() < TELLING || !sure {
            return None;
        }
        let (fields, _) = header::block(self.lines.as_bytes(), |_| false);
        Some(Original::of(&fields))
    }
}

/// The header right after a divider.
fn header_after(text: &str) -> Option<Original> {
    let text = text.trim_start_matches(['\r', '\n', ' ', '-', '\t', '>', '|']);
    let text = text.get(..clean::floor_boundary(text, MAX_HEADER))?;
    let (fields, _) = header::block(text.as_bytes(), |_| false);
    let original = Original::of(&fields);
    (original.message_id.is_some() || original.subject.is_some()).then_some(original)
}

/// "--- Below this line is a copy of the message." and its kin.
fn is_divider(line: &str) -> bool {
    const WORDS: [&str; 21] = [
        "below this line is a copy",
        "this is a copy of",
        "original message",
        "unsent message",
        "returned message",
        "message header follows",
        "message headers follow",
        "message text follows",
        "header of the original",
        "original headers",
        "copy of the message",
        "message follows",
        "undelivered message",
        "kopie der nachricht",
        "header der nachricht",
        "ursprüngliche nachricht",
        "originalnachricht",
        "message d'origine",
        "messaggio originale",
        "mensaje original",
        "mensagem original",
    ];
    const MAX_LENGTH: usize = 120;
    if line.len() > MAX_LENGTH || !line.starts_with(['-', '=', '*', '_']) {
        return false;
    }
    let marks = line
        .chars()
        .take_while(|c| matches!(c, '-' | '=' | '*' | '_' | ' ' | '|'));
    if marks.count() < 3 {
        return false;
    }
    let lower = line.to_lowercase().replace('\u{2019}', "'");
    WORDS.iter().any(|w| lower.contains(w))
}

/// The name of a field at the start of a line, lower case.
fn field_name(line: &str) -> Option<String> {
    const MAX_NAME: usize = 60;
    let (name, _) = line.split_once(':')?;
    let plain = !name.is_empty()
        && name.len() <= MAX_NAME
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain.then(|| name.to_ascii_lowercase())
}

/// "Subject: x" and "Message-ID: <x>" among the words, in any of the usual languages.
fn loose_fact(loose: &mut Original, name: &str, line: &str) {
    const SUBJECTS: [&str; 8] = [
        "subject",
        "betreff",
        "objet",
        "oggetto",
        "asunto",
        "assunto",
        "onderwerp",
        "temat",
    ];
    if loose.subject.is_none() && SUBJECTS.contains(&name) {
        let value = line.split_once(':').map(|(_, v)| v).unwrap_or_default();
        let value = clean::line(&words::text(value.as_bytes()), MAX_SUBJECT);
        loose.subject = (!value.is_empty()).then_some(value);
    }
    let says_id = || {
        let lower = line
            .get(..clean::floor_boundary(line, 200))
            .unwrap_or_default();
        let lower = lower.to_ascii_lowercase();
        lower.contains("message-id")
            || lower.contains("message id")
            || lower.contains("nachrichten-id")
    };
    if loose.message_id.is_none() && line.contains('<') && says_id() {
        let (_, id) = line.split_once('<').unwrap_or_default();
        let id = id.split('>').next().unwrap_or_default();
        let usable = id.contains('@') && !id.contains(char::is_whitespace);
        loose.message_id = usable.then(|| clean::line(id, 998));
    }
}
