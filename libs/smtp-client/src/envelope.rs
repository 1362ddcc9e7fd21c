//! Who a message is from and for, checked before a byte of it reaches the wire.

use std::fmt;

use crate::dsn::Dsn;

/// The longest address we put on the wire, in bytes. A command line has 512 (RFC 5321 4.5.3.1.4).
pub(crate) const ADDRESS_BYTES: usize = 480;

/// The envelope of one message. It has nothing to do with the headers inside the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// The sender, without angle brackets; empty for the null sender of a notification (RFC 5321 4.5.5).
    pub from: String,
    /// The recipients, without angle brackets; at least one.
    pub to: Vec<String>,
    /// The size of the message in bytes, where it is known; 0 when not. Compared with the server's SIZE limit before DATA.
    pub size: u64,
    /// The headers hold UTF-8 (RFC 6532). Addresses beyond ASCII are noticed without this.
    pub smtputf8: bool,
    /// The body has bytes above 127 (RFC 6152).
    pub eight_bit: bool,
    /// The message may only travel over verified TLS, all the way (RFC 8689). A server that does not promise that gets nothing.
    pub require_tls: bool,
    /// Which notices are wanted, and under which name (RFC 3461). Left out where the server does not offer DSN.
    pub dsn: Option<Dsn>,
}

/// Why an address cannot be put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressProblem {
    /// A recipient without any character.
    Empty,
    /// More bytes than a command line has room for.
    TooLong,
    /// A line end, another control character, or an angle bracket: it could smuggle in a command or a second address.
    ForbiddenCharacter,
    /// A blank outside quotation marks: it could smuggle in a parameter.
    Blank,
}

impl fmt::Display for AddressProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressProblem::Empty => "it is empty",
            AddressProblem::TooLong => "it is too long",
            AddressProblem::ForbiddenCharacter => {
                "it has a line end, a control character or an angle bracket"
            }
            AddressProblem::Blank => "it has a blank",
        })
    }
}

impl Envelope {
    /// True when the message needs a server with SMTPUTF8.
    pub fn needs_smtputf8(&self) -> bool {
        self.smtputf8 || !self.from.is_ascii() || self.to.iter().any(|to| !to.is_ascii())
    }

    /// The first address that must not be sent, with the reason.
    pub(crate) fn problem(&self) -> Option<(&str, AddressProblem)> {
        let sender = (!self.from.is_empty()).then_some(&self.from);
        sender
            .into_iter()
            .chain(&self.to)
            .find_map(|address| Some((address.as_str(), address_problem(address)?)))
    }
}

fn address_problem(address: &str) -> Option<AddressProblem> {
    if address.is_empty() {
        return Some(AddressProblem::Empty);
    }
    if address.len() > ADDRESS_BYTES {
        return Some(AddressProblem::TooLong);
    }
    let mut quoted = false;
    let mut escaped = false;
    for c in address.chars() {
        // U+2028 and U+2029 are line ends to some programs that read UTF-8.
        if c.is_control() || matches!(c, '<' | '>' | '\u{2028}' | '\u{2029}') {
            return Some(AddressProblem::ForbiddenCharacter);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c.is_whitespace() && !quoted => return Some(AddressProblem::Blank),
            _ => {}
        }
    }
    // An open quotation mark would hide every blank after it.
    (quoted && address.contains(char::is_whitespace)).then_some(AddressProblem::Blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_could_carry_a_command_are_refused() {
        let table = [
            ("a@example.org", None),
            ("\"a b\"@example.org", None),
            ("a+b/c=d@[IPv6:2001:db8::1]", None),
            ("jörg@exämple.org", None),
            ("postmaster", None),
            ("", Some(AddressProblem::Empty)),
            (
                "a@b\r\nRCPT TO:<x@y>",
                Some(AddressProblem::ForbiddenCharacter),
            ),
            ("a@b\n", Some(AddressProblem::ForbiddenCharacter)),
            ("a@b\r", Some(AddressProblem::ForbiddenCharacter)),
            ("a\0@b", Some(AddressProblem::ForbiddenCharacter)),
            ("a\u{7f}@b", Some(AddressProblem::ForbiddenCharacter)),
            ("a\u{85}@b", Some(AddressProblem::ForbiddenCharacter)),
            ("a\u{2028}@b", Some(AddressProblem::ForbiddenCharacter)),
            ("<a@b>", Some(AddressProblem::ForbiddenCharacter)),
            ("a@b> SIZE=1", Some(AddressProblem::ForbiddenCharacter)),
            ("\"a>\"@b", Some(AddressProblem::ForbiddenCharacter)),
            ("a@b SIZE=1", Some(AddressProblem::Blank)),
            ("\"a\\\" b@c", Some(AddressProblem::Blank)),
            ("\"a b@c", Some(AddressProblem::Blank)),
        ];
        for (address, problem) in table {
            assert_eq!(address_problem(address), problem, "{address:?}");
        }
        assert_eq!(
            address_problem(&"a".repeat(ADDRESS_BYTES + 1)),
            Some(AddressProblem::TooLong)
        );
    }

    #[test]
    fn the_null_sender_is_fine_and_an_empty_recipient_is_not() {
        let mut envelope = Envelope {
            to: vec!["a@b".to_owned()],
            ..Envelope::default()
        };
        assert_eq!(envelope.problem(), None);
        envelope.to.push(String::new());
        assert_eq!(envelope.problem(), Some(("", AddressProblem::Empty)));
    }

    #[test]
    fn an_address_beyond_ascii_needs_smtputf8() {
        let envelope = Envelope {
            to: vec!["jörg@example.org".to_owned()],
            ..Envelope::default()
        };
        assert!(envelope.needs_smtputf8());
    }
}
