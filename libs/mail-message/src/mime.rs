//! The tree of MIME parts as a flat list, found in one pass without recursion.
//!
//! mail-parser reads fields and charsets for us, but walks hostile structures recursively (deep
//! `message/rfc822`) and in quadratic time (many unclosed multiparts). This walker keeps a stack
//! of at most [`MAX_DEPTH`] open containers and [`MAX_PARTS`] parts, decodes nothing and copies
//! nothing but the content type.

use crate::header::{self, Fields, Parameters};
use crate::{charset, decode};
use std::borrow::Cow;

/// Containers inside containers; deeper ones are read as plain attachments.
pub(crate) const MAX_DEPTH: usize = 40;
/// Parts of one message; the rest is not looked at.
pub(crate) const MAX_PARTS: usize = 1_000;
/// Header fields of all parts together.
const MAX_ALL_FIELDS: usize = 40_000;
/// Longest boundary taken seriously (RFC 2046 allows 70).
const MAX_BOUNDARY: usize = 500;

/// What a part is to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Holds other parts.
    Multipart,
    /// A whole message inside (`message/rfc822`, `message/global`); its parts follow.
    Message,
    /// Everything else.
    Leaf,
}

/// One node. Its number is its position in [`Tree::parts`]; 0 is the message itself.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) parent: Option<usize>,
    pub(crate) kind: Kind,
    pub(crate) fields: Fields<'a>,
    pub(crate) content_type: Parameters,
    pub(crate) disposition: Parameters,
    /// Undecoded.
    pub(crate) body: &'a [u8],
}

impl<'a> Part<'a> {
    /// The body with its transfer encoding removed, at most `max` bytes.
    pub(crate) fn bytes(&self, max: usize) -> Cow<'a, [u8]> {
        match self.encoding().as_str() {
            "base64" => Cow::Owned(decode::base64(self.body, max)),
            "quoted-printable" => Cow::Owned(decode::quoted_printable(self.body, max)),
            _ => Cow::Borrowed(header::cap(self.body, max)),
        }
    }

    /// The decoded body as text by its charset, at most `max` bytes read.
    pub(crate) fn text(&self, max: usize) -> String {
        let bytes = self.bytes(max);
        let label = self.content_type.get("charset");
        if label.is_none() && self.is("text/html") {
            return charset::decode(&bytes, html_charset(&bytes).as_deref());
        }
        charset::decode(&bytes, label)
    }

    pub(crate) fn is(&self, content_type: &str) -> bool {
        self.content_type.value == content_type
    }

    /// The transfer encoding in lower case, empty where none is named.
    fn encoding(&self) -> String {
        let Some(value) = self.fields.get("Content-Transfer-Encoding") else {
            return String::new();
        };
        let word = header::cap(value, 100)
            .split(|b| matches!(b, b' ' | b';' | b'('))
            .next()
            .unwrap_or_default();
        String::from_utf8_lossy(word)
            .trim_matches('"')
            .to_ascii_lowercase()
    }
}

/// `<meta charset>` of an HTML part whose header is silent.
fn html_charset(bytes: &[u8]) -> Option<String> {
    const LOOK: usize = 2_048;
    let head = String::from_utf8_lossy(header::cap(bytes, LOOK)).to_ascii_lowercase();
    let (_, after) = head.split_once("charset=")?;
    let label: String = after
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.'))
        .collect();
    (!label.is_empty()).then_some(label)
}

/// All parts of a message.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    pub(crate) parts: Vec<Part<'a>>,
    /// What had to be cut or guessed, in plain words.
    pub(crate) problem: Option<&'static str>,
}

/// An open container: multiparts have a boundary, inner messages have none.
struct Open {
    part: usize,
    boundary: Option<Vec<u8>>,
}

/// Splits `raw` into its parts.
pub(crate) fn parse(raw: &[u8]) -> Tree<'_> {
    let mut walker = Walker {
        raw,
        parts: Vec::with_capacity(4),
        stack: Vec::new(),
        fields_left: MAX_ALL_FIELDS,
        problem: None,
    };
    walker.run();
    Tree {
        parts: walker.parts,
        problem: walker.problem,
    }
}

struct Walker<'a> {
    raw: &'a [u8],
    parts: Vec<Part<'a>>,
    stack: Vec<Open>,
    fields_left: usize,
    problem: Option<&'static str>,
}

/// Where the walk goes on after a delimiter line.
enum Next {
    /// A part starts here.
    Part(usize),
    /// The message ended.
    End,
}

impl<'a> Walker<'a> {
    fn run(&mut self) {
        let mut next = Next::Part(leading_blanks(self.raw));
        while let Next::Part(at) = next {
            if self.parts.len() >= MAX_PARTS || self.fields_left == 0 {
                self.problem = Some("the message has more parts than are read");
                break;
            }
            next = self.part(at);
        }
    }

    /// Reads one part at `at`: its header, and its body as far as it is its own.
    fn part(&mut self, at: usize) -> Next {
        let raw = self.raw.get(at..).unwrap_or_default();
        let stack = &self.stack;
        let (fields, body) = header::block(raw, |line| matching(stack, line).is_some());
        self.fields_left = self.fields_left.saturating_sub(fields.list.len());
        if fields.truncated {
            self.problem = Some("the header has more fields than are read");
        }
        let body = at + body;
        let parent = self.stack.last().map(|open| open.part);
        let content_type = match fields.get("Content-Type") {
            Some(value) => header::parameters(value),
            None => Parameters {
                value: self.default_type(parent).to_owned(),
                ..Parameters::default()
            },
        };
        let disposition = fields
            .get("Content-Disposition")
            .map(header::parameters)
            .unwrap_or_default();
        let number = self.parts.len();
        let mut part = Part {
            parent,
            kind: Kind::Leaf,
            fields,
            content_type,
            disposition,
            body: &[],
        };
        let room = self.stack.len() < MAX_DEPTH;
        let boundary = boundary(&part.content_type);
        let inner = matches!(
            part.content_type.value.as_str(),
            "message/rfc822" | "message/global" | "message/rfc822-headers-and-body"
        ) && !matches!(part.encoding().as_str(), "base64" | "quoted-printable");
        if !room && (boundary.is_some() || inner) {
            self.problem = Some("the message is nested deeper than is read");
        }
        if let (Some(boundary), true) = (boundary, room) {
            part.kind = Kind::Multipart;
            self.parts.push(part);
            self.stack.push(Open {
                part: number,
                boundary: Some(boundary),
            });
            let (end, next) = self.delimiter(body);
            self.set_body(number, body, end);
            return next;
        }
        if inner && room {
            part.kind = Kind::Message;
            self.parts.push(part);
            self.stack.push(Open {
                part: number,
                boundary: None,
            });
            // Its end is known when an outer delimiter closes it; until then it runs on.
            self.set_body(number, body, self.raw.len());
            return Next::Part(body);
        }
        self.parts.push(part);
        let (end, next) = self.delimiter(body);
        self.set_body(number, body, end);
        next
    }

    fn set_body(&mut self, number: usize, from: usize, to: usize) {
        let body = self.raw.get(from..to.max(from)).unwrap_or_default();
        if let Some(part) = self.parts.get_mut(number) {
            part.body = body;
        }
    }

    /// RFC 2046 section 5.1.5: parts of a digest are messages.
    fn default_type(&self, parent: Option<usize>) -> &'static str {
        match parent.and_then(|p| self.parts.get(p)) {
            Some(p) if p.is("multipart/digest") => "message/rfc822",
            _ => "text/plain",
        }
    }

    /// Finds the next delimiter line from `at` on that opens a part. Returns where the text in
    /// front of the first delimiter ends, and what comes next.
    fn delimiter(&mut self, at: usize) -> (usize, Next) {
        let mut text_end: Option<usize> = None;
        let mut pos = at;
        while pos < self.raw.len() && self.stack.iter().any(|o| o.boundary.is_some()) {
            let Some(start) = next_dashes(self.raw, pos, at) else {
                break;
            };
            let end = header::line_end(self.raw, start);
            let line = self.raw.get(start..end).unwrap_or_default();
            let Some((level, closing)) = matching(&self.stack, line) else {
                pos = end;
                continue;
            };
            let before = strip_line_end(self.raw, at, start);
            text_end.get_or_insert(before);
            self.close_above(level, before);
            if !closing {
                return (text_end.unwrap_or(before), Next::Part(end));
            }
            // The end of a multipart: what follows belongs to its parent.
            if let Some(open) = self.stack.pop() {
                self.end_container(open.part, end);
            }
            pos = end;
        }
        (text_end.unwrap_or(self.raw.len()), Next::End)
    }

    /// Containers above `level` end at `end` without a delimiter of their own.
    fn close_above(&mut self, level: usize, end: usize) {
        while self.stack.len() > level + 1 {
            if let Some(open) = self.stack.pop() {
                self.end_container(open.part, end);
            }
        }
    }

    fn end_container(&mut self, number: usize, end: usize) {
        let raw = self.raw;
        if let Some(part) = self.parts.get_mut(number)
            && part.kind == Kind::Message
        {
            let from = part.body.as_ptr() as usize - raw.as_ptr() as usize;
            part.body = raw.get(from..end.max(from)).unwrap_or_default();
        }
    }
}

/// Blank lines in front of a message are noise of bad transports, where a field follows them.
fn leading_blanks(raw: &[u8]) -> usize {
    let blanks = raw
        .iter()
        .take_while(|b| matches!(b, b'\r' | b'\n'))
        .count();
    let rest = raw.get(blanks..).unwrap_or_default();
    if header::starts_with_field(rest) {
        blanks
    } else {
        0
    }
}

fn boundary(content_type: &Parameters) -> Option<Vec<u8>> {
    if !content_type.value.starts_with("multipart/") {
        return None;
    }
    let boundary = content_type.get("boundary")?.trim_end().as_bytes();
    (!boundary.is_empty() && boundary.len() <= MAX_BOUNDARY).then(|| boundary.to_vec())
}

/// The start of the next line that begins with two dashes; `at` counts as a line start.
fn next_dashes(raw: &[u8], pos: usize, at: usize) -> Option<usize> {
    let mut line = pos;
    if pos != at && pos > 0 && raw.get(pos - 1) != Some(&b'\n') {
        line = header::line_end(raw, pos);
    }
    while line < raw.len() {
        if raw.get(line..line + 2) == Some(b"--") {
            return Some(line);
        }
        line = header::line_end(raw, line);
    }
    None
}

/// Which open container a delimiter line belongs to, innermost first, and whether it closes it.
fn matching(stack: &[Open], line: &[u8]) -> Option<(usize, bool)> {
    let line = line.strip_prefix(b"--")?.trim_ascii_end();
    for (level, open) in stack.iter().enumerate().rev() {
        let Some(boundary) = &open.boundary else {
            continue;
        };
        match line.strip_prefix(boundary.as_slice()) {
            Some(b"") => return Some((level, false)),
            Some(b"--") => return Some((level, true)),
            _ => {}
        }
    }
    None
}

/// The line end in front of a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
fn strip_line_end(raw: &[u8], from: usize, start: usize) -> usize {
    let mut end = start;
    if end > from && raw.get(end - 1) == Some(&b'\n') {
        end -= 1;
        if end > from && raw.get(end - 1) == Some(&b'\r') {
            end -= 1;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(raw: &str) -> Vec<String> {
        parse(raw.as_bytes())
            .parts
            .iter()
            .map(|p| {
                format!(
                    "{} {} {:?}",
                    p.parent.map_or("-".into(), |n| n.to_string()),
                    p.content_type.value,
                    String::from_utf8_lossy(if p.kind == Kind::Leaf { p.body } else { b"" })
                )
            })
            .collect()
    }

    #[test]
    fn nested_parts_are_found_with_their_own_text() {
        let raw = "Content-Type: multipart/mixed; boundary=a\r\n\r\npreamble\r\n--a\r\n\
            Content-Type: multipart/alternative; boundary=ab\r\n\r\n--ab\r\n\r\none\r\n--ab\r\n\
            Content-Type: text/html\r\n\r\ntwo\r\n--ab--\r\nepilogue\r\n--a\r\n\
            Content-Type: image/png\r\n\r\nthree\r\n--a--\r\nend";
        assert_eq!(
            shape(raw),
            [
                "- multipart/mixed \"\"",
                "0 multipart/alternative \"\"",
                "1 text/plain \"one\"",
                "1 text/html \"two\"",
                "0 image/png \"three\"",
            ]
        );
    }

    #[test]
    fn inner_messages_end_where_the_outer_delimiter_says() {
        let raw = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: message/rfc822\n\n\
            Subject: in\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--a\n\ny\n--a--\n";
        let tree = parse(raw.as_bytes());
        let inner = tree.parts.iter().find(|p| p.kind == Kind::Message);
        assert!(
            inner.is_some_and(|p| p.body.starts_with(b"Subject: in") && p.body.ends_with(b"\nx"))
        );
        assert_eq!(tree.parts.len(), 5);
        assert_eq!(tree.parts.last().map(|p| p.body), Some(&b"y"[..]));
    }

    #[test]
    fn truncated_and_unclosed_messages_keep_their_text() {
        assert_eq!(
            shape("Content-Type: multipart/mixed; boundary=a\n\n--a\n\nhalf a te"),
            ["- multipart/mixed \"\"", "0 text/plain \"half a te\""]
        );
        assert_eq!(shape(""), ["- text/plain \"\""]);
        assert_eq!(shape("\r\n\r\nSubject: x\r\n\r\ny"), ["- text/plain \"y\""]);
        assert_eq!(shape("\ny"), ["- text/plain \"y\""]);
        // A multipart without its boundary anywhere is text.
        assert_eq!(
            shape("Content-Type: multipart/mixed\n\nx"),
            ["- multipart/mixed \"x\""]
        );
        // A part that is all header.
        assert_eq!(
            shape("Content-Type: multipart/mixed; boundary=a\n\n--a\nX: y\n--a--\n"),
            ["- multipart/mixed \"\"", "0 text/plain \"\""]
        );
    }
}
