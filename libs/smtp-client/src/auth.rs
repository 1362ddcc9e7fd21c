//! Signing in (RFC 4954), with at most one attempt that a server could count as a failure.
//!
//! The best mechanism goes first. Only an answer about the mechanism, such as 504, leads to the next one; every other
//! refusal ends it, because trying the same wrong password three ways is what locks accounts.

use mail_net::sasl::lines::{CANCEL, GivenUp, LineExchange};
use mail_net::sasl::{self, Credentials, Exchange, Mechanism, Tries};
use zeroize::Zeroizing;

use crate::error::SmtpError;
use crate::limits::AUTH_LINE_BYTES;
use crate::reply::Reply;
use crate::session::Session;

const WHAT: &str = "the reply to AUTH";
/// "Unrecognised authentication type": the one refusal that no server counts.
const UNKNOWN_MECHANISM: u16 = 504;

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
        self.login_within(credentials, host, port, &Tries::unlimited())
            .await
    }

    /// [`login`](Session::login) while `tries` last. The caller looks first whether any is left.
    ///
    /// # Errors
    /// As [`login`](Session::login).
    pub async fn login_within(
        &mut self,
        credentials: &Credentials,
        host: &str,
        port: u16,
        tries: &Tries,
    ) -> Result<LoginDone, SmtpError> {
        self.wire.keep_out(&credentials.secret);
        let offered = self.capabilities.auth.clone();
        let mut refused = None;
        for mechanism in sasl::choose(&offered, credentials) {
            let mut nonce = [0; 18];
            getrandom::fill(&mut nonce).map_err(|error| SmtpError::Random(error.to_string()))?;
            let exchange = Exchange::new(mechanism, credentials, host, port, nonce);
            if !tries.take() {
                break;
            }
            self.begin()?;
            let (exchange, reply) = self.authenticate(exchange).await?;
            if reply.is_positive() {
                exchange.finished()?;
                tries.give_back();
                self.end();
                return Ok(LoginDone { mechanism });
            }
            self.end();
            if reply.code == UNKNOWN_MECHANISM {
                continue;
            }
            let mechanism_at_fault =
                !reply.is_temporary() && sasl::speaks_of_mechanism(&reply.text);
            let failed = SmtpError::AuthFailed {
                code: reply.code,
                enhanced: reply.enhanced,
                text: reply.text,
                oauth_error: exchange.server_error().map(str::to_owned),
            };
            if !mechanism_at_fault {
                return Err(failed);
            }
            refused = Some(failed);
        }
        Err(refused.unwrap_or(SmtpError::NoMechanism { offered }))
    }

    /// Runs one exchange to the server's yes or no.
    async fn authenticate(
        &mut self,
        exchange: Exchange,
    ) -> Result<(LineExchange, Reply), SmtpError> {
        let (mut exchange, line) = LineExchange::begin(exchange, AUTH_LINE_BYTES);
        let shown = format!("AUTH {} <hidden>", exchange.mechanism());
        self.say(&line, &shown).await?;
        loop {
            let reply = self.reply(WHAT).await?;
            if reply.code != 334 {
                return if reply.is_positive() || reply.is_refusal() {
                    Ok((exchange, reply))
                } else {
                    Err(nonsense(&reply))
                };
            }
            match exchange.answer(reply.text.as_bytes()) {
                Ok(answer) => {
                    let shown = if answer.is_empty() { "" } else { "<hidden>" };
                    self.say(&answer, shown).await?;
                }
                Err(given_up) => {
                    self.say(CANCEL, CANCEL).await?;
                    // A yes to a cancelled sign-in would leave us where nobody wanted to be.
                    if !self.reply(WHAT).await?.is_positive() {
                        self.end();
                    }
                    return Err(match given_up {
                        GivenUp::Sasl(error) => error.into(),
                        GivenUp::NotBase64 => nonsense(&reply),
                        GivenUp::TooManyChallenges => SmtpError::Nonsense {
                            line: given_up.to_string(),
                        },
                    });
                }
            }
        }
    }

    async fn say(&mut self, line: &str, shown: &str) -> Result<(), SmtpError> {
        let line = Zeroizing::new(format!("{line}\r\n"));
        self.wire
            .write_lines(&line, Some(shown), self.limits.command, WHAT)
            .await?;
        Ok(())
    }
}

fn nonsense(reply: &Reply) -> SmtpError {
    SmtpError::Nonsense {
        line: reply.to_string(),
    }
}
