//! What is logged of a server's words: never the password, also where the server repeats it long after the sign-in.

use crate::follower::{Choice, Follower, until};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Where the log of this process goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Of all that the synchronisation says.
    fn begin() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("sync=trace"))
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("the log")).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").write(line)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_repeats_the_password_in_its_refusals_is_logged_without_it() {
    let log = Log::begin();
    let said = format!("your password is {}", mail_sim::PASSWORD);
    let offers = "IMAP4rev1 SASL-IR IDLE QUOTA AUTH=PLAIN";
    let script = ImapScript::new()
        .capabilities(offers)
        .mail("INBOX", b"Subject: one\r\n\r\nx\r\n")
        .mail("Shut", b"Subject: two\r\n\r\nx\r\n")
        .fault(ImapFault::Refuse("IDLE", format!("[ALERT] {said}")))
        .fault(ImapFault::Refuse("GETQUOTAROOT", said.clone()))
        .fault(ImapFault::Refuse("STATUS", said.clone()))
        .fault(ImapFault::Closed("Shut", said));
    let sim = ImapSim::start(script);
    let choice = Choice {
        tested: true,
        poll: Duration::from_millis(200),
        ..Choice::default()
    };
    let mut follower = Follower::simulated(&sim, choice).await;
    for words in [
        "the server refuses to idle",
        "the server wants this read",
        "a folder cannot be opened",
        "the server does not tell its quota",
    ] {
        until(words, async || log.text().contains(words)).await;
    }
    follower.stop().await;
    let text = log.text();
    let repeated = text.matches("your password is").count();
    assert!(repeated >= 2, "{text}");
    assert!(!text.contains(mail_sim::PASSWORD), "{text}");
}
