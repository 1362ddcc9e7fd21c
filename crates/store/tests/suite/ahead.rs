//! A clock that stood a year ahead and is put right: nothing waits for the year to pass.

use crate::common::{Fixture, START, both};
use model::submission::State;
use store::deliveries::{self, Settlement as Posted, Verdict};
use store::submissions::{self, NewSubmission, SentCopyBy, Settlement};
use store::webhooks::{self, NewWebhook};
use store::{ahead, leases};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

async fn queue(f: &Fixture, mailbox_id: &str, send_at: Option<i64>) -> String {
    let digest = f.store.blobs.put(b"Subject: x\r\n\r\nx").await.unwrap();
    let to = vec!["bob@x.org".to_owned()];
    let new = NewSubmission {
        send_at: send_at.map(|millis| START.plus_millis(millis)),
        ..NewSubmission::new(mailbox_id, digest, "ann@example.com", "one@example.com", to)
    };
    submissions::create(&f.store, new).await.unwrap().id
}

#[tokio::test]
async fn submissions_wait_no_longer_than_their_pauses() {
    both(|f| async move {
        let (deferring, held, sending) = (
            f.mailbox("ann@example.com").await.id,
            f.mailbox("eve@example.com").await.id,
            f.mailbox("joe@example.com").await.id,
        );
        f.clock.advance(YEAR);
        let late = f.store.now();
        for (mailbox, hold) in [(&deferring, false), (&held, true)] {
            queue(&f, mailbox, None).await;
            submissions::settle_due(&f.store, mailbox, 10, move |claimed| {
                let mut recipients = claimed.submission.recipients.clone();
                recipients[0].state = State::Deferred;
                Settlement {
                    next_attempt_at: Some(late.plus_millis(HOUR)),
                    held: hold,
                    ..Settlement::of(recipients, SentCopyBy::Us)
                }
            })
            .await
            .unwrap();
        }
        let unsent = queue(&f, &sending, None).await;
        submissions::take_mailbox(&f.store, &sending).await.unwrap();
        submissions::begin(&f.store, &sending, 1)
            .await
            .unwrap()
            .pop_front()
            .unwrap();
        submissions::at_final_dot(&f.store, &unsent, 1, &[])
            .await
            .unwrap();

        f.clock.advance(-YEAR);
        let there = f.node("there");
        // The clock of the node that sends is still wrong, and it has not been heard of since.
        assert!(submissions::take_mailbox(&there, &sending).await.unwrap());
        assert_eq!(submissions::expire_claims(&there).await.unwrap(), 1);
        let state = submissions::get(&there, &unsent).await.unwrap().state;
        assert_eq!(state, State::Unclear);

        assert_eq!(ahead::cut(&f.store).await.unwrap(), 2);
        assert_eq!(ahead::cut(&f.store).await.unwrap(), 0);
        f.clock.advance(HOUR + 1);
        let due = submissions::due_mailboxes(&f.store, Vec::new(), 10).await;
        assert!(due.unwrap().contains(&deferring));
        let claimed = submissions::begin(&f.store, &deferring, 1)
            .await
            .unwrap()
            .pop_front()
            .unwrap();
        assert!(claimed.give_up_at <= f.store.now().plus_millis(5 * DAY));
        f.clock.advance(5 * DAY);
        let due = submissions::due_mailboxes(&f.store, Vec::new(), 10).await;
        assert!(due.unwrap().contains(&held), "it is given up in time");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_scheduled_far_ahead_keeps_its_time() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await.id;
        let id = queue(&f, &mailbox, Some(YEAR)).await;
        assert_eq!(ahead::cut(&f.store).await.unwrap(), 0);
        let at = submissions::get(&f.store, &id)
            .await
            .unwrap()
            .next_attempt_at;
        assert_eq!(at, Some(START.plus_millis(YEAR)));
    })
    .await;
}

#[tokio::test]
async fn webhook_deliveries_wait_no_longer_than_their_pauses() {
    both(|f| async move {
        let (webhook, _) = webhooks::create(&f.store, NewWebhook::default())
            .await
            .unwrap();
        f.clock.advance(YEAR);
        f.mailbox("ann@example.com").await;
        assert_eq!(deliveries::fan_out(&f.store).await.unwrap(), 2);
        let claim = || deliveries::claim_due(&f.store, &webhook.id, 10);
        let claimed = claim().await.unwrap();
        let again = Posted {
            verdict: Verdict::Again(f.store.now().plus_millis(HOUR)),
            status: Some(500),
            error: Some("no".to_owned()),
            gone: false,
        };
        deliveries::settle(&f.store, &claimed[0], again)
            .await
            .unwrap();

        f.clock.advance(-YEAR);
        assert_eq!(ahead::cut(&f.store).await.unwrap(), 2);
        f.clock.advance(2 * HOUR + 1);
        // One was put off, the other's claim never ended.
        let due = claim().await.unwrap();
        assert_eq!(due.len(), 2);
        let latest = f.store.now().plus_millis(3 * DAY);
        assert!(due.iter().all(|delivery| delivery.give_up_at <= latest));
    })
    .await;
}

#[tokio::test]
async fn a_lease_lives_no_longer_than_its_length() {
    both(|f| async move {
        f.mailbox("ann@example.com").await;
        f.clock.advance(YEAR);
        leases::renew(&f.store).await.unwrap();
        assert_eq!(leases::acquire(&f.store, 10).await.unwrap().len(), 1);
        f.clock.advance(-YEAR);
        let there = f.node("there");
        leases::renew(&there).await.unwrap();
        assert!(
            leases::acquire(&there, 10).await.unwrap().is_empty(),
            "not yet"
        );
        f.clock.advance(model::limits::LEASE_MILLIS);
        leases::renew(&there).await.unwrap();
        assert_eq!(leases::acquire(&there, 10).await.unwrap().len(), 1);
    })
    .await;
}
