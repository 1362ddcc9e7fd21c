//! Signing in: SASL (RFC 5034) where the server offers it, USER and PASS (RFC 1939) where not, and never both.
//!
//! A refusal ends it, because trying the same wrong password three ways is what locks accounts; but for one whose words are
//! about the mechanism.

use mail_net::line_wire::printable;
use mail_net::sasl::lines::{CANCEL, GivenUp, LineExchange};
use mail_net::sasl::{self, Credentials, Exchange, Mechanism, Secret, Tries};
use zeroize::Zeroizing;

use crate::answer::Answer;
use crate::error::Pop3Error;
use crate::limits::COMMAND_BYTES;
use crate::session::Session;

const WHAT_AUTH: &str = "the answer to AUTH";
const WHAT_USER: &str = "the answer to USER";
const WHAT_PASS: &str = "the answer to PASS";

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
    ) -> Result<LoginDone, Pop3Error> {
        self.wire.keep_out(&credentials.secret);
        let offered = self.capabilities.sasl.clone();
        let password_allowed = self.capabilities.user || !self.capabilities.listed;
        let mut refused = None;
        for mechanism in sasl::choose(&offered, credentials) {
            let mut nonce = [0; 18];
            getrandom::fill(&mut nonce).map_err(|error| Pop3Error::Random(error.to_string()))?;
            let exchange = Exchange::new(mechanism, credentials, host, port, nonce);
            if !tries.take() {
                return Err(refused.unwrap_or(Pop3Error::NoMechanism { offered }));
            }
            self.begin()?;
            let (exchange, answer) = self.authenticate(exchange).await?;
            if answer.ok {
                exchange.finished()?;
                tries.give_back();
                self.end();
                return Ok(LoginDone {
                    way: SignInWay::Sasl(mechanism),
                });
            }
            self.end();
            // A code (AUTH, IN-USE, SYS/TEMP) is about something else.
            let mechanism_at_fault =
                answer.code.is_none() && sasl::speaks_of_mechanism(&answer.text);
            let failed = failed(answer, exchange.server_error());
            if !mechanism_at_fault {
                return Err(failed);
            }
            refused = Some(failed);
        }
        match (&credentials.secret, refused) {
            (Secret::Password(password), _) if password_allowed && tries.take() => {
                let done = self.user_pass(&credentials.username, password).await;
                if done.is_ok() {
                    tries.give_back();
                }
                done
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
    async fn authenticate(
        &mut self,
        exchange: Exchange,
    ) -> Result<(LineExchange, Answer), Pop3Error> {
        let (mut exchange, line) = LineExchange::begin(exchange, COMMAND_BYTES);
        let shown = format!("AUTH {} <hidden>", exchange.mechanism());
        self.say(&line, &shown, WHAT_AUTH).await?;
        loop {
            let line = self.line(self.limits.command, WHAT_AUTH).await?;
            self.wire.note_received(&line);
            let challenge = match line.as_slice() {
                b"+" => &[],
                [b'+', b' ', challenge @ ..] => challenge,
                _ => return Ok((exchange, Answer::parse(&line)?)),
            };
            match exchange.answer(challenge) {
                Ok(answer) => {
                    let shown = if answer.is_empty() { "" } else { "<hidden>" };
                    self.say(&answer, shown, WHAT_AUTH).await?;
                }
                Err(given_up) => {
                    self.say(CANCEL, CANCEL, WHAT_AUTH).await?;
                    // A yes to a cancelled sign-in would leave us where nobody wanted to be.
                    if !self.answer(WHAT_AUTH).await?.ok {
                        self.end();
                    }
                    return Err(match given_up {
                        GivenUp::Sasl(error) => error.into(),
                        GivenUp::NotBase64 => Pop3Error::Nonsense {
                            line: printable(&line),
                        },
                        GivenUp::TooManyChallenges => Pop3Error::Nonsense {
                            line: given_up.to_string(),
                        },
                    });
                }
            }
        }
    }

    async fn say(&mut self, line: &str, shown: &str, what: &'static str) -> Result<(), Pop3Error> {
        let line = Zeroizing::new(format!("{line}\r\n"));
        self.wire
            .write_lines(&line, Some(shown), self.limits.command, what)
            .await?;
        Ok(())
    }
}

fn failed(answer: Answer, oauth_error: Option<&str>) -> Pop3Error {
    Pop3Error::AuthFailed {
        code: answer.code,
        text: answer.text,
        oauth_error: oauth_error.map(str::to_owned),
    }
}
