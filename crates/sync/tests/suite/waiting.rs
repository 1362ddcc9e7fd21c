//! The wait for news on a server that does not let us wait as it promised.

use crate::follower::{Choice, Follower};
use mail_sim::{ImapFault, ImapScript, ImapSim};
use model::mailbox::ConnectionState;
use model::message::FlagChange;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// How long what should happen at once may take, on two busy cores. Far less than the polls below.
const AT_ONCE: Duration = Duration::from_secs(10);

async fn until<F: Future<Output = bool>>(what: &str, mut fits: impl FnMut() -> F) {
    let end = Instant::now() + AT_ONCE;
    while !fits().await {
        assert!(Instant::now() < end, "{what}: waited too long");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A mailbox on a simulator that offers IDLE and refuses it, all folders counted this often.
async fn unwilling(poll: Duration) -> (ImapSim, Follower) {
    let script = ImapScript::new()
        .mail("INBOX", b"Subject: first\r\n\r\nx\r\n")
        .fault(ImapFault::Refuse("IDLE", "not today".to_owned()));
    let sim = ImapSim::start(script);
    let follower = Follower::simulated(
        &sim,
        Choice {
            poll,
            ..Choice::default()
        },
    )
    .await;
    follower.event("message.received", |_| true).await;
    until("polling", || async {
        follower.now().await.connection.state == ConnectionState::Polling
    })
    .await;
    (sim, follower)
}

#[tokio::test(flavor = "multi_thread")]
async fn where_idle_is_refused_a_change_is_made_at_once_and_the_end_is_heard() {
    let (sim, mut follower) = unwilling(Duration::from_secs(50)).await;
    let received = follower.event("message.received", |_| true).await;
    let message = received.data["message_id"].as_str().unwrap().to_owned();
    let change = FlagChange {
        flagged: Some(true),
        ..FlagChange::default()
    };
    store::owed::change_flags(&follower.store, &message, change)
        .await
        .unwrap();
    until("the flag", || async {
        sim.log().iter().any(|line| line.contains("STORE"))
    })
    .await;
    let began = Instant::now();
    follower.stop().await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!(
        sim.log().iter().any(|line| line.contains("LOGOUT")),
        "the end was not heard"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_idle_is_refused_the_server_is_asked_for_news() {
    let (sim, mut follower) = unwilling(Duration::from_millis(200)).await;
    sim.deliver("INBOX", b"Subject: second\r\n\r\nx\r\n");
    follower
        .event("message.received", |e| e.data["subject"] == "second")
        .await;
    let said = |word: &str| sim.log().iter().filter(|line| line.contains(word)).count();
    until("several questions", || async { said("NOOP") > 2 }).await;
    assert_eq!(said("IDLE"), 1, "one refusal is enough for a connection");
    follower.stop().await;
}

/// On a server that tells changed flags by nothing but the flags of all messages.
#[tokio::test(flavor = "multi_thread")]
async fn flags_are_compared_each_round_where_we_wait_and_in_turn_elsewhere() {
    let script = ImapScript::new()
        .mail("INBOX", b"Subject: first\r\n\r\nx\r\n")
        .mail("Work", b"Subject: second\r\n\r\nx\r\n");
    let sim = ImapSim::start(script);
    let choice = Choice {
        tested: true,
        ..Choice::default()
    };
    let mut follower = Follower::simulated(&sim, choice).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    let said = |word: &str, folder: &str| {
        let log = sim.log().into_iter();
        log.filter(|line| line.contains(word) && line.contains(folder))
            .count()
    };
    let looked = || (said("EXAMINE", "INBOX"), said("EXAMINE", "Work"));
    let (rounds, before) = (said("LIST", ""), looked());
    sim.set_flags("Work", 1, &["\\Flagged"]);
    crate::follower::until("many rounds", async || said("LIST", "") >= rounds + 16).await;
    let view = follower.view().await;
    assert!(view["Work"][&1].0.contains("\\Flagged"), "{view:?}");
    let (inbox, work) = (looked().0 - before.0, looked().1 - before.1);
    assert!(inbox >= 12, "INBOX was looked at {inbox} times");
    assert!(
        work >= 1 && work * 2 <= inbox,
        "Work was looked at {work} times, INBOX {inbox} times"
    );
    follower.stop().await;
}
