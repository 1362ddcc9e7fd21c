//! The first line of an answer: `+OK` or `-ERR`, a response code, a text (RFC 1939 section 3, RFC 2449 section 8).

use mail_net::line_wire::printable;

use crate::error::Pop3Error;

/// One answer of the server, without the listing or message that may follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `+OK`, not `-ERR`.
    pub ok: bool,
    /// The response code in upper case, such as `IN-USE`, `LOGIN-DELAY`, `AUTH`, `SYS/TEMP` or `SYS/PERM`, where the server
    /// gave one.
    pub code: Option<String>,
    /// The text without the response code. Written by the server: show it, never decide by it. Control characters are
    /// replaced by spaces.
    pub text: String,
}

impl Answer {
    /// Reads a line without its line end.
    pub(crate) fn parse(line: &[u8]) -> Result<Answer, Pop3Error> {
        let text = printable(line);
        let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let ok = match word.to_ascii_uppercase().as_str() {
            "+OK" => true,
            "-ERR" => false,
            _ => return Err(Pop3Error::Nonsense { line: text }),
        };
        let (code, rest) = split_code(rest.trim_start(), ok);
        Ok(Answer {
            ok,
            code,
            text: rest.to_owned(),
        })
    }
}

/// `[IN-USE] Do you have another session?`: only in `-ERR` is a bracket a code, because greetings and listings use them
/// freely.
fn split_code(text: &str, ok: bool) -> (Option<String>, &str) {
    if ok {
        return (None, text);
    }
    match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((code, rest)) if is_code(code) => (Some(code.to_ascii_uppercase()), rest.trim_start()),
        _ => (None, text),
    }
}

fn is_code(code: &str) -> bool {
    !code.is_empty()
        && code
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_with_code_and_text() {
        let table: &[(&[u8], bool, Option<&str>, &str)] = &[
            (b"+OK", true, None, ""),
            (b"+OK ", true, None, ""),
            (b"+ok ready", true, None, "ready"),
            (b"+OK [x] <1.2@host>", true, None, "[x] <1.2@host>"),
            (b"-ERR", false, None, ""),
            (b"-ERR no such message", false, None, "no such message"),
            (
                b"-ERR [AUTH] Authentication failed.",
                false,
                Some("AUTH"),
                "Authentication failed.",
            ),
            (
                b"-ERR [sys/temp] try later",
                false,
                Some("SYS/TEMP"),
                "try later",
            ),
            (b"-ERR [IN-USE]", false, Some("IN-USE"), ""),
            (b"-ERR [not a code] x", false, None, "[not a code] x"),
            (b"-ERR [open", false, None, "[open"),
            (b"-ERR a\x1b[2Jb\xff", false, None, "a [2Jb\u{fffd}"),
        ];
        for (line, ok, code, text) in table {
            let answer = Answer::parse(line).expect("an answer");
            assert_eq!(
                (answer.ok, answer.code.as_deref(), answer.text.as_str()),
                (*ok, *code, *text),
                "{line:?}"
            );
        }
    }

    #[test]
    fn what_is_no_answer_is_called_nonsense() {
        for line in ["", "OK", "+OKAY", "-ERROR x", "* OK", "220 mx", ".", " +OK"] {
            assert!(
                matches!(
                    Answer::parse(line.as_bytes()),
                    Err(Pop3Error::Nonsense { .. })
                ),
                "{line:?}"
            );
        }
    }
}
