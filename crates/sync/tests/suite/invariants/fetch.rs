//! How messages are fetched: 23 and 25.

use super::{dovecot_saying, follow, with_number};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use testkit::{Generator, user};

#[tokio::test(flavor = "multi_thread")]
async fn i23_a_size_that_lies_costs_no_message() {
    for lie in [0, 77, 4_000_000] {
        let user = user(&format!("i23 {lie}"));
        user.seed("INBOX", Generator::new(123).take(30));
        let proxy = dovecot_saying(move |line| with_number(line, "RFC822.SIZE ", |_| lie));
        let mut follower = follow(&user, &proxy).await;
        follower.in_step().await;
        assert_eq!(follower.count("message.unreadable").await, 0, "{lie}");
        follower.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i25_flags_told_unasked_between_bodies_are_not_taken_for_an_answer() {
    let told = Arc::new(AtomicU64::new(0));
    let telling = Arc::clone(&told);
    let proxy = dovecot_saying(move |line| {
        (line.starts_with("* ") && line.contains(" BODY[] {")).then(|| {
            telling.fetch_add(1, Ordering::SeqCst);
            // Without a UID, of a message beside it, and of one that is not in the set at all.
            format!("* 2 FETCH (FLAGS (\\Answered))\r\n* 900 FETCH (UID 9000 FLAGS ())\r\n{line}")
        })
    });
    let user = user("i25");
    user.seed("INBOX", Generator::new(125).take(30));
    let mut follower = follow(&user, &proxy).await;
    follower.in_step().await;
    assert!(told.load(Ordering::SeqCst) >= 30);
    assert_eq!(follower.count("message.received").await, 30);
    assert_eq!(follower.count("message.unreadable").await, 0);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i25_flags_told_between_bodies_are_applied_while_the_bodies_still_come() {
    let user = user("i25 at once");
    user.seed("INBOX", Generator::new(225).take(600));
    // Of the newest message, which is stored with the first batch; nobody has set the flag, so that no look finds it.
    let bodies = AtomicU64::new(0);
    let proxy = dovecot_saying(move |line| {
        let body = line.starts_with("* ") && line.contains(" BODY[] {");
        let told = body && bodies.fetch_add(1, Ordering::SeqCst) == 250;
        told.then(|| format!("* 600 FETCH (UID 600 FLAGS ($Told))\r\n{line}"))
    });
    let mut follower = follow(&user, &proxy).await;
    let changed = follower.event("message.changed", |_| true).await;
    let received = || async { follower.count("message.received").await == 600 };
    crate::pop3::until("all bodies", received).await;
    let kinds: Vec<String> = follower
        .events()
        .await
        .into_iter()
        .map(|e| e.kind)
        .collect();
    let place = |kind: &str, last: bool| match last {
        true => kinds.iter().rposition(|k| k == kind),
        false => kinds.iter().position(|k| k == kind),
    };
    assert!(place("message.changed", false) < place("message.received", true));
    assert_eq!(changed.data["flags"]["keywords"][0], "$Told");
    follower.stop().await;
}
