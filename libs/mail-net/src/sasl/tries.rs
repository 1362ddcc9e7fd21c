//! How often a secret may be refused before nothing more is tried: wrong passwords lock accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The refusals that are left, shared by everything that shows the same secret. Cloning shares.
#[derive(Clone, Debug)]
pub struct Tries(Arc<AtomicUsize>);

impl Tries {
    /// So many sign-ins may be refused.
    pub fn new(refusals: usize) -> Tries {
        Tries(Arc::new(AtomicUsize::new(refusals)))
    }

    /// As many as a server asks for.
    pub fn unlimited() -> Tries {
        Tries::new(usize::MAX)
    }

    /// How many more may be refused.
    pub fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks before a secret is shown; `false`: it must not be shown any more. What nobody answers counts as refused.
    pub fn take(&self) -> bool {
        let order = Ordering::Relaxed;
        let taken = self
            .0
            .fetch_update(order, order, |left| left.checked_sub(1));
        taken.is_ok()
    }

    /// The server said yes.
    pub fn give_back(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether a refusal's words are about the mechanism and not about who signs in: only then is another one worth a try. The
/// codes that say so (504 in SMTP, CANNOT in IMAP) are the protocols' own.
pub fn speaks_of_mechanism(text: &str) -> bool {
    const ABOUT: [&str; 5] = [
        "mechanism",
        "auth type",
        "authentication type",
        "auth method",
        "authentication method",
    ];
    const COMPLAINT: [&str; 10] = [
        "unsupported",
        "not supported",
        "unknown",
        "unrecognized",
        "unrecognised",
        "not implemented",
        "not available",
        "no mechanism",
        "invalid mechanism",
        "too weak",
    ];
    let text = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    says(&ABOUT) && says(&COMPLAINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_share_tries_share_their_end() {
        let tries = Tries::new(2);
        let other = tries.clone();
        assert!(tries.take() && other.take() && !tries.take());
        other.give_back();
        assert_eq!(tries.left(), 1);
    }

    #[test]
    fn a_refused_mechanism_is_not_a_refused_password() {
        for (text, wanted) in [
            ("Unrecognized authentication type", true),
            ("authentication failed: no mechanism available", true),
            ("AUTH mechanism CRAM-MD5 not supported", true),
            ("Authentication mechanism is too weak", true),
            ("authentication failed", false),
            (
                "basic authentication is not supported for this client",
                false,
            ),
            ("unknown user or password", false),
        ] {
            assert_eq!(speaks_of_mechanism(text), wanted, "{text}");
        }
    }
}
