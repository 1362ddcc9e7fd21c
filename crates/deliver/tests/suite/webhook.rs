//! Webhooks against a receiver with faults.

use crate::{Fixture, SOON, net};
use deliver::webhook::signature::sign;
use mail_sim::{HookSim, Reaction};
use model::Secret;
use model::mailbox::Auth;
use model::webhook::{Delivery, DeliveryState, Webhook};
use std::time::Duration;
use store::wake::Topic;
use store::{deliveries, webhooks};

async fn hook(f: &Fixture, url: &str) -> (Webhook, Secret) {
    let new = webhooks::NewWebhook {
        url: url.to_owned(),
        types: vec!["mailbox.created".to_owned()],
        ..Default::default()
    };
    webhooks::create(&f.store, new).await.expect("a webhook")
}

/// Waits until the webhook's newest delivery is as wanted.
async fn until(f: &Fixture, webhook: &Webhook, wanted: impl Fn(&Delivery) -> bool) -> Delivery {
    f.until(Topic::Deliveries, || async {
        let found = deliveries::list(&f.store, &webhook.id, None, None, 1)
            .await
            .expect("a list");
        found.into_iter().next().filter(|d| wanted(d))
    })
    .await
}

#[tokio::test]
async fn an_event_is_posted_signed_and_every_try_is_the_same() {
    let f = Fixture::started().await;
    let sim = HookSim::with_statuses(&[500, 503]);
    let (webhook, secret) = hook(&f, &sim.url()).await;
    f.mailbox(1, Auth::None).await;
    until(&f, &webhook, |d| {
        d.attempts == 1 && d.last_status == Some(500)
    })
    .await;
    f.advance(10_000);
    until(&f, &webhook, |d| {
        d.attempts == 2 && d.last_status == Some(503)
    })
    .await;
    f.advance(60_000);
    let done = until(&f, &webhook, |d| d.state == DeliveryState::Delivered).await;
    assert_eq!((done.attempts, done.last_status), (3, Some(204)));

    let requests = sim.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.method, "POST");
        assert_eq!(request.body, requests[0].body);
        assert_eq!(request.header("webhook-id"), Some(done.event_id.as_str()));
        assert_eq!(request.header("content-type"), Some("application/json"));
        let seconds = request
            .header("webhook-timestamp")
            .unwrap()
            .parse()
            .unwrap();
        let body = std::str::from_utf8(&request.body).unwrap();
        let wanted = sign(&secret, &done.event_id, seconds, body);
        assert_eq!(request.header("webhook-signature"), wanted.as_deref());
    }
    let times: Vec<_> = requests
        .iter()
        .map(|r| r.header("webhook-timestamp"))
        .collect();
    assert_ne!(times[0], times[2], "each try is signed for its own time");
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(
        (&body["type"], &body["id"]),
        (&"mailbox.created".into(), &done.event_id.as_str().into())
    );
    f.end().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_an_endless_answer_is_not_read() {
    let f = Fixture::started().await;
    let elsewhere = HookSim::with_statuses(&[]);
    let redirect = Reaction::Headers(302, vec![("Location".into(), elsewhere.url())]);
    let sim = HookSim::start(&[redirect, Reaction::EndlessBody]);
    let (webhook, _) = hook(&f, &sim.url()).await;
    f.mailbox(1, Auth::None).await;
    let waiting = until(&f, &webhook, |d| d.attempts == 1 && d.last_status.is_some()).await;
    assert_eq!(waiting.last_status, Some(302));
    assert!(waiting.last_error.unwrap().contains("redirect"));
    f.advance(10_000);
    until(&f, &webhook, |d| d.state == DeliveryState::Delivered).await;
    assert!(elsewhere.requests().is_empty());
    f.end().await;
}

#[tokio::test]
async fn a_hanging_endpoint_does_not_delay_another() {
    let f = Fixture::started().await;
    let (slow, fine) = (HookSim::with_statuses(&[]), HookSim::with_statuses(&[]));
    slow.set_usual(Reaction::Stall);
    let (slow_hook, _) = hook(&f, &slow.url()).await;
    let (fine_hook, _) = hook(&f, &fine.url()).await;
    for _ in 0..10 {
        f.mailbox(1, Auth::None).await;
    }
    assert_eq!(fine.wait_async(10, SOON).await.len(), 10);
    until(&f, &fine_hook, |d| d.state == DeliveryState::Delivered).await;
    assert!(slow.requests().len() <= 4, "a few at a time");
    let stats = deliveries::stats(&f.store, &slow_hook.id).await.unwrap();
    assert_eq!((stats.pending, stats.delivered), (10, 0));
    let late = f.supervisor.shutdown(Duration::from_millis(50)).await;
    assert!(
        late.iter().all(|name| name.starts_with("webhook")),
        "{late:?}"
    );
}

#[tokio::test]
async fn a_forbidden_address_is_never_connected_to() {
    let mut f = Fixture::new().await;
    f.net = net(&[]);
    f.start().await;
    let sim = HookSim::with_statuses(&[]);
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let (webhook, _) = hook(&f, &format!("http://{host}:{}/hook", sim.port())).await;
        f.mailbox(1, Auth::None).await;
        let blocked = until(&f, &webhook, |d| d.last_error.is_some()).await;
        assert_eq!(blocked.last_status, None);
        let why = blocked.last_error.unwrap();
        assert!(why.contains("not public"), "{host}: {why}");
        webhooks::remove(&f.store, &webhook.id).await.unwrap();
    }
    assert!(sim.requests().is_empty());
    f.end().await;
}

#[tokio::test]
async fn gone_means_gone() {
    let f = Fixture::started().await;
    let sim = HookSim::with_statuses(&[410]);
    let (webhook, _) = hook(&f, &sim.url()).await;
    f.mailbox(1, Auth::None).await;
    until(&f, &webhook, |d| d.state == DeliveryState::Dead).await;
    let off = webhooks::get(&f.store, &webhook.id).await.unwrap();
    assert!(!off.enabled && off.disabled_reason.unwrap().contains("410"));
    f.end().await;
}
