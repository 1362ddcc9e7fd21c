//! Staying in step with what other clients do.

use crate::follower::{Choice, Follower, until};
use model::Timestamp;
use model::event::{Event, Origin};
use model::folder::Mode;
use model::mailbox::{Protocol, Security};
use testkit::{Brand, Fault, Generator, ImapProbe, Proxy, TestUser, deliver};

on_each_server!(
    new_mail_is_told_as_live,
    i14_flags_expunges_and_new_mail_arrive_together,
    i06_a_move_keeps_the_id_and_is_one_event,
    i07_folder_rename_keeps_the_folder_and_its_messages,
    the_first_message_of_a_folder_that_was_empty_is_news,
    a_folder_that_is_deleted_takes_its_messages_with_it,
    a_new_uidvalidity_keeps_message_ids_and_tells_no_new_mail,
    what_happened_while_we_were_away_is_filled_and_told,
    a_gap_is_told_with_its_whole_count_however_often_the_line_breaks,
    what_came_while_a_folder_was_switched_off_is_the_past,
    a_hole_is_found_and_filled_also_where_mail_is_wanted_since_a_day_only,
);

async fn act(user: &TestUser, work: impl FnOnce(&TestUser, &mut ImapProbe) + Send + 'static) {
    let user = user.clone();
    tokio::task::spawn_blocking(move || {
        let mut probe = ImapProbe::login(&user);
        work(&user, &mut probe);
    })
    .await
    .expect("the second client");
}

async fn follow(server: Brand, name: &str, seed: u64, count: usize) -> (TestUser, Follower) {
    let user = server.user(name);
    user.seed("INBOX", Generator::new(seed).take(count));
    let follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    (user, follower)
}

async fn new_mail_is_told_as_live(server: Brand) {
    let (user, mut follower) = follow(server, "live", 11, 5).await;
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

async fn i14_flags_expunges_and_new_mail_arrive_together(server: Brand) {
    let (user, mut follower) = follow(server, "mixed", 12, 30).await;
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

async fn i06_a_move_keeps_the_id_and_is_one_event(server: Brand) {
    let (user, mut follower) = follow(server, "move", 13, 12).await;
    let projects = server.path("Projects");
    let target = projects.clone();
    act(&user, move |_, probe| {
        probe.create(&target);
        probe.select("INBOX");
        probe.move_to("5", &target);
    })
    .await;
    let moved = follower.event("message.moved", |_| true).await;
    follower.in_step().await;
    assert_eq!(moved.data["folder_path"], projects);
    assert_eq!(follower.count("message.moved").await, 1);
    assert_eq!(follower.count("message.removed").await, 0);
    assert_eq!(follower.count("message.received").await, 12);
    follower.stop().await;
}

async fn i07_folder_rename_keeps_the_folder_and_its_messages(server: Brand) {
    let user = server.user("rename");
    user.seed("Old", Generator::new(14).take(25));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let received = follower.count("message.received").await;
    let (old, new) = (server.path("Old"), server.path("New"));
    let to = new.clone();
    act(&user, move |_, probe| assert!(probe.rename(&old, &to))).await;
    follower
        .event("folder.renamed", |e| e.data["path"] == new)
        .await;
    follower.in_step().await;
    assert_eq!(follower.count("message.received").await, received);
    assert_eq!(follower.count("message.moved").await, 0);
    follower.stop().await;
}

async fn the_first_message_of_a_folder_that_was_empty_is_news(server: Brand) {
    let user = server.user("firstever");
    user.seed("INBOX", Generator::new(19).take(3));
    let quiet = server.path("Quiet");
    let made = quiet.clone();
    act(&user, move |_, probe| probe.create(&made)).await;
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let (into, raw) = (quiet.clone(), b"Subject: first ever\r\n\r\nx\r\n");
    act(&user, move |_, probe| {
        probe.append(&into, "", "", raw);
    })
    .await;
    let event = follower
        .event("message.received", |e| e.data["subject"] == "first ever")
        .await;
    assert_eq!(event.origin.as_str(), "live");
    assert_eq!(event.data["folder_path"], quiet);
    follower.in_step().await;
    follower.stop().await;
}

async fn a_folder_that_is_deleted_takes_its_messages_with_it(server: Brand) {
    let user = server.user("folderdel");
    user.seed("Gone", Generator::new(15).take(6));
    user.seed("INBOX", Generator::new(16).take(2));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let gone = server.path("Gone");
    act(&user, move |_, probe| probe.delete(&gone)).await;
    follower.event("folder.removed", |_| true).await;
    follower.in_step().await;
    follower.event("message.removed", |_| true).await;
    assert_eq!(follower.count("message.removed").await, 6);
    follower.stop().await;
}

async fn a_new_uidvalidity_keeps_message_ids_and_tells_no_new_mail(server: Brand) {
    let user = server.user("validity");
    user.seed("Box", Generator::new(17).take(20));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    follower.stop().await;
    let received = follower.count("message.received").await;
    user.forget_uids("Box");
    follower.go();
    follower.event("folder.reset", |_| true).await;
    follower.in_step().await;
    assert_eq!(follower.count("message.received").await, received);
    assert_eq!(follower.count("message.removed").await, 0);
    assert_eq!(follower.count("message.moved").await, 0);
    follower.stop().await;
}

async fn what_happened_while_we_were_away_is_filled_and_told(server: Brand) {
    let (user, mut follower) = follow(server, "away", 18, 20).await;
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

async fn a_gap_is_told_with_its_whole_count_however_often_the_line_breaks(server: Brand) {
    let user = server.user("brokengap");
    user.seed("INBOX", Generator::new(23).take(5));
    let imap = Proxy::start(server.imap_port());
    let pop3 = Proxy::start(server.pop3_port());
    for (protocol, proxy) in [(Protocol::Imap, imap), (Protocol::Pop3, pop3)] {
        let choice = Choice {
            protocol,
            port: proxy.port(),
            security: Security::None,
            ..Choice::default()
        };
        let mut follower = Follower::start(&user, choice).await;
        let stored = async |follower: &Follower| {
            let view = follower.view().await;
            view.get("INBOX").map_or(0, |contents| contents.len())
        };
        follower.event("mailbox.backfill_completed", |_| true).await;
        follower.stop().await;
        let before = stored(&follower).await;
        user.seed("INBOX", Generator::new(24).mean_size(600).take(900));
        // Some batches come through, and never all.
        proxy.set(Fault::CutAfter(700_000));
        follower.go();
        until("some of it is stored", async || {
            stored(&follower).await > before
        })
        .await;
        follower.crash().await;
        assert!(stored(&follower).await < before + 900);
        proxy.set(Fault::None);
        follower.go();
        let gap = follower.event("mailbox.gap_filled", |_| true).await;
        assert_eq!(gap.data["messages"], 900, "{protocol:?}");
        follower.stop().await;
        assert_eq!(follower.count("mailbox.gap_filled").await, 1);
    }
}

async fn what_came_while_a_folder_was_switched_off_is_the_past(server: Brand) {
    let user = server.user("switchedoff");
    user.seed("Box", Generator::new(22).take(4));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.in_step().await;
    let folder = server.path("Box");
    let known = store::folders::known(&follower.store, &follower.mailbox.id).await;
    let mut known = known.expect("folders").into_iter();
    let id = known.find(|known| known.path == folder).expect("Box").id;
    let switch = async |mode: Mode| {
        let change = store::folders::Change {
            mode: Some(mode),
            ..store::folders::Change::default()
        };
        let changed = store::folders::change(&follower.store, &id, change).await;
        changed.expect("the mode");
    };
    switch(Mode::Off).await;
    let into = folder.clone();
    act(&user, move |_, probe| {
        for i in 0..3 {
            let raw = format!("Subject: meanwhile {i}\r\n\r\nx\r\n");
            probe.append(&into, "", "01-Feb-2026 10:00:00 +0000", raw.as_bytes());
        }
    })
    .await;
    switch(Mode::Full).await;
    follower.in_step().await;
    act(&user, move |_, probe| {
        probe.append(&folder, "", "", b"Subject: afterwards\r\n\r\nx\r\n");
    })
    .await;
    let subject = |event: &Event| event.data["subject"].as_str().unwrap_or("").to_owned();
    let news = follower.event("message.received", |e| subject(e) == "afterwards");
    assert_eq!(news.await.origin, Origin::Live);
    let told = follower.events().await;
    let meanwhile = told.iter().filter(|e| subject(e).starts_with("meanwhile"));
    let origins: Vec<Origin> = meanwhile.map(|event| event.origin).collect();
    assert_eq!(origins, [Origin::Backfill; 3]);
    follower.stop().await;
}

async fn a_hole_is_found_and_filled_also_where_mail_is_wanted_since_a_day_only(server: Brand) {
    let user = server.user("holesince");
    user.seed("INBOX", Generator::new(19).take(6));
    let choice = Choice {
        fetch_since: Some(Timestamp(0)),
        ..Choice::on(server)
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
