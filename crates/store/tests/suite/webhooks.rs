//! Webhooks: who gets which event, how often it is tried, and when an endpoint is given up.

use crate::common::{Fixture, START, both};
use model::webhook::{DeliveryState, Webhook};
use store::StoreError;
use store::deliveries::{self, Claimed, Settlement, Verdict};
use store::webhooks::{self, Change, NewWebhook};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

async fn hook(f: &Fixture, types: &[&str]) -> Webhook {
    let new = NewWebhook {
        url: "https://example.com/hook".to_owned(),
        types: types.iter().map(|t| (*t).to_owned()).collect(),
        ..NewWebhook::default()
    };
    webhooks::create(&f.store, new).await.expect("a webhook").0
}

async fn claim(f: &Fixture, webhook: &Webhook) -> Vec<Claimed> {
    deliveries::claim_due(&f.store, &webhook.id, 100)
        .await
        .expect("claims")
}

fn settlement(verdict: Verdict, status: i64) -> Settlement {
    Settlement {
        verdict,
        status: Some(status),
        error: (status >= 300).then(|| format!("the endpoint answered {status}")),
        gone: status == 410,
    }
}

#[tokio::test]
async fn the_secret_is_shown_once_and_kept_sealed() {
    both(|f| async move {
        let (webhook, secret) = webhooks::create(&f.store, NewWebhook::default())
            .await
            .unwrap();
        assert!(secret.expose().starts_with("whsec_") && secret.expose().len() == 6 + 44);
        assert_eq!(
            webhooks::secret(&f.store, &webhook.id).await.unwrap(),
            secret
        );
        let text =
            serde_json::to_string(&webhooks::get(&f.store, &webhook.id).await.unwrap()).unwrap();
        assert!(!text.contains("whsec_"));
        let (_, other) = webhooks::create(&f.store, NewWebhook::default())
            .await
            .unwrap();
        assert_ne!(secret, other);
        assert_eq!(webhooks::list(&f.store, None, 10).await.unwrap().len(), 2);
        webhooks::remove(&f.store, &webhook.id).await.unwrap();
        let gone = webhooks::remove(&f.store, &webhook.id).await;
        assert!(matches!(gone, Err(StoreError::NotFound(_))));
    })
    .await;
}

#[tokio::test]
async fn every_event_reaches_every_webhook_that_wants_it_exactly_once() {
    both(|f| async move {
        let (all, some) = (hook(&f, &[]).await, hook(&f, &["mailbox.created"]).await);
        f.mailbox("ann@example.com").await;
        assert_eq!(deliveries::fan_out(&f.store).await.unwrap(), 2);
        assert_eq!(deliveries::fan_out(&f.store).await.unwrap(), 0);
        let (to_all, to_some) = (claim(&f, &all).await, claim(&f, &some).await);
        assert_eq!((to_all.len(), to_some.len()), (2, 1));
        assert_eq!(to_all[0].event_id, to_some[0].event_id);
        assert_eq!(to_all[0].body, to_some[0].body);
        assert!(to_some[0].body.contains("\"type\":\"mailbox.created\""));
        assert!(claim(&f, &all).await.is_empty(), "claimed twice");
        f.clock.advance(2 * MINUTE);
        let again = claim(&f, &all).await;
        assert_eq!(
            (again.len(), again[0].attempt),
            (2, 2),
            "a lost claim is taken again"
        );
        assert_eq!(again[0].body, to_all[0].body);
        let late = deliveries::settle(&f.store, &to_all[0], settlement(Verdict::Dead, 500)).await;
        assert!(matches!(late, Err(StoreError::Fenced)));
    })
    .await;
}

#[tokio::test]
async fn what_happens_while_no_webhook_is_switched_on_is_for_none_and_can_be_asked_for() {
    both(|f| async move {
        f.mailbox("ann@example.com").await;
        let given = async || deliveries::fan_out_if_wanted(&f.store).await.unwrap();
        assert_eq!(given().await, 0);
        let webhook = hook(&f, &["mailbox.created"]).await;
        assert_eq!(given().await, 0);
        assert!(claim(&f, &webhook).await.is_empty());
        f.mailbox("bob@example.com").await;
        assert_eq!(given().await, 2);
        assert_eq!(claim(&f, &webhook).await.len(), 1);
        let switch = async |enabled| {
            let change = Change {
                enabled: Some(enabled),
                ..Change::default()
            };
            webhooks::change(&f.store, &webhook.id, change)
                .await
                .unwrap();
        };
        switch(false).await;
        f.mailbox("cid@example.com").await;
        assert_eq!(given().await, 0);
        switch(true).await;
        assert_eq!(given().await, 0);
        let made_good = deliveries::replay_since(&f.store, &webhook.id, START).await;
        assert_eq!(made_good.unwrap(), 2, "ann and cid");
    })
    .await;
}

#[tokio::test]
async fn two_nodes_do_not_fan_out_the_same_event_twice() {
    both(|f| async move {
        let webhook = hook(&f, &[]).await;
        for n in 0..20 {
            f.mailbox(&format!("{n}@example.com")).await;
        }
        let (here, there) = (f.store.clone(), f.node("there"));
        let (a, b) = tokio::join!(deliveries::fan_out(&here), deliveries::fan_out(&there));
        assert_eq!(a.unwrap() + b.unwrap(), 40);
        let stats = deliveries::stats(&f.store, &webhook.id).await.unwrap();
        assert_eq!(stats.pending, 40);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_waits_between_tries_and_ends_delivered() {
    both(|f| async move {
        let webhook = hook(&f, &["mailbox.created"]).await;
        f.mailbox("ann@example.com").await;
        deliveries::fan_out(&f.store).await.unwrap();
        let first = claim(&f, &webhook).await.remove(0);
        let again = Verdict::Again(START.plus_millis(MINUTE));
        let waiting = deliveries::settle(&f.store, &first, settlement(again, 500))
            .await
            .unwrap();
        assert_eq!(
            (waiting.state, waiting.last_status),
            (DeliveryState::Pending, Some(500))
        );
        assert!(deliveries::due_webhooks(&f.store).await.unwrap().is_empty());
        assert_eq!(
            deliveries::next_due(&f.store).await.unwrap(),
            Some(START.plus_millis(MINUTE))
        );
        f.clock.advance(MINUTE);
        let due = deliveries::due_webhooks(&f.store).await.unwrap();
        assert_eq!(due, [(webhook.id.clone(), true)]);
        let second = claim(&f, &webhook).await.remove(0);
        let done = deliveries::settle(&f.store, &second, settlement(Verdict::Delivered, 200))
            .await
            .unwrap();
        assert_eq!(
            (done.state, done.attempts, done.last_error),
            (DeliveryState::Delivered, 2, None)
        );
        assert!(done.delivered_at.is_some() && done.next_attempt_at.is_none());
        let stats = deliveries::stats(&f.store, &webhook.id).await.unwrap();
        assert_eq!(
            (stats.delivered, stats.pending, stats.failing_since),
            (1, 0, None)
        );

        let replayed = deliveries::replay(&f.store, &done.id).await.unwrap();
        assert_eq!(replayed.state, DeliveryState::Pending);
        let third = claim(&f, &webhook).await.remove(0);
        assert_eq!(
            (&third.event_id, &third.body),
            (&first.event_id, &first.body)
        );
    })
    .await;
}

#[tokio::test]
async fn three_days_of_failures_or_410_switch_a_webhook_off() {
    both(|f| async move {
        for (status, wait) in [(500, 3 * DAY), (410, 0)] {
            let webhook = hook(&f, &["mailbox.created"]).await;
            f.mailbox("ann@example.com").await;
            deliveries::fan_out(&f.store).await.unwrap();
            let claimed = claim(&f, &webhook).await.remove(0);
            let again = Verdict::Again(f.store.now().plus_millis(wait));
            deliveries::settle(&f.store, &claimed, settlement(again, status))
                .await
                .unwrap();
            if wait > 0 {
                assert!(webhooks::get(&f.store, &webhook.id).await.unwrap().enabled);
                f.clock.advance(wait);
                let claimed = claim(&f, &webhook).await.remove(0);
                deliveries::settle(&f.store, &claimed, settlement(Verdict::Dead, status))
                    .await
                    .unwrap();
            }
            let off = webhooks::get(&f.store, &webhook.id).await.unwrap();
            assert!(!off.enabled && off.disabled_reason.is_some());
            assert!(claim(&f, &webhook).await.is_empty());
            assert_eq!(
                f.event_types().await.last().map(String::as_str),
                Some("webhook.disabled")
            );

            // What happens now is missed, and made good when it is switched on again.
            f.mailbox("eve@example.com").await;
            while deliveries::fan_out(&f.store).await.unwrap() > 0 {}
            let on = Change {
                enabled: Some(true),
                ..Change::default()
            };
            let on = webhooks::change(&f.store, &webhook.id, on).await.unwrap();
            assert!(on.enabled && on.disabled_reason.is_none());
            let since = webhook.created_at;
            let missed = deliveries::replay_since(&f.store, &webhook.id, since)
                .await
                .unwrap();
            assert_eq!(missed, if wait > 0 { 2 } else { 1 });
            f.clock.advance(MINUTE);
            assert_eq!(claim(&f, &webhook).await.len(), 2);
            assert_eq!(
                deliveries::replay_since(&f.store, &webhook.id, since)
                    .await
                    .unwrap(),
                0
            );
            webhooks::remove(&f.store, &webhook.id).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_test_goes_to_one_webhook_whatever_it_wants() {
    both(|f| async move {
        let (webhook, other) = (hook(&f, &["message.*"]).await, hook(&f, &[]).await);
        let delivery = deliveries::test(&f.store, &webhook.id).await.unwrap();
        assert_eq!(delivery.event_type, "webhook.test");
        assert_eq!(claim(&f, &webhook).await.len(), 1);
        assert!(claim(&f, &other).await.is_empty());
        assert!(
            deliveries::posted_body(&f.store, &delivery.id)
                .await
                .unwrap()
                .contains("webhook.test")
        );
    })
    .await;
}

#[tokio::test]
async fn deliveries_are_listed_newest_first_and_swept_after_thirty_days() {
    both(|f| async move {
        let webhook = hook(&f, &["mailbox.created"]).await;
        let mut ids = Vec::new();
        for n in 0..3 {
            f.clock.advance(1);
            f.mailbox(&format!("{n}@example.com")).await;
            deliveries::fan_out(&f.store).await.unwrap();
            let claimed = claim(&f, &webhook).await.remove(0);
            ids.insert(0, claimed.id.clone());
            let verdict = if n == 0 {
                Verdict::Dead
            } else {
                Verdict::Delivered
            };
            deliveries::settle(&f.store, &claimed, settlement(verdict, 200))
                .await
                .unwrap();
        }
        let page = deliveries::list(&f.store, &webhook.id, None, None, 2)
            .await
            .unwrap();
        assert_eq!(
            page.iter().map(|d| &d.id).collect::<Vec<_>>(),
            [&ids[0], &ids[1]]
        );
        let rest = deliveries::list(&f.store, &webhook.id, None, Some(ids[1].clone()), 2)
            .await
            .unwrap();
        assert_eq!((rest.len(), &rest[0].id), (1, &ids[2]));
        let dead = deliveries::list(&f.store, &webhook.id, Some(DeliveryState::Dead), None, 9)
            .await
            .unwrap();
        assert_eq!((dead.len(), &dead[0].id), (1, &ids[2]));
        let nowhere = deliveries::list(&f.store, "whk_x", None, None, 2).await;
        assert!(matches!(nowhere, Err(StoreError::NotFound(_))));
        assert_eq!(deliveries::sweep(&f.store).await.unwrap(), 0);
        f.clock.advance(31 * DAY);
        assert_eq!(deliveries::sweep(&f.store).await.unwrap(), 3);
    })
    .await;
}
