//! Signing in (RFC 5804 section 2.1), with at most one attempt that a server could count as a failure.
//!
//! The best mechanism goes first. A refusal ends it, because trying the same wrong password three ways is what locks accounts;
//! but for one that is about the mechanism.

use mail_net::line_wire::printable;
use mail_net::sasl::lines::{CANCEL, GivenUp, LineExchange};
use mail_net::sasl::{self, Credentials, Exchange, Mechanism};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::error::{RefusalCode, SieveError};
use crate::limits::{ANSWER_BYTES, QUOTED_BYTES};
use crate::response::{End, Kind, Token};
use crate::session::Session;

const WHAT: &str = "the answer to AUTHENTICATE";
/// Room for any first message: what is too long for quotation marks is counted.
const FIRST_MESSAGE_BYTES: usize = 64 * 1024;

/// A successful sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginDone {
    /// The mechanism that did it.
    pub mechanism: Mechanism,
}

impl Session {
    /// Signs in with the best mechanism that the server offers for these credentials, and asks again what it offers. `host`
    /// and `port` are those the caller connected to; OAUTHBEARER tells them to the server.
    ///
    /// The caller decides whether credentials may go over a connection without TLS.
    ///
    /// # Errors
    /// [`SieveError::NoMechanism`]; [`SieveError::AuthFailed`], also when the server could not check (TRYLATER);
    /// [`SieveError::Sasl`] when the server cannot prove itself; and those of the connection.
    pub async fn login(
        &mut self,
        credentials: &Credentials,
        host: &str,
        port: u16,
    ) -> Result<LoginDone, SieveError> {
        self.wire.keep_out(&credentials.secret);
        let offered = self.capabilities.sasl.clone();
        let mut refused = None;
        for mechanism in sasl::choose(&offered, credentials) {
            let mut nonce = [0; 18];
            getrandom::fill(&mut nonce).map_err(|error| SieveError::Random(error.to_string()))?;
            let exchange = Exchange::new(mechanism, credentials, host, port, nonce);
            self.begin()?;
            let (mut exchange, end) = self.authenticate(exchange).await?;
            match end.kind {
                Kind::Ok => {
                    // The server's last message may come with its yes.
                    if let (Some("SASL"), Some(last)) = (end.code.as_deref(), &end.argument) {
                        exchange
                            .answer(last.as_bytes())
                            .map_err(|given_up| match given_up {
                                GivenUp::Sasl(error) => SieveError::Sasl(error),
                                other => SieveError::Nonsense {
                                    line: other.to_string(),
                                },
                            })?;
                    }
                    exchange.finished()?;
                    self.end();
                    self.capability().await?;
                    return Ok(LoginDone { mechanism });
                }
                Kind::Bye => return Err(self.bye(&end)),
                Kind::No => self.end(),
            }
            let refusal = end.refusal();
            let mechanism_at_fault = match &refusal.code {
                None => sasl::speaks_of_mechanism(&refusal.text),
                Some(code) => *code == RefusalCode::AuthTooWeak,
            };
            let failed = SieveError::AuthFailed {
                refusal,
                oauth_error: exchange.server_error().map(str::to_owned),
            };
            if !mechanism_at_fault {
                return Err(failed);
            }
            refused = Some(failed);
        }
        Err(refused.unwrap_or(SieveError::NoMechanism { offered }))
    }

    /// Runs one exchange to the server's yes or no.
    async fn authenticate(
        &mut self,
        exchange: Exchange,
    ) -> Result<(LineExchange, End), SieveError> {
        let (mut exchange, line) = LineExchange::begin(exchange, FIRST_MESSAGE_BYTES);
        let mechanism = exchange.mechanism();
        let mut command = Zeroizing::new(format!("AUTHENTICATE \"{mechanism}\""));
        if let Some(first) = line.split_ascii_whitespace().nth(2) {
            command.push(' ');
            command.push_str(&in_text(first));
        }
        self.say(&command, &format!("AUTHENTICATE \"{mechanism}\" <hidden>"))
            .await?;
        let mut room = ANSWER_BYTES;
        loop {
            let within = self.limits.command;
            let line = self
                .line(&mut room, Instant::now() + within, within, WHAT)
                .await?;
            if let Some(end) = End::read(&line) {
                return Ok((exchange, end));
            }
            let challenge = match line.as_slice() {
                [Token::Text(challenge)] => challenge,
                _ => {
                    return Err(SieveError::Nonsense {
                        line: format!("{} parts instead of a challenge", line.len()),
                    });
                }
            };
            match exchange.answer(challenge) {
                Ok(answer) => self.say(&in_text(&answer), "<hidden>").await?,
                Err(given_up) => {
                    self.say(&in_text(CANCEL), CANCEL).await?;
                    let line = self
                        .line(&mut room, Instant::now() + within, within, WHAT)
                        .await?;
                    // A yes to a cancelled sign-in would leave us where nobody wanted to be.
                    if End::read(&line).is_some_and(|end| end.kind == Kind::No) {
                        self.end();
                    }
                    return Err(match given_up {
                        GivenUp::Sasl(error) => error.into(),
                        GivenUp::NotBase64 => SieveError::Nonsense {
                            line: printable(challenge),
                        },
                        GivenUp::TooManyChallenges => SieveError::Nonsense {
                            line: given_up.to_string(),
                        },
                    });
                }
            }
        }
    }

    async fn say(&mut self, line: &str, shown: &str) -> Result<(), SieveError> {
        let line = Zeroizing::new(format!("{line}\r\n"));
        self.wire
            .write_lines(&line, Some(shown), self.limits.command, WHAT)
            .await?;
        Ok(())
    }
}

/// Base64, or a word without quotation marks in it, as a text of the protocol.
fn in_text(word: &str) -> Zeroizing<String> {
    Zeroizing::new(if word.len() > QUOTED_BYTES {
        format!("{{{}+}}\r\n{word}", word.len())
    } else {
        format!("\"{word}\"")
    })
}
