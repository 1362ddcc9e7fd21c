//! Logging in: SASL where the server offers something fitting, the LOGIN command where it does not.
//!
//! At most one attempt is made that a server could count as a wrong password. Only an answer that says the
//! *mechanism* was the problem leads to the next one, within the caller's [`Tries`].

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use mail_net::sasl::{self, Credentials, Exchange, Mechanism, Secret, Tries};

use crate::session::{Completed, Step, ignore};
use crate::wire::response::StatusKind;
use crate::{ImapError, Session};

/// Words by which servers say that they cannot do the mechanism, whoever asks.
const MECHANISM_WORDS: [&str; 7] = [
    "unsupported",
    "not supported",
    "unknown mechanism",
    "unknown auth",
    "mechanism not",
    "unrecognized",
    "not implemented",
];
/// Words by which they say that the credentials are wrong.
const CREDENTIAL_WORDS: [&str; 9] = [
    "credential",
    "password",
    "login failed",
    "authenticat",
    "authoriz",
    "invalid user",
    "log in",
    "logged",
    "access denied",
];
/// Challenges beyond this number are a game that no mechanism plays.
const MAX_CHALLENGES: usize = 8;

/// A login that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginDone {
    /// The SASL mechanism's name, or `LOGIN command`.
    pub mechanism: String,
    /// The server's words.
    pub text: String,
}

enum Attempt {
    Done(LoginDone),
    /// The server cannot do this one; another may be tried.
    NotThisOne(ImapError),
}

impl Session {
    /// Logs in. `host` and `port` are those of the server, as OAUTHBEARER must name them. Afterwards the
    /// capabilities are read anew.
    ///
    /// # Errors
    /// [`ImapError::AuthFailed`] when the server refused the credentials, [`ImapError::Bad`] when it did not understand the
    /// sign-in, [`ImapError::NoMechanism`] or
    /// [`ImapError::LoginDisabled`] when none could be presented (nothing secret was sent then).
    pub async fn login(
        &mut self,
        credentials: &Credentials,
        host: &str,
        port: u16,
    ) -> Result<LoginDone, ImapError> {
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
    ) -> Result<LoginDone, ImapError> {
        if let Some(transcript) = &self.transcript {
            transcript.keep_out(&credentials.secret);
        }
        let capabilities = self.capability().await?;
        let offered = capabilities.auth_mechanisms();
        let initial_response = capabilities.has("SASL-IR");
        let login_disabled = capabilities.has("LOGINDISABLED");
        let mut refused = None;
        for mechanism in sasl::choose(&offered, credentials) {
            let mut nonce = [0; 18];
            getrandom::fill(&mut nonce)
                .map_err(|_| ImapError::protocol("the system gives no random numbers"))?;
            let exchange = Exchange::new(mechanism, credentials, host, port, nonce);
            if !tries.take() {
                return Err(refused.unwrap_or(ImapError::NoMechanism { offered }));
            }
            match self.authenticate(exchange, initial_response).await? {
                Attempt::Done(done) => {
                    tries.give_back();
                    return Ok(done);
                }
                Attempt::NotThisOne(error) => refused = Some(error),
            }
        }
        match &credentials.secret {
            Secret::Password(password) if !login_disabled && tries.take() => {
                let done = self.login_command(&credentials.username, password).await;
                if done.is_ok() {
                    tries.give_back();
                }
                done
            }
            _ => Err(match refused {
                Some(error) => error,
                None if login_disabled && offered.is_empty() => ImapError::LoginDisabled,
                None => ImapError::NoMechanism { offered },
            }),
        }
    }

    /// The list from before the login is dropped; if the server sends a new one with its yes, that is in force.
    async fn authenticate(
        &mut self,
        exchange: Exchange,
        initial_response: bool,
    ) -> Result<Attempt, ImapError> {
        self.begin("the login")?;
        self.facts.capabilities = None;
        let outcome = self.exchange(exchange, initial_response).await;
        self.end(outcome)
    }

    async fn exchange(
        &mut self,
        mut exchange: Exchange,
        initial_response: bool,
    ) -> Result<Attempt, ImapError> {
        let mechanism = exchange.mechanism();
        let tag = self.tag();
        let mut first = exchange.initial();
        let mut command = self
            .command("AUTHENTICATE")
            .raw(mechanism.as_str())?
            .secret();
        if initial_response && let Some(message) = first.take() {
            let encoded = if message.is_empty() {
                "=".to_owned()
            } else {
                STANDARD.encode(message)
            };
            command = command.raw(&encoded)?;
        }
        if let Some(ended) = self.send(tag, &command, &mut ignore).await? {
            return self.judge(&exchange, ended);
        }
        for _ in 0..MAX_CHALLENGES {
            let challenge = match self.step(tag, &mut ignore).await? {
                Step::Completed(ended) => return self.judge(&exchange, ended),
                Step::Continue(text) => text,
            };
            let answer = match first.take() {
                Some(message) => Ok(message),
                None => exchange.respond(&decode(&challenge)),
            };
            match answer {
                Ok(answer) => {
                    self.send_line(STANDARD.encode(answer).as_bytes(), true)
                        .await?
                }
                Err(error) => {
                    let text = error.to_string();
                    self.cancel(tag).await?;
                    return Err(refusal(&exchange, None, text));
                }
            }
        }
        Err(ImapError::protocol("the login never ends"))
    }

    /// RFC 9051 section 6.2.2: a `*` ends the exchange, and the server answers BAD.
    async fn cancel(&mut self, tag: crate::Tag) -> Result<(), ImapError> {
        self.send_line(b"*", false).await?;
        for _ in 0..MAX_CHALLENGES {
            if let Step::Completed(_) = self.step(tag, &mut ignore).await? {
                return Ok(());
            }
        }
        Err(ImapError::protocol("the login cannot be cancelled"))
    }

    fn judge(&self, exchange: &Exchange, ended: Completed) -> Result<Attempt, ImapError> {
        let mechanism = exchange.mechanism();
        if ended.kind == StatusKind::Ok {
            return match exchange.finished() {
                Ok(()) => Ok(Attempt::Done(LoginDone {
                    mechanism: mechanism.as_str().to_owned(),
                    text: ended.text,
                })),
                // Logged in to a server that does not know the password: it must not get another word.
                Err(error) => Err(ImapError::protocol(error.to_string())),
            };
        }
        let mechanism_at_fault = blames_mechanism(&ended);
        let error = if exchange.server_error().is_none() && blames_command(&ended) {
            not_understood("AUTHENTICATE", ended)
        } else {
            refusal(exchange, ended.code_name(), ended.text)
        };
        if mechanism_at_fault && exchange.server_error().is_none() {
            Ok(Attempt::NotThisOne(error))
        } else {
            Err(error)
        }
    }

    async fn login_command(
        &mut self,
        username: &str,
        password: &str,
    ) -> Result<LoginDone, ImapError> {
        let command = self
            .command("LOGIN")
            .string(username.as_bytes())?
            .string(password.as_bytes())?
            .secret();
        self.facts.capabilities = None;
        let ended = self.run_to_end(command, &mut ignore).await?;
        if ended.kind == StatusKind::Ok {
            return Ok(LoginDone {
                mechanism: "LOGIN command".to_owned(),
                text: ended.text,
            });
        }
        if blames_command(&ended) {
            return Err(not_understood("LOGIN", ended));
        }
        Err(ImapError::AuthFailed {
            mechanism: "LOGIN command".to_owned(),
            code: ended.code_name(),
            text: ended.text,
            oauth_error: None,
        })
    }
}

/// Challenges are base64; some servers forget the padding, and some send a plain prompt.
fn decode(challenge: &[u8]) -> Vec<u8> {
    STANDARD
        .decode(challenge)
        .or_else(|_| STANDARD_NO_PAD.decode(challenge))
        .unwrap_or_else(|_| challenge.to_vec())
}

fn refusal(exchange: &Exchange, code: Option<String>, text: String) -> ImapError {
    let mechanism: Mechanism = exchange.mechanism();
    ImapError::AuthFailed {
        mechanism: mechanism.as_str().to_owned(),
        code,
        text,
        oauth_error: exchange.server_error().map(str::to_owned),
    }
}

/// The server did not look at the credentials.
fn not_understood(command: &'static str, ended: Completed) -> ImapError {
    ImapError::Bad {
        command,
        code: ended.code_name(),
        text: ended.text,
    }
}

/// BAD is about the command (RFC 9051 section 7.1.3), unless a code or a word says that it is about the credentials: some
/// servers answer a wrong password with BAD.
fn blames_command(ended: &Completed) -> bool {
    let text = ended.text.to_ascii_lowercase();
    ended.kind == StatusKind::Bad
        && ended.code.is_none()
        && !CREDENTIAL_WORDS.iter().any(|word| text.contains(word))
}

fn blames_mechanism(ended: &Completed) -> bool {
    match ended.code_name().as_deref() {
        Some("CANNOT") => return true,
        // Any other code (AUTHENTICATIONFAILED, UNAVAILABLE, LIMIT ..) is about something else.
        Some(name) if name != "ALERT" && !name.is_empty() => return false,
        _ => {}
    }
    let text = ended.text.to_ascii_lowercase();
    if MECHANISM_WORDS.iter().any(|word| text.contains(word)) {
        return true;
    }
    ended.kind == StatusKind::Bad && !CREDENTIAL_WORDS.iter().any(|word| text.contains(word))
}
