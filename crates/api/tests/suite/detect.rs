//! Detection: what is found is shown, and stands in for settings that were left out.

use crate::common::Fixture;
use serde_json::{Value, json};

fn new(address: &str) -> Value {
    json!({"address": address, "password": "secret", "enable": true})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_alone_is_enough_where_its_settings_are_found() {
    let fixture = Fixture::new().await;
    let mailbox = fixture
        .post("/v1/mailboxes", &new("ann@known.example"))
        .await
        .expect(201);
    assert_eq!(mailbox["incoming"]["host"], "imap.known.example");
    assert_eq!(mailbox["outgoing"]["username"], "ann");
    assert_eq!(mailbox["lifecycle"], "enabled");
    assert_eq!(mailbox["detected"]["source"], "provider_table");
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let kept = fixture.get(&uri).await.expect(200);
    assert_eq!(kept["detected"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_kept_and_null_is_said() {
    let fixture = Fixture::new().await;
    let mut body = new("ann@known.example");
    body["outgoing"] = Value::Null;
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["outgoing"], Value::Null);
    assert_eq!(mailbox["incoming"]["host"], "imap.known.example");
    body["incoming"] = json!({"host": "mine.example.com"});
    body["outgoing"] = json!({"host": "mine.example.com"});
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["incoming"]["host"], "mine.example.com");
    assert_eq!(mailbox["detected"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_is_not_found_stays_empty_where_the_other_was_given() {
    let fixture = Fixture::new().await;
    let mut body = new("ann@unknown.example");
    body["incoming"] = json!({"host": "mine.example.com"});
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["outgoing"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_goes_to_a_server_that_nobody_vouches_for() {
    let fixture = Fixture::new().await;
    for (address, code, words) in [
        (
            "ann@doubtful.example",
            "settings_unconfirmed",
            "imap.doubtful.example",
        ),
        (
            "ann@unknown.example",
            "settings_not_found",
            "no settings were found for unknown.example",
        ),
    ] {
        for uri in ["/v1/mailboxes", "/v1/connection-tests"] {
            let problem = fixture.post(uri, &new(address)).await.problem(422);
            assert_eq!(problem["errors"][0]["pointer"], "/incoming", "{problem}");
            assert_eq!(problem["code"], code, "{problem}");
            assert!(
                problem["detail"].as_str().unwrap().contains(words),
                "{problem}"
            );
        }
    }
    assert!(fixture.reporter.seen.lock().unwrap().is_empty());
    let listed = fixture.get("/v1/mailboxes").await.expect(200);
    assert_eq!(listed["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn detection_answers_with_candidates_and_refuses_what_is_no_address() {
    let fixture = Fixture::new().await;
    let found = fixture
        .post("/v1/detect", &json!({"address": " ann@known.example "}))
        .await
        .expect(200);
    assert_eq!(found["candidates"][0]["incoming"]["port"], 993);
    for body in [
        json!({"address": "ann"}),
        json!({"address": "ann@[127.0.0.1]"}),
        json!({"address": 1}),
        json!({}),
        json!({"address": "ann@known.example", "password": "x"}),
    ] {
        fixture.post("/v1/detect", &body).await.problem(422);
    }
    let reader = fixture.token(&[model::access::Scope::Read], &[]).await;
    let refused = fixture
        .with(
            &reader,
            "POST",
            "/v1/detect",
            Some(&json!({"address": "a@b.example"})),
        )
        .await;
    refused.problem(403);
}
