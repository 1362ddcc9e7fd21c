//! Claims of what is to be sent: nothing is lost by one that ends, and nothing sent twice by mistake.

use crate::common::{Fixture, both};
use crate::outbox::{all, claim, dot, queue};
use model::submission::State;
use store::StoreError;
use store::submissions::{self, Claimed, Settlement, Standing};

const MINUTE: i64 = 60_000;

#[tokio::test]
async fn an_expired_claim_is_unclear_and_goes_out_once_more_as_a_possible_duplicate() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = queue(&f, &mailbox, &["bob@x.org"]).await.id;
        let claimed = claim(&f, &mailbox).await.unwrap();
        dot(&f, &claimed).await;
        f.clock.advance(MINUTE / 2);
        assert_eq!(submissions::renew(&f.store, &mailbox.id).await.unwrap(), 1);
        f.clock.advance(MINUTE / 2);
        assert_eq!(
            submissions::expire_claims(&f.store).await.unwrap(),
            0,
            "renewed"
        );
        f.clock.advance(MINUTE);
        assert_eq!(submissions::expire_claims(&f.store).await.unwrap(), 1);
        assert_eq!(submissions::renew(&f.store, &mailbox.id).await.unwrap(), 0);

        let unclear = submissions::get(&f.store, &id).await.unwrap();
        assert_eq!(
            (unclear.state, unclear.possible_duplicate),
            (State::Unclear, false)
        );
        assert!(claim(&f, &mailbox).await.is_none(), "not before its time");
        f.clock.advance(15 * MINUTE);
        let again = claim(&f, &mailbox).await.expect("once more");
        assert!(
            !again.submission.possible_duplicate,
            "nothing of it went out yet"
        );
        dot(&f, &again).await;
        let marked = submissions::get(&f.store, &id).await.unwrap();
        assert!(marked.possible_duplicate);
        assert!(matches!(
            submissions::settle(&f.store, &claimed, all(&claimed, State::Accepted)).await,
            Err(StoreError::Fenced)
        ));
        let still = submissions::settle(&f.store, &again, all(&again, State::Unclear))
            .await
            .unwrap();
        assert_eq!(still.state, State::Unclear);
        f.clock.advance(15 * MINUTE);
        assert!(
            claim(&f, &mailbox).await.is_none(),
            "never by itself a third time"
        );
        submissions::expire_claims(&f.store).await.unwrap();
        let end = submissions::get(&f.store, &id).await.unwrap();
        assert_eq!(
            (end.state, end.problem_id.as_deref()),
            (State::Failed, Some("smtp_unclear"))
        );
        assert_eq!((end.next_attempt_at, end.possible_duplicate), (None, true));
        let types = f.event_types().await;
        let told = |kind: &str| types.iter().filter(|t| *t == kind).count();
        assert_eq!(told("submission.unclear"), 1);
        assert_eq!(told("submission.failed"), 1);
        // A person may try once more.
        submissions::retry(&f.store, &id).await.unwrap();
        assert!(claim(&f, &mailbox).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn what_was_claimed_and_not_handed_over_goes_out_as_if_nothing_had_been() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let id = queue(&f, &mailbox, &["bob@x.org"]).await.id;
        let mut pauses = Vec::new();
        for _ in 0..4 {
            claim(&f, &mailbox).await.expect("a claim");
            f.clock.advance(2 * MINUTE);
            assert_eq!(submissions::expire_claims(&f.store).await.unwrap(), 1);
            let left = submissions::get(&f.store, &id).await.unwrap();
            assert_eq!(
                (left.state, left.possible_duplicate),
                (State::Queued, false)
            );
            pauses.push(left.next_attempt_at.unwrap().0 - f.clock.now().0);
            f.clock.advance(5 * MINUTE);
        }
        assert_eq!(pauses, [0, 0, 5 * MINUTE, 5 * MINUTE], "no loop of crashes");
        assert!(
            !f.event_types()
                .await
                .contains(&"submission.unclear".to_owned())
        );
    })
    .await;
}

#[tokio::test]
async fn a_late_word_of_the_server_settles_an_expired_claim() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        queue(&f, &mailbox, &["bob@x.org"]).await;
        let claimed = claim(&f, &mailbox).await.unwrap();
        dot(&f, &claimed).await;
        f.clock.advance(2 * MINUTE);
        submissions::expire_claims(&f.store).await.unwrap();
        let done = submissions::settle(&f.store, &claimed, all(&claimed, State::Accepted))
            .await
            .unwrap();
        assert_eq!(done.state, State::Accepted);
    })
    .await;
}

#[tokio::test]
async fn a_restart_of_the_only_node_ends_its_claims() {
    let f = Fixture::sqlite().await;
    let mailbox = f.mailbox("ann@example.com").await;
    let id = queue(&f, &mailbox, &["bob@x.org"]).await.id;
    let claimed = claim(&f, &mailbox).await.unwrap();
    dot(&f, &claimed).await;
    assert_eq!(submissions::recover(&f.store).await.unwrap(), 1);
    let state = submissions::get(&f.store, &id).await.unwrap().state;
    assert_eq!(state, State::Unclear);
}

#[tokio::test]
async fn what_a_dead_node_was_sending_is_unclear_and_what_it_had_not_begun_goes_out_elsewhere() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let first = queue(&f, &mailbox, &["bob@x.org"]).await.id;
        f.clock.advance(1);
        let second = queue(&f, &mailbox, &["bob@x.org"]).await.id;
        assert!(
            submissions::take_mailbox(&f.store, &mailbox.id)
                .await
                .unwrap()
        );
        let claimed = claim(&f, &mailbox).await.unwrap();
        assert_eq!(claimed.submission.id, first);
        dot(&f, &claimed).await;
        let there = f.node("there");
        let due = || submissions::due_mailboxes(&there, Vec::new(), 10);
        let takes = || submissions::take_mailbox(&there, &mailbox.id);

        f.clock.advance(10_000);
        assert!(due().await.unwrap().is_empty(), "its node lives");
        assert!(!takes().await.unwrap());
        assert_eq!(submissions::expire_claims(&there).await.unwrap(), 0);

        f.clock.advance(2_500);
        assert_eq!(
            submissions::expire_claims(&f.store).await.unwrap(),
            0,
            "its own"
        );
        assert_eq!(submissions::expire_claims(&there).await.unwrap(), 1);
        let state = submissions::get(&there, &first).await.unwrap().state;
        assert_eq!(state, State::Unclear);
        assert_eq!(due().await.unwrap(), std::slice::from_ref(&mailbox.id));
        assert!(takes().await.unwrap());
        let next = submissions::begin(&there, &mailbox.id, 1)
            .await
            .unwrap()
            .pop_front();
        assert_eq!(next.unwrap().submission.id, second);
    })
    .await;
}

#[tokio::test]
async fn what_is_claimed_and_not_begun_goes_back_as_it_was() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let mut queued = Vec::new();
        for _ in 0..4 {
            f.clock.advance(1);
            queued.push(queue(&f, &mailbox, &["bob@x.org"]).await.id);
        }
        let mut claimed = submissions::begin(&f.store, &mailbox.id, 3).await.unwrap();
        let ids: Vec<_> = claimed.iter().map(|c| c.submission.id.clone()).collect();
        assert_eq!(ids, queued[..3], "the oldest first");
        let first = claimed.pop_front().unwrap();

        // Whoever sends the first prolongs the others with it.
        f.clock.advance(submissions::CLAIM_MILLIS - 1_000);
        assert_eq!(submissions::renew(&f.store, &mailbox.id).await.unwrap(), 3);
        f.clock.advance(2_000);
        assert_eq!(submissions::expire_claims(&f.store).await.unwrap(), 0);

        let (store, version) = (&f.store, mailbox.version);
        let standing = |claimed: Claimed| async move {
            submissions::standing(store, &claimed, version)
                .await
                .unwrap()
        };
        submissions::cancel(&f.store, &queued[2]).await.unwrap();
        assert!(matches!(
            standing(claimed[0].clone()).await,
            Standing::Good(_)
        ));
        assert_eq!(standing(claimed[1].clone()).await, Standing::Over);
        submissions::give_back(&f.store, claimed).await.unwrap();
        let back = submissions::get(&f.store, &queued[1]).await.unwrap();
        assert_eq!((back.state, back.attempts), (State::Queued, 0));
        let gone = submissions::get(&f.store, &queued[2]).await.unwrap();
        assert_eq!(gone.state, State::Cancelled);
        let next = submissions::begin(&f.store, &mailbox.id, 9).await.unwrap();
        let ids: Vec<_> = next.iter().map(|c| c.submission.id.clone()).collect();
        assert_eq!(ids, [queued[1].clone(), queued[3].clone()]);
        let done = submissions::settle(&f.store, &first, all(&first, State::Accepted)).await;
        assert_eq!(done.unwrap().state, State::Accepted);
    })
    .await;
}

#[tokio::test]
async fn a_node_that_leaves_while_it_sends_keeps_its_message() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        queue(&f, &mailbox, &["bob@x.org"]).await;
        let claimed = claim(&f, &mailbox).await.unwrap();
        store::leases::leave(&f.store).await.unwrap();
        let there = f.node("there");
        assert_eq!(submissions::expire_claims(&there).await.unwrap(), 0);
        store::leases::renew(&there).await.unwrap();
        let taken = store::leases::acquire(&there, 10).await.unwrap();
        assert_eq!(taken.len(), 1, "it counts no more for the share");
        let done = submissions::settle(&f.store, &claimed, all(&claimed, State::Accepted)).await;
        assert_eq!(done.unwrap().state, State::Accepted);
        store::leases::leave(&f.store).await.unwrap();
        let nodes = f.store.db.read(|tx| {
            let row = tx.row("SELECT count(*) FROM nodes WHERE node = 'here'", &[])?;
            row.map_or(Ok(0), |row| row.get::<i64>(0))
        });
        assert_eq!(nodes.await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn one_node_at_a_time_has_a_mailboxs_connection() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        queue(&f, &mailbox, &["bob@x.org"]).await;
        let there = f.node("there");
        let due = |store: store::Store| async move {
            submissions::due_mailboxes(&store, Vec::new(), 10)
                .await
                .unwrap()
                .len()
        };
        assert!(
            submissions::take_mailbox(&f.store, &mailbox.id)
                .await
                .unwrap()
        );
        assert!(
            submissions::take_mailbox(&f.store, &mailbox.id)
                .await
                .unwrap(),
            "again is the same"
        );
        assert!(
            !submissions::take_mailbox(&there, &mailbox.id)
                .await
                .unwrap()
        );
        assert_eq!(
            (due(f.store.clone()).await, due(there.clone()).await),
            (1, 0)
        );
        submissions::give_back_mailbox(&f.store, &mailbox.id)
            .await
            .unwrap();
        assert_eq!(due(there.clone()).await, 1);
        assert!(
            submissions::take_mailbox(&there, &mailbox.id)
                .await
                .unwrap()
        );
        f.clock.advance(4 * MINUTE);
        assert!(
            submissions::take_mailbox(&f.store, &mailbox.id)
                .await
                .unwrap(),
            "the other one died"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_try_again_at_once_do_not_stand_in_each_others_way() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let mut ids = Vec::new();
        for _ in 0..8 {
            ids.push(queue(&f, &mailbox, &["bob@x.org"]).await.id);
        }
        for _ in 0..10 {
            let hold = |claimed: &Claimed| Settlement {
                held: true,
                ..all(claimed, State::Deferred)
            };
            submissions::settle_due(&f.store, &mailbox.id, 100, hold)
                .await
                .unwrap();
            let tries: Vec<_> = ids
                .iter()
                .cloned()
                .map(|id| {
                    let store = f.store.clone();
                    tokio::spawn(async move { submissions::retry(&store, &id).await })
                })
                .collect();
            for one in tries {
                let queued = one.await.unwrap().unwrap();
                assert_eq!(queued.state, State::Deferred);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_the_database_ends_in_a_deadlock_is_run_again() {
    both(|f| async move {
        f.store
            .db
            .write(|tx| {
                tx.exec(
                    "INSERT INTO settings (name, value) VALUES ('a', ''), ('b', '')",
                    &[],
                )
            })
            .await
            .unwrap();
        // Each takes its first row, waits until the other has its own, and then wants that one too.
        let together = std::sync::Arc::new(std::sync::Barrier::new(2));
        let alone = f.store.db.dialect() == store::db::Dialect::Sqlite;
        let tasks = [("a", "b"), ("b", "a")].map(|(first, second)| {
            let (store, together) = (f.store.clone(), together.clone());
            let met = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(alone));
            tokio::spawn(async move {
                let add = "UPDATE settings SET value = value || 'x' WHERE name = $1";
                store
                    .db
                    .write(move |tx| {
                        tx.exec(add, &[first.into()])?;
                        if !met.swap(true, std::sync::atomic::Ordering::SeqCst) {
                            together.wait();
                        }
                        tx.exec(add, &[second.into()])
                    })
                    .await
            })
        });
        for task in tasks {
            assert_eq!(task.await.unwrap().unwrap(), 1);
        }
        let values = f.store.db.read(|tx| {
            let rows = tx.rows("SELECT value FROM settings WHERE name IN ('a', 'b')", &[])?;
            rows.iter()
                .map(|row| row.get::<String>(0))
                .collect::<Result<Vec<_>, _>>()
        });
        assert_eq!(values.await.unwrap(), ["xx", "xx"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_written_down_with_the_next_dot_and_either_may_be_refused_by_itself() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        for _ in 0..4 {
            queue(&f, &mailbox, &["bob@x.org"]).await;
        }
        let claimed = submissions::begin(&f.store, &mailbox.id, 4).await.unwrap();
        let with_dot = async |last: &Claimed, next: &Claimed| {
            let accepted = all(last, State::Accepted);
            submissions::settle_at_final_dot(&f.store, last, accepted, next, &[])
                .await
                .unwrap()
        };
        let state = async |n: usize| {
            let id = &claimed[n].submission.id;
            submissions::get(&f.store, id).await.unwrap().state
        };
        let (settled, dot) = with_dot(&claimed[0], &claimed[1]).await;
        assert_eq!(
            (settled.unwrap().state, dot.is_ok()),
            (State::Accepted, true)
        );
        // What is settled stays as it is; the dot of another may leave all the same.
        let (again, dot) = with_dot(&claimed[0], &claimed[2]).await;
        assert!(matches!(again, Err(StoreError::Fenced)) && dot.is_ok());
        // A cancelled one does not go out, and the outcome counts all the same.
        submissions::cancel(&f.store, &claimed[3].submission.id)
            .await
            .unwrap();
        let (settled, dot) = with_dot(&claimed[1], &claimed[3]).await;
        assert!(settled.is_ok() && matches!(dot, Err(StoreError::Fenced)));
        assert_eq!(state(1).await, State::Accepted);
        assert_eq!(state(3).await, State::Cancelled);
        // The dot of the third has left: it is not known who has it.
        f.clock.advance(submissions::CLAIM_MILLIS + 1);
        assert_eq!(submissions::expire_claims(&f.store).await.unwrap(), 1);
        assert_eq!(state(2).await, State::Unclear);
    })
    .await;
}
