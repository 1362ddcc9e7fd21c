//! Conversations as they come over the wire: in the wrong order, under another subject, without references, and as the
//! provider has them.

use crate::follower::{Choice, Follower};
use mail_sim::{ImapScript, ImapSim};
use std::collections::{BTreeMap, BTreeSet};
use store::messages::Filter;

const PLAIN: &str = "IMAP4rev1 UIDPLUS CONDSTORE IDLE SPECIAL-USE";
const GMAIL: &str = "IMAP4rev1 UIDPLUS CONDSTORE IDLE SPECIAL-USE X-GM-EXT-1";
const OBJECT_IDS: &str = "IMAP4rev1 UIDPLUS CONDSTORE IDLE SPECIAL-USE OBJECTID";

/// A message with this name as its Message-ID.
fn letter(name: &str, from: &str, to: &str, subject: &str, further: &str) -> String {
    format!(
        "Message-ID: <{name}@x.test>\r\nFrom: {from}@x.test\r\nTo: {to}@x.test\r\nSubject: {subject}\r\n{further}\r\n{name}\r\n"
    )
}

async fn follow(sim: &ImapSim) -> Follower {
    let follower = Follower::simulated(sim, Choice::default()).await;
    follower.event("mailbox.backfill_completed", |_| true).await;
    follower
}

/// The names of the messages of each conversation.
async fn conversations(follower: &Follower) -> BTreeSet<BTreeSet<String>> {
    let page = store::messages::list(&follower.store, Filter::default(), None, 100).await;
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in page.expect("a page").messages {
        let head: serde_json::Value = serde_json::from_str(&message.head).expect("a head");
        let id = head["internet_message_id"].as_str().expect("a Message-ID");
        let name = id.split('@').next().unwrap_or_default().to_owned();
        found.entry(message.thread_id).or_default().insert(name);
    }
    found.into_values().collect()
}

fn sets(groups: &[&[&str]]) -> BTreeSet<BTreeSet<String>> {
    let set = |group: &&[&str]| group.iter().map(|name| (*name).to_owned()).collect();
    groups.iter().map(set).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_known_by_references_and_by_their_subject_alone_and_a_new_subject_is_a_new_conversation()
 {
    let answer = letter(
        "answer",
        "bob",
        "ann",
        "Re: Crane offer",
        "In-Reply-To: <question@x.test>\r\n",
    );
    let other = letter(
        "other",
        "bob",
        "ann",
        "Holidays",
        "In-Reply-To: <question@x.test>\r\n",
    );
    let lone = letter("lone", "bob", "ann", "AW: crane offer", "");
    let bounce = letter(
        "bounce",
        "mailer-daemon",
        "ann",
        "Undelivered Mail Returned to Sender",
        "In-Reply-To: <question@x.test>\r\nAuto-Submitted: auto-replied\r\n",
    );
    let mut script = ImapScript::new().capabilities(PLAIN);
    for mail in [&answer, &other, &lone, &bounce] {
        script = script.mail("INBOX", mail.as_bytes());
    }
    let sim = ImapSim::start(script);
    let mut follower = follow(&sim).await;
    // Without the question only the two answers, which are about the same, can be told to belong together.
    let before = sets(&[&["answer", "lone"], &["other"], &["bounce"]]);
    assert_eq!(conversations(&follower).await, before);
    let question = letter("question", "ann", "bob", "Crane offer", "");
    sim.deliver("INBOX", question.as_bytes());
    let received = follower
        .event("message.received", |event| {
            event.data["internet_message_id"] == "question@x.test"
        })
        .await;
    let whole = sets(&[&["question", "answer", "lone", "bounce"], &["other"]]);
    assert_eq!(conversations(&follower).await, whole);
    // Two conversations turned out to be one: those who knew the other id are told.
    let merged = follower
        .event("message.changed", |event| {
            event.data["thread_id"] == received.data["thread_id"]
        })
        .await;
    assert_ne!(merged.data["thread_id_before"], merged.data["thread_id"]);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_has_in_one_conversation_is_in_one_here() {
    for capabilities in [GMAIL, OBJECT_IDS] {
        let mut script = ImapScript::new().capabilities(capabilities);
        for (name, subject, conversation) in [
            ("first", "Crane offer", 7),
            ("second", "What I forgot", 7),
            ("third", "Crane offer", 8),
        ] {
            let further = format!("X-Conversation: {conversation}\r\n");
            let mail = letter(name, "ann", "bob", subject, &further);
            script = script.mail("INBOX", mail.as_bytes());
        }
        let sim = ImapSim::start(script);
        let mut follower = follow(&sim).await;
        let expected = sets(&[&["first", "second"], &["third"]]);
        assert_eq!(conversations(&follower).await, expected, "{capabilities}");
        follower.stop().await;
    }
}
