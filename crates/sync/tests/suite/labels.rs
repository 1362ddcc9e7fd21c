//! A server with labels (Gmail): one message in several folders is one message.

use crate::follower::{Choice, Follower};
use mail_sim::{ImapScript, ImapSim};
use model::mailbox::Security;
use model::message::Message;
use std::time::Duration;
use store::messages::Filter;
use testkit::TestUser;
use tokio::time::Instant;

const PROJECTS: &str = "Projects";
const AT_ONCE: Duration = Duration::from_secs(10);
const FIRST: &[u8] = b"Message-ID: <1@x>\r\nSubject: first\r\n\r\nx\r\n";
const SECOND: &[u8] = b"Message-ID: <2@x>\r\nSubject: second\r\n\r\ny\r\n";

async fn start(capabilities: &str, script: ImapScript) -> (ImapSim, Follower) {
    let sim = ImapSim::start(script.capabilities(capabilities));
    let user = TestUser {
        address: "ann@simulated.test".to_owned(),
        password: mail_sim::PASSWORD.to_owned(),
    };
    let choice = Choice {
        port: sim.port(),
        security: Security::None,
        poll: Duration::from_millis(200),
        ..Choice::default()
    };
    let follower = Follower::start(&user, choice).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    (sim, follower)
}

fn two_messages() -> ImapScript {
    ImapScript::new()
        .labelled_mail(
            &["INBOX", PROJECTS, "Work"],
            &["\\Inbox", "Work", "Projects"],
            FIRST,
        )
        .labelled_mail(&[PROJECTS], &["Projects"], SECOND)
}

async fn messages(follower: &Follower) -> Vec<Message> {
    let page = store::messages::list(&follower.store, Filter::default(), None, 100).await;
    page.expect("a page").messages
}

fn folders(message: &Message) -> Vec<&str> {
    let mut paths: Vec<&str> = message.folders.iter().map(|f| f.path.as_str()).collect();
    paths.sort_unstable();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_with_two_labels_is_one_message_in_three_folders() {
    let capabilities = "IMAP4rev1 UIDPLUS CONDSTORE IDLE SPECIAL-USE X-GM-EXT-1";
    let (_sim, mut follower) = start(capabilities, two_messages()).await;
    let stored = messages(&follower).await;
    assert_eq!(stored.len(), 2, "{stored:?}");
    let first = stored.iter().find(|m| m.head.contains("first")).unwrap();
    assert_eq!(folders(first), ["INBOX", PROJECTS, "Work"]);
    assert!(first.labels.contains(&"\\Inbox".to_owned()), "{first:?}");
    assert!(first.labels.contains(&"Work".to_owned()), "{first:?}");
    assert_eq!(follower.count("message.received").await, 2);
    // What the events say of its folders is what is stored.
    let events = follower.events().await;
    let last = events
        .iter()
        .rfind(|e| e.kind == "message.moved" && e.data["message_id"] == first.id.as_str())
        .expect("its further places");
    assert_eq!(last.data["folders"].as_array().map(Vec::len), Some(3));
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_leaves_the_inbox_stays_under_its_other_labels() {
    let capabilities = "IMAP4rev1 UIDPLUS CONDSTORE IDLE SPECIAL-USE X-GM-EXT-1";
    let (sim, mut follower) = start(capabilities, two_messages()).await;
    sim.set_labels("INBOX", 1, &["Work", "Projects"]);
    let end = Instant::now() + AT_ONCE;
    loop {
        let stored = messages(&follower).await;
        let first = stored.iter().find(|m| m.head.contains("first")).unwrap();
        if folders(first) == [PROJECTS, "Work"] {
            break;
        }
        assert!(Instant::now() < end, "{first:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let events = follower.events().await;
    let left = events.iter().rfind(|e| e.kind == "message.moved").unwrap();
    assert_eq!(left.data["folders"].as_array().map(Vec::len), Some(2));
    assert_eq!(follower.count("message.removed").await, 0);
    assert_eq!(follower.count("message.received").await, 2);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_with_one_lasting_id_but_flags_of_their_own_are_messages_of_their_own() {
    let capabilities = "IMAP4rev1 UIDPLUS IDLE OBJECTID";
    let (_sim, mut follower) = start(capabilities, two_messages()).await;
    assert_eq!(messages(&follower).await.len(), 4);
    follower.stop().await;
}
