//! The message of a connection test is left out, and no other.

use crate::follower::{Choice, Follower};
use model::mailbox::{CoverageState, Protocol};
use std::time::Duration;
use testkit::{deliver, servers, user};

const NOTED: &str = "test_01k0000000000000000000noted@mail.example.com";

fn mail(subject: &str, message_id: &str) -> Vec<u8> {
    let test = message_id.split('@').next().unwrap_or_default();
    format!("From: <a@example.test>\r\nSubject: {subject}\r\nMessage-ID: <{message_id}>\r\nX-Postroom-Test: {test}\r\n\r\nx\r\n")
        .into_bytes()
}

async fn subjects(follower: &Follower) -> Vec<String> {
    let mut found: Vec<String> = follower
        .events()
        .await
        .iter()
        .filter(|event| event.kind == "message.received")
        .map(|event| {
            event.data["subject"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_noted_test_message_is_left_out_once_and_is_no_hole_and_mail_that_only_looks_so_comes_in()
{
    for protocol in [Protocol::Imap, Protocol::Pop3] {
        let user = user(&format!("testmessage {}", protocol.as_str()));
        deliver(&user, &mail("before", "1@example.test"));
        let port = match protocol {
            Protocol::Imap => servers().imaps_port,
            Protocol::Pop3 => servers().pop3s_port,
        };
        let choice = Choice {
            protocol,
            port,
            ..Choice::default()
        };
        let mut follower = Follower::start(&user, choice).await;
        follower.event("mailbox.backfill_completed", |_| true).await;
        store::test_messages::note(&follower.store, NOTED)
            .await
            .expect("the note");
        deliver(&user, &mail("the test", NOTED));
        deliver(&user, &mail("looks so", "test_01kunknown@mail.example.com"));
        follower
            .event("message.received", |e| e.data["subject"] == "looks so")
            .await;
        // A second one behind the same Message-ID hides nothing.
        deliver(&user, &mail("hides behind it", NOTED));
        follower
            .event("message.received", |e| {
                e.data["subject"] == "hides behind it"
            })
            .await;
        let expected = ["before", "hides behind it", "looks so"];
        assert_eq!(subjects(&follower).await, expected);

        // Looked through again from the beginning, and once more after a restart.
        store::folders::resync(&follower.store, &follower.mailbox.id)
            .await
            .expect("it begins");
        follower.event("mailbox.backfill_completed", |_| true).await;
        follower.stop().await;
        follower.go();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(subjects(&follower).await, expected);
        let now = follower.now().await;
        assert_eq!(now.coverage.state, CoverageState::Complete, "{now:#?}");
        assert_eq!(
            (now.coverage.holes, now.coverage.done, now.coverage.total),
            (0, 3, 3),
            "{now:#?}"
        );
        let listed = store::failures::list(&follower.store, &follower.mailbox.id, None, 10).await;
        assert_eq!(listed.expect("the ledger").len(), 0);
        assert_eq!(follower.count("message.unreadable").await, 0);
        follower.stop().await;
    }
}
