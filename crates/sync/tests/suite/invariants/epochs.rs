//! What a folder is, by its UIDVALIDITY: 2, 3 and 4.

use super::{act, dovecot_saying, follow, through, with_number};
use crate::follower::{Choice, Follower};
use crate::pop3::until;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use store::folders;
use testkit::{Generator, ImapProbe, Proxy, TestUser, deliver, user};

#[tokio::test(flavor = "multi_thread")]
async fn i02_a_uidvalidity_that_is_other_for_one_session_only_fetches_nothing_again() {
    let user = user("i02");
    user.seed("INBOX", Generator::new(102).take(80));
    user.seed("Archive/Old", Generator::new(202).take(20));
    let (sessions, lies) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
    let told = Arc::clone(&lies);
    let proxy = dovecot_saying(move |line| {
        if line.starts_with("* OK [CAPABILITY") {
            sessions.fetch_add(1, Ordering::SeqCst);
        }
        if sessions.load(Ordering::SeqCst) != 2 {
            return None;
        }
        let other = with_number(line, "UIDVALIDITY ", |number| number - 5);
        told.fetch_add(u64::from(other.is_some()), Ordering::SeqCst);
        other
    });
    let choice = Choice {
        tested: true,
        ..through(&proxy)
    };
    let mut follower = Follower::start(&user, choice).await;
    follower.in_step().await;
    follower.stop().await;
    let first = proxy.bytes_to_client();
    act(&user, |user, _| {
        deliver(user, b"Subject: meanwhile\r\n\r\nx\r\n")
    })
    .await;
    follower.go();
    follower
        .event("message.received", |e| e.data["subject"] == "meanwhile")
        .await;
    follower.in_step().await;
    assert!(lies.load(Ordering::SeqCst) >= 3);
    let again = proxy.bytes_to_client() - first;
    assert!(again < first / 5, "{again} bytes after {first}");
    assert_eq!(follower.count("folder.reset").await, 0);
    assert_eq!(follower.count("message.received").await, 101);
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}

/// Another folder of the same name, whose messages have the same UIDs.
fn make_again(user: &TestUser, seed: u64) {
    let mut probe = ImapProbe::login(user);
    probe.delete("Again");
    probe.create("Again");
    for mail in Generator::new(seed).take(4) {
        probe.append("Again", "", "", &mail.raw);
    }
}

/// A proxy behind which the folder is made again at the first line that fits, once it is armed.
fn making_again_at(
    user: &TestUser,
    fits: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> (Proxy, Arc<AtomicBool>) {
    let (user, armed) = (user.clone(), Arc::new(AtomicBool::new(false)));
    let is_armed = Arc::clone(&armed);
    let proxy = dovecot_saying(move |line| {
        if is_armed.load(Ordering::SeqCst) && fits(line) {
            make_again(&user, 303);
            is_armed.store(false, Ordering::SeqCst);
        }
        None
    });
    (proxy, armed)
}

#[tokio::test(flavor = "multi_thread")]
async fn i03_a_folder_that_is_made_again_between_list_and_fetch_is_another_one() {
    for (name, word) in [("list", "* STATUS Again"), ("bodies", " BODY[] {")] {
        let user = user(&format!("i03 {name}"));
        user.seed("Again", Generator::new(103).take(4));
        let (proxy, armed) = making_again_at(&user, move |line| line.contains(word));
        let mut follower = follow(&user, &proxy).await;
        follower.in_step().await;
        follower.stop().await;
        // Something to fetch.
        act(&user, |_, probe| {
            probe.append("Again", "", "", b"Subject: the fifth\r\n\r\nx\r\n");
        })
        .await;
        armed.store(true, Ordering::SeqCst);
        follower.go();
        until("made again", || async { !armed.load(Ordering::SeqCst) }).await;
        follower.in_step().await;
        assert_eq!(follower.view().await["Again"].len(), 4, "{name}");
        follower.stop().await;
    }
}

/// What was said so far of a folder that does not rest.
#[derive(Default)]
struct Said {
    connections: u64,
    number: u64,
    /// The connection that was told this number first.
    first: u64,
    /// EXISTS of the folder that is being opened.
    messages: u64,
}

/// Gives a folder another UIDVALIDITY: each time the one before was believed, or with every connection.
fn restless(believed: bool, calm: &Arc<AtomicBool>) -> Proxy {
    let (calm, said) = (Arc::clone(calm), Mutex::new(Said::default()));
    dovecot_saying(move |line| {
        let mut said = said.lock().expect("one line at a time");
        if line.starts_with("* OK [CAPABILITY") {
            said.connections += 1;
        }
        let exists = line
            .strip_prefix("* ")
            .and_then(|line| line.strip_suffix(" EXISTS\r\n"));
        if let Some(number) = exists.and_then(|number| number.parse().ok()) {
            said.messages = number;
        }
        // SELECT does not repeat the folder's name: the one with three messages is meant.
        let opened = line.starts_with("* OK [UIDVALIDITY") && said.messages == 3;
        if calm.load(Ordering::SeqCst) || !(opened || line.contains("Restless")) {
            return None;
        }
        if !believed && said.first < said.connections {
            (said.number, said.first) = (said.number + 1, said.connections);
        }
        let told = 1_000 + said.number;
        if believed && opened && said.first < said.connections {
            (said.number, said.first) = (said.number + 1, said.connections);
        }
        with_number(line, "UIDVALIDITY ", |_| told)
    })
}

async fn restless_folder(follower: &Follower) -> Option<model::folder::Folder> {
    let all = folders::list(&follower.store, &follower.mailbox.id).await;
    let mut all = all.expect("the folders").into_iter();
    all.find(|folder| folder.path == "Restless")
}

async fn is_parked(follower: &Follower) -> bool {
    let folder = restless_folder(follower).await;
    folder.is_some_and(|folder| folder.problem_id.is_some())
}

/// The folder is parked, the others go on, and a wish by hand is the way back.
async fn it_alone_is_left(follower: &Follower, user: &TestUser, calm: impl Fn()) {
    until("parked", || is_parked(follower)).await;
    let folder = restless_folder(follower).await.expect("the folder");
    assert_eq!(folder.problem_id.as_deref(), Some("uid_validity_unstable"));
    assert!(folder.tried_again_at.is_some());
    let resets = follower.count("folder.reset").await;
    act(user, |user, _| {
        deliver(user, b"Subject: still heard\r\n\r\nx\r\n")
    })
    .await;
    follower
        .event("message.received", |e| e.data["subject"] == "still heard")
        .await;
    assert_eq!(follower.count("mailbox.interrupted").await, 0);
    assert_eq!(follower.count("folder.reset").await, resets);
    calm();
    folders::resync(&follower.store, &follower.mailbox.id)
        .await
        .expect("asked for");
    follower.in_step().await;
    until("settled", || async { !is_parked(follower).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i04_a_folder_that_changes_its_identity_again_and_again_does_not_stop_the_others() {
    let user = user("i04");
    user.seed("INBOX", Generator::new(104).take(5));
    user.seed("Restless", Generator::new(105).take(3));
    let calm = Arc::new(AtomicBool::new(true));
    let proxy = restless(true, &calm);
    let mut follower = follow(&user, &proxy).await;
    follower.in_step().await;
    calm.store(false, Ordering::SeqCst);
    it_alone_is_left(&follower, &user, || calm.store(true, Ordering::SeqCst)).await;
    assert!(follower.count("folder.reset").await >= 5);
    assert_eq!(follower.count("message.received").await, 9);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i04_a_folder_that_is_another_one_on_each_connection_is_left_alone_and_kept() {
    let user = user("i04 each");
    user.seed("INBOX", Generator::new(104).take(5));
    user.seed("Restless", Generator::new(105).take(3));
    let calm = Arc::new(AtomicBool::new(true));
    let proxy = restless(false, &calm);
    let mut follower = follow(&user, &proxy).await;
    follower.in_step().await;
    calm.store(false, Ordering::SeqCst);
    it_alone_is_left(&follower, &user, || calm.store(true, Ordering::SeqCst)).await;
    assert_eq!(follower.count("folder.reset").await, 0);
    assert_eq!(follower.count("message.received").await, 9);
    follower.stop().await;
}
