//! Sessions with the simulated server.

use std::time::Duration;

use mail_net::{Net, Policy, Stream, Timeouts, TlsSettings};
use mail_sim::{Encryption, SmtpSim};
use smtp_client::{Limits, Session, SmtpError};

/// Long enough for a busy machine: no test waits for these to pass.
fn limits() -> Limits {
    let wait = Duration::from_secs(20);
    Limits {
        greeting: wait,
        command: wait,
        data_start: wait,
        data_block: wait,
        data_end: wait,
        quit: wait,
    }
}

/// A connection, over TLS that trusts the simulator's authority where `encryption` says so.
pub async fn connected(sim: &SmtpSim, encryption: Encryption) -> Stream {
    let policy = Policy {
        allow: vec!["127.0.0.0/8".parse().expect("a range")],
        ..Policy::public_only()
    };
    let tls = TlsSettings::new(Some(sim.ca_pem().as_bytes())).expect("roots");
    let net = Net::new(policy, tls, Timeouts::default());
    let resolved = net.resolve("127.0.0.1").await.expect("an address");
    let stream = net
        .connect(&resolved, sim.port())
        .await
        .expect("a connection");
    match encryption {
        Encryption::Implicit => net.tls(stream, "127.0.0.1", None).await.expect("TLS"),
        Encryption::None | Encryption::Starttls => stream,
    }
}

/// What comes of a greeting and EHLO.
pub async fn try_session(stream: Stream) -> Result<Session, SmtpError> {
    let (mut session, _) = Session::start(stream, limits(), None).await?;
    session.ehlo("me").await?;
    Ok(session)
}

/// A session without TLS.
pub async fn session(sim: &SmtpSim) -> Session {
    try_session(connected(sim, Encryption::None).await)
        .await
        .expect("a session")
}

/// A session over TLS.
pub async fn tls_session(sim: &SmtpSim) -> Session {
    try_session(connected(sim, Encryption::Implicit).await)
        .await
        .expect("a session")
}
