//! The ingest transaction and what follows it: the same on both databases.

use crate::common::{Fixture, both};
use model::event::Origin;
use model::folder::{Mode, Role};
use model::message::{Direction, FlagChange, Flags};
use model::{Timestamp, fresh_id};
use std::collections::HashMap;
use store::blobs::Stored;
use store::failures::NewFailure;
use store::folders::{self, Cursor, ListChange, NewFolder};
use store::ingest::{
    self, Batch, Changes, FlagUpdate, NewMessage, ThreadRefs, Threaded, finish_vanished,
};
use store::leases::{self, Lease};
use store::search::Words;
use store::{Store, StoreError, mailboxes, owed};

/// Every message its own thread: threading itself is tested where it lives.
pub fn alone(
    _: &HashMap<String, String>,
    batch: &[ThreadRefs],
    fresh: &mut dyn FnMut() -> String,
) -> Threaded {
    let threads: Vec<String> = batch.iter().map(|_| fresh()).collect();
    let links = batch
        .iter()
        .zip(&threads)
        .filter_map(|(refs, thread)| Some((refs.message_id.clone()?, thread.clone())))
        .collect();
    Threaded {
        threads,
        links,
        merges: Vec::new(),
    }
}

pub struct Box {
    pub lease: Lease,
    pub mailbox_id: String,
    pub inbox: String,
    pub archive: String,
}

pub async fn set_up(fixture: &Fixture) -> Box {
    set_up_for(fixture, "ann@example.test").await
}

pub async fn set_up_for(fixture: &Fixture, address: &str) -> Box {
    let mailbox = fixture.mailbox(address).await;
    let lease = leases::acquire(&fixture.store, 10).await.unwrap().remove(0);
    let folder = |path: &str, role| {
        ListChange::Created(NewFolder {
            wire_name: path.into(),
            path: path.into(),
            delimiter: Some("/".into()),
            role,
            mode: Mode::Full,
            object_id: None,
            empty: None,
        })
    };
    let changes = vec![
        folder("INBOX", Some(Role::Inbox)),
        folder("Archive", Some(Role::Archive)),
    ];
    folders::apply_list(&fixture.store, &lease, changes)
        .await
        .unwrap();
    let known = folders::known(&fixture.store, &mailbox.id).await.unwrap();
    let id = |path: &str| known.iter().find(|f| f.path == path).unwrap().id.clone();
    let (inbox, archive) = (id("INBOX"), id("Archive"));
    for folder in [&inbox, &archive] {
        folders::reset(&fixture.store, &lease, folder, 7)
            .await
            .unwrap();
    }
    Box {
        lease,
        mailbox_id: mailbox.id,
        inbox,
        archive,
    }
}

pub async fn message(store: &Store, uid: i64, text: &str) -> NewMessage {
    message_of(uid, text, store.blobs.put(text.as_bytes()).await.unwrap())
}

/// A message whose bytes are stored.
pub fn message_of(uid: i64, text: &str, stored: Stored) -> NewMessage {
    NewMessage {
        headers_only: None,
        uid,
        flags: Flags::default(),
        mod_seq: 1,
        received_at: Timestamp(1_700_000_000_000 + uid),
        stored,
        head: format!("{{\"subject\":\"{text}\"}}"),
        words: Words {
            subject: text.into(),
            from: "ann".into(),
            to: String::new(),
            body: format!("{text} body"),
        },
        refs: ThreadRefs {
            message_id: Some(format!("{text}@example.test")),
            ..ThreadRefs::default()
        },
        direction: Direction::Incoming,
        sender: "bob@example.test".into(),
        subject: text.into(),
        automatic: false,
        report: None,
        has_attachments: false,
        object_id: None,
        labels: None,
    }
}

pub fn batch(folder: &str, messages: Vec<NewMessage>) -> Batch {
    Batch {
        folder_id: folder.into(),
        uid_validity: 7,
        origin: Origin::Live,
        messages,
        failures: Vec::new(),
        gone: Vec::new(),
        cursor: Cursor::default(),
        copies_too: false,
    }
}

async fn kinds(store: &Store) -> Vec<String> {
    let (events, _) = store::events::list(store, store::events::Filter::default(), 10_000)
        .await
        .unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

pub async fn count(store: &Store, kind: &str) -> usize {
    kinds(store).await.iter().filter(|k| *k == kind).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_twice_changes_nothing_the_second_time() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let messages = vec![
            message(store, 1, "one").await,
            message(store, 2, "two").await,
        ];
        let first = ingest::ingest(store, &a.lease, batch(&a.inbox, messages.clone()), alone);
        assert_eq!(first.await.unwrap().stored, 2);
        let again = ingest::ingest(store, &a.lease, batch(&a.inbox, messages), alone);
        let again = again.await.unwrap();
        assert_eq!((again.stored, again.known), (0, 2));
        assert_eq!(count(store, "message.received").await, 2);
        let folder = folders::get(store, &a.inbox).await.unwrap();
        assert_eq!((folder.messages, folder.unread), (2, 2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i05_equal_bytes_in_one_folder_are_two_messages() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let messages = vec![
            message(store, 1, "same").await,
            message(store, 2, "same").await,
        ];
        let done = ingest::ingest(store, &a.lease, batch(&a.inbox, messages), alone)
            .await
            .unwrap();
        assert_eq!(done.stored, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_vanished_and_turns_up_elsewhere_has_moved() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let one = vec![message(store, 1, "one").await];
        ingest::ingest(store, &a.lease, batch(&a.inbox, one), alone)
            .await
            .unwrap();
        // Seen at its new place first: it is doubtful, not new.
        let there = vec![message(store, 5, "one").await];
        let seen = ingest::ingest(store, &a.lease, batch(&a.archive, there), alone)
            .await
            .unwrap();
        assert_eq!((seen.stored, seen.doubtful.len()), (0, 1));
        ingest::apply(store, &a.lease, gone(&a.inbox, 1))
            .await
            .unwrap();
        let settled = Batch {
            copies_too: true,
            ..batch(&a.archive, seen.doubtful)
        };
        let settled = ingest::ingest(store, &a.lease, settled, alone)
            .await
            .unwrap();
        assert_eq!((settled.stored, settled.moved), (0, 1));
        fixture.clock.advance(1_000);
        let now = store.now();
        let removed = finish_vanished(store, &a.lease, now, Origin::Live)
            .await
            .unwrap();
        assert_eq!(removed, 0);
        assert_eq!(count(store, "message.moved").await, 1);
        assert_eq!(count(store, "message.received").await, 1);
        assert_eq!(folders::get(store, &a.inbox).await.unwrap().messages, 0);
        assert_eq!(folders::get(store, &a.archive).await.unwrap().messages, 1);
    })
    .await;
}

pub fn gone(folder: &str, uid: i64) -> Changes {
    Changes {
        folder_id: folder.into(),
        uid_validity: 7,
        origin: Origin::Live,
        flags: Vec::new(),
        vanished: vec![(uid, uid)],
        cursor: Cursor::default(),
    }
}

/// Says that the past of a folder is filled.
async fn fill(store: &Store, a: &Box, folder: &str) {
    let version = mailboxes::get(store, &a.lease.mailbox_id)
        .await
        .unwrap()
        .version;
    let filled = Cursor {
        filled: Some(folders::asked(store, folder, version).await.unwrap()),
        ..Cursor::default()
    };
    folders::move_cursor(store, &a.lease, folder, filled)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filling_that_began_under_other_settings_is_not_the_end() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let backfilled = async || {
            let known = folders::known(store, &a.lease.mailbox_id).await.unwrap();
            known
                .into_iter()
                .find(|folder| folder.id == a.inbox)
                .unwrap()
                .backfilled
        };
        let version = mailboxes::get(store, &a.lease.mailbox_id)
            .await
            .unwrap()
            .version;
        let began = folders::asked(store, &a.inbox, version).await.unwrap();
        let end = Cursor {
            filled: Some(began),
            low_uid: Some(1),
            ..Cursor::default()
        };
        // More of this folder is wanted; the whole mailbox is to be looked through again; mail since another day is wanted.
        for n in 0..3 {
            match n {
                0 => {
                    let change = folders::Change {
                        since: Some(Some(Timestamp(1))),
                        ..folders::Change::default()
                    };
                    folders::change(store, &a.inbox, change)
                        .await
                        .map(drop)
                        .unwrap();
                }
                1 => folders::resync(store, &a.lease.mailbox_id).await.unwrap(),
                _ => {
                    let change = mailboxes::Change {
                        fetch_since: Some(Some(Timestamp(1))),
                        ..mailboxes::Change::default()
                    };
                    let changed = mailboxes::change(store, &a.lease.mailbox_id, change, None);
                    changed.await.map(drop).unwrap();
                }
            }
            folders::move_cursor(store, &a.lease, &a.inbox, end)
                .await
                .unwrap();
            assert!(!backfilled().await, "{n}");
        }
        fill(store, &a, &a.inbox).await;
        assert!(backfilled().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_stored_again_begins_anew_with_what_is_news_in_it() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let one = message(store, 8, "one").await;
        let cursor = Cursor {
            high_uid: Some(9),
            ..Cursor::default()
        };
        let first = Batch {
            cursor,
            ..batch(&a.archive, vec![one])
        };
        ingest::ingest(store, &a.lease, first, alone).await.unwrap();
        fill(store, &a, &a.archive).await;
        let adjust = async |mode: Mode| {
            let adjusted = ListChange::Adjusted {
                id: a.archive.clone(),
                role: None,
                mode,
                object_id: None,
            };
            folders::apply_list(store, &a.lease, vec![adjusted])
                .await
                .unwrap();
            folders::known_one(store, &a.archive)
                .await
                .unwrap()
                .expect("the folder")
        };
        let off = adjust(Mode::Off).await;
        assert_eq!((off.high_uid, off.backfilled), (9, true));
        let again = adjust(Mode::Full).await;
        assert_eq!(
            (again.high_uid, again.low_uid, again.backfilled),
            (1, None, false)
        );
        // What is stored of it already stays, and its role alone begins nothing.
        assert_eq!(again.messages, 1);
        // A batch of the past that was on its way meanwhile is stored, and says nothing of where the past begins.
        let late = Batch {
            cursor: Cursor {
                low_uid: Some(5),
                ..Cursor::default()
            },
            ..batch(&a.archive, vec![message(store, 5, "five").await])
        };
        ingest::ingest(store, &a.lease, late, alone).await.unwrap();
        let known = folders::known_one(store, &a.archive).await.unwrap();
        let known = known.expect("the folder");
        assert_eq!((known.high_uid, known.low_uid), (1, None));
        assert_eq!(known.messages, 2);
        fill(store, &a, &a.archive).await;
        assert!(adjust(Mode::Full).await.backfilled);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanished_and_turns_up_nowhere_is_removed_once() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let all = vec![
            message(store, 1, "one").await,
            message(store, 2, "two").await,
        ];
        ingest::ingest(store, &a.lease, batch(&a.inbox, all), alone)
            .await
            .unwrap();
        for folder in [&a.inbox, &a.archive] {
            fill(store, &a, folder).await;
        }
        ingest::apply(store, &a.lease, gone(&a.inbox, 1))
            .await
            .unwrap();
        fixture.clock.advance(5);
        assert_eq!(
            finish_vanished(store, &a.lease, store.now(), Origin::Live)
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            finish_vanished(store, &a.lease, store.now(), Origin::Live)
                .await
                .unwrap(),
            0
        );
        assert_eq!(count(store, "message.removed").await, 1);
        let folder = folders::get(store, &a.inbox).await.unwrap();
        assert_eq!((folder.messages, folder.unread), (1, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_change_of_flags_is_no_foreign_event_when_it_comes_back() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let one = vec![message(store, 1, "one").await];
        ingest::ingest(store, &a.lease, batch(&a.inbox, one), alone)
            .await
            .unwrap();
        let id = one_message(store, &a.mailbox_id).await;
        let change = FlagChange {
            seen: Some(true),
            ..FlagChange::default()
        };
        owed::change_flags(store, &id, change).await.unwrap();
        // The server's older word does not undo what we still owe it ...
        let older = FlagUpdate {
            uid: 1,
            flags: Flags::default(),
            mod_seq: 2,
            labels: None,
        };
        ingest::apply(store, &a.lease, flags(&a.inbox, older))
            .await
            .unwrap();
        let due = owed::take(store, &a.lease, 10).await.unwrap();
        assert_eq!(due.len(), 1);
        owed::done(store, &a.lease, &due[0], owed::Confirmed::default())
            .await
            .unwrap();
        // ... and its confirmation is nothing new.
        let seen = Flags {
            seen: true,
            ..Flags::default()
        };
        let echo = FlagUpdate {
            uid: 1,
            flags: seen,
            mod_seq: 3,
            labels: None,
        };
        ingest::apply(store, &a.lease, flags(&a.inbox, echo))
            .await
            .unwrap();
        assert_eq!(count(store, "message.changed").await, 1);
        assert_eq!(folders::get(store, &a.inbox).await.unwrap().unread, 0);
    })
    .await;
}

pub fn flags(folder: &str, update: FlagUpdate) -> Changes {
    Changes {
        flags: vec![update],
        vanished: Vec::new(),
        ..gone(folder, 1)
    }
}

pub async fn one_message(store: &Store, mailbox_id: &str) -> String {
    let id = mailbox_id.to_owned();
    store
        .db
        .read(move |tx| {
            let row = tx.row(
                "SELECT id FROM messages WHERE mailbox_id = $1",
                &[id.into()],
            )?;
            row.expect("a message").get(0)
        })
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lost_its_lease_can_write_nothing() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        fixture.clock.advance(60_000);
        let other = fixture.node("there");
        assert!(leases::renew(&other).await.unwrap().is_empty());
        let taken = leases::acquire(&other, 10).await.unwrap();
        assert_eq!(taken[0].epoch, a.lease.epoch + 1);
        let one = vec![message(store, 1, "one").await];
        let refused = ingest::ingest(store, &a.lease, batch(&a.inbox, one), alone).await;
        assert!(matches!(refused, Err(StoreError::Fenced)), "{refused:?}");
        assert_eq!(count(store, "message.received").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_message_is_in_the_ledger_until_it_is_stored() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let mut failing = batch(&a.inbox, Vec::new());
        failing.failures = vec![NewFailure {
            uid: 9,
            problem_id: "message_unreadable".into(),
            reason: "no body".into(),
            raw: None,
        }];
        let done = ingest::ingest(store, &a.lease, failing.clone(), alone)
            .await
            .unwrap();
        assert_eq!(done.failed, 1);
        // Another try that fails is counted, and told no second time.
        let again = ingest::ingest(store, &a.lease, failing, alone)
            .await
            .unwrap();
        assert_eq!(again.failed, 0);
        assert_eq!(count(store, "message.unreadable").await, 1);
        assert_eq!(folders::failed_uids(store, &a.inbox, 7).await.unwrap(), [9]);
        let listed = store::failures::list(store, &a.mailbox_id, None, 10)
            .await
            .unwrap();
        store::failures::retry(store, &a.mailbox_id, &listed[0].id)
            .await
            .unwrap();
        assert_eq!(store::failures::due(store, &a.inbox, 7).await.unwrap(), [9]);
        let nine = vec![message(store, 9, "nine").await];
        ingest::ingest(store, &a.lease, batch(&a.inbox, nine), alone)
            .await
            .unwrap();
        assert!(
            folders::failed_uids(store, &a.inbox, 7)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_nothing_refers_to_are_swept_and_the_others_stay() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let kept = message(store, 1, "kept").await;
        let digest = kept.stored.digest.clone();
        ingest::ingest(store, &a.lease, batch(&a.inbox, vec![kept]), alone)
            .await
            .unwrap();
        let mut failing = batch(&a.inbox, Vec::new());
        let lost = store.blobs.put(b"lost").await.unwrap();
        failing.failures = vec![NewFailure {
            uid: 2,
            problem_id: "message_unreadable".into(),
            reason: "odd".into(),
            raw: Some(lost.clone()),
        }];
        ingest::ingest(store, &a.lease, failing, alone)
            .await
            .unwrap();
        folders::reset(store, &a.lease, &a.inbox, 8).await.unwrap();
        fixture.clock.advance(2 * 3_600_000);
        assert!(store::sweep::run(store).await.unwrap().rows >= 1);
        assert!(store::blobs::find(store, &lost.digest).await.is_err());
        let place = store::blobs::find(store, &digest).await.unwrap();
        assert_eq!(store.blobs.read(&place, 100).await.unwrap(), b"kept");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_the_mailboxes_and_take_over_what_a_dead_one_held() {
    both(|fixture| async move {
        for name in ["a", "b", "c", "d"] {
            fixture.mailbox(&format!("{name}@example.test")).await;
        }
        let here = &fixture.store;
        let there = fixture.node("there");
        leases::renew(here).await.unwrap();
        leases::renew(&there).await.unwrap();
        assert_eq!(leases::acquire(here, 10).await.unwrap().len(), 2);
        assert_eq!(leases::acquire(&there, 10).await.unwrap().len(), 2);
        fixture.clock.advance(model::limits::LEASE_MILLIS + 1);
        leases::renew(&there).await.unwrap();
        assert_eq!(leases::acquire(&there, 10).await.unwrap().len(), 2);
        assert!(fresh_id("x", here.now()).starts_with("x_"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_paused_costs_no_other_its_place() {
    both(|fixture| async move {
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.push(fixture.mailbox(&format!("{name}@example.test")).await.id);
        }
        let store = &fixture.store;
        leases::renew(store).await.unwrap();
        assert_eq!(leases::acquire(store, 10).await.unwrap().len(), 3);
        // It is being left, and its lease not given back yet.
        store::mailboxes::set_lifecycle(store, &ids[0], model::mailbox::Lifecycle::Paused)
            .await
            .unwrap();
        assert_eq!(leases::surplus(store).await.unwrap(), 0);
        let fourth = fixture.mailbox("d@example.test").await.id;
        let taken = leases::acquire(store, 10).await.unwrap();
        let taken: Vec<_> = taken.iter().map(|lease| &lease.mailbox_id).collect();
        assert_eq!(taken, [&fourth]);
    })
    .await;
}

/// One more change of its identity is allowed after the pause for the last one; that it cannot be opened says nothing of that.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_pause_for_its_identity_lets_a_folder_change_it_once_more() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        for uid_validity in 8..=10 {
            let reset = folders::reset(store, &a.lease, &a.inbox, uid_validity);
            reset.await.unwrap();
        }
        let until = store.now().plus_millis(60_000);
        for (problem_id, resets) in [("folder_unreadable", 3), (folders::UNSTABLE, 2)] {
            let parked = folders::park(store, &a.lease, &a.inbox, problem_id, until);
            parked.await.unwrap();
            let known = folders::known_one(store, &a.inbox).await.unwrap().unwrap();
            assert_eq!((known.resets, known.parked_until), (resets, Some(until)));
        }
    })
    .await;
}
