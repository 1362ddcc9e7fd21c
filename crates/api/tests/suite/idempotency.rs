//! A POST that is repeated with its key is done once.

use crate::common::{Answer, Fixture};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

async fn post(fixture: &Fixture, uri: &str, key: &str, body: &Value) -> Answer {
    let request = Request::post(uri)
        .header("authorization", format!("Bearer {}", fixture.token))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()))
        .unwrap();
    fixture.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gives_the_same_answer_and_another_body_is_refused() {
    let fixture = Fixture::new().await;
    let body = json!({"name": "a", "scopes": ["read"]});
    let first = post(&fixture, "/v1/tokens", "k1", &body).await;
    let again = post(&fixture, "/v1/tokens", "k1", &body).await;
    assert_eq!(first.expect(201), again.expect(201));
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = json!({"name": "b", "scopes": ["read"]});
    let refused = post(&fixture, "/v1/tokens", "k1", &other)
        .await
        .problem(409);
    assert_eq!(refused["code"], "idempotency_conflict");
    let elsewhere = json!({"url": "https://example.com/h"});
    post(&fixture, "/v1/webhooks", "k1", &elsewhere)
        .await
        .problem(409);
    // After a day the key is free again.
    fixture.clock.advance(24 * 3_600_000 + 1);
    let later = post(&fixture, "/v1/tokens", "k1", &other).await.expect(201);
    assert_ne!(later["id"], first.json()["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_leaves_its_key_free() {
    let fixture = Fixture::new().await;
    post(
        &fixture,
        "/v1/tokens",
        "k",
        &json!({"name": "", "scopes": []}),
    )
    .await
    .problem(422);
    post(
        &fixture,
        "/v1/tokens",
        "k",
        &json!({"name": "a", "scopes": ["read"]}),
    )
    .await
    .expect(201);
    for bad in ["", &"x".repeat(256)] {
        post(
            &fixture,
            "/v1/tokens",
            bad,
            &json!({"name": "a", "scopes": ["read"]}),
        )
        .await
        .problem(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_is_done_and_the_others_say_so() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let body = json!({"mailbox_id": a.id, "to": [{"address": "x@example.com"}], "subject": "s", "text": "t"});
    let many = (0..20).map(|_| post(&fixture, "/v1/submissions", "k", &body));
    let answers = futures_util::future::join_all(many).await;
    let done: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 202)
        .map(Answer::json)
        .collect();
    assert!(!done.is_empty() && done.windows(2).all(|two| two[0] == two[1]));
    for other in answers.iter().filter(|answer| answer.status != 202) {
        assert_eq!(other.problem(409)["code"], "idempotency_in_progress");
    }
    let outbox = fixture.get("/v1/submissions").await.expect(200);
    assert_eq!(outbox["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_dead_process_left_unsettled_is_taken_over() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let body = json!({"mailbox_id": a.id, "to": [{"address": "x@example.com"}], "text": "t"});
    let first = post(&fixture, "/v1/submissions", "k", &body)
        .await
        .expect(202);
    // As a crash between claim and settlement leaves it.
    let undo = fixture
        .store
        .db
        .write(|tx| tx.exec("UPDATE idempotency SET status = 0, body = 'prc_dead'", &[]));
    undo.await.unwrap();
    let second = post(&fixture, "/v1/submissions", "k", &body)
        .await
        .expect(202);
    assert_ne!(first["id"], second["id"]);
}
