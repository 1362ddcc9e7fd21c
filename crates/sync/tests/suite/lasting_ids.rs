//! Servers that name a message for life (EMAILID, RFC 8474): what was moved, or lay in a folder that began anew, is not fetched again.

use crate::follower::{Choice, Follower};
use mail_sim::{ImapScript, ImapSim};
use std::time::Duration;
use testkit::{Brand, Generator};
use tokio::time::Instant;

/// How often bytes of messages were asked for.
fn fetches(sim: &ImapSim) -> usize {
    let log = sim.log();
    log.iter()
        .filter(|line| line.contains("BODY.PEEK[]"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_begins_anew_is_not_fetched_again_where_messages_have_lasting_ids() {
    let script = ImapScript::new()
        .capabilities("IMAP4rev1 UIDPLUS IDLE OBJECTID")
        .mail("INBOX", b"Message-ID: <1@x>\r\nSubject: one\r\n\r\nx\r\n")
        .mail("INBOX", b"Message-ID: <2@x>\r\nSubject: two\r\n\r\ny\r\n");
    let sim = ImapSim::start(script);
    let mut follower = Follower::simulated(
        &sim,
        Choice {
            poll: Duration::from_millis(200),
            ..Choice::default()
        },
    )
    .await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    let before = (follower.view().await, fetches(&sim));
    sim.set_flags("INBOX", 2, &["\\Flagged"]);
    sim.set_uid_validity("INBOX", 2_000);
    follower.event("folder.reset", |_| true).await;
    let flagged = |e: &model::event::Event| e.data["flags"]["flagged"] == true;
    follower.event("message.changed", flagged).await;
    let end = Instant::now() + Duration::from_secs(10);
    while follower.view().await["INBOX"].len() < 2 {
        assert!(Instant::now() < end, "{:?}", follower.view().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(fetches(&sim), before.1, "{:?}", sim.log());
    let digests = |view: &testkit::Oracle| -> Vec<String> {
        view["INBOX"]
            .values()
            .map(|(_, digest)| digest.clone())
            .collect()
    };
    assert_eq!(digests(&follower.view().await), digests(&before.0));
    for (kind, count) in [
        ("message.received", 2),
        ("message.removed", 0),
        ("message.moved", 0),
    ] {
        assert_eq!(follower.count(kind).await, count, "{kind}");
    }
    follower.stop().await;
}

/// Cyrus has EMAILID: what another client moves out of the open folder keeps its id, whether or not it is fetched again.
#[tokio::test(flavor = "multi_thread")]
async fn equal_messages_that_another_client_moves_keep_their_ids_on_a_server_with_lasting_ids() {
    let server = Brand::Cyrus;
    let user = server.user("lastingids");
    user.seed("INBOX", Generator::new(151).take(4));
    user.seed("Archive", Generator::new(152).take(1));
    let path = server.path("Archive");
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let (client, to) = (user.clone(), path.clone());
    tokio::task::spawn_blocking(move || {
        let mut probe = testkit::ImapProbe::login(&client);
        probe.select("INBOX");
        probe.store("1", "+FLAGS", "\\Flagged");
        probe.copy_to("1", &to);
        probe.move_to("1:2", &to);
    })
    .await
    .expect("the second client");
    follower.in_step().await;
    assert_eq!(follower.servers_view().await[&path].len(), 4);
    let end = Instant::now() + Duration::from_secs(20);
    while follower.count("message.moved").await < 2 {
        assert!(Instant::now() < end, "{:?}", follower.events().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(follower.count("message.moved").await, 2);
    assert_eq!(
        follower.count("message.received").await + follower.count("message.sent").await,
        6
    );
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}
