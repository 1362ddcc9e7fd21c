//! Folders of which only the headers are stored, and the way from there to whole messages and back.

use crate::follower::{Choice, Follower};
use model::folder::Mode;
use model::message::Message;
use std::collections::BTreeMap;
use std::time::Duration;
use store::{folders, messages};
use testkit::{Brand, Generator};

on_each_server!(
    a_watched_folder_has_headers_and_becomes_whole_with_the_same_ids,
    a_message_that_moves_out_of_a_watched_folder_keeps_its_id,
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
