//! What becomes of the originals of a maildrop: left, deleted when the copy is safe, told apart under a
//! reused id, and matched when the mailbox changes to IMAP and back.

use crate::follower::{Choice, Follower};
use crate::pop3::{
    act, another_round, change_protocol, in_step, pop3s, set_protocol, stored, until,
};
use mail_sim::{Pop3Fault, Pop3Script, Pop3Sim};
use model::mailbox::{Protocol, Security};
use std::collections::BTreeMap;
use testkit::{Brand, Generator, TestUser, deliver, user};

on_each_server!(
    what_is_stored_is_deleted_from_the_server_when_the_mailbox_says_so,
    mail_that_only_we_have_outlives_a_change_to_imap_and_back,
    a_mailbox_that_goes_from_pop3_to_imap_keeps_its_ids_and_takes_the_flags_over,
);

const DAY_MS: i64 = 24 * 3600 * 1000;

fn mail(i: usize) -> Vec<u8> {
    let text = format!(
        "From: a@b.test\r\nMessage-ID: <{i}@b.test>\r\nSubject: Mail {i:03}\r\n\r\nText\r\n"
    );
    text.into_bytes()
}

fn sim_with(mails: usize) -> Pop3Script {
    (0..mails).fold(Pop3Script::new(), |script, i| script.mail(&mail(i)))
}

/// Follows a simulated maildrop.
async fn follow(sim: &Pop3Sim, name: &str, delete_after_days: Option<u32>) -> Follower {
    let user = TestUser {
        password: mail_sim::PASSWORD.to_owned(),
        ..user(name)
    };
    let choice = Choice {
        port: sim.port(),
        security: Security::None,
        tested: true,
        delete_after_days,
        ..pop3s(Brand::Dovecot)
    };
    Follower::start(&user, choice).await
}

/// Makes everything that is stored so much older.
async fn age(follower: &Follower, days: i64) {
    follower
        .store
        .db
        .write(move |tx| {
            let sql = "UPDATE pop3_uids SET noted_at = noted_at - $1";
            tx.exec(sql, &[(days * DAY_MS).into()])
        })
        .await
        .expect("older");
}

/// Our ids of the messages, with their digests.
async fn ids(follower: &Follower) -> BTreeMap<String, String> {
    let read = follower.store.db.read(|tx| {
        let sql = "SELECT id, digest FROM messages WHERE vanished_at IS NULL";
        let rows = tx.rows(sql, &[])?;
        rows.iter()
            .map(|row| Ok((row.get(0)?, row.get(1)?)))
            .collect()
    });
    read.await.expect("the messages")
}

async fn what_is_stored_is_deleted_from_the_server_when_the_mailbox_says_so(server: Brand) {
    let user = server.user("pop3delete");
    user.seed("INBOX", Generator::new(51).take(60));
    let choice = Choice {
        delete_after_days: Some(0),
        ..pop3s(server)
    };
    let mut follower = Follower::start(&user, choice).await;
    until("the server is empty", || async {
        let there = follower.servers_view().await;
        there.get("INBOX").is_none_or(BTreeMap::is_empty)
    })
    .await;
    assert_eq!(stored(&follower).await.len(), 60);
    act(&user, |user, _| {
        deliver(user, b"Subject: one more\r\n\r\nx\r\n");
    })
    .await;
    let event = follower
        .event("message.received", |e| e.data["subject"] == "one more")
        .await;
    assert_eq!(event.origin.as_str(), "live");
    until("the server is empty again", || async {
        let there = follower.servers_view().await;
        there.get("INBOX").is_none_or(BTreeMap::is_empty)
    })
    .await;
    another_round(&follower).await;
    assert_eq!(stored(&follower).await.len(), 61);
    assert_eq!(follower.count("message.received").await, 61);
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_stays_on_the_server_for_as_many_days_as_the_mailbox_says() {
    let sim = Pop3Sim::start(sim_with(5));
    let mut follower = follow(&sim, "pop3days", Some(3)).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    age(&follower, 2).await;
    another_round(&follower).await;
    another_round(&follower).await;
    assert_eq!(sim.unique_ids().len(), 5);
    sim.deliver("new", &mail(77));
    follower
        .event("message.received", |e| e.data["subject"] == "Mail 077")
        .await;
    age(&follower, 1).await;
    until("the old ones are deleted", || async {
        sim.unique_ids() == ["new"]
    })
    .await;
    another_round(&follower).await;
    assert_eq!(sim.unique_ids(), ["new"]);
    assert_eq!(stored(&follower).await.len(), 6);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i42_without_an_answer_to_quit_nothing_counts_as_deleted() {
    let sim = Pop3Sim::start(sim_with(12).fault(Pop3Fault::CloseAt("QUIT")));
    let mut follower = follow(&sim, "pop3quit", Some(0)).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    let quits = || sim.log().iter().filter(|line| *line == "QUIT").count();
    until("some rounds", || async { quits() >= 3 }).await;
    assert_eq!(sim.unique_ids().len(), 12);
    sim.set_faults(&[]);
    until("deleted", || async { sim.unique_ids().is_empty() }).await;
    assert_eq!(stored(&follower).await.len(), 12);
    assert_eq!(follower.count("message.received").await, 12);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_cut_short_is_never_deleted() {
    let sim = Pop3Sim::start(sim_with(12).fault(Pop3Fault::CutIn("Mail 004")));
    let mut follower = follow(&sim, "pop3cut", Some(0)).await;
    until("the others are deleted", || async {
        sim.unique_ids() == ["uid-5"]
    })
    .await;
    another_round(&follower).await;
    assert_eq!(sim.unique_ids(), ["uid-5"]);
    assert_eq!(stored(&follower).await.len(), 11);
    // The server has mended it, and a person asks to try again.
    sim.set_faults(&[]);
    let id = follower.mailbox.id.clone();
    let failures = store::failures::list(&follower.store, &id, None, 10).await;
    for failure in &failures.expect("the ledger") {
        store::failures::retry(&follower.store, &id, &failure.id)
            .await
            .expect("again");
    }
    until("deleted", || async { sim.unique_ids().is_empty() }).await;
    assert_eq!(stored(&follower).await.len(), 12);
    assert_eq!(follower.count("message.received").await, 12);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_without_ids_is_deleted_when_it_is_stored() {
    let sim = Pop3Sim::start(sim_with(6).mail(&mail(0)).fault(Pop3Fault::NoUidl));
    let mut follower = follow(&sim, "pop3noiddel", Some(0)).await;
    until("deleted", || async { sim.unique_ids().is_empty() }).await;
    assert_eq!(stored(&follower).await.len(), 7);
    sim.deliver("x", &mail(50));
    until("deleted", || async { sim.unique_ids().is_empty() }).await;
    assert_eq!(stored(&follower).await.len(), 8);
    assert_eq!(follower.count("message.received").await, 8);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_message_under_an_old_id_is_fetched_as_a_new_one() {
    let sim = Pop3Sim::start(sim_with(5));
    let mut follower = follow(&sim, "pop3reuse", None).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    another_round(&follower).await;
    sim.remove("uid-2");
    let larger = [mail(88), b"and more\r\n".to_vec()].concat();
    sim.deliver("uid-2", &larger);
    follower
        .event("message.received", |e| e.data["subject"] == "Mail 088")
        .await;
    assert_eq!(stored(&follower).await.len(), 6);
    assert_eq!(follower.count("message.received").await, 6);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_message_of_the_same_size_under_an_old_id_is_found_by_an_audit() {
    let sim = Pop3Sim::start(sim_with(5));
    let mut follower = follow(&sim, "pop3reuseaudit", None).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    another_round(&follower).await;
    sim.remove("uid-2");
    sim.deliver("uid-2", &mail(9));
    another_round(&follower).await;
    assert_eq!(stored(&follower).await.len(), 5);
    store::completeness::ask(&follower.store, &follower.mailbox.id, false)
        .await
        .expect("asked");
    follower
        .event("message.received", |e| e.data["subject"] == "Mail 009")
        .await;
    assert_eq!(stored(&follower).await.len(), 6);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_message_of_the_same_size_under_an_old_id_is_not_deleted_unread() {
    for fault in [None, Some(Pop3Fault::NoTop)] {
        let sim = Pop3Sim::start(sim_with(5));
        sim.set_faults(fault.as_slice());
        let mut follower = follow(&sim, "pop3reusedel", Some(5)).await;
        follower.event("mailbox.backfill_completed", |_| true).await;
        another_round(&follower).await;
        sim.remove("uid-2");
        sim.deliver("uid-2", &mail(9));
        another_round(&follower).await;
        age(&follower, 6).await;
        follower
            .event("message.received", |e| e.data["subject"] == "Mail 009")
            .await;
        until("the old ones are deleted", || async {
            sim.unique_ids() == ["uid-2"]
        })
        .await;
        assert_eq!(stored(&follower).await.len(), 6);
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_changes_makes_no_new_message() {
    let sim = Pop3Sim::start(sim_with(5));
    let mut follower = follow(&sim, "pop3resize", None).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    another_round(&follower).await;
    // Some servers write into a message that it was read.
    sim.remove("uid-2");
    let marked = [b"Status: RO\r\n".to_vec(), mail(1)].concat();
    sim.deliver("uid-2", &marked);
    another_round(&follower).await;
    another_round(&follower).await;
    let tops = || sim.log().iter().filter(|l| l.starts_with("TOP ")).count();
    assert_eq!(tops(), 1);
    assert_eq!(stored(&follower).await.len(), 5);
    assert_eq!(follower.count("message.received").await, 5);
    follower.stop().await;
}

async fn a_mailbox_that_goes_from_pop3_to_imap_keeps_its_ids_and_takes_the_flags_over(
    server: Brand,
) {
    let user = server.user("pop3toimap");
    user.seed("INBOX", Generator::new(52).take(40));
    let mut follower = Follower::start(&user, pop3s(server)).await;
    in_step(&follower).await;
    let before = ids(&follower).await;
    act(&user, |_, probe| {
        probe.select("INBOX");
        probe.store("1:3", "+FLAGS", "\\Flagged \\Answered");
    })
    .await;
    change_protocol(&follower, server, Protocol::Imap).await;
    follower.in_step().await;
    assert_eq!(ids(&follower).await, before);
    let view = follower.view().await;
    let flagged = view["INBOX"]
        .values()
        .filter(|(flags, _)| flags.contains("\\Flagged") && flags.contains("\\Answered"))
        .count();
    assert!(flagged >= 3, "{flagged} flagged");
    assert_eq!(follower.count("message.received").await, 40);
    change_protocol(&follower, server, Protocol::Pop3).await;
    in_step(&follower).await;
    assert_eq!(ids(&follower).await, before);
    assert_eq!(follower.count("message.received").await, 40);
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}

async fn mail_that_only_we_have_outlives_a_change_to_imap_and_back(server: Brand) {
    let user = server.user("pop3kept");
    user.seed("INBOX", Generator::new(53).take(20));
    let choice = Choice {
        delete_after_days: Some(0),
        ..pop3s(server)
    };
    let mut follower = Follower::start(&user, choice).await;
    until("the server is empty", || async {
        let there = follower.servers_view().await;
        there.get("INBOX").is_none_or(BTreeMap::is_empty)
    })
    .await;
    another_round(&follower).await;
    let before = ids(&follower).await;
    assert_eq!(before.len(), 20);
    // One of them comes back to the server by another way, and a new one comes.
    let again = Generator::new(53).take(1);
    user.seed("INBOX", again);
    act(&user, |user, _| {
        deliver(user, b"Subject: by IMAP\r\n\r\nx\r\n");
    })
    .await;
    follower.stop().await;
    set_protocol(&follower, server, Protocol::Imap).await;
    assert_eq!(follower.now().await.pop3_delete_after_days, None);
    follower.go();
    until("live", || async {
        follower.now().await.connection.state.as_str() == "live" && ids(&follower).await.len() == 21
    })
    .await;
    let after = ids(&follower).await;
    assert!(before.keys().all(|id| after.contains_key(id)));
    change_protocol(&follower, server, Protocol::Pop3).await;
    another_round(&follower).await;
    assert_eq!(ids(&follower).await, after);
    assert_eq!(stored(&follower).await.len(), 21);
    // Back at POP3, nothing is deleted until somebody says so again.
    assert_eq!(follower.servers_view().await["INBOX"].len(), 2);
    assert_eq!(follower.count("message.received").await, 21);
    assert_eq!(follower.count("message.removed").await, 0);
    let folders = store::folders::list(&follower.store, &follower.mailbox.id).await;
    let folders = folders.expect("the folders");
    let inbox = folders.iter().find(|f| f.path == "INBOX").expect("INBOX");
    assert_eq!(inbox.messages, 21);
    follower.stop().await;
}
