//! TCP to one of the checked addresses: IPv6 and IPv4 race, the first to answer wins (RFC 8305).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::records::Dns;
use crate::resolve::Resolved;
use crate::{NetError, Policy, Stream, TlsSettings};

/// Head start of one address before the next is tried beside it (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// A silent connection is probed after this long ...
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// ... then this often ...
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// ... and given up after this many unanswered probes.
const KEEPALIVE_PROBES: u32 = 4;

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Looking up the name.
    pub resolve: Duration,
    /// From the first SYN to a connection, over all addresses.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            resolve: Duration::from_secs(5),
            connect: Duration::from_secs(8),
            tls: Duration::from_secs(8),
        }
    }
}

/// The way out: policy, trust and time limits, shared by every connection. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Net(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    policy: Policy,
    tls: TlsSettings,
    timeouts: Timeouts,
    dns: Dns,
}

impl Net {
    /// Puts the three together.
    pub fn new(policy: Policy, tls: TlsSettings, timeouts: Timeouts) -> Net {
        Net(Arc::new(Shared {
            policy,
            tls,
            timeouts,
            dns: Dns::default(),
        }))
    }

    /// The same, with these name servers instead of the system's, for hosts and for records; none: the system's.
    #[must_use]
    pub fn using_dns(&self, servers: Vec<SocketAddr>) -> Net {
        Net(Arc::new(Shared {
            policy: self.0.policy.clone(),
            tls: self.0.tls.clone(),
            timeouts: self.0.timeouts,
            dns: Dns::with_servers(servers),
        }))
    }

    pub(crate) fn dns(&self) -> &Dns {
        &self.0.dns
    }

    /// The address policy in force.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// The time limits in force.
    pub fn timeouts(&self) -> Timeouts {
        self.0.timeouts
    }

    pub(crate) fn tls_settings(&self) -> &TlsSettings {
        &self.0.tls
    }

    /// Connects to the first address that answers. Only addresses in `resolved` are tried, and each is checked again.
    ///
    /// # Errors
    /// [`NetError::Blocked`] before anything is sent; otherwise `Refused`, `TimedOut`, `Unreachable` or `Io`.
    pub async fn connect(&self, resolved: &Resolved, port: u16) -> Result<Stream, NetError> {
        let host = &resolved.host;
        let addresses: Vec<IpAddr> = resolved
            .addresses
            .iter()
            .copied()
            .filter(|ip| self.0.policy.permits(*ip) && self.0.policy.permits_port(port, *ip))
            .collect();
        if addresses.is_empty() {
            return Err(NetError::Blocked {
                host: host.clone(),
                reason: format!("port {port} is not permitted there"),
            });
        }
        let limit = self.0.timeouts.connect;
        match timeout(limit, race(alternate_families(&addresses), port)).await {
            Err(_) => Err(NetError::TimedOut {
                host: host.clone(),
                what: "connecting",
                after: limit,
            }),
            Ok(Ok(tcp)) => {
                prepare(&tcp);
                Ok(Stream::from_tcp(tcp)?)
            }
            Ok(Err(error)) => Err(classify(host, port, limit, error)),
        }
    }
}

/// Keeps the resolver's order within a family but alternates the families, so that one dead family costs one delay.
fn alternate_families(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (mut first, mut second): (Vec<IpAddr>, Vec<IpAddr>) = addresses
        .iter()
        .copied()
        .partition(|ip| ip.is_ipv6() == first_is_v6);
    first.reverse();
    second.reverse();
    let mut ordered = Vec::with_capacity(addresses.len());
    while !first.is_empty() || !second.is_empty() {
        ordered.extend(first.pop());
        ordered.extend(second.pop());
    }
    ordered
}

async fn race(addresses: Vec<IpAddr>, port: u16) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut running: JoinSet<io::Result<TcpStream>> = JoinSet::new();
    let mut worst: Option<io::Error> = None;
    loop {
        if let Some(ip) = waiting.next() {
            running.spawn(TcpStream::connect(SocketAddr::new(ip, port)));
        } else if running.is_empty() {
            return Err(worst.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
        }
        let more = waiting.len() > 0;
        tokio::select! {
            Some(outcome) = running.join_next() => match outcome {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => worst = Some(more_telling(worst, error)),
                Err(_) => worst = Some(io::Error::other("the attempt was interrupted")),
            },
            () = sleep(ATTEMPT_DELAY), if more => {}
        }
        // Without more addresses nothing is started above; only the running attempts are waited for.
    }
}

/// "Refused" tells a person more than "no route", which a host without IPv6 always adds.
fn more_telling(old: Option<io::Error>, new: io::Error) -> io::Error {
    match old {
        Some(old) if old.kind() == io::ErrorKind::ConnectionRefused => old,
        _ => new,
    }
}

/// Small commands must leave at once, and a peer that vanished must be noticed. Neither failing is fatal.
fn prepare(tcp: &TcpStream) {
    let _ = tcp.set_nodelay(true);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    let _ = SockRef::from(tcp).set_tcp_keepalive(&keepalive);
}

fn classify(host: &str, port: u16, limit: Duration, error: io::Error) -> NetError {
    let host = host.to_owned();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => NetError::Refused { host, port },
        io::ErrorKind::TimedOut => NetError::TimedOut {
            host,
            what: "connecting",
            after: limit,
        },
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::PermissionDenied => NetError::Unreachable {
            host,
            port,
            message: error.to_string(),
        },
        _ => NetError::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn loopback_net() -> Net {
        let policy = Policy {
            allow: vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
            ..Policy::public_only()
        };
        Net::new(policy, TlsSettings::new(None).unwrap(), Timeouts::default())
    }

    #[tokio::test]
    async fn the_race_is_won_by_the_address_that_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let resolved = Resolved {
            host: "both.example".to_owned(),
            addresses: vec!["::1".parse().unwrap(), "127.0.0.1".parse().unwrap()],
        };
        let stream = loopback_net().connect(&resolved, port).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap().port(), port);
        assert!(!stream.is_tls());
    }

    #[tokio::test]
    async fn a_closed_port_is_named_as_refused() {
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap().port()
        };
        let resolved = loopback_net().resolve("127.0.0.1").await.unwrap();
        let result = loopback_net().connect(&resolved, port).await;
        assert!(
            matches!(result, Err(NetError::Refused { .. })),
            "{result:?}"
        );
    }

    #[tokio::test]
    async fn hand_made_addresses_and_odd_ports_do_not_get_around_the_policy() {
        let net = Net::new(
            Policy::public_only(),
            TlsSettings::new(None).unwrap(),
            Timeouts::default(),
        );
        let inside = Resolved {
            host: "evil.example".to_owned(),
            addresses: vec!["127.0.0.1".parse().unwrap()],
        };
        assert!(matches!(
            net.connect(&inside, 143).await,
            Err(NetError::Blocked { .. })
        ));
        let outside = net.resolve("8.8.8.8").await.unwrap();
        assert!(matches!(
            net.connect(&outside, 22).await,
            Err(NetError::Blocked { .. })
        ));
    }

    #[test]
    fn families_alternate_in_the_resolvers_order() {
        let list =
            |texts: &[&str]| -> Vec<IpAddr> { texts.iter().map(|t| t.parse().unwrap()).collect() };
        assert_eq!(
            alternate_families(&list(&["2a::1", "2a::2", "1.1.1.1", "2.2.2.2", "3.3.3.3"])),
            list(&["2a::1", "1.1.1.1", "2a::2", "2.2.2.2", "3.3.3.3"])
        );
    }
}
