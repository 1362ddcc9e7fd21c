//! Operate: doors for machines, tokens, secrets, one server per data directory, the console, a clean stop.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_sim::HookSim;
use serde_json::{Value, json};
use testkit::{Api, Generator, Postroom, deliver, servers, user, wait_for};

use crate::setting::{
    SOON, all, connect, connect_whole, launch, mail, postroom, settings, text, wait_complete,
    wait_count,
};

/// The same server without a token.
fn nobody(postroom: &Postroom) -> Api {
    Api {
        port: postroom.port,
        token: None,
    }
}

/// A token with these scopes, for these mailboxes.
#[track_caller]
fn token(postroom: &Postroom, scopes: &[&str], mailboxes: &[&str]) -> (Api, String) {
    let (status, made) = postroom.post(
        "/v1/tokens",
        &json!({"name": "t", "scopes": scopes, "mailbox_ids": mailboxes}),
    );
    assert_eq!(status, 201, "{made:#}");
    let api = Api {
        port: postroom.port,
        token: Some(text(&made, "token").to_owned()),
    };
    (api, text(&made, "id").to_owned())
}

/// Every operation of the description: method, path with ids that name nothing, whether a token is needed.
fn operations(postroom: &Postroom) -> Vec<(String, String, bool)> {
    let (status, document) = nobody(postroom).get("/openapi.json");
    assert_eq!((status, document["openapi"].as_str()), (200, Some("3.1.0")));
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            if !["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                continue;
            }
            let security = operation["security"].as_array();
            let open = security.is_some_and(|list| {
                list.iter()
                    .any(|one| one.as_object().is_some_and(|one| one.is_empty()))
            });
            let mut at = path.clone();
            while let (Some(from), Some(to)) = (at.find('{'), at.find('}')) {
                at.replace_range(from..=to, "msg_01m7y4kpg3fkx095ma54sfdd5h");
            }
            found.push((method.to_uppercase(), at, !open));
        }
    }
    found
}

#[test]
fn the_description_is_whole_and_nothing_in_it_answers_without_a_token() {
    let postroom = postroom();
    let operations = operations(&postroom);
    assert!(operations.len() > 40, "{operations:#?}");
    let open: Vec<&str> = operations
        .iter()
        .filter(|(.., closed)| !closed)
        .map(|(_, path, _)| path.as_str())
        .collect();
    assert_eq!(
        open,
        [
            "/healthz",
            "/metrics",
            "/openapi.json",
            "/readyz",
            "/v1/problems",
            "/v1/problems/msg_01m7y4kpg3fkx095ma54sfdd5h",
            "/v1/session",
            "/v1/setup",
            "/v1/setup"
        ]
    );
    let forged = Api {
        port: postroom.port,
        token: Some("prm_0000000000000000000000000000000000000000000".into()),
    };
    for api in [nobody(&postroom), forged] {
        for (method, path, closed) in &operations {
            if *closed {
                let answer = api.send(method, path, &[("content-type", "application/json")], b"{}");
                assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text());
                assert_eq!(
                    answer.header("content-type"),
                    Some("application/problem+json"),
                    "{method} {path}"
                );
            }
        }
    }
}

#[test]
fn machines_that_watch_get_short_answers() {
    let user = user("watched");
    let postroom = postroom();
    connect_whole(&postroom, &user);
    deliver(&user, &mail("counted", "x"));
    wait_count(&postroom, "/v1/messages", 1);
    let api = nobody(&postroom);
    assert_eq!(api.send("GET", "/healthz", &[], b"").status, 200);
    assert_eq!(api.send("GET", "/readyz", &[], b"").status, 200);
    let page = api.send("GET", "/metrics", &[], b"").text();
    for wanted in [
        "postroom_mailboxes{connection=\"live\"} 1",
        "postroom_messages_stored_total{origin=\"live\"} 1",
        "postroom_build_info{version=",
        "postroom_ingest_bytes_total",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert!(!page.contains('@'), "no address is a label: {page}");
    // One ill mailbox does not make the server ill.
    let mut ill = settings(&user);
    ill["incoming"]["port"] = json!(1);
    let (_, mailbox) = postroom.post("/v1/mailboxes", &ill);
    postroom.post(
        &format!("/v1/mailboxes/{}/enable?test=false", text(&mailbox, "id")),
        &json!({}),
    );
    crate::setting::wait_connection(&postroom, text(&mailbox, "id"), "waiting");
    assert_eq!(api.send("GET", "/readyz", &[], b"").status, 200);
}

#[test]
fn a_revoked_token_is_refused_within_a_second() {
    let postroom = postroom();
    let (api, id) = token(&postroom, &["read"], &[]);
    assert_eq!(api.get("/v1/messages").0, 200);
    assert_eq!(
        api.post("/v1/webhooks", &json!({"url": "https://example.com/"}))
            .0,
        403
    );
    let mut stream = api.events("/v1/events", "");
    let since = Instant::now();
    assert_eq!(postroom.delete(&format!("/v1/tokens/{id}")).0, 204);
    wait_for(Duration::from_secs(1), "the token is refused", || {
        (api.get("/v1/messages").0 == 401).then_some(())
    });
    while stream.next(SOON).is_some() {}
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "the stream ends: {:?}",
        since.elapsed()
    );
    // Beside the running server, by the command.
    let (api, id) = token(&postroom, &["read"], &[]);
    assert_eq!(api.get("/v1/messages").0, 200);
    let revoked = postroom.run(&["token", "revoke", &id, "--yes"]);
    assert!(revoked.status.success(), "{revoked:?}");
    wait_for(Duration::from_secs(1), "the token is refused", || {
        (api.get("/v1/messages").0 == 401).then_some(())
    });
}

#[test]
fn a_token_for_one_mailbox_sees_nothing_of_another() {
    let (ann, bob) = (user("ann"), user("bob"));
    ann.seed("INBOX", Generator::new(50).take(3));
    bob.seed("INBOX", Generator::new(51).take(3));
    let postroom = postroom();
    let (at_ann, at_bob) = (
        connect_whole(&postroom, &ann),
        connect_whole(&postroom, &bob),
    );
    let (api, _) = token(&postroom, &["all"], &[&at_ann]);
    let foreign = all(&postroom, &format!("/v1/messages?mailbox_id={at_bob}"));
    let message = text(&foreign[0], "id");
    let thread = text(&foreign[0], "thread_id");
    let folder = text(&foreign[0]["folders"][0], "folder_id").to_owned();
    let body = json!({"mailbox_id": at_bob, "to": [{"address": "x@example.test"}], "subject": "s", "text": "t"});
    let (_, submission) = postroom.post("/v1/submissions", &body);
    let submission = text(&submission, "id");
    let report = postroom.get(&format!("/v1/mailboxes/{at_bob}")).1;
    let report = text(&report, "last_report_id").to_owned();
    for path in [
        format!("/v1/mailboxes/{at_bob}"),
        format!("/v1/mailboxes/{at_bob}/folders"),
        format!("/v1/mailboxes/{at_bob}/failures"),
        format!("/v1/messages/{message}"),
        format!("/v1/messages/{message}/raw"),
        format!("/v1/messages/{message}/attachments/att_1"),
        format!("/v1/threads/{thread}"),
        format!("/v1/submissions/{submission}"),
        format!("/v1/connection-tests/{report}"),
    ] {
        let (status, problem) = api.get(&path);
        assert_eq!(status, 404, "{path}: {problem:#}");
        // The same words for what is foreign and what is not there.
        let absent = path.replace("_01", "_00");
        let (_, other) = api.get(&absent);
        assert_eq!(
            (&problem["code"], &problem["detail"]),
            (&other["code"], &other["detail"]),
            "{path}"
        );
    }
    assert_eq!(
        api.patch(
            &format!("/v1/messages/{message}"),
            &json!({"flags": {"seen": true}})
        )
        .0,
        404
    );
    assert_eq!(api.delete(&format!("/v1/messages/{message}")).0, 404);
    assert_eq!(api.delete(&format!("/v1/submissions/{submission}")).0, 404);
    assert_eq!(api.delete(&format!("/v1/mailboxes/{at_bob}")).0, 404);
    assert_eq!(
        api.patch(
            &format!("/v1/mailboxes/{at_bob}/folders/{folder}"),
            &json!({"mode": "off"})
        )
        .0,
        404
    );
    let (status, problem) = api.post("/v1/submissions", &body);
    assert!([404, 422].contains(&status), "{problem:#}");
    let own = all(&postroom, &format!("/v1/messages?mailbox_id={at_ann}"));
    let own_path = format!("/v1/messages/{}", text(&own[0], "id"));
    assert_eq!(api.get(&own_path).0, 200);
    let (status, problem) = api.patch(&own_path, &json!({"folder_id": folder}));
    assert!([404, 422].contains(&status), "{problem:#}");
    for path in [
        "/v1/messages",
        "/v1/threads",
        "/v1/submissions",
        "/v1/mailboxes",
        "/v1/events",
        "/v1/connection-tests",
    ] {
        let found = all(&api, path);
        assert!(!json!(found).to_string().contains(&at_bob), "{path}");
    }
    assert_eq!(
        all(&api, &format!("/v1/messages?mailbox_id={at_bob}")).len(),
        0
    );
    assert_eq!(
        all(&api, &format!("/v1/messages?folder_id={folder}")).len(),
        0
    );
    assert_eq!(
        all(&api, &format!("/v1/messages?thread_id={thread}")).len(),
        0
    );
    for path in ["/v1/tokens", "/v1/webhooks", "/v1/audit"] {
        assert_eq!(api.get(path).0, 403, "{path}");
    }
}

/// All bytes of all files of a directory.
fn bytes_of(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(bytes_of(&path));
        } else {
            found.push((
                path.display().to_string(),
                std::fs::read(&path).unwrap_or_default(),
            ));
        }
    }
    found
}

#[test]
fn no_secret_is_found_in_the_data_the_log_or_an_answer() {
    let user = user("secrets");
    let hook = HookSim::start(&[]);
    let mut postroom = launch().env("POSTROOM_LOG_LEVEL", "trace").start();
    let mailbox = connect_whole(&postroom, &user);
    let key = [("idempotency-key", "one")];
    let (_, made) = postroom.send_json(
        "POST",
        "/v1/tokens",
        &key,
        &json!({"name": "t", "scopes": ["read"]}),
    );
    let api = Api {
        port: postroom.port,
        token: Some(text(&made, "token").to_owned()),
    };
    assert_eq!(api.get("/v1/messages").0, 200);
    let key = [("idempotency-key", "two")];
    let (_, webhook) =
        postroom.send_json("POST", "/v1/webhooks", &key, &json!({"url": hook.url()}));
    let setup = set_up(&postroom);
    let (status, session) = owner(&postroom, &setup);
    assert_eq!(status, 201);
    let cookie = session.header("set-cookie").unwrap_or_default().to_owned();
    let cookie = cookie
        .split(['=', ';'])
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    assert!(cookie.len() > 20, "{cookie}");
    // Work that uses the password on both sides, and a refused one in the log.
    let body = json!({"mailbox_id": mailbox, "to": [{"address": user.address}], "subject": "s", "text": "t"});
    let (_, submission) = postroom.post("/v1/submissions", &body);
    postroom.poll(
        &format!("/v1/submissions/{}", text(&submission, "id")),
        SOON,
        |_, v| (v["state"] == "accepted").then_some(()),
    );
    let wrong = "a-wrong-password-that-nobody-may-see";
    postroom.post(
        "/v1/connection-tests",
        &crate::setting::with(settings(&user), json!({"password": wrong})),
    );
    hook.wait(3, SOON);

    let mut answers = String::new();
    for path in [
        "/v1/mailboxes",
        "/v1/tokens",
        "/v1/webhooks",
        "/v1/events",
        "/v1/audit",
        "/v1/connection-tests",
        "/v1/submissions",
        "/v1/stats",
        "/metrics",
    ] {
        answers.push_str(&postroom.send("GET", path, &[], b"").text());
    }
    let output = postroom.output();
    let output = output
        .lines()
        .filter(|line| !line.starts_with("set up the console"))
        .collect::<Vec<_>>()
        .join("\n");
    let data = postroom.data_dir().to_owned();
    let own_token = postroom.token.clone().expect("a token");
    let key_file = std::fs::read(data.join("secret.key")).expect("the key");
    postroom.terminate();
    let files = bytes_of(&data);
    assert!(files.iter().any(|(name, _)| name.ends_with("postroom.db")));

    let password = &user.password;
    let plain = STANDARD.encode(format!("\0{}\0{password}", user.address));
    let secrets = [
        password.as_str(),
        &plain,
        &STANDARD.encode(password),
        wrong,
        text(&made, "token"),
        &own_token,
        text(&webhook, "secret"),
        text(&webhook, "secret").trim_start_matches("whsec_"),
        &setup,
        &cookie,
        OWNER_PASSWORD,
    ];
    let contains = |bytes: &[u8], secret: &str| {
        bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes())
    };
    for secret in secrets {
        assert!(secret.len() > 12, "{secret}");
        for (name, bytes) in &files {
            assert!(!contains(bytes, secret), "{secret} is in {name}");
        }
        assert!(
            !output.contains(secret),
            "{secret} is in the log:\n{}",
            output
                .lines()
                .find(|l| l.contains(secret))
                .unwrap_or_default()
        );
        assert!(!answers.contains(secret), "{secret} is in an answer");
    }
    // The key lies beside the data, never in it, and for its owner alone.
    let key_text = String::from_utf8_lossy(&key_file).trim().to_owned();
    for (name, bytes) in &files {
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(name).expect("a file").permissions(),
        );
        assert!(mode & 0o077 == 0, "{name}: {mode:o}");
        assert!(
            name.ends_with("secret.key") || !contains(bytes, &key_text),
            "the key is in {name}"
        );
    }
}

const OWNER_PASSWORD: &str = "correct horse battery staple";

/// The secret of the set-up link.
fn set_up(postroom: &Postroom) -> String {
    let output = postroom.output();
    let link = output
        .lines()
        .find(|line| line.contains("/setup#token="))
        .expect("a set-up link");
    link.rsplit("#token=")
        .next()
        .expect("a token")
        .trim()
        .to_owned()
}

/// Makes the first user.
fn owner(postroom: &Postroom, secret: &str) -> (u16, testkit::Response) {
    let body = json!({"token": secret, "name": "Ann", "email": "ann@example.test", "password": OWNER_PASSWORD});
    let answer = nobody(postroom).send(
        "POST",
        "/v1/setup",
        &[("content-type", "application/json")],
        body.to_string().as_bytes(),
    );
    (answer.status, answer)
}

#[test]
fn the_set_up_link_works_once_and_the_session_is_safe() {
    let postroom = postroom();
    let secret = set_up(&postroom);
    let api = nobody(&postroom);
    assert_eq!(api.get("/v1/setup").1, json!({"needed": true}));
    assert_eq!(owner(&postroom, "not-the-secret").0, 403);
    let (status, session) = owner(&postroom, &secret);
    assert_eq!(status, 201, "{}", session.text());
    let cookie = session.header("set-cookie").unwrap_or_default().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=") && cookie.contains("Path=/"),
        "{cookie}"
    );
    let (status, again) = owner(&postroom, &secret);
    assert!([403, 409].contains(&status), "{}", again.text());
    assert_eq!(api.get("/v1/setup").1, json!({"needed": false}));

    let cookie = cookie.split(';').next().unwrap_or_default();
    let with_cookie = |method: &str, path: &str, more: &[(&str, &str)], body: &[u8]| {
        let mut headers = vec![("cookie", cookie)];
        headers.extend_from_slice(more);
        api.send(method, path, &headers, body)
    };
    let session: Value =
        serde_json::from_slice(&with_cookie("GET", "/v1/session", &[], b"").body).expect("JSON");
    assert!(
        session.to_string().contains("ann@example.test"),
        "{session:#}"
    );
    // A foreign page can make a browser send the cookie, and no more.
    let json_type = ("content-type", "application/json");
    let forged = with_cookie(
        "POST",
        "/v1/tokens",
        &[json_type],
        br#"{"name":"x","scopes":["all"]}"#,
    );
    assert_eq!(forged.status, 403, "{}", forged.text());
    let csrf = session["csrf"]
        .as_str()
        .or(session["csrf_token"].as_str())
        .unwrap_or("1")
        .to_owned();
    let ended = with_cookie("DELETE", "/v1/session", &[("x-postroom-csrf", &csrf)], b"");
    assert_eq!(ended.status, 204, "{}", ended.text());
    assert_eq!(with_cookie("GET", "/v1/messages", &[], b"").status, 401);
    let sign_in = |password: &str| {
        let body = json!({"email": "ann@example.test", "password": password});
        api.send(
            "POST",
            "/v1/session",
            &[json_type],
            body.to_string().as_bytes(),
        )
        .status
    };
    assert_eq!(sign_in("wrong password"), 401);
    assert_eq!(sign_in(OWNER_PASSWORD), 200);
    let tries: Vec<u16> = (0..30).map(|_| sign_in("guess")).collect();
    assert!(tries.contains(&429), "{tries:?}");
}

#[test]
fn the_console_is_served_with_a_strict_policy() {
    let postroom = postroom();
    let api = nobody(&postroom);
    for path in ["/", "/mailboxes", "/setup"] {
        let page = api.send("GET", path, &[("accept", "text/html")], b"");
        assert_eq!(page.status, 200, "{path}");
        let policy = page.header("content-security-policy").unwrap_or_default();
        for wanted in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(wanted), "{wanted}: {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains("http"),
            "{policy}"
        );
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        let html = page.text();
        assert!(
            !html.contains("//cdn") && !html.contains("https://"),
            "{html}"
        );
        // What the page names is there.
        for part in html
            .split('"')
            .filter(|part| part.starts_with("/") && part.contains('.'))
        {
            let asset = api.send("GET", part, &[], b"");
            assert_eq!(asset.status, 200, "{part}");
        }
    }
    assert_eq!(
        api.send("GET", "/v1/nothing", &[("accept", "text/html")], b"")
            .status,
        404
    );
}

#[test]
fn i35_a_second_server_on_the_same_data_is_refused() {
    let first = launch().start();
    let data = first.data_dir().to_owned();
    let mut second = std::process::Command::new(env!("CARGO_BIN_EXE_postroom"));
    let second = second
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data)
        .output()
        .expect("it ends");
    assert_eq!(second.status.code(), Some(6), "{second:?}");
    let words = String::from_utf8_lossy(&second.stderr);
    assert!(words.contains("another Postroom server uses"), "{words}");
    assert_eq!(nobody(&first).send("GET", "/healthz", &[], b"").status, 200);
}

#[test]
fn a_stop_in_the_middle_of_work_is_quick_and_loses_nothing() {
    let user = user("stopped");
    user.seed("INBOX", Generator::new(52).mean_size(8_000).take(600));
    let mut postroom = postroom();
    let mailbox = connect(&postroom, settings(&user));
    let mut stream = postroom.events("/v1/events", "");
    assert!(stream.next(SOON).is_some());
    let since = Instant::now();
    assert!(postroom.terminate().success(), "{}", postroom.output());
    assert!(
        since.elapsed() < Duration::from_secs(10),
        "{:?}",
        since.elapsed()
    );
    while stream.next(SOON).is_some() {}
    postroom.restart();
    wait_complete(&postroom, &mailbox);
    assert_eq!(
        crate::setting::copy(&postroom, &mailbox),
        crate::setting::original(&user)
    );
    crate::setting::each_told_once(&postroom, &mailbox);
}

#[test]
fn only_allowed_addresses_are_ever_connected_to() {
    // Without --network-allow nothing on this machine can be reached, be it open or closed.
    let ca = servers().ca_pem_path.display().to_string();
    let data = tempfile::tempdir().expect("a directory");
    let password = data.path().join("password");
    std::fs::write(&password, "secret\n").expect("a file");
    for (port, code) in [(993, 20), (servers().imaps_port, 2), (1, 2)] {
        let mut test = std::process::Command::new(env!("CARGO_BIN_EXE_postroom"));
        let output = test
            .args([
                "test",
                "ann@example.test",
                "--imap-host",
                "127.0.0.1",
                "--imap-security",
                "tls",
                "--receive-only",
                "--json",
            ])
            .args([
                "--imap-port",
                &port.to_string(),
                "--tls-extra-ca-file",
                &ca,
                "--password-file",
            ])
            .arg(&password)
            .arg("--data-dir")
            .arg(data.path())
            .output()
            .expect("it ends");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        if code == 2 {
            // A port that nobody permitted is refused before anything is looked up.
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("network.mail_ports"), "{said}");
            continue;
        }
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let steps = report["steps"].as_array().expect("steps");
        let failed = steps
            .iter()
            .find(|step| step["status"] == "fail")
            .expect("a failed step");
        assert_eq!(failed["problem_id"], "address_blocked", "{failed:#}");
    }
}
