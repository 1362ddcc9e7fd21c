//! Step 2: the connection. When it fails, the other usual ports of the same server are tried, to name one that is open.

use crate::open::Opening;
use crate::recognise::{Failure, Peer};
use crate::report::Good;
use futures_util::future::join_all;
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
    let peer = &opening.peer;
    let others = peer
        .spoken
        .ports()
        .iter()
        .filter(|(port, _)| *port != peer.port);
    let looked = join_all(others.map(async |(port, security)| {
        opening
            .port_answers(*port, OTHERS)
            .await
            .then_some((*port, *security))
    }));
    let Some((port, security)) = looked.await.into_iter().flatten().next() else {
        return failure;
    };
    let text = format!(
        "Port {port} of {} is open: use it with {}.",
        peer.host,
        words(security)
    );
    failure.with_remedy(text, format!("use:{port}:{security}"))
}

fn words(security: model::mailbox::Security) -> &'static str {
    match security {
        model::mailbox::Security::Tls => "TLS",
        model::mailbox::Security::Starttls => "STARTTLS",
        model::mailbox::Security::None => "no encryption",
    }
}
