//! Server profiles: an administrator says it once, and everybody else types an address and a password.

use serde_json::{Value, json};
use testkit::{Generator, servers, user};

use crate::setting::{all, postroom, text, wait_complete, wait_connection};

#[test]
fn an_address_and_a_password_are_enough_where_a_profile_knows_the_domain() {
    let user = user("profile");
    user.seed("INBOX", Generator::new(7).take(5));
    let s = servers();
    let postroom = postroom();
    let domain = user.address.rsplit_once('@').expect("an address").1;
    let (status, profile) = postroom.post(
        "/v1/server-profiles",
        &json!({
            "name": "Test servers", "domains": [domain],
            "incoming": {"host": format!("imaps://localhost:{}/", s.imaps_port)},
            "outgoing": {"host": "localhost", "port": s.submission_port, "security": "starttls"},
        }),
    );
    assert_eq!(status, 201, "{profile:#}");
    let uri = format!("/v1/server-profiles/{}", text(&profile, "id"));

    // The servers alone, without anybody's password.
    let (status, report) = postroom.post(&format!("{uri}/test"), &json!({}));
    assert_eq!(
        (status, &report["verdict"]),
        (200, &json!("works")),
        "{report:#}"
    );
    let skipped = |code: &str| {
        let steps = report["steps"].as_array().expect("steps");
        steps
            .iter()
            .any(|step| step["code"] == code && step["status"] == "skip")
    };
    assert!(
        skipped("login") && skipped("read") && !skipped("capabilities"),
        "{report:#}"
    );

    let (status, mailbox) = postroom.post(
        "/v1/mailboxes",
        &json!({"address": user.address, "password": user.password, "enable": true}),
    );
    assert_eq!(status, 201, "{mailbox:#}");
    assert_eq!(mailbox["server_profile_id"], profile["id"]);
    let id = text(&mailbox, "id").to_owned();
    let whole = wait_complete(&postroom, &id);
    assert_eq!(whole["missing"], json!([]), "{whole:#}");
    assert_eq!(all(&postroom, "/v1/messages").len(), 5);

    // Nobody takes the servers away from under a mailbox.
    let (status, refused) = postroom.delete(&uri);
    assert_eq!(status, 409, "{refused:#}");
    assert_eq!(refused["mailboxes"][0]["id"], id.as_str());

    // Another host: the mailbox goes there when its password was typed again, and not before.
    let (status, changed) = postroom.patch(&uri, &json!({"incoming": {"host": "127.0.0.1"}}));
    assert_eq!(status, 200, "{changed:#}");
    let held = wait_connection(&postroom, &id, "held");
    assert_eq!(
        held["connection"]["problem_id"], "credentials_missing",
        "{held:#}"
    );
    assert_eq!(held["incoming"]["host"], "127.0.0.1");
    let lacks = |id: &str| {
        let list = held["missing"].as_array().expect("a list");
        list.iter().any(|missing| missing["id"] == id)
    };
    assert!(lacks("password") && lacks("connection"), "{held:#}");
    let (status, back) = postroom.patch(&uri, &json!({"incoming": {"host": "localhost"}}));
    assert_eq!(status, 200, "{back:#}");
    let (status, _) = postroom.patch(
        &format!("/v1/mailboxes/{id}"),
        &json!({"password": user.password}),
    );
    assert_eq!(status, 200);
    wait_connection(&postroom, &id, "live");
}

#[test]
fn profiles_are_made_and_used_on_the_command_line() {
    let user = user("profile command");
    let s = servers();
    let postroom = postroom();
    let run = |arguments: &[&str]| -> Value {
        let output = postroom.run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    };
    let imap = format!("localhost:{}", s.imaps_port);
    let smtp = s.submission_port.to_string();
    let added = run(&[
        "profile",
        "add",
        "Test servers",
        "--imap-host",
        &imap,
        "--smtp-host",
        "localhost",
        "--smtp-port",
        &smtp,
        "--smtp-security",
        "starttls",
        "--domain",
        "profiled.test",
        "--default",
    ]);
    // The command that needs no server knows them, too.
    let found = run(&["detect", "ben@profiled.test"]);
    assert_eq!(found["candidates"][0]["server_profile_id"], added["id"]);
    assert_eq!(added["incoming"]["port"], s.imaps_port);
    assert_eq!(
        run(&["profile", "list"])["data"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(
        run(&["profile", "test", "test servers"])["verdict"],
        "works"
    );
    let password = postroom.data_dir().join("password");
    std::fs::write(&password, &user.password).expect("a file");
    let password = password.display().to_string();
    let mailbox = run(&[
        "mailbox",
        "add",
        &user.address,
        "--profile",
        "Test servers",
        "--password-file",
        &password,
    ]);
    assert_eq!(mailbox["server_profile_id"], added["id"]);
    let shown = postroom.run(&["mailbox", "show", &user.address]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("not enabled yet"), "{shown}");
    let refused = postroom.run(&["profile", "remove", "Test servers", "--yes"]);
    assert_eq!(refused.status.code(), Some(6), "{refused:?}");
    // What cannot be meant is refused with what to do, before anything is sent anywhere.
    let typo = postroom.run(&[
        "test",
        &user.address,
        "--smtp-host",
        "smtp.example.com",
        "--smtp-port",
        "455",
        "--password-file",
        &password,
    ]);
    let said = String::from_utf8_lossy(&typo.stderr).into_owned();
    assert_eq!(typo.status.code(), Some(2), "{typo:?}");
    assert!(said.contains("465"), "{said}");
}
