//! Signing in: SASL (RFC 5034) where the server offers it, USER and PASS (RFC 1939) where not, and never both.
//!
//! A refusal ends it, because trying the same wrong password three ways is what locks accounts; but for CRAM-MD5 within TLS,
//! which many servers offer without being able to do it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_net::Stream;
use mail_net::sasl::{self, Credentials, Exchange, Mechanism, SaslError, Secret};
use zeroize::Zeroizing;

use crate::answer::{Answer, printable};
use crate::error::Pop3Error;
use crate::limits::{AUTH_ROUNDS, COMMAND_BYTES};
use crate::session::Session;

const WHAT_AUTH: &str = "the answer to AUTH";
const WHAT_USER: &str = "the answer to USER";
const WHAT_PASS: &str = "the answer to PASS";
/// What ends an exchange that we do not want to finish (RFC 5034 section 4).
const CANCEL: &str = "*";

/// How a sign-in was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInWay {
    /// USER and PASS.
    UserPass,
    /// AUTH with this mechanism.
    Sasl(Mechanism),
}

/// A successful sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginDone {
    /// How it was done.
    pub way: SignInWay,
}

/// What the server says within an exchange.
enum Turn {
    Challenge(Vec<u8>),
    Done(Answer),
}

impl Session {
    /// Signs in the best way that the server offers for these credentials, as of the last [`Session::capa`]. `host` and `port`
    /// are those the caller connected to; OAUTHBEARER tells them to the server.
    ///
    /// The caller decides whether credentials may go over a connection without TLS.
    ///
    /// # Errors
    /// [`Pop3Error::NoMechanism`]; [`Pop3Error::BadCredentials`]; [`Pop3Error::AuthFailed`], whose code tells whether the
    /// credentials are to blame; [`Pop3Error::Sasl`] when the server cannot prove itself; and those of the connection.
    pub async fn login(
        &mut self,
        credentials: &Credentials,
        host: &str,
        port: u16,
    ) -> Result<LoginDone, Pop3Error> {
        self.wire.keep_out(&credentials.secret);
        let offered = self.capabilities.sasl.clone();
        let password_allowed = self.capabilities.user || !self.capabilities.listed;
        let mut refused = None;
        for mechanism in sasl::choose(&offered, credentials) {
            let mut nonce = [0; 18];
            getrandom::fill(&mut nonce).map_err(|error| Pop3Error::Random(error.to_string()))?;
            let mut exchange = Exchange::new(mechanism, credentials, host, port, nonce);
            self.begin()?;
            let answer = self.authenticate(&mut exchange).await?;
            if answer.ok {
                exchange.finished()?;
                self.end();
                return Ok(LoginDone {
                    way: SignInWay::Sasl(mechanism),
                });
            }
            self.end();
            let failed = failed(answer, exchange.server_error());
            if !mechanism.may_fail_alone() || !self.stream().is_some_and(Stream::is_tls) {
                return Err(failed);
            }
            refused = Some(failed);
        }
        match (&credentials.secret, refused) {
            (Secret::Password(password), _) if password_allowed => {
                self.user_pass(&credentials.username, password).await
            }
            (_, Some(refused)) => Err(refused),
            _ => Err(Pop3Error::NoMechanism { offered }),
        }
    }

    async fn user_pass(&mut self, user: &str, password: &str) -> Result<LoginDone, Pop3Error> {
        if user.is_empty()
            || user.contains(char::is_control)
            || password.contains(['\r', '\n', '\0'])
        {
            return Err(Pop3Error::BadCredentials);
        }
        self.begin()?;
        self.say(&format!("USER {user}"), "USER <hidden>", WHAT_USER)
            .await?;
        let mut answer = self.answer(WHAT_USER).await?;
        if answer.ok {
            self.say(&format!("PASS {password}"), "PASS <hidden>", WHAT_PASS)
                .await?;
            answer = self.answer(WHAT_PASS).await?;
        }
        self.end();
        if answer.ok {
            Ok(LoginDone {
                way: SignInWay::UserPass,
            })
        } else {
            Err(failed(answer, None))
        }
    }

    /// Runs one exchange to the server's yes or no.
    async fn authenticate(&mut self, exchange: &mut Exchange) -> Result<Answer, Pop3Error> {
        let mechanism = exchange.mechanism().as_str();
        let initial = exchange.initial().map(Zeroizing::new);
        let mut line = Zeroizing::new(format!("AUTH {mechanism}"));
        if let Some(initial) = &initial {
            let encoded = encode(initial);
            // An empty initial response is written "="; a too long one waits for the server to ask.
            if line.len() + encoded.len() + " \r\n".len() <= COMMAND_BYTES {
                line = Zeroizing::new(format!(
                    "{} {}",
                    *line,
                    if encoded.is_empty() { "=" } else { &encoded }
                ));
            }
        }
        self.say(&line, &format!("AUTH {mechanism} <hidden>"), WHAT_AUTH)
            .await?;
        for round in 0..AUTH_ROUNDS {
            let challenge = match self.turn().await? {
                Turn::Done(answer) => return Ok(answer),
                Turn::Challenge(challenge) => challenge,
            };
            // An empty first challenge asks for the initial response: it was held back, or the server overlooked it.
            let answer = match &initial {
                Some(initial) if round == 0 && challenge.is_empty() => Ok(initial.to_vec()),
                _ => exchange.respond(&challenge),
            };
            match answer {
                Ok(answer) => {
                    self.say(&encode(&Zeroizing::new(answer)), "<hidden>", WHAT_AUTH)
                        .await?
                }
                // The server has said no within the mechanism; an empty line lets it say so in POP3 too.
                Err(SaslError::Refused { .. }) => self.say("", "", WHAT_AUTH).await?,
                Err(error) => {
                    self.say(CANCEL, CANCEL, WHAT_AUTH).await?;
                    if !self.answer(WHAT_AUTH).await?.ok {
                        self.end();
                    }
                    return Err(error.into());
                }
            }
        }
        Err(Pop3Error::Nonsense {
            line: format!("more than {AUTH_ROUNDS} challenges in one sign-in"),
        })
    }

    /// Reads a challenge (`+ ` and base64) or the final answer.
    async fn turn(&mut self) -> Result<Turn, Pop3Error> {
        let line = self.wire.read_line(self.limits.command, WHAT_AUTH).await?;
        self.wire.note_received(&line);
        let encoded = match line.as_slice() {
            b"+" => &[],
            [b'+', b' ', rest @ ..] => rest.trim_ascii(),
            _ => return Answer::parse(&line).map(Turn::Done),
        };
        match STANDARD.decode(encoded) {
            Ok(challenge) => Ok(Turn::Challenge(challenge)),
            Err(_) => Err(Pop3Error::Nonsense {
                line: printable(&line),
            }),
        }
    }

    async fn say(&mut self, line: &str, shown: &str, what: &'static str) -> Result<(), Pop3Error> {
        let line = Zeroizing::new(format!("{line}\r\n"));
        self.wire
            .write(&line, Some(shown), self.limits.command, what)
            .await
    }
}

fn failed(answer: Answer, oauth_error: Option<&str>) -> Pop3Error {
    Pop3Error::AuthFailed {
        code: answer.code,
        text: answer.text,
        oauth_error: oauth_error.map(str::to_owned),
    }
}

fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}
