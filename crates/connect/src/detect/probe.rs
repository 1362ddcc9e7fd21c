//! The last resort: usual names are tried, each with a verified TLS handshake and a greeting, and never with a password.
//!
//! Only names inside the address's own domain and that of its mail servers are tried.

use super::address::Address;
use super::{Found, login};
use crate::open::{Opening, Waits};
use crate::recognise::Peer;
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use mail_net::Net;
use model::Timestamp;
use model::detection::LoginFormat;
use model::mailbox::{Auth, Incoming, Outgoing, Protocol, Security};
use std::time::Duration;
use tokio::time::timeout;

/// How long one wave of attempts may take.
const WAVE: Duration = Duration::from_millis(2_400);
/// Names that are tried for one service.
const MAX_NAMES: usize = 6;

/// The ports that are tried.
#[derive(Clone, Copy, Debug)]
pub struct ProbePorts {
    /// IMAP over TLS.
    pub imaps: u16,
    /// IMAP with STARTTLS.
    pub imap: u16,
    /// POP3 over TLS.
    pub pop3s: u16,
    /// Submission over TLS.
    pub submissions: u16,
    /// Submission with STARTTLS.
    pub submission: u16,
}

impl Default for ProbePorts {
    fn default() -> Self {
        Self {
            imaps: 993,
            imap: 143,
            pop3s: 995,
            submissions: 465,
            submission: 587,
        }
    }
}

/// Whom we greet, and how.
pub(super) struct Prober<'a> {
    pub net: &'a Net,
    pub ports: ProbePorts,
    pub ehlo_name: &'a str,
    pub now: Timestamp,
}

impl Prober<'_> {
    /// Tries the usual names. First TLS from the first byte, then, for what was not found, STARTTLS.
    pub(super) async fn run(
        &self,
        address: &Address,
        owner: Option<&str>,
        mx: Option<&str>,
    ) -> Option<Found> {
        let (_, username) = login(LoginFormat::Email, address);
        let reading = |prefixes: &[&str], protocol, port, security| -> Vec<Incoming> {
            names(prefixes, &address.domain, owner, mx)
                .into_iter()
                .map(|host| Incoming {
                    protocol,
                    host,
                    port,
                    security,
                    username: username.clone(),
                    auth: Auth::Password,
                    certificate_sha256: None,
                })
                .collect()
        };
        let sending = |port, security| -> Vec<Outgoing> {
            names(&["smtp", "mail"], &address.domain, owner, mx)
                .into_iter()
                .map(|host| Outgoing {
                    host,
                    port,
                    security,
                    username: username.clone(),
                    auth: Auth::Password,
                    certificate_sha256: None,
                })
                .collect()
        };
        let ports = self.ports;
        let imap = &["imap", "mail"];
        let (mut incoming, pop3, mut outgoing) = tokio::join!(
            self.first_to_read(reading(imap, Protocol::Imap, ports.imaps, Security::Tls)),
            self.first_to_read(reading(
                &["pop", "pop3", "mail"],
                Protocol::Pop3,
                ports.pop3s,
                Security::Tls
            )),
            self.first_to_send(sending(ports.submissions, Security::Tls)),
        );
        if incoming.is_none() || outgoing.is_none() {
            let (read, send) = tokio::join!(
                async {
                    match incoming {
                        Some(found) => Some(found),
                        None => {
                            let tries =
                                reading(imap, Protocol::Imap, ports.imap, Security::Starttls);
                            self.first_to_read(tries).await
                        }
                    }
                },
                async {
                    match outgoing {
                        Some(found) => Some(found),
                        None => {
                            let tries = sending(ports.submission, Security::Starttls);
                            self.first_to_send(tries).await
                        }
                    }
                },
            );
            (incoming, outgoing) = (read, send);
        }
        let (incoming, alternatives) = match (incoming, pop3) {
            (Some(imap), pop3) => (Some(imap), pop3.into_iter().collect()),
            (None, pop3) => (pop3, Vec::new()),
        };
        (incoming.is_some() || outgoing.is_some()).then_some(Found {
            login_format: LoginFormat::Email,
            incoming,
            outgoing,
            alternatives,
        })
    }

    async fn first_to_read(&self, tries: Vec<Incoming>) -> Option<Incoming> {
        let greeted = tries.into_iter().map(|settings| async move {
            let greets = self.greets(Peer::incoming(&settings, self.now)).await;
            greets.then_some(settings)
        });
        first(greeted.collect()).await
    }

    async fn first_to_send(&self, tries: Vec<Outgoing>) -> Option<Outgoing> {
        let greeted = tries.into_iter().map(|settings| async move {
            let greets = self.greets(Peer::outgoing(&settings, self.now)).await;
            greets.then_some(settings)
        });
        first(greeted.collect()).await
    }

    /// Whether a server with a good certificate for this very name answers in this protocol.
    async fn greets(&self, peer: Peer<'_>) -> bool {
        let mut opening = Opening::new(self.net, peer, None, self.ehlo_name, Waits::Short);
        let road = async {
            opening.resolve().await?;
            opening.connect().await?;
            opening.secure().await?;
            opening.greet().await
        };
        matches!(timeout(WAVE, road).await, Ok(Ok(())))
    }
}

/// The first in order that answered.
async fn first<T>(mut tries: FuturesOrdered<impl Future<Output = Option<T>>>) -> Option<T> {
    while let Some(answer) = tries.next().await {
        if answer.is_some() {
            return answer;
        }
    }
    None
}

/// `imap.example.com`, `mail.example.com`, `example.com`, the same of the mail servers' owner, and the mail server.
fn names(prefixes: &[&str], domain: &str, owner: Option<&str>, mx: Option<&str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: String| {
        if !names.contains(&name) && names.len() < MAX_NAMES {
            names.push(name);
        }
    };
    for prefix in prefixes {
        add(format!("{prefix}.{domain}"));
    }
    add(domain.to_owned());
    for owner in owner.into_iter().filter(|owner| *owner != domain) {
        for prefix in prefixes {
            add(format!("{prefix}.{owner}"));
        }
    }
    if let Some(mx) = mx {
        add(mx.to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_usual_ones_each_once() {
        assert_eq!(
            names(
                &["imap", "mail"],
                "example.com",
                Some("hoster.example"),
                Some("mx.hoster.example")
            ),
            [
                "imap.example.com",
                "mail.example.com",
                "example.com",
                "imap.hoster.example",
                "mail.hoster.example",
                "mx.hoster.example"
            ]
        );
        assert_eq!(
            names(
                &["imap", "mail"],
                "example.com",
                Some("example.com"),
                Some("mail.example.com")
            ),
            ["imap.example.com", "mail.example.com", "example.com"]
        );
    }
}
