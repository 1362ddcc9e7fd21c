//! Messages that the application stores on the server.

use crate::common::{Answer, Filled, Fixture, raw};
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::access::Scope;
use serde_json::{Value, json};

fn new(mailbox: &Filled, raw: &str) -> Value {
    json!({"folder_id": mailbox.folders["Archive"], "raw_base64": STANDARD.encode(raw)})
}

async fn with_key(fixture: &Fixture, key: &str, body: &Value) -> Answer {
    let request = Request::post("/v1/messages")
        .header("authorization", format!("Bearer {}", fixture.token))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()))
        .unwrap();
    fixture.send(request).await
}

async fn owed(fixture: &Fixture, mailbox: &Filled) -> Vec<Value> {
    let list = fixture
        .get(&format!("/v1/mailboxes/{}/owed", mailbox.id))
        .await;
    list.expect(200)["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_owed_once_for_each_key_and_is_shown_with_its_subject() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let mut body = new(&a, "Subject: old\n\nline\n");
    body["flags"] = json!({"seen": true, "keywords": ["$Imported"]});
    body["received_at"] = json!("2015-01-02T03:04:05Z");
    let first = with_key(&fixture, "k", &body).await;
    let made = first.expect(202);
    assert_eq!(
        (&made["kind"], &made["state"], &made["folder_id"]),
        (
            &json!("append"),
            &json!("pending"),
            &json!(a.folders["Archive"])
        )
    );
    assert_eq!(made["what"], "store the message \"old\"");
    let id = made["id"].as_str().unwrap();
    let at = format!("/v1/mailboxes/{}/owed/{id}", a.id);
    assert_eq!(first.header("location"), at);
    assert_eq!(fixture.get(&at).await.expect(200), made);
    let again = with_key(&fixture, "k", &body).await;
    assert_eq!(again.expect(202), made);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(owed(&fixture, &a).await.len(), 1);
    body["flags"] = json!({});
    with_key(&fixture, "k", &body).await.problem(409);
    let taken = store::owed::take(&fixture.store, &a.lease, 10).await;
    let store::owed::Intent::Import {
        digest,
        flags,
        received_at,
        ..
    } = taken.unwrap().remove(0).intent
    else {
        panic!("another wish");
    };
    assert_eq!(flags, ["\\Seen", "$Imported"]);
    assert_eq!(received_at.0, 1_420_167_845_000);
    let place = store::blobs::find(&fixture.store, &digest).await.unwrap();
    let bytes = fixture.store.blobs.read(&place, u64::MAX).await.unwrap();
    assert_eq!(bytes, b"Subject: old\r\n\r\nline\r\n");
}

/// Also where nothing but the wish refers to the bytes; once it is given up they go.
#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_are_kept_as_long_as_they_are_owed() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let made = fixture.post("/v1/messages", &new(&a, &raw(1, "one"))).await;
    let made = made.expect(202);
    let taken = store::owed::take(&fixture.store, &a.lease, 10)
        .await
        .unwrap();
    let store::owed::Intent::Import { digest, .. } = &taken[0].intent else {
        panic!("another wish");
    };
    store::owed::rest(&fixture.store, &a.lease).await.unwrap();
    fixture.clock.advance(7_200_000);
    store::sweep::run(&fixture.store).await.unwrap();
    store::blobs::find(&fixture.store, digest).await.unwrap();
    let cancel = format!(
        "/v1/mailboxes/{}/owed/{}/cancel",
        a.id,
        made["id"].as_str().unwrap()
    );
    fixture.post(&cancel, &json!({})).await.expect(204);
    store::sweep::run(&fixture.store).await.unwrap();
    let gone = store::blobs::find(&fixture.store, digest).await;
    assert!(gone.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_is_refused_with_its_field_or_problem() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let b = fixture.mailbox("b@example.com").await;
    let good = new(&a, &raw(1, "one"));
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (body, pointer) in [
        (with("raw_base64", json!("???")), "/raw_base64"),
        (
            with("raw_base64", json!(STANDARD.encode("no header"))),
            "/raw_base64",
        ),
        (with("folder_id", json!("fld_none")), "/folder_id"),
        (
            with("flags", json!({"keywords": ["a b"]})),
            "/flags/keywords/0",
        ),
        (
            with("received_at", json!("1969-12-31T00:00:00Z")),
            "/received_at",
        ),
    ] {
        let problem = fixture.post("/v1/messages", &body).await.problem(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    // Who may not see the mailbox, or may only read, stores nothing.
    let limited = fixture
        .token(&[Scope::Write], std::slice::from_ref(&b.id))
        .await;
    fixture
        .with(&limited, "POST", "/v1/messages", Some(&good))
        .await
        .problem(422);
    let reader = fixture.token(&[Scope::Read], &[]).await;
    fixture
        .with(&reader, "POST", "/v1/messages", Some(&good))
        .await
        .problem(403);
    let uri = format!("/v1/mailboxes/{}", a.id);
    let read_only = json!({"read_only": true});
    fixture.patch(&uri, &read_only).await.expect(200);
    let problem = fixture.post("/v1/messages", &good).await.problem(409);
    assert_eq!(problem["code"], "mailbox_read_only");
    let pop3 = fixture.store.db.write(|tx| {
        tx.exec(
            "UPDATE mailboxes SET read_only = 0, incoming = replace(incoming, '\"imap\"', '\"pop3\"')",
            &[],
        )
    });
    assert_eq!(pop3.await.unwrap(), 2);
    let problem = fixture.post("/v1/messages", &good).await.problem(409);
    assert_eq!(problem["code"], "imap_only");
    // Whatever needs folders on the server says the same.
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "one"))]).await;
    let list = fixture.get("/v1/messages").await.expect(200);
    let message = format!("/v1/messages/{}", list["data"][0]["id"].as_str().unwrap());
    let archive = json!({"folder_id": a.folders["Archive"]});
    for answer in [
        fixture.patch(&message, &archive).await,
        fixture.post(&format!("{message}/copy"), &archive).await,
        fixture.delete(&message).await,
        fixture
            .post(&format!("{uri}/folders"), &json!({"name": "New"}))
            .await,
    ] {
        assert_eq!(answer.problem(409)["code"], "imap_only");
    }
    assert!(owed(&fixture, &a).await.is_empty());
}
