//! Names of folders: kept as the server sent them, shown as people wrote them.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How names go over the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum NameForm {
    /// Modified UTF-7, as in IMAP4rev1.
    #[default]
    Utf7,
    /// As they are, after ENABLE UTF8=ACCEPT (RFC 6855 section 3) or IMAP4rev2 (RFC 9051 section 5.1).
    Utf8,
}

/// A folder's name in wire form, the same whether or not the server has been switched to UTF-8. `INBOX` is the same in any case; all other names are exact.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxName(Vec<u8>);

impl MailboxName {
    /// The folder that every account has.
    pub fn inbox() -> MailboxName {
        MailboxName(b"INBOX".to_vec())
    }

    /// From the bytes that a server sent, or that were stored from [`MailboxName::wire`].
    pub fn from_wire(bytes: &[u8]) -> MailboxName {
        if bytes.eq_ignore_ascii_case(b"INBOX") {
            return MailboxName::inbox();
        }
        MailboxName(bytes.to_vec())
    }

    /// From what a person wrote. It is kept in modified UTF-7 (RFC 3501 section 5.1.3).
    pub fn from_decoded(text: &str) -> MailboxName {
        MailboxName::from_wire(encode(text).as_bytes())
    }

    /// From the bytes of a server that sends names in this form.
    pub(crate) fn from_server(bytes: &[u8], form: NameForm) -> MailboxName {
        match std::str::from_utf8(bytes) {
            Ok(text) if form == NameForm::Utf8 => MailboxName::from_decoded(text),
            _ => MailboxName::from_wire(bytes),
        }
    }

    /// The bytes for a server that wants names in this form.
    pub(crate) fn to_server(&self, form: NameForm) -> Cow<'_, [u8]> {
        match form {
            NameForm::Utf7 => Cow::Borrowed(&self.0),
            // What is no UTF-8 came from this server like this, so it goes back like this.
            NameForm::Utf8 if !self.0.is_ascii() => Cow::Borrowed(&self.0),
            NameForm::Utf8 => Cow::Owned(self.decoded().into_bytes()),
        }
    }

    /// The bytes as they go over the wire, without quotes, as long as neither UTF8=ACCEPT nor IMAP4rev2 is enabled. They
    /// stay the same when it is.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// The name as people wrote it. What cannot be decoded stays as it is.
    pub fn decoded(&self) -> String {
        match std::str::from_utf8(&self.0) {
            Ok(text) if self.0.is_ascii() => decode(text),
            _ => String::from_utf8_lossy(&self.0).into_owned(),
        }
    }

    /// Whether this is INBOX.
    pub fn is_inbox(&self) -> bool {
        self.0 == b"INBOX"
    }
}

impl fmt::Debug for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.decoded())
    }
}

/// Base64 with a comma for the slash and without padding; stray bits at the end are not worth an error.
fn engine() -> Option<GeneralPurpose> {
    let alphabet =
        Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").ok()?;
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    Some(GeneralPurpose::new(&alphabet, config))
}

fn encode(text: &str) -> String {
    let Some(engine) = engine() else {
        return text.to_owned();
    };
    let mut wire = String::with_capacity(text.len());
    let mut shifted: Vec<u8> = Vec::new();
    let flush = |shifted: &mut Vec<u8>, wire: &mut String| {
        if !shifted.is_empty() {
            wire.push('&');
            wire.push_str(&engine.encode(&*shifted));
            wire.push('-');
            shifted.clear();
        }
    };
    for c in text.chars() {
        if matches!(c, ' '..='~') {
            flush(&mut shifted, &mut wire);
            wire.push(c);
            if c == '&' {
                wire.push('-');
            }
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shifted.extend_from_slice(&unit.to_be_bytes());
            }
        }
    }
    flush(&mut shifted, &mut wire);
    wire
}

fn decode(wire: &str) -> String {
    let mut text = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((plain, after)) = rest.split_once('&') {
        text.push_str(plain);
        let decoded = after.split_once('-').and_then(|(shifted, behind)| {
            if shifted.is_empty() {
                return Some(("&".to_owned(), behind));
            }
            decode_shifted(shifted).map(|decoded| (decoded, behind))
        });
        match decoded {
            Some((decoded, behind)) => {
                text.push_str(&decoded);
                rest = behind;
            }
            // Not modified UTF-7 at all: a server that forgot to encode its ampersand.
            None => {
                text.push('&');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn decode_shifted(shifted: &str) -> Option<String> {
    let bytes = engine()?.decode(shifted).ok()?;
    if bytes.len() % 2 != 0 {
        return None;
    }
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    char::decode_utf16(units)
        .collect::<Result<String, _>>()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_round_trip_through_modified_utf7() {
        for (text, wire) in [
            ("Entwürfe", "Entw&APw-rfe"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("R&D", "R&-D"),
            ("plain \"quoted\" \\ %*", "plain \"quoted\" \\ %*"),
            ("📬", "&2D3c7A-"),
        ] {
            let name = MailboxName::from_decoded(text);
            assert_eq!(name.wire(), wire.as_bytes());
            assert_eq!(name.decoded(), text);
        }
    }

    #[test]
    fn a_name_is_the_same_before_and_after_the_switch_to_utf8() {
        for text in [
            "Entwürfe",
            "R&D",
            "A&-B",
            "&APw-",
            "📬/plain",
            "INBOX",
            "a\u{7f}b",
        ] {
            let before = MailboxName::from_decoded(text);
            let after = MailboxName::from_server(text.as_bytes(), NameForm::Utf8);
            assert_eq!(before, after, "{text}");
            assert_eq!(after.to_server(NameForm::Utf8).as_ref(), text.as_bytes());
            let seven = before.to_server(NameForm::Utf7).into_owned();
            assert_eq!(MailboxName::from_server(&seven, NameForm::Utf7), before);
        }
        let junk = MailboxName::from_server(b"a\xffb", NameForm::Utf8);
        assert_eq!(junk.to_server(NameForm::Utf8).as_ref(), b"a\xffb");
    }

    #[test]
    fn names_that_are_not_utf7_are_shown_as_they_are() {
        for wire in ["AT&T", "a & b - c", "&", "&!!-", "&AB-x", "x&2D0-"] {
            assert_eq!(MailboxName::from_wire(wire.as_bytes()).decoded(), wire);
        }
        assert_eq!(
            MailboxName::from_wire("Entwürfe &APw-".as_bytes()).decoded(),
            "Entwürfe &APw-"
        );
        assert_eq!(MailboxName::from_wire(b"a\xffb").decoded(), "a\u{fffd}b");
    }

    #[test]
    fn inbox_is_one_folder_and_others_are_exact() {
        assert_eq!(MailboxName::from_wire(b"inBox"), MailboxName::inbox());
        assert!(MailboxName::from_decoded("INbox").is_inbox());
        assert_ne!(
            MailboxName::from_wire(b"Work"),
            MailboxName::from_wire(b"work")
        );
    }
}
