//! Where a post may go: to addresses that the policy permits, and nowhere else.
//!
//! The name is looked up by us, the addresses are checked, and the HTTP client connects to those very
//! addresses, so that no second look-up can lead elsewhere (DNS rebinding). Any port of a public
//! address may be posted to. What is forbidden is not even tried, so open and closed ports there look alike.

use mail_net::{Net, NetError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;
use url::{Host, Url};

/// Looks names up for the HTTP client and gives it permitted addresses only.
pub(super) struct Resolver(pub(super) Net);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let net = self.0.clone();
        Box::pin(async move {
            let resolved = net.resolve(name.as_str()).await?;
            // Port 0 stands for the URL's own.
            let addresses = resolved
                .addresses
                .into_iter()
                .map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// Checks a URL before anything is done with it. An address in the place of a name is never looked
/// up, so it is checked here.
///
/// # Errors
/// Why it cannot be posted to, in words.
pub(super) fn check(net: &Net, url: &str) -> Result<Url, String> {
    let url =
        Url::parse(url).map_err(|error| format!("The webhook's URL cannot be read: {error}."))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("The webhook's URL must begin with https:// or http://.".to_owned());
    }
    let permitted = match url.host() {
        Some(Host::Ipv4(ip)) => net.policy().permits(ip.into()),
        Some(Host::Ipv6(ip)) => net.policy().permits(ip.into()),
        Some(Host::Domain(_)) => true,
        None => return Err("The webhook's URL has no host.".to_owned()),
    };
    if permitted {
        Ok(url)
    } else {
        Err(blocked().to_owned())
    }
}

/// The words for a forbidden address; the same whatever is or is not there.
pub(super) const fn blocked() -> &'static str {
    "The webhook's URL leads to an address that is not public. Only public addresses, and those that \
     the administrator has added (network.allow), may be posted to."
}

/// Whether an error of the HTTP client comes from the policy.
pub(super) fn is_blocked(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if matches!(
            error.downcast_ref::<NetError>(),
            Some(NetError::Blocked { .. })
        ) {
            return true;
        }
        cause = error.source();
    }
    false
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
