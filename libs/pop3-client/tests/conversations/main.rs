//! Whole conversations, with scripted servers and with real ones.

mod greeting;
mod maildrop;
mod peer;
mod real_servers;
mod sign_in;
mod stls;

use std::time::Duration;

use mail_net::Stream;
use pop3_client::{Limits, Session};

fn quick() -> Limits {
    Limits {
        greeting: Duration::from_millis(500),
        command: Duration::from_millis(500),
        read: Duration::from_millis(500),
        quit: Duration::from_millis(500),
        listing_entries: 5000,
        listing_bytes: 20_000,
        message_bytes: 1_000_000,
    }
}

async fn started(stream: Stream) -> Session {
    Session::start(stream, quick(), None)
        .await
        .expect("a greeting")
        .0
}
