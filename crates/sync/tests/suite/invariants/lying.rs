//! Servers that promise what they do not keep, and servers that ask for quiet: 16 and 28.

use super::{act, dovecot_saying, follow};
use crate::follower::{Choice, Follower};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use model::mailbox::ConnectionState;
use std::time::Duration;
use testkit::{Generator, user};

#[tokio::test(flavor = "multi_thread")]
async fn i16_enabled_is_read_and_not_assumed() {
    // Swallowed; empty as Courier says it; another one than asked for.
    for answer in ["", "* ENABLED\r\n", "* ENABLED CONDSTORE\r\n"] {
        let proxy =
            dovecot_saying(move |line| line.starts_with("* ENABLED").then(|| answer.to_owned()));
        let user = user(&format!("i16 {}", answer.trim().len()));
        user.seed("INBOX", Generator::new(116).take(20));
        let mut follower = follow(&user, &proxy).await;
        follower.in_step().await;
        act(&user, |_, probe| {
            probe.select("INBOX");
            probe.store("3", "+FLAGS", "$Sixteen");
            probe.remove("5:6");
        })
        .await;
        follower.in_step().await;
        follower.event("message.removed", |_| true).await;
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i28_a_server_that_asks_for_quiet_gets_as_much_as_it_names() {
    let said = "Request is throttled. Suggested Backoff Time: 300000 milliseconds";
    let script = ImapScript::new()
        .mail("INBOX", b"Subject: one\r\n\r\nx\r\n")
        .fault(ImapFault::ThrottleText(said.to_owned()));
    let sim = ImapSim::start(script);
    let mut follower = Follower::simulated(&sim, Choice::default()).await;
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    let limited = loop {
        let now = follower.now().await;
        if now.connection.state == ConnectionState::Limited {
            break now;
        }
        assert!(tokio::time::Instant::now() < end, "{now:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let left = limited.connection.until.expect("an end").0 - follower.store.now().0;
    assert!((280_000..=300_000).contains(&left), "{left} ms");
    // A message is not to blame for a server that wants quiet.
    assert_eq!(follower.count("message.unreadable").await, 0);
    let connections = sim.connections();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(sim.connections(), connections);
    follower.stop().await;
}
