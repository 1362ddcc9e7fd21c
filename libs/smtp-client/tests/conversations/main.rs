//! Whole conversations, with scripted servers and with real ones.

mod broken;
mod chunks;
mod cuts;
mod delivery;
mod greeting;
mod peer;
mod real_servers;
mod real_wishes;
mod sign_in;
mod sim;
mod starttls;
mod wishes;

use std::time::Duration;

use mail_net::Stream;
use peer::{Step, Step::*, play};
use smtp_client::{Envelope, Limits, Outcome, Session, SmtpError};

const HELLO: &[Step] = &[
    Say("220 mx ESMTP\r\n"),
    Hear("EHLO me"),
    Say("250-mx\r\n250-PIPELINING\r\n250 SIZE 1000\r\n"),
];
const PLAIN_HELLO: &[Step] = &[Say("220 mx ESMTP\r\n"), Hear("EHLO me"), Say("250 mx\r\n")];

fn quick() -> Limits {
    Limits {
        greeting: Duration::from_millis(500),
        command: Duration::from_millis(500),
        data_start: Duration::from_millis(500),
        data_block: Duration::from_millis(500),
        data_end: Duration::from_millis(500),
        quit: Duration::from_millis(500),
    }
}

async fn started(stream: Stream) -> Session {
    let (mut session, _) = Session::start(stream, quick(), None)
        .await
        .expect("a greeting");
    session.ehlo("me").await.expect("an answer to EHLO");
    session
}

fn to(recipients: &[&str]) -> Envelope {
    Envelope {
        from: "joe@example.org".to_owned(),
        to: recipients.iter().map(|&to| to.to_owned()).collect(),
        ..Envelope::default()
    }
}

/// Plays `steps` after the greeting and sends `body` to `recipients`.
async fn sent(
    hello: &[Step],
    steps: &[Step],
    recipients: &[&str],
    body: &[u8],
) -> Result<Outcome, SmtpError> {
    let (stream, peer) = play(&[hello, steps].concat());
    let mut session = started(stream).await;
    let result = session.send(&to(recipients), body).await;
    peer.finish(session).await;
    result
}

fn accepted(outcome: &Outcome) -> Vec<bool> {
    outcome
        .recipients
        .iter()
        .map(|recipient| recipient.accepted)
        .collect()
}
