//! SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding.
//!
//! The password never crosses the wire, and the server has to prove that it knows it as well.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{digest, hmac, pbkdf2};
use zeroize::Zeroizing;

use super::prep::saslprep;

/// Fewer rounds make a recorded proof cheap to guess; RFC 5802 asks for 4096, a few servers use less.
const MIN_ROUNDS: u32 = 1000;
/// More rounds than this would let a server burn our time (about a quarter of a second).
const MAX_ROUNDS: u32 = 500_000;
/// A server message is never longer in practice.
const MAX_MESSAGE: usize = 4096;
/// The GS2 header: no channel binding, no other identity.
const GS2: &str = "n,,";

#[derive(Clone, Copy)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => hmac::HMAC_SHA256,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
        }
    }
}

pub(super) enum Failure {
    Malformed(&'static str),
    Refused(String),
    NotProven,
    Unexpected,
}

pub(super) struct Scram {
    hash: Hash,
    password: Zeroizing<String>,
    nonce: String,
    client_first_bare: String,
    step: Step,
}

enum Step {
    First,
    /// The proof is sent; the server's signature must match this key and message.
    Final {
        server_key: hmac::Key,
        auth_message: Vec<u8>,
    },
    Proven,
}

impl Scram {
    pub(super) fn new(hash: Hash, user: &str, password: &str, nonce: [u8; 18]) -> Scram {
        Scram::with_nonce(hash, user, password, BASE64.encode(nonce))
    }

    fn with_nonce(hash: Hash, user: &str, password: &str, nonce: String) -> Scram {
        let name = saslprep(user).replace('=', "=3D").replace(',', "=2C");
        Scram {
            hash,
            password: Zeroizing::new(saslprep(password)),
            client_first_bare: format!("n={name},r={nonce}"),
            nonce,
            step: Step::First,
        }
    }

    pub(super) fn client_first(&self) -> Vec<u8> {
        format!("{GS2}{}", self.client_first_bare).into_bytes()
    }

    pub(super) fn server_proven(&self) -> bool {
        matches!(self.step, Step::Proven)
    }

    pub(super) fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Failure> {
        let message = std::str::from_utf8(challenge)
            .ok()
            .filter(|text| text.len() <= MAX_MESSAGE)
            .ok_or(Failure::Malformed("it is not text"))?;
        if let Some(error) = attribute(message, "e=") {
            return Err(Failure::Refused(
                error.chars().filter(|c| !c.is_control()).collect(),
            ));
        }
        match &self.step {
            Step::First => self.prove(message),
            Step::Final {
                server_key,
                auth_message,
            } => {
                let signature = attribute(message, "v=")
                    .and_then(|text| BASE64.decode(text).ok())
                    .ok_or(Failure::Malformed("the signature is missing"))?;
                hmac::verify(server_key, auth_message, &signature)
                    .map_err(|_| Failure::NotProven)?;
                self.step = Step::Proven;
                Ok(Vec::new())
            }
            Step::Proven => Err(Failure::Unexpected),
        }
    }

    /// RFC 5802 section 3.
    fn prove(&mut self, server_first: &str) -> Result<Vec<u8>, Failure> {
        let nonce =
            attribute(server_first, "r=").ok_or(Failure::Malformed("the nonce is missing"))?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(Failure::Malformed("the nonce is not ours"));
        }
        let salt = attribute(server_first, "s=")
            .and_then(|text| BASE64.decode(text).ok())
            .ok_or(Failure::Malformed("the salt is missing"))?;
        let rounds = attribute(server_first, "i=")
            .and_then(|text| text.parse::<u32>().ok())
            .filter(|rounds| (MIN_ROUNDS..=MAX_ROUNDS).contains(rounds))
            .and_then(NonZeroU32::new)
            .ok_or(Failure::Malformed("the number of rounds is not acceptable"))?;

        let mut salted = Zeroizing::new(vec![0; self.hash.digest().output_len()]);
        pbkdf2::derive(
            self.hash.pbkdf2(),
            rounds,
            &salt,
            self.password.as_bytes(),
            &mut salted,
        );
        let key = |bytes: &[u8]| hmac::Key::new(self.hash.hmac(), bytes);
        let salted = key(&salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let stored_key = digest::digest(self.hash.digest(), client_key.as_ref());
        let server_key = key(hmac::sign(&salted, b"Server Key").as_ref());

        let without_proof = format!("c={},r={nonce}", BASE64.encode(GS2));
        let auth_message = format!("{},{server_first},{without_proof}", self.client_first_bare);
        let signature = hmac::sign(&key(stored_key.as_ref()), auth_message.as_bytes());
        let proof: Vec<u8> = client_key
            .as_ref()
            .iter()
            .zip(signature.as_ref())
            .map(|(key, signature)| key ^ signature)
            .collect();
        let client_final = format!("{without_proof},p={}", BASE64.encode(proof));
        self.step = Step::Final {
            server_key,
            auth_message: auth_message.into_bytes(),
        };
        Ok(client_final.into_bytes())
    }
}

/// The value of an attribute such as `r=`; values hold no comma.
fn attribute<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.split(',').find_map(|part| part.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(result: Result<Vec<u8>, Failure>) -> String {
        String::from_utf8(result.unwrap_or_else(|_| panic!("refused"))).unwrap()
    }

    #[test]
    fn the_example_of_rfc_5802_comes_out_right() {
        let mut nonce = [0; 18];
        nonce.copy_from_slice(&BASE64.decode("fyko+d2lbbFgONRv9qkxdawL").unwrap());
        let mut scram = Scram::new(Hash::Sha1, "user", "pencil", nonce);
        assert_eq!(
            scram.client_first(),
            b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
        );
        let answer = scram
            .respond(b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
        assert_eq!(
            text(answer),
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        assert!(!scram.server_proven());
        assert_eq!(text(scram.respond(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")), "");
        assert!(scram.server_proven());
    }

    #[test]
    fn the_example_of_rfc_7677_comes_out_right() {
        let nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
        let mut scram = Scram::with_nonce(Hash::Sha256, "user", "pencil", nonce);
        let answer = scram.respond(
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        );
        assert_eq!(
            text(answer),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(
            text(scram.respond(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")),
            ""
        );
        assert!(scram.server_proven());
    }

    #[test]
    fn a_lying_server_is_refused() {
        let fresh = || Scram::with_nonce(Hash::Sha256, "user", "pencil", "abc".to_owned());
        for first in [
            "",
            "r=abc,s=QQ==,i=4096",
            "r=xyz1,s=QQ==,i=4096",
            "r=abc1,s=!,i=4096",
            "r=abc1,s=QQ==,i=1",
            "r=abc1,s=QQ==,i=99999999999",
            "r=abc1,s=QQ==,i=4000000",
            "r=abc1,s=QQ==",
        ] {
            assert!(
                matches!(
                    fresh().respond(first.as_bytes()),
                    Err(Failure::Malformed(_))
                ),
                "{first}"
            );
        }
        let mut scram = fresh();
        assert!(scram.respond(b"r=abc1,s=QQ==,i=4096").is_ok());
        assert!(matches!(scram.respond(b"v=AAAA"), Err(Failure::NotProven)));
        assert!(!scram.server_proven());
        assert!(
            matches!(scram.respond(b"e=invalid-proof"), Err(Failure::Refused(e)) if e == "invalid-proof")
        );
    }

    #[test]
    fn the_separators_are_escaped_in_the_name() {
        let scram = Scram::with_nonce(Hash::Sha1, "a=b,c", "x", "n".to_owned());
        assert_eq!(scram.client_first(), b"n,,n=a=3Db=2Cc,r=n");
    }
}
