//! From a host name to the addresses that may be connected to.

use std::io;
use std::net::IpAddr;

use tokio::time::timeout;

use crate::{Net, NetError};

/// The longest host name (RFC 1035 section 2.3.4).
const MAX_HOST_LENGTH: usize = 253;
/// More addresses than this of one name are not tried.
const MAX_ADDRESSES: usize = 16;

/// A host with the addresses that the policy permits; [`Net::connect`] uses these and no others.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The name as asked for, without a final dot or brackets.
    pub host: String,
    /// Permitted addresses in the resolver's order; never empty when it comes from [`Net::resolve`].
    pub addresses: Vec<IpAddr>,
}

impl Net {
    /// Looks the host up and drops every address that the policy forbids.
    ///
    /// # Errors
    /// [`NetError::Blocked`] when none is permitted, otherwise `NameNotFound`, `NoAddress`, `DnsFailed` or `TimedOut`.
    pub async fn resolve(&self, host: &str) -> Result<Resolved, NetError> {
        let host = bare_host(host)?;
        let found = match host.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => self.look_up(&host).await?,
        };
        if found.is_empty() {
            return Err(NetError::NoAddress { host });
        }
        let mut addresses: Vec<IpAddr> = Vec::new();
        for ip in found {
            if self.policy().permits(ip)
                && !addresses.contains(&ip)
                && addresses.len() < MAX_ADDRESSES
            {
                addresses.push(ip);
            }
        }
        if addresses.is_empty() {
            return Err(NetError::Blocked {
                host,
                reason: "its address is not a public one".to_owned(),
            });
        }
        Ok(Resolved { host, addresses })
    }

    async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, NetError> {
        if self.dns().is_own() {
            return self.ask_for_addresses(host).await;
        }
        let limit = self.timeouts().resolve;
        match timeout(limit, tokio::net::lookup_host((host, 0))).await {
            Err(_) => Err(NetError::TimedOut {
                host: host.to_owned(),
                what: "looking up the name",
                after: limit,
            }),
            Ok(Ok(found)) => Ok(found.map(|address| address.ip()).collect()),
            Ok(Err(error)) => Err(classify(host, &error)),
        }
    }
}

/// Takes off the brackets of an IPv6 literal and a final dot, and refuses what can never be a host.
fn bare_host(host: &str) -> Result<String, NetError> {
    let bare = host.trim();
    let bare = bare
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(bare);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    let impossible = bare.is_empty()
        || bare.len() > MAX_HOST_LENGTH
        || bare
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '/');
    if impossible {
        return Err(NetError::NameNotFound {
            host: bare
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_HOST_LENGTH)
                .collect(),
        });
    }
    Ok(bare.to_owned())
}

/// The standard library gives getaddrinfo's verdict only as text; these are the texts of glibc and musl.
fn classify(host: &str, error: &io::Error) -> NetError {
    let message = error.to_string();
    let host = host.to_owned();
    let lower = message.to_ascii_lowercase();
    if lower.contains("name or service not known")
        || lower.contains("name does not resolve")
        || lower.contains("nodename nor servname")
    {
        NetError::NameNotFound { host }
    } else if lower.contains("no address associated")
        || lower.contains("name has no usable address")
    {
        NetError::NoAddress { host }
    } else {
        let message = message
            .strip_prefix("failed to lookup address information: ")
            .unwrap_or(&message)
            .to_owned();
        NetError::DnsFailed { host, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, Timeouts, TlsSettings};

    fn net() -> Net {
        Net::new(
            Policy::public_only(),
            TlsSettings::new(None).unwrap(),
            Timeouts::default(),
        )
    }

    #[tokio::test]
    async fn loopback_in_every_spelling_is_blocked() {
        for host in [
            "127.0.0.1",
            "[::1]",
            "::1",
            "::ffff:127.0.0.1",
            "0x7f.1",
            "2130706433",
            "localhost",
        ] {
            let result = net().resolve(host).await;
            assert!(
                matches!(
                    result,
                    Err(NetError::Blocked { .. } | NetError::NameNotFound { .. })
                ),
                "{host}: {result:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_public_literal_needs_no_look_up() {
        let resolved = net().resolve("8.8.4.4").await.unwrap();
        assert_eq!(resolved.addresses, vec![IpAddr::from([8, 8, 4, 4])]);
    }

    #[tokio::test]
    async fn impossible_hosts_are_refused_without_asking_anyone() {
        for host in [
            "",
            ".",
            "a b",
            "a\r\nb",
            "http://x/",
            "x\0y",
            &"a".repeat(300),
        ] {
            assert!(
                matches!(
                    net().resolve(host).await,
                    Err(NetError::NameNotFound { .. })
                ),
                "{host:?}"
            );
        }
    }

    #[test]
    fn the_resolvers_words_are_told_apart() {
        let of = |text: &str| classify("h", &io::Error::other(text.to_owned()));
        let prefix = "failed to lookup address information: ";
        assert!(matches!(
            of(&format!("{prefix}Name or service not known")),
            NetError::NameNotFound { .. }
        ));
        assert!(matches!(
            of(&format!("{prefix}No address associated with hostname")),
            NetError::NoAddress { .. }
        ));
        assert!(matches!(
            of(&format!("{prefix}Temporary failure in name resolution")),
            NetError::DnsFailed { message, .. } if message == "Temporary failure in name resolution"
        ));
    }
}
