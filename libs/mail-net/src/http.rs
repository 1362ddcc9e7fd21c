//! HTTP under the same address policy and trust as mail: no forbidden address is reached, by whatever way.
//!
//! A name is looked up by us, its addresses are checked, and the client connects to those very addresses, so that no
//! second look-up leads elsewhere (DNS rebinding). An address in the place of a name is never looked up, so [`check`]
//! does it. There is no proxy, and the client follows no redirect by itself: [`Fetcher`] does, and checks every URL
//! on the way. What is forbidden is not even tried, so open and closed ports there look alike.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Client, ClientBuilder, redirect};
use tokio::time::timeout;
use url::{Host, Url};

use crate::{Net, NetError};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 4;
/// The longest URL, in bytes.
const MAX_URL: usize = 4_096;

/// A client that reaches permitted addresses only, without proxy, redirects and cookies. Time limits are the caller's.
///
/// # Errors
/// [`NetError::Io`] when the cryptography has no common protocol version, which cannot happen with ring.
pub fn client_builder(net: &Net) -> Result<ClientBuilder, NetError> {
    Ok(Client::builder()
        .tls_backend_preconfigured(net.client_config()?)
        .dns_resolver(Arc::new(Resolver(net.clone())))
        .no_proxy()
        .redirect(redirect::Policy::none()))
}

/// Looks names up for the client and gives it permitted addresses only.
struct Resolver(Net);

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

/// Why a URL is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// It is no URL.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Its scheme is not one of those that are wanted.
    #[error("it is not an {0}:// address")]
    Scheme(&'static str),
    /// It names no host.
    #[error("it has no host")]
    NoHost,
    /// It names an address that the policy does not permit.
    #[error("it leads to an address that is not public")]
    Blocked,
}

/// Checks a URL before anything is done with it; `schemes` are the ones that are wanted.
///
/// # Errors
/// Why it is not used.
pub fn check(net: &Net, url: &str, schemes: &[&'static str]) -> Result<Url, UrlRefused> {
    if url.len() > MAX_URL {
        return Err(UrlRefused::Unreadable(format!(
            "it has more than {MAX_URL} bytes"
        )));
    }
    let url = Url::parse(url).map_err(|error| UrlRefused::Unreadable(error.to_string()))?;
    if !schemes.contains(&url.scheme()) {
        return Err(UrlRefused::Scheme(
            schemes.first().copied().unwrap_or("https"),
        ));
    }
    let permitted = match url.host() {
        Some(Host::Ipv4(ip)) => net.policy().permits(ip.into()),
        Some(Host::Ipv6(ip)) => net.policy().permits(ip.into()),
        Some(Host::Domain(_)) => true,
        None => return Err(UrlRefused::NoHost),
    };
    if permitted {
        Ok(url)
    } else {
        Err(UrlRefused::Blocked)
    }
}

/// Whether an error of the client comes from the address policy.
pub fn is_blocked(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(net_error(error), Some(NetError::Blocked { .. }))
}

fn net_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a NetError> {
    std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref::<NetError>())
}

/// Fetches documents over https, a few redirects far, within bounds of size and time.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    net: Net,
    /// Only this port is reached, so that a redirect cannot knock at others.
    port: u16,
    limits: FetchLimits,
}

/// The bounds of a fetch.
#[derive(Debug, Clone, Copy)]
pub struct FetchLimits {
    /// From the first look-up to the last byte, over all redirects.
    pub time: Duration,
    /// The longest body, in bytes.
    pub body: usize,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The URL at the end of all redirects.
    pub url: Url,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty unless the status is 200.
    pub body: Vec<u8>,
}

/// Why a document could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address, or one that it leads to, is not used.
    #[error("{url} was not fetched: {reason}")]
    Refused {
        /// The URL.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The name does not exist.
    #[error("{0} does not exist")]
    NameNotFound(String),
    /// Nobody answered, or nobody that could be trusted.
    #[error("{url} could not be reached: {message}")]
    Unreachable {
        /// The URL.
        url: String,
        /// The deepest cause, in words.
        message: String,
    },
    /// It took too long.
    #[error("{url} did not answer within {} s", after.as_secs_f32())]
    TimedOut {
        /// The URL.
        url: String,
        /// The limit.
        after: Duration,
    },
    /// The body is too large.
    #[error("{url} sent more than {limit} bytes")]
    TooLarge {
        /// The URL.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// Redirect after redirect.
    #[error("{url} leads from one address to the next without end")]
    TooManyRedirects {
        /// The first URL.
        url: String,
    },
}

impl Fetcher {
    /// With the trust and the policy of `net`; `user_agent` is how we introduce ourselves. `port` is 443 but for tests.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(
        net: &Net,
        user_agent: &str,
        port: u16,
        limits: FetchLimits,
    ) -> Result<Fetcher, NetError> {
        let client = client_builder(net)?
            .https_only(true)
            .connect_timeout(net.timeouts().connect)
            .pool_max_idle_per_host(0)
            .user_agent(user_agent)
            .build()
            .map_err(|error| NetError::Io(std::io::Error::other(error)))?;
        Ok(Fetcher {
            client,
            net: net.clone(),
            port,
            limits,
        })
    }

    /// GETs a document. No credentials and no cookies are sent.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn get(&self, url: &str) -> Result<Fetched, FetchError> {
        let limit = self.limits.time;
        timeout(limit, self.follow(url)).await.unwrap_or_else(|_| {
            Err(FetchError::TimedOut {
                url: url.to_owned(),
                after: limit,
            })
        })
    }

    async fn follow(&self, first: &str) -> Result<Fetched, FetchError> {
        let mut url = self.permitted(first)?;
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.client.get(url.clone()).send().await;
            let answer = answer.map_err(|error| in_words(&url, &error))?;
            let target = answer
                .headers()
                .get(LOCATION)
                .filter(|_| answer.status().is_redirection());
            let Some(target) = target else {
                return self.read(url, answer).await;
            };
            let target = target.to_str().ok().and_then(|text| url.join(text).ok());
            let Some(target) = target else {
                return Err(refused(&url, "it leads to something that is no address"));
            };
            url = self.permitted(target.as_str())?;
        }
        Err(FetchError::TooManyRedirects {
            url: first.to_owned(),
        })
    }

    fn permitted(&self, url: &str) -> Result<Url, FetchError> {
        let checked = check(&self.net, url, &["https"]).map_err(|why| FetchError::Refused {
            url: url.to_owned(),
            reason: why.to_string(),
        })?;
        if checked.port_or_known_default() != Some(self.port) {
            return Err(refused(&checked, "it leads to an unusual port"));
        }
        if !checked.username().is_empty() || checked.password().is_some() {
            return Err(refused(&checked, "it carries credentials"));
        }
        Ok(checked)
    }

    async fn read(&self, url: Url, mut answer: reqwest::Response) -> Result<Fetched, FetchError> {
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let mut body = Vec::new();
        if status == 200 {
            while let Some(piece) = answer.chunk().await.map_err(|e| in_words(&url, &e))? {
                if body.len() + piece.len() > self.limits.body {
                    return Err(FetchError::TooLarge {
                        url: url.into(),
                        limit: self.limits.body,
                    });
                }
                body.extend_from_slice(&piece);
            }
        }
        Ok(Fetched {
            url,
            status,
            headers,
            body,
        })
    }
}

fn refused(url: &Url, reason: &str) -> FetchError {
    FetchError::Refused {
        url: url.to_string(),
        reason: reason.to_owned(),
    }
}

fn in_words(url: &Url, error: &reqwest::Error) -> FetchError {
    match net_error(error) {
        Some(NetError::Blocked { .. }) => refused(url, "it leads to an address that is not public"),
        Some(NetError::NameNotFound { host } | NetError::NoAddress { host }) => {
            FetchError::NameNotFound(host.clone())
        }
        _ => {
            let deepest =
                std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| {
                    error.source()
                })
                .last();
            FetchError::Unreachable {
                url: url.to_string(),
                message: deepest.map_or_else(|| error.to_string(), ToString::to_string),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, Timeouts, TlsSettings};

    fn net(allow: &[&str]) -> Net {
        let policy = Policy {
            allow: allow.iter().map(|a| a.parse().unwrap()).collect(),
            ..Policy::public_only()
        };
        Net::new(policy, TlsSettings::new(None).unwrap(), Timeouts::default())
    }

    #[test]
    fn literal_addresses_are_checked_in_every_spelling() {
        let schemes = &["https", "http"];
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001:8080/",
            "https://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://169.254.169.254/latest/meta-data",
        ] {
            assert_eq!(
                check(&net(&[]), url, schemes),
                Err(UrlRefused::Blocked),
                "{url}"
            );
        }
        for url in [
            "https://8.8.8.8:4711/x",
            "http://example.com/",
            "https://[2606:4700::1]/",
        ] {
            assert!(check(&net(&[]), url, schemes).is_ok(), "{url}");
        }
        assert!(check(&net(&["127.0.0.0/8"]), "http://127.0.0.1:9/", schemes).is_ok());
    }

    #[test]
    fn other_schemes_and_broken_urls_are_refused() {
        for url in [
            "ftp://example.com/",
            "file:///etc/passwd",
            "http://example.com/",
            "example.com",
            "https://",
            "",
        ] {
            assert!(check(&net(&[]), url, &["https"]).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn plain_http_credentials_and_other_ports_are_not_fetched() {
        let limits = FetchLimits {
            time: Duration::from_secs(2),
            body: 1_000,
        };
        let fetcher = Fetcher::new(&net(&[]), "test", 443, limits).unwrap();
        for url in [
            "http://example.com/",
            "https://example.com:8443/",
            "https://a:b@example.com/",
            "https://127.0.0.1/",
            "https://localhost/",
        ] {
            let result = fetcher.get(url).await;
            assert!(
                matches!(result, Err(FetchError::Refused { .. })),
                "{url}: {result:?}"
            );
        }
    }
}
