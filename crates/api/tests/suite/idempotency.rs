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
    let undo = fixture.store.db.write(|tx| {
        tx.exec(
            "UPDATE idempotency SET status = 0, process = 'prc_dead'",
            &[],
        )
    });
    undo.await.unwrap();
    let second = post(&fixture, "/v1/submissions", "k", &body)
        .await
        .expect(202);
    assert_ne!(first["id"], second["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_and_its_answer_are_one_transaction() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    // As a crash just before the answer is kept: it cannot be written.
    let cut = fixture.store.db.write(|tx| {
        tx.batch(
            "CREATE TRIGGER cut BEFORE UPDATE ON idempotency WHEN new.status <> 0
             BEGIN SELECT RAISE(ABORT, 'cut'); END;
             CREATE TRIGGER cut_too BEFORE INSERT ON idempotency WHEN new.status <> 0
             BEGIN SELECT RAISE(ABORT, 'cut'); END;",
        )
    });
    cut.await.unwrap();
    let requests = [
        ("/v1/tokens", json!({"name": "a", "scopes": ["read"]})),
        ("/v1/webhooks", json!({"url": "https://example.com/h"})),
        (
            "/v1/server-profiles",
            json!({"name": "Corp", "incoming": {"host": "imap.corp.example"}, "domains": ["corp.example"]}),
        ),
        (
            "/v1/mailboxes",
            json!({"address": "b@example.com", "incoming": {"host": "imap.example.com"}, "password": "p"}),
        ),
        (
            "/v1/submissions",
            json!({"mailbox_id": a.id, "to": [{"address": "x@example.com"}], "text": "t"}),
        ),
    ];
    for (uri, body) in &requests {
        let cut = post(&fixture, uri, uri, body).await;
        assert!(!cut.status.is_success(), "{uri}: {}", cut.status);
    }
    for (uri, kept) in [
        ("/v1/tokens", 1),
        ("/v1/webhooks", 0),
        ("/v1/server-profiles", 0),
        ("/v1/mailboxes", 1),
        ("/v1/submissions", 0),
    ] {
        let list = fixture.get(uri).await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), kept, "{uri}");
    }
    let mend = fixture
        .store
        .db
        .write(|tx| tx.batch("DROP TRIGGER cut; DROP TRIGGER cut_too;"));
    mend.await.unwrap();
    for (uri, body) in &requests {
        let made = post(&fixture, uri, uri, body).await;
        assert!(made.status.is_success(), "{uri}: {}", made.json());
        let again = post(&fixture, uri, uri, body).await;
        assert_eq!(again.json(), made.json(), "{uri}");
        assert_eq!(again.header("idempotency-replayed"), "true");
        let place = format!("{uri}/{}", made.json()["id"].as_str().unwrap());
        assert_eq!(made.header("location"), place);
        assert_eq!(
            again.header("location"),
            place,
            "a repeated answer says it too"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_it_tests_a_new_mailbox_leaves_the_mailbox_and_its_answer() {
    let fixture = Fixture::new().await;
    let body = json!({"address": "ann@example.com", "password": "p", "enable": true,
        "incoming": {"host": "imap.example.com"}, "outgoing": {"host": "smtp.example.com"}});
    let made = post(&fixture, "/v1/mailboxes", "k", &body)
        .await
        .expect(201);
    assert_eq!(made["lifecycle"], "enabled");
    // The final answer is the one that is repeated.
    let again = post(&fixture, "/v1/mailboxes", "k", &body).await;
    assert_eq!(again.expect(201), made);
    let undo = fixture
        .store
        .db
        .write(|tx| tx.exec("UPDATE idempotency SET process = 'prc_dead'", &[]));
    undo.await.unwrap();
    let again = post(&fixture, "/v1/mailboxes", "k", &body).await;
    assert_eq!(again.expect(201)["id"], made["id"]);
    let list = fixture.get("/v1/mailboxes").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_begun_once_however_often_it_is_asked_for() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let body = json!({"mailbox_id": a.id, "subject": "s", "text": "t"});
    let first = post(&fixture, "/v1/drafts", "k", &body).await;
    let again = post(&fixture, "/v1/drafts", "k", &body).await;
    assert_eq!(first.expect(201), again.expect(201));
    assert_eq!(again.header("idempotency-replayed"), "true");
    for answer in [&first, &again] {
        let place = format!("/v1/drafts/{}", first.json()["id"].as_str().unwrap());
        assert_eq!(answer.header("etag"), "\"1\"");
        assert_eq!(answer.header("location"), place);
    }
    let list = fixture.get("/v1/drafts").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}
