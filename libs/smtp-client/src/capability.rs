//! What a server says it can do, from its answer to EHLO (RFC 5321 4.1.1.1).

use crate::reply::Reply;
use crate::server_limits::ServerLimits;

/// The largest message a server takes (RFC 1870).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SizeLimit {
    /// The server does not offer SIZE.
    #[default]
    NotOffered,
    /// The server offers SIZE and names no limit.
    NoFixedLimit,
    /// The server refuses messages with more bytes than this.
    Bytes(u64),
}

/// What a server offers. Only what we act on has a field; the rest stays in `other`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// The name the server gives itself: the first word of the answer.
    pub domain: String,
    /// False when the server only knows HELO (RFC 821), which offers nothing.
    pub extended: bool,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// SIZE (RFC 1870).
    pub size: SizeLimit,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced_status_codes: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// LIMITS (RFC 9422).
    pub limits: ServerLimits,
    /// The SASL mechanisms of AUTH (RFC 4954), upper case, in the server's order.
    pub auth: Vec<String>,
    /// Keywords without a field here, upper case, with their parameters.
    pub other: Vec<String>,
}

impl Capabilities {
    /// Reads the answer to EHLO: the first line is the server's name, each other line one keyword with parameters.
    pub(crate) fn from_ehlo(reply: &Reply) -> Capabilities {
        let mut lines = reply.text.lines();
        let mut found = Capabilities {
            domain: first_word(lines.next()),
            extended: true,
            ..Capabilities::default()
        };
        for line in lines {
            found.add(line);
        }
        found
    }

    /// A server that only answers HELO.
    pub(crate) fn from_helo(reply: &Reply) -> Capabilities {
        Capabilities {
            domain: first_word(reply.text.lines().next()),
            ..Capabilities::default()
        }
    }

    fn add(&mut self, line: &str) {
        let line = line.trim().to_ascii_uppercase();
        let (keyword, parameters) = line.split_once(' ').unwrap_or((&line, ""));
        match keyword {
            "PIPELINING" => self.pipelining = true,
            "SIZE" => {
                self.size = match parameters.trim().parse() {
                    Ok(0) | Err(_) => SizeLimit::NoFixedLimit,
                    Ok(bytes) => SizeLimit::Bytes(bytes),
                }
            }
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "DSN" => self.dsn = true,
            "CHUNKING" => self.chunking = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_status_codes = true,
            "STARTTLS" => self.starttls = true,
            "REQUIRETLS" => self.require_tls = true,
            "LIMITS" => self.limits.read(parameters),
            "AUTH" => self.add_mechanisms(parameters),
            // "AUTH=LOGIN PLAIN": from before RFC 2554, still sent beside the right form by Exchange and by Postfix for
            // "broken_sasl_auth_clients".
            _ if keyword.starts_with("AUTH=") => self.add_mechanisms(&line["AUTH=".len()..]),
            _ => self.other.push(line),
        }
    }

    fn add_mechanisms(&mut self, names: &str) {
        for name in names.split_ascii_whitespace() {
            if !self.auth.iter().any(|known| known == name) {
                self.auth.push(name.to_owned());
            }
        }
    }
}

fn first_word(line: Option<&str>) -> String {
    line.and_then(|line| line.split_ascii_whitespace().next())
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ehlo(text: &str) -> Capabilities {
        Capabilities::from_ehlo(&Reply {
            code: 250,
            enhanced: None,
            text: text.to_owned(),
        })
    }

    #[test]
    fn postfix_is_understood() {
        let found = ehlo(
            "mx.example.org\nPIPELINING\nSIZE 10240000\nVRFY\nETRN\nSTARTTLS\nAUTH PLAIN LOGIN\nAUTH=PLAIN LOGIN\n\
             ENHANCEDSTATUSCODES\n8BITMIME\nDSN\nSMTPUTF8\nCHUNKING",
        );
        assert_eq!(found.domain, "mx.example.org");
        assert!(
            found.extended && found.pipelining && found.starttls && found.enhanced_status_codes
        );
        assert!(found.eight_bit_mime && found.dsn && found.smtputf8 && found.chunking);
        assert_eq!(found.size, SizeLimit::Bytes(10_240_000));
        assert_eq!(found.auth, ["PLAIN", "LOGIN"]);
        assert_eq!(found.other, ["VRFY", "ETRN"]);
    }

    #[test]
    fn size_without_a_number_is_no_limit() {
        for (text, size) in [
            ("x\nSIZE", SizeLimit::NoFixedLimit),
            ("x\nSIZE 0", SizeLimit::NoFixedLimit),
            ("x\nsize 5", SizeLimit::Bytes(5)),
            ("x\nSIZE 99999999999999999999999", SizeLimit::NoFixedLimit),
            ("x", SizeLimit::NotOffered),
        ] {
            assert_eq!(ehlo(text).size, size, "{text:?}");
        }
    }

    #[test]
    fn a_name_that_looks_like_a_keyword_is_only_a_name() {
        assert!(!ehlo("STARTTLS").starttls);
    }
}
