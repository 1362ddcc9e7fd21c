//! The ledger of unique ids: the same on both databases.

use crate::common::{Fixture, both};
use model::event::Origin;
use model::folder::{Mode, Role};
use model::mailbox::Protocol;
use model::message::{Direction, Flags};
use model::{Timestamp, fresh_id};
use std::collections::HashMap;
use store::Store;
use store::failures::NewFailure;
use store::folders::{self, Cursor, ListChange, NewFolder};
use store::ingest::{Batch, NewMessage, Outcome, ThreadRefs, Threaded};
use store::leases::{self, Lease};
use store::pop3::{self, Haul, Standing, UID_VALIDITY};
use store::search::Words;

fn alone(
    _: &HashMap<String, String>,
    batch: &[ThreadRefs],
    _: &mut dyn FnMut() -> String,
) -> Threaded {
    Threaded {
        threads: batch
            .iter()
            .map(|_| fresh_id("thr", Timestamp(0)))
            .collect(),
        links: Vec::new(),
        merges: Vec::new(),
    }
}

struct Maildrop {
    store: Store,
    lease: Lease,
    folder: String,
}

impl Maildrop {
    async fn new(fixture: &Fixture) -> Self {
        let mailbox = fixture
            .mailbox_with("ann@example.test", Some(Protocol::Pop3))
            .await;
        let store = fixture.store.clone();
        let lease = leases::acquire(&store, 10).await.unwrap().remove(0);
        let created = ListChange::Created(NewFolder {
            wire_name: "INBOX".into(),
            path: "INBOX".into(),
            delimiter: None,
            role: Some(Role::Inbox),
            mode: Mode::Full,
            object_id: None,
            empty: None,
        });
        folders::apply_list(&store, &lease, vec![created])
            .await
            .unwrap();
        let known = folders::known(&store, &mailbox.id).await.unwrap();
        let folder = known[0].id.clone();
        pop3::begin(&store, &lease, &folder).await.unwrap();
        Self {
            store,
            lease,
            folder,
        }
    }

    /// Stores messages: (key, text).
    async fn ingest(&self, mails: &[(&str, &str)], failed: &[&str]) -> Outcome {
        let mut messages = Vec::new();
        for (i, (_, text)) in mails.iter().enumerate() {
            messages.push(message(&self.store, i as i64, text).await);
        }
        let failures = (mails.len()..).zip(failed).map(|(i, _)| NewFailure {
            uid: i as i64,
            problem_id: "message_unreadable".into(),
            reason: "no".into(),
            raw: None,
        });
        let keys = mails
            .iter()
            .map(|(key, _)| *key)
            .chain(failed.iter().copied());
        let haul = Haul {
            batch: Batch {
                folder_id: self.folder.clone(),
                uid_validity: UID_VALIDITY,
                origin: Origin::Live,
                messages,
                failures: failures.collect(),
                gone: Vec::new(),
                cursor: Cursor::default(),
                copies_too: true,
            },
            keys: keys.map(str::to_owned).collect(),
            left_out: Vec::new(),
        };
        pop3::ingest(&self.store, &self.lease, haul, alone)
            .await
            .unwrap()
    }

    async fn forget(&self, keys: &[&str]) {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        pop3::forget(&self.store, &self.lease, &self.folder, keys)
            .await
            .unwrap();
    }

    async fn known(&self) -> Vec<(String, Standing)> {
        let known = pop3::known(&self.store, &self.folder).await.unwrap();
        let mut known: Vec<_> = known.into_iter().collect();
        known.sort_by(|a, b| a.0.cmp(&b.0));
        known
    }

    async fn uids(&self) -> Vec<i64> {
        folders::stored_uids(&self.store, &self.folder, UID_VALIDITY)
            .await
            .unwrap()
    }
}

async fn message(store: &Store, uid: i64, text: &str) -> NewMessage {
    NewMessage {
        headers_only: None,
        uid,
        flags: Flags::default(),
        mod_seq: 0,
        received_at: Timestamp(1_700_000_000_000),
        stored: store.blobs.put(text.as_bytes()).await.unwrap(),
        head: "{}".into(),
        words: Words {
            subject: text.into(),
            from: String::new(),
            to: String::new(),
            body: String::new(),
        },
        refs: ThreadRefs::default(),
        direction: Direction::Incoming,
        sender: String::new(),
        subject: text.into(),
        automatic: false,
        report: None,
        has_attachments: false,
        object_id: None,
        labels: None,
    }
}

fn received(types: &[String]) -> usize {
    types
        .iter()
        .filter(|kind| *kind == "message.received")
        .count()
}

#[tokio::test]
async fn ids_and_messages_are_written_together_and_once() {
    both(|fixture| async move {
        let drop = Maildrop::new(&fixture).await;
        assert_eq!(
            drop.ingest(&[("a", "one"), ("b", "two")], &[]).await.stored,
            2
        );
        assert_eq!(
            drop.ingest(&[("b", "two"), ("c", "three")], &[])
                .await
                .known,
            1
        );
        assert_eq!(drop.uids().await, [1, 2, 3]);
        let stored = |key: &str| (key.to_owned(), Standing::Stored);
        assert_eq!(drop.known().await, [stored("a"), stored("b"), stored("c")]);
        assert_eq!(received(&fixture.event_types().await), 3);
    })
    .await;
}

#[tokio::test]
async fn bytes_that_come_back_under_another_id_are_the_old_message() {
    both(|fixture| async move {
        let drop = Maildrop::new(&fixture).await;
        drop.ingest(&[("a", "one"), ("b", "two"), ("c", "two")], &[])
            .await;
        drop.forget(&["a", "b", "c"]).await;
        assert_eq!(drop.uids().await, [1, 2, 3], "what is stored stays");
        let again = [("x", "two"), ("y", "one"), ("z", "two"), ("w", "two")];
        let outcome = drop.ingest(&again, &[]).await;
        assert_eq!((outcome.known, outcome.stored), (3, 1));
        assert_eq!(received(&fixture.event_types().await), 4);
        // While its id is there, a message is not taken for another one with the same bytes.
        assert_eq!(drop.ingest(&[("v", "one")], &[]).await.stored, 1);
    })
    .await;
}

#[tokio::test]
async fn a_failure_keeps_its_uid_until_the_message_comes() {
    both(|fixture| async move {
        let drop = Maildrop::new(&fixture).await;
        drop.ingest(&[("a", "one")], &["b", "c"]).await;
        let failed = |key: &str, due| (key.to_owned(), Standing::Failed { due });
        let rest = drop.known().await.split_off(1);
        assert_eq!(rest, [failed("b", false), failed("c", false)]);
        fixture.clock.advance(86_400_000);
        assert_eq!(drop.known().await[1], failed("b", true));
        drop.ingest(&[("b", "two")], &[]).await;
        assert_eq!(drop.known().await[1].1, Standing::Stored);
        assert_eq!(drop.uids().await, [1, 2]);
        drop.forget(&["c"]).await;
        let mailbox = &drop.lease.mailbox_id;
        let ledger = store::failures::list(&drop.store, mailbox, None, 10).await;
        assert!(ledger.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn strikes_and_dates_are_remembered() {
    both(|fixture| async move {
        let drop = Maildrop::new(&fixture).await;
        let (store, lease, folder) = (&drop.store, &drop.lease, &drop.folder);
        assert_eq!(pop3::strike(store, lease, folder, "a").await.unwrap(), 1);
        assert_eq!(pop3::strike(store, lease, folder, "a").await.unwrap(), 2);
        assert_eq!(drop.known().await, [("a".to_owned(), Standing::Open)]);
        drop.ingest(&[("a", "one")], &[]).await;
        assert_eq!(pop3::strike(store, lease, folder, "a").await.unwrap(), 1);
        let haul = Haul {
            batch: Batch {
                folder_id: folder.clone(),
                uid_validity: UID_VALIDITY,
                origin: Origin::Backfill,
                messages: Vec::new(),
                failures: Vec::new(),
                gone: Vec::new(),
                cursor: Cursor::default(),
                copies_too: true,
            },
            keys: Vec::new(),
            left_out: vec![("b".to_owned(), Timestamp(5))],
        };
        pop3::ingest(store, lease, haul, alone).await.unwrap();
        let left_out = ("b".to_owned(), Standing::LeftOut(Timestamp(5)));
        assert_eq!(drop.known().await[1], left_out);
        pop3::begin(store, lease, folder).await.unwrap();
        assert!(drop.known().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn only_what_is_stored_and_old_enough_is_safe_to_delete() {
    both(|fixture| async move {
        let drop = Maildrop::new(&fixture).await;
        let (store, lease, folder) = (&drop.store, &drop.lease, &drop.folder);
        drop.ingest(&[("a", "one")], &["b"]).await;
        let first = store.now();
        fixture.clock.advance(5_000);
        drop.ingest(&[("c", "three")], &[]).await;
        let safe = async |until: Timestamp| {
            let safe = pop3::safe_since(store, lease, folder, until).await.unwrap();
            safe.into_iter().map(|copy| copy.key).collect::<Vec<_>>()
        };
        assert_eq!(safe(Timestamp(first.0 - 1)).await, [""; 0]);
        assert_eq!(safe(first).await, ["a"]);
        assert_eq!(safe(store.now()).await, ["a", "c"]);
        drop.forget(&["a"]).await;
        assert_eq!(safe(store.now()).await, ["c"]);
        let copies = pop3::copies(store, folder, &["a".into(), "c".into()]).await;
        let copies = copies.unwrap();
        assert_eq!(copies.len(), 1);
        let bytes = store.blobs.read(&copies[0].place, 100).await.unwrap();
        assert_eq!(bytes, b"three");
    })
    .await;
}

#[tokio::test]
async fn a_size_is_compared_with_the_one_that_was_noted() {
    both(|fixture| async move {
        let drop = Maildrop::new(&fixture).await;
        let (store, lease, folder) = (&drop.store, &drop.lease, &drop.folder);
        drop.ingest(&[("a", "one"), ("b", "two")], &[]).await;
        let sizes = |a: i64, b: i64| HashMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        let first = pop3::resized(store, folder, &sizes(3, 3)).await.unwrap();
        assert!(first.is_empty(), "sizes that are new tell nothing");
        pop3::note_sizes(store, lease, folder, &sizes(3, 3))
            .await
            .unwrap();
        let later = pop3::resized(store, folder, &sizes(3, 9)).await.unwrap();
        assert_eq!(later, ["b"]);
        pop3::reused(store, lease, folder, later).await.unwrap();
        assert_eq!(drop.known().await.len(), 1);
        assert_eq!(drop.uids().await, [1, 2], "what is stored stays");
    })
    .await;
}

#[tokio::test]
async fn what_a_server_had_no_more_under_pop3_stays_under_imap() {
    both(|fixture| async move {
        let drop = Maildrop::new(&fixture).await;
        let (store, lease, folder) = (&drop.store, &drop.lease, &drop.folder);
        drop.ingest(&[("a", "one"), ("b", "two"), ("c", "three")], &[])
            .await;
        drop.forget(&["b", "c"]).await;
        let counts = async || {
            let folder = folders::get(store, folder).await.unwrap();
            (folder.messages, folder.unread)
        };
        folders::reset(store, lease, folder, 7).await.unwrap();
        assert_eq!(drop.uids().await, [2, 3]);
        assert_eq!(counts().await, (2, 2));
        // One that was there under POP3, one that only we had, and a new one.
        let mut messages = Vec::new();
        for (uid, text) in [(10, "one"), (11, "two"), (12, "four")] {
            messages.push(message(store, uid, text).await);
        }
        let batch = Batch {
            folder_id: folder.clone(),
            uid_validity: 7,
            origin: Origin::Backfill,
            messages,
            failures: Vec::new(),
            gone: Vec::new(),
            cursor: Cursor::default(),
            copies_too: false,
        };
        let outcome = store::ingest::ingest(store, lease, batch, alone)
            .await
            .unwrap();
        assert_eq!((outcome.moved, outcome.stored), (2, 1));
        assert_eq!(drop.uids().await, [3]);
        assert_eq!(counts().await, (4, 4));
        assert_eq!(received(&fixture.event_types().await), 4);
        // And back.
        pop3::begin(store, lease, folder).await.unwrap();
        assert_eq!(counts().await, (1, 1));
        let again = [("a", "one"), ("b", "two"), ("c", "three"), ("d", "four")];
        let outcome = drop.ingest(&again, &[]).await;
        assert_eq!((outcome.moved, outcome.known, outcome.stored), (3, 1, 0));
        assert_eq!(counts().await, (4, 4));
        assert_eq!(received(&fixture.event_types().await), 4);
    })
    .await;
}
