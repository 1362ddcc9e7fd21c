//! The first copy, and coming back to it.

use crate::follower::{Choice, Follower};
use model::Timestamp;
use model::mailbox::Security;
use testkit::{Brand, Generator, servers, user};

on_each_server!(
    everything_is_stored_and_each_message_has_one_event,
    a_restart_fetches_and_tells_nothing_again,
    only_mail_since_the_date_is_fetched,
    a_crash_in_the_middle_loses_and_doubles_nothing,
);

async fn everything_is_stored_and_each_message_has_one_event(server: Brand) {
    let user = server.user("everything");
    user.seed("INBOX", Generator::new(1).take(450));
    user.seed("Work/2024", Generator::new(2).take(30));
    user.seed("Sent", Generator::new(3).take(20));
    user.seed("Trash", Generator::new(4).take(5));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let events = follower.events().await;
    let received = events
        .iter()
        .filter(|e| e.kind == "message.received")
        .count();
    let sent = events.iter().filter(|e| e.kind == "message.sent").count();
    assert_eq!((received, sent), (480, 20));
    assert!(
        events
            .iter()
            .filter(|e| e.kind == "message.received")
            .all(|e| e.origin.as_str() == "backfill")
    );
    follower.event("mailbox.backfill_completed", |_| true).await;
    follower.stop().await;
}

async fn a_restart_fetches_and_tells_nothing_again(server: Brand) {
    let user = server.user("restart");
    user.seed("INBOX", Generator::new(5).take(60));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    follower.stop().await;
    let before = follower.events().await.len();
    follower.go();
    follower.event("mailbox.live", |_| true).await;
    follower.in_step().await;
    follower.stop().await;
    let after: Vec<_> = follower.events().await.split_off(before);
    assert!(
        after.iter().all(|e| e.kind.starts_with("mailbox.")),
        "{after:?}"
    );
}

async fn only_mail_since_the_date_is_fetched(server: Brand) {
    let user = server.user("since");
    user.seed("INBOX", Generator::new(6).take(100));
    let dates: Vec<i64> = Generator::new(6)
        .take(100)
        .map(|mail| mail.internal_date)
        .collect();
    // IMAP searches by day: a boundary that no message is near to.
    let since = Timestamp::parse("2024-01-01").unwrap();
    let choice = Choice {
        fetch_since: Some(since),
        ..Choice::on(server)
    };
    let mut follower = Follower::start(&user, choice).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    let stored = follower.view().await.get("INBOX").map_or(0, |c| c.len());
    let day = 86_400;
    let surely = dates
        .iter()
        .filter(|date| **date > since.seconds() + day)
        .count();
    let perhaps = dates
        .iter()
        .filter(|date| **date > since.seconds() - day)
        .count();
    assert!(
        (surely..=perhaps).contains(&stored),
        "{surely} <= {stored} <= {perhaps}"
    );
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_server_without_extensions_is_kept_in_step_too() {
    let user = user("basic");
    user.seed("INBOX", Generator::new(7).take(40));
    user.seed("Projects", Generator::new(8).take(10));
    let choice = Choice {
        port: servers().basic_imap_port,
        security: Security::None,
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    follower.in_step().await;
    let user2 = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = testkit::ImapProbe::login(&user2);
        probe.select("INBOX");
        probe.store("3:5", "+FLAGS", "$Label1");
        probe.remove("7:9");
        probe.move_to("12", "Projects");
        testkit::deliver(&user2, b"Subject: new\r\n\r\nhello\r\n");
    })
    .await
    .unwrap();
    follower.in_step().await;
    follower.event("message.removed", |_| true).await;
    assert_eq!(follower.count("message.moved").await, 1);
    assert_eq!(follower.count("message.removed").await, 3);
    assert_eq!(follower.count("message.changed").await, 3);
    follower.stop().await;
}

async fn a_crash_in_the_middle_loses_and_doubles_nothing(server: Brand) {
    let user = server.user("crash");
    user.seed("INBOX", Generator::new(9).take(700));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    for round in 1..=3 {
        // A little further each time, then the work is cut off wherever it is.
        let goal = round * 100;
        while follower.view().await.get("INBOX").map_or(0, |c| c.len()) < goal {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        follower.crash().await;
        follower.go();
    }
    follower.in_step().await;
    assert_eq!(follower.count("message.received").await, 700);
    follower.stop().await;
}
