//! The kinds of response (RFC 9051 section 7), told apart by their first words.

use super::tokenizer::Cursor;
use super::value::{clean, digits};

/// One framed response.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Response<'a> {
    /// `+ text`
    Continue(&'a [u8]),
    /// `tag OK [CODE args] text`; the tag is `None` for `*`.
    Status {
        tag: Option<&'a [u8]>,
        kind: StatusKind,
        code: Option<Code<'a>>,
        text: &'a [u8],
    },
    /// `* [number] NAME rest`
    Data {
        number: Option<u64>,
        name: &'a [u8],
        rest: Cursor<'a>,
    },
    /// Nothing that IMAP knows.
    Rubbish,
    /// Nothing that IMAP knows, and not even text: whoever sends this has lost the thread, or never spoke IMAP.
    Noise,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusKind {
    Ok,
    No,
    Bad,
    Bye,
    PreAuth,
}

/// A response code in brackets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) args: &'a [u8],
}

impl Code<'_> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    pub(crate) fn number(&self) -> Option<u64> {
        digits(self.args.trim_ascii())
    }

    /// The name in capitals, fit to be shown.
    pub(crate) fn shown(&self) -> String {
        clean(self.name).to_ascii_uppercase()
    }
}

impl<'a> Response<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Response<'a> {
        let line = bytes.trim_ascii_start();
        if let Some(text) = line.strip_prefix(b"+") {
            return Response::Continue(text.trim_ascii());
        }
        let Some((tag, after)) = word(line) else {
            return unknown(line);
        };
        if tag != b"*" {
            return match word(after).and_then(|(name, rest)| status(Some(tag), name, rest)) {
                Some(response) => response,
                None => unknown(line),
            };
        }
        // Old Exchange leaves the OK out: `* [COPYUID ..]`.
        if after.trim_ascii_start().starts_with(b"[") {
            let (code, text) = code(after);
            return Response::Status {
                tag: None,
                kind: StatusKind::Ok,
                code,
                text,
            };
        }
        let Some((first, rest)) = word(after) else {
            return Response::Rubbish;
        };
        if let Some(number) = digits(first) {
            return match word(rest) {
                Some((name, rest)) => Response::Data {
                    number: Some(number),
                    name,
                    rest: Cursor::new(rest),
                },
                None => Response::Rubbish,
            };
        }
        status(None, first, rest).unwrap_or(Response::Data {
            number: None,
            name: first,
            rest: Cursor::new(rest),
        })
    }

    /// Whether this is untagged data of the given name.
    pub(crate) fn is_data(&self, wanted: &str) -> bool {
        matches!(self, Response::Data { name, .. } if name.eq_ignore_ascii_case(wanted.as_bytes()))
    }

    /// The rest of untagged data of the given name.
    pub(crate) fn data(&self, wanted: &str) -> Option<Cursor<'a>> {
        match self {
            Response::Data { name, rest, .. } if name.eq_ignore_ascii_case(wanted.as_bytes()) => {
                Some(*rest)
            }
            _ => None,
        }
    }

    /// The number and the rest of untagged data such as `* 5 FETCH (..)`.
    pub(crate) fn numbered(&self, wanted: &str) -> Option<(u64, Cursor<'a>)> {
        match self {
            Response::Data {
                number: Some(number),
                name,
                rest,
            } if name.eq_ignore_ascii_case(wanted.as_bytes()) => Some((*number, *rest)),
            _ => None,
        }
    }

    /// The code of a status response.
    pub(crate) fn code(&self) -> Option<Code<'a>> {
        match self {
            Response::Status { code, .. } => *code,
            _ => None,
        }
    }
}

/// A line that is no response. Its control characters tell text from noise; a TAB or a form feed may stand in text.
fn unknown(line: &[u8]) -> Response<'_> {
    let line = line.trim_ascii_end();
    if line
        .iter()
        .any(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | 0x0c))
    {
        Response::Noise
    } else {
        Response::Rubbish
    }
}

/// Whether a line that begins like this is a status response or a continuation: in those, `{5}` at the end is text.
pub(crate) fn has_free_text(line: &[u8]) -> bool {
    if line.starts_with(b"+") {
        return true;
    }
    match word(line) {
        Some((b"*", after)) => word(after).is_some_and(|(name, _)| status_kind(name).is_some()),
        _ => true,
    }
}

fn status<'a>(tag: Option<&'a [u8]>, name: &[u8], rest: &'a [u8]) -> Option<Response<'a>> {
    let kind = status_kind(name)?;
    let (code, text) = code(rest);
    Some(Response::Status {
        tag,
        kind,
        code,
        text,
    })
}

fn status_kind(name: &[u8]) -> Option<StatusKind> {
    let kinds = [
        ("OK", StatusKind::Ok),
        ("NO", StatusKind::No),
        ("BAD", StatusKind::Bad),
        ("BYE", StatusKind::Bye),
        ("PREAUTH", StatusKind::PreAuth),
    ];
    kinds
        .into_iter()
        .find(|(word, _)| name.eq_ignore_ascii_case(word.as_bytes()))
        .map(|(_, kind)| kind)
}

fn code(rest: &[u8]) -> (Option<Code<'_>>, &[u8]) {
    let rest = rest.trim_ascii();
    let Some(inner) = rest.strip_prefix(b"[") else {
        return (None, rest);
    };
    let mut quoted = false;
    let mut escaped = false;
    let end = inner.iter().position(|byte| {
        if escaped {
            escaped = false;
        } else if quoted && *byte == b'\\' {
            escaped = true;
        } else if *byte == b'"' {
            quoted = !quoted;
        }
        *byte == b']' && !quoted
    });
    let Some(end) = end else {
        return (None, rest);
    };
    let inside = inner[..end].trim_ascii();
    let split = inside
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(inside.len());
    let code = Code {
        name: &inside[..split],
        args: inside[split..].trim_ascii(),
    };
    (Some(code), inner[end + 1..].trim_ascii())
}

/// The text up to a blank, a parenthesis or the line's end, and what follows.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let end = text
        .iter()
        .position(|byte| matches!(byte, b' ' | b'(' | b'\r' | b'\n' | b'\t'))
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_told_apart() {
        assert!(matches!(
            Response::parse(b"+ go\r\n"),
            Response::Continue(b"go")
        ));
        assert!(matches!(Response::parse(b"+\r\n"), Response::Continue(b"")));
        assert!(matches!(
            Response::parse(b"a1 OK [READ-ONLY] done\r\n"),
            Response::Status { tag: Some(b"a1"), kind: StatusKind::Ok, code: Some(code), text: b"done" } if code.is("read-only")
        ));
        assert!(matches!(
            Response::parse(b"* 5 FETCH(UID 3)\r\n"),
            Response::Data {
                number: Some(5),
                name: b"FETCH",
                ..
            }
        ));
        assert!(matches!(
            Response::parse(b"* bye\r\n"),
            Response::Status {
                tag: None,
                kind: StatusKind::Bye,
                text: b"",
                ..
            }
        ));
        assert!(matches!(
            Response::parse(b"* [COPYUID 1 2 3] old Exchange\r\n"),
            Response::Status { code: Some(code), .. } if code.is("COPYUID") && code.args == b"1 2 3"
        ));
        for rubbish in [
            &b"\r\n"[..],
            b"",
            b"*\r\n",
            b"* 5\r\n",
            b"hello world\r\n",
            b"* 5 \r\n",
        ] {
            assert!(
                matches!(Response::parse(rubbish), Response::Rubbish),
                "{rubbish:?}"
            );
        }
    }

    #[test]
    fn odd_codes_do_no_harm() {
        let text_of = |line: &'static [u8]| match Response::parse(line) {
            Response::Status { code, text, .. } => (code.map(|code| code.shown()), text),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            text_of(b"* OK [never closed\r\n"),
            (None, &b"[never closed"[..])
        );
        assert_eq!(
            text_of(b"* OK [X \"a]b\"] t\r\n"),
            (Some("X".to_owned()), &b"t"[..])
        );
        assert_eq!(text_of(b"* OK []\r\n"), (Some(String::new()), &b""[..]));
    }

    #[test]
    fn braces_at_the_end_of_free_text_are_not_literals() {
        assert!(has_free_text(b"* OK use {10}\r\n"));
        assert!(has_free_text(b"a1 NO x {10}\r\n"));
        assert!(has_free_text(b"+ {10}\r\n"));
        assert!(!has_free_text(b"* LIST () \"/\" {10}\r\n"));
        assert!(!has_free_text(b"* 1 FETCH (BODY[] {10}\r\n"));
    }
}
