//! The header block: fields as slices of the message, without copying (RFC 5322 section 2.2).
//!
//! Broken blocks are read as people would: a stray line among fields is skipped, a line that
//! looks like text ends the block (no blank line), an mbox "From " line in front is ignored.

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

/// Fields kept of one header block; later ones are skipped.
pub(crate) const MAX_FIELDS: usize = 4_000;

/// One field: its name as written and its value, still folded, without the final line end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
}

/// The fields of one header block in the order of the message.
#[derive(Debug, Default, Clone)]
pub(crate) struct Fields<'a> {
    pub(crate) list: Vec<Field<'a>>,
    /// More than [`MAX_FIELDS`] were there.
    pub(crate) truncated: bool,
}

impl<'a> Fields<'a> {
    /// The value of the first field called `name` (any case).
    pub(crate) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The values of all fields called `name`, topmost first.
    pub(crate) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'a [u8]> + 's {
        self.list
            .iter()
            .filter(move |f| f.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|f| f.value)
    }

    /// The value as trimmed text, for short machine-written fields.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name)
            .map(|v| String::from_utf8_lossy(cap(v, 2_000)).trim().to_owned())
    }
}

/// At most `max` bytes of `value`.
pub(crate) fn cap(value: &[u8], max: usize) -> &[u8] {
    value.get(..max.min(value.len())).unwrap_or_default()
}

/// Reads the block at the start of `raw`. Returns the fields and where the body starts.
/// `is_boundary` tells a MIME delimiter line: it ends the block too.
pub(crate) fn block<'a>(raw: &'a [u8], is_boundary: impl Fn(&[u8]) -> bool) -> (Fields<'a>, usize) {
    let mut fields = Fields::default();
    let mut pos = 0;
    let mut first = true;
    while pos < raw.len() {
        let end = line_end(raw, pos);
        let line = raw.get(pos..end).unwrap_or_default();
        if is_blank(line) {
            return (fields, end);
        }
        if line.starts_with(b"--") && is_boundary(line) {
            return (fields, pos);
        }
        let Some(colon) = name_length(line) else {
            let next = raw.get(end..).unwrap_or_default();
            let next = next.get(..line_end(next, 0)).unwrap_or_default();
            let goes_on = name_length(next).is_some() || (is_folded(next) && !is_blank(next));
            if goes_on && (first || !fields.list.is_empty()) {
                first = false;
                pos = end;
                continue;
            }
            return (fields, pos);
        };
        first = false;
        // The value runs over all folded lines.
        let mut stop = end;
        while stop < raw.len() {
            let next_end = line_end(raw, stop);
            let next = raw.get(stop..next_end).unwrap_or_default();
            if !is_folded(next) || is_blank(next) && !has_fold_after(raw, next_end) {
                break;
            }
            stop = next_end;
        }
        if fields.list.len() < MAX_FIELDS {
            let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
            let value = raw.get(pos + colon + 1..stop).unwrap_or_default();
            fields.list.push(Field {
                name,
                value: value.trim_ascii(),
            });
        } else {
            fields.truncated = true;
        }
        pos = stop;
    }
    (fields, raw.len())
}

/// A line of blanks only is part of a folded value where another folded line follows; it is a
/// blank line otherwise.
fn has_fold_after(raw: &[u8], at: usize) -> bool {
    let next = raw.get(at..).unwrap_or_default();
    let next = next.get(..line_end(next, 0)).unwrap_or_default();
    is_folded(next) && !is_blank(next)
}

/// Where the line at `pos` ends, after its LF.
pub(crate) fn line_end(raw: &[u8], pos: usize) -> usize {
    memchr_lf(raw.get(pos..).unwrap_or_default()).map_or(raw.len(), |n| pos + n + 1)
}

fn memchr_lf(bytes: &[u8]) -> Option<usize> {
    // Sixteen bytes at a time: the compiler turns the inner test into vector code.
    let mut at = 0;
    for chunk in bytes.chunks_exact(16) {
        if chunk.iter().fold(false, |found, &b| found | (b == b'\n')) {
            break;
        }
        at += 16;
    }
    bytes
        .get(at..)?
        .iter()
        .position(|&b| b == b'\n')
        .map(|n| at + n)
}

fn is_blank(line: &[u8]) -> bool {
    line.iter()
        .all(|b| matches!(b, b'\r' | b'\n' | b' ' | b'\t'))
}

fn is_folded(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// The first line is a field.
pub(crate) fn starts_with_field(raw: &[u8]) -> bool {
    name_length(raw).is_some()
}

/// The length of a field name at the start of `line`: printable ASCII up to a colon, blanks
/// allowed before the colon only (RFC 5322 section 4.5).
fn name_length(line: &[u8]) -> Option<usize> {
    const NAME_MAX: usize = 200;
    let mut blank = false;
    for (at, &b) in line.iter().take(NAME_MAX).enumerate() {
        match b {
            b':' => return (at > 0).then_some(at),
            b' ' | b'\t' if at > 0 => blank = true,
            33..=126 if !blank => {}
            _ => return None,
        }
    }
    None
}

/// `Content-Type` or `Content-Disposition`: value and parameters, RFC 2231 understood.
#[derive(Debug, Default, Clone)]
pub(crate) struct Parameters {
    /// "text/plain", "attachment": lower case.
    pub(crate) value: String,
    pub(crate) list: Vec<(String, String)>,
}

impl Parameters {
    /// The parameter called `name` (lower case).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.list
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// Parses such a value. Anything unreadable gives an empty `value`.
pub(crate) fn parameters(value: &[u8]) -> Parameters {
    // Longer than any honest field; RFC 2231 continuations are looked up pairwise.
    const VALUE_MAX: usize = 16 * 1024;
    let mut text = crate::words::normalised(cap(value, VALUE_MAX));
    text.push('\n');
    let mut stream = MessageStream::new(text.as_bytes());
    let HeaderValue::ContentType(parsed) = stream.parse_content_type() else {
        return Parameters::default();
    };
    let main = parsed.c_type.trim().to_ascii_lowercase();
    let value = match parsed.c_subtype.as_deref() {
        Some(sub) => format!("{main}/{}", sub.trim().to_ascii_lowercase()),
        None => main,
    };
    let list = parsed
        .attributes
        .unwrap_or_default()
        .into_iter()
        .map(|a| (a.name.to_ascii_lowercase(), a.value.into_owned()))
        .collect();
    Parameters { value, list }
}

/// Message ids of `Message-ID`, `In-Reply-To` or `References`, without angle brackets, in order,
/// at most `max`. Ids without brackets are taken where they look like one.
pub(crate) fn message_ids(value: &[u8], max: usize) -> Vec<String> {
    const ID_MAX: usize = 998;
    let text = crate::charset::guess(cap(value, 256 * 1024));
    let mut ids: Vec<String> = Vec::new();
    let mut push = |id: &str| {
        let id: String = id
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control() && !crate::clean::is_bidi_control(*c))
            .collect();
        if !id.is_empty() && id.len() <= ID_MAX && ids.len() < max && ids.last() != Some(&id) {
            ids.push(id);
        }
    };
    if text.contains('<') {
        for piece in text.split('<').skip(1) {
            if let Some((id, _)) = piece.split_once('>') {
                push(id);
            } else {
                push(piece.split_whitespace().next().unwrap_or_default());
            }
        }
    } else {
        for word in text.split_whitespace() {
            if word.contains('@') || text.split_whitespace().nth(1).is_none() {
                push(word.trim_matches(['<', '>', ',', ';', '"']));
            }
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(raw: &str) -> (Vec<String>, String) {
        let (fields, body) = block(raw.as_bytes(), |_| false);
        let names = fields
            .list
            .iter()
            .map(|f| {
                format!(
                    "{}={}",
                    String::from_utf8_lossy(f.name),
                    String::from_utf8_lossy(f.value)
                )
            })
            .collect();
        (names, raw[body..].to_owned())
    }

    #[test]
    fn blocks_are_read_as_people_would() {
        let table: &[(&str, &[&str], &str)] = &[
            ("A: 1\r\nB : 2\r\n\r\nbody", &["A=1", "B=2"], "body"),
            ("A: 1\n folded\n\nbody", &["A=1\n folded"], "body"),
            ("From me Mon\nA: 1\n\nx", &["A=1"], "x"),
            (
                "\nNote: a part without fields",
                &[],
                "Note: a part without fields",
            ),
            (
                "A: 1\nno header here\nnor here",
                &["A=1"],
                "no header here\nnor here",
            ),
            ("A: 1\nstray line\nB: 2\n\nx", &["A=1", "B=2"], "x"),
            ("A: 1", &["A=1"], ""),
            ("", &[], ""),
            ("just text\nmore text\n", &[], "just text\nmore text\n"),
            ("\nbody only", &[], "body only"),
        ];
        for (raw, want, body) in table {
            let (got, rest) = names(raw);
            assert_eq!(&got, want, "{raw:?}");
            assert_eq!(&rest, body, "{raw:?}");
        }
    }

    #[test]
    fn parameters_are_read_in_every_dialect() {
        let p = parameters(b"text/HTML; charset=\"UTF-8\"; name*=utf-8''gr%C3%BCn.txt");
        assert_eq!(p.value, "text/html");
        assert_eq!(p.get("charset"), Some("UTF-8"));
        assert_eq!(p.get("name"), Some("grün.txt"));
        let p = parameters(b"attachment; filename=\"=?utf-8?Q?gr=C3=BCn.txt?=\"");
        assert_eq!(p.value, "attachment");
        assert!(
            p.get("filename")
                .is_some_and(|f| f.contains("grün") || f.contains("=?"))
        );
        let p = parameters(b"attachment; filename*0=\"a\"; filename*1=\"b.txt\"");
        assert_eq!(p.get("filename"), Some("ab.txt"));
    }

    #[test]
    fn message_ids_lose_their_brackets() {
        assert_eq!(
            message_ids(b"<a@b> <c@d>\r\n <e@f>", 9),
            ["a@b", "c@d", "e@f"]
        );
        assert_eq!(message_ids(b"a@b", 9), ["a@b"]);
        assert_eq!(
            message_ids(b"Your message of Monday", 9),
            Vec::<String>::new()
        );
        assert_eq!(message_ids(b"<a@b> <c@d>", 1), ["a@b"]);
    }
}
