//! Adding, testing, changing and removing mailboxes.

use crate::common::{Broken, Fixture};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

fn ann() -> Value {
    json!({
        "address": "ann@example.com",
        "incoming": {"protocol": "imap", "host": "imap.example.com", "port": 993, "security": "tls"},
        "outgoing": {"host": "smtp.example.com", "port": 465, "security": "tls", "password": "other"},
        "password": "hunter2", "enable": true,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_works_is_enabled_at_once_and_never_shows_its_password() {
    let fixture = Fixture::new().await;
    let answer = fixture.post("/v1/mailboxes", &ann()).await;
    let mailbox = answer.expect(201);
    assert_eq!(mailbox["lifecycle"], "enabled");
    assert_eq!(mailbox["receiving"], "works");
    assert_eq!(mailbox["incoming"]["username"], "ann@example.com");
    let uri = answer.header("location").to_owned();
    assert_eq!(fixture.get(&uri).await.expect(200)["id"], mailbox["id"]);
    let report = format!(
        "/v1/connection-tests/{}",
        mailbox["last_report_id"].as_str().unwrap()
    );
    assert_eq!(fixture.get(&report).await.expect(200)["verdict"], "works");
    let seen = fixture.reporter.seen.lock().unwrap().clone();
    assert_eq!(seen, [(Some("hunter2".into()), Some("other".into()))]);
    for uri in [
        uri.as_str(),
        "/v1/mailboxes",
        "/v1/events",
        "/v1/audit",
        report.as_str(),
    ] {
        let text = fixture.get(uri).await.text();
        assert!(!text.contains("hunter2"), "{uri}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_fails_its_test_stays_as_a_draft_with_its_report() {
    let fixture = Fixture::new().await;
    *fixture.reporter.broken.lock().unwrap() = Broken::Receiving;
    let mailbox = fixture.post("/v1/mailboxes", &ann()).await.expect(201);
    assert_eq!(mailbox["lifecycle"], "draft");
    assert_eq!(mailbox["receiving"], "fails");
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let refused = fixture
        .post(&format!("{uri}/enable"), &json!({}))
        .await
        .problem(409);
    assert_eq!(refused["code"], "password_refused");
    assert!(refused["report_id"].as_str().unwrap().starts_with("rep_"));
    *fixture.reporter.broken.lock().unwrap() = Broken::Nothing;
    let enabled = fixture
        .post(&format!("{uri}/enable"), &json!({}))
        .await
        .expect(200);
    assert_eq!(enabled["lifecycle"], "enabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_sending_fails_receiving_is_enabled_all_the_same() {
    let fixture = Fixture::new().await;
    *fixture.reporter.broken.lock().unwrap() = Broken::Sending;
    let mailbox = fixture.post("/v1/mailboxes", &ann()).await.expect(201);
    assert_eq!(mailbox["lifecycle"], "enabled");
    assert_eq!(
        (&mailbox["receiving"], &mailbox["sending"]),
        (&json!("works"), &json!("fails"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_side_alone_is_enough_and_none_is_not() {
    let fixture = Fixture::new().await;
    let mut receive_only = ann();
    receive_only["outgoing"] = Value::Null;
    let mailbox = fixture
        .post("/v1/mailboxes", &receive_only)
        .await
        .expect(201);
    assert_eq!(
        (&mailbox["outgoing"], &mailbox["sending"]),
        (&Value::Null, &json!("untested"))
    );
    assert_eq!(mailbox["lifecycle"], "enabled");
    let mut send_only = ann();
    send_only["incoming"] = Value::Null;
    let mailbox = fixture.post("/v1/mailboxes", &send_only).await.expect(201);
    assert_eq!(
        (&mailbox["incoming"], &mailbox["lifecycle"]),
        (&Value::Null, &json!("enabled"))
    );
    let neither = json!({"address": "ann@example.com", "password": "x"});
    fixture.post("/v1/mailboxes", &neither).await.problem(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_in_the_settings_is_pointed_to() {
    let fixture = Fixture::new().await;
    let cases = [
        ("/address", json!("no address")),
        ("/incoming/host", json!("")),
        ("/incoming/host", json!("https://imap.example.com")),
        ("/incoming/host", json!("ann@example.com")),
        ("/incoming/host", json!("imap.example.com:imap")),
        ("/incoming/port", json!(443)),
        ("/incoming/port", json!(1993)),
        ("/incoming/login_format", json!("nickname")),
        ("/incoming/port", json!(0)),
        ("/incoming/port", json!(65_536)),
        ("/incoming/port", json!("many")),
        ("/incoming/security", json!("maybe")),
        ("/incoming/security", json!("none")),
        ("/outgoing/certificate_sha256", json!("abc")),
        ("/outgoing/auth", json!("magic")),
        ("/kind", json!("nonsense")),
        ("/fetch_since", json!("yesterday")),
        ("/pop3_delete_after_days", json!(-1)),
        ("/pop3_delete_after_days", json!(3_651)),
        // IMAP mailboxes have no such thing.
        ("/pop3_delete_after_days", json!(0)),
        ("/monitored_folders/0", json!("")),
        ("/password", json!("a\r\nb")),
        ("/surprise", json!(1)),
        ("/incoming/surprise", json!(1)),
    ];
    for (pointer, value) in cases {
        let mut body = ann();
        body["monitored_folders"] = json!(["INBOX"]);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match (body.pointer_mut(parent).unwrap(), name) {
            (Value::Array(list), _) => list[0] = value.clone(),
            (parent, name) => parent[name] = value.clone(),
        }
        let problem = fixture.post("/v1/mailboxes", &body).await.problem(422);
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{value}: {problem}"
        );
    }
    assert!(fixture.reporter.seen.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_by_pop3_is_off_until_somebody_says_so_and_ends_with_pop3() {
    let fixture = Fixture::new().await;
    let mut body = ann();
    body["incoming"]["protocol"] = json!("pop3");
    body["incoming"]["port"] = json!(995);
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["pop3_delete_after_days"], Value::Null);
    let path = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let days = |days: Value| json!({"pop3_delete_after_days": days});
    for wanted in [json!(14), json!(0), Value::Null, json!(30)] {
        let changed = fixture
            .patch(&path, &days(wanted.clone()))
            .await
            .expect(200);
        assert_eq!(changed["pop3_delete_after_days"], wanted);
    }
    // A test takes the body of a new mailbox as it is.
    body["pop3_delete_after_days"] = json!(30);
    let test = fixture.post("/v1/connection-tests", &body).await;
    test.expect(201);
    let imap = json!({"incoming": {"protocol": "imap", "port": 993}});
    let changed = fixture.patch(&path, &imap).await.expect(200);
    assert_eq!(changed["pop3_delete_after_days"], Value::Null);
    let problem = fixture.patch(&path, &days(json!(30))).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/pop3_delete_after_days");
    let pop3 = json!({"incoming": {"protocol": "pop3", "port": 995}});
    let changed = fixture.patch(&path, &pop3).await.expect(200);
    assert_eq!(changed["pop3_delete_after_days"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_may_be_read_only_from_the_start_and_be_changed_later() {
    let fixture = Fixture::new().await;
    let mut body = ann();
    body["read_only"] = json!(true);
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["read_only"], true);
    let path = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    for wanted in [false, true] {
        let change = json!({"read_only": wanted});
        let changed = fixture.patch(&path, &change).await.expect(200);
        assert_eq!(changed["read_only"], wanted);
    }
    let other = json!({"name": "Anna"});
    let changed = fixture.patch(&path, &other).await.expect(200);
    assert_eq!(changed["read_only"], true, "what is left out stays");
    // A test of it changes nothing there, and a test of settings takes the body of a new mailbox as it is.
    fixture
        .post(&format!("{path}/test"), &json!({}))
        .await
        .expect(200);
    fixture
        .post("/v1/connection-tests", &body)
        .await
        .expect(201);
    let told = fixture.reporter.read_only.lock().unwrap();
    assert!(told.len() == 3 && told.iter().all(|read_only| *read_only));
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_goes_to_this_machine_or_where_it_was_allowed() {
    let fixture = Fixture::new().await;
    let with = |host: &str, allow: bool| {
        let mut body = ann();
        body["incoming"] =
            json!({"host": host, "port": 143, "security": "none", "allow_plaintext": allow});
        body["outgoing"] = Value::Null;
        body
    };
    fixture
        .post("/v1/mailboxes", &with("mail.example.com", false))
        .await
        .problem(422);
    fixture
        .post("/v1/mailboxes", &with("mail.example.com", true))
        .await
        .expect(201);
    fixture
        .post("/v1/mailboxes", &with("127.0.0.1", false))
        .await
        .expect(201);
    fixture
        .post("/v1/mailboxes", &with("localhost", false))
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_follows_from_what_is_there() {
    let fixture = Fixture::new().await;
    let body = json!({"address": "ann@example.com", "password": "x",
        "incoming": {"host": "a", "port": 143}, "outgoing": {"host": "b", "security": "starttls"}});
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["lifecycle"], "draft");
    assert_eq!(
        (
            &mailbox["incoming"]["security"],
            &mailbox["incoming"]["protocol"]
        ),
        (&json!("starttls"), &json!("imap"))
    );
    assert_eq!(mailbox["outgoing"]["port"], 587);
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let changed = fixture
        .patch(&uri, &json!({"incoming": {"security": "tls"}}))
        .await
        .expect(200);
    assert_eq!(
        (&changed["incoming"]["port"], &changed["incoming"]["host"]),
        (&json!(993), &json!("a"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_with_an_old_etag_is_refused() {
    let fixture = Fixture::new().await;
    let mailbox = fixture.post("/v1/mailboxes", &ann()).await.expect(201);
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let etag = fixture.get(&uri).await.header("etag").to_owned();
    let patch = |tag: &str, name: &str| {
        Request::patch(&uri)
            .header("authorization", format!("Bearer {}", fixture.token))
            .header("content-type", "application/json")
            .header("if-match", tag)
            .body(Body::from(json!({"name": name}).to_string()))
            .unwrap()
    };
    let changed = fixture.send(patch(&etag, "First")).await;
    assert_eq!(changed.expect(200)["name"], "First");
    assert_ne!(changed.header("etag"), etag);
    let refused = fixture.send(patch(&etag, "Second")).await.problem(412);
    assert_eq!(refused["code"], "precondition_failed");
    assert_eq!(fixture.get(&uri).await.expect(200)["name"], "First");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_password_does_not_go_to_a_new_host_by_itself() {
    let fixture = Fixture::new().await;
    let mailbox = fixture.post("/v1/mailboxes", &ann()).await.expect(201);
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let moved = json!({"incoming": {"host": "evil.example.com"}});
    let refused = fixture.patch(&uri, &moved).await.problem(422);
    assert_eq!(refused["errors"][0]["pointer"], "/incoming/password");
    let test = json!({"mailbox_id": mailbox["id"], "incoming": {"host": "evil.example.com"}});
    fixture
        .post("/v1/connection-tests", &test)
        .await
        .problem(422);
    let with = json!({"incoming": {"host": "new.example.com", "password": "again"}});
    let changed = fixture.patch(&uri, &with).await.expect(200);
    assert_eq!(changed["receiving"], "untested");
    // Nor does one that was never proven: whoever changes the host may not be the one who knows it.
    fixture
        .patch(&uri, &json!({"incoming": {"host": "newer.example.com"}}))
        .await
        .problem(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_weaker_road_needs_the_password_again_and_no_other() {
    let fixture = Fixture::new().await;
    let mailbox = fixture.post("/v1/mailboxes", &ann()).await.expect(201);
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let pin = "ab".repeat(32);
    let plain = json!({"port": 143, "security": "none", "allow_plaintext": true});
    let weaker = [
        json!({"host": "imap.example.org"}),
        plain.clone(),
        json!({"certificate_sha256": pin}),
    ];
    let tests = "/v1/connection-tests";
    for side in &weaker {
        let change = json!({ "incoming": side });
        let refused = fixture.patch(&uri, &change).await.problem(422);
        assert_eq!(refused["errors"][0]["pointer"], "/incoming/password");
        let test = json!({"mailbox_id": mailbox["id"], "incoming": side});
        fixture.post(tests, &test).await.problem(422);
    }
    let same =
        json!({"incoming": {"host": "IMAP.example.com", "port": 143, "security": "starttls"}});
    fixture.patch(&uri, &same).await.expect(200);
    // The password given again opens the way; without encryption another port is another server.
    let mut given = plain.clone();
    given["password"] = json!("hunter2");
    let plain = json!({ "incoming": given });
    fixture.patch(&uri, &plain).await.expect(200);
    let port = json!({"incoming": {"port": 144, "allow_plaintext": true}});
    fixture.patch(&uri, &port).await.problem(422);
    let pinned = json!({"incoming": {"port": 993, "security": "tls", "certificate_sha256": pin, "password": "hunter2"}});
    fixture.patch(&uri, &pinned).await.expect(200);
    let unpinned = json!({"incoming": {"certificate_sha256": null}});
    fixture.patch(&uri, &unpinned).await.problem(422);
    // No way round by a step without a sign-in, which needs no password: it leaves none behind.
    let open = json!({"outgoing": {"host": "evil.example.com", "auth": "none"}});
    fixture.patch(&uri, &open).await.expect(200);
    let asks = json!({"outgoing": {"auth": "password"}});
    fixture.patch(&uri, &asks).await.expect(200);
    let stored = store::mailboxes::credentials(&fixture.store, mailbox["id"].as_str().unwrap());
    let stored = stored.await.unwrap();
    assert!(stored.outgoing.is_none() && stored.incoming.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_change_while_others_are_tested_are_not_enabled_by_that_test() {
    let fixture = Fixture::new().await;
    let mut draft = ann();
    draft["enable"] = json!(false);
    let mailbox = fixture.post("/v1/mailboxes", &draft).await.expect(201);
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    *fixture.reporter.gate.lock().unwrap() = Some(gate.clone());
    let nothing = json!({});
    let enable_uri = format!("{uri}/enable");
    let enable = fixture.post(&enable_uri, &nothing);
    let meanwhile = async {
        while fixture.reporter.seen.lock().unwrap().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let other = json!({"incoming": {"host": "other.example.com", "password": "other"}});
        fixture.patch(&uri, &other).await.expect(200);
        gate.add_permits(1);
    };
    let (refused, ()) = tokio::join!(enable, meanwhile);
    let refused = refused.problem(409);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("while they were tested"),
        "{refused}"
    );
    let now = fixture.get(&uri).await.expect(200);
    assert_eq!(
        (&now["lifecycle"], &now["receiving"]),
        (&json!("draft"), &json!("untested"))
    );
    assert!(now["last_report_id"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_is_paused_resumed_disabled_and_removed() {
    let fixture = Fixture::new().await;
    let mailbox = fixture.post("/v1/mailboxes", &ann()).await.expect(201);
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    for (verb, lifecycle) in [
        ("pause", "paused"),
        ("resume", "enabled"),
        ("disable", "disabled"),
    ] {
        let now = fixture
            .post(&format!("{uri}/{verb}"), &json!({}))
            .await
            .expect(200);
        assert_eq!(now["lifecycle"], lifecycle, "{verb}");
    }
    fixture
        .post(&format!("{uri}/resume"), &json!({}))
        .await
        .problem(409);
    fixture
        .post(&format!("{uri}/try-again"), &json!({}))
        .await
        .expect(200);
    fixture
        .post(&format!("{uri}/resync"), &json!({}))
        .await
        .expect(200);
    assert_eq!(fixture.delete(&uri).await.status, 204);
    fixture.get(&uri).await.problem(404);
    fixture.delete(&uri).await.problem(404);
    let audit = fixture.get("/v1/audit").await.text();
    for action in [
        "mailbox.created",
        "mailbox.paused",
        "mailbox.disabled",
        "mailbox.removed",
    ] {
        assert!(audit.contains(action), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_a_test_stream_and_the_report_ends_them() {
    let fixture = Fixture::new().await;
    let mut body = ann();
    body["name"] = json!("Ann");
    let request = Request::post("/v1/connection-tests")
        .header("authorization", format!("Bearer {}", fixture.token))
        .header("content-type", "application/json")
        .header("accept", "text/event-stream")
        .body(Body::from(body.to_string()))
        .unwrap();
    let answer = fixture.send(request).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = answer.text();
    assert_eq!(text.matches("event: step\n").count(), 10);
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    assert!(last.starts_with("event: report\ndata: {"), "{last}");
    let list = fixture.get("/v1/connection-tests").await.expect(200);
    assert_eq!(list["data"][0]["trigger"], "wizard");
    assert_eq!(list["data"][0]["mailbox_id"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn mailboxes_come_in_pages() {
    let fixture = Fixture::new().await;
    for i in 0..5 {
        let mut body = ann();
        body["address"] = json!(format!("ann{i}@example.com"));
        fixture.post("/v1/mailboxes", &body).await.expect(201);
    }
    let (mut seen, mut uri) = (Vec::new(), "/v1/mailboxes?limit=2".to_owned());
    loop {
        let page = fixture.get(&uri).await.expect(200);
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| m["address"].clone()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => uri = format!("/v1/mailboxes?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    seen.dedup();
    assert_eq!(seen.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_listed_and_their_mode_and_role_change() {
    let fixture = Fixture::new().await;
    let filled = fixture.mailbox("ann@example.com").await;
    let uri = format!("/v1/mailboxes/{}/folders", filled.id);
    let list = fixture.get(&uri).await.expect(200);
    let paths: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["Archive", "INBOX", "Trash"]);
    let archive = format!("{uri}/{}", filled.folders["Archive"]);
    let changed = fixture
        .patch(&archive, &json!({"mode": "off", "role": null}))
        .await
        .expect(200);
    assert_eq!(
        (&changed["mode"], &changed["role"]),
        (&json!("off"), &Value::Null)
    );
    fixture
        .patch(&archive, &json!({"mode": "loud"}))
        .await
        .problem(422);
    let other = fixture.mailbox("bob@example.com").await;
    let foreign = format!(
        "/v1/mailboxes/{}/folders/{}",
        other.id, filled.folders["INBOX"]
    );
    fixture
        .patch(&foreign, &json!({"mode": "off"}))
        .await
        .problem(404);
    assert_eq!(
        fixture
            .get(&format!("/v1/mailboxes/{}/failures", filled.id))
            .await
            .expect(200)["data"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_is_asked_for_and_shown() {
    let fixture = Fixture::new().await;
    let mailbox = fixture.post("/v1/mailboxes", &ann()).await.expect(201);
    assert_eq!(mailbox["last_audit"], Value::Null);
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let none = fixture.get(&format!("{uri}/audit")).await.expect(200);
    assert_eq!(
        (&none["asked_at"], &none["last"], &none["folders"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
    let wish = json!({"repair": true});
    let asked = fixture.post(&format!("{uri}/audit"), &wish).await;
    assert!(asked.expect(202)["asked_at"].is_string());
    fixture
        .post(&format!("{uri}/pause"), &json!({}))
        .await
        .expect(200);
    fixture
        .post(&format!("{uri}/audit"), &wish)
        .await
        .problem(409);
    fixture
        .post(&format!("{uri}/audit"), &json!({"surprise": 1}))
        .await
        .problem(422);
    let nobody = "/v1/mailboxes/mbx_00000000000000000000000000/audit";
    fixture.post(nobody, &wish).await.problem(404);
}
