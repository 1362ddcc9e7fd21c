//! Staying in step with what other clients do.

use crate::follower::{Choice, Follower};
use model::Timestamp;
use testkit::{Generator, ImapProbe, TestUser, deliver, user};

async fn act(user: &TestUser, work: impl FnOnce(&TestUser, &mut ImapProbe) + Send + 'static) {
    let user = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = ImapProbe::login(&user);
        work(&user, &mut probe);
    })
    .await
    .expect("the second client");
}

async fn follow(name: &str, seed: u64, count: usize) -> (TestUser, Follower) {
    let user = user(name);
    user.seed("INBOX", Generator::new(seed).take(count));
    let follower = Follower::start(&user, Choice::default()).await;
    follower.in_step().await;
    (user, follower)
}

#[tokio::test(flavor = "multi_thread")]
async fn new_mail_is_told_as_live() {
    let (user, mut follower) = follow("live", 11, 5).await;
    act(&user, |user, _| {
        deliver(user, b"From: a@b.test\r\nSubject: Fresh\r\n\r\nnew\r\n")
    })
    .await;
    let event = follower
        .event("message.received", |e| e.data["subject"] == "Fresh")
        .await;
    assert_eq!(event.origin.as_str(), "live");
    assert_eq!(event.data["folder_role"], "inbox");
    follower.in_step().await;
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_expunges_and_new_mail_arrive_together() {
    let (user, mut follower) = follow("mixed", 12, 30).await;
    act(&user, |user, probe| {
        probe.select("INBOX");
        probe.store("1:4", "+FLAGS", "\\Flagged $Label1");
        probe.store("2", "-FLAGS", "\\Flagged");
        probe.remove("10:12");
        deliver(user, b"Subject: one more\r\n\r\nx\r\n");
    })
    .await;
    follower.in_step().await;
    follower.event("message.removed", |_| true).await;
    assert_eq!(follower.count("message.removed").await, 3);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_keeps_the_id_and_is_one_event() {
    let (user, mut follower) = follow("move", 13, 12).await;
    act(&user, |_, probe| {
        probe.create("Projects");
        probe.select("INBOX");
        probe.move_to("5", "Projects");
    })
    .await;
    let moved = follower.event("message.moved", |_| true).await;
    follower.in_step().await;
    assert_eq!(moved.data["folder_path"], "Projects");
    assert_eq!(follower.count("message.moved").await, 1);
    assert_eq!(follower.count("message.removed").await, 0);
    assert_eq!(follower.count("message.received").await, 12);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_rename_keeps_the_folder_and_its_messages() {
    let user = user("rename");
    user.seed("Old", Generator::new(14).take(25));
    let mut follower = Follower::start(&user, Choice::default()).await;
    follower.in_step().await;
    let received = follower.count("message.received").await;
    act(&user, |_, probe| probe.rename("Old", "New")).await;
    follower
        .event("folder.renamed", |e| e.data["path"] == "New")
        .await;
    follower.in_step().await;
    assert_eq!(follower.count("message.received").await, received);
    assert_eq!(follower.count("message.moved").await, 0);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_deleted_takes_its_messages_with_it() {
    let user = user("folderdel");
    user.seed("Gone", Generator::new(15).take(6));
    user.seed("INBOX", Generator::new(16).take(2));
    let mut follower = Follower::start(&user, Choice::default()).await;
    follower.in_step().await;
    act(&user, |_, probe| probe.delete("Gone")).await;
    follower.event("folder.removed", |_| true).await;
    follower.in_step().await;
    follower.event("message.removed", |_| true).await;
    assert_eq!(follower.count("message.removed").await, 6);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_uidvalidity_keeps_message_ids_and_tells_no_new_mail() {
    let user = user("validity");
    user.seed("Box", Generator::new(17).take(20));
    let mut follower = Follower::start(&user, Choice::default()).await;
    follower.in_step().await;
    follower.stop().await;
    let received = follower.count("message.received").await;
    // The server forgets its UIDs: they are given out anew under another UIDVALIDITY.
    let list = user.maildir().join(".Box/dovecot-uidlist");
    std::fs::remove_file(&list).expect("the UID list");
    for index in ["dovecot.index", "dovecot.index.log", "dovecot.index.cache"] {
        let _ = std::fs::remove_file(user.maildir().join(".Box").join(index));
    }
    follower.go();
    follower.event("folder.reset", |_| true).await;
    follower.in_step().await;
    assert_eq!(follower.count("message.received").await, received);
    assert_eq!(follower.count("message.removed").await, 0);
    assert_eq!(follower.count("message.moved").await, 0);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_we_were_away_is_filled_and_told() {
    let (user, mut follower) = follow("away", 18, 20).await;
    follower.stop().await;
    act(&user, |user, probe| {
        for i in 0..7 {
            deliver(user, format!("Subject: away {i}\r\n\r\nx\r\n").as_bytes());
        }
        probe.select("INBOX");
        probe.remove("1:2");
        probe.store("3", "+FLAGS", "\\Answered");
    })
    .await;
    follower.go();
    let gap = follower.event("mailbox.gap_filled", |_| true).await;
    assert_eq!(gap.data["messages"], 7);
    follower.in_step().await;
    let caught_up = follower.events().await;
    let caught_up = caught_up
        .iter()
        .filter(|e| e.kind == "message.received" && e.origin.as_str() == "catch_up");
    assert_eq!(caught_up.count(), 7);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_is_found_and_filled_also_where_mail_is_wanted_since_a_day_only() {
    let user = user("holesince");
    user.seed("INBOX", Generator::new(19).take(6));
    let choice = Choice {
        fetch_since: Some(Timestamp(0)),
        ..Choice::default()
    };
    let mut follower = Follower::start(&user, choice).await;
    follower.in_step().await;
    follower.stop().await;
    // As if two messages had been taken for known that were not.
    let sql = "UPDATE folders SET high_uid = high_uid + 2 WHERE path = 'INBOX'";
    let skip = move |tx: &mut store::Tx<'_>| tx.exec(sql, &[]);
    follower.store.db.write(skip).await.expect("the cursor");
    act(&user, |user, _| {
        for i in 0..2 {
            deliver(user, format!("Subject: hole {i}\r\n\r\nx\r\n").as_bytes());
        }
    })
    .await;
    follower.go();
    follower.in_step().await;
    follower.stop().await;
}
