//! Where in HTML something is filled in: as text and in a quoted attribute the engine's escaping is right; inside of a web
//! address it is made part of the address first; as a whole address it must lead somewhere harmless; and in scripts, styles,
//! names of tags and attributes without quotes no escaping is, so that such a template is refused.

use crate::TemplateError;
use crate::tags::{Kind, Piece, inside};

/// Attributes that are web addresses.
const ADDRESSES: [&str; 9] = [
    "href",
    "src",
    "action",
    "formaction",
    "background",
    "cite",
    "poster",
    "longdesc",
    "data",
];
/// Attributes with a language of their own.
const LANGUAGES: [&str; 3] = ["style", "srcdoc", "srcset"];
/// Elements whose content is no markup.
const RAW: [&str; 3] = ["script", "style", "xmp"];

/// Where the text stands at some point.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Text,
    Comment,
    /// The content of one of [`RAW`].
    Raw(String),
    /// In a tag, outside of attributes' values.
    Tag(String),
    /// In the value of an attribute: the quote (none: it has none), the tag's name, its own name, and whether something of the
    /// value is there already.
    Value {
        quote: Option<char>,
        tag: String,
        name: String,
        begun: bool,
    },
}

/// The template with what is filled into web addresses escaped for them.
pub(crate) fn escaped(pieces: &[Piece<'_>]) -> Result<String, TemplateError> {
    let mut reader = Reader {
        place: Place::Text,
        word: String::new(),
        ended: false,
    };
    let mut out = String::new();
    for piece in pieces {
        match piece.kind {
            Kind::Text => {
                reader.read(piece.text);
                out.push_str(piece.text);
            }
            Kind::Comment | Kind::Tag => out.push_str(piece.text),
            Kind::Value => match reader.takes(piece)? {
                Some(filter) => {
                    let (open, close) = marks(piece.text);
                    out.push_str(&format!("{open} ({})|{filter} {close}", inside(piece)));
                }
                None => out.push_str(piece.text),
            },
        }
    }
    Ok(out)
}

/// The braces of a value, with the marks that take blanks away.
fn marks(text: &str) -> (&str, &str) {
    let dash = |at: usize| matches!(text.as_bytes().get(at), Some(b'-' | b'+'));
    let open = if dash(2) { 3 } else { 2 };
    let close = if text.len() > open + 2 && dash(text.len() - 3) {
        3
    } else {
        2
    };
    (&text[..open], &text[text.len() - close..])
}

/// Follows HTML as browsers read it, as far as it matters here.
struct Reader {
    place: Place,
    /// What of a tag's or an attribute's name was read.
    word: String,
    /// Whether it has ended; a sign of equality may still follow.
    ended: bool,
}

impl Reader {
    /// Whether a value may be filled in here, and what it goes through before.
    fn takes(&mut self, piece: &Piece<'_>) -> Result<Option<&'static str>, TemplateError> {
        let refuse = |place: &str| {
            let text = format!("a value cannot be filled in {place}: nothing makes it safe there");
            Err(TemplateError::new(Some(piece.line), text))
        };
        match &mut self.place {
            // What is escaped for text has no > to end a comment with.
            Place::Text | Place::Comment => Ok(None),
            Place::Raw(name) => refuse(&format!("in <{name}>")),
            Place::Tag(_) => refuse("inside of a tag, outside of quotes"),
            Place::Value { quote: None, .. } => refuse("in an attribute without quotes"),
            Place::Value { name, begun, .. } => {
                if name.starts_with("on") || LANGUAGES.contains(&name.as_str()) {
                    return refuse(&format!("in the attribute {name}"));
                }
                if !ADDRESSES.contains(&name.as_str()) {
                    return Ok(None);
                }
                let whole = !*begun;
                *begun = true;
                Ok(Some(if whole { "address" } else { "urlencode" }))
            }
        }
    }

    fn read(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let skip = self.step(c, rest);
            rest = rest.get(skip..).unwrap_or_default();
        }
    }

    /// Takes a character, and whatever else it decides; returns how many bytes.
    fn step(&mut self, c: char, rest: &str) -> usize {
        let one = c.len_utf8();
        match &mut self.place {
            Place::Text => {
                if rest.starts_with("<!--") {
                    self.place = Place::Comment;
                    return 4;
                }
                let next = rest[one..].chars().next();
                let begins = |c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?');
                if c == '<' && next.is_none_or(begins) {
                    self.place = Place::Tag(String::new());
                    self.word.clear();
                }
                one
            }
            Place::Comment => {
                if rest.starts_with("-->") {
                    self.place = Place::Text;
                    return 3;
                }
                one
            }
            Place::Raw(name) => {
                let end = rest.get(..name.len() + 2).unwrap_or_default();
                if end.eq_ignore_ascii_case(&format!("</{name}")) {
                    let skip = end.len();
                    self.place = Place::Tag(format!("/{name}"));
                    self.word.clear();
                    return skip;
                }
                one
            }
            Place::Tag(tag) => {
                let takes_name = tag.is_empty() && (c == '>' || c.is_whitespace());
                if takes_name {
                    *tag = std::mem::take(&mut self.word).to_ascii_lowercase();
                }
                match c {
                    '>' => self.close(),
                    '=' => {
                        let name = std::mem::take(&mut self.word).to_ascii_lowercase();
                        let after = rest[one..].trim_start();
                        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
                        let blanks = rest.len() - one - after.len();
                        self.place = Place::Value {
                            quote,
                            tag: std::mem::take(tag),
                            name,
                            begun: false,
                        };
                        return one + blanks + usize::from(quote.is_some());
                    }
                    c if c.is_whitespace() => self.ended = true,
                    c => {
                        if self.ended {
                            self.word.clear();
                        }
                        self.ended = false;
                        self.word.push(c);
                    }
                }
                one
            }
            Place::Value {
                quote, tag, begun, ..
            } => {
                let ends = match quote {
                    Some(quote) => c == *quote,
                    None => c.is_whitespace() || c == '>',
                };
                if ends {
                    let closes = quote.is_none() && c == '>';
                    self.place = Place::Tag(std::mem::take(tag));
                    self.word.clear();
                    if closes {
                        self.close();
                    }
                } else {
                    *begun = true;
                }
                one
            }
        }
    }

    fn close(&mut self) {
        self.word.clear();
        self.place = match &self.place {
            Place::Tag(tag) if RAW.contains(&tag.as_str()) => Place::Raw(tag.clone()),
            _ => Place::Text,
        };
    }
}

/// Whether a web address runs nothing: one of the usual kinds, or one without a scheme.
pub(crate) fn is_safe_address(address: &str) -> bool {
    // Browsers leave out blanks and control characters before and within the scheme.
    let plain: String = address
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace())
        .take(100)
        .collect();
    let scheme = match plain.find([':', '/', '?', '#']) {
        Some(at) if plain[at..].starts_with(':') => plain[..at].to_ascii_lowercase(),
        _ => return true,
    };
    ["http", "https", "mailto", "tel", "cid"].contains(&scheme.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags::pieces;

    #[test]
    fn each_place_has_its_own_escaping_or_none_at_all() {
        let made = |source: &str| escaped(&pieces(source)?);
        for (source, wanted) in [
            (
                "<p title=\"{{ a }}\">{{ b }}</p>",
                "<p title=\"{{ a }}\">{{ b }}</p>",
            ),
            ("<a href='{{- a -}}'>", "<a href='{{- (a)|address -}}'>"),
            (
                "<a\nHREF = \"https://x/?q={{ a }}&r={{ b if c }}\">",
                "<a\nHREF = \"https://x/?q={{ (a)|urlencode }}&r={{ (b if c)|urlencode }}\">",
            ),
            (
                "<img alt=\"x\" src=\"cid:{{ a }}\">",
                "<img alt=\"x\" src=\"cid:{{ (a)|urlencode }}\">",
            ),
            (
                "<!-- {{ a }} --><style>b{}</style>{{ c }}",
                "<!-- {{ a }} --><style>b{}</style>{{ c }}",
            ),
            ("1 < 2 {{ a }} <br/>{{ b }}", "1 < 2 {{ a }} <br/>{{ b }}"),
            (
                "<p {% if a %}class=\"b\"{% endif %}>{{ c }}",
                "<p {% if a %}class=\"b\"{% endif %}>{{ c }}",
            ),
        ] {
            assert_eq!(made(source).as_deref(), Ok(wanted), "{source}");
        }
        for source in [
            "<script>var a = {{ a }}</script>",
            "<STYLE>p{color:{{ a }}}</STYLE>",
            "<p title={{ a }}>",
            "<p {{ a }}>",
            "<{{ a }}>",
            "<p onclick=\"f('{{ a }}')\">",
            "<p style=\"color:{{ a }}\">",
            "<iframe srcdoc='{{ a }}'>",
            "\n<p checked title = {{ a }}>",
        ] {
            let error = made(source).unwrap_err();
            assert!(
                error.message.contains("cannot be filled in"),
                "{source}: {error}"
            );
        }
    }

    #[test]
    fn scripts_are_no_addresses_however_they_are_written() {
        for good in [
            "https://x/",
            "mailto:a@b.c",
            "/path:x",
            "#a",
            "",
            "page?x=javascript:1",
            "tel:+49",
        ] {
            assert!(is_safe_address(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            " JaVa\tScript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "\u{1}javascript:x",
        ] {
            assert!(!is_safe_address(bad), "{bad}");
        }
    }
}
