//! The seal: secrets are encrypted before they touch the disk, with a key that lies elsewhere.
//!
//! Each secret has a data key of its own, wrapped by the master key, so that a new master key means
//! wrapping again and nothing else. XChaCha20-Poly1305 with random nonces; the place of the secret
//! (table, row, column) is authenticated, so that a sealed value cannot be moved to another row.

use crate::durable;
use crate::error::{Result, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use model::Secret;
use std::path::Path;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const KEY: usize = 32;
const NONCE: usize = 24;
const WRAPPED: usize = KEY + 16;

/// Seals and opens secrets with the master key.
pub struct Seal {
    master: XChaCha20Poly1305,
}

impl Seal {
    /// Reads the master key, or makes one (file mode 0600) when the file is not there.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds no key.
    pub fn open(path: &Path) -> Result<Self> {
        let key = match std::fs::read_to_string(path) {
            Ok(text) => decode(&text, path)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(path)?,
            Err(error) => {
                return Err(StoreError::Setup(format!(
                    "cannot read the secret key file {}: {error}",
                    path.display()
                )));
            }
        };
        Ok(Self {
            master: XChaCha20Poly1305::new(&Key::from(*key)),
        })
    }

    /// Encrypts a secret for one place, such as `mailboxes/mbx_1/incoming`.
    ///
    /// # Errors
    /// Only when the cipher refuses its input, which cannot happen with inputs of this size.
    pub fn seal(&self, place: &str, secret: &Secret) -> Result<Vec<u8>> {
        let refused = |_| StoreError::Corrupt("the cipher refused to seal".into());
        let data_key = Zeroizing::new(random::<KEY>());
        let (key_nonce, nonce) = (random::<NONCE>(), random::<NONCE>());
        let aad = place.as_bytes();
        let wrapped = self
            .master
            .encrypt(
                &XNonce::from(key_nonce),
                Payload {
                    msg: &data_key[..],
                    aad,
                },
            )
            .map_err(refused)?;
        let inner = XChaCha20Poly1305::new(&Key::from(*data_key));
        let text = inner
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: secret.expose().as_bytes(),
                    aad,
                },
            )
            .map_err(refused)?;
        Ok([&[VERSION], &key_nonce[..], &wrapped, &nonce, &text].concat())
    }

    /// Decrypts what was sealed for the same place.
    ///
    /// # Errors
    /// The key is another one, or the value was changed or moved.
    pub fn open_sealed(&self, place: &str, sealed: &[u8]) -> Result<Secret> {
        let wrong = || {
            StoreError::Setup(
                "a stored secret cannot be opened: the secret key file is not the one it was sealed with"
                    .into(),
            )
        };
        let aad = place.as_bytes();
        let (version, rest) = sealed.split_first().ok_or_else(wrong)?;
        if *version != VERSION || rest.len() < NONCE + WRAPPED + NONCE {
            return Err(wrong());
        }
        let (key_nonce, rest) = rest.split_at(NONCE);
        let (wrapped, rest) = rest.split_at(WRAPPED);
        let (nonce, text) = rest.split_at(NONCE);
        let key_nonce: [u8; NONCE] = key_nonce.try_into().map_err(|_| wrong())?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| wrong())?;
        let data_key = Zeroizing::new(
            self.master
                .decrypt(&XNonce::from(key_nonce), Payload { msg: wrapped, aad })
                .map_err(|_| wrong())?,
        );
        let data_key: [u8; KEY] = data_key.as_slice().try_into().map_err(|_| wrong())?;
        let text = XChaCha20Poly1305::new(&Key::from(data_key))
            .decrypt(&XNonce::from(nonce), Payload { msg: text, aad })
            .map_err(|_| wrong())?;
        String::from_utf8(text)
            .map(Secret::new)
            .map_err(|_| wrong())
    }
}

/// Random bytes for keys and nonces.
#[allow(
    clippy::expect_used,
    reason = "without randomness no secret may be stored"
)]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

fn decode(text: &str, path: &Path) -> Result<Zeroizing<[u8; KEY]>> {
    STANDARD
        .decode(text.trim())
        .ok()
        .and_then(|bytes| <[u8; KEY]>::try_from(bytes).ok())
        .map(Zeroizing::new)
        .ok_or_else(|| {
            StoreError::Setup(format!(
                "{} does not hold a key (32 bytes in base64)",
                path.display()
            ))
        })
}

fn create(path: &Path) -> Result<Zeroizing<[u8; KEY]>> {
    let key = Zeroizing::new(random::<KEY>());
    // Half a key would be none, and what was sealed with it lost.
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(*key)));
    match durable::make_file(path, text.as_bytes()) {
        Ok(()) => Ok(key),
        // Another process was first: its key counts.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            decode(&std::fs::read_to_string(path)?, path)
        }
        Err(error) => Err(StoreError::Setup(format!(
            "cannot make the secret key file {}: {error}",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal() -> Seal {
        Seal {
            master: XChaCha20Poly1305::new(&Key::from([7u8; KEY])),
        }
    }

    #[test]
    fn what_was_sealed_opens_only_in_its_place() {
        let sealed = seal()
            .seal("mailboxes/a/incoming", &Secret::new("pass word"))
            .unwrap();
        assert!(!sealed.windows(4).any(|w| w == b"pass"));
        assert_eq!(
            seal()
                .open_sealed("mailboxes/a/incoming", &sealed)
                .unwrap()
                .expose(),
            "pass word"
        );
        assert!(seal().open_sealed("mailboxes/b/incoming", &sealed).is_err());
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut sealed = seal().seal("x", &Secret::new("s")).unwrap();
        for i in 0..sealed.len() {
            sealed[i] ^= 1;
            assert!(seal().open_sealed("x", &sealed).is_err(), "byte {i}");
            sealed[i] ^= 1;
        }
    }

    #[test]
    fn another_key_says_so() {
        let other = Seal {
            master: XChaCha20Poly1305::new(&Key::from([8u8; KEY])),
        };
        let sealed = other.seal("x", &Secret::new("s")).unwrap();
        let error = seal().open_sealed("x", &sealed).unwrap_err();
        assert!(error.to_string().contains("secret key file"));
    }
}
