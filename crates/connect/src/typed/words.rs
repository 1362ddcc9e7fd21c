//! Ports and securities as other programs call them: `"993"`, `SSL/TLS`, `STARTTLS`, `None`. Pure.

use model::mailbox::Security;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use std::fmt;
use std::str::FromStr;

/// A port, given as a number or as a text of digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortWord {
    /// 0 to 65535; what is no port is refused where the sides are read.
    pub number: u16,
    /// The text, where it was one.
    pub typed: Option<String>,
}

/// A way of protecting the bytes, by any of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityWord {
    /// What it means; nothing for `auto`, which leaves it to the port.
    pub meant: Option<Security>,
    /// What was typed, where that is not our own word for it.
    pub typed: Option<String>,
}

/// What was written in other words than ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InWords {
    /// The port.
    pub port: Option<String>,
    /// The security.
    pub security: Option<String>,
}

impl super::Side {
    /// Takes a port and a security in the words that they were given in.
    #[must_use]
    pub fn in_words(mut self, port: Option<PortWord>, security: Option<SecurityWord>) -> Self {
        if let Some(port) = port {
            self.port = Some(port.number);
            self.words.port = port.typed;
        }
        if let Some(security) = security {
            self.security = security.meant;
            self.words.security = security.typed;
        }
        self
    }
}

impl FromStr for SecurityWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(ours) = Security::parse(text) {
            return Ok(Self {
                meant: Some(ours),
                typed: None,
            });
        }
        let bare: String = text
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        let meant = match bare.as_str() {
            "tls" | "ssl" | "ssltls" | "tlsssl" | "implicit" | "implicittls" | "imaps"
            | "pop3s" | "smtps" => Some(Security::Tls),
            "starttls" | "stls" | "explicit" | "explicittls" => Some(Security::Starttls),
            "none" | "no" | "off" | "plain" | "plaintext" | "unencrypted" | "noencryption" => {
                Some(Security::None)
            }
            "auto" | "automatic" | "default" => None,
            _ => return Err("expected tls, starttls or none".to_owned()),
        };
        Ok(Self {
            meant,
            typed: Some(text.chars().take(40).collect()),
        })
    }
}

impl<'de> Deserialize<'de> for SecurityWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            D::Error::invalid_value(Unexpected::Str(&text), &"`tls`, `starttls` or `none`")
        })
    }
}

impl<'de> Deserialize<'de> for PortWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrDigits)
    }
}

struct NumberOrDigits;

impl Visitor<'_> for NumberOrDigits {
    type Value = PortWord;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port from 1 to 65535")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<PortWord, E> {
        let number = u16::try_from(number)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))?;
        Ok(PortWord {
            number,
            typed: None,
        })
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<PortWord, E> {
        u64::try_from(number)
            .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
            .and_then(|number| self.visit_u64(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<PortWord, E> {
        let digits = text.trim();
        match digits.parse::<u16>() {
            Ok(number) if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(PortWord {
                number,
                typed: Some(text.chars().take(20).collect()),
            }),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Before, Form, Rules, Settled, Side, settle};
    use super::*;
    use Security::{Starttls, Tls};

    #[test]
    fn securities_have_many_names() {
        use Security::None as Plain;
        for (typed, meant, ours) in [
            ("tls", Some(Tls), true),
            ("SSL", Some(Tls), false),
            ("SSL/TLS", Some(Tls), false),
            ("TLS", Some(Tls), false),
            ("STARTTLS", Some(Starttls), false),
            ("Start_TLS", Some(Starttls), false),
            ("none", Some(Plain), true),
            ("None", Some(Plain), false),
            ("plain text", Some(Plain), false),
            ("Auto", None, false),
        ] {
            let word: SecurityWord = typed.parse().unwrap();
            assert_eq!((word.meant, word.typed.is_none()), (meant, ours), "{typed}");
        }
        assert!("".parse::<SecurityWord>().is_err());
        assert!("maybe".parse::<SecurityWord>().is_err());
    }

    #[test]
    fn a_port_is_a_number_or_a_text_of_digits() {
        let port = |json: &str| serde_json::from_str::<PortWord>(json);
        assert_eq!(port("993").unwrap().typed, None);
        assert_eq!(port("\" 993 \"").unwrap().number, 993);
        for bad in ["99999", "-1", "\"tls\"", "\"+993\"", "9.5", "true", "\"\""] {
            assert!(port(bad).is_err(), "{bad}");
        }
    }

    fn side() -> Side {
        Side {
            host: Some("imap.example.com".to_owned()),
            ..Side::default()
        }
    }

    fn receive(side: Side) -> Settled {
        let form = Form {
            address: "ann@example.com".to_owned(),
            incoming: Some(Some(side)),
            outgoing: Some(None),
            password: Some(model::Secret::new("secret")),
        };
        settle(form, Before::default(), &Rules::default())
    }

    fn good(settled: &Settled) -> (String, u16, Security) {
        assert!(settled.refused.is_empty(), "{:?}", settled.refused);
        let side = settled.incoming.clone().flatten().unwrap();
        (side.host, side.port, side.security)
    }

    fn noted(settled: &Settled) -> Vec<&str> {
        let notes = settled.normalised.iter();
        notes.map(|note| note.pointer.as_str()).collect()
    }

    #[test]
    fn words_of_other_programs_are_understood_and_told() {
        for (typed, port, becomes, because) in [
            ("SSL/TLS", 993, Tls, "encryption from the first byte"),
            ("ssl", 993, Tls, "encryption from the first byte"),
            ("StartTLS", 143, Starttls, "is then encrypted"),
            ("SSL", 143, Starttls, "port 143 begins in plain text"),
            ("STARTTLS", 993, Tls, "port 993 is encrypted"),
        ] {
            let word = typed.parse().ok();
            let port_word = PortWord {
                number: port,
                typed: None,
            };
            let settled = receive(side().in_words(Some(port_word), word));
            assert_eq!(
                good(&settled),
                ("imap.example.com".to_owned(), port, becomes)
            );
            let [note] = settled.normalised.as_slice() else {
                panic!("{typed}: {:?}", settled.normalised)
            };
            assert_eq!(note.was.as_deref(), Some(typed));
            assert!(note.because.contains(because), "{typed}: {note:?}");
        }
        let automatic = "auto".parse().ok();
        let settled = receive(side().in_words(None, automatic));
        assert_eq!(good(&settled).1, 993);
        let digits = serde_json::from_str("\"993\"").ok();
        let settled = receive(side().in_words(digits, None));
        assert_eq!(noted(&settled), ["/incoming/port"]);
    }
}
