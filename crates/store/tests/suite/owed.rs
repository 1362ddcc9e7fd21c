//! What is owed to a server: taken, settled, failed, tried again and given up.

use crate::common::both;
use crate::ingest::{alone, batch, count, flags, message, one_message, set_up};
use model::message::{FlagChange, Flags};
use store::ingest::{self, FlagUpdate};
use store::owed::{self, Intent, Refusal, State};
use store::{StoreError, messages};

fn seen() -> FlagChange {
    FlagChange {
        seen: Some(true),
        ..FlagChange::default()
    }
}

fn refusal(reason: &str) -> Refusal {
    Refusal {
        problem_id: "command_refused",
        reason: reason.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_failed_for_good_is_told_once_shown_and_can_be_tried_again() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let one = vec![message(store, 1, "one").await];
        ingest::ingest(store, &a.lease, batch(&a.inbox, one), alone)
            .await
            .unwrap();
        let id = one_message(store, &a.mailbox_id).await;
        owed::change_flags(store, &id, seen()).await.unwrap();
        let taken = owed::take(store, &a.lease, 10).await.unwrap();
        let long = format!("NO\r\n{}", "x".repeat(1_000));
        owed::failed(store, &a.lease, &taken[0], refusal(&long), None)
            .await
            .unwrap();
        assert_eq!(count(store, "change.failed").await, 1);
        assert!(owed::pending(store, &id).await.unwrap().is_empty());
        assert_eq!(owed::next_due(store, &a.mailbox_id).await.unwrap(), None);
        assert!(owed::take(store, &a.lease, 10).await.unwrap().is_empty());
        let entry = owed::list(store, &a.mailbox_id, None, 10)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(entry.state, State::Failed);
        assert_eq!(entry.next_attempt_at, None);
        let reason = entry.reason.unwrap();
        assert!(
            reason.len() <= 300 && !reason.contains(['\r', '\n']),
            "{reason}"
        );
        // What the server has counts again ...
        let truth = FlagUpdate {
            uid: 1,
            flags: Flags::default(),
            mod_seq: 2,
            labels: None,
        };
        ingest::apply(store, &a.lease, flags(&a.inbox, truth))
            .await
            .unwrap();
        assert!(!messages::get(store, &id).await.unwrap().flags.seen);
        assert_eq!(count(store, "message.changed").await, 2);
        // ... and a person may have it tried again.
        let again = owed::retry(store, &a.mailbox_id, &entry.id).await.unwrap();
        assert_eq!((again.state, again.attempts), (State::Pending, 0));
        assert_eq!(owed::take(store, &a.lease, 10).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_at_work_is_not_cancelled_and_rests_when_the_connection_ends() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let one = vec![message(store, 1, "one").await];
        ingest::ingest(store, &a.lease, batch(&a.inbox, one), alone)
            .await
            .unwrap();
        let id = one_message(store, &a.mailbox_id).await;
        owed::move_to(store, &id, &a.archive).await.unwrap();
        owed::change_flags(store, &id, seen()).await.unwrap();
        let taken = owed::take(store, &a.lease, 10).await.unwrap();
        // What comes after it about the same message waits for it.
        assert_eq!(taken.len(), 1);
        assert!(matches!(taken[0].intent, Intent::Move { .. }));
        let refused = owed::cancel(store, &a.mailbox_id, &taken[0].id).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))));
        // Also when it failed for now.
        let later = store.now().plus_millis(60_000);
        owed::failed(store, &a.lease, &taken[0], refusal("busy"), Some(later))
            .await
            .unwrap();
        owed::rest(store, &a.lease).await.unwrap();
        assert!(owed::take(store, &a.lease, 10).await.unwrap().is_empty());
        owed::cancel(store, &a.mailbox_id, &taken[0].id)
            .await
            .unwrap();
        let left = owed::take(store, &a.lease, 10).await.unwrap();
        assert!(matches!(&left[..], [one] if matches!(one.intent, Intent::Flags { .. })));
        let other = owed::cancel(store, "mbx_other", &left[0].id).await;
        assert!(matches!(other, Err(StoreError::NotFound(_))));
        assert_eq!(count(store, "change.failed").await, 0);
    })
    .await;
}

/// Somebody puts it back, or another message with the same bytes is seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_moved_to_where_nothing_is_stored_is_told_to_come_back() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let one = vec![message(store, 1, "one").await];
        ingest::ingest(store, &a.lease, batch(&a.inbox, one), alone)
            .await
            .unwrap();
        let id = one_message(store, &a.mailbox_id).await;
        owed::move_to(store, &id, &a.archive).await.unwrap();
        let taken = owed::take(store, &a.lease, 10).await.unwrap();
        // Under a UIDVALIDITY that is not known here.
        let confirmed = owed::Confirmed {
            moved_to: Some(owed::Spot {
                folder_id: a.archive.clone(),
                wire_name: "Archive".to_owned(),
                uid_validity: 99,
                uid: 1,
            }),
            ..owed::Confirmed::default()
        };
        owed::done(store, &a.lease, &taken[0], confirmed)
            .await
            .unwrap();
        let again = vec![message(store, 2, "one").await];
        ingest::ingest(store, &a.lease, batch(&a.inbox, again), alone)
            .await
            .unwrap();
        let (events, _) = store::events::list(store, Default::default(), 100)
            .await
            .unwrap();
        let told: Vec<_> = events
            .iter()
            .filter(|event| event.kind == "message.moved")
            .map(|event| event.data["folder_id"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(told, [a.archive.as_str(), a.inbox.as_str()]);
        assert_eq!(one_message(store, &a.mailbox_id).await, id);
    })
    .await;
}
