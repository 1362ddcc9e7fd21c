//! Conversations, whatever the order in which their messages arrive: the same on both databases.

use crate::common::{Fixture, START, both};
use crate::reading::{Filled, mailbox};
use mail_message::thread::{Names, ThreadInput, assign, names};
use model::Timestamp;
use model::event::Origin;
use model::folder::Mode;
use model::message::{Direction, Flags};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::folders::{self, Cursor};
use store::ingest::{self, Batch, NewMessage, ThreadRefs, Threaded};
use store::messages::{self, Filter};
use store::search::Words;
use store::{Store, StoreError, events, threads};
use testkit::Random;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// Messages of one history.
const MESSAGES: usize = 14;
/// Histories, and the orders in which each arrives.
const HISTORIES: u64 = 12;
const ORDERS: usize = 4;

/// A message of a history.
#[derive(Clone, Debug, Default)]
struct Mail {
    input: ThreadInput,
    from: &'static str,
    to: &'static str,
    at: i64,
}

fn mail(id: &str, subject: &str, from: &'static str, to: &'static str, day: i64) -> Mail {
    Mail {
        input: ThreadInput {
            message_id: Some(format!("{id}@x.test")),
            subject: Some(subject.into()),
            ..ThreadInput::default()
        },
        from,
        to,
        at: START.0 + day * DAY,
    }
}

/// The library's decision, as the synchronisation hands it in.
fn threader(
    known: &HashMap<String, String>,
    batch: &[ThreadRefs],
    fresh: &mut dyn FnMut() -> String,
) -> Threaded {
    let named: Vec<Names> = batch
        .iter()
        .map(|refs| Names {
            names: refs.names.clone(),
            also: refs.also.clone(),
            ..Names::default()
        })
        .collect();
    let decided = assign(known, &named, fresh);
    Threaded {
        threads: decided.threads,
        links: decided.links,
        merges: decided.merges,
    }
}

async fn put(store: &Store, filled: &Filled, folder: &str, uid: i64, mails: &[Mail]) {
    let mut new = Vec::new();
    for (mail, uid) in mails.iter().zip(uid..) {
        let named = names(&mail.input);
        let id = mail.input.message_id.clone().unwrap_or_default();
        let raw = format!("{id} in {folder} of {}", filled.mailbox_id);
        let person = |address| serde_json::json!([{"name": null, "address": address}]);
        let head =
            serde_json::json!({"subject": id, "from": person(mail.from), "to": person(mail.to)});
        new.push(NewMessage {
            uid,
            flags: Flags::default(),
            mod_seq: 1,
            received_at: Timestamp(mail.at),
            stored: store.blobs.put(raw.as_bytes()).await.unwrap(),
            headers_only: None,
            head: head.to_string(),
            words: Words::default(),
            refs: ThreadRefs {
                message_id: mail.input.message_id.clone(),
                names: named.names,
                also: named.also,
                parent: named.parent,
                says: named.says,
                lone_answer: named.lone_answer,
            },
            direction: Direction::Incoming,
            sender: mail.from.into(),
            subject: mail.input.subject.clone().unwrap_or_default(),
            automatic: false,
            report: None,
            has_attachments: false,
            object_id: None,
            labels: None,
        });
    }
    let batch = Batch {
        folder_id: filled.folders[folder].clone(),
        uid_validity: 7,
        origin: Origin::Live,
        messages: new,
        failures: Vec::new(),
        gone: Vec::new(),
        cursor: Cursor::default(),
        copies_too: true,
    };
    ingest::ingest(store, &filled.lease, batch, threader)
        .await
        .unwrap();
}

/// The conversations of a mailbox: the ids of the messages in each. That the list of conversations counts the same, and that
/// the events tell the same, is looked at on the way.
async fn conversations(fixture: &Fixture, filled: &Filled) -> BTreeSet<BTreeSet<String>> {
    let store = &fixture.store;
    let filter = Filter {
        mailbox_id: Some(filled.mailbox_id.clone()),
        ..Filter::default()
    };
    let page = messages::list(store, filter, None, 500).await.unwrap();
    let mut by_thread: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut thread_of = BTreeMap::new();
    for message in page.messages {
        let head: serde_json::Value = serde_json::from_str(&message.head).unwrap();
        let id = head["subject"].as_str().unwrap().to_owned();
        thread_of.insert(message.id.clone(), message.thread_id.clone());
        by_thread.entry(message.thread_id).or_default().insert(id);
    }
    let filter = threads::Filter {
        mailbox_id: Some(filled.mailbox_id.clone()),
        ..threads::Filter::default()
    };
    let listed = threads::list(store, filter, None, 500).await.unwrap();
    let counts: BTreeMap<String, i64> = listed
        .into_iter()
        .map(|found| (found.thread.id, found.thread.messages))
        .collect();
    let sizes = by_thread
        .iter()
        .map(|(id, set)| (id.clone(), set.len() as i64));
    assert_eq!(counts, sizes.collect());
    let filter = events::Filter {
        mailbox_ids: Some(vec![filled.mailbox_id.clone()]),
        ..events::Filter::default()
    };
    let (log, _) = events::list(store, filter, 10_000).await.unwrap();
    let mut told = BTreeMap::new();
    for event in log {
        let text = |field: &str| event.data[field].as_str().map(str::to_owned);
        if let (Some(id), Some(thread)) = (text("message_id"), text("thread_id")) {
            let before = told.insert(id, thread);
            assert_eq!(before, text("thread_id_before"), "{}", event.kind);
        }
    }
    assert_eq!(told, thread_of, "what the events tell");
    by_thread.into_values().collect()
}

/// A history of questions, answers with and without references, bounces and changes of the subject.
fn history(random: &mut Random) -> Vec<Mail> {
    const SUBJECTS: [&str; 8] = [
        "The offer",
        "Re: The offer",
        "AW: the  offer",
        "Fwd: The offer",
        "Holiday plans",
        "Re: [list] holiday plans",
        "",
        "Undelivered Mail Returned to Sender",
    ];
    const PEOPLE: [&str; 3] = ["ann@x.test", "bob@y.test", "eve@z.test"];
    let id = |n: usize| format!("m{n}@x.test");
    let one = |n: usize, random: &mut Random| {
        let subject = random.index(SUBJECTS.len());
        let mut input = ThreadInput {
            message_id: (!random.chance(5)).then(|| id(n)),
            subject: Some(SUBJECTS[subject].into()),
            machine_answer: subject == 7,
            ..ThreadInput::default()
        };
        if random.chance(35) {
            input.in_reply_to = Some(id(random.index(MESSAGES + 2)));
        }
        for _ in 0..random.below(3) {
            if random.chance(30) {
                input.references.push(id(random.index(MESSAGES + 2)));
            }
        }
        input.provider_thread = random.chance(15).then(|| format!("T{}", random.below(4)));
        Mail {
            input,
            from: PEOPLE[random.index(3)],
            to: PEOPLE[random.index(3)],
            at: START.0 + random.below(70) as i64 * DAY,
        }
    };
    (0..MESSAGES).map(|n| one(n, random)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_the_same_in_whatever_order_and_pieces_their_messages_arrive() {
    both(|fixture| async move {
        let mut random = Random(11);
        for number in 0..HISTORIES {
            let mut mails = history(&mut random);
            // Messages without an id are told apart by where they lie; here they all have one in the end.
            for (n, mail) in mails.iter_mut().enumerate() {
                mail.input
                    .message_id
                    .get_or_insert(format!("late{n}@x.test"));
            }
            let mut expected = None;
            for order in 0..ORDERS {
                let filled = mailbox(&fixture, &format!("h{number}-{order}@x.test")).await;
                let mut rest = &mails[..];
                let mut uid = 1;
                while !rest.is_empty() {
                    let (now, later) = rest.split_at((1 + random.index(5)).min(rest.len()));
                    put(&fixture.store, &filled, "INBOX", uid, now).await;
                    uid += now.len() as i64;
                    rest = later;
                }
                let found = conversations(&fixture, &filled).await;
                let expected = expected.get_or_insert_with(|| found.clone());
                assert_eq!(
                    expected, &found,
                    "history {number}, order {order}: {mails:#?}"
                );
                for n in (1..mails.len()).rev() {
                    mails.swap(n, random.index(n + 1));
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_answer_joins_what_the_same_people_said_under_that_subject_shortly_before() {
    both(|fixture| async move {
        let question = mail("question", "The offer", "ann@x.test", "bob@y.test", 0);
        let answer = mail("answer", "Re: the offer", "bob@y.test", "ann@x.test", 3);
        let stranger = mail("stranger", "Re: the offer", "eve@z.test", "ann@x.test", 3);
        let late = mail("late", "Re: the offer", "bob@y.test", "ann@x.test", 34);
        let new = mail("new", "The offer", "ann@x.test", "bob@y.test", 5);
        let mut mails = vec![question, answer, stranger, late, new];
        let filled = mailbox(&fixture, "a@x.test").await;
        put(&fixture.store, &filled, "INBOX", 1, &mails).await;
        let sets = |groups: &[&[&str]]| -> BTreeSet<BTreeSet<String>> {
            let set = |group: &&[&str]| group.iter().map(|id| format!("{id}@x.test")).collect();
            groups.iter().map(set).collect()
        };
        // The late one is 34 days behind the question, and 29 behind the new one and 31 behind the answer.
        let expected = sets(&[&["question", "answer"], &["stranger"], &["late", "new"]]);
        assert_eq!(conversations(&fixture, &filled).await, expected);
        let other = mailbox(&fixture, "b@x.test").await;
        mails.reverse();
        for (mail, uid) in mails.iter().zip(1..) {
            put(
                &fixture.store,
                &other,
                "INBOX",
                uid,
                std::slice::from_ref(mail),
            )
            .await;
        }
        assert_eq!(conversations(&fixture, &other).await, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_in_a_folder_that_is_switched_off_is_not_counted_in_its_conversation() {
    both(|fixture| async move {
        let store = &fixture.store;
        let filled = mailbox(&fixture, "a@x.test").await;
        let mut answer = mail("answer", "Re: Offer", "bob@y.test", "ann@x.test", 2);
        answer.input.in_reply_to = Some("question@x.test".into());
        let question = mail("question", "Offer", "ann@x.test", "bob@y.test", 1);
        let alone = mail("alone", "Something", "ann@x.test", "bob@y.test", 3);
        put(store, &filled, "INBOX", 1, &[question]).await;
        put(store, &filled, "Archive", 1, &[answer, alone]).await;
        let listed = || async {
            let found = threads::list(store, threads::Filter::default(), None, 10);
            let found = found.await.unwrap();
            let of = |found: &threads::Found| (found.thread.messages, found.thread.unread);
            found.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(listed().await, [(1, 1), (2, 2)]);
        let all = threads::list(store, threads::Filter::default(), None, 10);
        let ids: Vec<String> = all
            .await
            .unwrap()
            .into_iter()
            .map(|t| t.thread.id)
            .collect();
        let switch = |mode| {
            let change = folders::Change {
                mode: Some(mode),
                ..folders::Change::default()
            };
            folders::change(store, &filled.folders["Archive"], change)
        };
        switch(Mode::Off).await.unwrap();
        assert_eq!(listed().await, [(1, 1)]);
        let (thread, messages) = threads::get(store, &ids[1]).await.unwrap();
        assert_eq!((thread.messages, messages.len()), (1, 1));
        let hidden = threads::get(store, &ids[0]).await;
        assert!(matches!(hidden, Err(StoreError::NotFound(_))));
        switch(Mode::Full).await.unwrap();
        assert_eq!(listed().await, [(1, 1), (2, 2)]);
    })
    .await;
}
