//! Step 2: the connection. When it fails, the other usual ports of the same server are tried, to name one that is open.

use crate::open::Opening;
use crate::recognise::{Failure, Peer};
use crate::report::Good;
use futures_util::future::join_all;
use model::mailbox::Security;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long the wanted port may take; the rest of the step is for the others.
const WANTED: Duration = Duration::from_secs(7);
/// How long the other ports may take, all at once.
const OTHERS: Duration = Duration::from_millis(2_500);
/// A connection that takes longer is worth a warning.
const SLOW: Duration = Duration::from_millis(2_500);

pub(crate) async fn run(opening: &mut Opening<'_>) -> Result<Good, Failure> {
    let began = Instant::now();
    let connected = match timeout(WANTED, opening.connect()).await {
        Ok(connected) => connected,
        Err(_) => Err(opening.peer.failure("connection_timed_out", &[], None)),
    };
    if let Err(failure) = connected {
        return Err(with_open_port(failure, opening).await);
    }
    let took = began.elapsed();
    let Peer { host, port, .. } = opening.peer;
    let good = Good::did(format!(
        "connected to {host} on port {port} in {} ms",
        took.as_millis()
    ));
    Ok(if took > SLOW {
        good.but(format!("The way to {host} is slow."), None)
    } else {
        good
    })
}

/// Names another port that answers. A server that may not be connected to at all is not asked.
async fn with_open_port(failure: Failure, opening: &Opening<'_>) -> Failure {
    if failure.id() == "address_blocked" {
        return failure;
    }
    let Some((port, security)) = open_port(opening, opening.peer.spoken.ports()).await else {
        return failure;
    };
    let text = format!(
        "Port {port} of {} is open: use it with {}.",
        opening.peer.host,
        words(security)
    );
    failure.with_remedy(text, format!("use:{port}:{security}"))
}

/// The first of these ports that answers, the wanted one left out.
async fn open_port(opening: &Opening<'_>, ports: &[(u16, Security)]) -> Option<(u16, Security)> {
    let others = ports.iter().filter(|(port, _)| *port != opening.peer.port);
    let looks = others.map(async |(port, security)| {
        opening
            .port_answers(*port, OTHERS)
            .await
            .then_some((*port, *security))
    });
    join_all(looks).await.into_iter().flatten().next()
}

const fn words(security: Security) -> &'static str {
    match security {
        Security::Tls => "TLS",
        Security::Starttls => "STARTTLS",
        Security::None => "no encryption",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::Waits;
    use crate::recognise::Spoken;
    use mail_net::{Net, Policy, Timeouts, TlsSettings};
    use model::Timestamp;
    use model::mailbox::Auth;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_open_port_beside_the_closed_one_is_found() {
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = open
            .local_addr()
            .map(|address| (address.port(), open))
            .unwrap();
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap().port()
        };
        let policy = Policy {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            ..Policy::public_only()
        };
        let net = Net::new(policy, TlsSettings::new(None).unwrap(), Timeouts::default());
        let peer = Peer {
            spoken: Spoken::Imap,
            host: "127.0.0.1",
            port: closed,
            security: Security::Tls,
            username: "",
            auth: Auth::Password,
            now: Timestamp(0),
        };
        let mut opening = Opening::new(&net, peer, None, "", Waits::Short);
        opening.resolve().await.unwrap();
        let ports = [(closed, Security::Tls), (open.0, Security::Starttls)];
        assert_eq!(
            open_port(&opening, &ports).await,
            Some((open.0, Security::Starttls))
        );
        assert_eq!(open_port(&opening, &ports[..1]).await, None);
    }
}
