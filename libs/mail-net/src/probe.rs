//! Small questions for advice: is another port open, does this machine have a way there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Net, Resolved};

/// The web's port: no mail is spoken there, but it shows that the host is up.
const WEB: u16 = 443;

impl Net {
    /// Whether a mail port of the host, or its web port, takes a connection. Nothing is sent, and the connection is closed
    /// at once. The policy holds as for [`Net::connect`].
    pub async fn answers(&self, resolved: &Resolved, port: u16, limit: Duration) -> bool {
        let permitted = resolved.addresses.iter().copied().filter(|ip| {
            let policy = self.policy();
            policy.permits(*ip) && (port == WEB || policy.permits_port(port, *ip))
        });
        let looks = permitted.map(async |ip| {
            let connecting = TcpStream::connect(SocketAddr::new(ip, port));
            matches!(timeout(limit, connecting).await, Ok(Ok(_)))
        });
        join_all(looks).await.into_iter().any(|open| open)
    }
}

/// Whether this machine has a way to the address. Only the routing table is asked; nothing is sent.
pub fn has_route(ip: IpAddr) -> bool {
    let here: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    UdpSocket::bind((here, 0)).is_ok_and(|socket| socket.connect((ip, WEB)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, Timeouts, TlsSettings};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn open_and_closed_ports_are_told_apart_and_the_policy_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap().port();
        let here = Resolved {
            host: "localhost".to_owned(),
            addresses: vec!["127.0.0.1".parse().unwrap()],
        };
        let net = |policy| Net::new(policy, TlsSettings::new(None).unwrap(), Timeouts::default());
        let allowed = net(Policy {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            ..Policy::public_only()
        });
        let limit = Duration::from_secs(2);
        assert!(allowed.answers(&here, open, limit).await);
        drop(listener);
        assert!(!allowed.answers(&here, open, limit).await);
        assert!(!net(Policy::public_only()).answers(&here, open, limit).await);
    }

    #[test]
    fn this_machine_has_a_way_to_itself() {
        assert!(has_route("127.0.0.1".parse().unwrap()));
    }
}
