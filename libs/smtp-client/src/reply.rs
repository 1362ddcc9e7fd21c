//! A server's reply: its code, its enhanced code and its text (RFC 5321 4.2, RFC 2034, RFC 3463).

use std::fmt;

use mail_net::line_wire::printable;

use crate::error::SmtpError;
use crate::limits::{REPLY_BYTES, REPLY_LINES};

/// One complete reply of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three-digit code, 200 to 599.
    pub code: u16,
    /// The enhanced status code such as `5.1.1`, where the server gave one.
    pub enhanced: Option<String>,
    /// The text, without codes; the lines of a reply with several are joined by `\n`. Written by the server: show it, never
    /// decide by it. Control characters are replaced by spaces.
    pub text: String,
}

impl Reply {
    /// A 2xx code: done.
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// A 4xx code: refused for now, worth another try later.
    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// A 5xx code: refused for good.
    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }

    /// A 4xx or 5xx code.
    pub fn is_refusal(&self) -> bool {
        self.is_temporary() || self.is_permanent()
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = &self.enhanced {
            write!(f, " {enhanced}")?;
        }
        if self.text.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", self.text.replace('\n', " "))
        }
    }
}

/// Collects the lines of one reply.
///
/// Where the codes of a reply's lines differ, which no server should do, the last line's code counts, as it does in Postfix.
#[derive(Debug, Default)]
pub(crate) struct ReplyBuilder {
    enhanced: Option<String>,
    text: String,
    lines: usize,
}

impl ReplyBuilder {
    /// Takes one line without its line end; gives the reply when that line was its last.
    pub(crate) fn push(&mut self, line: &[u8]) -> Result<Option<Reply>, SmtpError> {
        let Some(parsed) = parse_line(line) else {
            return Err(SmtpError::Nonsense {
                line: printable(line),
            });
        };
        self.lines += 1;
        if self.lines > REPLY_LINES || self.text.len() + parsed.text.len() > REPLY_BYTES {
            return Err(SmtpError::ReplyTooLong);
        }
        let (enhanced, text) = split_enhanced(&parsed.text);
        if self.lines > 1 {
            self.text.push('\n');
        }
        self.text.push_str(text);
        if let Some(enhanced) = enhanced {
            self.enhanced.get_or_insert_with(|| enhanced.to_owned());
        }
        if !parsed.last {
            return Ok(None);
        }
        Ok(Some(Reply {
            code: parsed.code,
            enhanced: self.enhanced.take(),
            text: std::mem::take(&mut self.text),
        }))
    }
}

struct ParsedLine {
    code: u16,
    last: bool,
    text: String,
}

/// Three digits from 200 to 599, then a blank (last line), a hyphen (more to come) or nothing.
fn parse_line(line: &[u8]) -> Option<ParsedLine> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !(b'2'..=b'5').contains(&digits[0]) {
        return None;
    }
    let code = digits
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let last = match rest.first() {
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return None,
    };
    Some(ParsedLine {
        code,
        last,
        text: printable(rest.get(1..).unwrap_or_default()),
    })
}

/// Splits `5.1.1 no such user` into the enhanced code and the rest. Only the classes 2, 4 and 5 exist (RFC 3463 section 2).
fn split_enhanced(text: &str) -> (Option<&str>, &str) {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    if is_enhanced(first) {
        (Some(first), rest.trim_start())
    } else {
        (None, text)
    }
}

fn is_enhanced(word: &str) -> bool {
    let mut parts = word.split('.');
    let class = parts
        .next()
        .is_some_and(|part| matches!(part, "2" | "4" | "5"));
    let number = |part: Option<&str>| {
        part.is_some_and(|part| {
            (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        })
    };
    class && number(parts.next()) && number(parts.next()) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(lines: &[&str]) -> Result<Option<Reply>, SmtpError> {
        let mut builder = ReplyBuilder::default();
        let mut last = Ok(None);
        for line in lines {
            last = builder.push(line.as_bytes());
        }
        last
    }

    #[test]
    fn replies_are_read_with_code_enhanced_code_and_text() {
        let table: &[(&[&str], u16, Option<&str>, &str)] = &[
            (&["250 2.1.5 Ok"], 250, Some("2.1.5"), "Ok"),
            (&["250 Ok"], 250, None, "Ok"),
            (&["250"], 250, None, ""),
            (&["250 "], 250, None, ""),
            (
                &["354 End data with <CR><LF>.<CR><LF>"],
                354,
                None,
                "End data with <CR><LF>.<CR><LF>",
            ),
            (
                &["550 5.1.1 <x@y>: no such user"],
                550,
                Some("5.1.1"),
                "<x@y>: no such user",
            ),
            (&["550 5.1.1"], 550, Some("5.1.1"), ""),
            (
                &["452 4.5.3  Too many recipients"],
                452,
                Some("4.5.3"),
                "Too many recipients",
            ),
            (
                &["550-5.7.26 Unauthenticated", "550 5.7.26 mail"],
                550,
                Some("5.7.26"),
                "Unauthenticated\nmail",
            ),
            (
                &["250-first", "250-second", "250 third"],
                250,
                None,
                "first\nsecond\nthird",
            ),
            (
                &["550 5.1.1000 not a code"],
                550,
                None,
                "5.1.1000 not a code",
            ),
            (&["550 3.1.1 not a class"], 550, None, "3.1.1 not a class"),
            (&["550 5.1 half"], 550, None, "5.1 half"),
            (&["550 5.1.1.1 more"], 550, None, "5.1.1.1 more"),
            (&["250-a", "550 b"], 550, None, "a\nb"),
            (&["421 bye\u{1b}[2Jbye"], 421, None, "bye [2Jbye"),
        ];
        for (lines, code, enhanced, text) in table {
            let got = reply(lines).expect("a reply").expect("complete");
            assert_eq!(
                (got.code, got.enhanced.as_deref(), got.text.as_str()),
                (*code, *enhanced, *text),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn what_is_no_reply_is_called_nonsense() {
        for line in [
            "",
            "2",
            "25",
            "25x ok",
            "250_ok",
            "150 early",
            "650 late",
            "* OK IMAP",
            "+OK POP3",
            "SSH-2.0",
            "2500 x",
        ] {
            assert!(
                matches!(reply(&[line]), Err(SmtpError::Nonsense { .. })),
                "{line:?}"
            );
        }
    }

    #[test]
    fn a_reply_without_end_is_cut_by_lines_and_by_bytes() {
        let mut builder = ReplyBuilder::default();
        let many = (0..=REPLY_LINES).find_map(|_| builder.push(b"250-x").err());
        assert!(matches!(many, Some(SmtpError::ReplyTooLong)));
        let mut builder = ReplyBuilder::default();
        let line = format!("250-{}", "x".repeat(REPLY_BYTES / 8));
        let long = (0..10).find_map(|_| builder.push(line.as_bytes()).err());
        assert!(matches!(long, Some(SmtpError::ReplyTooLong)));
    }

    #[test]
    fn broken_utf8_does_not_stop_a_reply() {
        let got = ReplyBuilder::default()
            .push(b"550 caf\xe9")
            .expect("a reply")
            .expect("complete");
        assert_eq!(got.text, "caf\u{fffd}");
    }

    #[test]
    fn a_reply_is_shown_on_one_line() {
        let got = reply(&["550-5.7.1 one", "550 5.7.1 two"])
            .expect("a reply")
            .expect("complete");
        assert_eq!(got.to_string(), "550 5.7.1 one two");
    }
}
