//! A cursor over one framed response. It never fails and never recurses: whatever the bytes are, it moves forward.
//!
//! Tolerated on purpose: blanks before a closing parenthesis (QQ), unterminated quotes, missing closing
//! parentheses, 8-bit bytes in atoms, blanks inside `BODY[HEADER.FIELDS (..)]`.

use super::value::Value;

/// A position in the text of a response. Copies are cheap and independent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The smallest pieces. `Quoted` is raw: escapes are still inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Open,
    Close,
    Atom(&'a [u8]),
    Quoted(&'a [u8]),
    Literal(&'a [u8]),
    End,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    /// What has not been read yet, without leading blanks and the line's end.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[]).trim_ascii()
    }

    /// The next whole value: a list comes as a cursor over its inside. [`Value::End`] at the end or before a `)`.
    pub(crate) fn value(&mut self) -> Value<'a> {
        let before = self.at;
        match self.token() {
            Token::End => Value::End,
            Token::Close => {
                self.at = before;
                Value::End
            }
            Token::Atom(atom) if atom.eq_ignore_ascii_case(b"NIL") => Value::Nil,
            Token::Atom(atom) => Value::Atom(atom),
            Token::Quoted(raw) => Value::Quoted(raw),
            Token::Literal(bytes) => Value::Literal(bytes),
            Token::Open => {
                let start = self.at;
                let end = self.skip_to_matching_close();
                Value::List(Cursor::new(self.bytes.get(start..end).unwrap_or(&[])))
            }
        }
    }

    /// Leaves the cursor behind the `)` that matches an already read `(` and gives that `)`'s position.
    fn skip_to_matching_close(&mut self) -> usize {
        let mut depth = 1_usize;
        loop {
            self.skip_blanks();
            let before = self.at;
            match self.token() {
                Token::Open => depth += 1,
                Token::Close => depth -= 1,
                Token::End => return self.bytes.len(),
                _ => {}
            }
            if depth == 0 {
                return before;
            }
        }
    }

    pub(crate) fn token(&mut self) -> Token<'a> {
        self.skip_blanks();
        let Some(&first) = self.bytes.get(self.at) else {
            return Token::End;
        };
        match first {
            b'(' => {
                self.at += 1;
                Token::Open
            }
            b')' => {
                self.at += 1;
                Token::Close
            }
            b'"' => self.quoted(),
            b'{' | b'~' => self.literal().unwrap_or_else(|| self.atom()),
            _ => self.atom(),
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn quoted(&mut self) -> Token<'a> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            match self.bytes.get(at) {
                Some(b'\\') => at += 2,
                Some(b'"') => {
                    self.at = at + 1;
                    return Token::Quoted(&self.bytes[start..at]);
                }
                Some(b'\r' | b'\n') | None => {
                    let end = at.min(self.bytes.len());
                    self.at = end;
                    return Token::Quoted(&self.bytes[start..end]);
                }
                Some(_) => at += 1,
            }
        }
    }

    /// `{12}CRLF`, `{12+}CRLF`, `~{12}CRLF` (literal8), then the bytes. Anything else is no literal.
    fn literal(&mut self) -> Option<Token<'a>> {
        let text = self.bytes.get(self.at..)?;
        let text = text.strip_prefix(b"~").unwrap_or(text);
        let inner = text.strip_prefix(b"{")?;
        let close = inner.iter().take(24).position(|byte| *byte == b'}')?;
        let digits = &inner[..close];
        let digits = digits
            .strip_suffix(b"+")
            .or_else(|| digits.strip_suffix(b"-"))
            .unwrap_or(digits);
        let length = usize::try_from(super::value::digits(digits)?).ok()?;
        let after = inner.get(close + 1..)?;
        let data = after
            .strip_prefix(b"\r\n")
            .or_else(|| after.strip_prefix(b"\n"))?;
        let data = &data[..length.min(data.len())];
        let base = self.bytes.as_ptr() as usize;
        self.at = data.as_ptr() as usize - base + data.len();
        Some(Token::Literal(data))
    }

    fn atom(&mut self) -> Token<'a> {
        let start = self.at;
        let mut at = start;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')' => break,
                b'"' if at > start => break,
                b'[' => at = self.behind_bracket(at),
                _ => at += 1,
            }
        }
        self.at = at;
        Token::Atom(&self.bytes[start..at])
    }

    /// A section such as `[HEADER.FIELDS (FROM TO)]` belongs to its atom, blanks and all; a lone `[` is a letter.
    fn behind_bracket(&self, open: usize) -> usize {
        let mut at = open + 1;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b']' => return at + 1,
                b'\r' | b'\n' | b'[' => break,
                _ => at += 1,
            }
        }
        open + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut cursor = Cursor::new(text.as_bytes());
        let mut all = Vec::new();
        loop {
            let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            all.push(match cursor.token() {
                Token::Open => "(".to_owned(),
                Token::Close => ")".to_owned(),
                Token::Atom(bytes) => show(bytes),
                Token::Quoted(bytes) => format!("q:{}", show(bytes)),
                Token::Literal(bytes) => format!("l:{}", show(bytes)),
                Token::End => return all,
            });
        }
    }

    #[test]
    fn legal_text_falls_into_its_tokens() {
        assert_eq!(
            tokens(
                "(UID 5 FLAGS (\\Seen) BODY[HEADER.FIELDS (TO CC)]<0> {3}\r\na)b \"x\\\"y\")\r\n"
            ),
            [
                "(",
                "UID",
                "5",
                "FLAGS",
                "(",
                "\\Seen",
                ")",
                "BODY[HEADER.FIELDS (TO CC)]<0>",
                "l:a)b",
                "q:x\\\"y",
                ")"
            ]
        );
        assert_eq!(tokens("~{2}\r\n\0\0 {2+}\r\nab"), ["l:\0\0", "l:ab"]);
        assert_eq!(tokens("[Gmail]/All (x)"), ["[Gmail]/All", "(", "x", ")"]);
    }

    #[test]
    fn malformed_text_still_moves_forward() {
        assert_eq!(tokens("( UID 1 )"), ["(", "UID", "1", ")"]);
        assert_eq!(tokens("\"never closed\r\n"), ["q:never closed"]);
        assert_eq!(
            tokens("\"ends in a backslash\\"),
            ["q:ends in a backslash\\"]
        );
        assert_eq!(tokens("a[b (c"), ["a[b", "(", "c"]);
        assert_eq!(tokens("{99}\r\nshort"), ["l:short"]);
        assert_eq!(tokens("{x} ~ {}"), ["{x}", "~", "{}"]);
        assert_eq!(
            tokens("{99999999999999999999999999}\r\n"),
            ["{99999999999999999999999999}"]
        );
    }

    #[test]
    fn a_list_nested_a_hundred_thousand_deep_is_one_value() {
        let deep = format!("{}x{} UID", "(".repeat(100_000), ")".repeat(100_000));
        let mut cursor = Cursor::new(deep.as_bytes());
        assert!(matches!(cursor.value(), Value::List(_)));
        assert!(matches!(cursor.value(), Value::Atom(b"UID")));
        let unclosed = "(".repeat(100_000);
        let mut cursor = Cursor::new(unclosed.as_bytes());
        assert!(matches!(cursor.value(), Value::List(_)));
        assert!(matches!(cursor.value(), Value::End));
    }
}
