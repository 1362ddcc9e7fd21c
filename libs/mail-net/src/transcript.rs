//! The last lines of a conversation with a server, fit to be shown: bounded, and without secrets.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::sasl::{Secret, hide};

/// A longer line is cut, in bytes: literals and base64 would only bury what matters.
const MAX_LINE: usize = 4 * 1024;
/// All lines together, in bytes; beyond it the oldest are forgotten.
const MAX_BYTES: usize = 32 * 1024;
/// What stands in place of a secret.
const HIDDEN: &str = "<hidden>";

/// Who said a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// We did.
    Sent,
    /// The server did.
    Received,
    /// Nobody: something that happened, such as the TLS handshake.
    Event,
}

/// Keeps the last lines both ways. Clones share the lines.
#[derive(Clone)]
pub struct Transcript(Arc<Shared>);

struct Shared {
    capacity: usize,
    lines: Mutex<VecDeque<String>>,
    /// What no line may show, because a server may repeat it.
    secrets: Mutex<Vec<Zeroizing<String>>>,
}

impl Transcript {
    /// Keeps at most `capacity` lines; older ones are forgotten.
    pub fn new(capacity: usize) -> Transcript {
        Transcript(Arc::new(Shared {
            capacity: capacity.max(1),
            lines: Mutex::new(VecDeque::new()),
            secrets: Mutex::default(),
        }))
    }

    /// From here on hides this secret in every line, in whatever spelling a server repeats it.
    pub fn keep_out(&self, secret: &Secret) {
        let (Secret::Password(text) | Secret::Token(text)) = secret;
        let mut secrets = self
            .0
            .secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !secrets.iter().any(|known| known.as_str() == text) {
            secrets.push(Zeroizing::new(text.clone()));
        }
    }

    /// Adds a line. What follows a login command is hidden here as a second line of defence; a caller that sends a
    /// secret on a line of its own passes [`Transcript::hidden`] instead.
    pub fn note(&self, direction: Direction, line: &str) {
        let line = &self.without_secrets(line);
        let shown = match direction {
            Direction::Sent => format!("C: {}", clean(&without_credentials(line))),
            Direction::Received => format!("S: {}", clean(line)),
            Direction::Event => format!("-- {}", clean(line)),
        };
        let mut lines = self.lock();
        lines.push_back(shown);
        let mut bytes: usize = lines.iter().map(String::len).sum();
        while lines.len() > self.0.capacity || bytes > MAX_BYTES {
            bytes -= lines.pop_front().map_or(bytes, |line| line.len());
        }
    }

    /// Notes that something secret went this way.
    pub fn hidden(&self, direction: Direction) {
        self.note(direction, HIDDEN);
    }

    /// The lines, oldest first, each beginning with `C: `, `S: ` or `-- `.
    pub fn lines(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    /// The lines, and forgets them: what comes next belongs to something else. The secrets stay known.
    pub fn take(&self) -> Vec<String> {
        self.lock().drain(..).collect()
    }

    fn without_secrets(&self, line: &str) -> String {
        let secrets = self.0.secrets.lock();
        let secrets = secrets.unwrap_or_else(PoisonError::into_inner);
        secrets
            .iter()
            .fold(line.to_owned(), |line, secret| hide(&line, secret))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        // A panic elsewhere cannot leave a half-written line; the lines stay usable.
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transcript({} lines)", self.lock().len())
    }
}

/// IMAP `a1 LOGIN ..` and `a1 AUTHENTICATE MECH ..`, SMTP and POP3 `AUTH MECH ..`, POP3 `PASS ..` and `APOP ..`.
fn without_credentials(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let is = |index: usize, names: &[&str]| {
        words
            .get(index)
            .is_some_and(|word| names.iter().any(|name| word.eq_ignore_ascii_case(name)))
    };
    let keep = if is(0, &["PASS", "APOP"]) {
        1
    } else if is(1, &["LOGIN"]) || is(0, &["AUTH"]) {
        2
    } else if is(1, &["AUTHENTICATE"]) {
        3
    } else {
        return line.to_owned();
    };
    if words.len() <= keep {
        return line.to_owned();
    }
    format!("{} {HIDDEN}", words[..keep].join(" "))
}

fn clean(line: &str) -> String {
    let line = line.trim_end_matches(['\r', '\n']);
    let mut shown = String::new();
    for c in line.chars() {
        let c = if c.is_control() { '\u{fffd}' } else { c };
        if shown.len() + c.len_utf8() > MAX_LINE {
            shown.push('…');
            break;
        }
        shown.push(c);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_repeats_is_hidden() {
        let transcript = Transcript::new(20);
        transcript.keep_out(&Secret::Password("s3cret-pw".to_owned()));
        // \0ann\0s3cret-pw
        let line = "a1 NO s3cret-pw AGFubgBzM2NyZXQtcHc= is wrong";
        transcript.note(Direction::Received, line);
        assert_eq!(transcript.lines(), ["S: a1 NO <hidden> <hidden> is wrong"]);
    }

    #[test]
    fn credentials_are_hidden_whatever_the_protocol() {
        let transcript = Transcript::new(20);
        for line in [
            "a1 LOGIN joe s3cret",
            "a2 login {3+}",
            "A3 AUTHENTICATE PLAIN AHMzY3JldA==",
            "AUTH PLAIN AHMzY3JldA==",
            "PASS s3cret word",
            "APOP joe s3cret",
        ] {
            transcript.note(Direction::Sent, line);
        }
        let text = transcript.lines().join("\n");
        assert!(
            !text.contains("s3cret") && !text.contains("AHMz") && !text.contains("joe"),
            "{text}"
        );
        assert!(text.contains("C: A3 AUTHENTICATE PLAIN <hidden>"));
    }

    #[test]
    fn only_the_last_lines_are_kept_and_each_is_one_clean_line() {
        let transcript = Transcript::new(2);
        transcript.note(Direction::Received, "one");
        transcript.note(Direction::Received, "* OK\x1b[31m hi\r\n");
        transcript.note(Direction::Event, &"x".repeat(9000));
        let lines = transcript.lines();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], "S: * OK\u{fffd}[31m hi");
        assert_eq!(lines[1].len(), "-- …".len() + MAX_LINE);
    }

    #[test]
    fn all_lines_together_are_bounded_and_can_be_taken() {
        let transcript = Transcript::new(100);
        for line in 0..100 {
            transcript.note(Direction::Received, &format!("{line} {}", "é".repeat(9000)));
        }
        let lines = transcript.take();
        assert!(lines.iter().map(String::len).sum::<usize>() <= MAX_BYTES);
        assert!(lines.last().is_some_and(|line| line.starts_with("S: 99 ")));
        assert!(transcript.lines().is_empty());
    }
}
