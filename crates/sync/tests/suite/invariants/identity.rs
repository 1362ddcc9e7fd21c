//! What a message and a folder are: 1 and 4.

use super::{act, dovecot_saying, follow, with_number};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store::folders;
use testkit::{Generator, Proxy, deliver, servers, user};

/// The bytes behind a UID are never asked for again, so that no second answer can take their place.
#[tokio::test(flavor = "multi_thread")]
async fn i01_bytes_that_are_stored_are_never_fetched_again() {
    let user = user("i01");
    user.seed("INBOX", Generator::new(101).take(100));
    let proxy = Proxy::start(servers().imap_port);
    let mut follower = follow(&user, &proxy).await;
    follower.in_step().await;
    let first = proxy.bytes_to_client();
    let before = follower.view().await;
    folders::resync(&follower.store, &follower.mailbox.id)
        .await
        .expect("asked for");
    act(&user, |user, _| {
        deliver(user, b"Subject: after it\r\n\r\nx\r\n")
    })
    .await;
    follower
        .event("message.received", |e| e.data["subject"] == "after it")
        .await;
    follower.in_step().await;
    let again = proxy.bytes_to_client() - first;
    assert!(again < first / 10, "{again} bytes after {first}");
    let now = follower.view().await;
    for (uid, message) in &before["INBOX"] {
        assert_eq!(now["INBOX"].get(uid), Some(message), "UID {uid}");
    }
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i04_a_folder_that_changes_its_identity_again_and_again_does_not_stop_the_others() {
    let user = user("i04");
    user.seed("INBOX", Generator::new(104).take(5));
    user.seed("Restless", Generator::new(105).take(3));
    let count = AtomicU64::new(1_000);
    let calm = Arc::new(AtomicBool::new(false));
    let is_calm = Arc::clone(&calm);
    // SELECT does not repeat the folder's name: the one with three messages is meant.
    let messages = AtomicU64::new(0);
    let proxy = dovecot_saying(move |line| {
        if line.ends_with(" EXISTS\r\n") {
            with_number(line, "* ", |number| {
                messages.store(number, Ordering::SeqCst);
                number
            });
        }
        if is_calm.load(Ordering::SeqCst) {
            return None;
        }
        let open = line.starts_with("* OK [UIDVALIDITY") && messages.load(Ordering::SeqCst) == 3;
        if !open && !line.contains("Restless") {
            return None;
        }
        with_number(line, "UIDVALIDITY ", |_| {
            count.fetch_add(1, Ordering::SeqCst)
        })
    });
    let mut follower = follow(&user, &proxy).await;
    follower.event("message.received", |_| true).await;
    let restless = || async {
        let all = store::folders::list(&follower.store, &follower.mailbox.id).await;
        let mut all = all.expect("the folders").into_iter();
        all.find(|folder| folder.path == "Restless")
            .expect("the folder")
    };
    crate::pop3::until("parked", || async { restless().await.problem_id.is_some() }).await;
    let parked = restless().await;
    assert_eq!(parked.problem_id.as_deref(), Some("uid_validity_unstable"));
    assert!(parked.tried_again_at.is_some());
    assert!(follower.count("folder.reset").await >= 4);
    let resets = follower.count("folder.reset").await;
    act(&user, |user, _| {
        deliver(user, b"Subject: still heard\r\n\r\nx\r\n")
    })
    .await;
    follower
        .event("message.received", |e| e.data["subject"] == "still heard")
        .await;
    // It alone is left: the connection stays, and the way back is a wish by hand.
    assert_eq!(follower.count("mailbox.interrupted").await, 0);
    assert_eq!(follower.count("folder.reset").await, resets);
    calm.store(true, Ordering::SeqCst);
    folders::resync(&follower.store, &follower.mailbox.id)
        .await
        .expect("asked for");
    follower.in_step().await;
    crate::pop3::until("settled", || async {
        restless().await.problem_id.is_none()
    })
    .await;
    follower.stop().await;
}
