//! What was used of a provider's limits by the day: the same on both databases.

use crate::common::both;
use model::folder::Mode;
use model::traffic::Allowed;
use store::folders::{self, ListChange, NewFolder};
use store::leases;
use store::traffic::{self, Amount};

fn down(bytes_down: i64) -> Amount {
    Amount {
        bytes_down,
        ..Amount::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_any_24_hours_and_no_more_is_set_aside_than_it_leaves() {
    both(|fixture| async move {
        const HOUR: i64 = 3_600_000;
        let mailbox = fixture.mailbox("ann@example.test").await;
        let store = &fixture.store;
        let lease = leases::acquire(store, 10).await.unwrap().remove(0);
        let allowed = Allowed {
            bytes_down: Some(1_000),
            bytes_up: Some(100),
            messages: Some(5),
            ..Allowed::default()
        };
        let set_aside = async |wanted| {
            traffic::set_aside(store, &lease, wanted, allowed)
                .await
                .unwrap()
                .0
        };
        let all = Amount {
            bytes_down: 700,
            bytes_up: 60,
            messages: 3,
        };
        assert_eq!(set_aside(all).await, all);
        let rest = Amount {
            bytes_down: 300,
            // A message is uploaded or not.
            bytes_up: 0,
            messages: 2,
        };
        assert_eq!(set_aside(all).await, rest);
        assert_eq!(set_aside(down(1)).await, Amount::default());
        traffic::settle(store, &lease, down(-250)).await.unwrap();
        fixture.clock.advance(5 * HOUR);
        assert_eq!(set_aside(down(500)).await, down(250));
        let used = traffic::used(store, &mailbox.id).await.unwrap();
        assert_eq!(
            (used.bytes_down, used.bytes_up, used.messages),
            (1_000, 60, 5)
        );
        let opens = used.opens_at.unwrap();
        assert!(
            opens > store.now().plus_millis(18 * HOUR)
                && opens < store.now().plus_millis(21 * HOUR)
        );
        // A minute before it opens nothing has changed; then what is oldest counts no more.
        fixture.clock.advance(opens.0 - store.now().0 - 60_000);
        assert_eq!(set_aside(down(1)).await, Amount::default());
        fixture.clock.advance(60_000);
        assert_eq!(set_aside(down(5_000)).await, down(750));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filling_that_waits_says_so_as_long_as_it_fills() {
    both(|fixture| async move {
        let mailbox = fixture.mailbox("ann@example.test").await;
        let store = &fixture.store;
        let lease = leases::acquire(store, 10).await.unwrap().remove(0);
        let inbox = ListChange::Created(NewFolder {
            wire_name: "INBOX".into(),
            path: "INBOX".into(),
            delimiter: None,
            role: None,
            mode: Mode::Full,
            object_id: None,
            empty: None,
        });
        folders::apply_list(store, &lease, vec![inbox])
            .await
            .unwrap();
        let until = store.now().plus_millis(1_000);
        for told in [Some(until), None] {
            traffic::filling_waits(store, &lease, told).await.unwrap();
            let coverage = store::mailboxes::get(store, &mailbox.id)
                .await
                .unwrap()
                .coverage;
            assert_eq!(coverage.waits_until, told);
            assert_eq!(coverage.problem_id.is_some(), told.is_some());
        }
    })
    .await;
}
