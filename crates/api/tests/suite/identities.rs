//! As whom a caller sends, and through which mailboxes.

use crate::common::{Answer, Filled, Fixture, raw};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::access::Scope;
use serde_json::{Value, json};

async fn add(fixture: &Fixture, body: Value) -> Value {
    fixture.post("/v1/identities", &body).await.expect(201)
}

/// The sender of a message in parts, as its header has it, with its submission.
async fn from(fixture: &Fixture, token: &str, body: &Value) -> (String, Value) {
    let answer = fixture
        .with(token, "POST", "/v1/submissions", Some(body))
        .await;
    let submission = answer.expect(202);
    let id = submission["id"].as_str().unwrap();
    let digest = store::submissions::digest(&fixture.store, id)
        .await
        .unwrap();
    let place = store::blobs::find(&fixture.store, &digest).await.unwrap();
    let bytes = fixture.store.blobs.read(&place, u64::MAX).await.unwrap();
    let from = &mail_message::head(&bytes).from[0];
    let name = from.name.clone().unwrap_or_default();
    (format!("{name} <{}>", from.address), submission)
}

async fn send(fixture: &Fixture, token: &str, body: Value) -> Answer {
    fixture
        .with(token, "POST", "/v1/submissions", Some(&body))
        .await
}

/// Three mailboxes, one a moment after the other.
async fn three(fixture: &Fixture) -> [Filled; 3] {
    let a = fixture.mailbox("ann@example.com").await;
    fixture.clock.advance(1);
    let b = fixture.mailbox("bob@example.com").await;
    fixture.clock.advance(1);
    [a, b, fixture.mailbox("robot@example.com").await]
}

const TO: &str = "x@example.net";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_out_as_the_identity_that_is_named_or_else_as_the_main_one() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let sales = add(
        &fixture,
        json!({"mailbox_id": a.id, "name": "Sales", "address": "sales@example.com", "reply_to": "desk@example.com"}),
    )
    .await;
    assert_eq!(sales["is_alias"], true);
    assert_eq!(sales["usable"], true);
    let all = &fixture.token;
    let body = json!({"mailbox_id": a.id, "to": [{"address": TO}], "subject": "s", "text": "t"});
    let (author, submission) = from(&fixture, all, &body).await;
    assert_eq!(author, "Ann <ann@example.com>");
    assert!(
        submission["identity_id"]
            .as_str()
            .unwrap()
            .starts_with("idn_")
    );
    assert_ne!(submission["identity_id"], sales["id"]);
    for named in [
        json!({"identity_id": sales["id"]}),
        json!({"identity_id": sales["id"], "mailbox_id": null}),
        json!({"from": {"address": "SALES@example.com"}}),
        json!({"from": {"address": "sales@example.com"}, "mailbox_id": null}),
    ] {
        let mut body = body.clone();
        for (key, value) in named.as_object().unwrap() {
            body[key] = value.clone();
        }
        let (author, submission) = from(&fixture, all, &body).await;
        assert_eq!(author, "Sales <sales@example.com>", "{body}");
        assert_eq!(submission["identity_id"], sales["id"]);
        assert!(
            submission["internet_message_id"]
                .as_str()
                .unwrap()
                .ends_with("@example.com"),
            "{submission}"
        );
        let digest = store::submissions::digest(&fixture.store, submission["id"].as_str().unwrap());
        let place = store::blobs::find(&fixture.store, &digest.await.unwrap())
            .await
            .unwrap();
        let bytes = fixture.store.blobs.read(&place, u64::MAX).await.unwrap();
        assert_eq!(
            mail_message::head(&bytes).reply_to[0].address,
            "desk@example.com"
        );
    }
    let uri = format!("/v1/identities/{}", sales["id"].as_str().unwrap());
    let main = json!({"is_main": true, "name": "The shop"});
    assert_eq!(
        fixture.patch(&uri, &main).await.expect(200)["is_main"],
        true
    );
    fixture
        .patch(&uri, &json!({"is_main": false}))
        .await
        .problem(422);
    assert_eq!(
        from(&fixture, all, &body).await.0,
        "The shop <sales@example.com>"
    );
    fixture.delete(&uri).await.problem(409);
    let list = fixture
        .get(&format!("/v1/identities?mailbox_id={}", a.id))
        .await
        .expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sends_as_what_is_not_theirs_in_parts_or_raw() {
    let fixture = Fixture::new().await;
    let [a, b, _] = three(&fixture).await;
    let token = fixture
        .token(&[Scope::Send, Scope::Read], std::slice::from_ref(&a.id))
        .await;
    let me = store::access::list_tokens(&fixture.store, None, 50)
        .await
        .unwrap();
    let me = me
        .iter()
        .find(|t| t.mailbox_ids == [a.id.clone()])
        .unwrap()
        .id
        .clone();
    let nobody = json!({"everyone": false, "user_ids": [], "token_ids": []});
    let sales = add(
        &fixture,
        json!({"mailbox_id": a.id, "name": "Sales", "address": "sales@example.com", "usable_by": nobody}),
    )
    .await;
    let of_b = fixture
        .get(&format!("/v1/identities?mailbox_id={}", b.id))
        .await
        .expect(200);
    let of_b = of_b["data"][0]["id"].clone();
    let raw = |from: &str| STANDARD.encode(format!("From: {from}\nTo: {TO}\nSubject: s\n\nx"));
    let sender = "ann@example.com\nSender: eve@example.com";
    let cases = [
        (
            json!({"from": {"address": "sales@example.com"}}),
            "/from/address",
        ),
        (
            json!({"from": {"address": "eve@example.com"}}),
            "/from/address",
        ),
        (
            json!({"from": {"address": "bob@example.com"}}),
            "/from/address",
        ),
        (
            json!({"from": {"address": "bob@example.com"}, "mailbox_id": null}),
            "/from/address",
        ),
        (json!({"identity_id": sales["id"]}), "/identity_id"),
        (json!({"identity_id": of_b}), "/identity_id"),
        (
            json!({"identity_id": of_b, "mailbox_id": null}),
            "/identity_id",
        ),
        (
            json!({"identity_id": "idn_none", "mailbox_id": null}),
            "/identity_id",
        ),
        (
            json!({"raw_base64": raw("sales@example.com"), "to": null}),
            "/raw_base64",
        ),
        (
            json!({"raw_base64": raw("bob@example.com"), "to": null}),
            "/raw_base64",
        ),
        (
            json!({"raw_base64": raw(sender), "to": null}),
            "/raw_base64",
        ),
        (
            json!({"raw_base64": raw("ann@example.com"), "to": null, "envelope": {"from": "sales@example.com", "to": [TO]}}),
            "/envelope/from",
        ),
    ];
    for (case, pointer) in cases {
        let mut body = json!({"mailbox_id": a.id, "to": [{"address": TO}]});
        for (key, value) in case.as_object().unwrap() {
            body[key] = value.clone();
        }
        if body["to"].is_null() {
            body.as_object_mut().unwrap().remove("to");
        }
        let problem = send(&fixture, &token, body.clone()).await.problem(403);
        assert_eq!(problem["code"], "identity_not_allowed", "{body}: {problem}");
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{body}: {problem}"
        );
    }
    let none = fixture.get("/v1/submissions").await.expect(200);
    assert_eq!(none["data"], json!([]), "nothing of it went out");
    let as_sales = json!({"mailbox_id": a.id, "identity_id": sales["id"], "to": [{"address": TO}], "text": "t"});
    from(&fixture, &fixture.token, &as_sales).await;
    let uri = format!("/v1/identities/{}", sales["id"].as_str().unwrap());
    let mine = json!({"usable_by": {"everyone": false, "user_ids": [], "token_ids": [me]}});
    let refused = fixture.with(&token, "PATCH", &uri, Some(&mine)).await;
    assert_eq!(
        refused.problem(403)["code"],
        "forbidden",
        "it takes the scope manage"
    );
    fixture.patch(&uri, &mine).await.expect(200);
    assert_eq!(
        from(&fixture, &token, &as_sales).await.0,
        "Sales <sales@example.com>"
    );
    let raw = json!({"mailbox_id": a.id, "raw_base64": raw("sales@example.com")});
    let sent = send(&fixture, &token, raw).await.expect(202);
    assert_eq!(sent["identity_id"], sales["id"]);
    let wrong = json!({"usable_by": {"everyone": false, "user_ids": [me]}, "fields": {"Phone": "1"}, "address": "no"});
    let problem = fixture.patch(&uri, &wrong).await.problem(422);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_sender_is_sent_through_and_never_read() {
    let fixture = Fixture::new().await;
    let [a, b, shared] = three(&fixture).await;
    fixture
        .fill(&shared, "INBOX", &[(1, &raw(1, "Secret"))])
        .await;
    let token = fixture
        .token(
            &[Scope::Send, Scope::Read, Scope::Manage],
            std::slice::from_ref(&a.id),
        )
        .await;
    let body =
        json!({"mailbox_id": shared.id, "to": [{"address": TO}], "subject": "s", "text": "t"});
    send(&fixture, &token, body.clone()).await.problem(404);
    let uri = format!("/v1/mailboxes/{}", shared.id);
    let own = format!("/v1/mailboxes/{}", a.id);
    let share = json!({"send_shared": true});
    let refused = fixture.with(&token, "PATCH", &own, Some(&share)).await;
    assert_eq!(
        refused.problem(403)["code"],
        "forbidden",
        "administrators only"
    );
    assert_eq!(
        fixture.patch(&uri, &share).await.expect(200)["send_shared"],
        true
    );
    let (author, mine) = from(&fixture, &token, &body).await;
    assert_eq!(author, "Ann <robot@example.com>");
    let other = from(&fixture, &fixture.token, &body).await.1;
    let get = async |path: &str| fixture.with(&token, "GET", path, None).await;
    let list = get("/v1/submissions").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(list["data"][0]["id"], mine["id"]);
    let path = |one: &Value| format!("/v1/submissions/{}", one["id"].as_str().unwrap());
    get(&path(&mine)).await.expect(200);
    get(&path(&other)).await.problem(404);
    fixture
        .with(&token, "DELETE", &path(&other), None)
        .await
        .problem(404);
    let cancelled = fixture
        .with(&token, "DELETE", &path(&mine), None)
        .await
        .expect(200);
    assert_eq!(cancelled["state"], "cancelled");
    // Nothing of what the mailbox has is there for the token.
    get(&uri).await.problem(404);
    get(&format!("{uri}/folders")).await.problem(404);
    for list in ["/v1/messages", "/v1/threads", "/v1/events", "/v1/mailboxes"] {
        let page = get(list).await.expect(200).to_string();
        assert!(
            !page.contains(&shared.id) && !page.contains("Secret"),
            "{list}: {page}"
        );
    }
    let message = fixture.get("/v1/messages").await.expect(200)["data"][0]["id"].clone();
    get(&format!("/v1/messages/{}", message.as_str().unwrap()))
        .await
        .problem(404);
    let answer = json!({"mailbox_id": shared.id, "in_reply_to_message_id": message, "text": "t"});
    send(&fixture, &token, answer).await.problem(422);
    // Its identities are, as far as one may know of them.
    fixture.clock.advance(1);
    let theirs = json!({"mailbox_id": shared.id, "address": "boss@example.com",
        "usable_by": {"everyone": false, "user_ids": ["usr_01k9aaaaaaaaaaaaaaaaaaaaaa"]}});
    let boss = add(&fixture, theirs).await;
    let seen = get("/v1/identities").await.expect(200);
    let seen = seen["data"].as_array().unwrap();
    let known: Vec<_> = seen
        .iter()
        .map(|one| (one["address"].as_str().unwrap(), one["usable"].clone()))
        .collect();
    assert_eq!(
        known,
        [
            ("ann@example.com", json!(true)),
            ("robot@example.com", json!(true)),
            ("boss@example.com", json!(false))
        ]
    );
    assert_eq!(seen[2]["usable_by"]["user_ids"], json!([]));
    let usable = get("/v1/identities?usable=true&limit=1").await.expect(200);
    assert_eq!(usable["data"][0]["address"], "ann@example.com");
    let cursor = usable["next_cursor"].as_str().unwrap();
    let next = get(&format!("/v1/identities?usable=true&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(next["data"].as_array().unwrap().len(), 1);
    let uri = format!("/v1/identities/{}", boss["id"].as_str().unwrap());
    fixture
        .with(&token, "PATCH", &uri, Some(&json!({"name": "x"})))
        .await
        .problem(404);
    fixture
        .with(&token, "DELETE", &uri, None)
        .await
        .problem(404);
    let through_b = json!({"mailbox_id": b.id, "to": [{"address": TO}]});
    send(&fixture, &token, through_b).await.problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_names_no_mailbox_sends_through_ones_own_or_the_installations_own_sender() {
    let fixture = Fixture::new().await;
    let only = fixture.mailbox("ann@example.com").await;
    let body = json!({"to": [{"address": TO}], "subject": "s", "text": "t"});
    let (author, _) = from(&fixture, &fixture.token, &body).await;
    assert_eq!(author, "Ann <ann@example.com>", "there is no other");
    fixture.clock.advance(1);
    let second = fixture.mailbox("bob@example.com").await;
    let problem = send(&fixture, &fixture.token, body.clone())
        .await
        .problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/mailbox_id");
    let limited = fixture
        .token(&[Scope::Send], &[second.id.clone(), only.id.clone()])
        .await;
    assert_eq!(
        from(&fixture, &limited, &body).await.0,
        "Ann <bob@example.com>"
    );
    fixture.clock.advance(1);
    let robot = fixture.mailbox("robot@example.com").await;
    let uri = format!("/v1/mailboxes/{}", robot.id);
    let mark = json!({"system_sender": true});
    assert_eq!(
        fixture.patch(&uri, &mark).await.expect(200)["system_sender"],
        true
    );
    assert_eq!(
        from(&fixture, &fixture.token, &body).await.0,
        "Ann <robot@example.com>"
    );
    assert_eq!(
        from(&fixture, &limited, &body).await.0,
        "Ann <bob@example.com>"
    );
    // Whose own mailbox does not send has none.
    let off = json!({"outgoing": null});
    fixture
        .patch(&format!("/v1/mailboxes/{}", second.id), &off)
        .await
        .expect(200);
    let alone = fixture
        .token(&[Scope::Send], std::slice::from_ref(&second.id))
        .await;
    assert_eq!(
        from(&fixture, &alone, &body).await.0,
        "Ann <robot@example.com>"
    );
    let problem = fixture
        .patch(&format!("/v1/mailboxes/{}", second.id), &mark)
        .await
        .problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/system_sender");
    // By the address alone the mailbox is found.
    let mut as_ann = body.clone();
    as_ann["from"] = json!({"address": "ann@example.com"});
    assert_eq!(
        from(&fixture, &fixture.token, &as_ann).await.1["mailbox_id"],
        only.id
    );
    let problem = send(&fixture, &alone, as_ann).await.problem(403);
    assert_eq!(problem["code"], "identity_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_leaves_from_the_identity_that_was_written_to_and_never_goes_to_it() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    add(
        &fixture,
        json!({"mailbox_id": a.id, "name": "Sales", "address": "sales@example.com"}),
    )
    .await;
    add(
        &fixture,
        json!({"mailbox_id": a.id, "name": "Help", "address": "help@example.com"}),
    )
    .await;
    let mail = |n: i64, head: &str| {
        format!(
            "{head}From: Eve <eve@example.net>\r\nSubject: s{n}\r\nMessage-ID: <{n}@x>\r\n\r\nt\r\n"
        )
    };
    let table = [
        ("To: sales@example.com\r\n", "sales@example.com"),
        (
            "To: y@example.net\r\nCc: Help <HELP@example.com>, sales@example.com\r\n",
            "help@example.com",
        ),
        (
            "Delivered-To: ann@example.com\r\nX-Original-To: sales@example.com\r\nTo: undisclosed:;\r\n",
            "sales@example.com",
        ),
        (
            "Delivered-To: help@example.com\r\nTo: list@example.net\r\n",
            "help@example.com",
        ),
        (
            "Envelope-To: sales@example.com\r\nTo: list@example.net\r\n",
            "sales@example.com",
        ),
        ("To: list@example.net\r\n", "ann@example.com"),
    ];
    for (i, (head, wanted)) in table.iter().enumerate() {
        let n = i as i64 + 1;
        fixture.fill(&a, "INBOX", &[(n, &mail(n, head))]).await;
        let list = fixture.get("/v1/messages?limit=1").await.expect(200);
        let id = list["data"][0]["id"].clone();
        let body = json!({"in_reply_to_message_id": id, "text": "Yes."});
        let (author, submission) = from(&fixture, &fixture.token, &body).await;
        assert!(author.ends_with(&format!("<{wanted}>")), "{head}: {author}");
        assert_eq!(submission["mailbox_id"], a.id);
        assert_eq!(submission["recipients"][0]["address"], "eve@example.net");
    }
    // What one has sent oneself is followed up to those it went to, also as an alias.
    let own = "To: eve@example.net\r\nCc: ann@example.com, help@example.com\r\nFrom: sales@example.com\r\nSubject: own\r\n\r\nt\r\n";
    fixture.fill(&a, "INBOX", &[(20, own)]).await;
    let id = fixture.get("/v1/messages?limit=1").await.expect(200)["data"][0]["id"].clone();
    let body = json!({"in_reply_to_message_id": id, "text": "And."});
    let (_, submission) = from(&fixture, &fixture.token, &body).await;
    let recipients = submission["recipients"].as_array().unwrap();
    assert_eq!(recipients.len(), 1, "{submission}");
    assert_eq!(recipients[0]["address"], "eve@example.net");
}
