//! Servers that fall silent in the middle of the work: 20 and 30.

use super::{act, through};
use crate::follower::{Choice, Follower};
use crate::pop3::until;
use mail_sim::{ImapFault, ImapScript, ImapSim};
use model::mailbox::{ConnectionState, Lifecycle, Protocol};
use std::time::Duration;
use store::failures;
use testkit::{Fault, Generator, Proxy, deliver, servers, user};

/// So long a server may say nothing here.
const ANSWER: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn i20_a_server_that_falls_silent_at_one_message_blocks_no_other() {
    const MESSAGES: usize = 60;
    let mut script = ImapScript::new();
    for n in 1..=MESSAGES {
        let raw = format!("Subject: m{n}\r\nMessage-ID: <{n}@silent.test>\r\n\r\nbody {n}\r\n");
        script = script.mail("INBOX", raw.as_bytes());
    }
    let sim = ImapSim::start(script.fault(ImapFault::StallAtUid(38)));
    let mut follower = Follower::simulated(
        &sim,
        Choice {
            tested: true,
            patience: Some((ANSWER, PAUSE)),
            ..Choice::default()
        },
    )
    .await;
    let stored = || async { follower.view().await.get("INBOX").map_or(0, |c| c.len()) };
    until("all others", || async { stored().await == MESSAGES - 1 }).await;
    let ledger = || async {
        let ledger = failures::list(&follower.store, &follower.mailbox.id, None, 10);
        ledger.await.expect("the ledger")
    };
    until("named", || async { !ledger().await.is_empty() }).await;
    let ledger = ledger().await;
    let named: Vec<_> = ledger
        .iter()
        .map(|f| (f.uid, f.problem_id.as_str()))
        .collect();
    assert_eq!(named, [(38, "timed_out")]);
    // Halving costs a connection each time: a few, whatever the size of the folder.
    assert!(sim.connections() <= 12, "{}", sim.connections());
    // And new mail comes.
    sim.deliver("INBOX", b"Subject: later\r\n\r\nx\r\n");
    follower
        .event("message.received", |e| e.data["subject"] == "later")
        .await;
    sim.set_faults(&[]);
    failures::retry(&follower.store, &follower.mailbox.id, &ledger[0].id)
        .await
        .expect("asked for");
    until("the last one", || async { stored().await == MESSAGES + 1 }).await;
    follower.stop().await;
}

/// A mailbox of forty messages whose server hangs in the middle of one.
async fn hanging(protocol: Protocol, port: u16, name: &str) -> (Follower, Proxy) {
    const STALL: u64 = 60_000;
    let user = user(name);
    user.seed("INBOX", Generator::new(131).take(40));
    let proxy = Proxy::start(port);
    proxy.set(Fault::StallAfter(STALL));
    let choice = Choice {
        protocol,
        tested: true,
        ..through(&proxy)
    };
    let follower = Follower::start(&user, choice).await;
    until("it hangs", || async { proxy.bytes_to_client() == STALL }).await;
    (follower, proxy)
}

/// Not after the minute that a silent server is given.
async fn changed_settings_end_a_round(protocol: Protocol, port: u16, name: &str) {
    let (mut follower, _proxy) = hanging(protocol, port, name).await;
    let mut incoming = follower.now().await.incoming.expect("the receiving side");
    incoming.port = port;
    let change = store::mailboxes::Change {
        incoming: Some(Some(incoming)),
        ..store::mailboxes::Change::default()
    };
    store::mailboxes::change(&follower.store, &follower.mailbox.id, change, None)
        .await
        .expect("changed");
    let stored = || async { follower.view().await.get("INBOX").map_or(0, |c| c.len()) };
    until("all of them", || async { stored().await == 40 }).await;
    assert_eq!(follower.count("message.unreadable").await, 0);
    assert_eq!(follower.count("message.received").await, 40);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_end_a_round_in_the_middle_of_a_message() {
    changed_settings_end_a_round(Protocol::Imap, servers().imap_port, "settings in a round").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_end_a_round_in_the_middle_of_a_message_of_a_maildrop() {
    changed_settings_end_a_round(Protocol::Pop3, servers().pop3_port, "settings in a look").await;
}

/// The work is over, and the mailbox free for whoever takes it next.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_ends_a_round_in_the_middle_of_a_message_of_a_maildrop() {
    let (mut follower, _proxy) =
        hanging(Protocol::Pop3, servers().pop3_port, "paused in a look").await;
    let paused =
        store::mailboxes::set_lifecycle(&follower.store, &follower.mailbox.id, Lifecycle::Paused);
    paused.await.expect("paused");
    let is_worked_on = || async {
        let leases = follower
            .store
            .db
            .read(|tx| tx.rows("SELECT 1 FROM leases WHERE expires_at > 0", &[]));
        !leases.await.expect("the leases").is_empty()
    };
    until("it is left", || async { !is_worked_on().await }).await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i30_silence_in_the_middle_of_a_message_is_noticed_and_costs_nothing() {
    let user = user("i30");
    user.seed("INBOX", Generator::new(130).take(40));
    let proxy = Proxy::start(servers().imap_port);
    // Somewhere in the bodies: what is said before them is shorter.
    proxy.set(Fault::StallAfter(60_000));
    let choice = Choice {
        tested: true,
        patience: Some((ANSWER, PAUSE)),
        ..through(&proxy)
    };
    let mut follower = Follower::start(&user, choice).await;
    until("noticed", || async { proxy.connections() >= 2 }).await;
    let silent = || async {
        let connection = follower.now().await.connection;
        connection.state == ConnectionState::Waiting
            && connection.problem_id.as_deref() == Some("timed_out")
    };
    until("said", silent).await;
    proxy.set(Fault::None);
    follower.in_step().await;
    assert_eq!(follower.count("message.unreadable").await, 0);
    assert_eq!(follower.count("message.received").await, 40);
    // In the wait for news too: nothing comes any more, and no end of the connection either.
    proxy.set(Fault::StallAfter(0));
    let before = proxy.connections();
    until("noticed again", || async { proxy.connections() > before }).await;
    proxy.set(Fault::None);
    act(&user, |user, _| {
        deliver(user, b"Subject: after it\r\n\r\nx\r\n")
    })
    .await;
    follower
        .event("message.received", |e| e.data["subject"] == "after it")
        .await;
    follower.in_step().await;
    follower.stop().await;
}
