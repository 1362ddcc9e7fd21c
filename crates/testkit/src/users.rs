//! Mailboxes of a test's own: unique addresses that need no registration, and access tokens for them.
//!
//! Every address of `example.test` and `other.test` exists; its password is `secret-<local part>`. Where the domain is
//! left out at sign-in, `example.test` is meant. Local parts with a meaning, in any domain, for RCPT:
//! `refused...` 550 5.1.1, `full...` 552 5.2.2, `later...` 450 4.2.0; `bounce-...` is accepted and then bounced, `slow...` is
//! accepted and then late; `greylisted...` 450 4.2.0 in the first second after a sender first tries, `filtered...` 550 5.7.1
//! and `filterbusy...` 451 4.7.1 by the content filter. A message with the field `X-Filter: 554 5.7.1 words` gets just this
//! answer at its end.
//! Any other domain is refused: 554 5.7.1.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::json;

use crate::servers;

/// How much of a test's name goes into an address.
const NAME_LIMIT: usize = 30;

/// A mailbox that only one test knows.
#[derive(Debug, Clone)]
pub struct TestUser {
    /// The mail address, which is also the user name.
    pub address: String,
    /// The password for every service that lets the user in.
    pub password: String,
}

/// A fresh mailbox at `example.test` that receives and sends.
pub fn user(test_name: &str) -> TestUser {
    user_at("example.test", test_name)
}

/// A fresh mailbox at `example.test` or `other.test`, or at another server's domain ([`crate::Brand`]).
pub fn user_at(domain: &str, test_name: &str) -> TestUser {
    let local = local_part(test_name);
    TestUser {
        password: format!("secret-{local}"),
        address: format!("{local}@{domain}"),
    }
}

/// A fresh mailbox whose password works for IMAP and is refused for sending.
pub fn receiving_user(test_name: &str) -> TestUser {
    let local = local_part(test_name);
    TestUser {
        password: format!("imap-{local}"),
        address: format!("{local}@split.test"),
    }
}

/// A fresh mailbox whose password works for sending and is refused by IMAP.
pub fn sending_user(test_name: &str) -> TestUser {
    let local = local_part(test_name);
    TestUser {
        password: format!("smtp-{local}"),
        address: format!("{local}@split.test"),
    }
}

/// Begins with a letter of its own, so that a test named "full ..." or "later ..." does not meet Postfix's rules.
fn local_part(test_name: &str) -> String {
    format!("u-{}", unique(test_name))
}

/// A name that no other test of this run has: the test's name in lower-case letters and digits, and a number.
pub fn unique(test_name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut name: String = test_name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    name.truncate(NAME_LIMIT);
    // nextest runs every test in a process of its own, so the count alone would repeat itself.
    let random = RandomState::new().build_hasher().finish() as u32;
    format!(
        "{}-{random:08x}{}",
        name.trim_matches('-'),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// An OAuth2 access token that lets its user in by XOAUTH2 and OAUTHBEARER.
pub fn oauth_token(address: &str) -> String {
    token(address, 4_102_444_800)
}

/// The same, ended in 2001: the server refuses it.
pub fn expired_oauth_token(address: &str) -> String {
    token(address, 1_000_000_000)
}

/// A JSON Web Token (RFC 7519) signed with HS256; `expires` in Unix seconds.
fn token(address: &str, expires: i64) -> String {
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = encode(json!({"alg": "HS256", "typ": "JWT"}));
    let body =
        encode(json!({"sub": address, "email": address, "iat": 999_999_999, "exp": expires}));
    let signed = format!("{head}.{body}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, servers().token_key.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}
