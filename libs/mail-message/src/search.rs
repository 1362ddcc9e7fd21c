//! Words for the full-text index and questions to it.
//!
//! Text and questions go through the same [`tokens`], so that what is found does not depend on
//! case, accents, width or on which database does the finding.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use utoipa::ToSchema;

/// Longest token in characters; longer words are cut, nobody types them whole.
pub const MAX_TOKEN: usize = 40;
/// Terms of one question; the rest is ignored.
pub const MAX_TERMS: usize = 32;
/// Bytes of a question looked at.
pub const MAX_QUERY: usize = 2_000;

/// Blank-separated tokens of `text`: lower case, accents dropped, Chinese, Japanese and Korean
/// runs as pairs of neighbours (they are written without blanks).
#[must_use]
pub fn tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // ASCII that is no letter and no digit divides words in every script; the words of most
    // mail are ASCII and need no normalisation.
    for piece in text.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()) {
        if piece.is_empty() {
            continue;
        }
        if piece.is_ascii() {
            separate(&mut out);
            let cut = piece.get(..MAX_TOKEN.min(piece.len())).unwrap_or_default();
            out.extend(cut.bytes().map(|b| char::from(b.to_ascii_lowercase())));
        } else {
            normalised(piece, &mut out);
        }
    }
    out
}

fn normalised(piece: &str, out: &mut String) {
    let folded = piece
        .nfkd()
        .filter(|c| !is_combining_mark(*c) || is_cjk(*c))
        .flat_map(char::to_lowercase)
        // Lower-casing may decompose again: the Turkish dotted capital I.
        .filter(|c| !is_combining_mark(*c) || is_cjk(*c))
        .flat_map(|c| {
            // Letters that Unicode does not take apart but people type without.
            let (one, two) = match c {
                'ß' => ('s', Some('s')),
                'æ' => ('a', Some('e')),
                'œ' => ('o', Some('e')),
                'ø' => ('o', None),
                'ł' => ('l', None),
                'đ' => ('d', None),
                'ı' => ('i', None),
                c => (c, None),
            };
            std::iter::once(one).chain(two)
        });
    // NFKD takes Hangul apart; put it together again.
    fold(folded.nfc(), out);
}

fn fold(chars: impl Iterator<Item = char>, out: &mut String) {
    let mut length = 0;
    let mut previous: Option<char> = None;
    // A single character of such a script is a token; in a run only its pairs are.
    let mut run = 0;
    for c in chars {
        if is_cjk(c) {
            length = 0;
            match previous {
                Some(before) => {
                    if run == 1 {
                        // Turn the single into the first of its pair.
                        out.push(c);
                    } else {
                        separate(out);
                        out.push(before);
                        out.push(c);
                    }
                }
                None => {
                    separate(out);
                    out.push(c);
                }
            }
            run += 1;
            previous = Some(c);
            continue;
        }
        previous = None;
        run = 0;
        if c.is_alphanumeric() {
            if length == 0 {
                separate(out);
            }
            if length < MAX_TOKEN {
                out.push(c);
            }
            length += 1;
        } else {
            length = 0;
        }
    }
}

fn separate(out: &mut String) {
    if !out.is_empty() {
        out.push(' ');
    }
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3100}'..='\u{318f}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{1100}'..='\u{11ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Where a term is looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Everywhere.
    #[default]
    Any,
    /// `subject:`
    Subject,
    /// `from:`: names and addresses of those who wrote it.
    From,
    /// `to:` and `cc:`: names and addresses of its recipients.
    To,
    /// The text.
    Body,
}

/// One thing that must (or must not) be there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Term {
    /// Where.
    pub field: Field,
    /// As of [`tokens`]: one token, or several that belong together. Never empty.
    pub text_tokens: String,
    /// The tokens must follow each other.
    pub phrase: bool,
    /// Must not be there.
    pub negated: bool,
    /// The last token may go on.
    pub prefix: bool,
}

/// A question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Query {
    /// All must hold.
    pub terms: Vec<Term>,
    /// `from:` values, as tokens; all must be in the author's name or address.
    pub from: Vec<String>,
    /// `to:` values, as tokens; all must be among the recipients.
    pub to: Vec<String>,
    /// `label:`, a label of the server as it is written.
    pub label: Option<String>,
    /// `has:attachment`; false for `-has:attachment`.
    pub has_attachment: Option<bool>,
    /// `is:unread`, `is:read`.
    pub is_unread: Option<bool>,
    /// `is:starred`, `is:flagged`.
    pub is_flagged: Option<bool>,
    /// Day before which, "2026-01-31" (UTC).
    pub before: Option<String>,
    /// Day from which on, "2026-01-01" (UTC).
    pub after: Option<String>,
}

/// Reads a question as people type it. Never fails: what is no operator is a word.
#[must_use]
pub fn parse_query(q: &str) -> Query {
    let q = q
        .get(..crate::clean::floor_boundary(q, MAX_QUERY))
        .unwrap_or_default();
    let mut query = Query::default();
    for word in words(q) {
        if !operator(&word, &mut query) {
            push(&word, Field::Any, &mut query);
        }
    }
    query
}

/// A blank-separated piece; quotes hold blanks together.
#[derive(Debug, Default)]
struct Word {
    negated: bool,
    /// Before the colon, lower case.
    key: Option<String>,
    text: String,
    quoted: bool,
}

fn words(q: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut chars = q.chars().peekable();
    while let Some(&c) = chars.peek() {
        if c.is_whitespace() {
            chars.next();
            continue;
        }
        let mut word = Word::default();
        if c == '-' {
            chars.next();
            word.negated = chars.peek().is_some_and(|c| !c.is_whitespace());
        }
        while let Some(&c) = chars.peek() {
            if c.is_whitespace() {
                break;
            }
            chars.next();
            match c {
                '"' | '\u{201c}' | '\u{201d}' | '\u{201e}' if word.text.is_empty() => {
                    word.quoted = true;
                    for c in chars.by_ref() {
                        if matches!(c, '"' | '\u{201c}' | '\u{201d}') {
                            break;
                        }
                        word.text.push(c);
                    }
                    break;
                }
                ':' if word.key.is_none() && is_key(&word.text) => {
                    word.key = Some(std::mem::take(&mut word.text).to_ascii_lowercase());
                }
                c => word.text.push(c),
            }
        }
        found.push(word);
    }
    found
}

fn is_key(text: &str) -> bool {
    [
        "from", "to", "cc", "subject", "body", "has", "is", "before", "after", "since", "until",
        "label",
    ]
    .iter()
    .any(|k| text.eq_ignore_ascii_case(k))
}

/// Understands `key:value`. False: take it as words.
fn operator(word: &Word, query: &mut Query) -> bool {
    let Some(key) = &word.key else {
        return false;
    };
    let value = word.text.trim();
    match key.as_str() {
        "subject" => return push(word, Field::Subject, query),
        "body" => return push(word, Field::Body, query),
        "from" if word.negated => return push(word, Field::From, query),
        "to" | "cc" if word.negated => return push(word, Field::To, query),
        "from" => return keep(value, &mut query.from),
        "to" | "cc" => return keep(value, &mut query.to),
        "label" if !word.negated && !value.is_empty() => query.label = Some(value.to_owned()),
        "has" if is(value, &["attachment", "attachments", "file", "files"]) => {
            query.has_attachment = Some(!word.negated);
        }
        "is" if is(value, &["unread", "unseen", "new"]) => query.is_unread = Some(!word.negated),
        "is" if is(value, &["read", "seen"]) => query.is_unread = Some(word.negated),
        "is" if is(value, &["starred", "flagged", "important"]) => {
            query.is_flagged = Some(!word.negated);
        }
        "before" | "until" if !word.negated => match day(value) {
            Some(day) => query.before = Some(day),
            None => return false,
        },
        "after" | "since" if !word.negated => match day(value) {
            Some(day) => query.after = Some(day),
            None => return false,
        },
        _ => return false,
    }
    true
}

fn is(value: &str, names: &[&str]) -> bool {
    names.iter().any(|n| value.eq_ignore_ascii_case(n))
}

fn keep(value: &str, list: &mut Vec<String>) -> bool {
    let tokens = tokens(value);
    let good = !tokens.is_empty() && list.len() < MAX_TERMS;
    if good {
        list.push(tokens);
    }
    good
}

/// "2026-01-31", "2026/1/31".
fn day(value: &str) -> Option<String> {
    let mut numbers = value.splitn(3, ['-', '/']).map(|n| n.parse::<i16>().ok());
    let (y, m, d) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let date = jiff::civil::Date::new(y, i8::try_from(m).ok()?, i8::try_from(d).ok()?).ok()?;
    (y >= 1970).then(|| date.to_string())
}

/// Adds a term. False where nothing of it can be searched.
fn push(word: &Word, field: Field, query: &mut Query) -> bool {
    // An operator that was not understood is searched as it was typed.
    let typed = match (&word.key, field) {
        (Some(key), Field::Any) => format!("{key}:{}", word.text),
        _ => word.text.clone(),
    };
    let text_tokens = tokens(&typed);
    if text_tokens.is_empty() || query.terms.len() >= MAX_TERMS {
        return false;
    }
    query.terms.push(Term {
        field,
        // "e-mail" and a run of Chinese are several tokens that belong together.
        phrase: word.quoted || text_tokens.contains(' '),
        negated: word.negated,
        prefix: !word.quoted && typed.ends_with('*'),
        text_tokens,
    });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_folded_and_bounded() {
        let long = "x".repeat(100);
        let table = [
            ("Hello, World!", "hello world"),
            ("Grüße aus KÖLN", "grusse aus koln"),
            ("Straße", "strasse"),
            ("a@b.example.com", "a b example com"),
            ("ﬁne ＷＩＤＥ", "fine wide"),
            ("İstanbul", "istanbul"),
            ("你好世界 ok 中", "你好 好世 世界 ok 中"),
            ("ハロー", "ハロ ロー"),
            ("한국어", "한국 국어"),
            ("Ω mega", "ω mega"),
            ("", ""),
            ("\0\u{1}-- ", ""),
        ];
        for (given, want) in table {
            assert_eq!(tokens(given), want, "{given}");
        }
        assert_eq!(tokens(&long).len(), MAX_TOKEN);
    }

    fn term(text: &str) -> Term {
        Term {
            text_tokens: text.into(),
            ..Term::default()
        }
    }

    #[test]
    fn questions_are_read_as_typed() {
        let q = parse_query(
            "Invoice from:Ann to:\"Bob B\" subject:\"two words\" -spam pay* has:attachment is:unread is:starred before:2026-01-31 after:2026/1/1",
        );
        assert_eq!(q.terms[0], term("invoice"));
        assert_eq!(
            q.terms[1],
            Term {
                field: Field::Subject,
                phrase: true,
                ..term("two words")
            }
        );
        assert_eq!(
            q.terms[2],
            Term {
                negated: true,
                ..term("spam")
            }
        );
        assert_eq!(
            q.terms[3],
            Term {
                prefix: true,
                ..term("pay")
            }
        );
        assert_eq!(
            (q.from, q.to),
            (vec!["ann".to_owned()], vec!["bob b".to_owned()])
        );
        assert_eq!(
            (q.has_attachment, q.is_unread, q.is_flagged),
            (Some(true), Some(true), Some(true))
        );
        assert_eq!(
            (q.before.as_deref(), q.after.as_deref()),
            (Some("2026-01-31"), Some("2026-01-01"))
        );
    }

    #[test]
    fn who_wrote_and_who_received_are_two_things() {
        let q = parse_query("-from:ann -to:bob -cc:carl");
        let fields: Vec<_> = q.terms.iter().map(|term| term.field).collect();
        assert_eq!(fields, [Field::From, Field::To, Field::To]);
    }

    #[test]
    fn what_is_no_operator_is_a_word() {
        let q = parse_query("is:funny before:soon http://x.y \"open quote - re: AND OR NOT ( *");
        assert_eq!(
            q.terms[0],
            Term {
                phrase: true,
                ..term("is funny")
            }
        );
        assert_eq!(
            q.terms[1],
            Term {
                phrase: true,
                ..term("before soon")
            }
        );
        assert_eq!(
            q.terms[2],
            Term {
                phrase: true,
                ..term("http x y")
            }
        );
        assert_eq!(
            q.terms[3],
            Term {
                phrase: true,
                ..term("open quote re and or not")
            }
        );
        assert_eq!(q.terms.len(), 4);
        assert_eq!(parse_query("").terms, []);
        assert_eq!(
            parse_query("- -- * \" : from:").terms.len() + parse_query("from:").from.len(),
            1
        );
        assert_eq!(parse_query(&"x ".repeat(5_000)).terms.len(), MAX_TERMS);
        assert_eq!(
            parse_query("-is:read -has:attachment").is_unread,
            Some(true)
        );
        let labelled = parse_query("label:\"Customers/Acme, Inc.\" x -label:y");
        assert_eq!(labelled.label.as_deref(), Some("Customers/Acme, Inc."));
        assert_eq!(labelled.terms.len(), 2);
    }
}
