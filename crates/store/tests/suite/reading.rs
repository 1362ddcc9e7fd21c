//! Pages of messages and conversations, search and reports: the same on both databases.

use crate::common::{Fixture, START, both};
use model::event::Origin;
use model::folder::{Mode, Role};
use model::limits::REPORTS_KEPT;
use model::message::{Direction, Flags};
use model::report::{Report, Trigger, Verdict};
use model::{Timestamp, fresh_id};
use std::collections::HashMap;
use store::folders::{self, Cursor, ListChange, NewFolder};
use store::ingest::{self, Batch, NewMessage, ThreadRefs, Threaded};
use store::leases::{self, Lease};
use store::messages::{self, Filter};
use store::search::{Field, Term, Words};
use store::{Store, StoreError, reports, threads};

/// One conversation for each word in References.
pub(crate) fn by_reference(
    known: &HashMap<String, String>,
    batch: &[ThreadRefs],
    fresh: &mut dyn FnMut() -> String,
) -> Threaded {
    let mut known = known.clone();
    let mut threaded = Threaded::default();
    for refs in batch {
        let topic = refs.names.first().cloned().unwrap_or_else(&mut *fresh);
        let thread = known
            .entry(topic.clone())
            .or_insert_with(&mut *fresh)
            .clone();
        threaded.links.push((topic, thread.clone()));
        threaded.threads.push(thread);
    }
    threaded
}

pub(crate) struct Filled {
    pub(crate) mailbox_id: String,
    pub(crate) lease: Lease,
    pub(crate) folders: HashMap<String, String>,
}

impl Filled {
    pub(crate) const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// That these UIDs are gone from a folder.
    pub(crate) fn gone(&self, folder: &str, vanished: Vec<(i64, i64)>) -> ingest::Changes {
        ingest::Changes {
            folder_id: self.folders[folder].clone(),
            uid_validity: 7,
            origin: Origin::Live,
            flags: Vec::new(),
            vanished,
            cursor: Cursor::default(),
        }
    }
}

pub(crate) async fn mailbox(fixture: &Fixture, address: &str) -> Filled {
    let mailbox = fixture.mailbox(address).await;
    leases::renew(&fixture.store).await.unwrap();
    let taken = leases::acquire(&fixture.store, 10).await.unwrap();
    let lease = taken
        .into_iter()
        .find(|l| l.mailbox_id == mailbox.id)
        .unwrap();
    let folder = |path: &str, role| {
        ListChange::Created(NewFolder {
            wire_name: path.into(),
            path: path.into(),
            delimiter: Some("/".into()),
            role: Some(role),
            mode: Mode::Full,
            object_id: None,
            empty: None,
        })
    };
    let changes = vec![
        folder("INBOX", Role::Inbox),
        folder("Archive", Role::Archive),
    ];
    folders::apply_list(&fixture.store, &lease, changes)
        .await
        .unwrap();
    let mut by_path = HashMap::new();
    for known in folders::known(&fixture.store, &mailbox.id).await.unwrap() {
        folders::reset(&fixture.store, &lease, &known.id, 7)
            .await
            .unwrap();
        by_path.insert(known.path, known.id);
    }
    Filled {
        mailbox_id: mailbox.id,
        lease,
        folders: by_path,
    }
}

pub(crate) async fn put(
    store: &Store,
    filled: &Filled,
    folder: &str,
    uid: i64,
    text: &str,
    topic: &str,
) {
    let raw = format!("{text} {uid} {folder}");
    put_raw(store, filled, folder, uid, text, topic, &raw).await;
}

/// Like [`put`], with these bytes.
pub(crate) async fn put_raw(
    store: &Store,
    filled: &Filled,
    folder: &str,
    uid: i64,
    text: &str,
    topic: &str,
    raw: &str,
) {
    let message = NewMessage {
        headers_only: None,
        uid,
        flags: Flags {
            seen: uid % 2 == 0,
            flagged: uid == 4,
            ..Flags::default()
        },
        mod_seq: 1,
        received_at: Timestamp(START.0 + uid * 1_000),
        stored: store.blobs.put(raw.as_bytes()).await.unwrap(),
        head: format!("{{\"subject\":\"{text}\"}}"),
        words: Words {
            subject: text.into(),
            from: format!("bob sender{uid}"),
            to: format!("ann recipient{uid}"),
            body: format!("body of {text}"),
        },
        refs: ThreadRefs {
            message_id: Some(format!("{uid}@example.com")),
            names: vec![topic.to_owned()],
            ..ThreadRefs::default()
        },
        direction: if uid == 3 {
            Direction::Outgoing
        } else {
            Direction::Incoming
        },
        sender: format!("bob_{uid}@example.com"),
        subject: text.into(),
        automatic: false,
        report: None,
        has_attachments: uid == 5,
        object_id: None,
        labels: None,
    };
    let batch = Batch {
        folder_id: filled.folders[folder].clone(),
        uid_validity: 7,
        origin: Origin::Live,
        messages: vec![message],
        failures: Vec::new(),
        gone: Vec::new(),
        cursor: Cursor::default(),
        copies_too: false,
    };
    ingest::ingest(store, &filled.lease, batch, by_reference)
        .await
        .unwrap();
}

fn subject(message: &model::message::Message) -> String {
    let head: serde_json::Value = serde_json::from_str(&message.head).unwrap();
    head["subject"].as_str().unwrap().to_owned()
}

/// All pages of three, one behind the other.
async fn subjects(store: &Store, filter: Filter) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = messages::list(store, filter.clone(), after, 3)
            .await
            .unwrap();
        found.extend(page.messages.iter().map(subject));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

fn term(tokens: &str) -> Term {
    Term {
        tokens: tokens.into(),
        ..Term::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_finds_its_messages_newest_first() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = mailbox(&fixture, "a@example.com").await;
        let b = mailbox(&fixture, "b@example.com").await;
        put(store, &a, "INBOX", 1, "alpha one", "t1").await;
        put(store, &b, "INBOX", 2, "beta two", "t2").await;
        put(store, &a, "Archive", 3, "alpha three", "t1").await;
        put(store, &b, "Archive", 4, "beta four", "t3").await;
        put(store, &a, "INBOX", 5, "gamma five", "t4").await;
        let all = [
            "gamma five",
            "beta four",
            "alpha three",
            "beta two",
            "alpha one",
        ];
        let filter = Filter::default;
        let ids = |ids: &[&String]| Some(ids.iter().map(|id| (*id).clone()).collect());
        let prefixed = Term {
            prefix: true,
            ..term("gam")
        };
        let cases: Vec<(&str, Filter, Vec<&str>)> = vec![
            ("all", filter(), all.to_vec()),
            (
                "visible",
                Filter {
                    visible: ids(&[&b.mailbox_id]),
                    ..filter()
                },
                vec![all[1], all[3]],
            ),
            (
                "both visible",
                Filter {
                    visible: ids(&[&a.mailbox_id, &b.mailbox_id]),
                    ..filter()
                },
                all.to_vec(),
            ),
            (
                "none visible",
                Filter {
                    visible: Some(vec![]),
                    ..filter()
                },
                vec![],
            ),
            (
                "none visible in a role",
                Filter {
                    visible: Some(vec![]),
                    role: Some(Role::Inbox),
                    ..filter()
                },
                vec![],
            ),
            (
                "mailbox",
                Filter {
                    mailbox_id: Some(a.mailbox_id.clone()),
                    ..filter()
                },
                vec![all[0], all[2], all[4]],
            ),
            (
                "folder",
                Filter {
                    folder_id: Some(a.folders["INBOX"].clone()),
                    ..filter()
                },
                vec![all[0], all[4]],
            ),
            (
                "folder and role",
                Filter {
                    folder_id: Some(a.folders["INBOX"].clone()),
                    role: Some(Role::Archive),
                    ..filter()
                },
                vec![],
            ),
            (
                "role",
                Filter {
                    role: Some(Role::Inbox),
                    ..filter()
                },
                vec![all[0], all[3], all[4]],
            ),
            (
                "nobody has the role",
                Filter {
                    role: Some(Role::Junk),
                    ..filter()
                },
                vec![],
            ),
            (
                "unread",
                Filter {
                    unread: Some(true),
                    ..filter()
                },
                vec![all[0], all[2], all[4]],
            ),
            (
                "flagged",
                Filter {
                    flagged: Some(true),
                    ..filter()
                },
                vec![all[1]],
            ),
            (
                "attachments",
                Filter {
                    has_attachments: Some(true),
                    ..filter()
                },
                vec![all[0]],
            ),
            (
                "outgoing",
                Filter {
                    direction: Some(Direction::Outgoing),
                    ..filter()
                },
                vec![all[2]],
            ),
            (
                "from",
                Filter {
                    from: vec!["BOB_2@".into()],
                    ..filter()
                },
                vec![all[3]],
            ),
            (
                "from has no wild cards",
                Filter {
                    from: vec!["bob%".into()],
                    ..filter()
                },
                vec![],
            ),
            (
                "since",
                Filter {
                    since: Some(Timestamp(START.0 + 4_000)),
                    ..filter()
                },
                vec![all[0], all[1]],
            ),
            (
                "before",
                Filter {
                    before: Some(Timestamp(START.0 + 2_000)),
                    ..filter()
                },
                vec![all[4]],
            ),
            (
                "a word",
                Filter {
                    terms: vec![term("alpha")],
                    ..filter()
                },
                vec![all[2], all[4]],
            ),
            (
                "words",
                Filter {
                    terms: vec![term("alpha"), term("three")],
                    ..filter()
                },
                vec![all[2]],
            ),
            (
                "a word's beginning",
                Filter {
                    terms: vec![prefixed],
                    ..filter()
                },
                vec![all[0]],
            ),
            (
                "a phrase",
                Filter {
                    terms: vec![Term {
                        phrase: true,
                        ..term("body of beta")
                    }],
                    ..filter()
                },
                vec![all[1], all[3]],
            ),
            (
                "no phrase",
                Filter {
                    terms: vec![Term {
                        phrase: true,
                        ..term("of body")
                    }],
                    ..filter()
                },
                vec![],
            ),
            (
                "not a word",
                Filter {
                    terms: vec![Term {
                        negated: true,
                        ..term("alpha")
                    }],
                    ..filter()
                },
                vec![all[0], all[1], all[3]],
            ),
            (
                "one but not the other",
                Filter {
                    terms: vec![
                        term("body"),
                        Term {
                            negated: true,
                            ..term("two")
                        },
                        Term {
                            negated: true,
                            ..term("five")
                        },
                    ],
                    ..filter()
                },
                vec![all[1], all[2], all[4]],
            ),
            (
                "in the subject",
                Filter {
                    terms: vec![Term {
                        field: Field::Subject,
                        ..term("body")
                    }],
                    ..filter()
                },
                vec![],
            ),
            (
                "from somebody",
                Filter {
                    terms: vec![Term {
                        field: Field::From,
                        ..term("sender4")
                    }],
                    ..filter()
                },
                vec![all[1]],
            ),
            (
                "to somebody",
                Filter {
                    terms: vec![Term {
                        field: Field::To,
                        ..term("recipient4")
                    }],
                    ..filter()
                },
                vec![all[1]],
            ),
            (
                "to somebody who only wrote",
                Filter {
                    terms: vec![Term {
                        field: Field::To,
                        ..term("sender4")
                    }],
                    ..filter()
                },
                vec![],
            ),
            (
                "from somebody who only received",
                Filter {
                    terms: vec![Term {
                        field: Field::From,
                        ..term("recipient4")
                    }],
                    ..filter()
                },
                vec![],
            ),
            (
                "anybody in the header",
                Filter {
                    terms: vec![term("recipient4")],
                    ..filter()
                },
                vec![all[1]],
            ),
            (
                "in the text",
                Filter {
                    terms: vec![Term {
                        field: Field::Body,
                        ..term("body of")
                    }],
                    ..filter()
                },
                all.to_vec(),
            ),
            (
                "a word in a folder",
                Filter {
                    terms: vec![term("alpha")],
                    role: Some(Role::Archive),
                    ..filter()
                },
                vec![all[2]],
            ),
            (
                "signs",
                Filter {
                    terms: vec![term("\" OR ' & | ! ( :*")],
                    ..filter()
                },
                vec![],
            ),
        ];
        for (name, filter, wanted) in cases {
            assert_eq!(subjects(store, filter).await, wanted, "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_are_found_by_a_part_of_their_address_however_many_fit() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = mailbox(&fixture, "a@example.com").await;
        let b = mailbox(&fixture, "b@example.com").await;
        let mut wanted = Vec::new();
        // The n-th message is from bob_n@example.com; more of them than are walked one by one.
        for n in 1..=70 {
            let (filled, folder) = match n % 3 {
                0 => (&b, "INBOX"),
                1 => (&a, "INBOX"),
                _ => (&a, "Archive"),
            };
            put(store, filled, folder, n, &format!("s{n}"), "t").await;
            wanted.insert(0, (n, n % 3));
        }
        let of = |part: &str| Filter {
            from: vec![part.to_owned()],
            ..Filter::default()
        };
        let named = |keep: fn(i64, i64) -> bool| {
            let kept = wanted.iter().filter(|(n, place)| keep(*n, *place));
            kept.map(|(n, _)| format!("s{n}")).collect::<Vec<_>>()
        };
        let cases: [(Filter, Vec<String>); 7] = [
            (of("BOB_7@example.com"), named(|n, _| n == 7)),
            (of("b_7"), named(|n, _| n == 7 || n == 70)),
            (of("bob"), named(|_, _| true)),
            (of("nobody"), Vec::new()),
            (
                Filter {
                    mailbox_id: Some(b.mailbox_id.clone()),
                    ..of("_3")
                },
                named(|n, place| place == 0 && n.to_string().starts_with('3')),
            ),
            (
                Filter {
                    role: Some(Role::Archive),
                    ..of("_2")
                },
                named(|n, place| place == 2 && n.to_string().starts_with('2')),
            ),
            (
                Filter {
                    from: vec!["bob".to_owned(), "_44@".to_owned()],
                    ..Filter::default()
                },
                named(|n, _| n == 44),
            ),
        ];
        for (filter, expected) in cases {
            let found = subjects(store, filter.clone()).await;
            assert_eq!(found, expected, "{filter:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_in_very_many_folders_is_found_all_the_same() {
    both(|fixture| async move {
        let store = &fixture.store;
        let mut wanted = Vec::new();
        for n in 0..20 {
            let filled = mailbox(&fixture, &format!("m{n}@example.com")).await;
            put(
                store,
                &filled,
                "INBOX",
                n,
                &format!("s{n}"),
                &format!("t{n}"),
            )
            .await;
            wanted.insert(0, format!("s{n}"));
        }
        let filter = Filter {
            role: Some(Role::Inbox),
            ..Filter::default()
        };
        assert_eq!(subjects(store, filter).await, wanted);
        let filter = Filter {
            role: Some(Role::Archive),
            ..Filter::default()
        };
        assert!(subjects(store, filter).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_has_its_places_and_its_bytes() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = mailbox(&fixture, "a@example.com").await;
        put(store, &a, "INBOX", 1, "alpha", "t1").await;
        let page = messages::list(store, Filter::default(), None, 10)
            .await
            .unwrap();
        assert_eq!(page.next, None);
        let id = &page.messages[0].id;
        let message = messages::get(store, id).await.unwrap();
        assert_eq!(message.folders[0].path, "INBOX");
        assert_eq!(message.folders[0].role, Some(Role::Inbox));
        let raw = messages::raw(store, id).await.unwrap();
        assert_eq!(raw.mailbox_id, a.mailbox_id);
        let bytes = store.blobs.read(&raw.place, 1_000).await.unwrap();
        assert_eq!(bytes, b"alpha 1 INBOX");
        assert!(matches!(
            messages::get(store, "msg_none").await,
            Err(StoreError::NotFound(_))
        ));
        assert!(matches!(
            messages::raw(store, "msg_none").await,
            Err(StoreError::NotFound(_))
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_come_in_the_order_of_their_newest_message() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = mailbox(&fixture, "a@example.com").await;
        let b = mailbox(&fixture, "b@example.com").await;
        put(store, &a, "INBOX", 1, "first", "t1").await;
        put(store, &a, "INBOX", 2, "other", "t2").await;
        put(store, &b, "INBOX", 4, "elsewhere", "t3").await;
        put(store, &a, "Archive", 5, "answer", "t1").await;
        let list =
            async |filter, after, limit| threads::list(store, filter, after, limit).await.unwrap();
        let all = list(threads::Filter::default(), None, 10).await;
        let shown: Vec<_> = all
            .iter()
            .map(|f| (f.heads.len(), f.thread.unread, f.flagged))
            .collect();
        assert_eq!(shown, [(2, 2, false), (1, 0, true), (1, 0, false)]);
        assert!(all[0].heads[0].contains("answer"));
        let after = Some((all[0].thread.last_at, all[0].thread.id.clone()));
        let next = list(threads::Filter::default(), after, 1).await;
        assert_eq!(next[0].thread, all[1].thread);
        let archived = threads::Filter {
            role: Some(Role::Archive),
            ..Default::default()
        };
        assert_eq!(list(archived, None, 10).await.len(), 1);
        let of_b = threads::Filter {
            visible: Some(vec![b.mailbox_id]),
            ..Default::default()
        };
        assert_eq!(list(of_b, None, 10).await[0].thread, all[1].thread);
        let unread = threads::Filter {
            unread: Some(true),
            mailbox_id: Some(a.mailbox_id),
            ..Default::default()
        };
        assert_eq!(list(unread, None, 10).await.len(), 1);
        let (thread, messages) = threads::get(store, &all[0].thread.id).await.unwrap();
        assert_eq!(thread.messages, 2);
        assert_eq!(
            messages.iter().map(subject).collect::<Vec<_>>(),
            ["first", "answer"]
        );
        assert!(matches!(
            threads::get(store, "thr_none").await,
            Err(StoreError::NotFound(_))
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_reports_of_each_mailbox_are_kept() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("a@example.com").await.id;
        let report = |mailbox_id: Option<&String>| {
            fixture.clock.advance(1_000);
            Report {
                id: fresh_id("rep", fixture.clock.now()),
                mailbox_id: mailbox_id.cloned(),
                trigger: Trigger::Button,
                started_at: fixture.clock.now(),
                finished_at: fixture.clock.now(),
                verdict: Verdict::Works,
                summary: "Works.".into(),
                steps: Vec::new(),
                accepted: Default::default(),
                changed: Vec::new(),
                compared_with: None,
                folders: Vec::new(),
                megabytes_per_day: None,
            }
        };
        let unsaved = report(None);
        reports::insert(store, unsaved.clone()).await.unwrap();
        let mut newest = None;
        for _ in 0..REPORTS_KEPT + 3 {
            newest = Some(reports::insert(store, report(Some(&a))).await.unwrap());
        }
        let newest = newest.unwrap();
        assert!(newest.compared_with.is_some() && newest.changed.is_empty());
        assert_eq!(reports::get(store, &newest.id).await.unwrap(), newest);
        assert_eq!(reports::get(store, &unsaved.id).await.unwrap(), unsaved);
        let of_a = reports::list(store, Some(a.clone()), None, None, 500)
            .await
            .unwrap();
        assert_eq!((of_a.len() as i64, &of_a[0]), (REPORTS_KEPT, &newest));
        let older = reports::list(store, Some(a.clone()), None, Some(of_a[0].id.clone()), 1)
            .await
            .unwrap();
        assert_eq!(older[0], of_a[1]);
        let visible = reports::list(store, None, Some(vec![a]), None, 500)
            .await
            .unwrap();
        assert_eq!(visible.len(), of_a.len());
        let hidden = reports::list(store, None, Some(vec![]), None, 500)
            .await
            .unwrap();
        assert!(hidden.is_empty());
        let gone = report(Some(&"mbx_none".to_owned()));
        assert!(matches!(
            reports::insert(store, gone).await,
            Err(StoreError::NotFound(_))
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_with_very_many_hits_is_found_newest_first_too() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = mailbox(&fixture, "a@example.com").await;
        let stored = store.blobs.put(b"the same bytes").await.unwrap();
        let message = |uid: i64| NewMessage {
            headers_only: None,
            uid,
            flags: Flags::default(),
            mod_seq: 1,
            received_at: Timestamp(START.0 + uid),
            stored: stored.clone(),
            head: format!("{{\"subject\":\"s{uid}\"}}"),
            words: Words {
                subject: "common".into(),
                body: if uid % 1_000 == 0 {
                    "rare".into()
                } else {
                    String::new()
                },
                ..Words::default()
            },
            refs: ThreadRefs::default(),
            direction: Direction::Incoming,
            sender: String::new(),
            subject: String::new(),
            automatic: false,
            report: None,
            has_attachments: false,
            object_id: None,
            labels: None,
        };
        let batch = Batch {
            folder_id: a.folders["INBOX"].clone(),
            uid_validity: 7,
            origin: Origin::Backfill,
            messages: (1..=2_100).map(message).collect(),
            failures: Vec::new(),
            gone: Vec::new(),
            cursor: Cursor::default(),
            copies_too: false,
        };
        ingest::ingest(store, &a.lease, batch, by_reference)
            .await
            .unwrap();
        for folder_id in [None, Some(a.folders["INBOX"].clone())] {
            let filter = Filter {
                terms: vec![term("common")],
                folder_id,
                ..Filter::default()
            };
            let page = messages::list(store, filter.clone(), None, 2)
                .await
                .unwrap();
            assert_eq!(
                page.messages.iter().map(subject).collect::<Vec<_>>(),
                ["s2100", "s2099"]
            );
            let page = messages::list(store, filter.clone(), page.next, 1)
                .await
                .unwrap();
            assert_eq!(subject(&page.messages[0]), "s2098");
            let rare = Filter {
                terms: vec![term("common"), term("rare")],
                ..filter
            };
            assert_eq!(subjects(store, rare).await, ["s2000", "s1000"]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_of_a_folder_that_is_switched_off_is_hidden_until_it_is_on_again() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = mailbox(&fixture, "a@example.com").await;
        put(store, &a, "INBOX", 1, "alpha one", "t1").await;
        put(store, &a, "Archive", 2, "alpha two", "t1").await;
        let search = || Filter {
            terms: vec![term("alpha")],
            ..Filter::default()
        };
        for (mode, expected) in [
            (Mode::Off, vec!["alpha one"]),
            (Mode::Full, vec!["alpha two", "alpha one"]),
        ] {
            let change = folders::Change {
                mode: Some(mode),
                ..folders::Change::default()
            };
            folders::change(store, &a.folders["Archive"], change)
                .await
                .unwrap();
            assert_eq!(subjects(store, Filter::default()).await, expected);
            assert_eq!(subjects(store, search()).await, expected);
        }
    })
    .await;
}
