//! Reads what an IMAP server says. A second reading of RFC 9051, on purpose: it shares nothing with the product's own
//! parser, so that a misunderstanding cannot hide on both sides.

use std::io::BufRead;

/// One thing in a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A bare word: `OK`, `12`, `\Seen`, `BODY[]`.
    Word(String),
    /// A quoted string or literal.
    Text(Vec<u8>),
    /// A list in round brackets.
    List(Vec<Item>),
    /// A response code in square brackets, as words: `[UIDNEXT 5]`.
    Code(String),
}

impl Item {
    /// The word or text as a string; empty for a list.
    pub fn as_str(&self) -> String {
        match self {
            Item::Word(word) | Item::Code(word) => word.clone(),
            Item::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Item::List(_) => String::new(),
        }
    }

    /// The word as a number.
    pub fn number(&self) -> Option<u64> {
        self.as_str().parse().ok()
    }

    /// The list's items; none for anything else.
    pub fn list(&self) -> &[Item] {
        match self {
            Item::List(items) => items,
            _ => &[],
        }
    }
}

/// One response: the tag (or `*`, `+`) and what follows. None at the end of the connection.
pub(crate) fn read(from: &mut impl BufRead) -> Option<(String, Vec<Item>)> {
    let mut bytes = Vec::new();
    // A line that ends with {n} goes on after n bytes.
    loop {
        if from
            .read_until(b'\n', &mut bytes)
            .expect("the IMAP server answers in time")
            == 0
        {
            return None;
        }
        let Some(length) = literal_length(&bytes) else {
            break;
        };
        let mut literal = vec![0; length];
        from.read_exact(&mut literal)
            .expect("the IMAP server sends the whole literal");
        bytes.extend_from_slice(&literal);
    }
    let mut parser = Parser {
        bytes: &bytes,
        at: 0,
    };
    let tag = parser.word();
    let mut items = Vec::new();
    while let Some(item) = parser.item() {
        items.push(item);
    }
    Some((tag, items))
}

fn literal_length(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let start = line.iter().rposition(|b| *b == b'{')?;
    std::str::from_utf8(&line[start + 1..]).ok()?.parse().ok()
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next item; none at the end of the line or the list.
    fn item(&mut self) -> Option<Item> {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
        match self.peek()? {
            b'\r' | b'\n' | b')' => None,
            b'(' => {
                self.at += 1;
                let mut items = Vec::new();
                while let Some(item) = self.item() {
                    items.push(item);
                }
                self.at += 1;
                Some(Item::List(items))
            }
            b'"' => Some(self.quoted()),
            b'{' => Some(self.literal()),
            b'[' => {
                let length = self.bytes[self.at..].iter().position(|b| *b == b']')?;
                let code = String::from_utf8_lossy(&self.bytes[self.at + 1..self.at + length])
                    .into_owned();
                self.at += length + 1;
                Some(Item::Code(code))
            }
            _ => Some(Item::Word(self.word())),
        }
    }

    fn quoted(&mut self) -> Item {
        let mut text = Vec::new();
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                _ => text.push(byte),
            }
        }
        Item::Text(text)
    }

    fn literal(&mut self) -> Item {
        let head = self.bytes[self.at..]
            .iter()
            .position(|b| *b == b'\n')
            .map_or(self.bytes.len(), |n| self.at + n + 1);
        let length = literal_length(&self.bytes[self.at..head]).unwrap_or(0);
        self.at = head + length;
        Item::Text(self.bytes[head..self.at].to_vec())
    }

    /// Up to the next space or bracket; `BODY[HEADER.FIELDS (SUBJECT)]` is one word.
    fn word(&mut self) -> String {
        let start = self.at;
        let mut depth = 0;
        while let Some(byte) = self.peek() {
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                b' ' | b'(' | b')' if depth <= 0 => break,
                b'\r' | b'\n' => break,
                _ => {}
            }
            self.at += 1;
        }
        String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Item, read};

    #[test]
    fn a_fetch_response_with_literals_is_read_whole() {
        let mut from: &[u8] = b"* 1 FETCH (UID 7 FLAGS (\\Seen $x) BODY[] {5}\r\na)\r\nb X \"q\\\"\")\r\n* OK [UIDNEXT 9] hi\r\n";
        let (tag, items) = read(&mut from).expect("a response");
        assert_eq!(tag, "*");
        let parts = items[2].list();
        assert_eq!(parts[3].list()[1], Item::Word("$x".into()));
        assert_eq!(parts[5], Item::Text(b"a)\r\nb".to_vec()));
        assert_eq!(parts[7], Item::Text(b"q\"".to_vec()));
        assert_eq!(
            read(&mut from).expect("another").1[1],
            Item::Code("UIDNEXT 9".into())
        );
        assert_eq!(read(&mut from), None);
    }
}
