//! What a message is: 1.

use super::{act, follow};
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
