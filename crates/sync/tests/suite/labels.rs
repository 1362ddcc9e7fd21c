//! A server with labels (Gmail): one message in several folders is one message. And views of other folders, which double none.

use crate::follower::{Choice, Follower};
use mail_sim::{DnsScript, DnsSim, ImapScript, ImapSim};
use model::message::{LabelChange, Message};
use std::time::Duration;
use store::messages::Filter;
use tokio::time::Instant;

const PROJECTS: &str = "Projects";
const AT_ONCE: Duration = Duration::from_secs(10);
const FIRST: &[u8] = b"Message-ID: <1@x>\r\nSubject: first\r\n\r\nx\r\n";
const SECOND: &[u8] = b"Message-ID: <2@x>\r\nSubject: second\r\n\r\ny\r\n";

async fn start(capabilities: &str, script: ImapScript) -> (ImapSim, Follower) {
    start_as(capabilities, script, Choice::default()).await
}

async fn start_as(capabilities: &str, script: ImapScript, choice: Choice) -> (ImapSim, Follower) {
    let sim = ImapSim::start(script.capabilities(capabilities));
    let follower = Follower::simulated(
        &sim,
        Choice {
            poll: Duration::from_millis(200),
            ..choice
        },
    )
    .await;
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

const GMAIL: &str = "IMAP4rev1 UIDPLUS CONDSTORE IDLE SPECIAL-USE X-GM-EXT-1";

/// How many messages' bodies were asked for.
fn bodies(sim: &ImapSim) -> usize {
    let log = sim.log();
    let sets = log.iter().filter(|line| line.contains("BODY.PEEK[]"));
    let count = |part: &str| {
        let (first, last) = part.split_once(':').unwrap_or((part, part));
        let number = |text: &str| text.parse::<usize>().expect("a UID");
        number(last) + 1 - number(first)
    };
    sets.filter_map(|line| {
        line.split_whitespace()
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
    })
    .flat_map(|set| set.split(','))
    .map(count)
    .sum()
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + AT_ONCE;
    while !done().await {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_a_message_with_several_labels_are_fetched_once() {
    let (sim, mut follower) = start(GMAIL, two_messages()).await;
    assert_eq!(messages(&follower).await.len(), 2);
    for (label, count) in [("projects", 2), ("\\Inbox", 1), ("Project", 0)] {
        let label = Some(label.to_owned());
        let filter = Filter {
            label,
            ..Filter::default()
        };
        let page = store::messages::list(&follower.store, filter, None, 100).await;
        assert_eq!(page.expect("a page").messages.len(), count);
    }
    assert_eq!(bodies(&sim), 2, "{:?}", sim.log());
    // Also of new mail, and its places are counted.
    sim.deliver_labelled(
        &["INBOX", "Work"],
        &["\\Inbox", "Work"],
        b"Message-ID: <3@x>\r\nSubject: third\r\n\r\nz\r\n",
    );
    until("the third message lies in both folders", async || {
        let stored = messages(&follower).await;
        let third = stored.iter().find(|m| m.head.contains("third"));
        third.is_some_and(|m| folders(m) == ["INBOX", "Work"])
    })
    .await;
    assert_eq!(bodies(&sim), 3, "{:?}", sim.log());
    let listed = store::folders::list(&follower.store, &follower.mailbox.id).await;
    let counts: Vec<(String, i64, i64)> = listed
        .expect("folders")
        .into_iter()
        .map(|folder| (folder.path, folder.messages, folder.unread))
        .collect();
    let expected = [("INBOX", 2, 2), (PROJECTS, 2, 2), ("Work", 2, 2)];
    assert_eq!(
        counts,
        expected.map(|(path, all, unread)| (path.to_owned(), all, unread))
    );
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_begins_anew_tells_nothing_of_messages_that_are_there_again() {
    let (sim, mut follower) = start(GMAIL, two_messages()).await;
    let before = (
        follower.count("message.received").await,
        follower.count("message.moved").await,
    );
    for folder in ["INBOX", PROJECTS] {
        sim.set_uid_validity(folder, 2_000);
        follower
            .event("folder.reset", |e| e.data["path"] == folder)
            .await;
    }
    until("the messages are back in their folders", async || {
        let stored = messages(&follower).await;
        let mut all: Vec<Vec<&str>> = stored.iter().map(folders).collect();
        all.sort_unstable();
        all == [vec!["INBOX", PROJECTS, "Work"], vec![PROJECTS]]
    })
    .await;
    let after = (
        follower.count("message.received").await,
        follower.count("message.moved").await,
    );
    assert_eq!(before, after);
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_of_other_folders_double_no_message() {
    let views = ["Virtual/All", "Virtual/Marked", "Virtual/Important"];
    let script = ImapScript::new()
        .marked_folder(views[0], "\\HasNoChildren \\All")
        .marked_folder(views[1], "\\HasNoChildren \\Flagged")
        .marked_folder(views[2], "\\HasNoChildren \\Important")
        .labelled_mail(&["INBOX", views[0], views[1], views[2]], &[], FIRST)
        .labelled_mail(&[PROJECTS, views[0]], &[], SECOND);
    let (sim, mut follower) = start("IMAP4rev1 UIDPLUS IDLE SPECIAL-USE", script).await;
    assert_eq!(messages(&follower).await.len(), 2);
    sim.deliver_labelled(
        &["INBOX", views[0], views[2]],
        &[],
        b"Message-ID: <3@x>\r\nSubject: third\r\n\r\nz\r\n",
    );
    until("the third message", async || {
        messages(&follower).await.len() == 3
    })
    .await;
    assert_eq!(follower.count("message.received").await, 3);
    assert_eq!(bodies(&sim), 3, "{:?}", sim.log());
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_with_two_labels_is_one_message_in_three_folders() {
    let (_sim, mut follower) = start(GMAIL, two_messages()).await;
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
    let (sim, mut follower) = start(GMAIL, two_messages()).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn labels_that_the_application_changes_are_changed_on_the_server() {
    let (sim, mut follower) = start(GMAIL, two_messages()).await;
    let stored = messages(&follower).await;
    let first = stored.iter().find(|m| m.head.contains("first")).unwrap();
    assert!(first.takes_labels);
    let change = LabelChange {
        // "work" is on already, in other case.
        add: vec!["Später & mehr".to_owned(), "work".to_owned()],
        remove: vec!["\\Inbox".to_owned()],
    };
    store::owed::change_labels(&follower.store, &first.id, change)
        .await
        .expect("owed");
    let at_once = store::messages::get(&follower.store, &first.id).await;
    let wanted = [PROJECTS, "Später & mehr", "Work"];
    assert_eq!(at_once.expect("the message").labels, wanted);
    until("the message lies where its labels say", async || {
        let now = store::messages::get(&follower.store, &first.id).await;
        folders(&now.expect("the message")) == wanted
    })
    .await;
    assert!(sim.contents()["INBOX"].is_empty());
    let now = store::messages::get(&follower.store, &first.id).await;
    assert_eq!(now.expect("the message").labels, wanted);
    let told = follower.events().await;
    let told: Vec<_> = told
        .iter()
        .filter(|e| e.kind == "message.changed")
        .collect();
    assert_eq!(
        told.len(),
        1,
        "our own change comes back without a word: {told:?}"
    );
    assert_eq!(told[0].data["by"], "api");
    assert_eq!(told[0].data["labels_before"][0], "Projects");
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}

/// What somebody else put on in the same moment is a foreign change, and both stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_label_of_the_same_moment_is_told_and_stays() {
    let (sim, mut follower) = start(GMAIL, two_messages()).await;
    let stored = messages(&follower).await;
    let first = stored.iter().find(|m| m.head.contains("first")).unwrap();
    follower.stop().await;
    let change = LabelChange {
        add: vec!["Ours".to_owned()],
        remove: vec![],
    };
    store::owed::change_labels(&follower.store, &first.id, change)
        .await
        .expect("owed");
    sim.set_labels("INBOX", 1, &["Work", "Projects", "\\Inbox", "Theirs"]);
    follower.go();
    let theirs = |e: &model::event::Event| e.data["labels"].to_string().contains("Theirs");
    let told = follower.event("message.changed", theirs).await;
    assert!(told.data["by"].is_null(), "{told:?}");
    assert!(told.data["labels"].to_string().contains("Ours"), "{told:?}");
    until("both labels are there", async || {
        let now = store::messages::get(&follower.store, &first.id).await;
        now.expect("the message").labels == ["Ours", PROJECTS, "Theirs", "Work", "\\Inbox"]
    })
    .await;
    assert_eq!(sim.contents()["Ours"].len(), 1);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_labels_is_not_asked_to_change_them() {
    let script = ImapScript::new().mail("INBOX", FIRST);
    let (_sim, mut follower) = start("IMAP4rev1 UIDPLUS IDLE", script).await;
    let stored = messages(&follower).await;
    assert!(!stored[0].takes_labels);
    let change = LabelChange {
        add: vec!["Later".to_owned()],
        remove: vec![],
    };
    let refused = store::owed::change_labels(&follower.store, &stored[0].id, change).await;
    assert!(
        matches!(
            refused,
            Err(store::StoreError::Refused {
                problem_id: "labels_unsupported",
                ..
            })
        ),
        "{refused:?}"
    );
    follower.stop().await;
}

/// As Gmail's entry has it: what is archived has no label, and lies in All Mail alone.
#[tokio::test(flavor = "multi_thread")]
async fn archived_mail_stays_where_the_provider_wants_all_mail_stored() {
    const ALL: &str = "[Gmail]/All Mail";
    let script = ImapScript::new()
        .marked_folder(ALL, "\\HasNoChildren \\All")
        .labelled_mail(&["INBOX", ALL], &["\\Inbox"], FIRST)
        .labelled_mail(&[ALL], &[], SECOND);
    let dns = DnsSim::start(DnsScript::new().address("imap.gmail.com", "127.0.0.1"));
    let choice = Choice {
        host: "imap.gmail.com",
        dns: Some(dns.address()),
        ..Choice::default()
    };
    let (sim, mut follower) = start_as(GMAIL, script, choice).await;
    let stored = messages(&follower).await;
    let mut all: Vec<Vec<&str>> = stored.iter().map(folders).collect();
    all.sort_unstable();
    assert_eq!(all, [vec!["INBOX", ALL], vec![ALL]]);
    assert_eq!(bodies(&sim), 2, "{:?}", sim.log());
    // That it lies in All Mail too goes without saying.
    assert_eq!(follower.count("message.moved").await, 0);
    sim.set_labels(ALL, 1, &[]);
    let archived = follower.event("message.moved", |_| true).await;
    assert_eq!(archived.data["folder_path"], ALL);
    assert_eq!(archived.data["folders"].as_array().map(Vec::len), Some(1));
    // In the middle of a round it might be seen in All Mail first.
    until("the round is over", async || {
        let log = sim.log();
        log.last().is_some_and(|line| line.ends_with("IDLE"))
    })
    .await;
    sim.deliver_labelled(
        &["INBOX", ALL],
        &["\\Inbox"],
        b"Message-ID: <3@x>\r\nSubject: third\r\n\r\nz\r\n",
    );
    until("the third message lies in both", async || {
        let stored = messages(&follower).await;
        let third = stored.iter().find(|m| m.head.contains("third"));
        third.is_some_and(|m| folders(m) == ["INBOX", ALL])
    })
    .await;
    assert_eq!(bodies(&sim), 3, "{:?}", sim.log());
    assert_eq!(follower.count("message.received").await, 3);
    assert_eq!(follower.count("message.moved").await, 1);
    assert_eq!(follower.count("message.removed").await, 0);
    follower.stop().await;
}
