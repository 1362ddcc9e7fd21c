//! Promise S19: bad input is a 4xx with a problem document, never a 5xx.

use crate::common::{Fixture, raw};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

/// Every operation, with ids that exist.
async fn operations(fixture: &Fixture) -> Vec<(String, String)> {
    let a = fixture.mailbox("a@example.com").await;
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "one"))]).await;
    let message = fixture.get("/v1/messages").await.expect(200)["data"][0].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ids = [
        ("mailboxes", a.id.clone()),
        ("messages", text(&message["id"])),
        ("threads", text(&message["thread_id"])),
    ];
    let document = fixture.get("/openapi.json").await.expect(200);
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for verb in item.as_object().unwrap().keys() {
            // What would end the fixture itself, or be no bad input at all.
            if verb == "delete" || path.ends_with("/session") || path.ends_with("/setup") {
                continue;
            }
            let mut uri = path.clone();
            for (noun, id) in &ids {
                uri = uri.replace(&format!("/{noun}/{{id}}"), &format!("/{noun}/{id}"));
            }
            uri = uri
                .replace("{folder_id}", &a.folders["INBOX"])
                .replace("{failure_id}", "fal_1")
                .replace("{attachment_id}", "att_1")
                .replace("{delivery_id}", "dlv_1")
                .replace("{id}", "xxx_1");
            found.push((verb.to_uppercase(), uri));
        }
    }
    found
}

fn bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "",
        "{",
        "[]",
        "null",
        "true",
        "0",
        "\"\"",
        "nonsense",
        "{\"a\":",
        "{}{}",
        "{\"address\":1}",
        "{\"mailbox_id\":[]}",
        "{\"name\":{\"a\":[]}}",
        "{\"flags\":[1]}",
        "{\"incoming\":\"x\"}",
        "{\"limit\":1e400}",
        "{\"mode\":\"\\ud800\"}",
        "{\"name\":\"\\u0000\"}",
        "{\"scopes\":[\"everything\"],\"name\":\"x\"}",
        "{\"since\":99999999999999999999}",
        "{\"since\":\"99999-01-01\"}",
        "{\"url\":\"http://[::1\"}",
        "{\"to\":[{}]}",
        "{\"a\":1,\"a\":2}",
        "{\"role\":\"\u{202e}\"}",
        "{\"url\":\"javascript:alert(1)\"}",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    bodies.push(vec![0xff, 0xfe, 0x00]);
    bodies.push("[".repeat(50_000).into_bytes());
    bodies.push(
        format!(
            "{{\"name\":{}1{}}}",
            "{\"a\":".repeat(5_000),
            "}".repeat(5_000)
        )
        .into_bytes(),
    );
    bodies.push(
        json!({"address": "a".repeat(100_000)})
            .to_string()
            .into_bytes(),
    );
    bodies
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_makes_a_server_error() {
    let fixture = Fixture::new().await;
    let operations = operations(&fixture).await;
    let mut asked = 0;
    for (verb, uri) in operations.iter().filter(|(verb, _)| verb != "GET") {
        for body in bodies() {
            for content_type in ["application/json", "text/plain"] {
                let request = Request::builder()
                    .method(verb.as_str())
                    .uri(uri)
                    .header("authorization", format!("Bearer {}", fixture.token))
                    .header("content-type", content_type)
                    .body(Body::from(body.clone()))
                    .unwrap();
                let answer = fixture.send(request).await;
                let what = || {
                    format!(
                        "{verb} {uri} {:?}",
                        String::from_utf8_lossy(&body[..body.len().min(60)])
                    )
                };
                assert!(
                    answer.status.as_u16() < 500,
                    "{}: {}",
                    what(),
                    answer.text()
                );
                if answer.status.is_client_error() {
                    answer.problem(answer.status.as_u16());
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_makes_a_server_error() {
    let fixture = Fixture::new().await;
    let operations = operations(&fixture).await;
    let queries = [
        "limit=0",
        "limit=-1",
        "limit=501",
        "limit=99999999999999999999",
        "limit=x",
        "limit=1&limit=2",
        "limit=",
        "cursor=x",
        "cursor=",
        "cursor=%00",
        "cursor=YQ",
        "cursor=bXNnXzEKMQ",
        "cursor=%ff",
        "unread=2",
        "since=never",
        "since=-9999-01-01",
        "before=9999-12-31T23:59:59.999Z",
        "role=boss",
        "q=%00",
        "q=%22%22%22",
        "q=a%27%29%3BDROP%20TABLE%20messages--",
        "q=*&q=*",
        "q=NEAR(a%20b)",
        "q=-",
        "q=a*b%5E",
        "mailbox_id=%27",
        "mailbox_id=..%2f..%2f",
        "folder_id=%25",
        "thread_id=%0a",
        "types=%2a",
        "types=,,",
        "state=%2a",
        "from=%25_%5c",
        "surprise=1",
        "body=text&body=html",
        "&&&",
        "=",
        "%",
    ];
    for (_, uri) in operations.iter().filter(|(verb, _)| verb == "GET") {
        for query in queries {
            let answer = fixture.get(&format!("{uri}?{query}")).await;
            assert!(
                answer.status.as_u16() < 500,
                "{uri}?{query}: {}",
                answer.text()
            );
            if answer.status.is_client_error() {
                answer.problem(answer.status.as_u16());
            }
        }
    }
    for bad in [
        "limit=0",
        "limit=501",
        "cursor=%25",
        "surprise=1",
        "unread=2",
    ] {
        let problem = fixture
            .get(&format!("/v1/messages?{bad}"))
            .await
            .problem(400);
        let name = bad.split('=').next().unwrap();
        assert_eq!(
            problem["errors"][0]["pointer"],
            format!("/{name}"),
            "{problem}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_id_leads_anywhere_but_to_404() {
    let fixture = Fixture::new().await;
    let ids = [
        "..",
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "%ff",
        "'",
        "a%20b",
        "mbx_",
        "msg_1",
        &"x".repeat(5_000),
        "%f0%9f%92%a9",
        "mbx_zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "*",
        "%0d%0aX:1",
    ];
    for noun in [
        "mailboxes",
        "messages",
        "threads",
        "submissions",
        "webhooks",
        "tokens",
        "connection-tests",
        "problems",
    ] {
        for id in ids {
            for tail in ["", "/raw", "/folders", "/test"] {
                let answer = fixture.get(&format!("/v1/{noun}/{id}{tail}")).await;
                let status = answer.status.as_u16();
                assert!(matches!(status, 404 | 405), "{noun}/{id}{tail}: {status}");
                answer.problem(status);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_are_refused_in_one_way() {
    let fixture = Fixture::new().await;
    let spoiled = format!("Bearer {}x", fixture.token);
    let cut = format!("Bearer {}", &fixture.token[..fixture.token.len() - 1]);
    let basic = format!("Basic {}", fixture.token);
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer prm_",
        "Bearer x",
        "prm_x",
        &spoiled,
        &cut,
        &basic,
        "Bearer prm_ü",
    ] {
        let value = axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let request = Request::get("/v1/mailboxes").header("authorization", value);
        let answer = fixture.send(request.body(Body::empty()).unwrap()).await;
        answer.problem(401);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    for cookie in [
        "postroom_session=",
        "postroom_session=x",
        "postroom_session",
        "=;=;",
        "a=b; postroom_session=%00",
    ] {
        let request = Request::get("/v1/mailboxes").header("cookie", cookie);
        fixture
            .send(request.body(Body::empty()).unwrap())
            .await
            .problem(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_places_and_verbs_are_problems_too() {
    let fixture = Fixture::new().await;
    fixture.get("/v1/nothing").await.problem(404);
    fixture.get("/elsewhere").await.problem(404);
    let refused = fixture
        .with(&fixture.token, "PUT", "/v1/mailboxes", Some(&json!({})))
        .await;
    assert_eq!(refused.problem(405)["code"], "method_not_allowed");
    assert!(
        refused.header("allow").contains("POST"),
        "{:?}",
        refused.headers
    );
    let large = Request::post("/v1/mailboxes")
        .header("authorization", format!("Bearer {}", fixture.token))
        .header("content-type", "application/json")
        .body(Body::from(vec![b' '; 2 * 1024 * 1024]))
        .unwrap();
    fixture.send(large).await.problem(413);
    let typed =
        Request::post("/v1/mailboxes").header("authorization", format!("Bearer {}", fixture.token));
    fixture
        .send(typed.body(Body::from("{}")).unwrap())
        .await
        .problem(415);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_its_security_headers() {
    let fixture = Fixture::new().await;
    for uri in ["/v1/mailboxes", "/v1/nothing", "/healthz"] {
        let answer = fixture.get(uri).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(
            answer
                .header("content-security-policy")
                .contains("frame-ancestors 'none'")
        );
        assert_eq!(answer.header("x-request-id").len(), 24);
        assert_eq!(
            answer.header("cache-control") == "no-store",
            uri.starts_with("/v1")
        );
    }
    let request = Request::get("/healthz").header("x-request-id", "abc-123");
    assert_eq!(
        fixture
            .send(request.body(Body::empty()).unwrap())
            .await
            .header("x-request-id"),
        "abc-123"
    );
}
