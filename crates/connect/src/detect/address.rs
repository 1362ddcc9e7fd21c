//! From what was typed to an address whose domain can be asked about.

use std::net::IpAddr;

/// The longest address (RFC 5321 section 4.5.3.1.3, without the brackets).
const MAX_ADDRESS: usize = 254;
/// The longest host name (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 253;
/// The longest label of one.
const MAX_LABEL: usize = 63;

/// An address in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The whole, as it was typed, without blanks around it.
    pub whole: String,
    /// What stands before the @.
    pub local: String,
    /// The domain as DNS knows it: small letters, IDNA.
    pub domain: String,
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No @, nothing before it or nothing behind it.
    #[error("must be a mail address, such as ann@example.com")]
    NotAnAddress,
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
        let whole = typed.trim();
        if whole.len() > MAX_ADDRESS {
            return Err(AddressError::TooLong);
        }
        let (local, domain) = whole.rsplit_once('@').ok_or(AddressError::NotAnAddress)?;
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
            return Err(AddressError::BadDomain);
        }
        Ok(Self {
            whole: whole.to_owned(),
            local: local.to_owned(),
            domain,
        })
    }
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
            assert_eq!(read.whole, typed.trim());
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        use AddressError::{BadCharacter, BadDomain, IpAddress, NotAnAddress, TooLong};
        let long = format!("{}@example.com", "x".repeat(300));
        for (typed, error) in [
            ("", NotAnAddress),
            ("ann", NotAnAddress),
            ("@example.com", NotAnAddress),
            ("ann@", NotAnAddress),
            ("ann@bob@example.com", NotAnAddress),
            ("ann b@example.com", BadCharacter),
            ("ann@exa mple.com", BadCharacter),
            ("Ann <ann@example.com>", BadCharacter),
            ("ann\u{0}@example.com", BadCharacter),
            ("ann@[127.0.0.1]", IpAddress),
            ("ann@127.0.0.1", IpAddress),
            ("ann@localhost", BadDomain),
            ("ann@127.1", BadDomain),
            ("ann@2130706433", BadDomain),
            ("ann@exam..ple.com", BadDomain),
            ("ann@-example.com", BadDomain),
            ("ann@example.com/path", BadDomain),
            ("ann@example.com:25", BadDomain),
            ("ann@exa%6dple.com\u{ad}%", BadDomain),
            (long.as_str(), TooLong),
        ] {
            assert_eq!(Address::read(typed), Err(error), "{typed:?}");
        }
    }
}
