//! Whose a mailbox is, what it alone may take of its server, and from when on it fetches mail.

use crate::common::Fixture;
use serde_json::{Value, json};

fn ids(page: &Value) -> Vec<Value> {
    let list = page["data"].as_array().unwrap();
    list.iter().map(|row| row["id"].clone()).collect()
}

async fn add(fixture: &Fixture, address: &str, fields: Value) -> Value {
    // Lists are in the order of age.
    fixture.clock.advance(1);
    let mut body = json!({
        "address": address, "password": "hunter2", "outgoing": null,
        "incoming": {"protocol": "imap", "host": "imap.example.com", "port": 993, "security": "tls"},
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    fixture.post("/v1/mailboxes", &body).await.expect(201)
}

#[tokio::test(flavor = "multi_thread")]
async fn mailboxes_belong_to_users_and_queues_and_are_found_by_them() {
    let fixture = Fixture::new().await;
    let queue = json!({"kind": "queue", "name": "Support"});
    let support = add(&fixture, "support@example.com", json!({"owner": queue})).await;
    assert_eq!(support["owner"], queue);
    let user = json!({"owner": {"kind": "user", "name": "Support"}});
    let anns = add(&fixture, "ann@example.com", user).await;
    let nobodys = add(&fixture, "info@example.com", json!({})).await;
    assert_eq!(nobodys["owner"], Value::Null);
    for (query, wanted) in [
        ("owner=Support", vec![&support, &anns]),
        ("owner_kind=queue", vec![&support]),
        ("owner_kind=user&owner=Support", vec![&anns]),
        ("owner=support", vec![]),
        ("", vec![&support, &anns, &nobodys]),
    ] {
        let page = fixture.get(&format!("/v1/mailboxes?{query}")).await;
        let wanted: Vec<Value> = wanted.into_iter().map(|m| m["id"].clone()).collect();
        assert_eq!(ids(&page.expect(200)), wanted, "{query}");
    }
    fixture
        .get("/v1/mailboxes?owner_kind=team")
        .await
        .problem(400);
    let uri = format!("/v1/mailboxes/{}", support["id"].as_str().unwrap());
    // What is not named stays; null takes it away.
    let renamed = fixture.patch(&uri, &json!({"name": "Help"})).await;
    assert_eq!(renamed.expect(200)["owner"], queue);
    let freed = fixture.patch(&uri, &json!({"owner": null})).await;
    assert_eq!(freed.expect(200)["owner"], Value::Null);
    for (owner, pointer) in [
        (json!({"kind": "team", "name": "x"}), "/owner/kind"),
        (json!({"kind": "user", "name": ""}), "/owner/name"),
        (json!({"kind": "user", "name": "a\nb"}), "/owner/name"),
        (
            json!({"kind": "user", "name": "x".repeat(201)}),
            "/owner/name",
        ),
        (json!({"kind": "user"}), "/owner/name"),
    ] {
        let problem = fixture
            .patch(&uri, &json!({"owner": owner}))
            .await
            .problem(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailboxs_own_limits_count_before_those_of_its_profile() {
    let fixture = Fixture::new().await;
    let profile = json!({
        "name": "Corp", "incoming": {"protocol": "imap", "host": "imap.example.com"}, "outgoing": {"host": "smtp.example.com"},
        "limits": {"max_connections": 5, "poll_minutes": 30}, "fetch_since": "2026-01-01T00:00:00Z",
    });
    let profile = fixture
        .post("/v1/server-profiles", &profile)
        .await
        .expect(201);
    assert_eq!(profile["fetch_since"], "2026-01-01T00:00:00.000Z");
    let own = json!({"max_connections": 2});
    let body = json!({"address": "ann@corp.example", "password": "secret", "server_profile_id": profile["id"], "limits": own});
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["limits"]["max_connections"], 2);
    assert_eq!(mailbox["limits"]["poll_minutes"], Value::Null);
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let plan = fixture.get(&format!("{uri}/plan")).await.expect(200);
    assert_eq!(
        (
            &plan["allowed"]["connections"],
            &plan["allowed"]["poll_minutes"]
        ),
        (&json!(2), &json!(30))
    );
    let changed = fixture
        .patch(&uri, &json!({"limits": {}}))
        .await
        .expect(200);
    assert_eq!(changed["limits"]["max_connections"], Value::Null);
    let plan = fixture.get(&format!("{uri}/plan")).await.expect(200);
    assert_eq!(plan["allowed"]["connections"], 5);
    let problem = fixture
        .patch(&uri, &json!({"limits": {"poll_minutes": 0}}))
        .await
        .problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/limits/poll_minutes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_mailbox_fetches_from_the_day_of_its_profile_unless_it_names_one() {
    let fixture = Fixture::new().await;
    let profile = json!({
        "name": "Corp", "incoming": {"protocol": "imap", "host": "imap.example.com"}, "domains": ["corp.example"],
        "fetch_since": "2026-01-01T00:00:00Z",
    });
    let profile = fixture
        .post("/v1/server-profiles", &profile)
        .await
        .expect(201);
    let mut since = Vec::new();
    for (n, said) in [
        json!({}),
        json!({"fetch_since": null}),
        json!({"fetch_since": "2025-06-01"}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = json!({"address": format!("a{n}@corp.example"), "password": "secret"});
        body.as_object_mut()
            .unwrap()
            .extend(said.as_object().unwrap().clone());
        let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
        assert_eq!(mailbox["server_profile_id"], profile["id"]);
        since.push(mailbox["fetch_since"].clone());
    }
    assert_eq!(
        since,
        [
            json!("2026-01-01T00:00:00.000Z"),
            Value::Null,
            json!("2025-06-01T00:00:00.000Z")
        ]
    );
    let uri = format!("/v1/server-profiles/{}", profile["id"].as_str().unwrap());
    let open = fixture.patch(&uri, &json!({"fetch_since": null})).await;
    assert_eq!(open.expect(200)["fetch_since"], Value::Null);
}
