//! The outbox: what is queued, settled, held, cancelled and listed.

use crate::common::{START, both};
use crate::outbox::{all, claim, dot, new, owed, queue};
use model::mailbox::Protocol;
use model::submission::{Priority, SentCopyState, State};
use store::StoreError;
use store::submissions::{self, Claimed, Filter, NewSubmission, SentCopyBy, Settlement};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

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
        let dot_leaves = submissions::at_final_dot(&f.store, &second.id, attempt, &[]).await;
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
