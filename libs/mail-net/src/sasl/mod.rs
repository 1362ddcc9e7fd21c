//! SASL (RFC 4422): one exchange for IMAP, POP3 and SMTP, which differ only in how they carry the base64.
//!
//! [`choose`] orders what a server offers, [`Exchange`] speaks one mechanism. Neither knows about base64 or lines;
//! [`lines`] does, for POP3 and SMTP.

mod bearer;
mod cram;
mod hide;
pub mod lines;
mod prep;
mod scram;
mod tries;

pub use hide::hide;
pub use tries::{Tries, speaks_of_mechanism};

use std::fmt;

use zeroize::Zeroize;

use scram::{Hash, Scram};

/// Who logs in, and with what. Wiped from memory when dropped; `Debug` shows neither name nor secret.
#[derive(Clone)]
pub struct Credentials {
    /// The login name as the server wants it.
    pub username: String,
    /// What proves it.
    pub secret: Secret,
}

/// A password or an access token.
#[derive(Clone)]
pub enum Secret {
    /// A password or app password.
    Password(String),
    /// An OAuth 2 access token.
    Token(String),
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.username.zeroize();
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        match self {
            Secret::Password(text) | Secret::Token(text) => text.zeroize(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(<hidden>)")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Secret::Password(_) => "Password(<hidden>)",
            Secret::Token(_) => "Token(<hidden>)",
        })
    }
}

/// The mechanisms that are spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 7628.
    OauthBearer,
    /// Google's and Microsoft's forerunner of it.
    XOauth2,
    /// RFC 7677.
    ScramSha256,
    /// RFC 5802.
    ScramSha1,
    /// RFC 2195: old, but the password itself stays here.
    CramMd5,
    /// RFC 4616.
    Plain,
    /// Never a standard, but some servers offer nothing else.
    Login,
}

impl Mechanism {
    /// All, best first.
    pub const ALL: [Mechanism; 7] = [
        Mechanism::OauthBearer,
        Mechanism::XOauth2,
        Mechanism::ScramSha256,
        Mechanism::ScramSha1,
        Mechanism::CramMd5,
        Mechanism::Plain,
        Mechanism::Login,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Mechanism::OauthBearer => "OAUTHBEARER",
            Mechanism::XOauth2 => "XOAUTH2",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha1 => "SCRAM-SHA-1",
            Mechanism::CramMd5 => "CRAM-MD5",
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
        }
    }

    /// From the name on the wire, in any case; `None` for a mechanism that is not spoken here.
    pub fn from_name(name: &str) -> Option<Mechanism> {
        Mechanism::ALL
            .into_iter()
            .find(|mechanism| mechanism.as_str().eq_ignore_ascii_case(name.trim()))
    }

    /// Whether it carries a token (else a password).
    pub fn takes_token(self) -> bool {
        matches!(self, Mechanism::OauthBearer | Mechanism::XOauth2)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The offered mechanisms that can carry these credentials, best first; empty when there is none.
pub fn choose(offered: &[String], credentials: &Credentials) -> Vec<Mechanism> {
    let token = matches!(credentials.secret, Secret::Token(_));
    Mechanism::ALL
        .into_iter()
        .filter(|mechanism| mechanism.takes_token() == token)
        .filter(|mechanism| {
            offered
                .iter()
                .any(|name| Mechanism::from_name(name) == Some(*mechanism))
        })
        .collect()
}

/// Why an exchange cannot go on. The text never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaslError {
    /// The server asked for more than the mechanism has.
    #[error("the server asked something that {0} does not have")]
    Unexpected(Mechanism),
    /// The server's message does not follow the mechanism.
    #[error("the server's {mechanism} message is wrong: {what}")]
    Malformed {
        /// The mechanism in use.
        mechanism: Mechanism,
        /// What is wrong with it.
        what: &'static str,
    },
    /// SCRAM: the server named an error (RFC 5802 section 7).
    #[error("the server ended {mechanism}: {error}")]
    Refused {
        /// The mechanism in use.
        mechanism: Mechanism,
        /// The server's error value, such as `invalid-proof`.
        error: String,
    },
    /// SCRAM: the server did not prove that it knows the password; it may be an impostor.
    #[error("the server did not prove that it knows the password")]
    ServerNotProven,
}

/// One run of one mechanism.
///
/// Send [`initial`](Exchange::initial) with the command or, without SASL-IR, as the answer to the first (empty)
/// challenge; answer every further challenge with [`respond`](Exchange::respond); after the server said yes,
/// [`finished`](Exchange::finished) must say yes too.
pub struct Exchange {
    mechanism: Mechanism,
    state: State,
    server_error: Option<String>,
}

enum State {
    /// PLAIN: one message and nothing more.
    Plain(Wiped),
    /// LOGIN: name, then password, whatever words the server asks with.
    Login {
        answers: [Wiped; 2],
        given: usize,
    },
    /// CRAM-MD5: one answer to the server's challenge.
    Cram {
        user: String,
        password: Wiped,
        given: bool,
    },
    /// Both OAuth mechanisms: one message, and perhaps an error to acknowledge.
    Bearer(Wiped),
    Scram(Box<Scram>),
}

/// A message that holds a secret.
struct Wiped(Vec<u8>);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Exchange {
    /// Starts a run. `host` and `port` are told to the server by OAUTHBEARER only; `nonce` must be random.
    pub fn new(
        mechanism: Mechanism,
        credentials: &Credentials,
        host: &str,
        port: u16,
        nonce: [u8; 18],
    ) -> Exchange {
        let user = without(&credentials.username, &['\0']);
        let secret = match &credentials.secret {
            Secret::Password(text) | Secret::Token(text) => Wiped(text.clone().into_bytes()),
        };
        let state = match mechanism {
            Mechanism::Plain => {
                let mut message = Vec::with_capacity(user.len() + secret.0.len() + 2);
                message.push(0);
                message.extend_from_slice(user.as_bytes());
                message.push(0);
                // NUL separates the fields; a secret with one inside can only be wrong.
                message.extend(secret.0.iter().filter(|byte| **byte != 0));
                State::Plain(Wiped(message))
            }
            Mechanism::Login => State::Login {
                answers: [Wiped(user.into_bytes()), Wiped(secret.0.clone())],
                given: 0,
            },
            Mechanism::CramMd5 => State::Cram {
                user,
                password: Wiped(secret.0.clone()),
                given: false,
            },
            Mechanism::XOauth2 => State::Bearer(Wiped(bearer::xoauth2(&user, &secret.0))),
            Mechanism::OauthBearer => {
                State::Bearer(Wiped(bearer::oauthbearer(&user, &secret.0, host, port)))
            }
            Mechanism::ScramSha256 | Mechanism::ScramSha1 => {
                let hash = match mechanism {
                    Mechanism::ScramSha1 => Hash::Sha1,
                    _ => Hash::Sha256,
                };
                State::Scram(Box::new(Scram::new(
                    hash,
                    &user,
                    &String::from_utf8_lossy(&secret.0),
                    nonce,
                )))
            }
        };
        Exchange {
            mechanism,
            state,
            server_error: None,
        }
    }

    /// The mechanism of this run.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The client's first message, or `None` where the server speaks first (LOGIN, CRAM-MD5).
    pub fn initial(&mut self) -> Option<Vec<u8>> {
        match &mut self.state {
            State::Plain(message) | State::Bearer(message) => Some(message.0.clone()),
            State::Login { .. } | State::Cram { .. } => None,
            State::Scram(scram) => Some(scram.client_first()),
        }
    }

    /// The answer to a challenge that came after [`initial`](Exchange::initial) was sent.
    ///
    /// # Errors
    /// The exchange must be cancelled on any [`SaslError`].
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, SaslError> {
        let mechanism = self.mechanism;
        match &mut self.state {
            State::Plain(_) => Err(SaslError::Unexpected(mechanism)),
            State::Login { answers, given } => {
                let answer = answers
                    .get(*given)
                    .ok_or(SaslError::Unexpected(mechanism))?;
                *given += 1;
                Ok(answer.0.clone())
            }
            State::Cram {
                user,
                password,
                given,
            } => {
                if std::mem::replace(given, true) {
                    return Err(SaslError::Unexpected(mechanism));
                }
                Ok(cram::answer(user, &password.0, challenge))
            }
            State::Bearer(_) => {
                // A challenge can only be the error; it has to be acknowledged before the server says no.
                if self.server_error.is_some() {
                    return Err(SaslError::Unexpected(mechanism));
                }
                self.server_error = Some(bearer::error_text(challenge));
                Ok(match mechanism {
                    Mechanism::OauthBearer => vec![1],
                    _ => Vec::new(),
                })
            }
            State::Scram(scram) => scram.respond(challenge).map_err(|error| match error {
                scram::Failure::Malformed(what) => SaslError::Malformed { mechanism, what },
                scram::Failure::Refused(error) => SaslError::Refused { mechanism, error },
                scram::Failure::NotProven => SaslError::ServerNotProven,
                scram::Failure::Unexpected => SaslError::Unexpected(mechanism),
            }),
        }
    }

    /// The error that an OAuth mechanism was answered with, usually JSON with `status` and `scope`.
    pub fn server_error(&self) -> Option<&str> {
        self.server_error.as_deref()
    }

    /// To be asked after the server's yes: SCRAM demands that the server has proven itself too.
    ///
    /// # Errors
    /// [`SaslError::ServerNotProven`].
    pub fn finished(&self) -> Result<(), SaslError> {
        match &self.state {
            State::Scram(scram) if !scram.server_proven() => Err(SaslError::ServerNotProven),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({})", self.mechanism)
    }
}

fn without(text: &str, unwanted: &[char]) -> String {
    text.chars().filter(|c| !unwanted.contains(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password() -> Credentials {
        Credentials {
            username: "joe@example.org".to_owned(),
            secret: Secret::Password("s3cret".to_owned()),
        }
    }

    fn token() -> Credentials {
        Credentials {
            username: "joe@example.org".to_owned(),
            secret: Secret::Token("ya29.x".to_owned()),
        }
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_best_offered_mechanism_comes_first() {
        let offered = names(&[
            "login",
            "PLAIN",
            "scram-sha-1",
            "CRAM-MD5",
            "XOAUTH2",
            "SCRAM-SHA-256",
            "GSSAPI",
        ]);
        assert_eq!(
            choose(&offered, &password()),
            [
                Mechanism::ScramSha256,
                Mechanism::ScramSha1,
                Mechanism::CramMd5,
                Mechanism::Plain,
                Mechanism::Login
            ]
        );
        assert_eq!(choose(&offered, &token()), [Mechanism::XOauth2]);
        assert!(choose(&names(&["GSSAPI"]), &password()).is_empty());
        assert!(choose(&names(&["PLAIN"]), &token()).is_empty());
    }

    #[test]
    fn plain_is_one_message() {
        let mut exchange = Exchange::new(Mechanism::Plain, &password(), "h", 1, [0; 18]);
        assert_eq!(exchange.initial().unwrap(), b"\0joe@example.org\0s3cret");
        assert_eq!(
            exchange.respond(b""),
            Err(SaslError::Unexpected(Mechanism::Plain))
        );
        assert_eq!(exchange.finished(), Ok(()));
    }

    #[test]
    fn a_nul_cannot_move_the_fields_of_plain() {
        let credentials = Credentials {
            username: "joe\0admin".to_owned(),
            secret: Secret::Password("a\0b".to_owned()),
        };
        let mut exchange = Exchange::new(Mechanism::Plain, &credentials, "h", 1, [0; 18]);
        assert_eq!(exchange.initial().unwrap(), b"\0joeadmin\0ab");
    }

    #[test]
    fn login_answers_by_order_not_by_the_words_of_the_prompt() {
        let mut exchange = Exchange::new(Mechanism::Login, &password(), "h", 1, [0; 18]);
        assert_eq!(exchange.initial(), None);
        assert_eq!(exchange.respond(b"Benutzer?").unwrap(), b"joe@example.org");
        assert_eq!(exchange.respond(b"").unwrap(), b"s3cret");
        assert!(exchange.respond(b"").is_err());
    }

    #[test]
    fn an_oauth_error_is_kept_and_acknowledged() {
        let error = br#"{"status":"401"}"#;
        let mut exchange = Exchange::new(Mechanism::XOauth2, &token(), "h", 993, [0; 18]);
        assert_eq!(
            exchange.initial().unwrap(),
            b"user=joe@example.org\x01auth=Bearer ya29.x\x01\x01"
        );
        assert_eq!(exchange.respond(error).unwrap(), b"");
        assert_eq!(exchange.server_error(), Some(r#"{"status":"401"}"#));
        let mut exchange =
            Exchange::new(Mechanism::OauthBearer, &token(), "h.example", 993, [0; 18]);
        assert_eq!(
            exchange.initial().unwrap(),
            b"n,a=joe@example.org,\x01host=h.example\x01port=993\x01auth=Bearer ya29.x\x01\x01"
        );
        assert_eq!(exchange.respond(error).unwrap(), b"\x01");
        assert!(exchange.respond(error).is_err());
    }

    #[test]
    fn nothing_secret_is_in_debug_output() {
        let shown = format!(
            "{:?} {:?} {:?}",
            password(),
            token().secret,
            Exchange::new(Mechanism::Plain, &password(), "h", 1, [0; 18])
        );
        assert!(!shown.contains("s3cret") && !shown.contains("ya29") && !shown.contains("joe"));
    }
}
