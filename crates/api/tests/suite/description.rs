//! The description says what there is, and what there is is described.

use crate::common::Fixture;
use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

async fn document(fixture: &Fixture) -> Value {
    let request = Request::get("/openapi.json").body(Body::empty()).unwrap();
    fixture.send(request).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_described_route_answers_and_every_error_is_the_one_problem() {
    let fixture = Fixture::new().await;
    let document = document(&fixture).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut ids = std::collections::HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (verb, operation) in item.as_object().unwrap() {
            let name = format!("{verb} {path}");
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(ids.insert(id), "{name} has the id of another operation");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|s| s.starts_with('2')), "{name}");
            for status in ["4XX", "5XX"] {
                let schema =
                    &responses[status]["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{name}");
            }
            // It is there: without a token it is refused or answered, but never unknown.
            let uri = path
                .replace("{id}", "xxx_1")
                .replace("{folder_id}", "fld_1")
                .replace("{failure_id}", "fal_1")
                .replace("{attachment_id}", "att_1")
                .replace("{owed_id}", "owe_1")
                .replace("{delivery_id}", "dlv_1");
            assert!(!uri.contains('{'), "{uri}");
            let request = Request::builder()
                .method(verb.to_uppercase().as_str())
                .uri(&uri);
            let answer = fixture.send(request.body(Body::empty()).unwrap()).await;
            assert_ne!(answer.status.as_u16(), 405, "{name}");
            assert!(answer.status.as_u16() < 500, "{name}: {}", answer.text());
            let open = operation["security"] == serde_json::json!([{}]);
            assert_eq!(
                answer.status.as_u16() == 401,
                !open || path == "/v1/session" && verb != "post",
                "{name}"
            );
        }
    }
    assert!(ids.len() > 50, "{} operations", ids.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reference_of_the_description_leads_somewhere() {
    let fixture = Fixture::new().await;
    let document = document(&fixture).await;
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    let pointer = reference.trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                open.extend(map.values());
            }
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_for_machines_need_no_token_and_readiness_ends_with_the_server() {
    let fixture = Fixture::new().await;
    let get = |uri: &str| Request::get(uri).body(Body::empty()).unwrap();
    assert_eq!(fixture.send(get("/healthz")).await.status, 200);
    assert_eq!(fixture.send(get("/readyz")).await.status, 200);
    assert!(
        fixture
            .send(get("/metrics"))
            .await
            .text()
            .contains("postroom_build_info")
    );
    fixture.shutdown.cancel();
    fixture.send(get("/readyz")).await.problem(503);
    assert_eq!(fixture.send(get("/healthz")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_open_and_answers_for_every_code() {
    let fixture = Fixture::new().await;
    let get = |uri: &str| Request::get(uri).body(Body::empty()).unwrap();
    let list = fixture.send(get("/v1/problems")).await.expect(200);
    assert!(list["data"].as_array().unwrap().len() > 50);
    let entry = fixture
        .send(get("/v1/problems/password_refused"))
        .await
        .expect(200);
    assert_eq!(entry["id"], "password_refused");
    // Providers' own problems, and the names that others have for ours.
    for (asked, id) in [
        (
            "google.app_password_required",
            "google.app_password_required",
        ),
        ("generic.auth_failed", "password_refused"),
    ] {
        let uri = format!("/v1/problems/{asked}");
        assert_eq!(fixture.send(get(&uri)).await.expect(200)["id"], id);
    }
    fixture.send(get("/v1/problems/none")).await.problem(404);
}
