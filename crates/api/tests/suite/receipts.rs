//! Reading receipts: given once, or refused before anything goes out.

use crate::common::{Filled, Fixture};
use serde_json::{Value, json};

const ASKS: &str = "From: Bob <bob@x.test>\r\nTo: ann@example.com\r\nSubject: s\r\nMessage-ID: <1@x.test>\r\n\
    Disposition-Notification-To: <bob@x.test>\r\n\r\nHello\r\n";

/// A mailbox, and the address of its message, which asks for a receipt.
async fn asked(fixture: &Fixture) -> (Filled, String) {
    let ann = fixture.mailbox("ann@example.com").await;
    fixture.fill(&ann, "INBOX", &[(1, ASKS)]).await;
    let list = fixture.get("/v1/messages").await.expect(200);
    let id = list["data"][0]["id"].as_str().unwrap();
    (ann, format!("/v1/messages/{id}"))
}

async fn outbox(fixture: &Fixture) -> usize {
    let list = fixture.get("/v1/submissions").await.expect(200);
    list["data"].as_array().unwrap().len()
}

async fn keywords(fixture: &Fixture, message: &str) -> Value {
    fixture.get(message).await.expect(200)["flags"]["keywords"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_from_a_read_only_mailbox_goes_out_once_and_leaves_no_mark() {
    let fixture = Fixture::new().await;
    let (ann, message) = asked(&fixture).await;
    let mailbox = format!("/v1/mailboxes/{}", ann.id);
    let read_only = json!({"read_only": true});
    fixture.patch(&mailbox, &read_only).await.expect(200);
    let uri = format!("{message}/read-receipt");
    let given = fixture.post(&uri, &json!({})).await.expect(202);
    assert_eq!(given["recipients"][0]["address"], "bob@x.test");
    assert_eq!(keywords(&fixture, &message).await, json!([]));
    // There is no mark, and still there is no second one: not from another identity either.
    let other =
        json!({"mailbox_id": ann.id, "name": "A", "address": "ann@other.example", "is_main": true});
    fixture.post("/v1/identities", &other).await.expect(201);
    let problem = fixture.post(&uri, &json!({})).await.problem(409);
    assert_eq!(problem["code"], "receipt_not_possible");
    assert_eq!(outbox(&fixture).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_given_once_whatever_becomes_of_its_mark() {
    let fixture = Fixture::new().await;
    let (_, message) = asked(&fixture).await;
    let uri = format!("{message}/read-receipt");
    fixture.post(&uri, &json!({})).await.expect(202);
    assert_eq!(keywords(&fixture, &message).await, json!(["$MDNSent"]));
    // As a server without keywords would have it.
    let none = json!({"flags": {"keywords": []}});
    fixture.patch(&message, &none).await.expect(200);
    let problem = fixture.post(&uri, &json!({})).await.problem(409);
    assert_eq!(problem["code"], "receipt_not_possible");
    assert_eq!(outbox(&fixture).await, 1);
}
