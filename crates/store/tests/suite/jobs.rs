//! Jobs: on both databases.

use crate::common::both;
use crate::outbox;
use model::job::Phase;
use model::submission::State;
use serde_json::json;
use store::jobs;
use store::submissions::{self, NewSubmission};
use store::{StoreError, Tx};

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_of_a_node_that_is_gone_is_taken_by_another_one_before_its_time_is_over() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("ann@example.com").await;
        let job = outbox::job(&fixture, &a.id, 1).await;
        let mut other = store.clone();
        other.node = "other".into();
        let work = jobs::take(&other, 9).await.unwrap().unwrap();
        // Longer than a node is silent that lives, and shorter than a claim.
        fixture.clock.advance(20_000);
        assert!(jobs::any_open(store, true).await.unwrap());
        let again = jobs::take(store, 9).await.unwrap().unwrap();
        assert_eq!(again.rows.len(), 1);
        // Whoever was thought gone takes nothing away.
        jobs::give_back(&other, &work).await.unwrap();
        assert!(jobs::take(store, 9).await.unwrap().is_none());
        jobs::stop(store, &again, "not now".into()).await.unwrap();
        let stopped = jobs::get(store, &job.id).await.unwrap().0;
        assert_eq!(
            (stopped.phase, stopped.last_error.as_deref()),
            (Phase::Paused, Some("not now"))
        );
        assert!(!jobs::any_open(store, true).await.unwrap(), "it rests");
        fixture.clock.advance(10_000);
        let work = jobs::take(store, 9).await.unwrap().unwrap();
        assert!(work.stopped);
        // A person has the last word.
        jobs::set_phase(store, &job.id, Phase::Paused)
            .await
            .unwrap();
        assert!(!jobs::go_on(store, &work).await.unwrap());
        jobs::give_back(store, &work).await.unwrap();
        assert!(!jobs::any_open(store, false).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_stopped_when_all_was_made_is_done() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("ann@example.com").await;
        let job = outbox::job(&fixture, &a.id, 1).await;
        let work = jobs::take(store, 9).await.unwrap().unwrap();
        let id = work.id.clone();
        let made = store.db.write(move |tx| jobs::made_in(tx, &id, 0)).await;
        assert!(made.unwrap());
        // The last message is made, and whoever made it did not hear of it.
        jobs::stop(store, &work, "no answer".into()).await.unwrap();
        fixture.clock.advance(10_000);
        let rest = jobs::take(store, 9).await.unwrap().unwrap();
        assert!(rest.stopped && rest.rows.is_empty());
        assert!(jobs::give_back(store, &rest).await.unwrap());
        let done = jobs::get(store, &job.id).await.unwrap().0;
        assert_eq!((done.phase, done.done), (Phase::Done, 1));
        assert!(done.finished_at.is_some() && done.last_error.is_none());
        assert!(!jobs::any_open(store, false).await.unwrap());
        let told = fixture.event_types().await;
        assert!(told.contains(&"job.completed".to_owned()));
        // What has ended is nothing to come back to at once.
        assert!(!jobs::give_back(store, &rest).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_worked_on_by_one_node_at_a_time_and_nobody_is_made_twice() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("ann@example.com").await;
        let job = outbox::job(&fixture, &a.id, 5).await;
        assert_eq!((job.total, job.done, job.phase), (5, 0, Phase::Running));
        assert!(jobs::any_open(store, false).await.unwrap());
        let work = jobs::take(store, 3).await.unwrap().unwrap();
        assert_eq!(work.rows.len(), 3);
        assert_eq!(work.rows[1], (1, json!({"n": 1})));
        assert!(jobs::take(store, 3).await.unwrap().is_none(), "it is taken");
        let made = async |n: i64| {
            let id = work.id.clone();
            store
                .db
                .write(move |tx| jobs::made_in(tx, &id, n))
                .await
                .unwrap()
        };
        assert!(made(0).await && !made(0).await, "once");
        jobs::failed(store, &work.id, 1, "no name".into())
            .await
            .unwrap();
        assert!(jobs::give_back(store, &work).await.unwrap());
        // A node that dies keeps nothing for good.
        assert_eq!(jobs::take(store, 9).await.unwrap().unwrap().rows.len(), 3);
        fixture.clock.advance(130_000);
        let again = jobs::take(store, 9).await.unwrap().unwrap();
        assert_eq!(again.rows.len(), 3);
        jobs::set_phase(store, &job.id, Phase::Paused)
            .await
            .unwrap();
        assert!(!made(2).await, "nothing is made while it is paused");
        jobs::set_phase(store, &job.id, Phase::Running)
            .await
            .unwrap();
        for n in 2..5 {
            assert!(made(n).await);
        }
        jobs::give_back(store, &again).await.unwrap();
        let (done, owner, failures) = jobs::get(store, &job.id).await.unwrap();
        assert_eq!((done.phase, done.done, done.failed), (Phase::Done, 5, 1));
        assert_eq!(
            (owner.as_str(), failures[0].address.as_str()),
            ("tok_1", "p1@x.test")
        );
        assert!(
            fixture
                .event_types()
                .await
                .contains(&"job.completed".to_owned())
        );
        let ended = jobs::set_phase(store, &job.id, Phase::Cancelled).await;
        assert!(matches!(ended, Err(StoreError::Conflict(_))));
        assert!(!jobs::any_open(store, false).await.unwrap());
        let list = async |owner: Option<&str>| {
            let list = jobs::list(store, owner.map(str::to_owned), None, 10).await;
            list.unwrap().len()
        };
        assert_eq!(
            (
                list(None).await,
                list(Some("tok_1")).await,
                list(Some("x")).await
            ),
            (1, 1, 0)
        );
        fixture.clock.advance(jobs::KEPT_MILLIS - 1_000);
        store::sweep::run(store).await.unwrap();
        assert_eq!(list(None).await, 1);
        outbox::job(&fixture, &a.id, 5).await;
        fixture.clock.advance(2_000);
        store::sweep::run(store).await.unwrap();
        assert_eq!(
            list(None).await,
            1,
            "the old one goes with its recipients, what runs stays"
        );
        store::mailboxes::remove(store, &a.id).await.unwrap();
        assert_eq!(list(None).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_being_cancelled_makes_nothing_more_and_waits_for_its_end() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("ann@example.com").await;
        let job = outbox::job(&fixture, &a.id, 1).await;
        let work = jobs::take(store, 9).await.unwrap().unwrap();
        jobs::begin_cancel(store, &job.id).await.unwrap();
        let id = job.id.clone();
        let made = move |tx: &mut Tx<'_>| jobs::made_in(tx, &id, 0);
        assert!(!store.db.write(made).await.unwrap());
        jobs::stop(store, &work, "not now".into()).await.unwrap();
        jobs::give_back(store, &work).await.unwrap();
        let shown = jobs::get(store, &job.id).await.unwrap().0;
        assert_eq!(
            (shown.phase, shown.last_error.as_deref(), shown.finished_at),
            (Phase::Paused, Some("it is being cancelled"), None)
        );
        // Nobody lets it go on, and somebody is to end it.
        for phase in [Phase::Running, Phase::Paused] {
            let refused = jobs::set_phase(store, &job.id, phase).await;
            assert!(matches!(refused, Err(StoreError::Conflict(_))));
        }
        assert!(jobs::any_open(store, true).await.unwrap());
        let work = jobs::take(store, 9).await.unwrap().unwrap();
        assert!(work.ending && work.rows.is_empty() && !work.waits);
        let ended = jobs::set_phase(store, &job.id, Phase::Cancelled).await;
        let ended = ended.unwrap();
        assert!(ended.finished_at.is_some() && ended.last_error.is_none());
        jobs::begin_cancel(store, &job.id).await.unwrap();
        assert!(!jobs::any_open(store, false).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_cannot_be_worked_on_lets_the_others_go_first() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("ann@example.com").await;
        let one = outbox::job(&fixture, &a.id, 1).await;
        fixture.clock.advance(1);
        let two = outbox::job(&fixture, &a.id, 1).await;
        let taken = async || jobs::take(store, 9).await.unwrap().map(|work| work.id);
        let work = jobs::take(store, 9).await.unwrap().unwrap();
        assert_eq!(work.id, one.id);
        jobs::rest(store, &work).await.unwrap();
        assert_eq!(taken().await, Some(two.id.clone()));
        assert_eq!(taken().await, None, "it rests");
        fixture.clock.advance(3_000);
        let work = jobs::take(store, 9).await.unwrap().unwrap();
        assert_eq!(work.id, one.id);
        // Given back at once, it comes again after the one that never had its turn.
        jobs::rest(store, &work).await.unwrap();
        let other = outbox::job(&fixture, &a.id, 1).await;
        fixture.clock.advance(3_000);
        assert_eq!(taken().await, Some(other.id));
        assert_eq!(taken().await, Some(one.id));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_puts_off_of_a_cancelled_job_goes_out_no_more() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let job = outbox::job(&f, &mailbox.id, 1).await;
        for outcome in [State::Deferred, State::Unclear, State::Accepted] {
            let one = NewSubmission {
                job_id: Some(job.id.clone()),
                ..outbox::new(&f, &mailbox, &["bob@x.org"]).await
            };
            submissions::create(&f.store, one).await.unwrap();
            let claimed = outbox::claim(&f, &mailbox).await.expect("it is due");
            outbox::dot(&f, &claimed).await;
            // The first is cancelled while the server has it, the others after that.
            if outcome == State::Deferred {
                jobs::begin_cancel(&f.store, &job.id).await.unwrap();
            }
            let done = submissions::settle(&f.store, &claimed, outbox::all(&claimed, outcome));
            let done = done.await.unwrap();
            let wanted = match outcome {
                State::Deferred => State::Cancelled,
                known => known,
            };
            assert_eq!(done.state, wanted);
            assert!(outbox::claim(&f, &mailbox).await.is_none());
            if outcome == State::Unclear {
                // It has no second try; its doubt ends, and holds up nobody.
                f.clock.advance(submissions::UNCLEAR_MILLIS);
                assert!(outbox::claim(&f, &mailbox).await.is_none());
                submissions::expire_claims(&f.store).await.unwrap();
                let ended = submissions::get(&f.store, &done.id).await.unwrap();
                assert_eq!(ended.state, State::Failed);
                let held = submissions::held_problem(&f.store, &mailbox.id).await;
                assert_eq!(held.unwrap(), None);
            }
        }
    })
    .await;
}
