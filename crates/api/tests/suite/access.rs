//! Who comes in, and what they may do and see.

use crate::common::{Answer, Fixture};
use axum::body::Body;
use axum::http::Request;
use model::access::Scope;
use serde_json::{Value, json};

fn request(
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    request
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
        .unwrap()
}

async fn set_up(fixture: &Fixture) -> Answer {
    let secret = store::access::new_setup_secret(&fixture.store)
        .await
        .unwrap()
        .unwrap();
    let body = json!({"token": secret.expose(), "name": "Ann", "email": "Ann@Example.com", "password": "long enough"});
    fixture
        .send(request("POST", "/v1/setup", &[], Some(body)))
        .await
}

fn cookie_of(answer: &Answer) -> String {
    answer
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_user_is_made_once_by_the_printed_secret() {
    let fixture = Fixture::new().await;
    let needed = |fixture: Answer| fixture.expect(200)["needed"].as_bool().unwrap();
    assert!(needed(
        fixture.send(request("GET", "/v1/setup", &[], None)).await
    ));
    let body =
        json!({"token": "wrong", "name": "Ann", "email": "a@b.c", "password": "long enough"});
    fixture
        .send(request("POST", "/v1/setup", &[], Some(body)))
        .await
        .problem(403);
    let made = set_up(&fixture).await;
    assert_eq!(made.expect(201)["user"]["email"], "ann@example.com");
    assert!(!needed(
        fixture.send(request("GET", "/v1/setup", &[], None)).await
    ));
    assert!(
        store::access::new_setup_secret(&fixture.store)
            .await
            .unwrap()
            .is_none()
    );
    let body = json!({"token": "x", "name": "Eve", "email": "e@b.c", "password": "long enough"});
    fixture
        .send(request("POST", "/v1/setup", &[], Some(body)))
        .await
        .problem(409);
    // Neither the password nor the session's secret is anywhere in the answer's body or the audit log.
    let audit = fixture.get("/v1/audit").await.text();
    assert!(audit.contains("user.created") && !audit.contains("long enough"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_with_the_password_and_ends_for_good() {
    let fixture = Fixture::new().await;
    set_up(&fixture).await.expect(201);
    fixture
        .send(request("GET", "/v1/session", &[], None))
        .await
        .problem(401);
    let wrong = json!({"email": "ann@example.com", "password": "something else"});
    let refused = fixture
        .send(request("POST", "/v1/session", &[], Some(wrong)))
        .await
        .problem(401);
    let unknown = json!({"email": "eve@example.com", "password": "something else"});
    let other = fixture
        .send(request("POST", "/v1/session", &[], Some(unknown)))
        .await
        .problem(401);
    assert_eq!(refused["detail"], other["detail"]);
    let right = json!({"email": " ANN@example.com ", "password": "long enough"});
    let begun = fixture
        .send(request("POST", "/v1/session", &[], Some(right)))
        .await;
    begun.expect(200);
    let cookie = begun.header("set-cookie");
    assert!(cookie.starts_with("postroom_session="), "{cookie}");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie_of(&begun);
    let headers = [("cookie", cookie.as_str())];
    let who = fixture
        .send(request("GET", "/v1/session", &headers, None))
        .await
        .expect(200);
    assert_eq!(who["user"]["role"], "owner");
    // How mail is shown is the user's own, and stays over a new sign-in.
    let usual = json!({"threads": true, "merge_folders": true});
    assert_eq!(who["user"]["layout"], usual);
    let both = [("cookie", cookie.as_str()), ("x-postroom-csrf", "1")];
    let layout = |layout: Value| {
        request(
            "PATCH",
            "/v1/session",
            &both,
            Some(json!({ "layout": layout })),
        )
    };
    let changed = fixture.send(layout(json!({"merge_folders": false}))).await;
    let apart = json!({"threads": true, "merge_folders": false});
    assert_eq!(changed.expect(200)["user"]["layout"], apart);
    let told = fixture.send(request("GET", "/v1/session", &headers, None));
    assert_eq!(told.await.expect(200)["user"]["layout"], apart);
    fixture
        .send(layout(json!({"colour": 1})))
        .await
        .problem(422);
    let change = json!({"layout": {"threads": false}});
    fixture.patch("/v1/session", &change).await.problem(401);
    let right = json!({"email": "ann@example.com", "password": "long enough"});
    let anew = fixture.send(request("POST", "/v1/session", &[], Some(right)));
    assert_eq!(anew.await.expect(200)["user"]["layout"], apart);
    // Without the header that a foreign page cannot set, nothing is changed.
    fixture
        .send(request("DELETE", "/v1/session", &headers, None))
        .await
        .problem(403);
    let ended = fixture
        .send(request("DELETE", "/v1/session", &both, None))
        .await;
    assert_eq!(ended.status, 204);
    fixture
        .send(request("GET", "/v1/session", &headers, None))
        .await
        .problem(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_https_the_cookie_is_bound_to_the_host() {
    let fixture = Fixture::at("https://mail.example.com").await;
    let made = set_up(&fixture).await;
    let cookie = made.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-postroom_session=") && cookie.contains("; Secure"),
        "{cookie}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_run_into_a_wall() {
    let fixture = Fixture::new().await;
    let body = || Some(json!({"email": "ann@example.com", "password": "guess"}));
    for _ in 0..5 {
        fixture
            .send(request("POST", "/v1/session", &[], body()))
            .await
            .problem(401);
    }
    let refused = fixture
        .send(request("POST", "/v1/session", &[], body()))
        .await;
    refused.problem(429);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_and_refused_as_soon_as_it_is_revoked() {
    let fixture = Fixture::new().await;
    let made = fixture
        .post("/v1/tokens", &json!({"name": "crm", "scopes": ["read"]}))
        .await
        .expect(201);
    let secret = made["token"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("prm_"));
    let id = made["id"].as_str().unwrap();
    let listed = fixture.get("/v1/tokens").await.text();
    assert!(listed.contains(id) && !listed.contains(&secret));
    fixture
        .with(&secret, "GET", "/v1/mailboxes", None)
        .await
        .expect(200);
    assert_eq!(
        fixture.delete(&format!("/v1/tokens/{id}")).await.status,
        204
    );
    fixture
        .with(&secret, "GET", "/v1/mailboxes", None)
        .await
        .problem(401);
    fixture
        .delete(&format!("/v1/tokens/{id}"))
        .await
        .problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_ended_is_refused() {
    let fixture = Fixture::new().await;
    let body = json!({"name": "short", "scopes": ["read"], "expires_at": "2026-01-02T03:05:05Z"});
    let made = fixture.post("/v1/tokens", &body).await.expect(201);
    fixture.clock.advance(61_000);
    let secret = made["token"].as_str().unwrap();
    fixture
        .with(secret, "GET", "/v1/mailboxes", None)
        .await
        .problem(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_open_their_own_doors_only() {
    let fixture = Fixture::new().await;
    let box_ = fixture.mailbox("ann@example.com").await;
    fixture
        .fill(&box_, "INBOX", &[(1, &crate::common::raw(1, "one"))])
        .await;
    let message = fixture.get("/v1/messages").await.expect(200)["data"][0]["id"].clone();
    let message = format!("/v1/messages/{}", message.as_str().unwrap());
    let flags = json!({"flags": {"seen": true}});
    let mail = json!({"mailbox_id": box_.id, "to": [{"address": "x@example.com"}], "text": "x"});
    let doors = [
        (Scope::Read, "GET", "/v1/messages", None),
        (Scope::Read, "GET", "/v1/events", None),
        (Scope::Write, "PATCH", message.as_str(), Some(&flags)),
        (Scope::Send, "POST", "/v1/submissions", Some(&mail)),
        (Scope::Manage, "GET", "/v1/webhooks", None),
        (Scope::All, "GET", "/v1/tokens", None),
        (Scope::All, "GET", "/v1/audit", None),
    ];
    for scope in Scope::ALL {
        let token = fixture.token(&[*scope], &[]).await;
        for (needed, method, uri, body) in &doors {
            let answer = fixture.with(&token, method, uri, *body).await;
            let may = scope == needed || *scope == Scope::All;
            let expected = if may {
                answer.status.is_success()
            } else {
                answer.status == 403
            };
            assert!(expected, "{scope} at {method} {uri}: {}", answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn for_a_limited_token_other_mailboxes_do_not_exist() {
    let fixture = Fixture::new().await;
    let mine = fixture.mailbox("mine@example.com").await;
    let other = fixture.mailbox("other@example.com").await;
    fixture
        .fill(&mine, "INBOX", &[(1, &crate::common::raw(1, "mine"))])
        .await;
    fixture
        .fill(&other, "INBOX", &[(1, &crate::common::raw(2, "other"))])
        .await;
    let token = fixture
        .token(&[Scope::All], std::slice::from_ref(&mine.id))
        .await;
    let all = fixture.get("/v1/messages").await.expect(200);
    let foreign = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["mailbox_id"] == other.id)
        .unwrap();
    let (message, thread) = (
        foreign["id"].as_str().unwrap(),
        foreign["thread_id"].as_str().unwrap(),
    );
    let inbox = &other.folders["INBOX"];
    let absent = |uri: String| {
        uri.replace(&other.id, "mbx_00000000000000000000000000")
            .replace(message, "msg_0")
            .replace(thread, "thr_0")
    };
    for uri in [
        format!("/v1/mailboxes/{}", other.id),
        format!("/v1/mailboxes/{}/folders", other.id),
        format!("/v1/mailboxes/{}/failures", other.id),
        format!("/v1/mailboxes/{}/owed", other.id),
        format!("/v1/messages/{message}"),
        format!("/v1/messages/{message}?body=text"),
        format!("/v1/messages/{message}/raw"),
        format!("/v1/messages/{message}/attachments/att_1"),
        format!("/v1/threads/{thread}"),
    ] {
        let foreign = fixture.with(&token, "GET", &uri, None).await.problem(404);
        let nothing = fixture
            .with(&token, "GET", &absent(uri.clone()), None)
            .await
            .problem(404);
        assert_eq!(foreign["detail"], nothing["detail"], "{uri}");
    }
    let lists = [
        "/v1/mailboxes",
        "/v1/messages",
        "/v1/threads",
        "/v1/events",
        "/v1/submissions",
        "/v1/connection-tests",
    ];
    for uri in lists {
        let text = fixture.with(&token, "GET", uri, None).await;
        text.expect(200);
        assert!(!text.text().contains(&other.id), "{uri}");
        let narrowed = format!("{uri}?mailbox_id={}", other.id);
        if uri != "/v1/mailboxes" {
            let list = fixture
                .with(&token, "GET", &narrowed, None)
                .await
                .expect(200);
            assert_eq!(list["data"], json!([]), "{narrowed}");
        }
    }
    let narrowed = format!("/v1/messages?folder_id={inbox}");
    assert_eq!(
        fixture
            .with(&token, "GET", &narrowed, None)
            .await
            .expect(200)["data"],
        json!([])
    );
    let change = json!({"flags": {"seen": true}});
    fixture
        .with(
            &token,
            "PATCH",
            &format!("/v1/messages/{message}"),
            Some(&change),
        )
        .await
        .problem(404);
    fixture
        .with(&token, "DELETE", &format!("/v1/messages/{message}"), None)
        .await
        .problem(404);
    fixture
        .with(
            &token,
            "DELETE",
            &format!("/v1/mailboxes/{}", other.id),
            None,
        )
        .await
        .problem(404);
    let mail = json!({"mailbox_id": other.id, "to": [{"address": "x@example.com"}], "text": "x"});
    fixture
        .with(&token, "POST", "/v1/submissions", Some(&mail))
        .await
        .problem(404);
    let answer = json!({"mailbox_id": mine.id, "in_reply_to_message_id": message, "text": "x"});
    fixture
        .with(&token, "POST", "/v1/submissions", Some(&answer))
        .await
        .problem(422);
    for uri in ["/v1/tokens", "/v1/webhooks", "/v1/audit", "/v1/stats"] {
        fixture.with(&token, "GET", uri, None).await.problem(403);
    }
}
