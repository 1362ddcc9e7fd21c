//! Folders of which only the headers are stored, and the way from there to whole messages and back.

use crate::follower::{Choice, Follower};
use mail_sim::{ImapScript, ImapSim};
use model::folder::Mode;
use model::message::Message;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{folders, messages};
use testkit::{Brand, Generator};

on_each_server!(
    a_watched_folder_has_headers_and_becomes_whole_with_the_same_ids,
    a_message_that_moves_out_of_a_watched_folder_keeps_its_id,
    a_watched_folder_with_new_uids_keeps_its_headers_and_ids,
    headers_that_a_crash_interrupts_are_not_lost_and_not_doubled,
    messages_above_the_size_limit_are_headers_until_they_are_wanted,
    i22_a_header_of_megabytes_is_stored_where_only_headers_are_wanted,
);

const SEEDED: usize = 30;

/// A mailbox of which INBOX is whole and Work is watched.
async fn watching(server: Brand, name: &str) -> (testkit::TestUser, Follower, String) {
    let user = server.user(name);
    user.seed("INBOX", Generator::new(61).take(5));
    user.seed("Work", Generator::new(62).take(SEEDED));
    let choice = Choice {
        monitored: Some(vec!["INBOX".to_owned()]),
        ..Choice::on(server)
    };
    let follower = Follower::start(&user, choice).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    let known = folders::known(&follower.store, &follower.mailbox.id).await;
    let known = known.expect("the folders");
    let work = known.iter().find(|folder| folder.path.ends_with("Work"));
    let id = work.expect("the folder").id.clone();
    mode(&follower, &id, Mode::Watch).await;
    until(&follower, &id, |all| all.len() == SEEDED).await;
    (user, follower, id)
}

async fn mode(follower: &Follower, folder_id: &str, mode: Mode) {
    let change = folders::Change {
        mode: Some(mode),
        ..folders::Change::default()
    };
    let changed = folders::change(&follower.store, folder_id, change).await;
    changed.expect("the mode");
}

async fn all(follower: &Follower, folder_id: &str) -> Vec<Message> {
    let filter = messages::Filter {
        folder_id: Some(folder_id.to_owned()),
        ..messages::Filter::default()
    };
    let page = messages::list(&follower.store, filter, None, 500).await;
    page.expect("a page").messages
}

async fn until(follower: &Follower, folder_id: &str, fits: impl Fn(&[Message]) -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let now = all(follower, folder_id).await;
        if fits(&now) {
            return;
        }
        let whole = now.iter().filter(|message| message.complete).count();
        assert!(
            tokio::time::Instant::now() < end,
            "{} messages, {whole} of them whole",
            now.len()
        );
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

fn ids(all: &[Message]) -> BTreeMap<String, i64> {
    all.iter().map(|m| (m.id.clone(), m.size)).collect()
}

async fn a_watched_folder_has_headers_and_becomes_whole_with_the_same_ids(server: Brand) {
    let (_user, mut follower, work) = watching(server, "watched").await;
    let before = all(&follower, &work).await;
    assert!(before.iter().all(|message| !message.complete));
    let told = follower.events().await;
    let told: Vec<_> = told
        .iter()
        .filter(|e| e.kind == "message.received" && e.data["folder_id"] == work.as_str())
        .collect();
    assert_eq!(told.len(), SEEDED);
    assert!(told.iter().all(|event| event.data["complete"] == false));

    // One of them is asked for.
    let one = before[3].id.clone();
    messages::ask(&follower.store, &one).await.expect("asked");
    let whole = |all: &[Message]| all.iter().any(|m| m.id == one && m.complete);
    until(&follower, &work, whole).await;
    let others = all(&follower, &work).await;
    assert_eq!(others.iter().filter(|m| m.complete).count(), 1);
    let said = follower.event("message.changed", |_| true).await;
    assert_eq!(said.data["message_id"], one.as_str());
    assert_eq!(said.data["complete"], true);
    let raw = messages::raw(&follower.store, &one).await.expect("raw");
    assert!(raw.complete);

    // And then all of them: the bytes are the server's, the ids and sizes what they were.
    mode(&follower, &work, Mode::Full).await;
    follower.in_step().await;
    let after = all(&follower, &work).await;
    assert_eq!(ids(&after), ids(&before));
    assert!(after.iter().all(|message| message.complete));
    assert_eq!(follower.count("message.received").await, 5 + SEEDED);
    assert_eq!(follower.count("message.changed").await, SEEDED);

    // What is there stays when the folder is only watched again.
    mode(&follower, &work, Mode::Watch).await;
    follower.in_step().await;
    assert!(all(&follower, &work).await.iter().all(|m| m.complete));
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}

async fn a_message_that_moves_out_of_a_watched_folder_keeps_its_id(server: Brand) {
    let (user, mut follower, work) = watching(server, "unwatched").await;
    let before = all(&follower, &work).await;
    let mover = user.clone();
    let folder = before[0].folders[0].path.clone();
    let uid = *follower.view().await[&folder].keys().next().unwrap();
    let acting = tokio::task::spawn_blocking(move || {
        let mut probe = testkit::ImapProbe::login(&mover);
        probe.select(&folder);
        probe.move_to(&uid.to_string(), "INBOX");
    });
    acting.await.expect("moved");
    let moved = follower.event("message.moved", |_| true).await;
    let id = moved.data["message_id"].as_str().unwrap().to_owned();
    assert!(before.iter().any(|message| message.id == id));
    let now = messages::get(&follower.store, &id).await.expect("it");
    assert!(now.complete, "the folder where it lies now is whole");
    assert_eq!(follower.count("message.removed").await, 0);
    assert_eq!(follower.count("message.received").await, 5 + SEEDED);
    follower.stop().await;
}

async fn a_watched_folder_with_new_uids_keeps_its_headers_and_ids(server: Brand) {
    let (user, mut follower, work) = watching(server, "rewatched").await;
    let before = all(&follower, &work).await;
    let one = before[7].id.clone();
    messages::ask(&follower.store, &one).await.expect("asked");
    until(&follower, &work, |all| all.iter().any(|m| m.complete)).await;
    let before = all(&follower, &work).await;
    follower.stop().await;
    user.forget_uids("Work");
    follower.go();
    follower.event("folder.reset", |_| true).await;
    until(&follower, &work, |all| all.len() == SEEDED).await;
    let after = all(&follower, &work).await;
    assert_eq!(ids(&after), ids(&before));
    // What was whole has come as a header, and is known again by what both say.
    let whole: Vec<&str> = after
        .iter()
        .filter(|m| m.complete)
        .map(|m| &*m.id)
        .collect();
    assert_eq!(whole, [one.as_str()]);
    assert_eq!(follower.count("message.received").await, 5 + SEEDED);
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}

async fn headers_that_a_crash_interrupts_are_not_lost_and_not_doubled(server: Brand) {
    let user = server.user("crashwatch");
    user.seed("INBOX", Generator::new(63).take(400));
    let mut follower = Follower::start(&user, Choice::on(server)).await;
    follower.event("folder.created", |_| true).await;
    let known = folders::known(&follower.store, &follower.mailbox.id).await;
    let known = known.expect("the folders");
    let inbox = known.iter().find(|folder| folder.path == "INBOX");
    let inbox = inbox.expect("INBOX").id.clone();
    mode(&follower, &inbox, Mode::Watch).await;
    for goal in [50, 150] {
        while all(&follower, &inbox).await.len() < goal {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        follower.crash().await;
        follower.go();
    }
    until(&follower, &inbox, |all| all.len() == 400).await;
    mode(&follower, &inbox, Mode::Full).await;
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while all(&follower, &inbox)
        .await
        .iter()
        .filter(|m| m.complete)
        .count()
        < 100
    {
        assert!(tokio::time::Instant::now() < end, "the rest does not come");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    follower.crash().await;
    follower.go();
    follower.in_step().await;
    assert_eq!(follower.count("message.received").await, 400);
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}

/// A letter of about so many octets.
fn letter(subject: &str, octets: usize) -> Vec<u8> {
    let line = "All work and no play makes a long letter of it, line by line.\r\n";
    let mut text = format!(
        "From: Bob <bob@example.com>\r\nTo: ann@example.com\r\nSubject: {subject}\r\n\
         Message-ID: <{}@example.com>\r\nDate: Fri, 02 Jan 2026 03:04:05 +0000\r\n\r\n",
        subject.replace(' ', ".")
    );
    while text.len() < octets {
        text.push_str(line);
    }
    text.into_bytes()
}

/// Whether exactly what is above the limit is a header, and how far the mailbox says it is.
async fn divided(follower: &Follower, inbox: &str, limit: i64, wanted: usize) {
    until(follower, inbox, |all| all.len() == wanted).await;
    let now = all(follower, inbox).await;
    for message in &now {
        assert_eq!(message.complete, message.size <= limit, "{}", message.size);
    }
    let large = now.iter().filter(|m| !m.complete).count();
    assert!(large > 0 && large < now.len(), "{large} of {}", now.len());
    let coverage = follower.now().await.coverage;
    assert_eq!(coverage.state.as_str(), "complete");
    assert_eq!(
        (coverage.done, coverage.total),
        (wanted as i64, wanted as i64)
    );
}

async fn messages_above_the_size_limit_are_headers_until_they_are_wanted(server: Brand) {
    let user = server.user("sizelimit");
    let choice = Choice {
        size_limit: Some(20_000),
        ..Choice::on(server)
    };
    above_the_limit(user, choice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_pop3_too_messages_above_the_size_limit_are_headers_until_they_are_wanted() {
    let choice = Choice {
        protocol: model::mailbox::Protocol::Pop3,
        port: testkit::servers().pop3s_port,
        size_limit: Some(20_000),
        ..Choice::default()
    };
    above_the_limit(testkit::user("sizelimit3"), choice).await;
}

async fn above_the_limit(user: testkit::TestUser, choice: Choice) {
    const LIMIT: i64 = 20_000;
    for n in 0..12 {
        let octets = if n % 3 == 0 { 60_000 } else { 5_000 };
        testkit::deliver(&user, &letter(&format!("letter {n}"), octets));
    }
    let mut follower = Follower::start(&user, choice).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    let known = folders::known(&follower.store, &follower.mailbox.id).await;
    let known = known.expect("the folders");
    let inbox = known.iter().find(|folder| folder.path == "INBOX");
    let inbox = inbox.expect("INBOX").id.clone();
    divided(&follower, &inbox, LIMIT, 12).await;

    // New mail too.
    testkit::deliver(&user, &letter("late and long", 90_000));
    testkit::deliver(&user, &letter("late and short", 1_000));
    until(&follower, &inbox, |all| all.len() == 14).await;
    divided(&follower, &inbox, LIMIT, 14).await;
    let before = all(&follower, &inbox).await;

    // One is asked for, above the limit as it is.
    let one = before.iter().find(|message| !message.complete);
    let one = one.expect("a large one").id.clone();
    messages::ask(&follower.store, &one).await.expect("asked");
    let whole = |all: &[Message]| all.iter().any(|m| m.id == one && m.complete);
    until(&follower, &inbox, whole).await;

    // A higher limit for the folder, and then none at all.
    let change = folders::Change {
        size_limit: Some(Some(70_000)),
        ..folders::Change::default()
    };
    let changed = folders::change(&follower.store, &inbox, change).await;
    assert_eq!(changed.expect("the limit").size_limit, Some(70_000));
    let only_one_left = |all: &[Message]| all.iter().filter(|m| !m.complete).count() <= 1;
    until(&follower, &inbox, only_one_left).await;
    let none = folders::Change {
        size_limit: Some(None),
        ..folders::Change::default()
    };
    folders::change(&follower.store, &inbox, none)
        .await
        .expect("no limit");
    let change = store::mailboxes::Change {
        size_limit: Some(None),
        ..store::mailboxes::Change::default()
    };
    let changed = store::mailboxes::change(&follower.store, &follower.mailbox.id, change, None);
    changed.await.expect("no limit");
    until(&follower, &inbox, |all| all.iter().all(|m| m.complete)).await;
    let after = all(&follower, &inbox).await;
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(follower.count("message.received").await, 14);
    follower.stop().await;
}

/// Twenty headers of 600 kB are more than is held at once: those that found no room are asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn long_headers_are_held_a_few_at_a_time() {
    let mut script = ImapScript::new();
    for n in 0..20 {
        let mut mail = format!("Message-ID: <{n}@long>\r\nSubject: {n}\r\n");
        while mail.len() < 600_000 {
            mail.push_str(
                "X-Trace: a line that some gateway has written, and the next one too\r\n",
            );
        }
        mail.push_str("\r\nthe body\r\n");
        script = script.mail("INBOX", mail.as_bytes());
    }
    let sim = ImapSim::start(script);
    let choice = Choice {
        tested: true,
        size_limit: Some(1_000),
        ..Choice::default()
    };
    let mut follower = Follower::simulated(&sim, choice).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    assert_eq!(follower.view().await["INBOX"].len(), 20);
    assert_eq!(follower.count("message.received").await, 20);
    let log = sim.log();
    let asked = log.iter().filter(|line| line.contains("BODY.PEEK[HEADER]"));
    let sets: Vec<&str> = asked.filter_map(|line| line.split(' ').nth(3)).collect();
    // 8 MB: thirteen of them.
    assert_eq!(sets, ["1:20", "14:20"]);
    follower.stop().await;
}

async fn i22_a_header_of_megabytes_is_stored_where_only_headers_are_wanted(server: Brand) {
    let user = server.user("long header");
    let mut header = b"Subject: long\r\nMessage-ID: <long@header.test>\r\n".to_vec();
    for n in 0..40_000 {
        header.extend(format!("X-Line-{n}: {}\r\n", "x".repeat(50)).bytes());
    }
    header.extend(b"\r\n");
    let whole = [&header[..], b"And a body.\r\n"].concat();
    let mail = whole.clone();
    crate::pop3::act(&user, move |_, probe| {
        probe.append("INBOX", "", "", &mail);
    })
    .await;
    let choice = Choice {
        size_limit: Some(1_000),
        ..Choice::on(server)
    };
    let mut follower = Follower::start(&user, choice).await;
    let came = follower.event("message.received", |e| e.data["subject"] == "long");
    let id = came.await.data["message_id"].clone();
    let id = id.as_str().expect("an id").to_owned();
    let stored = async || {
        let raw = messages::raw(&follower.store, &id).await.expect("raw");
        let bytes = follower.store.blobs.read(&raw.place, u64::MAX).await;
        (raw.complete, bytes.expect("the bytes"))
    };
    let (complete, bytes) = stored().await;
    assert!(!complete);
    assert!(bytes == header, "{} of {}", bytes.len(), header.len());
    messages::ask(&follower.store, &id).await.expect("asked");
    crate::pop3::until("it is whole", async || {
        stored().await == (true, whole.clone())
    })
    .await;
    assert_eq!(follower.count("message.unreadable").await, 0);
    follower.stop().await;
}
