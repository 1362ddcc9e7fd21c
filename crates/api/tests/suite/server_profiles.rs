//! Server profiles: made once, used by many mailboxes, and their servers proven without anybody's password.

use crate::common::Fixture;
use axum::body::Body;
use axum::http::Request;
use model::access::Scope;
use serde_json::{Value, json};

fn corp() -> Value {
    json!({
        "name": "Corp", "incoming": {"host": "imaps://imap.corp.example"}, "outgoing": {"host": "smtp.corp.example"},
        "login_format": "local_part", "domains": ["@Corp.example"],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_of_the_domain_needs_an_address_and_a_password() {
    let fixture = Fixture::new().await;
    let made = fixture.post("/v1/server-profiles", &corp()).await;
    let profile = made.expect(201);
    assert_eq!(
        made.header("location"),
        format!("/v1/server-profiles/{}", profile["id"].as_str().unwrap())
    );
    assert_eq!(profile["type"], "other_imap_pop_smtp");
    assert_eq!(profile["domains"], json!(["corp.example"]));
    assert_eq!(profile["incoming"]["port"], 993);
    assert_eq!(profile["normalised"][0]["pointer"], "/incoming/host");

    let body = json!({"address": "ann@corp.example", "password": "secret", "enable": true});
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["server_profile_id"], profile["id"]);
    assert_eq!(mailbox["incoming"]["host"], "imap.corp.example");
    assert_eq!(mailbox["incoming"]["username"], "ann");
    assert_eq!(mailbox["lifecycle"], "enabled");
    let found = fixture
        .post("/v1/detect", &json!({"address": "bob@corp.example"}))
        .await
        .status;
    assert_eq!(found, 200);

    // By name, with a login of one's own, and for receiving alone.
    let body = json!({"address": "eve@elsewhere.example", "password": "secret", "server_profile_id": profile["id"],
        "incoming": {"username": "CORP\\eve"}, "outgoing": null});
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["incoming"]["username"], "CORP\\eve");
    assert_eq!(mailbox["outgoing"], Value::Null);
    let other = json!({"address": "eve@elsewhere.example", "server_profile_id": profile["id"],
        "incoming": {"host": "imap.elsewhere.example"}});
    let problem = fixture.post("/v1/mailboxes", &other).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/incoming/host");
    let unknown = json!({"address": "eve@elsewhere.example", "server_profile_id": "spr_1"});
    let problem = fixture.post("/v1/mailboxes", &unknown).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/server_profile_id");

    // In use: it stays, and says by whom.
    let uri = format!("/v1/server-profiles/{}", profile["id"].as_str().unwrap());
    let problem = fixture.delete(&uri).await.problem(409);
    assert_eq!(problem["code"], "in_use");
    assert_eq!(problem["mailboxes"].as_array().unwrap().len(), 2);
    assert_eq!(fixture.get(&uri).await.expect(200)["usage_count"], 2);

    // Whoever wants other servers takes the mailbox from the profile.
    let mailbox = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let moved = json!({"incoming": {"host": "imap.elsewhere.example", "password": "again"}});
    fixture.patch(&mailbox, &moved).await.problem(422);
    let mut freed = moved.clone();
    freed["server_profile_id"] = Value::Null;
    let freed = fixture.patch(&mailbox, &freed).await.expect(200);
    assert_eq!(freed["server_profile_id"], Value::Null);
    assert_eq!(freed["incoming"]["host"], "imap.elsewhere.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_host_takes_its_mailboxes_along_but_not_their_passwords() {
    let fixture = Fixture::new().await;
    let profile = fixture
        .post("/v1/server-profiles", &corp())
        .await
        .expect(201);
    let uri = format!("/v1/server-profiles/{}", profile["id"].as_str().unwrap());
    let body = json!({"address": "ann@corp.example", "password": "secret", "enable": true});
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    let mailbox = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());

    let moved = json!({"incoming": {"host": "imap.new.example"}});
    let changed = fixture.patch(&uri, &moved).await.expect(200);
    assert_eq!(changed["incoming"]["host"], "imap.new.example");
    let after = fixture.get(&mailbox).await.expect(200);
    assert_eq!(
        (&after["incoming"]["host"], &after["receiving"]),
        (&json!("imap.new.example"), &json!("untested"))
    );
    assert_eq!(after["missing"][0]["id"], "password");
    fixture.reporter.seen.lock().unwrap().clear();
    fixture
        .post(&format!("{mailbox}/test"), &json!({}))
        .await
        .expect(200);
    assert_eq!(
        *fixture.reporter.seen.lock().unwrap(),
        [(None, Some("secret".to_owned()))]
    );

    // To let passwords go along is for those who may do everything.
    let keep = json!({"outgoing": {"host": "smtp.new.example"}, "keep_credentials": true});
    let manager = fixture.token(&[Scope::Manage, Scope::Read], &[]).await;
    fixture
        .with(&manager, "PATCH", &uri, Some(&keep))
        .await
        .problem(403);
    fixture.patch(&uri, &keep).await.expect(200);
    fixture.reporter.seen.lock().unwrap().clear();
    fixture
        .post(&format!("{mailbox}/test"), &json!({}))
        .await
        .expect(200);
    assert_eq!(
        *fixture.reporter.seen.lock().unwrap(),
        [(None, Some("secret".to_owned()))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_have_etags_a_default_and_one_owner_for_each_domain() {
    let fixture = Fixture::new().await;
    let mut body = corp();
    body["is_default"] = json!(true);
    let profile = fixture.post("/v1/server-profiles", &body).await.expect(201);
    let uri = format!("/v1/server-profiles/{}", profile["id"].as_str().unwrap());
    fixture
        .post("/v1/server-profiles", &corp())
        .await
        .problem(409);

    let etag = fixture.get(&uri).await.header("etag").to_owned();
    let patch = |tag: &str, name: &str| {
        Request::patch(&uri)
            .header("authorization", format!("Bearer {}", fixture.token))
            .header("content-type", "application/json")
            .header("if-match", tag)
            .body(Body::from(json!({"name": name}).to_string()))
            .unwrap()
    };
    assert_eq!(
        fixture.send(patch(&etag, "First")).await.expect(200)["name"],
        "First"
    );
    fixture.send(patch(&etag, "Second")).await.problem(412);

    // What was found nowhere gets the default.
    let stranger = json!({"address": "ann@nowhere.example", "password": "secret"});
    let mailbox = fixture.post("/v1/mailboxes", &stranger).await.expect(201);
    assert_eq!(mailbox["server_profile_id"], profile["id"]);
    let page = fixture.get("/v1/server-profiles?limit=1").await.expect(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_in_a_profile_is_pointed_to() {
    let fixture = Fixture::new().await;
    let cases = [
        ("/name", json!(" ")),
        ("/type", json!("exchange")),
        ("/auth", json!("none")),
        ("/domains/0", json!("two words")),
        ("/limits/poll_minutes", json!(0)),
        ("/limits/surprise", json!(1)),
        ("/incoming/host", json!("https://mail.corp.example/owa")),
        ("/incoming/port", json!(995)),
        ("/incoming/username", json!("ann")),
        ("/outgoing/security", json!("none")),
        ("/login_format", json!("nickname")),
    ];
    for (pointer, value) in cases {
        let mut body = corp();
        body["limits"] = json!({});
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match (body.pointer_mut(parent).unwrap(), name) {
            (Value::Array(list), _) => list[0] = value.clone(),
            (parent, name) => parent[name] = value.clone(),
        }
        let problem = fixture
            .post("/v1/server-profiles", &body)
            .await
            .problem(422);
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{value}: {problem}"
        );
    }
    let nothing = json!({"name": "Nothing"});
    fixture
        .post("/v1/server-profiles", &nothing)
        .await
        .problem(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_tested_without_a_password_and_only_by_those_who_manage() {
    let fixture = Fixture::new().await;
    let profile = fixture
        .post("/v1/server-profiles", &corp())
        .await
        .expect(201);
    let uri = format!("/v1/server-profiles/{}", profile["id"].as_str().unwrap());
    let report = fixture
        .post(&format!("{uri}/test"), &json!({}))
        .await
        .expect(200);
    assert_eq!(report["trigger"], "profile");
    assert_eq!(*fixture.reporter.seen.lock().unwrap(), [(None, None)]);
    let reader = fixture.token(&[Scope::Read], &[]).await;
    fixture.with(&reader, "GET", &uri, None).await.expect(200);
    fixture
        .with(&reader, "POST", &format!("{uri}/test"), Some(&json!({})))
        .await
        .problem(403);
    fixture
        .with(&reader, "PATCH", &uri, Some(&json!({"name": "x"})))
        .await
        .problem(403);
    fixture
        .with(&reader, "DELETE", &uri, None)
        .await
        .problem(403);
    fixture.delete(&uri).await.expect(204);
    fixture.get(&uri).await.problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_the_profile_and_the_provider_allow() {
    let fixture = Fixture::new().await;
    let mut profile = corp();
    profile["limits"] =
        json!({"download_mb_per_day": 100, "messages_per_day": 5000, "max_connections": 1});
    fixture
        .post("/v1/server-profiles", &profile)
        .await
        .expect(201);
    let body =
        json!({"address": "ann@corp.example", "password": "secret", "size_limit": 25_000_000});
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["size_limit"], 25_000_000);
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let plan = fixture.get(&format!("{uri}/plan")).await.expect(200);
    assert_eq!(plan["allowed"]["bytes_down"], 100_000_000);
    assert_eq!(plan["allowed"]["messages"], 5000);
    assert_eq!(plan["used"]["bytes_down"], 0);
    assert_eq!(
        (&plan["state"], &plan["ends_at"]),
        (&json!("none"), &Value::Null)
    );
    let changed = fixture.patch(&uri, &json!({"size_limit": null})).await;
    assert_eq!(changed.expect(200)["size_limit"], Value::Null);
    let refused = fixture
        .patch(&uri, &json!({"size_limit": 0}))
        .await
        .problem(422);
    assert_eq!(refused["errors"][0]["pointer"], "/size_limit");
    // Of a known provider the table says it.
    let body = json!({"address": "ann@gmail.com", "password": "abcdabcdabcdabcd", "incoming": {"host": "imap.gmail.com"}, "outgoing": null});
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    let uri = format!("/v1/mailboxes/{}/plan", mailbox["id"].as_str().unwrap());
    let plan = fixture.get(&uri).await.expect(200);
    assert_eq!(plan["allowed"]["bytes_down"], 2_500_000_000_i64);
    assert_eq!(plan["allowed"]["bytes_up"], 500_000_000);
}
