//! The ledger of what could not be fetched: it names what is on the server, and nothing else.

use crate::follower::{Choice, Follower};
use crate::pop3::until;
use mail_message::read::{Summary, summarize};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use std::time::Duration;
use store::failures::{self, Failure};

fn mail(n: u32) -> Vec<u8> {
    format!("Subject: m{n}\r\nMessage-ID: <{n}@ledger.test>\r\n\r\nbody {n}\r\n").into_bytes()
}

async fn follow(sim: &ImapSim, reader: fn(&[u8]) -> Summary) -> Follower {
    let choice = Choice {
        tested: true,
        reader,
        patience: Some((Duration::from_secs(30), Duration::from_millis(50))),
        ..Choice::default()
    };
    Follower::simulated(sim, choice).await
}

/// Five messages, of which the server gives all but the third.
async fn five_but_one() -> (ImapSim, Follower) {
    let mut script = ImapScript::new().fault(ImapFault::NilBody(3));
    for n in 1..=5 {
        script = script.mail("INBOX", &mail(n));
    }
    let sim = ImapSim::start(script);
    let follower = follow(&sim, summarize).await;
    until("one is missing", || async {
        ledger(&follower).await.len() == 1 && stored(&follower).await == 4
    })
    .await;
    assert_eq!(follower.now().await.coverage.holes, 1);
    (sim, follower)
}

async fn ledger(follower: &Follower) -> Vec<Failure> {
    let page = failures::list(&follower.store, &follower.mailbox.id, None, 100).await;
    page.expect("the ledger")
}

async fn stored(follower: &Follower) -> usize {
    follower.view().await.get("INBOX").map_or(0, |c| c.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_has_no_more_leaves_the_ledger_at_once() {
    let (sim, mut follower) = five_but_one().await;
    sim.remove("INBOX", 3);
    // Not only when its next try comes, which is minutes away.
    until("empty", || async { ledger(&follower).await.is_empty() }).await;
    assert_eq!(follower.now().await.coverage.holes, 0);
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_out_of_the_ledger_as_a_connection_begins_fills_no_gap() {
    let (sim, mut follower) = five_but_one().await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    follower.stop().await;
    sim.set_faults(&[]);
    let id = ledger(&follower).await.remove(0).id;
    failures::retry(&follower.store, &follower.mailbox.id, &id)
        .await
        .expect("asked for");
    follower.go();
    until("all five", || async { stored(&follower).await == 5 }).await;
    // The end of the round has come when new mail is live.
    sim.deliver("INBOX", &mail(6));
    until("all six", || async { stored(&follower).await == 6 }).await;
    follower.stop().await;
    assert_eq!(follower.count("mailbox.gap_filled").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_begins_anew_leaves_no_failures_of_before() {
    let (sim, mut follower) = five_but_one().await;
    sim.set_faults(&[]);
    sim.set_uid_validity("INBOX", 99);
    until("all five", || async { stored(&follower).await == 5 }).await;
    until("empty", || async { ledger(&follower).await.is_empty() }).await;
    assert_eq!(follower.now().await.coverage.holes, 0);
    follower.stop().await;
}

/// Fails at one message, as a mistake of ours would.
fn mistaken(raw: &[u8]) -> Summary {
    assert!(!raw.starts_with(b"Subject: m3"), "a mistake");
    summarize(raw)
}

/// The bytes of the one message in the ledger.
async fn kept(follower: &Follower) -> Vec<u8> {
    let failure = ledger(follower).await.remove(0);
    assert_eq!(failure.problem_id, "message_unreadable");
    let raw = failures::raw(&follower.store, &follower.mailbox.id, &failure.id).await;
    let (digest, place) = raw.expect("its bytes are kept");
    assert_eq!(Some(digest), failure.raw_digest);
    let bytes = follower.store.blobs.read(&place, u64::MAX).await;
    bytes.expect("the bytes")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_is_kept_as_bytes_and_the_others_pass() {
    let mut script = ImapScript::new();
    for n in 1..=5 {
        script = script.mail("INBOX", &mail(n));
    }
    let sim = ImapSim::start(script);
    let mut follower = follow(&sim, mistaken).await;
    until("the others", || async { stored(&follower).await == 4 }).await;
    until("named", || async { ledger(&follower).await.len() == 1 }).await;
    assert_eq!(kept(&follower).await, mail(3));
    assert_eq!(follower.count("message.unreadable").await, 1);
    assert_eq!(follower.count("mailbox.interrupted").await, 0);
    // A program without the mistake stores it.
    follower.stop().await;
    follower.reader = summarize;
    follower.go();
    let id = ledger(&follower).await.remove(0).id;
    failures::retry(&follower.store, &follower.mailbox.id, &id)
        .await
        .expect("asked for");
    until("all", || async { stored(&follower).await == 5 }).await;
    until("empty", || async { ledger(&follower).await.is_empty() }).await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_database_refuses_is_kept_as_bytes_and_the_others_pass() {
    let sim = ImapSim::start(ImapScript::new().folder("INBOX"));
    let mut follower = follow(&sim, summarize).await;
    follower.event("mailbox.live", |_| true).await;
    // No number has this absolute value: an error that is neither a full disk nor a busy database.
    let refusing = "CREATE TRIGGER refusing BEFORE INSERT ON messages WHEN NEW.head LIKE '%\"m3\"%'
                    BEGIN SELECT abs(-9223372036854775807 - length(NEW.id) / length(NEW.id)); END";
    let made = follower.store.db.write(move |tx| tx.batch(refusing)).await;
    made.expect("the trigger");
    for n in 1..=5 {
        sim.deliver("INBOX", &mail(n));
    }
    until("the others", || async { stored(&follower).await == 4 }).await;
    until("named", || async { ledger(&follower).await.len() == 1 }).await;
    assert_eq!(kept(&follower).await, mail(3));
    // It stays at that: no loop of connections.
    let connections = sim.connections();
    sim.deliver("INBOX", &mail(6));
    until("later mail", || async { stored(&follower).await == 5 }).await;
    assert_eq!(sim.connections(), connections);
    follower.stop().await;
}
