//! Where a post may go: to addresses that the policy permits, and nowhere else. The check itself is [`mail_net::http`]'s.
//!
//! Any port of a public address may be posted to.

use mail_net::Net;
use mail_net::http::{self, UrlRefused};
use url::Url;

/// Checks a URL before anything is done with it.
///
/// # Errors
/// Why it cannot be posted to, in words.
pub(super) fn check(net: &Net, url: &str) -> Result<Url, String> {
    http::check(net, url, &["https", "http"]).map_err(|why| match why {
        UrlRefused::Unreadable(error) => format!("The webhook's URL cannot be read: {error}."),
        UrlRefused::Scheme(_) => {
            "The webhook's URL must begin with https:// or http://.".to_owned()
        }
        UrlRefused::NoHost => "The webhook's URL has no host.".to_owned(),
        UrlRefused::Blocked => blocked().to_owned(),
    })
}

/// The words for a forbidden address; the same whatever is or is not there.
pub(super) const fn blocked() -> &'static str {
    "The webhook's URL leads to an address that is not public. Only public addresses, and those that \
     the administrator has added (network.allow), may be posted to."
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_net::{Policy, Timeouts, TlsSettings};

    fn net(allow: &[&str]) -> Net {
        let policy = Policy {
            allow: allow.iter().map(|a| a.parse().unwrap()).collect(),
            ..Policy::public_only()
        };
        Net::new(policy, TlsSettings::new(None).unwrap(), Timeouts::default())
    }

    #[test]
    fn literal_addresses_are_checked_in_every_spelling() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001:8080/",
            "https://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://169.254.169.254/latest/meta-data",
        ] {
            assert_eq!(check(&net(&[]), url), Err(blocked().to_owned()), "{url}");
        }
        for url in [
            "https://8.8.8.8:4711/x",
            "http://example.com/",
            "https://[2606:4700::1]/",
        ] {
            assert!(check(&net(&[]), url).is_ok(), "{url}");
        }
        assert!(check(&net(&["127.0.0.0/8"]), "http://127.0.0.1:9/").is_ok());
    }

    #[test]
    fn other_schemes_and_broken_urls_are_refused() {
        for url in [
            "ftp://example.com/",
            "file:///etc/passwd",
            "example.com",
            "http://",
            "",
        ] {
            assert!(check(&net(&[]), url).is_err(), "{url}");
        }
    }
}
