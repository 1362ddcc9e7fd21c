//! HTML as a flat stream of text, start tags and end tags: one pass, no tree, no recursion.
//!
//! For reading only (text, quotes, search). What is shown to people goes through `sanitize`.

use html5ever::data::NAMED_ENTITIES;

/// One piece of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Text with its character references still encoded.
    Text(&'a str),
    /// `<name attributes>`; the name as written.
    Start { name: &'a str, attributes: &'a str },
    /// `</name>`.
    End { name: &'a str },
}

/// Elements whose content is not markup (HTML section 13.1.2).
const RAW: [&str; 8] = [
    "script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp",
];

/// Iterates over the pieces of `html`, each with its byte position.
pub(crate) struct Scanner<'a> {
    html: &'a str,
    pos: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(html: &'a str) -> Self {
        Self { html, pos: 0 }
    }

    fn rest(&self) -> &'a str {
        self.html.get(self.pos..).unwrap_or_default()
    }

    /// Skips past the first `needle` from here on; to the end where there is none.
    fn skip_past(&mut self, needle: &str) {
        self.pos = match self.rest().find(needle) {
            Some(at) => self.pos + at + needle.len(),
            None => self.html.len(),
        };
    }

    /// The content of a raw element: up to `</name`, any case.
    fn skip_raw(&mut self, name: &str) {
        while let Some(at) = self.rest().find("</") {
            self.pos += at;
            let after = self.rest().as_bytes();
            if after
                .get(2..2 + name.len())
                .is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()))
            {
                return;
            }
            self.pos += 2;
        }
        self.pos = self.html.len();
    }

    /// A tag whose name starts `offset` bytes from here. Quotes may hold ">".
    fn tag(&mut self, offset: usize) -> (&'a str, &'a str) {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut at = offset;
        while bytes
            .get(at)
            .is_some_and(|b| !b.is_ascii_whitespace() && !matches!(b, b'>' | b'/'))
        {
            at += 1;
        }
        let name_end = at;
        let mut quote = 0u8;
        let mut after_equals = false;
        while let Some(&b) = bytes.get(at) {
            if quote != 0 {
                if b == quote {
                    quote = 0;
                }
            } else {
                match b {
                    b'>' => break,
                    b'"' | b'\'' if after_equals => quote = b,
                    _ => {}
                }
                after_equals = b == b'=' || (after_equals && b.is_ascii_whitespace());
            }
            at += 1;
        }
        self.pos += (at + 1).min(rest.len());
        let name = rest.get(offset..name_end).unwrap_or_default();
        (name, rest.get(name_end..at).unwrap_or_default())
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = (usize, Piece<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest();
            let bytes = rest.as_bytes();
            let start = self.pos;
            let &first = bytes.first()?;
            if first != b'<' || !starts_markup(bytes) {
                let skip = usize::from(first == b'<');
                let mut end = skip;
                loop {
                    let tail = rest.get(end..).unwrap_or_default();
                    match tail.find('<') {
                        Some(at)
                            if starts_markup(tail.as_bytes().get(at..).unwrap_or_default()) =>
                        {
                            end += at;
                            break;
                        }
                        Some(at) => end += at + 1,
                        None => {
                            end = rest.len();
                            break;
                        }
                    }
                }
                self.pos += end;
                return Some((start, Piece::Text(rest.get(..end).unwrap_or_default())));
            }
            match bytes.get(1) {
                Some(b'!') if bytes.starts_with(b"<!--") => {
                    // "<!-->" and "<!--->" are empty comments.
                    self.pos += 2;
                    self.skip_past("-->");
                }
                Some(b'!' | b'?') => self.skip_past(">"),
                Some(b'/') => {
                    let (name, _) = self.tag(2);
                    return Some((start, Piece::End { name }));
                }
                _ => {
                    let (name, attributes) = self.tag(1);
                    if let Some(raw) = RAW.iter().find(|r| name.eq_ignore_ascii_case(r)) {
                        self.skip_raw(raw);
                    }
                    return Some((start, Piece::Start { name, attributes }));
                }
            }
        }
    }
}

fn starts_markup(bytes: &[u8]) -> bool {
    match bytes.get(1) {
        Some(b'!' | b'?') => true,
        Some(b'/') => bytes.get(2).is_some_and(u8::is_ascii_alphabetic),
        Some(b) => b.is_ascii_alphabetic(),
        None => false,
    }
}

/// The value of the attribute called `wanted` (lower case), references decoded.
pub(crate) fn attribute(list: &str, wanted: &str) -> Option<String> {
    let (_, raw) = attributes(list).find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    let mut out = String::new();
    unescape(raw, &mut out);
    Some(out)
}

/// Names and raw values of the attributes of a start tag, in one pass.
pub(crate) fn attributes(list: &str) -> impl Iterator<Item = (&str, &str)> {
    let bytes = list.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let is = |at: usize, test: fn(u8) -> bool| bytes.get(at).is_some_and(|b| test(*b));
        while is(at, |b| b.is_ascii_whitespace() || b == b'/') {
            at += 1;
        }
        let name_start = at;
        // A name may begin with "=" (HTML section 13.2.5.32).
        at += usize::from(at < bytes.len());
        while is(at, |b| {
            !b.is_ascii_whitespace() && !matches!(b, b'=' | b'/')
        }) {
            at += 1;
        }
        if at == name_start {
            return None;
        }
        let name = list.get(name_start..at).unwrap_or_default();
        while is(at, |b| b.is_ascii_whitespace()) {
            at += 1;
        }
        if bytes.get(at) != Some(&b'=') {
            return Some((name, ""));
        }
        at += 1;
        while is(at, |b| b.is_ascii_whitespace()) {
            at += 1;
        }
        let quote = bytes.get(at).copied().filter(|q| matches!(q, b'"' | b'\''));
        at += usize::from(quote.is_some());
        let from = at;
        while bytes.get(at).is_some_and(|&b| match quote {
            Some(q) => b != q,
            None => !b.is_ascii_whitespace(),
        }) {
            at += 1;
        }
        let value = list.get(from..at).unwrap_or_default();
        at += usize::from(quote.is_some());
        Some((name, value))
    })
}

/// Appends `text` with its character references decoded.
pub(crate) fn unescape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        match reference(rest) {
            Some((one, two, used)) => {
                out.push(one);
                out.extend(two);
                rest = rest.get(used..).unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
}

/// The reference at the start of `text`: its one or two characters and its length.
fn reference(text: &str) -> Option<(char, Option<char>, usize)> {
    const LONGEST: usize = 34;
    let body = text.get(1..)?;
    if let Some(number) = body.strip_prefix('#') {
        let (digits, radix, skip) = match number.strip_prefix(['x', 'X']) {
            Some(hex) => (hex, 16, 3),
            None => (number, 10, 2),
        };
        let length = digits
            .bytes()
            .take(8)
            .take_while(|b| char::from(*b).is_digit(radix))
            .count();
        let code = u32::from_str_radix(digits.get(..length)?, radix).ok()?;
        let semicolon = usize::from(digits.as_bytes().get(length) == Some(&b';'));
        let c = match code {
            0 => '\u{fffd}',
            // Numbers 128 to 159 mean windows-1252 (HTML section 13.2.5.80).
            0x80..=0x9f => crate::charset::guess(&[code as u8]).chars().next()?,
            _ => char::from_u32(code).unwrap_or('\u{fffd}'),
        };
        return Some((c, None, skip + length + semicolon));
    }
    let length = body
        .bytes()
        .take(LONGEST)
        .take_while(u8::is_ascii_alphanumeric)
        .count();
    let semicolon = usize::from(body.as_bytes().get(length) == Some(&b';'));
    let name = body.get(..length + semicolon)?;
    // `get` answers prefixes of names with zeros.
    let &(one, two) = NAMED_ENTITIES.get(name).filter(|e| e.0 != 0)?;
    let second = (two != 0).then(|| char::from_u32(two)).flatten();
    Some((char::from_u32(one)?, second, 1 + length + semicolon))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_found_in_good_and_bad_html() {
        let pieces: Vec<Piece<'_>> =
            Scanner::new("a < b<!-- <x> --><p class='>'>c</P><script>if (a</b) {}</script>d<")
                .map(|(_, p)| p)
                .collect();
        assert_eq!(
            pieces,
            [
                Piece::Text("a < b"),
                Piece::Start {
                    name: "p",
                    attributes: " class='>'"
                },
                Piece::Text("c"),
                Piece::End { name: "P" },
                Piece::Start {
                    name: "script",
                    attributes: ""
                },
                Piece::End { name: "script" },
                Piece::Text("d<"),
            ]
        );
    }

    #[test]
    fn attributes_and_references_are_decoded() {
        let a = " HREF=\"x?a=1&amp;b=2\" class=two data-x title='it''s'";
        assert_eq!(attribute(a, "href").as_deref(), Some("x?a=1&b=2"));
        assert_eq!(attribute(a, "class").as_deref(), Some("two"));
        assert_eq!(attribute(a, "data-x").as_deref(), Some(""));
        assert_eq!(attribute(a, "none"), None);
        let mut out = String::new();
        unescape("&lt;&eacute;&#8364;&#x41;&#150;&nope;&copy & &", &mut out);
        assert_eq!(out, "<é€A\u{2013}&nope;© & &");
    }
}
