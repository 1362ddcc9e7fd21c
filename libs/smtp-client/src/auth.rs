//! Signing in (RFC 4954), with at most one attempt that a server could count as a failure.
//!
//! The best mechanism goes first. Only the answer 504, "I do not know that mechanism", leads to the next one; every other
//! refusal ends it, because trying the same wrong password three ways is what locks accounts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_net::Stream;
use mail_net::sasl::{self, Credentials, Exchange, Mechanism, SaslError};
use zeroize::Zeroizing;

use crate::error::SmtpError;
use crate::limits::{AUTH_LINE_BYTES, AUTH_ROUNDS};
use crate::reply::Reply;
use crate::session::Session;

const WHAT: &str = "the reply to AUTH";
/// What ends an exchange that we do not want to finish (RFC 4954 section 4).
const CANCEL: &str = "*";
/// "Unrecognised authentication type": the one refusal that no server counts.
const UNKNOWN_MECHANISM: u16 = 504;
/// "Authentication credentials invalid".
const BAD_CREDENTIALS: u16 = 535;

/// A successful sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginDone {
    /// The mechanism that did it.
    pub mechanism: Mechanism,
}

impl Session {
    /// Signs in with the best mechanism that the server offers for these credentials. `host` and `port` are those the caller
    /// connected to; OAUTHBEARER tells them to the server.
    ///
    /// The caller decides whether credentials may go over a connection without TLS.
    ///
    /// # Errors
    /// [`SmtpError::NoMechanism`]; [`SmtpError::AuthFailed`], also when the server could not check (code 4xx);
    /// [`SmtpError::Sasl`] when the server cannot prove itself; and those of the connection.
    pub async fn login(
        &mut self,
        credentials: &Credentials,
        host: &str,
        port: u16,
    ) -> Result<LoginDone, SmtpError> {
        self.wire.keep_out(&credentials.secret);
        let offered = self.capabilities.auth.clone();
        let mut refused = None;
        for mechanism in sasl::choose(&offered, credentials) {
            let mut nonce = [0; 18];
            getrandom::fill(&mut nonce).map_err(|error| SmtpError::Random(error.to_string()))?;
            let mut exchange = Exchange::new(mechanism, credentials, host, port, nonce);
            self.begin()?;
            let reply = self.authenticate(&mut exchange).await?;
            if reply.is_positive() {
                exchange.finished()?;
                self.end();
                return Ok(LoginDone { mechanism });
            }
            self.end();
            if reply.code == UNKNOWN_MECHANISM {
                continue;
            }
            let alone = mechanism.may_fail_alone() && reply.code == BAD_CREDENTIALS;
            let failed = SmtpError::AuthFailed {
                code: reply.code,
                enhanced: reply.enhanced,
                text: reply.text,
                oauth_error: exchange.server_error().map(str::to_owned),
            };
            if !alone || !self.stream().is_some_and(Stream::is_tls) {
                return Err(failed);
            }
            refused = Some(failed);
        }
        Err(refused.unwrap_or(SmtpError::NoMechanism { offered }))
    }

    /// Runs one exchange to the server's yes or no.
    async fn authenticate(&mut self, exchange: &mut Exchange) -> Result<Reply, SmtpError> {
        let mechanism = exchange.mechanism().as_str();
        let initial = exchange.initial().map(Zeroizing::new);
        let mut line = Zeroizing::new(format!("AUTH {mechanism}"));
        if let Some(initial) = &initial {
            let encoded = encode(initial);
            // An empty initial response is written "="; a too long one waits for the server to ask.
            if line.len() + encoded.len() + 3 <= AUTH_LINE_BYTES {
                line = Zeroizing::new(format!(
                    "{} {}",
                    *line,
                    if encoded.is_empty() { "=" } else { &encoded }
                ));
            }
        }
        self.say(&line, &format!("AUTH {mechanism} <hidden>"))
            .await?;
        for round in 0..AUTH_ROUNDS {
            let reply = self.reply(WHAT).await?;
            if reply.code != 334 {
                return if reply.is_positive() || reply.is_refusal() {
                    Ok(reply)
                } else {
                    Err(nonsense(&reply))
                };
            }
            let Ok(challenge) = STANDARD.decode(reply.text.trim()) else {
                self.cancel().await?;
                return Err(nonsense(&reply));
            };
            // An empty first challenge asks for the initial response: it was held back, or the server overlooked it.
            let answer = match &initial {
                Some(initial) if round == 0 && challenge.is_empty() => Ok(initial.to_vec()),
                _ => exchange.respond(&challenge),
            };
            match answer {
                Ok(answer) => {
                    self.say(&encode(&Zeroizing::new(answer)), "<hidden>")
                        .await?
                }
                // The server has said no within the mechanism; an empty line lets it say so in SMTP too.
                Err(SaslError::Refused { .. }) => self.say("", "").await?,
                Err(error) => {
                    self.cancel().await?;
                    return Err(error.into());
                }
            }
        }
        Err(SmtpError::Nonsense {
            line: format!("more than {AUTH_ROUNDS} challenges in one sign-in"),
        })
    }

    async fn say(&mut self, line: &str, shown: &str) -> Result<(), SmtpError> {
        let line = Zeroizing::new(format!("{line}\r\n"));
        self.wire
            .write_secret(&line, shown, self.limits.command, WHAT)
            .await
    }

    /// Ends the exchange in good order; the session can go on.
    async fn cancel(&mut self) -> Result<(), SmtpError> {
        self.say(CANCEL, CANCEL).await?;
        self.reply(WHAT).await?;
        self.end();
        Ok(())
    }
}

fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}

fn nonsense(reply: &Reply) -> SmtpError {
    SmtpError::Nonsense {
        line: reply.to_string(),
    }
}
