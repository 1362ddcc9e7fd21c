//! Step 2: the connection. When it fails, the other usual ports of the same server are tried, to name one that is open.

use crate::open::Opening;
use crate::recognise::{Failure, Peer};
use crate::report::Good;
use futures_util::future::{join, join_all};
use model::mailbox::Security;
use model::report::DetailName;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long the wanted port may take; the rest of the step is for the others.
const WANTED: Duration = Duration::from_secs(7);
/// How long the other ports may take, all at once.
const OTHERS: Duration = Duration::from_millis(2_500);
/// The web's port: it shows whether the host is up at all.
const WEB: u16 = 443;
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
    ))
    .with(DetailName::ConnectedTo, opening.connected_to());
    Ok(if took > SLOW {
        let seconds = took.as_secs_f64();
        good.but(format!("The way to {host} is slow: {seconds:.1} s."), None)
    } else {
        good
    })
}

/// Names another port that answers. A server that may not be connected to at all is not asked.
async fn with_open_port(failure: Failure, opening: &Opening<'_>) -> Failure {
    if failure.id() == "address_blocked" {
        return failure;
    }
    let (mail, web) = join(
        open_port(opening, opening.peer.spoken.ports()),
        opening.port_answers(WEB, OTHERS),
    )
    .await;
    advice(failure, &opening.peer, mail, web)
}

/// What the other ports tell. Pure.
fn advice(failure: Failure, peer: &Peer<'_>, mail: Option<(u16, Security)>, web: bool) -> Failure {
    let Peer { host, port, .. } = peer;
    if let Some((open, security)) = mail {
        let text = format!(
            "Port {open} of {host} is open: use it with {}.",
            words(security)
        );
        return failure.with_remedy(text, format!("use:{open}:{security}"));
    }
    let tested: Vec<String> = peer
        .spoken
        .ports()
        .iter()
        .filter(|(other, _)| other != port)
        .map(|(other, _)| other.to_string())
        .collect();
    let tested = tested.join(", ");
    match (failure.id(), web) {
        ("connection_timed_out", true) => failure.with_remedy(
            format!(
                "A firewall may block outgoing {port}; other ports tested: {tested} closed, {WEB} open. Ask whoever runs the network to open it."
            ),
            "try_again".to_owned(),
        ),
        ("connection_refused", true) => failure.with_remedy(
            format!(
                "{host} answers on its web port ({WEB}) and on no mail port: check the host, it may be the provider's website."
            ),
            "edit_host".to_owned(),
        ),
        _ => failure,
    }
}

/// The first of these ports that answers and offers its security, the wanted one left out.
async fn open_port(opening: &Opening<'_>, ports: &[(u16, Security)]) -> Option<(u16, Security)> {
    let others = ports.iter().filter(|(port, _)| *port != opening.peer.port);
    let looks = others.map(async |(port, security)| {
        // That a port is open says nothing about encryption there.
        let good = match security {
            Security::Starttls => opening.offers_starttls(*port, OTHERS).await,
            Security::Tls | Security::None => opening.port_answers(*port, OTHERS).await,
        };
        good.then_some((*port, *security))
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
    use mail_sim::{Encryption, ImapScript, ImapSim};
    use model::Timestamp;
    use model::mailbox::Auth;
    use tokio::net::TcpListener;

    fn peer(port: u16) -> Peer<'static> {
        Peer {
            spoken: Spoken::Imap,
            host: "mail.example.com",
            port,
            security: Security::Tls,
            username: "",
            auth: Auth::Password,
            now: Timestamp(0),
        }
    }

    #[test]
    fn open_ports_become_advice() {
        let peer = peer(993);
        let told = |id: &str, mail, web| {
            let remedy = advice(peer.failure(id, &[], None), &peer, mail, web)
                .problem
                .remedy;
            (remedy.text, remedy.action.unwrap_or_default())
        };
        let starttls = Some((143, Security::Starttls));
        assert_eq!(
            told("connection_refused", starttls, true),
            (
                "Port 143 of mail.example.com is open: use it with STARTTLS.".to_owned(),
                "use:143:starttls".to_owned()
            )
        );
        let (text, action) = told("connection_timed_out", None, true);
        assert!(text.contains("block outgoing 993") && text.contains("143 closed, 443 open"));
        assert_eq!(action, "try_again");
        assert_eq!(told("connection_refused", None, true).1, "edit_host");
        assert_eq!(told("connection_refused", None, false).1, "edit_port");
    }

    #[tokio::test]
    async fn an_open_port_beside_the_closed_one_is_found() {
        let sim = |encryption| ImapSim::start(ImapScript::new().encryption(encryption));
        let (open, bare) = (sim(Encryption::Starttls), sim(Encryption::None));
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
            host: "127.0.0.1",
            ..peer(closed)
        };
        let mut opening = Opening::new(&net, peer, None, "", Waits::Short);
        opening.resolve().await.unwrap();
        let ports = [
            (closed, Security::Tls),
            (bare.port(), Security::Starttls),
            (open.port(), Security::Starttls),
        ];
        assert_eq!(
            open_port(&opening, &ports).await,
            Some((open.port(), Security::Starttls))
        );
        assert_eq!(open_port(&opening, &ports[..2]).await, None);
        assert_eq!(open_port(&opening, &ports[..1]).await, None);
    }
}
