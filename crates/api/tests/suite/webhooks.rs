//! Webhooks and their deliveries.

use crate::common::Fixture;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_shows_its_secret_once_and_can_be_tested_and_replayed() {
    let fixture = Fixture::new().await;
    let body =
        json!({"url": "https://example.com/hook", "types": ["message.*"], "origins": ["live"]});
    let made = fixture.post("/v1/webhooks", &body).await.expect(201);
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    let uri = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    assert!(!fixture.get(&uri).await.text().contains(secret));
    assert!(!fixture.get("/v1/webhooks").await.text().contains(secret));
    let delivery = fixture
        .post(&format!("{uri}/test"), &json!({}))
        .await
        .expect(202);
    assert_eq!(delivery["event_type"], "webhook.test");
    let list = fixture
        .get(&format!("{uri}/deliveries?state=pending"))
        .await
        .expect(200);
    assert_eq!(list["data"][0]["id"], delivery["id"]);
    let replay = format!(
        "{uri}/deliveries/{}/replay",
        delivery["id"].as_str().unwrap()
    );
    fixture.post(&replay, &json!({})).await.expect(202);
    let since = json!({"since": "2026-01-01"});
    fixture
        .post(&format!("{uri}/replay"), &since)
        .await
        .expect(202);
    let off = fixture
        .patch(&uri, &json!({"enabled": false}))
        .await
        .expect(200);
    assert_eq!(off["enabled"], false);
    fixture
        .post(&format!("{uri}/test"), &json!({}))
        .await
        .problem(409);
    assert_eq!(fixture.delete(&uri).await.status, 204);
    fixture.get(&uri).await.problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_cannot_work_is_refused() {
    let fixture = Fixture::new().await;
    for (url, types) in [
        ("nonsense", json!([])),
        ("ftp://example.com/x", json!([])),
        ("file:///etc/passwd", json!([])),
        ("https://user:pw@example.com/", json!([])),
        ("https://example.com/#x", json!([])),
        ("https://example.com/", json!(["mesage.received"])),
    ] {
        let body = json!({"url": url, "types": types});
        fixture.post("/v1/webhooks", &body).await.problem(422);
    }
    let body = json!({"url": "https://example.com/", "mailbox_ids": ["mbx_none"]});
    let problem = fixture.post("/v1/webhooks", &body).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/mailbox_ids/0");
}
