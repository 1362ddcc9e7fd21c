//! Connect: a mailbox is added, proven step by step, and kept even when it does not work yet.

use std::net::TcpListener;

use mail_sim::{ImapScript, ImapSim, SmtpScript, SmtpSim};
use serde_json::{Value, json};
use testkit::{
    Api, Generator, expired_oauth_token, oauth_token, receiving_user, sending_user, servers, user,
};

use crate::setting::{
    SOON, connect, postroom, settings, settings_by, simulated, text, wait_connection, with,
};

/// Settings with other ports and securities.
fn roads(body: Value, incoming: (u16, &str), outgoing: (u16, &str)) -> Value {
    let side = |(port, security): (u16, &str)| json!({"host": "localhost", "port": port, "security": security});
    with(
        body,
        json!({"incoming": side(incoming), "outgoing": side(outgoing)}),
    )
}

/// Makes a report of unsaved settings.
#[track_caller]
fn report(api: &Api, body: &Value) -> Value {
    let (status, report) = api.post("/v1/connection-tests", body);
    assert_eq!(status, 201, "{report:#}");
    assert_eq!(report["steps"].as_array().map(Vec::len), Some(10));
    report
}

/// Verdict, and code and problem of the first step that failed.
fn outcome(report: &Value) -> (&str, &str, &str) {
    let steps = report["steps"].as_array().expect("steps");
    let failed = steps.iter().find(|step| step["status"] == "fail");
    let field = |name: &str| failed.and_then(|step| step[name].as_str()).unwrap_or("");
    (text(report, "verdict"), field("code"), field("problem_id"))
}

#[test]
fn all_three_security_modes_are_enabled() {
    let user = user("three modes");
    user.seed("INBOX", Generator::new(1).take(2));
    let postroom = postroom();
    let s = servers();
    for (incoming, outgoing) in [
        ((s.imaps_port, "tls"), (s.submissions_port, "tls")),
        ((s.imap_port, "starttls"), (s.submission_port, "starttls")),
        (
            (s.imap_tls_required_port, "starttls"),
            (s.submission_port, "starttls"),
        ),
        ((s.imap_port, "none"), (s.submission_plain_port, "none")),
    ] {
        let id = connect(&postroom, roads(settings(&user), incoming, outgoing));
        let (_, mailbox) = postroom.get(&format!("/v1/mailboxes/{id}"));
        let wanted = match incoming.1 {
            "none" => "works_with_warnings",
            _ => "works",
        };
        assert_eq!(
            (&mailbox["receiving"], &mailbox["sending"]),
            (&json!(wanted), &json!(wanted))
        );
        crate::setting::wait_complete(&postroom, &id);
    }
}

#[test]
fn a_password_goes_by_the_best_way_that_the_server_offers() {
    let user = user("sasl");
    let postroom = postroom();
    let report = report(&postroom, &settings(&user));
    assert_eq!(outcome(&report), ("works", "", ""), "{report:#}");
    let login = text(&report["steps"][5], "did");
    assert!(login.contains("SCRAM-SHA-256"), "{login}");

    for (capabilities, extension, imap_word, smtp_word) in [
        (
            "IMAP4rev1 SASL-IR AUTH=PLAIN",
            "AUTH PLAIN",
            "AUTHENTICATE PLAIN",
            "AUTH PLAIN",
        ),
        ("IMAP4rev1", "AUTH LOGIN", "LOGIN ", "AUTH LOGIN"),
    ] {
        let imap = ImapSim::start(
            ImapScript::new()
                .capabilities(capabilities)
                .mail("INBOX", b"Subject: x\r\n\r\ny\r\n"),
        );
        let smtp = SmtpSim::start(SmtpScript::new().extensions(&[extension]));
        let outgoing = json!({"host": "127.0.0.1", "port": smtp.port(), "security": "none"});
        connect(
            &postroom,
            with(simulated(imap.port()), json!({"outgoing": outgoing})),
        );
        let said = |log: Vec<String>, word: &str| {
            assert!(
                log.iter().any(|line| line.contains(word)),
                "{word}: {log:#?}"
            );
        };
        said(imap.log(), imap_word);
        said(smtp.log(), smtp_word);
    }
}

#[test]
fn an_access_token_signs_in_on_both_sides_and_an_expired_one_is_named() {
    let user = user("oauth");
    let postroom = postroom();
    let s = servers();
    let body = |token: String| {
        let incoming =
            json!({"host": "localhost", "port": s.imaps_port, "security": "tls", "auth": "oauth2"});
        let outgoing = json!({"host": "localhost", "port": s.submissions_port, "security": "tls", "auth": "oauth2"});
        with(
            settings(&user),
            json!({"incoming": incoming, "outgoing": outgoing, "password": token}),
        )
    };
    connect(&postroom, body(oauth_token(&user.address)));
    let refused = report(&postroom, &body(expired_oauth_token(&user.address)));
    let (verdict, step, problem) = outcome(&refused);
    assert_eq!((verdict, step), ("fails", "login"), "{refused:#}");
    assert!(problem.contains("token"), "{problem}");
}

#[test]
fn each_mistake_has_its_verdict_step_and_problem() {
    let postroom = postroom();
    let s = servers();
    let user = user("verdicts");
    let good = settings(&user);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("an address").port()
    };
    let imap = |host: &str, port: u16, security: &str| {
        let side = json!({"host": host, "port": port, "security": security});
        with(good.clone(), json!({"incoming": side, "outgoing": null}))
    };
    let both = |incoming, outgoing| roads(good.clone(), incoming, outgoing);
    let cases = [
        ("all well", good.clone(), "works", "", ""),
        (
            "a wrong password",
            with(good.clone(), json!({"password": "wrong"})),
            "fails",
            "login",
            "password_refused",
        ),
        (
            "a closed port",
            imap("localhost", closed, "tls"),
            "fails",
            "tcp",
            "connection_refused",
        ),
        (
            "TLS on a STARTTLS port",
            both((s.imap_port, "tls"), (s.submission_port, "tls")),
            "fails",
            "tls",
            "tls_not_spoken",
        ),
        (
            "STARTTLS on a TLS port",
            both((s.imaps_port, "starttls"), (s.submissions_port, "starttls")),
            "fails",
            "tls",
            "port_security_mismatch",
        ),
        (
            "an unknown authority",
            imap("localhost", s.imaps_untrusted_port, "tls"),
            "fails",
            "tls",
            "certificate_untrusted",
        ),
        (
            "a certificate of another host",
            imap("localhost", s.imaps_wrong_name_port, "tls"),
            "fails",
            "tls",
            "certificate_name_mismatch",
        ),
        (
            "an old certificate",
            imap("localhost", s.imaps_expired_port, "tls"),
            "fails",
            "tls",
            "certificate_expired",
        ),
        (
            "a missing folder",
            with(
                good.clone(),
                json!({"monitored_folders": ["INBOX", "Missing"]}),
            ),
            "sends_only",
            "read",
            "folder_missing",
        ),
        (
            "only receiving works",
            settings(&receiving_user("receives")),
            "receives_only",
            "smtp",
            "password_refused",
        ),
        (
            "only sending works",
            settings(&sending_user("sends")),
            "sends_only",
            "login",
            "password_refused",
        ),
    ];
    for (name, body, verdict, step, problem) in cases {
        let report = report(&postroom, &body);
        assert_eq!(
            outcome(&report),
            (verdict, step, problem),
            "{name}: {report:#}"
        );
        if !step.is_empty() {
            let steps = report["steps"].as_array().expect("steps");
            let failed = steps
                .iter()
                .find(|step| step["status"] == "fail")
                .expect("a failed step");
            assert!(
                !text(&failed["remedy"], "text").is_empty() && !text(failed, "means").is_empty(),
                "{name}"
            );
        }
    }
    let unknown = report(&postroom, &imap("no-such-host.invalid", 993, "tls"));
    let (verdict, step, problem) = outcome(&unknown);
    // A machine without any name server cannot tell an unknown name from a silent name system.
    assert!(
        (verdict, step) == ("fails", "dns") && ["name_not_found", "dns_failed"].contains(&problem),
        "{unknown:#}"
    );
}

#[test]
fn the_steps_stream_as_they_begin_and_end() {
    let user = user("streamed");
    user.seed("INBOX", Generator::new(5).take(1));
    let postroom = postroom();
    let body = settings(&user).to_string();
    let mut stream = postroom.stream("POST", "/v1/connection-tests", &[], body.as_bytes());
    assert_eq!(stream.status, 200);
    let mut told: Vec<(u64, String)> = Vec::new();
    let report = loop {
        let event = stream.next(SOON).expect("the report comes");
        let value = event.json();
        match event.event.as_str() {
            "step" => told.push((
                value["n"].as_u64().expect("a number"),
                text(&value, "status").to_owned(),
            )),
            "report" => break value,
            other => panic!("{other}: {value:#}"),
        }
    };
    assert_eq!(report["verdict"], "works");
    for n in 1..=10 {
        let states: Vec<&str> = told
            .iter()
            .filter(|(number, _)| *number == n)
            .map(|(_, state)| state.as_str())
            .collect();
        match n {
            10 => assert_eq!(states.last(), Some(&"skip")),
            _ => assert_eq!(
                (states.first(), states.last()),
                (Some(&"running"), Some(&"pass")),
                "step {n}: {told:?}"
            ),
        }
    }
    let (status, kept) = postroom.get(&format!("/v1/connection-tests/{}", text(&report, "id")));
    // What was put right in the settings belongs to the request, and is not kept.
    let mut told = report.clone();
    told.as_object_mut().expect("a report").remove("normalised");
    assert_eq!((status, &kept), (200, &told));
}

#[test]
fn what_does_not_work_is_kept_as_a_draft_with_its_report_and_can_be_mended() {
    let user = user("draft");
    let postroom = postroom();
    let wrong = with(
        settings(&user),
        json!({"enable": true, "password": "not the right one"}),
    );
    let (status, mailbox) = postroom.post("/v1/mailboxes", &wrong);
    assert_eq!((status, &mailbox["lifecycle"]), (201, &json!("draft")));
    assert_eq!(
        (&mailbox["receiving"], &mailbox["sending"]),
        (&json!("fails"), &json!("fails"))
    );
    let report = format!("/v1/connection-tests/{}", text(&mailbox, "last_report_id"));
    assert_eq!(
        outcome(&postroom.get(&report).1),
        ("fails", "login", "password_refused")
    );

    let path = format!("/v1/mailboxes/{}", text(&mailbox, "id"));
    let (status, problem) = postroom.post(&format!("{path}/enable"), &json!({}));
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("password_refused")),
        "{problem:#}"
    );
    let (status, changed) = postroom.patch(&path, &json!({"password": user.password}));
    assert_eq!(status, 200, "{changed:#}");
    let (status, enabled) = postroom.post(&format!("{path}/enable"), &json!({}));
    assert_eq!(
        (status, &enabled["lifecycle"]),
        (200, &json!("enabled")),
        "{enabled:#}"
    );
    wait_connection(&postroom, text(&mailbox, "id"), "live");
}

#[test]
fn a_mailbox_that_only_receives_is_enabled_and_says_so() {
    let postroom = postroom();
    let id = connect(&postroom, settings(&receiving_user("receives only")));
    let (_, mailbox) = postroom.get(&format!("/v1/mailboxes/{id}"));
    assert_eq!(
        (&mailbox["receiving"], &mailbox["sending"]),
        (&json!("works"), &json!("fails"))
    );
}

#[test]
fn a_refused_password_is_confirmed_once_then_held_until_it_is_changed() {
    let sim = ImapSim::start(ImapScript::new().mail("INBOX", b"Subject: x\r\n\r\ny\r\n"));
    let postroom = postroom();
    let id = connect(&postroom, simulated(sim.port()));
    wait_connection(&postroom, &id, "live");
    let before = sim.logins();
    let path = format!("/v1/mailboxes/{id}");
    assert_eq!(postroom.patch(&path, &json!({"password": "wrong"})).0, 200);
    let held = wait_connection(&postroom, &id, "held");
    assert_eq!(
        held["connection"]["problem_id"], "password_refused",
        "{held:#}"
    );
    assert_eq!(sim.logins() - before, 2, "{:#?}", sim.log());
    assert_eq!(
        postroom
            .patch(&path, &json!({"password": mail_sim::PASSWORD}))
            .0,
        200
    );
    wait_connection(&postroom, &id, "live");
    // One to work, and one for the report that says that it works again.
    testkit::wait_for(SOON, "the report of the recovery", || {
        let (_, now) = postroom.get(&path);
        (now["last_report_id"] != held["last_report_id"]).then_some(())
    });
    assert_eq!(sim.logins() - before, 4, "{:#?}", sim.log());
    let told: Vec<Value> = crate::setting::events(&postroom, "mailbox.held,mailbox.recovered");
    let types: Vec<&str> = told.iter().map(|event| text(event, "type")).collect();
    assert_eq!(types, ["mailbox.held", "mailbox.recovered"]);
}

#[test]
fn a_password_without_encryption_leaves_the_machine_only_where_allowed() {
    let user = user("plaintext");
    let postroom = postroom();
    let side = json!({"host": "mail.example.test", "port": 143, "security": "none"});
    let body = with(
        settings_by(&user, 143),
        json!({"incoming": side, "outgoing": null}),
    );
    let (status, problem) = postroom.post("/v1/mailboxes", &body);
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (422, &json!("/incoming/security"))
    );
}

#[test]
fn folders_and_their_uses_are_decided_before_the_mailbox_starts() {
    let user = user("folder roles");
    user.seed("INBOX", Generator::new(3).take(2));
    user.seed("Erledigt", Generator::new(4).take(3));
    let postroom = postroom();
    let seen = report(&postroom, &settings(&user));
    let of = |path: &str| {
        let folders = seen["folders"].as_array().expect("folders");
        folders
            .iter()
            .find(|folder| folder["path"] == path)
            .cloned()
    };
    let inbox = of("INBOX").expect("INBOX");
    assert_eq!(
        (&inbox["messages"], &inbox["stored"]),
        (&json!(2), &json!(true))
    );
    let done = of("Erledigt").expect("Erledigt");
    assert_eq!(
        (&done["messages"], &done["role"]),
        (&json!(3), &Value::Null)
    );

    let chosen = json!({"monitored_folders": ["INBOX", "Erledigt"], "folder_roles": {"Erledigt": "archive"}});
    let id = connect(&postroom, with(settings(&user), chosen));
    crate::setting::wait_complete(&postroom, &id);
    let (_, folders) = postroom.get(&format!("/v1/mailboxes/{id}/folders"));
    let roles: Vec<(&str, &str)> = folders["data"]
        .as_array()
        .expect("folders")
        .iter()
        .filter(|folder| folder["mode"] == "full")
        .map(|folder| (text(folder, "path"), text(folder, "role")))
        .collect();
    assert_eq!(roles.len(), 2, "{roles:?}");
    assert!(roles.contains(&("Erledigt", "archive")), "{roles:?}");
}

#[test]
fn a_stored_password_never_goes_to_another_server() {
    let user = user("stays home");
    let postroom = postroom();
    let thief = ImapSim::start(ImapScript::new().mail("INBOX", b"Subject: x\r\n\r\ny\r\n"));
    // Never proven: the settings of a draft are no invitation either.
    let (status, mailbox) = postroom.post("/v1/mailboxes", &settings(&user));
    assert_eq!(status, 201, "{mailbox:#}");
    let path = format!("/v1/mailboxes/{}", text(&mailbox, "id"));
    let elsewhere = json!({
        "host": "127.0.0.1", "port": thief.port(), "security": "none", "allow_plaintext": true, "username": user.address
    });
    let refused = |(status, problem): (u16, Value)| {
        assert_eq!(status, 422, "{problem:#}");
        assert_eq!(
            problem["errors"][0]["pointer"], "/incoming/password",
            "{problem:#}"
        );
    };
    refused(postroom.patch(&path, &json!({"incoming": elsewhere})));
    refused(postroom.patch(&path, &json!({"name": "x", "incoming": elsewhere})));
    refused(postroom.post(
        "/v1/connection-tests",
        &json!({"mailbox_id": mailbox["id"], "incoming": elsewhere}),
    ));
    // A side that is taken away leaves no password for the next one.
    let (status, changed) = postroom.patch(&path, &json!({"incoming": null}));
    assert_eq!(status, 200, "{changed:#}");
    let (status, changed) = postroom.patch(&path, &json!({"incoming": elsewhere}));
    assert_eq!(status, 200, "{changed:#}");
    postroom.post(&format!("{path}/test"), &json!({}));
    assert_eq!(thief.logins(), 0);
    // With a password given along, it is the caller's own choice.
    let own = with(
        json!({"incoming": elsewhere}),
        json!({"incoming": {"password": "another"}}),
    );
    let (status, changed) = postroom.patch(&path, &own);
    assert_eq!(status, 200, "{changed:#}");
    postroom.post(&format!("{path}/test"), &json!({}));
    assert_eq!(thief.logins(), 1);
}
