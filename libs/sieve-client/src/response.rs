//! A server's answer: lines of words and texts, and how it ends: OK, NO or BYE (RFC 5804 sections 1.2, 1.3 and 4).

use mail_net::line_wire::printable;

use crate::error::{Refusal, RefusalCode, SieveError};

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Atom(String),
    /// Quoted or counted.
    Text(Vec<u8>),
    Open,
    Close,
}

impl Token {
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Token::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Response {
    /// What came before the end.
    pub(crate) lines: Vec<Vec<Token>>,
    pub(crate) end: End,
}

/// How an answer ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) kind: Kind,
    /// The word of a code, upper case.
    pub(crate) code: Option<String>,
    /// The text that belongs to the code.
    pub(crate) argument: Option<String>,
    /// For people.
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ok,
    No,
    Bye,
}

impl End {
    /// Reads a line as the end of an answer; none where it is another line of it.
    pub(crate) fn read(line: &[Token]) -> Option<End> {
        let (first, rest) = line.split_first()?;
        let Token::Atom(word) = first else {
            return None;
        };
        let kind = match word.to_ascii_uppercase().as_str() {
            "OK" => Kind::Ok,
            "NO" => Kind::No,
            "BYE" => Kind::Bye,
            _ => return None,
        };
        let mut end = End {
            kind,
            code: None,
            argument: None,
            text: String::new(),
        };
        let mut inside = false;
        for token in rest {
            match token {
                Token::Open => inside = true,
                Token::Close => inside = false,
                Token::Atom(word) if inside && end.code.is_none() => {
                    end.code = Some(word.to_ascii_uppercase());
                }
                Token::Text(bytes) if inside => {
                    end.argument = Some(String::from_utf8_lossy(bytes).into_owned());
                }
                Token::Text(bytes) => end.text = for_people(bytes),
                Token::Atom(_) => {}
            }
        }
        Some(end)
    }

    /// The same as the reason of a no.
    pub(crate) fn refusal(&self) -> Refusal {
        let code = self.code.as_deref().map(|code| match code {
            "NONEXISTENT" => RefusalCode::NonExistent,
            "ALREADYEXISTS" => RefusalCode::AlreadyExists,
            "ACTIVE" => RefusalCode::Active,
            "TRYLATER" => RefusalCode::TryLater,
            "ENCRYPT-NEEDED" => RefusalCode::EncryptNeeded,
            "AUTH-TOO-WEAK" => RefusalCode::AuthTooWeak,
            "TRANSITION-NEEDED" => RefusalCode::TransitionNeeded,
            "REFERRAL" => RefusalCode::Referral(self.argument.clone().unwrap_or_default()),
            // QUOTA/MAXSCRIPTS and QUOTA/MAXSIZE say which.
            _ if code.split('/').next() == Some("QUOTA") => RefusalCode::Quota,
            _ => RefusalCode::Other(code.to_owned()),
        });
        Refusal {
            code,
            text: self.text.clone(),
        }
    }
}

/// Reads one line, and tells how many bytes of a counted text follow it, where it ends in such a count.
///
/// # Errors
/// [`SieveError::Nonsense`].
pub(crate) fn tokens(line: &[u8]) -> Result<(Vec<Token>, Option<usize>), SieveError> {
    let nonsense = || SieveError::Nonsense {
        line: printable(line),
    };
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(&first) = rest.first() {
        match first {
            b' ' => rest = &rest[1..],
            b'(' => {
                found.push(Token::Open);
                rest = &rest[1..];
            }
            b')' => {
                found.push(Token::Close);
                rest = &rest[1..];
            }
            b'"' => {
                let (text, after) = quoted(&rest[1..]).ok_or_else(nonsense)?;
                found.push(Token::Text(text));
                rest = after;
            }
            b'{' => {
                let count = rest[1..].strip_suffix(b"}").ok_or_else(nonsense)?;
                let count = count.strip_suffix(b"+").unwrap_or(count);
                let count = std::str::from_utf8(count)
                    .ok()
                    .and_then(|count| count.parse().ok());
                return Ok((found, Some(count.ok_or_else(nonsense)?)));
            }
            _ => {
                let end = rest
                    .iter()
                    .position(|b| matches!(b, b' ' | b'(' | b')' | b'"' | b'{'))
                    .unwrap_or(rest.len());
                found.push(Token::Atom(printable(&rest[..end])));
                rest = &rest[end..];
            }
        }
    }
    Ok((found, None))
}

/// A text up to its closing quotation mark, and what follows that.
fn quoted(rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    let mut bytes = rest.iter().enumerate();
    while let Some((at, &byte)) = bytes.next() {
        match byte {
            b'"' => return Some((text, &rest[at + 1..])),
            b'\\' => text.push(*bytes.next()?.1),
            _ => text.push(byte),
        }
    }
    None
}

/// Text of several lines for people: nothing that could steer a terminal.
fn for_people(bytes: &[u8]) -> String {
    let lines = bytes.split(|byte| *byte == b'\n').map(printable);
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Token {
        Token::Text(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_read_into_words_and_texts() {
        let atom = |word: &str| Token::Atom(word.to_owned());
        let table: &[(&str, Vec<Token>, Option<usize>)] = &[
            ("", vec![], None),
            ("OK", vec![atom("OK")], None),
            (r#""a b" ACTIVE"#, vec![text("a b"), atom("ACTIVE")], None),
            (r#""a\"b\\" """#, vec![text("a\"b\\"), text("")], None),
            (
                r#"NO (QUOTA/MAXSIZE) "too much""#,
                vec![
                    atom("NO"),
                    Token::Open,
                    atom("QUOTA/MAXSIZE"),
                    Token::Close,
                    text("too much"),
                ],
                None,
            ),
            (
                "OK (WARNINGS) {12}",
                vec![atom("OK"), Token::Open, atom("WARNINGS"), Token::Close],
                Some(12),
            ),
            ("{3+}", vec![], Some(3)),
            (r#""ends in {5}""#, vec![text("ends in {5}")], None),
        ];
        for (line, wanted, counted) in table {
            assert_eq!(
                &tokens(line.as_bytes()).expect(line),
                &(wanted.clone(), *counted),
                "{line}"
            );
        }
        for line in [
            "\"open",
            "\"open\\",
            "{x}",
            "{",
            "{1} more",
            "{99999999999999999999999}",
        ] {
            assert!(tokens(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn the_end_of_an_answer_has_its_code_and_its_words() {
        let end = |line: &str| End::read(&tokens(line.as_bytes()).expect(line).0);
        let no = end(r#"no (REFERRAL "sieve://x") "go there""#).expect("an end");
        assert_eq!((no.kind, no.text.as_str()), (Kind::No, "go there"));
        assert_eq!(
            no.refusal().code,
            Some(RefusalCode::Referral("sieve://x".to_owned()))
        );
        let ok = end(r#"OK (SASL "dj0x")"#).expect("an end");
        assert_eq!(
            (ok.code.as_deref(), ok.argument.as_deref()),
            (Some("SASL"), Some("dj0x"))
        );
        for (line, code) in [
            ("NO (NONEXISTENT)", RefusalCode::NonExistent),
            ("NO (QUOTA)", RefusalCode::Quota),
            ("NO (QUOTA/MAXSCRIPTS)", RefusalCode::Quota),
            ("NO (X-NEW)", RefusalCode::Other("X-NEW".to_owned())),
        ] {
            assert_eq!(
                end(line).expect("an end").refusal().code,
                Some(code),
                "{line}"
            );
        }
        for line in [r#""OK" "a capability""#, "OKAY", r#""script" ACTIVE"#, ""] {
            assert_eq!(end(line), None, "{line}");
        }
        assert_eq!(
            for_people(b"line 1:\x1b[2J no\r\nline 2\r\n"),
            "line 1: [2J no\nline 2"
        );
    }
}
