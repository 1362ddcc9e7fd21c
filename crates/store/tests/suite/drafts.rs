//! Drafts: what the lock of one mailbox does not keep apart, and when the server's copies are made.

use crate::common::{Fixture, both};
use crate::ingest::{Box, alone, batch, gone, message_of, set_up};
use model::folder::{Mode, Role};
use serde_json::json;
use std::time::Duration;
use store::db::Dialect;
use store::drafts::copying::{self, Copy, Work};
use store::drafts::{self, Draft, OnServer, Version};
use store::folders::{self, ListChange, NewFolder};
use store::{Store, StoreError, Tx, ahead, ingest, leases, owed};

const SECOND: i64 = 1_000;

fn version(id: &str, mailbox_id: &str, after: i64) -> Version {
    Version {
        id: id.to_owned(),
        mailbox_id: mailbox_id.to_owned(),
        after,
        content: json!({"text": format!("version {}", after + 1)}),
        uploads: Vec::new(),
        caller: json!({"id": "usr_1"}),
        replaces: None,
    }
}

/// Who changes a draft and gives it to another mailbox, and has not committed yet: whoever removes it or sends it holds the mailbox
/// where it was, and has seen the version before. (SQLite lets one writer in at a time.)
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_was_changed_meanwhile_is_not_taken_away() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("ann@example.com").await;
        let b = fixture.mailbox("bob@example.com").await;
        let dialect = store.db.read(|tx| Ok(tx.dialect())).await.unwrap();
        for sends in [false, true] {
            let id = drafts::fresh(store.now());
            drafts::save(store, version(&id, &a.id, 0)).await.unwrap();
            let (changed, seen) = std::sync::mpsc::channel::<()>();
            let (changes, mailbox_id, draft) = (store.clone(), b.id.clone(), id.clone());
            let changing = tokio::spawn(async move {
                let change = move |tx: &mut Tx<'_>| {
                    tx.exec(
                        "UPDATE drafts SET mailbox_id = $2, version = 2 WHERE id = $1",
                        &[(&draft).into(), (&mailbox_id).into()],
                    )?;
                    let _ = changed.send(());
                    while dialect == Dialect::Postgres && !somebody_waits(tx)? {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Ok(())
                };
                changes.db.write(change).await
            });
            tokio::task::spawn_blocking(move || seen.recv())
                .await
                .unwrap()
                .unwrap();
            let taken = match sends {
                false => drafts::remove(store, &id, Some(1)).await,
                true => {
                    let (id, now) = (id.clone(), store.now());
                    let send = move |tx: &mut Tx<'_>| drafts::send_in(tx, &id, Some(1), now);
                    store.db.write(send).await
                }
            };
            changing.await.unwrap().unwrap();
            assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
            let kept = drafts::get(store, &id).await.unwrap();
            assert_eq!((kept.version, &kept.mailbox_id), (2, &b.id));
            drafts::remove(store, &id, Some(2)).await.unwrap();
        }
    })
    .await;
}

/// Whether another transaction waits for this one.
fn somebody_waits(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let sql =
        "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))";
    let row = tx.row(sql, &[])?;
    Ok(row.map_or(Ok(0), |row| row.get::<i64>(0))? > 0)
}

/// A mailbox with a Drafts folder, and the folder's id.
async fn with_drafts(fixture: &Fixture) -> (Box, String) {
    let (a, store) = (set_up(fixture).await, &fixture.store);
    let created = ListChange::Created(NewFolder {
        wire_name: "Drafts".into(),
        path: "Drafts".into(),
        delimiter: Some("/".into()),
        role: Some(Role::Drafts),
        mode: Mode::Full,
        object_id: None,
        empty: None,
    });
    folders::apply_list(store, &a.lease, vec![created])
        .await
        .unwrap();
    let known = folders::known(store, &a.mailbox_id).await.unwrap();
    let id = known.into_iter().find(|f| f.path == "Drafts").unwrap().id;
    folders::reset(store, &a.lease, &id, 7).await.unwrap();
    (a, id)
}

/// What the copy's message would be.
async fn copy(store: &Store, work: &Work) -> Copy {
    let text = work.content["text"].as_str().unwrap();
    Copy {
        stored: store.blobs.put(text.as_bytes()).await.unwrap(),
        internet_message_id: format!("{}@example.test", drafts::unique(&work.id, work.version)),
        subject: String::new(),
    }
}

/// Makes all copies that are due, and says of which versions they are.
async fn copied(store: &Store) -> Vec<i64> {
    let mut versions = Vec::new();
    while let Some(work) = copying::take(store).await.unwrap() {
        let made = copying::made(store, &work, copy(store, &work).await);
        if made.await.unwrap() {
            versions.push(work.version);
        }
    }
    versions
}

/// What is owed to the mailbox's server, by kind.
async fn kinds(store: &Store, a: &Box) -> Vec<&'static str> {
    let owed = owed::list(store, &a.mailbox_id, None, 100).await.unwrap();
    let mut kinds: Vec<_> = owed.iter().map(owed::Entry::kind).collect();
    kinds.sort_unstable();
    kinds
}

/// The message with this version's Message-ID and these bytes turns up in the Drafts folder. What is owed is paid before.
async fn turns_up(store: &Store, (a, folder): (&Box, &str), uid: i64, version: &str, text: &str) {
    for owed in owed::take(store, &a.lease, 100).await.unwrap() {
        let paid = owed::done(store, &a.lease, &owed, owed::Confirmed::default());
        paid.await.unwrap();
    }
    let stored = store.blobs.put(text.as_bytes()).await.unwrap();
    let message = message_of(uid, version, stored);
    ingest::ingest(store, &a.lease, batch(folder, vec![message]), alone)
        .await
        .unwrap();
}

/// The message with this text.
async fn with_text(store: &Store, text: &str) -> String {
    let digest = store.blobs.put(text.as_bytes()).await.unwrap().digest;
    let find = move |tx: &mut Tx<'_>| {
        let sql = "SELECT id FROM messages WHERE digest = $1";
        tx.row(sql, &[digest.into()])?.expect("a message").get(0)
    };
    store.db.read(find).await.unwrap()
}

async fn saved(store: &Store, a: &Box, id: &str, after: i64) -> Draft {
    let version = version(id, &a.mailbox_id, after);
    drafts::save(store, version).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_have_one_copy_and_who_goes_on_for_long_has_one_a_minute() {
    both(|fixture| async move {
        let (a, folder) = with_drafts(&fixture).await;
        let (store, id) = (&fixture.store, drafts::fresh(fixture.store.now()));
        for after in 0..5 {
            let draft = saved(store, &a, &id, after).await;
            assert_eq!(draft.on_server, OnServer::Owed);
            fixture.clock.advance(6 * SECOND);
            assert!(copied(store).await.is_empty());
        }
        fixture.clock.advance(4 * SECOND);
        assert_eq!(copied(store).await, [5]);
        assert_eq!(kinds(store, &a).await, ["append"]);
        assert_eq!(copying::next_due(store).await.unwrap(), None);
        turns_up(
            store,
            (&a, &folder),
            1,
            &drafts::unique(&id, 5),
            "version 5",
        )
        .await;
        let stored = drafts::get(store, &id).await.unwrap();
        assert_eq!(stored.on_server, OnServer::Stored);
        // The copy before stays until the next one is made: what lies there is told meanwhile.
        for after in 5..15 {
            let draft = saved(store, &a, &id, after).await;
            assert_eq!(draft.message_id, stored.message_id);
            assert_eq!(draft.on_server, OnServer::Owed);
            assert!(copied(store).await.is_empty(), "{after}");
            fixture.clock.advance(6 * SECOND);
        }
        assert_eq!(copied(store).await, [15]);
        assert_eq!(kinds(store, &a).await, ["append", "expunge"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_leaves_for_a_mailbox_without_drafts_leaves_no_copy_behind() {
    both(|fixture| async move {
        let (a, folder) = with_drafts(&fixture).await;
        let (store, id) = (&fixture.store, drafts::fresh(fixture.store.now()));
        saved(store, &a, &id, 0).await;
        fixture.clock.advance(10 * SECOND);
        assert_eq!(copied(store).await, [1]);
        let unique = drafts::unique(&id, 1);
        turns_up(store, (&a, &folder), 1, &unique, "version 1").await;
        let elsewhere = fixture.mailbox("bob@example.com").await;
        let moved = drafts::save(store, version(&id, &elsewhere.id, 1)).await;
        assert_eq!(moved.unwrap().on_server, OnServer::None);
        assert_eq!(kinds(store, &a).await, ["expunge"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_is_over_before_its_copy_is_made_has_none() {
    both(|fixture| async move {
        let (a, folder) = with_drafts(&fixture).await;
        let store = &fixture.store;
        for (round, sends, taken) in [
            (0, false, false),
            (1, true, false),
            (2, false, true),
            (3, true, true),
        ] {
            let id = drafts::fresh(store.now());
            let theirs = format!("theirs{round}");
            turns_up(store, (&a, &folder), round + 1, &theirs, &theirs).await;
            let theirs = with_text(store, &theirs).await;
            let mut first = version(&id, &a.mailbox_id, 0);
            first.replaces = Some(theirs.clone());
            drafts::save(store, first).await.unwrap();
            // It stays until the copy is there.
            assert_eq!(kinds(store, &a).await, [""; 0]);
            fixture.clock.advance(10 * SECOND);
            let work = match taken {
                true => copying::take(store).await.unwrap(),
                false => None,
            };
            let (draft, now) = (id.clone(), store.now());
            match sends {
                true => {
                    let send = move |tx: &mut Tx<'_>| drafts::send_in(tx, &draft, Some(1), now);
                    store.db.write(send).await.unwrap();
                }
                false => drafts::remove(store, &id, Some(1)).await.unwrap(),
            }
            if let Some(work) = work {
                let copy = copy(store, &work).await;
                assert!(!copying::made(store, &work, copy).await.unwrap());
            }
            assert!(copied(store).await.is_empty());
            assert_eq!(
                kinds(store, &a).await,
                ["expunge"],
                "what it replaces goes with it"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_while_a_copy_is_made_has_one_of_its_own_later() {
    both(|fixture| async move {
        let (a, folder) = with_drafts(&fixture).await;
        let (store, id) = (&fixture.store, drafts::fresh(fixture.store.now()));
        saved(store, &a, &id, 0).await;
        fixture.clock.advance(10 * SECOND);
        let work = copying::take(store).await.unwrap().unwrap();
        assert!(copying::take(store).await.unwrap().is_none());
        fixture.clock.advance(SECOND);
        saved(store, &a, &id, 1).await;
        let made = copying::made(store, &work, copy(store, &work).await);
        assert!(made.await.unwrap());
        let due = copying::next_due(store).await.unwrap();
        assert_eq!(due, Some(store.now().plus_millis(10 * SECOND)));
        turns_up(
            store,
            (&a, &folder),
            1,
            &drafts::unique(&id, 1),
            "version 1",
        )
        .await;
        let draft = drafts::get(store, &id).await.unwrap();
        assert_eq!(draft.on_server, OnServer::Owed);
        assert!(draft.message_id.is_some());
        assert!(
            kinds(store, &a).await.is_empty(),
            "it stays until the next is there"
        );
        // The same copy a second time (of a node that was slow) goes nowhere.
        let again = copying::made(store, &work, copy(store, &work).await);
        assert!(!again.await.unwrap());
        fixture.clock.advance(10 * SECOND);
        assert_eq!(copied(store).await, [2]);
        assert_eq!(kinds(store, &a).await, ["append", "expunge"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_made_of_a_copy_is_not_copied_over() {
    both(|fixture| async move {
        let (a, folder) = with_drafts(&fixture).await;
        let (store, id) = (&fixture.store, drafts::fresh(fixture.store.now()));
        let unique = |version| drafts::unique(&id, version);
        saved(store, &a, &id, 0).await;
        fixture.clock.advance(10 * SECOND);
        assert_eq!(copied(store).await, [1]);
        turns_up(store, (&a, &folder), 1, &unique(1), "version 1").await;
        saved(store, &a, &id, 1).await;
        fixture.clock.advance(10 * SECOND);
        // One copy is just being made.
        let work = copying::take(store).await.unwrap().unwrap();
        turns_up(store, (&a, &folder), 2, &unique(1), "theirs").await;
        let made = copying::made(store, &work, copy(store, &work).await);
        assert!(!made.await.unwrap());
        let changed = drafts::get(store, &id).await.unwrap();
        assert_eq!((changed.on_server, changed.version), (OnServer::Changed, 2));
        assert_eq!(copying::next_due(store).await.unwrap(), None);
        let unseen = drafts::save(store, version(&id, &a.mailbox_id, 2)).await;
        assert!(
            matches!(unseen, Err(StoreError::Refused { .. })),
            "{unseen:?}"
        );
        // Who has seen it writes over it, and it goes when the copy is there.
        let mut seen = version(&id, &a.mailbox_id, 2);
        seen.replaces = changed.message_id.clone();
        let owed = drafts::save(store, seen).await.unwrap();
        assert_eq!(
            (owed.on_server, &owed.message_id),
            (OnServer::Owed, &changed.message_id)
        );
        saved(store, &a, &id, 3).await;
        assert!(kinds(store, &a).await.is_empty());
        fixture.clock.advance(10 * SECOND);
        assert_eq!(copied(store).await, [4]);
        // Theirs, and our own copy, which the other program has left beside it.
        assert_eq!(kinds(store, &a).await, ["append", "expunge", "expunge"]);
        turns_up(store, (&a, &folder), 3, &unique(4), "version 4").await;
        let stored = drafts::get(store, &id).await.unwrap();
        assert_eq!(stored.on_server, OnServer::Stored);
    })
    .await;
}

/// The other program puts its text there and takes our copy away: we may hear of that first.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_vanished_is_not_awaited_again() {
    both(|fixture| async move {
        let (a, folder) = with_drafts(&fixture).await;
        let (store, id) = (&fixture.store, drafts::fresh(fixture.store.now()));
        let unique = |version| drafts::unique(&id, version);
        saved(store, &a, &id, 0).await;
        fixture.clock.advance(10 * SECOND);
        assert_eq!(copied(store).await, [1]);
        turns_up(store, (&a, &folder), 1, &unique(1), "version 1").await;
        ingest::apply(store, &a.lease, gone(&folder, 1))
            .await
            .unwrap();
        let found = drafts::get(store, &id).await.unwrap();
        assert_eq!((found.on_server, found.message_id), (OnServer::Gone, None));
        let owed = saved(store, &a, &id, 1).await;
        assert_eq!((owed.on_server, owed.message_id), (OnServer::Owed, None));
        turns_up(store, (&a, &folder), 2, &unique(1), "theirs").await;
        let changed = drafts::get(store, &id).await.unwrap();
        assert_eq!(changed.on_server, OnServer::Changed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_draft_takes_the_place_of_goes_also_when_an_older_copy_turns_up_in_between() {
    both(|fixture| async move {
        let (a, folder) = with_drafts(&fixture).await;
        let (store, id) = (&fixture.store, drafts::fresh(fixture.store.now()));
        let unique = |version| drafts::unique(&id, version);
        for version in [1, 2] {
            saved(store, &a, &id, version - 1).await;
            fixture.clock.advance(10 * SECOND);
            assert_eq!(copied(store).await, [version]);
            if version == 1 {
                turns_up(store, (&a, &folder), 1, &unique(1), "version 1").await;
            }
        }
        // While the second copy is on its way, another program changes the first one, and somebody writes over that.
        turns_up(store, (&a, &folder), 2, &unique(1), "theirs").await;
        let theirs = drafts::get(store, &id).await.unwrap().message_id;
        let mut seen = version(&id, &a.mailbox_id, 2);
        seen.replaces = theirs.clone();
        drafts::save(store, seen).await.unwrap();
        turns_up(store, (&a, &folder), 3, &unique(2), "version 2").await;
        let draft = drafts::get(store, &id).await.unwrap();
        assert_eq!(draft.on_server, OnServer::Owed);
        assert_ne!(draft.message_id, theirs);
        fixture.clock.advance(10 * SECOND);
        assert_eq!(copied(store).await, [3]);
        assert_eq!(kinds(store, &a).await, ["append", "expunge", "expunge"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_due_survives_its_node_and_a_clock_that_stood_ahead() {
    both(|fixture| async move {
        let (a, _) = with_drafts(&fixture).await;
        let (store, id) = (&fixture.store, drafts::fresh(fixture.store.now()));
        saved(store, &a, &id, 0).await;
        fixture.clock.advance(10 * SECOND);
        assert!(copying::take(store).await.unwrap().is_some());
        // The server is killed, and begins anew (as the only one), or another node goes on.
        let dialect = store.db.read(|tx| Ok(tx.dialect())).await.unwrap();
        let next = match dialect {
            Dialect::Sqlite => {
                leases::enter_alone(store).await.unwrap();
                store.clone()
            }
            Dialect::Postgres => {
                let there = fixture.node("there");
                assert!(copying::take(&there).await.unwrap().is_none());
                fixture.clock.advance(model::limits::LEASE_MILLIS + 1);
                there
            }
        };
        let work = copying::take(&next).await.unwrap().unwrap();
        // It cannot be made now, and rests.
        copying::postpone(&next, &work).await.unwrap();
        assert!(copying::take(&next).await.unwrap().is_none());
        let rested = copying::next_due(&next).await.unwrap().unwrap();
        fixture.clock.advance(rested.0 - next.now().0);
        assert_eq!(copied(&next).await, [1]);

        let year = 365 * 24 * 3_600 * SECOND;
        fixture.clock.advance(year);
        saved(&next, &a, &id, 1).await;
        fixture.clock.advance(-year);
        assert_eq!(ahead::cut(&next).await.unwrap(), 1);
        fixture.clock.advance(10 * SECOND);
        assert_eq!(copied(&next).await, [2]);
    })
    .await;
}
