//! Settings as people type them: put right and told, or refused with the correction.

use crate::common::{Broken, Fixture};
use serde_json::{Value, json};

fn ann(incoming: Value, outgoing: Value) -> Value {
    json!({"address": "ann@example.com", "incoming": incoming, "outgoing": outgoing, "password": "hunter2"})
}

fn pointers(answer: &Value) -> Vec<&str> {
    let notes = answer["normalised"].as_array().unwrap();
    notes
        .iter()
        .map(|note| note["pointer"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_right_is_told_when_it_is_saved_changed_and_tested() {
    let fixture = Fixture::new().await;
    let body = ann(
        json!({"host": " imaps://IMAP.example.com:993/ "}),
        json!({"host": "ssl://smtp.example.com:587", "security": "tls"}),
    );
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(
        (&mailbox["incoming"]["host"], &mailbox["incoming"]["port"]),
        (&json!("imap.example.com"), &json!(993))
    );
    assert_eq!(
        (
            &mailbox["outgoing"]["port"],
            &mailbox["outgoing"]["security"]
        ),
        (&json!(587), &json!("starttls"))
    );
    assert_eq!(
        pointers(&mailbox),
        [
            "/incoming/host",
            "/incoming/port",
            "/outgoing/host",
            "/outgoing/port",
            "/outgoing/security"
        ]
    );
    assert_eq!(
        mailbox["normalised"][0]["was"],
        " imaps://IMAP.example.com:993/ "
    );
    assert!(!mailbox.to_string().contains("hunter2"));

    let tested = fixture
        .post("/v1/connection-tests", &body)
        .await
        .expect(201);
    assert_eq!(pointers(&tested).len(), 5);
    assert_eq!(tested["verdict"], "works");

    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    let change = json!({"incoming": {"host": "imap.example.com."}});
    let changed = fixture.patch(&uri, &change).await.expect(200);
    assert_eq!(pointers(&changed), ["/incoming/host"]);
    let kept = fixture.get(&uri).await.expect(200);
    assert!(kept.get("normalised").is_none(), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_comes_back_with_its_correction() {
    let fixture = Fixture::new().await;
    let good = || {
        (
            json!({"host": "imap.example.com"}),
            json!({"host": "smtp.example.com"}),
        )
    };
    let cases = [
        (
            json!({"host": "imap.example.com", "port": 995}),
            good().1,
            "/incoming/port",
            "use:993:tls",
        ),
        (
            json!({"host": "imap@example.com"}),
            good().1,
            "/incoming/host",
            "use_host:imap.example.com",
        ),
        (
            json!({"host": "ann@example.com"}),
            good().1,
            "/incoming/host",
            "detect",
        ),
        (
            json!({"host": "https://mail.example.com/owa"}),
            good().1,
            "/incoming/host",
            "detect",
        ),
        (
            good().0,
            json!({"host": "smtp.example.com", "port": 455}),
            "/outgoing/port",
            "use:465:tls",
        ),
        (
            good().0,
            json!({"host": "smtp.example.com", "port": 25}),
            "/outgoing/port",
            "use:587:starttls",
        ),
        (good().1, good().0, "/incoming/host", "swap_hosts"),
        (
            json!({"host": "imap.example.com", "port": 143, "security": "none"}),
            good().1,
            "/incoming/security",
            "use:143:starttls",
        ),
        (
            json!({"host": "imap.example.com", "port": 1993}),
            good().1,
            "/incoming/port",
            "allow_network",
        ),
    ];
    for (incoming, outgoing, pointer, action) in cases {
        let body = ann(incoming, outgoing);
        for uri in ["/v1/mailboxes", "/v1/connection-tests"] {
            let problem = fixture.post(uri, &body).await.problem(422);
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
            assert_eq!(problem["errors"][0]["action"], action, "{problem}");
            assert_eq!(problem["action"], action);
            assert_ne!(problem["remedy"], "");
        }
    }
    assert!(fixture.reporter.seen.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_that_a_server_accepts_is_saved_when_it_was_left_to_be_found() {
    let fixture = Fixture::new().await;
    *fixture.reporter.accepts.lock().unwrap() = Some("ann".to_owned());
    let mut body = ann(
        json!({"host": "imap.example.com", "login_format": "auto"}),
        json!({"host": "smtp.example.com"}),
    );
    *fixture.reporter.broken.lock().unwrap() = Broken::Receiving;
    body["enable"] = json!(true);
    let draft = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(draft["login_formats"]["incoming"], "auto");
    assert_eq!(draft["incoming"]["username"], "ann@example.com");

    *fixture.reporter.broken.lock().unwrap() = Broken::Nothing;
    let uri = format!("/v1/mailboxes/{}", draft["id"].as_str().unwrap());
    fixture
        .post(&format!("{uri}/test"), &json!({}))
        .await
        .expect(200);
    let found = fixture.get(&uri).await.expect(200);
    assert_eq!(found["incoming"]["username"], "ann");
    assert_eq!(
        found["login_formats"],
        json!({"incoming": "custom", "outgoing": "custom"})
    );
    assert_eq!(found["receiving"], "works");

    let local = ann(
        json!({"host": "imap.example.com", "login_format": "local_part"}),
        Value::Null,
    );
    let mailbox = fixture.post("/v1/mailboxes", &local).await.expect(201);
    assert_eq!(mailbox["incoming"]["username"], "ann");
    let custom = ann(
        json!({"host": "imap.example.com", "login_format": "custom"}),
        Value::Null,
    );
    let problem = fixture.post("/v1/mailboxes", &custom).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/incoming/username");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mailbox_lacks_is_one_list() {
    let fixture = Fixture::new().await;
    let mut body = ann(
        json!({"host": "imap.example.com"}),
        json!({"host": "smtp.example.com"}),
    );
    body.as_object_mut().unwrap().remove("password");
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    let lacks = |mailbox: &Value| -> Vec<String> {
        let list = mailbox["missing"].as_array().unwrap();
        list.iter()
            .map(|missing| missing["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        lacks(&mailbox),
        ["password", "test", "password", "test", "enabling"]
    );
    let uri = format!("/v1/mailboxes/{}", mailbox["id"].as_str().unwrap());
    fixture
        .patch(&uri, &json!({"password": "hunter2"}))
        .await
        .expect(200);
    let enabled = fixture
        .post(&format!("{uri}/enable"), &json!({}))
        .await
        .expect(200);
    assert_eq!(lacks(&enabled), Vec::<String>::new());
    let paused = fixture
        .post(&format!("{uri}/pause"), &json!({}))
        .await
        .expect(200);
    assert_eq!(paused["missing"][0]["text"], "paused by a person");
}

#[tokio::test(flavor = "multi_thread")]
async fn securities_and_ports_may_be_in_the_words_of_other_programs() {
    let fixture = Fixture::new().await;
    let body = json!({
        "address": "ann@example.com", "password": "secret", "enable": false,
        "incoming": {"host": "imap.example.com", "port": "993", "security": "SSL/TLS"},
        "outgoing": {"host": "smtp.example.com", "port": 587, "security": "STARTTLS"},
    });
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["incoming"]["security"], "tls");
    assert_eq!(mailbox["incoming"]["port"], 993);
    assert_eq!(mailbox["outgoing"]["security"], "starttls");
    let notes = mailbox["normalised"].as_array().unwrap();
    let told = |pointer: &str, was: &str| {
        let found = |note: &Value| note["pointer"] == pointer && note["was"] == was;
        assert!(notes.iter().any(found), "{pointer}: {notes:#?}");
    };
    told("/incoming/port", "\"993\"");
    told("/incoming/security", "SSL/TLS");
    told("/outgoing/security", "STARTTLS");
    for (field, value) in [
        ("port", json!("many")),
        ("port", json!(70000)),
        ("security", json!("maybe")),
    ] {
        let mut body = body.clone();
        body["incoming"][field] = value;
        let problem = fixture.post("/v1/mailboxes", &body).await.problem(422);
        assert_eq!(
            problem["errors"][0]["pointer"],
            format!("/incoming/{field}"),
            "{problem:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_test_message_goes_to_is_read_before_anything_is_tested() {
    let fixture = Fixture::new().await;
    let saved = json!({"address": "ann@example.com", "enable": false, "password": "hunter2",
        "incoming": {"host": "imap.example.com", "port": 993, "security": "tls"}, "outgoing": null});
    let mailbox = fixture.post("/v1/mailboxes", &saved).await.expect(201);
    let tested = || fixture.reporter.seen.lock().unwrap().len();
    let before = tested();
    for recipient in [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@@example.com",
        "ann@exam ple.com",
        "ann@example.com\r\nBcc: bob@example.com",
        "ann@example.com, bob@example.com",
        "ann@-.example",
    ] {
        let mut unsaved = saved.clone();
        unsaved["test_recipient"] = json!(recipient);
        let of_mailbox = json!({"mailbox_id": mailbox["id"], "test_recipient": recipient});
        for body in [unsaved, of_mailbox] {
            let problem = fixture
                .post("/v1/connection-tests", &body)
                .await
                .problem(422);
            assert_eq!(
                problem["errors"][0]["pointer"], "/test_recipient",
                "{problem}"
            );
        }
    }
    assert_eq!(tested(), before);
    for recipient in [
        "ann@example.com",
        "Ann <ann@example.com>",
        "ann@localhost",
        "ann@[192.0.2.1]",
    ] {
        let body = json!({"mailbox_id": mailbox["id"], "test_recipient": recipient});
        let report = fixture
            .post("/v1/connection-tests", &body)
            .await
            .expect(201);
        let put_right = usize::from(recipient.contains('<'));
        assert_eq!(
            report["normalised"].as_array().map(Vec::len),
            Some(put_right),
            "{report}"
        );
    }
    // Each test message was noted before it was sent.
    let given = fixture.reporter.test_messages.lock().unwrap().clone();
    assert_eq!(given.len(), 4);
    let noted = fixture.store.db.read(|tx| {
        tx.rows("SELECT internet_message_id FROM test_messages", &[])?
            .iter()
            .map(|row| row.get::<String>(0))
            .collect::<Result<Vec<_>, _>>()
    });
    let noted = noted.await.unwrap();
    assert!(noted.len() == 4 && given.iter().all(|id| noted.contains(id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_around_an_address_is_taken_off_and_told() {
    let fixture = Fixture::new().await;
    let mut body = ann(
        json!({"host": "imap.example.com"}),
        json!({"host": "smtp.example.com"}),
    );
    body["address"] = json!("Ann Example <mailto:ann@example.com>");
    let mailbox = fixture.post("/v1/mailboxes", &body).await.expect(201);
    assert_eq!(mailbox["address"], "ann@example.com");
    assert_eq!(mailbox["incoming"]["username"], "ann@example.com");
    assert_eq!(pointers(&mailbox), ["/address"]);
    let tested = fixture
        .post("/v1/connection-tests", &body)
        .await
        .expect(201);
    assert_eq!(pointers(&tested), ["/address"]);
    body["address"] = json!("Ann Example");
    fixture.post("/v1/mailboxes", &body).await.problem(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_host_does_not_hold_up_the_tests_of_others() {
    let fixture = Fixture::new().await;
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    *fixture.reporter.gate.lock().unwrap() = Some(gate.clone());
    let at = |host: &str| {
        json!({"address": "ann@example.com", "password": "hunter2", "outgoing": null,
            "incoming": {"host": host, "port": 993, "security": "tls"}})
    };
    let slow = at("slow.example.com");
    let waiting = (0..20).map(|_| fixture.post("/v1/connection-tests", &slow));
    let waiting = futures_util::future::join_all(waiting);
    let quick = async {
        // All places that the slow host gets are taken by now.
        while fixture.reporter.seen.lock().unwrap().len() < 4 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let other = at("quick.example.com");
        let answer = fixture.post("/v1/connection-tests", &other);
        let limit = std::time::Duration::from_secs(10);
        let answer = tokio::time::timeout(limit, answer).await;
        gate.add_permits(20);
        answer.expect("a place for another host").expect(201);
    };
    tokio::join!(waiting, quick);
}
