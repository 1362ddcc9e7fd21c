//! What a value means, when someone wants to know. Every reading may say "not that" and nothing more happens.

use std::borrow::Cow;

use super::tokenizer::Cursor;

/// More flags than this on one message are dropped.
const MAX_FLAGS: usize = 1000;
/// Server text in errors and alerts is cut here.
const MAX_TEXT: usize = 1000;

/// One item of a response.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Nil,
    Atom(&'a [u8]),
    /// Raw, escapes inside.
    Quoted(&'a [u8]),
    Literal(&'a [u8]),
    List(Cursor<'a>),
    /// There was no further value.
    End,
}

impl<'a> Value<'a> {
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Value::Atom(bytes) | Value::Quoted(bytes) | Value::Literal(bytes) => digits(bytes),
            // MODSEQ comes in parentheses, EMAILID too.
            Value::List(inner) => match { *inner }.value() {
                Value::Atom(bytes) => digits(bytes),
                _ => None,
            },
            _ => None,
        }
    }

    /// Atom, quoted or literal as bytes; `None` for NIL and lists.
    pub(crate) fn bytes(&self) -> Option<Cow<'a, [u8]>> {
        match *self {
            Value::Atom(bytes) | Value::Literal(bytes) => Some(Cow::Borrowed(bytes)),
            Value::Quoted(raw) => Some(unescape(raw)),
            _ => None,
        }
    }

    /// As [`Value::bytes`], as text fit to be shown; a list of one text counts as the text.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Value::List(inner) => { *inner }.value().bytes().map(|bytes| clean(&bytes)),
            _ => self.bytes().map(|bytes| clean(&bytes)),
        }
    }

    pub(crate) fn list(&self) -> Option<Cursor<'a>> {
        match self {
            Value::List(inner) => Some(*inner),
            _ => None,
        }
    }

    /// A parenthesised list of flags or attributes.
    pub(crate) fn words(&self) -> Option<Vec<String>> {
        let mut inner = self.list()?;
        let mut words = Vec::new();
        loop {
            match inner.value() {
                Value::End => return Some(words),
                value if words.len() < MAX_FLAGS => words.extend(value.text()),
                _ => {}
            }
        }
    }
}

/// A number of nothing but digits that fits.
pub(crate) fn digits(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    let mut plain = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\\', Some(&next @ (b'"' | b'\\'))) => {
                plain.push(next);
                bytes.next();
            }
            // Some servers forget to double the backslash; then it stands for itself.
            _ => plain.push(byte),
        }
    }
    Cow::Owned(plain)
}

/// Server text without control characters, as UTF-8, of bounded length.
pub(crate) fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.len() <= MAX_TEXT && !text.contains(char::is_control) {
        return text.into_owned();
    }
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_TEXT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Value<'_> {
        Cursor::new(text.as_bytes()).value()
    }

    #[test]
    fn numbers_are_read_from_every_spelling_that_servers_use() {
        assert_eq!(first("42").number(), Some(42));
        assert_eq!(first("\"42\"").number(), Some(42));
        assert_eq!(first("(42)").number(), Some(42));
        assert_eq!(first("18446744073709551615").number(), Some(u64::MAX));
        for bad in ["18446744073709551616", "-1", "4x", "NIL", "", "((4))"] {
            assert_eq!(first(bad).number(), None, "{bad}");
        }
    }

    #[test]
    fn quoted_text_loses_its_escapes_and_its_control_characters() {
        assert_eq!(first(r#""a\"b\\c\d""#).text().unwrap(), r#"a"b\c\d"#);
        assert_eq!(first("\"a\x1b[31mb\"").text().unwrap(), "a[31mb");
        assert_eq!(first("NIL").text(), None);
        assert_eq!(first("(Mabc)").text().unwrap(), "Mabc");
    }

    #[test]
    fn flags_are_kept_in_order_and_bounded() {
        assert_eq!(
            first("(\\Seen  $x \"odd one\" )").words().unwrap(),
            ["\\Seen", "$x", "odd one"]
        );
        assert_eq!(first("()").words().unwrap(), Vec::<String>::new());
        assert_eq!(first("NIL").words(), None);
        let many = format!("({})", "f ".repeat(5000));
        assert_eq!(first(&many).words().unwrap().len(), MAX_FLAGS);
    }
}
