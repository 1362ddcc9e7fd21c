//! A SASL exchange as POP3 (RFC 5034) and SMTP (RFC 4954) carry it: `AUTH` with the first message where it fits, then base64
//! both ways, one message a line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Exchange, Mechanism, SaslError};

/// What ends an exchange that we do not want to finish.
pub const CANCEL: &str = "*";
/// The most challenges of one exchange. SCRAM, the longest we speak, has two.
pub const MAX_CHALLENGES: usize = 8;

/// Why an exchange ends before the server said yes or no. The client sends [`CANCEL`], and the server answers that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GivenUp {
    /// The challenge is not base64.
    #[error("the server's challenge is not base64")]
    NotBase64,
    /// The server asks without end.
    #[error("more than {MAX_CHALLENGES} challenges in one sign-in")]
    TooManyChallenges,
    /// The mechanism cannot go on, or must not.
    #[error(transparent)]
    Sasl(#[from] SaslError),
}

/// One exchange in lines. All lines are without their line end.
pub struct LineExchange {
    exchange: Exchange,
    initial: Option<Zeroizing<Vec<u8>>>,
    challenges: usize,
}

impl LineExchange {
    /// Begins: gives the command line, of at most `limit` bytes with its line end. A first message that does not fit waits
    /// for the server to ask for it.
    pub fn begin(mut exchange: Exchange, limit: usize) -> (LineExchange, Zeroizing<String>) {
        let initial = exchange.initial().map(Zeroizing::new);
        let mut line = Zeroizing::new(format!("AUTH {}", exchange.mechanism()));
        if let Some(initial) = &initial {
            let encoded = encode(initial);
            if line.len() + encoded.len() + " \r\n".len() <= limit {
                // An empty first message is written "=".
                let word = if encoded.is_empty() { "=" } else { &encoded };
                line = Zeroizing::new(format!("{} {word}", *line));
            }
        }
        let exchange = LineExchange {
            exchange,
            initial,
            challenges: 0,
        };
        (exchange, line)
    }

    /// The line that answers a challenge, given in base64.
    ///
    /// # Errors
    /// [`GivenUp`]; the exchange is to be cancelled then.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Zeroizing<String>, GivenUp> {
        self.challenges += 1;
        if self.challenges > MAX_CHALLENGES {
            return Err(GivenUp::TooManyChallenges);
        }
        let challenge = STANDARD
            .decode(challenge.trim_ascii())
            .map_err(|_| GivenUp::NotBase64)?;
        // An empty first challenge asks for the first message: it was held back, or the server overlooked it.
        if let Some(initial) = &self.initial
            && self.challenges == 1
            && challenge.is_empty()
        {
            return Ok(encode(initial));
        }
        match self.exchange.respond(&challenge) {
            Ok(answer) => Ok(encode(&Zeroizing::new(answer))),
            // The server has said no within the mechanism; an empty line lets it say so in its protocol too.
            Err(SaslError::Refused { .. }) => Ok(Zeroizing::new(String::new())),
            Err(error) => Err(error.into()),
        }
    }

    /// The mechanism of this exchange.
    pub fn mechanism(&self) -> Mechanism {
        self.exchange.mechanism()
    }

    /// See [`Exchange::finished`]: must be asked when the server said yes.
    ///
    /// # Errors
    /// [`SaslError::ServerNotProven`].
    pub fn finished(&self) -> Result<(), SaslError> {
        self.exchange.finished()
    }

    /// See [`Exchange::server_error`].
    pub fn server_error(&self) -> Option<&str> {
        self.exchange.server_error()
    }
}

fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::{Credentials, Secret};
    use super::*;

    fn exchange(mechanism: Mechanism, secret: &str) -> Exchange {
        let credentials = Credentials {
            username: "joe".to_owned(),
            secret: Secret::Password(secret.to_owned()),
        };
        Exchange::new(mechanism, &credentials, "mx", 995, [7; 18])
    }

    #[test]
    fn a_first_message_goes_along_where_the_line_has_room_for_it() {
        let (_, line) = LineExchange::begin(exchange(Mechanism::Plain, "pw"), 255);
        assert_eq!(line.as_str(), "AUTH PLAIN AGpvZQBwdw==");
        let exact = line.len() + 2;
        let (_, line) = LineExchange::begin(exchange(Mechanism::Plain, "pw"), exact);
        assert_eq!(line.as_str(), "AUTH PLAIN AGpvZQBwdw==");
        let (mut held, line) = LineExchange::begin(exchange(Mechanism::Plain, "pw"), exact - 1);
        assert_eq!(line.as_str(), "AUTH PLAIN");
        assert_eq!(
            held.answer(b" ").expect("asked for").as_str(),
            "AGpvZQBwdw=="
        );
        assert!(matches!(held.answer(b""), Err(GivenUp::Sasl(_))));
    }

    #[test]
    fn challenges_without_end_and_without_base64_are_given_up() {
        let (mut login, line) = LineExchange::begin(exchange(Mechanism::Login, "pw"), 255);
        assert_eq!(line.as_str(), "AUTH LOGIN");
        assert_eq!(login.answer(b"not base64!"), Err(GivenUp::NotBase64));
        for _ in 1..MAX_CHALLENGES {
            assert_ne!(login.answer(b""), Err(GivenUp::TooManyChallenges));
        }
        assert_eq!(login.answer(b""), Err(GivenUp::TooManyChallenges));
    }
}
