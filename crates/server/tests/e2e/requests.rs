//! Requests: wrong ones get a 4xx problem with a pointer, never a 5xx, a hang or a crash.

use serde_json::{Map, Value, json};
use testkit::{Api, Generator, Response, user};

use crate::setting::{all, connect_whole, postroom, text};

/// Values that fit hardly anywhere.
fn odd_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!(" "),
        json!("x"),
        json!("a\u{0}b"),
        json!("line\r\nbreak"),
        json!("\u{202e}\u{feff}\u{10ffff}"),
        json!("x".repeat(20_000)),
        json!("2026-13-45T99:99:99Z"),
        json!("../../etc/passwd"),
        json!("'; DROP TABLE messages; --"),
        json!("msg_00000000000000000000000000"),
        json!([]),
        json!([null]),
        json!([[[]]]),
        json!({}),
        json!({"": ""}),
        json!(["x", 1, {}]),
    ]
}

/// A problem document with all that belongs to it; a refused field is named by a pointer.
#[track_caller]
fn is_problem(what: &str, answer: &Response) {
    assert!(
        (400..500).contains(&answer.status),
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{what}: {}",
        answer.text()
    );
    let problem: Value =
        serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(problem["status"], answer.status, "{what}: {problem:#}");
    for field in ["type", "title", "detail", "code", "trace_id"] {
        assert!(
            problem[field].as_str().is_some_and(|text| !text.is_empty()),
            "{what}: {field} in {problem:#}"
        );
    }
    if answer.status == 422 {
        assert!(
            problem["errors"][0]["pointer"].is_string(),
            "{what}: {problem:#}"
        );
    }
}

/// Not a 5xx; a refusal is a problem.
#[track_caller]
fn bears(what: &str, answer: &Response) {
    if answer.status >= 400 {
        is_problem(what, answer);
    }
}

/// Follows `$ref` and finds the properties of an object's schema.
fn properties(document: &Value, schema: &Value, depth: usize) -> Map<String, Value> {
    if depth == 0 {
        return Map::new();
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return document
            .pointer(pointer)
            .map_or_else(Map::new, |schema| properties(document, schema, depth - 1));
    }
    let mut found = schema["properties"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    for kind in ["oneOf", "anyOf", "allOf"] {
        for one in schema[kind].as_array().into_iter().flatten() {
            found.extend(properties(document, one, depth - 1));
        }
    }
    found
}

/// A value that looks right for a schema, so that another field's mistake is reached.
fn plausible(document: &Value, schema: &Value, name: &str, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    if let Some(first) = schema["enum"].as_array().and_then(|list| list.first()) {
        return first.clone();
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return document.pointer(pointer).map_or(Value::Null, |schema| {
            plausible(document, schema, name, depth - 1)
        });
    }
    for kind in ["oneOf", "anyOf", "allOf"] {
        let options = schema[kind].as_array();
        if let Some(one) = options.and_then(|list| list.iter().find(|one| one["type"] != "null")) {
            return plausible(document, one, name, depth - 1);
        }
    }
    let is = |wanted: &str| {
        schema["type"] == wanted
            || schema["type"]
                .as_array()
                .is_some_and(|list| list.contains(&json!(wanted)))
    };
    if is("object") || schema["properties"].is_object() {
        let found = properties(document, schema, depth);
        return found
            .into_iter()
            .map(|(name, schema)| {
                let value = plausible(document, &schema, &name, depth - 1);
                (name, value)
            })
            .collect::<Map<_, _>>()
            .into();
    }
    if is("array") {
        return json!([plausible(document, &schema["items"], name, depth - 1)]);
    }
    if is("integer") || is("number") {
        return json!(1);
    }
    if is("boolean") {
        return json!(false);
    }
    match name {
        "address" | "email" | "username" => json!("ann@example.test"),
        "host" => json!("localhost"),
        "url" => json!("https://example.com/"),
        "send_at" | "since" | "fetch_since" | "expires_at" => json!("2030-01-01T00:00:00Z"),
        _ => json!("x"),
    }
}

/// Every POST and PATCH of the description with its body's schema, ids filled in.
fn operations(api: &Api, ids: &[(&str, &str)]) -> (Value, Vec<(String, String, Value)>) {
    let (_, document) = api.get("/openapi.json");
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in ["post", "patch", "put"] {
            let operation = &item[method];
            if operation.is_null() || path.ends_with("/v1/session") || path.ends_with("/v1/setup") {
                continue;
            }
            let mut at = path.clone();
            for (prefix, id) in ids {
                if at.starts_with(prefix) {
                    at = at.replacen("{id}", id, 1);
                }
            }
            while let (Some(from), Some(to)) = (at.find('{'), at.find('}')) {
                at.replace_range(from..=to, "x_1");
            }
            let schema = operation["requestBody"]["content"]["application/json"]["schema"].clone();
            found.push((method.to_uppercase(), at, schema));
        }
    }
    assert!(found.len() > 15, "{found:#?}");
    (document, found)
}

#[test]
fn wrong_json_anywhere_is_a_problem_and_never_a_failure_of_the_server() {
    let user = user("fuzz");
    user.seed("INBOX", Generator::new(70).take(2));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    // A paused mailbox: what is accepted by chance goes nowhere.
    assert_eq!(
        postroom
            .post(&format!("/v1/mailboxes/{mailbox}/pause"), &json!({}))
            .0,
        200
    );
    let message = all(&postroom, "/v1/messages").remove(0);
    let ids = [
        ("/v1/mailboxes/", mailbox.as_str()),
        ("/v1/messages/", text(&message, "id")),
    ];
    let (document, operations) = operations(&postroom, &ids);
    let send = |method: &str, path: &str, body: &[u8]| {
        postroom.send(method, path, &[("content-type", "application/json")], body)
    };
    let deep = "[".repeat(50_000);
    for (method, path, schema) in &operations {
        let name = format!("{method} {path}");
        if schema.is_null() {
            for body in [&b""[..], b"{", b"null", b"[]", &b"{\"x\": 1}"[..]] {
                bears(
                    &format!("{name} {}", String::from_utf8_lossy(body)),
                    &send(method, path, body),
                );
            }
            continue;
        }
        for body in [
            &b""[..],
            b"{",
            b"nonsense",
            b"{\"a\":",
            b"\xff\xfe",
            b"{}{}",
            b"{\"a\":1,}",
            deep.as_bytes(),
            b"{\"mailbox_id\": \"\\ud800\"}",
        ] {
            is_problem(
                &format!("{name} {:?}", &body[..body.len().min(30)]),
                &send(method, path, body),
            );
        }
        for body in ["null", "true", "1", "\"x\"", "[]", "{\"no_such_field\": 1}"] {
            is_problem(
                &format!("{name} {body}"),
                &send(method, path, body.as_bytes()),
            );
        }
        let plain = postroom.send(method, path, &[("content-type", "text/plain")], b"{}");
        is_problem(&format!("{name} as text"), &plain);
        let good = plausible(&document, schema, "", 8);
        let fields = properties(&document, schema, 8);
        assert!(!fields.is_empty(), "{name}: {schema:#}");
        for (field, inner) in &fields {
            for value in odd_values() {
                // Reports take their time; what opens connections gets only what is refused before.
                let opens = field != "incoming"
                    && (path.ends_with("connection-tests") || path.ends_with("/mailboxes"));
                let mut body = if opens { json!({}) } else { good.clone() };
                body[field] = value.clone();
                let shown = value.to_string().chars().take(60).collect::<String>();
                bears(
                    &format!("{name} {field} = {shown}"),
                    &send(method, path, body.to_string().as_bytes()),
                );
            }
            for deeper in properties(&document, inner, 8).keys() {
                for value in odd_values() {
                    let body = json!({ field: { deeper: value.clone() } });
                    let shown = value.to_string().chars().take(60).collect::<String>();
                    bears(
                        &format!("{name} {field}.{deeper} = {shown}"),
                        &send(method, path, body.to_string().as_bytes()),
                    );
                }
            }
        }
    }
    assert_eq!(postroom.get("/readyz").0, 200);
    let output = postroom.output();
    assert!(
        !output.contains("panicked") && !output.contains("\"ERROR\""),
        "{output}"
    );
}

#[test]
fn odd_parameters_and_paths_are_problems_too() {
    let postroom = postroom();
    let odd = [
        "",
        "%00",
        "%ff%fe",
        "-1",
        "999999999999999999999",
        "x%20y",
        "%27%3B--",
        "null",
        "a%0d%0ab",
        "%E2%80%AE",
    ];
    for path in [
        "/v1/messages",
        "/v1/threads",
        "/v1/events",
        "/v1/submissions",
        "/v1/mailboxes",
        "/v1/tokens",
        "/v1/webhooks",
        "/v1/audit",
        "/v1/connection-tests",
        "/v1/problems",
    ] {
        for parameter in [
            "limit",
            "cursor",
            "q",
            "mailbox_id",
            "folder_id",
            "role",
            "since",
            "before",
            "unread",
            "state",
            "types",
            "from",
            "thread_id",
            "no_such",
        ] {
            for value in odd {
                let at = format!("{path}?{parameter}={value}");
                bears(&at, &postroom.send("GET", &at, &[], b""));
            }
        }
    }
    for q in [
        "%22",
        "%28%28%28",
        "AND",
        "OR%20NOT",
        "*",
        "subject:",
        "a*b%22c",
        "NEAR(a,b)",
        "%22%22%22",
        "-%20-",
        "before:never",
    ] {
        let at = format!("/v1/messages?q={q}");
        bears(&at, &postroom.send("GET", &at, &[], b""));
    }
    for id in [
        "x",
        "..",
        "%2e%2e%2f",
        "%00",
        "%ff",
        "msg_",
        "msg_%F0%9F%98%80",
        "a".repeat(5_000).as_str(),
    ] {
        for path in [
            "/v1/messages",
            "/v1/mailboxes",
            "/v1/threads",
            "/v1/submissions",
            "/v1/problems",
            "/v1/webhooks",
            "/v1/tokens",
            "/v1/connection-tests",
        ] {
            let at = format!("{path}/{id}");
            is_problem(&at, &postroom.send("GET", &at, &[], b""));
            is_problem(&at, &postroom.send("DELETE", &at, &[], b""));
        }
    }
    for (method, path) in [
        ("PUT", "/v1/messages"),
        ("BREW", "/v1/events"),
        ("POST", "/v1/nothing"),
        ("GET", "/v1"),
    ] {
        is_problem(path, &postroom.send(method, path, &[], b""));
    }
    is_problem(
        "a range",
        &postroom.send(
            "GET",
            "/v1/messages/x/raw",
            &[("range", "bytes=9-1,x")],
            b"",
        ),
    );
    let large = vec![b' '; 3_000_000];
    is_problem(
        "too large",
        &postroom.send(
            "POST",
            "/v1/mailboxes",
            &[("content-type", "application/json")],
            &large,
        ),
    );
    assert!(!postroom.output().contains("panicked"));
}
