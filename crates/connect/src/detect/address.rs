//! From what was typed to an address whose domain can be asked about. Pure.
//!
//! Addresses come out of links, address books and other keyboards: what people put around one is taken off, and said.

use crate::typed::percent_decoded;
use model::normalised::Normalised;
use std::net::IpAddr;

/// The longest address (RFC 5321 section 4.5.3.1.3, without the brackets).
const MAX_ADDRESS: usize = 254;
/// The longest host name (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 253;
/// The longest label of one.
const MAX_LABEL: usize = 63;
/// The longest text that is looked at: an address with its name, in a link.
const MAX_TYPED: usize = 2_000;
/// What surrounds an address that was copied out of a text, in pairs.
const PAIRS: [(char, char); 9] = [
    ('<', '>'),
    ('"', '"'),
    ('\'', '\''),
    ('(', ')'),
    ('`', '`'),
    ('\u{201c}', '\u{201d}'),
    ('\u{201e}', '\u{201c}'),
    ('\u{2018}', '\u{2019}'),
    ('\u{ab}', '\u{bb}'),
];

/// An address in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The whole, without what stood around it.
    pub whole: String,
    /// What stands before the @.
    pub local: String,
    /// The domain as DNS knows it: small letters, IDNA.
    pub domain: String,
    /// Why the whole is not what was typed, where it is not.
    pub put_right: Option<&'static str>,
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No @, nothing before it or nothing behind it.
    #[error("must be a mail address, such as ann@example.com")]
    NotAnAddress,
    /// There are two or more.
    #[error("is more than one mail address: give one")]
    Several,
    /// It is too long.
    #[error("is longer than a mail address can be (254 bytes)")]
    TooLong,
    /// It holds something that no address has.
    #[error("holds a blank or a character that no mail address has")]
    BadCharacter,
    /// The domain is an IP address.
    #[error(
        "has an IP address in the place of a domain: nothing can be found out about it, so name its servers"
    )]
    IpAddress,
    /// The domain has one label.
    #[error("has a domain without a dot: nothing can be found out about it, so name its servers")]
    NoDot,
    /// The domain cannot be one.
    #[error("has a domain that cannot exist: is it spelt right?")]
    BadDomain,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(typed: &str) -> Result<Self, AddressError> {
        let (whole, put_right) = tidy(typed);
        if whole.len() > MAX_ADDRESS {
            return Err(AddressError::TooLong);
        }
        let (local, domain) = whole.rsplit_once('@').ok_or(AddressError::NotAnAddress)?;
        if local.contains('@') && whole.contains([',', ';', ' ']) {
            return Err(AddressError::Several);
        }
        if local.is_empty() || domain.is_empty() || local.contains('@') {
            return Err(AddressError::NotAnAddress);
        }
        let bad = |c: char| {
            c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ',' | ';')
        };
        if whole.contains(bad) {
            return Err(AddressError::BadCharacter);
        }
        if domain.starts_with('[') || domain.parse::<IpAddr>().is_ok() {
            return Err(AddressError::IpAddress);
        }
        let domain = ascii_host(domain).ok_or(AddressError::BadDomain)?;
        if !domain.contains('.') {
            return Err(AddressError::NoDot);
        }
        Ok(Self {
            local: local.to_owned(),
            whole,
            domain,
            put_right,
        })
    }

    /// What was put right, if anything was.
    pub fn normalised(&self, pointer: &str, typed: &str) -> Option<Normalised> {
        Some(Normalised {
            pointer: pointer.to_owned(),
            was: Some(typed.chars().take(MAX_ADDRESS).collect()),
            became: Some(self.whole.clone()),
            because: self.put_right?.to_owned(),
        })
    }

    /// The domain as people write it: what `xn--bcher-kva.example` stands for.
    pub fn unicode_domain(&self) -> String {
        let shown = url::quirks::domain_to_unicode(&self.domain);
        if shown.is_empty() {
            self.domain.clone()
        } else {
            shown
        }
    }
}

/// An address without what people put around it, and why it is another text, where it is.
pub fn tidy(typed: &str) -> (String, Option<&'static str>) {
    if typed.len() > MAX_TYPED {
        return (typed.to_owned(), None);
    }
    let mut because = None;
    let mut text: String = typed.chars().filter_map(ordinary).collect();
    if text != typed {
        because = Some("full-width and invisible characters are not part of a mail address");
    }
    // Each round takes one layer off: `"Ann" <mailto:ann@example.com>;`.
    while let Some((bare, why)) = peeled(&text) {
        because = because.or(Some(why));
        text = bare;
    }
    (text, because)
}

/// A character as an address has it: full-width ones are those of East Asian keyboards, invisible ones come from web pages.
fn ordinary(c: char) -> Option<char> {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        '\u{3002}' | '\u{ff61}' => Some('.'),
        '\u{3000}' | '\u{a0}' => Some(' '),
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' => {
            None
        }
        c => Some(c),
    }
}

/// One layer less; every layer makes the text shorter.
fn peeled(text: &str) -> Option<(String, &'static str)> {
    let trimmed = text.trim();
    if trimmed.len() != text.len() {
        return Some((
            trimmed.to_owned(),
            "blanks around a mail address are not part of it",
        ));
    }
    let link = text
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    if let Some(scheme) = link {
        let rest = text[scheme.len()..].trim_start_matches('/');
        let rest = rest.split('?').next().unwrap_or_default();
        return Some((
            percent_decoded(rest),
            "mailto: belongs to the link, not to the address",
        ));
    }
    let around = PAIRS.iter().find_map(|(open, close)| {
        let inner = text.strip_prefix(*open)?.strip_suffix(*close)?;
        (!inner.contains([*open, *close])).then(|| inner.to_owned())
    });
    if let Some(inner) = around {
        return Some((inner, "what stands around a mail address is not part of it"));
    }
    // `Ann Example <ann@example.com>`; two of them are two people.
    if let Some((_, inner)) = text.split_once('<')
        && let Some(inner) = inner.strip_suffix('>')
        && !inner.contains(['<', '>'])
    {
        return Some((
            inner.to_owned(),
            "the name beside a mail address is not part of it",
        ));
    }
    if let Some(bare) = text.strip_suffix([',', ';', '.', ':']) {
        return Some((bare.to_owned(), "a mail address does not end with a mark"));
    }
    let (local, domain) = text.rsplit_once('@')?;
    let joined = format!("{}@{}", local.trim_end(), domain.trim_start());
    (joined != text).then_some((joined, "a mail address has no blanks beside the @"))
}

/// A host name as DNS knows it, or nothing where it cannot be one. IP addresses are no names.
pub fn ascii_host(name: &str) -> Option<String> {
    let name = name.trim().trim_end_matches('.');
    let url::Host::Domain(ascii) = url::Host::parse(name).ok()? else {
        return None;
    };
    let good = |label: &str| {
        !label.is_empty()
            && label.len() <= MAX_LABEL
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    (ascii.len() <= MAX_HOST && ascii.split('.').all(good)).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_domains_become_ascii() {
        for (typed, local, domain) in [
            ("ann@example.com", "ann", "example.com"),
            ("  Ann.B+c@EXAMPLE.Com \n", "Ann.B+c", "example.com"),
            ("jörg@bücher.example", "jörg", "xn--bcher-kva.example"),
            ("a@例え.テスト", "a", "xn--r8jz45g.xn--zckzah"),
            ("a@xn--bcher-kva.example", "a", "xn--bcher-kva.example"),
            ("a@example.com.", "a", "example.com"),
            ("o'neil/x=y@example.co.uk", "o'neil/x=y", "example.co.uk"),
        ] {
            let read = Address::read(typed).unwrap();
            assert_eq!((read.local.as_str(), read.domain.as_str()), (local, domain));
        }
    }

    #[test]
    fn what_people_put_around_an_address_is_taken_off_and_said() {
        for typed in [
            "  ann@example.com ",
            "mailto:ann@example.com",
            "MAILTO:ann%40example.com?subject=Hello",
            "Ann Example <ann@example.com>",
            "\"Example, Ann\" <ann@example.com>;",
            "<ann@example.com>",
            "\"ann@example.com\"",
            "'ann@example.com'",
            "\u{201c}ann@example.com\u{201d}",
            "ann@example.com.",
            "ann@example.com,",
            "ann @ example.com",
            "\u{ff41}\u{ff4e}\u{ff4e}\u{ff20}\u{ff45}xample\u{3002}com",
            "ann@example.com\u{200b}",
            "\u{a0}<mailto:ann@example.com>\n",
        ] {
            let read = Address::read(typed).unwrap_or_else(|error| panic!("{typed:?}: {error}"));
            assert_eq!(read.whole, "ann@example.com", "{typed:?}");
            let note = read.normalised("/address", typed).unwrap();
            let (was, became) = (note.was.as_deref(), note.became.as_deref());
            assert_eq!((was, became), (Some(typed), Some("ann@example.com")));
        }
        let plain = Address::read("Ann+x@Example.com").unwrap();
        assert_eq!(plain.normalised("/address", "Ann+x@Example.com"), None);
        let quoted = Address::read("o'neil'@example.com").unwrap();
        assert_eq!(quoted.whole, "o'neil'@example.com");
    }

    #[test]
    fn a_domain_has_a_form_for_dns_and_one_for_people() {
        for typed in ["a@bücher.example", "a@XN--BCHER-KVA.example"] {
            let read = Address::read(typed).unwrap();
            assert_eq!(read.domain, "xn--bcher-kva.example");
            assert_eq!(read.unicode_domain(), "bücher.example");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        use AddressError::{
            BadCharacter, BadDomain, IpAddress, NoDot, NotAnAddress, Several, TooLong,
        };
        let long = format!("{}@example.com", "x".repeat(300));
        let longer = "<".repeat(1_000_000);
        for (typed, error) in [
            ("", NotAnAddress),
            ("ann", NotAnAddress),
            ("@example.com", NotAnAddress),
            ("ann@", NotAnAddress),
            ("ann@bob@example.com", NotAnAddress),
            ("ann@example.com, bob@example.com", Several),
            ("Ann <ann@example.com>, Bob <bob@x.com>", Several),
            ("ann b@example.com", BadCharacter),
            ("ann@exa mple.com", BadCharacter),
            ("ann\u{0}@example.com", BadCharacter),
            ("ann@[127.0.0.1]", IpAddress),
            ("ann@127.0.0.1", IpAddress),
            ("ann@localhost", NoDot),
            ("ann@127.1", BadDomain),
            ("ann@2130706433", BadDomain),
            ("ann@exam..ple.com", BadDomain),
            ("ann@-example.com", BadDomain),
            ("ann@example.com/path", BadDomain),
            ("ann@example.com:25", BadDomain),
            ("ann@exa%6dple.com%", BadDomain),
            (long.as_str(), TooLong),
            (longer.as_str(), TooLong),
        ] {
            assert_eq!(Address::read(typed), Err(error), "{typed:.40?}");
        }
    }
}
