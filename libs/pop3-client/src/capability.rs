//! What a server says it can do, from its answer to CAPA (RFC 2449).

/// What a server offers. Only what we act on has a field; the rest stays in `other`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// False when the server does not know CAPA: then nothing is known, and everything may work.
    pub listed: bool,
    /// USER and PASS (RFC 1939).
    pub user: bool,
    /// The SASL mechanisms of AUTH (RFC 5034), upper case, in the server's order.
    pub sasl: Vec<String>,
    /// STLS (RFC 2595).
    pub stls: bool,
    /// TOP.
    pub top: bool,
    /// UIDL.
    pub uidl: bool,
    /// PIPELINING (RFC 2449 section 6.6).
    pub pipelining: bool,
    /// RESP-CODES (RFC 2449 section 6.4).
    pub resp_codes: bool,
    /// AUTH-RESP-CODE (RFC 3206).
    pub auth_resp_code: bool,
    /// UTF8 (RFC 6856).
    pub utf8: bool,
    /// How many days the server keeps a message, where it says so and it is not for ever (RFC 2449 section 6.7).
    pub expire_days: Option<u32>,
    /// The least seconds between two sign-ins, where the server says so (RFC 2449 section 6.5).
    pub login_delay_seconds: Option<u32>,
    /// What the server calls itself.
    pub implementation: Option<String>,
    /// Capabilities without a field here, as the server wrote them.
    pub other: Vec<String>,
}

impl Capabilities {
    /// Takes one line of the answer.
    pub(crate) fn add(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        let mut number = || words.next().and_then(|word| word.parse().ok());
        match keyword.as_str() {
            "" => {}
            "USER" => self.user = true,
            "SASL" => self.sasl.extend(words.map(str::to_ascii_uppercase)),
            "STLS" => self.stls = true,
            "TOP" => self.top = true,
            "UIDL" => self.uidl = true,
            "PIPELINING" => self.pipelining = true,
            "RESP-CODES" => self.resp_codes = true,
            "AUTH-RESP-CODE" => self.auth_resp_code = true,
            "UTF8" => self.utf8 = true,
            "EXPIRE" => self.expire_days = number(),
            "LOGIN-DELAY" => self.login_delay_seconds = number(),
            "IMPLEMENTATION" => {
                self.implementation = line
                    .split_once(char::is_whitespace)
                    .map(|(_, name)| name.trim().to_owned());
            }
            _ => self.other.push(line.trim().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_everything_is_understood() {
        let mut found = Capabilities::default();
        for line in [
            "CAPA",
            "TOP",
            "uidl",
            "RESP-CODES",
            "PIPELINING",
            "AUTH-RESP-CODE",
            "STLS",
            "USER",
            "SASL PLAIN login",
            "EXPIRE 60",
            "LOGIN-DELAY 900 USER",
            "UTF8 USER",
            "IMPLEMENTATION Dovecot (Debian)",
            "",
        ] {
            found.add(line);
        }
        assert!(
            found.top && found.uidl && found.resp_codes && found.pipelining && found.auth_resp_code
        );
        assert!(found.stls && found.user && found.utf8);
        assert_eq!(found.sasl, ["PLAIN", "LOGIN"]);
        assert_eq!(
            (found.expire_days, found.login_delay_seconds),
            (Some(60), Some(900))
        );
        assert_eq!(found.implementation.as_deref(), Some("Dovecot (Debian)"));
        assert_eq!(found.other, ["CAPA"]);
    }

    #[test]
    fn for_ever_is_no_number_of_days() {
        let mut found = Capabilities::default();
        found.add("EXPIRE NEVER");
        assert_eq!(found.expire_days, None);
    }
}
