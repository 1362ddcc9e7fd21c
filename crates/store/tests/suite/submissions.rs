//! The outbox: queued, claimed, settled, and never sent twice by mistake.

use crate::common::{Fixture, START, both};
use model::mailbox::{Mailbox, Protocol};
use model::submission::{Priority, SentCopyState, State, Submission};
use serde_json::json;
use store::jobs::{self, NewJob};
use store::submissions::{self, Claimed, Filter, NewSubmission, SentCopyBy, Settlement, Standing};
use store::{StoreError, Tx};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

async fn queue(f: &Fixture, mailbox: &Mailbox, to: &[&str]) -> Submission {
    submissions::create(&f.store, new(f, mailbox, to).await)
        .await
        .expect("a submission")
}

async fn new(f: &Fixture, mailbox: &Mailbox, to: &[&str]) -> NewSubmission {
    let raw = b"Subject: x\r\n\r\nHello";
    let digest = f.store.blobs.put(raw).await.expect("stored");
    let to = to.iter().map(|t| (*t).to_owned()).collect();
    NewSubmission::new(&mailbox.id, digest, &mailbox.address, "one@example.com", to)
}

async fn claim(f: &Fixture, mailbox: &Mailbox) -> Option<Claimed> {
    submissions::begin(&f.store, &mailbox.id, 1)
        .await
        .expect("a claim")
        .pop_front()
}

/// The final dot leaves.
async fn dot(f: &Fixture, claimed: &Claimed) {
    let Submission { id, attempts, .. } = &claimed.submission;
    submissions::at_final_dot(&f.store, id, *attempts)
        .await
        .expect("the dot may leave");
}

/// Everyone gets the same state.
fn all(claimed: &Claimed, state: State) -> Settlement {
    let mut recipients = claimed.submission.recipients.clone();
    for recipient in &mut recipients {
        recipient.state = state;
    }
    Settlement {
        recipients,
        next_attempt_at: None,
        held: false,
        lost: state == State::Unclear,
        problem_id: None,
        sent_copy_by: SentCopyBy::Us,
    }
}

async fn owed(f: &Fixture) -> i64 {
    f.store
        .db
        .read(|tx| {
            tx.row("SELECT count(*) FROM owed WHERE kind = 'append'", &[])?
                .map_or(Ok(0), |row| row.get(0))
        })
        .await
        .expect("a count")
}

#[tokio::test]
async fn a_message_is_queued_claimed_once_and_accepted_with_its_copy_owed() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let queued = queue(&f, &mailbox, &["Bob@x.org", "bob@x.org", "eve@x.org"]).await;
        assert_eq!((queued.state, queued.recipients.len()), (State::Queued, 2));
        assert_eq!(
            submissions::due_mailboxes(&f.store, Vec::new(), 10)
                .await
                .unwrap(),
            std::slice::from_ref(&mailbox.id)
        );
        let busy = vec![mailbox.id.clone()];
        assert!(
            submissions::due_mailboxes(&f.store, busy, 10)
                .await
                .unwrap()
                .is_empty()
        );

        let claimed = claim(&f, &mailbox).await.expect("it is due");
        assert_eq!(claimed.submission.state, State::Sending);
        assert_eq!((claimed.size, claimed.submission.attempts), (19, 1));
        assert!(claim(&f, &mailbox).await.is_none(), "claimed twice");
        assert_eq!(submissions::depth(&f.store).await.unwrap(), 1);

        let done = submissions::settle(&f.store, &claimed, all(&claimed, State::Accepted))
            .await
            .unwrap();
        assert_eq!(
            (done.state, done.sent_copy.state),
            (State::Accepted, SentCopyState::Owed)
        );
        assert_eq!(
            (owed(&f).await, submissions::depth(&f.store).await.unwrap()),
            (1, 0)
        );
        let again = submissions::settle(&f.store, &claimed, all(&claimed, State::Failed)).await;
        assert!(matches!(again, Err(StoreError::Fenced)));
        let types = f.event_types().await;
        assert_eq!(
            types[types.len() - 2..],
            ["submission.queued", "submission.accepted"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_pop3_mailbox_is_owed_no_copy_and_a_filing_provider_one_later() {
    both(|f| async move {
        for (protocol, by, state) in [
            (Some(Protocol::Pop3), SentCopyBy::Us, SentCopyState::None),
            (None, SentCopyBy::Us, SentCopyState::None),
            (
                Some(Protocol::Imap),
                SentCopyBy::Provider,
                SentCopyState::Pending,
            ),
        ] {
            let mailbox = f.mailbox_with("ann@example.com", protocol).await;
            queue(&f, &mailbox, &["bob@x.org"]).await;
            let claimed = claim(&f, &mailbox).await.unwrap();
            let settlement = Settlement {
                sent_copy_by: by,
                ..all(&claimed, State::Accepted)
            };
            let done = submissions::settle(&f.store, &claimed, settlement)
                .await
                .unwrap();
            assert_eq!(done.sent_copy.state, state);
        }
        assert_eq!(owed(&f).await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_scheduled_waits_for_its_time() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let later = START.plus_millis(DAY);
        let scheduled = NewSubmission {
            send_at: Some(later),
            ..new(&f, &mailbox, &["bob@x.org"]).await
        };
        submissions::create(&f.store, scheduled).await.unwrap();
        assert!(
            submissions::due_mailboxes(&f.store, Vec::new(), 10)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(submissions::next_due(&f.store).await.unwrap(), Some(later));
        f.clock.advance(DAY);
        assert!(claim(&f, &mailbox).await.is_some());
    })
    .await;
}

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
async fn what_goes_first_is_a_matter_of_priority() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let mut ids = Vec::new();
        for priority in [Priority::Low, Priority::Normal, Priority::High] {
            let one = NewSubmission {
                priority,
                ..new(&f, &mailbox, &["bob@x.org"]).await
            };
            let made = submissions::create(&f.store, one).await.unwrap();
            assert_eq!(made.priority, priority);
            ids.push(made.id);
            f.clock.advance(1);
        }
        let mut order = Vec::new();
        for _ in 0..3 {
            order.push(claim(&f, &mailbox).await.unwrap().submission.id);
        }
        ids.reverse();
        assert_eq!(order, ids);
    })
    .await;
}

#[tokio::test]
async fn an_undo_time_holds_a_message_back_for_its_writer() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let until = START.plus_millis(10_000);
        let one = NewSubmission {
            undo_until: Some(until),
            ..new(&f, &mailbox, &["bob@x.org"]).await
        };
        let made = submissions::create(&f.store, one).await.unwrap();
        assert_eq!(
            (made.undo_until, made.next_attempt_at),
            (Some(until), Some(until))
        );
        assert!(claim(&f, &mailbox).await.is_none());
        f.clock.advance(10_000);
        assert!(claim(&f, &mailbox).await.is_some());
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
async fn recipients_settle_one_by_one() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        queue(&f, &mailbox, &["a@x", "b@x", "c@x"]).await;
        let claimed = claim(&f, &mailbox).await.unwrap();
        let mut settlement = all(&claimed, State::Accepted);
        settlement.recipients[1].state = State::Deferred;
        settlement.recipients[2].state = State::Failed;
        settlement.next_attempt_at = Some(START.plus_millis(5 * MINUTE));
        let open = submissions::settle(&f.store, &claimed, settlement)
            .await
            .unwrap();
        assert_eq!(
            (open.state, open.sent_copy.state),
            (State::Deferred, SentCopyState::Owed)
        );
        f.clock.advance(5 * MINUTE);
        let claimed = claim(&f, &mailbox).await.unwrap();
        let mut settlement = all(&claimed, State::Accepted);
        settlement.recipients[2].state = State::Failed;
        let done = submissions::settle(&f.store, &claimed, settlement)
            .await
            .unwrap();
        assert_eq!((done.state, done.attempts), (State::Accepted, 2));
        assert_eq!(owed(&f).await, 1, "one copy, however many tries");
        let types = f.event_types().await;
        assert_eq!(
            types[types.len() - 3..],
            [
                "submission.deferred",
                "submission.failed",
                "submission.accepted"
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn what_needs_a_person_is_held_until_settings_change_or_a_retry() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let first = queue(&f, &mailbox, &["bob@x.org"]).await;
        let hold = |claimed: &Claimed| Settlement {
            held: true,
            problem_id: Some("password_refused".to_owned()),
            ..all(claimed, State::Deferred)
        };
        let put_off = || submissions::settle_due(&f.store, &mailbox.id, 100, hold);
        assert_eq!(put_off().await.unwrap().len(), 1);
        let held = submissions::get(&f.store, &first.id).await.unwrap();
        assert_eq!(
            (held.state, held.attempts, held.next_attempt_at),
            (State::Deferred, 1, None)
        );
        let problem = submissions::held_problem(&f.store, &mailbox.id)
            .await
            .unwrap();
        assert_eq!(problem.as_deref(), Some("password_refused"));
        f.clock.advance(DAY);
        assert!(claim(&f, &mailbox).await.is_none());

        store::mailboxes::try_again(&f.store, &mailbox.id)
            .await
            .unwrap();
        assert_eq!(
            submissions::held_problem(&f.store, &mailbox.id)
                .await
                .unwrap(),
            None
        );
        assert_eq!(put_off().await.unwrap().len(), 1);
        submissions::retry(&f.store, &first.id).await.unwrap();
        assert!(claim(&f, &mailbox).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn cancelling_is_possible_until_the_message_is_on_its_way() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let first = queue(&f, &mailbox, &["bob@x.org"]).await;
        let gone = submissions::cancel(&f.store, &first.id).await.unwrap();
        assert_eq!(
            (gone.state, gone.recipients[0].state),
            (State::Cancelled, State::Cancelled)
        );
        assert!(
            submissions::cancel(&f.store, &first.id).await.is_ok(),
            "twice is the same"
        );
        assert!(claim(&f, &mailbox).await.is_none());
        assert!(matches!(
            submissions::retry(&f.store, &first.id).await,
            Err(StoreError::Conflict(_))
        ));

        let second = queue(&f, &mailbox, &["bob@x.org"]).await;
        let early = claim(&f, &mailbox).await.unwrap();
        let back = submissions::cancel(&f.store, &second.id).await.unwrap();
        assert_eq!(back.state, State::Cancelled, "its dot has not left");
        let attempt = early.submission.attempts;
        let dot_leaves = submissions::at_final_dot(&f.store, &second.id, attempt).await;
        assert!(
            matches!(dot_leaves, Err(StoreError::Fenced)),
            "and does not"
        );

        let second = queue(&f, &mailbox, &["bob@x.org"]).await;
        let claimed = claim(&f, &mailbox).await.unwrap();
        dot(&f, &claimed).await;
        assert!(matches!(
            submissions::cancel(&f.store, &second.id).await,
            Err(StoreError::Conflict(_))
        ));
        assert!(matches!(
            submissions::retry(&f.store, &second.id).await,
            Err(StoreError::Conflict(_))
        ));
        submissions::settle(&f.store, &claimed, all(&claimed, State::Failed))
            .await
            .unwrap();
        assert!(matches!(
            submissions::cancel(&f.store, &second.id).await,
            Err(StoreError::Conflict(_))
        ));
        let again = submissions::retry(&f.store, &second.id).await.unwrap();
        assert_eq!(
            (again.state, again.recipients[0].state),
            (State::Queued, State::Queued)
        );
        assert!(claim(&f, &mailbox).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_that_is_paused_or_only_receives_sends_nothing() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        queue(&f, &mailbox, &["bob@x.org"]).await;
        let paused = model::mailbox::Lifecycle::Paused;
        store::mailboxes::set_lifecycle(&f.store, &mailbox.id, paused)
            .await
            .unwrap();
        assert!(
            submissions::due_mailboxes(&f.store, Vec::new(), 10)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(claim(&f, &mailbox).await.is_none());
        let no_sending = store::mailboxes::Change {
            outgoing: Some(None),
            ..Default::default()
        };
        store::mailboxes::change(&f.store, &mailbox.id, no_sending, None)
            .await
            .unwrap();
        let refused = submissions::create(&f.store, new(&f, &mailbox, &["bob@x.org"]).await).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))));
        let nobody = submissions::create(&f.store, new(&f, &mailbox, &[]).await).await;
        assert!(matches!(nobody, Err(StoreError::Conflict(_))));
    })
    .await;
}

#[tokio::test]
async fn lists_are_newest_first_and_go_on_where_they_stopped() {
    both(|f| async move {
        let (ann, bob) = (
            f.mailbox("ann@example.com").await,
            f.mailbox("bob@example.com").await,
        );
        let mut ids = Vec::new();
        for n in 0..5 {
            f.clock.advance(1);
            ids.push(
                queue(&f, if n == 2 { &bob } else { &ann }, &["x@x"])
                    .await
                    .id,
            );
        }
        ids.reverse();
        let list = |filter: Filter, before: Option<String>, limit| {
            let store = f.store.clone();
            async move {
                let found = submissions::list(&store, filter, before, limit)
                    .await
                    .unwrap();
                found.into_iter().map(|s| s.id).collect::<Vec<_>>()
            }
        };
        let first = list(Filter::default(), None, 3).await;
        assert_eq!(first, ids[..3]);
        assert_eq!(
            list(Filter::default(), first.last().cloned(), 3).await,
            ids[3..]
        );
        let of_bob = Filter {
            mailbox_ids: Some(vec![bob.id.clone()]),
            states: vec![State::Queued, State::Failed],
            ..Filter::default()
        };
        assert_eq!(list(of_bob, None, 9).await, ids[2..3]);
        let failed = Filter {
            mailbox_ids: None,
            states: vec![State::Failed],
            ..Filter::default()
        };
        assert!(list(failed, None, 9).await.is_empty());
        let of_nobody = Filter {
            mailbox_ids: Some(Vec::new()),
            ..Filter::default()
        };
        assert!(list(of_nobody, None, 9).await.is_empty());

        let answered = model::fresh_id("msg", f.clock.now());
        f.clock.advance(1);
        let mut answer = new(&f, &ann, &["x@x"]).await;
        answer.answers_message_id = Some(answered.clone());
        answer.sent_by = Some("tok_1".to_owned());
        let answer = submissions::create(&f.store, answer).await.unwrap().id;
        let answers = |mailbox_id: Option<&str>, sent_by: &str| Filter {
            mailbox_ids: mailbox_id.map(|id| vec![id.to_owned()]),
            or_sent_by: Some(sent_by.to_owned()),
            answers: Some(answered.clone()),
            ..Filter::default()
        };
        for seen in [
            answers(None, "tok_2"),
            answers(Some(&ann.id), "tok_2"),
            answers(Some(&bob.id), "tok_1"),
        ] {
            assert_eq!(list(seen, None, 9).await, std::slice::from_ref(&answer));
        }
        let of_another = answers(Some(&bob.id), "tok_2");
        assert!(list(of_another, None, 9).await.is_empty());
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
            submissions::settle_at_final_dot(&f.store, last, accepted, next)
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

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_puts_off_of_a_cancelled_job_goes_out_no_more() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let now = f.store.now();
        let job = NewJob {
            mailbox_id: mailbox.id.clone(),
            caller: json!({}),
            owner: "tok_1".into(),
            request: json!({}),
            rows: vec![("bob@x.org".into(), json!({}))],
        };
        let make = move |tx: &mut Tx<'_>| jobs::create_in(tx, &job, now);
        let job = f.store.db.write(make).await.unwrap();
        for outcome in [State::Deferred, State::Unclear, State::Accepted] {
            let one = NewSubmission {
                job_id: Some(job.id.clone()),
                ..new(&f, &mailbox, &["bob@x.org"]).await
            };
            submissions::create(&f.store, one).await.unwrap();
            let claimed = claim(&f, &mailbox).await.expect("it is due");
            dot(&f, &claimed).await;
            // The first is cancelled while the server has it, the others after that.
            if outcome == State::Deferred {
                jobs::begin_cancel(&f.store, &job.id).await.unwrap();
            }
            let done = submissions::settle(&f.store, &claimed, all(&claimed, outcome));
            let done = done.await.unwrap();
            let wanted = match outcome {
                State::Deferred => State::Cancelled,
                known => known,
            };
            assert_eq!((done.state, done.next_attempt_at), (wanted, None));
            assert!(claim(&f, &mailbox).await.is_none());
        }
    })
    .await;
}
