//! What a server says it can do (RFC 5804 section 1.7).

use crate::response::{Response, Token};

/// What a server offers. Only what we act on, or show, has a field; the rest stays in `other`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// The server's program.
    pub implementation: String,
    /// The SASL mechanisms, upper case, in the server's order. Often empty before TLS.
    pub sasl: Vec<String>,
    /// The Sieve extensions, lower case, such as `vacation` or `fileinto`.
    pub sieve: Vec<String>,
    /// STARTTLS.
    pub starttls: bool,
    /// The version of the protocol; none for servers older than RFC 5804, which know no CHECKSCRIPT, NOOP and RENAMESCRIPT.
    pub version: Option<String>,
    /// Who is signed in, as the server calls them.
    pub owner: Option<String>,
    /// The most redirections of one script.
    pub max_redirects: Option<u32>,
    /// Names without a field here, upper case.
    pub other: Vec<String>,
}

impl Capabilities {
    /// True when scripts may use this extension (`vacation`, RFC 5230).
    pub fn has_extension(&self, name: &str) -> bool {
        self.sieve
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    pub(crate) fn from_response(response: &Response) -> Capabilities {
        let mut found = Capabilities::default();
        for line in &response.lines {
            let mut texts = line.iter().filter_map(Token::text);
            if let Some(name) = texts.next() {
                found.add(&name.to_ascii_uppercase(), texts.next());
            }
        }
        found
    }

    fn add(&mut self, name: &str, value: Option<String>) {
        let words = || {
            value
                .as_deref()
                .unwrap_or_default()
                .split_ascii_whitespace()
        };
        match name {
            "IMPLEMENTATION" => self.implementation = value.unwrap_or_default(),
            "SASL" => self.sasl = words().map(str::to_ascii_uppercase).collect(),
            "SIEVE" => self.sieve = words().map(str::to_ascii_lowercase).collect(),
            "STARTTLS" => self.starttls = true,
            "VERSION" => self.version = value,
            "OWNER" => self.owner = value,
            "MAXREDIRECTS" => self.max_redirects = value.and_then(|value| value.parse().ok()),
            _ => self.other.push(name.to_owned()),
        }
    }
}
