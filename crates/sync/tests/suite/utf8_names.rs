//! Names of folders in UTF-8 (UTF8=ACCEPT, IMAP4rev2): the folders, their ids and their messages are the same whether or not a
//! connection was switched to it, also where the server names a folder in no proper form.

use crate::follower::{Choice, Follower};
use crate::owed::message_at;
use mail_sim::{ImapScript, ImapSim};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

const PLAIN: &str = "IMAP4rev1 SASL-IR LITERAL+ IDLE UIDPLUS ENABLE AUTH=PLAIN";
/// As the simulator keeps them, and as people read them. Nobody encoded the ampersand of the last one.
const FOLDERS: [(&str, &str); 6] = [
    ("INBOX", "INBOX"),
    ("Gr&APwA3w-e", "Grüße"),
    ("R&-D", "R&D"),
    ("&U,BTFw-/&ZeVnLIqe-", "台北/日本語"),
    ("&2D3c7A-", "📬"),
    ("AT&T", "AT&T"),
];

fn letter(folder: usize, n: usize) -> Vec<u8> {
    format!("Message-ID: <{folder}.{n}@utf8>\r\nSubject: {folder} {n}\r\n\r\nx\r\n").into_bytes()
}

async fn ids(follower: &Follower) -> BTreeMap<String, String> {
    let folders = store::folders::list(&follower.store, &follower.mailbox.id).await;
    let folders = folders.expect("folders").into_iter();
    folders.map(|folder| (folder.path, folder.id)).collect()
}

/// Waits until each folder has so many messages.
async fn until_each_has(follower: &Follower, count: usize) {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        let view = follower.view().await;
        let has = |path: &str| view.get(path).map_or(0, BTreeMap::len);
        if FOLDERS.iter().all(|(_, path)| has(path) == count) {
            return;
        }
        assert!(Instant::now() < end, "{count}: {view:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One connection after the other, with these capabilities each.
async fn the_folders_stay_what_they_are(offered: &[&str]) {
    let mut script = ImapScript::new().capabilities(&format!("{PLAIN} {}", offered[0]));
    for (n, (kept, _)) in FOLDERS.iter().enumerate() {
        script = script.mail(kept, &letter(n, 0));
    }
    let sim = ImapSim::start(script);
    let choice = Choice {
        tested: true,
        poll: Duration::from_millis(200),
        ..Choice::default()
    };
    let mut follower = Follower::simulated(&sim, choice).await;
    until_each_has(&follower, 1).await;
    let before = ids(&follower).await;
    let paths: Vec<&str> = before.keys().map(String::as_str).collect();
    let mut expected: Vec<&str> = FOLDERS.iter().map(|(_, path)| *path).collect();
    expected.sort_unstable();
    assert_eq!(paths, expected);
    for (n, words) in offered.iter().enumerate().skip(1) {
        follower.stop().await;
        sim.set_capabilities(&format!("{PLAIN} {words}"));
        for (folder, (kept, _)) in FOLDERS.iter().enumerate() {
            sim.deliver(kept, &letter(folder, n));
        }
        follower.go();
        until_each_has(&follower, n + 1).await;
        assert_eq!(ids(&follower).await, before, "{words}");
    }
    for (kind, count) in [
        ("folder.created", FOLDERS.len()),
        ("folder.renamed", 0),
        ("folder.removed", 0),
        ("folder.reset", 0),
        ("message.received", FOLDERS.len() * offered.len()),
        ("message.removed", 0),
        ("message.moved", 0),
    ] {
        assert_eq!(follower.count(kind).await, count, "{kind}");
    }
    // Each connection spoke as it had to.
    let log = sim.log();
    let named = |name: &str| log.iter().any(|line| line.contains(&format!("\"{name}\"")));
    assert!(named("Grüße") && named("Gr&APwA3w-e"), "{log:?}");
    // Each body was fetched once.
    let fetches = log.iter().filter(|line| line.contains("BODY.PEEK[]"));
    assert_eq!(fetches.count(), FOLDERS.len() * offered.len());
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_learns_utf8_has_the_same_folders() {
    the_folders_stay_what_they_are(&["", "UTF8=ACCEPT", "", "IMAP4rev2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgets_utf8_has_the_same_folders() {
    the_folders_stay_what_they_are(&["UTF8=ACCEPT", "", "IMAP4rev2 UTF8=ACCEPT"]).await;
}

/// Folders are made, renamed and deleted, and messages moved, by the names that the connection speaks.
#[tokio::test(flavor = "multi_thread")]
async fn changes_in_folders_are_owed_by_the_names_that_the_server_speaks() {
    for offered in ["", "UTF8=ACCEPT"] {
        let script = ImapScript::new()
            .capabilities(&format!("{PLAIN} MOVE {offered}"))
            .mail("INBOX", &letter(0, 0))
            .folder("Gr&APwA3w-e");
        let sim = ImapSim::start(script);
        let choice = Choice {
            tested: true,
            poll: Duration::from_millis(200),
            ..Choice::default()
        };
        let mut follower = Follower::simulated(&sim, choice).await;
        follower.event("message.received", |_| true).await;
        let target = ids(&follower).await["Grüße"].clone();
        let message = message_at(&follower, 1).await;
        let owed = store::owed::move_to(&follower.store, &message, &target).await;
        owed.expect("it is owed");
        follower.event("message.moved", |_| true).await;
        let there = sim.contents();
        assert_eq!((there["INBOX"].len(), there["Gr&APwA3w-e"].len()), (0, 1));
        follower.stop().await;
    }
}
