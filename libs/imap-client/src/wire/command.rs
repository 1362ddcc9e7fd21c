//! Writes commands so that nothing a user typed can become a second command.
//!
//! Text goes as a quoted string where it can and as a literal where it must. A literal that the server has to
//! approve first splits the command into parts; [`crate::Session`] waits between them.

use crate::ImapError;
use crate::capability::Capabilities;
use crate::mailbox_name::{MailboxName, NameForm};

/// Quoted strings longer than this go as literals; some servers have small line buffers.
const MAX_QUOTED: usize = 1000;
/// LITERAL- allows non-synchronising literals up to this size (RFC 7888 section 5).
const LITERAL_MINUS_MAX: usize = 4096;

/// How literals may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LiteralMode {
    /// Wait for the server's `+` each time.
    Sync,
    /// Short ones without waiting.
    Minus,
    /// All without waiting.
    Plus,
}

impl LiteralMode {
    pub(crate) fn offered_by(capabilities: &Capabilities) -> LiteralMode {
        if capabilities.has("LITERAL+") {
            LiteralMode::Plus
        } else if capabilities.has("LITERAL-") {
            LiteralMode::Minus
        } else {
            LiteralMode::Sync
        }
    }

    pub(crate) fn waits(self, length: usize) -> bool {
        match self {
            LiteralMode::Sync => true,
            LiteralMode::Minus => length > LITERAL_MINUS_MAX,
            LiteralMode::Plus => false,
        }
    }
}

/// A command without its tag. Every part but the last ends in a literal's header that the server must approve.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    pub(crate) parts: Vec<Vec<u8>>,
    /// Whether the transcript must not show the arguments.
    pub(crate) secret: bool,
    mode: LiteralMode,
    form: NameForm,
}

impl Command {
    pub(crate) fn new(name: &'static str, mode: LiteralMode, form: NameForm) -> Command {
        Command {
            name,
            parts: vec![name.as_bytes().to_vec()],
            secret: false,
            mode,
            form,
        }
    }

    pub(crate) fn secret(mut self) -> Command {
        self.secret = true;
        self
    }

    /// Text that is IMAP syntax already. Line breaks and NUL in it are refused.
    pub(crate) fn raw(mut self, text: &str) -> Result<Command, ImapError> {
        if text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(ImapError::protocol("a line break inside a command"));
        }
        self.push(b" ");
        self.push(text.as_bytes());
        Ok(self)
    }

    pub(crate) fn mailbox(self, name: &MailboxName) -> Result<Command, ImapError> {
        let bytes = name.to_server(self.form);
        self.string(&bytes)
    }

    /// A parenthesised list of names.
    pub(crate) fn mailboxes(mut self, names: &[MailboxName]) -> Result<Command, ImapError> {
        self.push(b" (");
        for (index, name) in names.iter().enumerate() {
            if index > 0 {
                self.push(b" ");
            }
            let bytes = name.to_server(self.form);
            self = self.text(&bytes)?;
        }
        self.push(b")");
        Ok(self)
    }

    /// Any text, as a quoted string or a literal.
    pub(crate) fn string(mut self, text: &[u8]) -> Result<Command, ImapError> {
        self.push(b" ");
        self.text(text)
    }

    fn text(mut self, text: &[u8]) -> Result<Command, ImapError> {
        if text.contains(&0) {
            return Err(ImapError::protocol("a NUL cannot be sent in a command"));
        }
        // UTF-8 may stand in quotes once the server has been told (RFC 6855 section 3).
        let readable =
            text.is_ascii() || (self.form == NameForm::Utf8 && std::str::from_utf8(text).is_ok());
        let quotable = readable
            && text.len() <= MAX_QUOTED
            && !text.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        if quotable {
            self.push(&quote(text));
        } else if self.mode.waits(text.len()) {
            self.push(format!("{{{}}}\r\n", text.len()).as_bytes());
            self.parts.push(text.to_vec());
        } else {
            self.push(format!("{{{}+}}\r\n", text.len()).as_bytes());
            self.push(text);
        }
        Ok(self)
    }

    /// A parenthesised list of flags; anything that is not a flag's syntax is refused.
    pub(crate) fn flags<S: AsRef<str>>(mut self, flags: &[S]) -> Result<Command, ImapError> {
        self.push(b" (");
        for (index, flag) in flags.iter().enumerate() {
            let flag = flag.as_ref();
            let word = flag.strip_prefix('\\').unwrap_or(flag);
            let valid = !word.is_empty()
                && word.bytes().all(|byte| {
                    byte.is_ascii_graphic()
                        && !matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
                });
            if !valid {
                return Err(ImapError::protocol(format!("{flag:?} is not a flag")));
            }
            if index > 0 {
                self.push(b" ");
            }
            self.push(flag.as_bytes());
        }
        self.push(b")");
        Ok(self)
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(last) = self.parts.last_mut() {
            last.extend_from_slice(bytes);
        }
    }
}

fn quote(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quoted.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(*byte);
    }
    quoted.push(b'"');
    quoted
}

/// Text as a quoted string for search criteria; `None` when it has characters that a quoted string cannot hold.
pub fn quoted(text: &str) -> Option<String> {
    if !text.is_ascii() || text.bytes().any(|byte| byte.is_ascii_control()) {
        return None;
    }
    String::from_utf8(quote(text.as_bytes())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(command: Command) -> String {
        assert_eq!(command.parts.len(), 1);
        String::from_utf8(command.parts[0].clone()).unwrap()
    }

    #[test]
    fn user_text_cannot_leave_its_string() {
        let command = Command::new("LOGIN", LiteralMode::Plus, NameForm::Utf7);
        let text = only(
            command
                .string(b"a\"b\\c")
                .unwrap()
                .string(b"x\r\na1 DELETE y")
                .unwrap(),
        );
        assert_eq!(text, "LOGIN \"a\\\"b\\\\c\" {14+}\r\nx\r\na1 DELETE y");
        let nul = Command::new("LOGIN", LiteralMode::Plus, NameForm::Utf7).string(b"a\0b");
        assert!(nul.is_err());
        assert!(
            Command::new("X", LiteralMode::Plus, NameForm::Utf7)
                .raw("a\r\nb")
                .is_err()
        );
    }

    #[test]
    fn literals_wait_where_the_server_wants_it() {
        let parts = |mode, text: &[u8]| {
            Command::new("X", mode, NameForm::Utf7)
                .string(text)
                .unwrap()
                .parts
                .len()
        };
        assert_eq!(parts(LiteralMode::Sync, b"\xff"), 2);
        assert_eq!(parts(LiteralMode::Minus, b"\xff"), 1);
        assert_eq!(parts(LiteralMode::Minus, &[0xff; 5000]), 2);
        assert_eq!(parts(LiteralMode::Plus, &[0xff; 5000]), 1);
    }

    #[test]
    fn only_flags_pass_as_flags() {
        let ok = Command::new("X", LiteralMode::Sync, NameForm::Utf7)
            .flags(&["\\Seen", "$Label1"])
            .unwrap();
        assert_eq!(only(ok), "X (\\Seen $Label1)");
        for bad in ["", "\\", "a b", "a)", "a\r\nb", "\\*", "é", "a\"b"] {
            assert!(
                Command::new("X", LiteralMode::Sync, NameForm::Utf7)
                    .flags(&[bad])
                    .is_err(),
                "{bad:?}"
            );
        }
    }
}
