//! Signatures and stored templates: who has which, and what goes out.

use crate::common::{Fixture, raw};
use model::access::Scope;
use serde_json::{Value, json};

/// The bytes of a message that is sent so, read again.
async fn sent(fixture: &Fixture, token: &str, body: &Value) -> mail_message::Message {
    mail_message::read(&bytes(fixture, token, body).await)
}

async fn bytes(fixture: &Fixture, token: &str, body: &Value) -> Vec<u8> {
    let answer = fixture
        .with(token, "POST", "/v1/submissions", Some(body))
        .await;
    let submission = answer.expect(202);
    let id = submission["id"].as_str().unwrap();
    let digest = store::submissions::digest(&fixture.store, id)
        .await
        .unwrap();
    let place = store::blobs::find(&fixture.store, &digest).await.unwrap();
    fixture.store.blobs.read(&place, u64::MAX).await.unwrap()
}

fn text(message: &mail_message::Message) -> String {
    message
        .text
        .clone()
        .unwrap_or_default()
        .replace("\r\n", "\n")
}

async fn add(fixture: &Fixture, body: Value) -> String {
    let made = fixture.post("/v1/signatures", &body).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

#[tokio::test(flavor = "multi_thread")]
async fn the_central_signature_goes_below_every_message_that_names_no_other() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let list = fixture.get("/v1/identities").await.expect(200);
    let identity = format!("/v1/identities/{}", list["data"][0]["id"].as_str().unwrap());
    fixture
        .patch(&identity, &json!({"fields": {"phone": "<12>"}}))
        .await
        .expect(200);
    let html = format!(
        "<p><b>{{{{ identity.name }}}}</b> {{{{ identity.fields.phone }}}} {{{{ identity.fields.fax }}}} &middot; {{{{ date|date('%d.%m.%Y') }}}}</p>\
         {{% if identity.fields.web %}}<a href=\"{{{{ identity.fields.web }}}}\">web</a>{{% endif %}}<script>x</script><img src=\"{PIXEL}\" alt=\"Logo\">"
    );
    let central = add(
        &fixture,
        json!({"name": "Company", "kind": "central", "html": html}),
    )
    .await;
    let all = fixture.token.clone();
    let body = json!({"mailbox_id": a.id, "to": [{"address": "x@example.net"}], "subject": "s", "text": "Hello", "html": "<p>Hello</p>"});
    let message = sent(&fixture, &all, &body).await;
    let (plain, rich) = (text(&message), message.html.clone().unwrap());
    assert!(plain.starts_with("Hello\n\n-- \nAnn <12>"), "{plain}");
    assert!(plain.contains("02.01.2026"), "{plain}");
    assert!(
        rich.contains("<b>Ann</b> &lt;12&gt;")
            && !rich.contains("script")
            && !rich.contains("href"),
        "{rich}"
    );
    let picture = &message.attachments[0];
    let cid = picture.content_id.clone().unwrap();
    assert!(
        picture.inline && rich.contains(&format!("cid:{cid}")),
        "{rich}"
    );
    // An identity of one's own wish, a message of one's own wish.
    let own = add(
        &fixture,
        json!({"name": "Short", "kind": "shared", "html": "<i>A.</i>", "text": "A. ({{ year }})"}),
    )
    .await;
    fixture
        .patch(&identity, &json!({"signature_id": own}))
        .await
        .expect(200);
    assert!(text(&sent(&fixture, &all, &body).await).ends_with("-- \nA. (2026)\n"));
    let mut with = body.clone();
    with["signature"] = json!(central);
    assert!(text(&sent(&fixture, &all, &with).await).contains("<12>"));
    for none in [Value::Null, json!("none")] {
        with["signature"] = none;
        let none = sent(&fixture, &all, &with).await;
        assert!(!text(&none).contains("-- ") && none.attachments.is_empty());
    }
    fixture
        .patch(&identity, &json!({"signature_id": "none"}))
        .await
        .expect(200);
    assert!(!text(&sent(&fixture, &all, &body).await).contains("-- "));
    fixture
        .patch(&identity, &json!({"signature_id": own}))
        .await
        .expect(200);
    // It stands above what is quoted.
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "Plans"))]).await;
    let id = fixture.get("/v1/messages").await.expect(200)["data"][0]["id"].clone();
    let answer = json!({"in_reply_to_message_id": id, "text": "Yes."});
    let answer = text(&sent(&fixture, &all, &answer).await);
    let places =
        ["Yes.", "-- \nA. (2026)", "wrote:", "> Hello Plans"].map(|part| answer.find(part));
    assert!(places.is_sorted() && places[0].is_some(), "{answer}");
    // HTML alone has a text with a signature that programs know.
    let only =
        json!({"mailbox_id": a.id, "to": [{"address": "x@example.net"}], "html": "<p>Hello</p>"});
    assert_eq!(
        text(&sent(&fixture, &all, &only).await),
        "Hello\n\n-- \nA. (2026)\n"
    );
    // A draft has none before it is sent, and one then.
    let kept = fixture.post("/v1/drafts", &body).await.expect(201);
    let sent_by = format!("/v1/drafts/{}/send", kept["id"].as_str().unwrap());
    let submission = fixture.post(&sent_by, &json!({})).await.expect(202);
    let digest = store::submissions::digest(&fixture.store, submission["id"].as_str().unwrap());
    let place = store::blobs::find(&fixture.store, &digest.await.unwrap())
        .await
        .unwrap();
    let bytes_of_draft = fixture.store.blobs.read(&place, u64::MAX).await.unwrap();
    let of_draft = text(&mail_message::read(&bytes_of_draft));
    assert_eq!(of_draft.matches("A. (2026)").count(), 1, "{of_draft}");
    // Whole messages stay as they are.
    let mail = "From: ann@example.com\r\nTo: x@example.net\r\n\r\nHello\r\n";
    let raw = json!({"mailbox_id": a.id, "raw_base64": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, mail)});
    assert!(
        !String::from_utf8(bytes(&fixture, &all, &raw).await)
            .unwrap()
            .contains("A.")
    );
    fixture
        .delete(&format!("/v1/signatures/{own}"))
        .await
        .expect(204);
    assert!(fixture.get(&identity).await.expect(200)["signature_id"].is_null());
    assert!(
        text(&sent(&fixture, &all, &body).await).contains("<12>"),
        "the central one again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_are_ones_own_or_everybodys_and_the_central_one_is_the_administrators() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let first = fixture.token(&[Scope::Send, Scope::Read], &[]).await;
    let second = fixture
        .token(&[Scope::Send, Scope::Read, Scope::Manage], &[])
        .await;
    let post = async |token: &str, body: Value| {
        fixture
            .with(token, "POST", "/v1/signatures", Some(&body))
            .await
    };
    let mine = post(&first, json!({"name": "Mine", "html": "<p>1</p>"}))
        .await
        .expect(201);
    assert_eq!(mine["kind"], "personal");
    post(&first, json!({"name": "x", "kind": "shared", "html": ""}))
        .await
        .problem(403);
    post(&second, json!({"name": "x", "kind": "central", "html": ""}))
        .await
        .problem(403);
    let shared = post(
        &second,
        json!({"name": "Ours", "kind": "shared", "html": "2"}),
    )
    .await
    .expect(201);
    let mine_at = format!("/v1/signatures/{}", mine["id"].as_str().unwrap());
    let names = async |token: &str| {
        let list = fixture
            .with(token, "GET", "/v1/signatures", None)
            .await
            .expect(200);
        let list = list["data"].as_array().unwrap().clone();
        let mut names: Vec<_> = list
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&first).await, ["Mine", "Ours"]);
    assert_eq!(names(&second).await, ["Ours"]);
    assert_eq!(names(&fixture.token).await, ["Mine", "Ours"]);
    fixture
        .with(&second, "GET", &mine_at, None)
        .await
        .problem(404);
    fixture
        .with(&second, "DELETE", &mine_at, None)
        .await
        .problem(404);
    let body = json!({"mailbox_id": a.id, "to": [{"address": "x@example.net"}], "text": "t", "signature": mine["id"]});
    let refused = fixture
        .with(&second, "POST", "/v1/submissions", Some(&body))
        .await
        .problem(422);
    assert_eq!(refused["errors"][0]["pointer"], "/signature");
    assert!(text(&sent(&fixture, &first, &body).await).ends_with("-- \n1\n"));
    let changed = fixture
        .with(
            &first,
            "PATCH",
            &mine_at,
            Some(&json!({"text": "one", "name": "My own"})),
        )
        .await;
    assert_eq!(changed.expect(200)["text"], "one");
    // There is one central signature: another one takes its place.
    let ours_at = format!("/v1/signatures/{}", shared["id"].as_str().unwrap());
    let central = json!({"kind": "central"});
    assert_eq!(
        fixture.patch(&ours_at, &central).await.expect(200)["kind"],
        "central"
    );
    add(
        &fixture,
        json!({"name": "New", "kind": "central", "html": "3"}),
    )
    .await;
    assert_eq!(fixture.get(&ours_at).await.expect(200)["kind"], "shared");
    for (body, pointer, code) in [
        (json!({"name": "", "html": ""}), "/name", "invalid_request"),
        (
            json!({"name": "x", "html": "<p>{{ a"}),
            "/html",
            "template_invalid",
        ),
        (
            json!({"name": "x", "html": "<p onclick='{{ a }}'>"}),
            "/html",
            "template_invalid",
        ),
        (
            json!({"name": "x", "html": "", "text": "{% include 'x' %}"}),
            "/text",
            "template_invalid",
        ),
        (
            json!({"name": "x", "html": "x".repeat(500_000)}),
            "/html",
            "invalid_request",
        ),
    ] {
        let problem = fixture.post("/v1/signatures", &body).await.problem(422);
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["code"]),
            (&json!(pointer), &json!(code))
        );
    }
    let preview = json!({"html": "<b>{{ identity.name }}</b><script>x</script> {{ user.email }}"});
    let shown = fixture
        .post("/v1/signatures/preview", &preview)
        .await
        .expect(200);
    assert_eq!(shown["text"], "Ann ann@example.com");
    assert!(
        shown["html"].as_str().unwrap().starts_with("<b>Ann</b>"),
        "{shown}"
    );
    let stored = json!({"signature_id": mine["id"]});
    assert_eq!(
        fixture
            .post("/v1/signatures/preview", &stored)
            .await
            .expect(200)["text"],
        "one"
    );
    fixture
        .with(&second, "POST", "/v1/signatures/preview", Some(&stored))
        .await
        .problem(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_with_data_becomes_a_message_and_data_is_never_markup() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    fixture.clock.advance(1);
    let b = fixture.mailbox("bob@example.com").await;
    let template = json!({
        "name": "Order", "subject": "Order {{ order.number }} of {{ name }}",
        "html": "<p>Dear {{ name }},</p><a href=\"{{ link }}\">order {{ order.number }}</a><p>{{ identity.name }}</p>",
        "text": "Dear {{ name }}{% for line in order.lines %}\n* {{ line }}{% endfor %}{% if note %}\n{{ note }}{% endif %}",
    });
    let made = fixture.post("/v1/templates", &template).await.expect(201);
    assert_eq!(
        made["variables"],
        json!(["link", "name", "note", "order.lines", "order.number"])
    );
    let mut body = json!({
        "mailbox_id": a.id, "to": [{"address": "x@example.net"}], "template_id": made["id"],
        "data": {"name": "<b>Eve</b>\r\nBcc: y@z", "order": {"number": 7, "lines": ["one", "two"]}, "link": "https://x.test/7"},
    });
    let message = sent(&fixture, &fixture.token, &body).await;
    assert_eq!(
        message.head.subject.as_deref(),
        Some("Order 7 of <b>Eve</b> Bcc: y@z")
    );
    assert!(message.head.bcc.is_empty());
    let rich = message.html.clone().unwrap();
    assert!(
        rich.contains("&lt;b&gt;Eve")
            && rich.contains("https://x.test/7")
            && rich.contains("<p>Ann</p>"),
        "{rich}"
    );
    assert!(
        text(&message).contains("* one\n* two"),
        "{}",
        text(&message)
    );
    body["subject"] = json!("My own");
    assert_eq!(
        sent(&fixture, &fixture.token, &body)
            .await
            .head
            .subject
            .as_deref(),
        Some("My own")
    );
    for (field, value, pointer, code) in [
        ("data", json!({"name": "x"}), "/data", "template_invalid"),
        (
            "data",
            json!({"name": "x", "order": {"number": 1, "lines": []}, "link": "javascript:x"}),
            "/data",
            "template_invalid",
        ),
        (
            "data",
            json!({"identity": {}}),
            "/data/identity",
            "invalid_request",
        ),
        ("text", json!("x"), "/text", "invalid_request"),
        (
            "template_id",
            json!("tpl_none"),
            "/template_id",
            "invalid_request",
        ),
        ("template_id", Value::Null, "/data", "invalid_request"),
    ] {
        let mut bad = body.clone();
        bad[field] = value;
        let problem = fixture.post("/v1/submissions", &bad).await.problem(422);
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["code"]),
            (&json!(pointer), &json!(code)),
            "{problem}"
        );
    }
    let missing = json!({"template_id": made["id"], "data": {"name": "x", "link": "/"}});
    let problem = fixture
        .post("/v1/templates/preview", &missing)
        .await
        .problem(422);
    assert!(
        problem["detail"].as_str().unwrap().contains("order.number"),
        "{problem}"
    );
    let shown =
        json!({"subject": "{{ a }}", "html": "<p>{{ a }}</p><script>1</script>", "data": {"a": 1}});
    let shown = fixture
        .post("/v1/templates/preview", &shown)
        .await
        .expect(200);
    assert_eq!(
        shown,
        json!({"subject": "1", "html": "<p>1</p>", "text": "1", "variables": ["a"]})
    );
    let uri = format!("/v1/templates/{}", made["id"].as_str().unwrap());
    fixture
        .post("/v1/templates", &json!({"name": "ORDER", "text": "x"}))
        .await
        .problem(409);
    fixture
        .post("/v1/templates", &json!({"name": "No"}))
        .await
        .problem(422);
    let change = json!({"html": null, "text": "{{ a }}", "mailbox_id": b.id});
    let changed = fixture.patch(&uri, &change).await.expect(200);
    assert_eq!(changed["variables"], json!(["a", "name", "order.number"]));
    // It is for one mailbox now: others do not know it.
    let problem = fixture.post("/v1/submissions", &body).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/template_id");
    let limited = fixture
        .token(
            &[Scope::Send, Scope::Read, Scope::Manage],
            std::slice::from_ref(&a.id),
        )
        .await;
    fixture.with(&limited, "GET", &uri, None).await.problem(404);
    let all = json!({"name": "Mine", "text": "x"});
    fixture
        .with(&limited, "POST", "/v1/templates", Some(&all))
        .await
        .problem(403);
    let own = json!({"name": "Mine", "text": "x", "mailbox_id": a.id});
    fixture
        .with(&limited, "POST", "/v1/templates", Some(&own))
        .await
        .expect(201);
    let list = fixture
        .with(&limited, "GET", "/v1/templates", None)
        .await
        .expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    fixture.delete(&uri).await.expect(204);
    fixture.get(&uri).await.problem(404);
}
