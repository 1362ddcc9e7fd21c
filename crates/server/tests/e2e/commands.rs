//! Commands: the same product on the command line, with exit codes that scripts can rely on.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mail_sim::{DnsScript, DnsSim};
use serde_json::{Value, json};
use testkit::{Generator, Launch, Postroom, servers, user, wait_for};

use crate::setting::{SOON, all, connect_whole, launch, raw, text, wait_complete};

/// The program with what reaches the test servers.
fn here() -> Launch {
    launch().env("POSTROOM_NETWORK_ALLOW", "127.0.0.0/8").env(
        "POSTROOM_TLS_EXTRA_CA_FILE",
        servers().ca_pem_path.display().to_string(),
    )
}

/// A file beside the data with this text.
fn file(dir: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = dir.join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[track_caller]
fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[track_caller]
fn ok(postroom: &Postroom, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let output = postroom.run(&all);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    json_of(&output)
}

#[test]
fn a_test_ends_with_the_code_of_its_cause() {
    let user = user("exit codes");
    // An empty mailbox would be a warning.
    user.seed("INBOX", Generator::new(4).take(1));
    let launch = here();
    let dir = launch.data_dir().to_owned();
    let right = file(&dir, "right", &format!("{}\n", user.password));
    let wrong = file(&dir, "wrong", "wrong\n");
    let s = servers();
    let test = |port: u16, security: &str, password: &str, more: &[&str]| {
        let port = port.to_string();
        let mut arguments = vec![
            "test",
            &user.address,
            "--imap-host",
            "localhost",
            "--imap-port",
            &port,
            "--imap-security",
            security,
            "--password-file",
            password,
            "--json",
        ];
        arguments.extend_from_slice(more);
        let output = launch.run(&arguments);
        (output.status.code(), json_of(&output))
    };
    let alone: &[&str] = &["--receive-only"];
    assert_eq!(test(s.imaps_port, "tls", &right, alone).0, Some(0));
    assert_eq!(test(s.imap_port, "none", &right, alone).0, Some(10));
    assert_eq!(test(1, "tls", &right, alone).0, Some(20));
    assert_eq!(
        test(s.imaps_untrusted_port, "tls", &right, alone).0,
        Some(21)
    );
    assert_eq!(test(s.imaps_expired_port, "tls", &right, alone).0, Some(21));
    let (code, report) = test(s.imaps_port, "tls", &wrong, alone);
    assert_eq!(
        (code, &report["verdict"]),
        (Some(22), &json!("fails")),
        "{report:#}"
    );
    let smtp = s.submission_port.to_string();
    let sending: &[&str] = &[
        "--smtp-host",
        "localhost",
        "--smtp-port",
        &smtp,
        "--smtp-security",
        "tls",
    ];
    assert_eq!(test(s.imaps_port, "tls", &right, sending).0, Some(25));
    assert_eq!(
        test(
            1,
            "tls",
            &right,
            &[
                "--smtp-host",
                "localhost",
                "--smtp-port",
                &smtp,
                "--smtp-security",
                "starttls"
            ]
        )
        .0,
        Some(26)
    );
    assert_eq!(launch.run(&["test"]).status.code(), Some(2));
    // Nobody knows that domain.
    let dns = DnsSim::start(DnsScript::new());
    let launch = launch.env("POSTROOM_NETWORK_DNS", dns.address().to_string());
    assert_eq!(
        launch.run(&["test", "nobody@nowhere.test"]).status.code(),
        Some(4)
    );
}

#[test]
fn a_mailbox_is_added_listed_read_and_sent_from_by_commands() {
    let (ann, bob) = (user("ann"), user("bob"));
    ann.seed("INBOX", Generator::new(60).take(5));
    let postroom = here().start();
    let s = servers();
    let dir = postroom.data_dir().to_owned();
    let password = file(&dir, "password", &format!("{}\n", ann.password));
    let (imap, smtp) = (s.imaps_port.to_string(), s.submission_port.to_string());
    let added = ok(
        &postroom,
        &[
            "mailbox",
            "add",
            &ann.address,
            "--imap-host",
            "localhost",
            "--imap-port",
            &imap,
            "--imap-security",
            "tls",
            "--smtp-host",
            "localhost",
            "--smtp-port",
            &smtp,
            "--smtp-security",
            "starttls",
            "--password-file",
            &password,
            "--enable",
        ],
    );
    let added = added["mailbox"].clone();
    assert_eq!(added["lifecycle"], "enabled", "{added:#}");
    wait_complete(&postroom, text(&added, "id"));
    let listed = ok(&postroom, &["mailbox", "list"]);
    assert!(listed.to_string().contains(&ann.address), "{listed:#}");
    let table = postroom.run(&["mailbox", "list"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(
        table.contains(&ann.address) && !table.contains('\u{1b}'),
        "{table}"
    );
    let messages = ok(&postroom, &["message", "list"]);
    assert!(
        messages.to_string().matches("msg_").count() >= 5,
        "{messages:#}"
    );
    assert_eq!(postroom.run(&["test", &ann.address]).status.code(), Some(0));

    let attachment = file(&dir, "note.txt", "a note");
    let sent = ok(
        &postroom,
        &[
            "message",
            "send",
            "--mailbox",
            &ann.address,
            "--to",
            &bob.address,
            "--subject",
            "By command",
            "--text",
            "Hello",
            "--attach",
            &attachment,
            "--wait",
        ],
    );
    assert_eq!(sent["state"], "accepted", "{sent:#}");
    let outbox = ok(&postroom, &["outbox", "list"]);
    assert!(outbox.to_string().contains(text(&sent, "id")), "{outbox:#}");
    let csv = postroom.run(&["outbox", "list", "--csv"]);
    let csv = String::from_utf8_lossy(&csv.stdout).into_owned();
    let recipient = format!(",{},accepted,250,", bob.address);
    assert!(
        csv.starts_with("id,mailbox_id,state,subject,") && csv.contains(&recipient),
        "{csv}"
    );
    let shown = postroom.run(&["outbox", "show", text(&sent, "id")]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("copy in Sent: "), "{shown}");
    let to_wait = [
        "--subject",
        "Later",
        "--text",
        "x",
        "--send-at",
        "2099-01-01",
    ];
    let mut later = vec![
        "message",
        "send",
        "--mailbox",
        &ann.address,
        "--to",
        &bob.address,
    ];
    later.extend(to_wait);
    let waiting = ok(&postroom, &later);
    let shown = postroom.run(&["outbox", "show", text(&waiting, "id")]);
    let printed = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.status.success() && printed.contains("queued"),
        "{printed}"
    );
    wait_for(SOON, "it arrives", || {
        let mut probe = testkit::ImapProbe::login(&bob);
        (probe.examine("INBOX").exists == 1).then_some(())
    });
    let refused = postroom.run(&[
        "message",
        "send",
        "--mailbox",
        "nobody@nowhere.test",
        "--to",
        &bob.address,
        "--text",
        "x",
    ]);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    let (_, status) = (0, ok(&postroom, &["sync", "status"]));
    assert!(status.to_string().contains("complete"), "{status:#}");
}

#[test]
fn own_tags_and_folders_are_put_on_mail_and_the_server_keeps_it_where_it_is() {
    let ann = user("own tags");
    ann.seed("INBOX", Generator::new(62).take(3));
    let postroom = here().start();
    connect_whole(&postroom, &ann);
    let message = text(&all(&postroom, "/v1/messages")[0], "id").to_owned();
    let folder = [
        "tag",
        "add",
        "Deals",
        "--folder",
        "--receive-from",
        &ann.address,
    ];
    ok(&postroom, &folder);
    let tag = ok(&postroom, &["tag", "add", "Urgent", "--color", "#cc3300"]);
    ok(&postroom, &["message", "tag", &message, "--add", "urgent"]);
    let put = ok(&postroom, &["message", "put", &message, "--into", "Deals"]);
    assert_eq!(
        put["data"][0]["tags"].as_array().map(Vec::len),
        Some(2),
        "{put:#}"
    );
    let listed = ok(&postroom, &["message", "list", "--tag", "Deals"]);
    assert_eq!(listed["data"][0]["id"], message.as_str(), "{listed:#}");
    // What arrives from now on is put there by itself.
    ann.seed("INBOX", Generator::new(63).take(1));
    wait_for(SOON, "it is put in the own folder", || {
        let listed = ok(&postroom, &["message", "list", "--tag", "Deals"]);
        (listed["data"].as_array().map(Vec::len) == Some(2)).then_some(())
    });
    let out = ok(
        &postroom,
        &["message", "put", &message, "--out-of", "Deals"],
    );
    assert_eq!(
        out["data"][0]["tags"].as_array().map(Vec::len),
        Some(1),
        "{out:#}"
    );
    ok(&postroom, &["message", "put", &message, "--into", "Deals"]);
    let mut probe = testkit::ImapProbe::login(&ann);
    assert_eq!(probe.examine("INBOX").exists, 4);
    let tags = ok(&postroom, &["tag", "list"]);
    assert_eq!(tags["data"][0]["messages"], 2, "{tags:#}");
    ok(&postroom, &["tag", "edit", "Urgent", "--name", "Soon"]);
    assert_eq!(
        postroom
            .run(&["tag", "remove", "Urgent", "--yes"])
            .status
            .code(),
        Some(4)
    );
    ok(&postroom, &["tag", "remove", text(&tag, "id"), "--yes"]);
}

#[test]
fn the_inboxes_of_all_mailboxes_are_one_by_command() {
    let (ann, bob) = (user("unified ann"), user("unified bob"));
    ann.seed("INBOX", Generator::new(64).take(3));
    bob.seed("INBOX", Generator::new(65).take(2));
    let postroom = here().start();
    connect_whole(&postroom, &ann);
    connect_whole(&postroom, &bob);
    let unified = ok(&postroom, &["folder", "unified"]);
    let all = unified["data"].as_array().expect("a list");
    let inbox = all.iter().find(|row| row["role"] == "inbox");
    let counts = inbox.map(|row| (row["folders"].clone(), row["messages"].clone()));
    assert_eq!(counts, Some((json!(2), json!(5))), "{unified:#}");
    let listed = ok(&postroom, &["message", "list", "--role", "inbox"]);
    assert_eq!(
        listed["data"].as_array().map(Vec::len),
        Some(5),
        "{listed:#}"
    );
    let table = postroom.run(&["folder", "unified"]);
    assert!(
        String::from_utf8_lossy(&table.stdout).contains("inbox"),
        "{table:?}"
    );
}

#[test]
fn large_messages_are_headers_by_command_until_they_are_fetched_and_the_plan_tells_of_both() {
    let user = user("sizes by command");
    let letter = |subject: &str, octets: usize| {
        let mut text = format!(
            "From: bob@example.com\r\nTo: {}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.com>\r\n\r\nheron\r\n",
            user.address
        );
        while text.len() < octets {
            text.push_str("A line of a letter that has many of them.\r\n");
        }
        text.into_bytes()
    };
    testkit::deliver(&user, &letter("small", 500));
    testkit::deliver(&user, &letter("large", 80_000));
    let postroom = here().start();
    let id = connect_whole(&postroom, &user);
    // The limit comes later than the mail: what is there stays whole, what comes is a header.
    let edited = ok(
        &postroom,
        &["mailbox", "edit", &user.address, "--size-limit", "20kB"],
    );
    assert_eq!(edited["size_limit"], 20_000);
    testkit::deliver(&user, &letter("larger", 90_000));
    let find = |subject: &str| {
        let list = ok(&postroom, &["message", "search", subject, "--mailbox", &id]);
        let found = list["data"]
            .as_array()?
            .iter()
            .find(|m| m["subject"] == subject)?
            .clone();
        Some(found)
    };
    let larger = wait_for(SOON, "the header comes", || find("larger"));
    assert_eq!(
        (&larger["complete"], &find("large").unwrap()["complete"]),
        (&json!(false), &json!(true))
    );
    let msg = text(&larger, "id").to_owned();
    let refused = postroom.run(&["message", "show", &msg, "--json"]);
    assert_eq!(refused.status.code(), Some(6), "{refused:?}");
    assert!(
        String::from_utf8_lossy(&refused.stdout).contains("headers_only"),
        "{refused:?}"
    );
    ok(&postroom, &["message", "fetch", &msg]);
    let whole = || find("larger").filter(|m| m["complete"] == true);
    wait_for(SOON, "the rest comes", whole);
    let shown = ok(&postroom, &["message", "show", &msg]);
    assert!(shown["text"].as_str().unwrap().starts_with("heron"));

    let folder = ok(
        &postroom,
        &["folder", "map", &id, "INBOX", "--size-limit", "1MB"],
    );
    assert_eq!(folder["size_limit"], 1_000_000);
    let watched = ok(
        &postroom,
        &["folder", "watch", &id, "INBOX", "--since", "2026-01-01"],
    );
    assert_eq!(watched["data"][0]["mode"], "watch");
    assert_eq!(watched["data"][0]["since"], "2026-01-01T00:00:00.000Z");
    let back = ["folder", "map", &id, "INBOX", "--mode", "full", "--since"];
    ok(&postroom, &[&back[..], &["mailbox"]].concat());
    let nowhere = postroom.run(&["folder", "watch", &id, "Nowhere"]);
    assert_eq!(nowhere.status.code(), Some(4), "{nowhere:?}");
    let plan = ok(&postroom, &["sync", "plan", &user.address]);
    assert_eq!(
        (&plan["messages"], &plan["done"]),
        (&json!(3), &json!(3)),
        "{plan:#}"
    );
    assert!(plan["bytes"].as_i64().unwrap() > 170_000, "{plan:#}");
    let told = postroom.run(&["sync", "plan", &user.address]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains("INBOX") && told.contains("3 messages"),
        "{told}"
    );
}

#[test]
fn a_parsed_file_equals_what_the_api_shows() {
    let user = user("parse");
    user.seed("INBOX", Generator::new(61).take(40));
    let postroom = here().start();
    connect_whole(&postroom, &user);
    let dir = tempfile::tempdir().expect("a directory");
    let mut names = String::new();
    let mut shown: Vec<Value> = Vec::new();
    for (n, message) in all(&postroom, "/v1/messages").iter().enumerate() {
        let id = text(message, "id");
        let path = dir.path().join(format!("{n}.eml"));
        std::fs::write(&path, raw(&postroom, id)).expect("a file");
        names.push_str(&format!("{}\n", path.display()));
        let (status, value) = postroom.get(&format!("/v1/messages/{id}?body=text,html"));
        assert_eq!(status, 200);
        shown.push(value);
    }
    let mut parse = Command::new(env!("CARGO_BIN_EXE_postroom"));
    let mut child = parse
        .args(["message", "parse", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || stdin.write_all(names.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads");
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), shown.len());
    for (line, shown) in lines.iter().zip(&shown) {
        for field in [
            "subject",
            "from",
            "to",
            "cc",
            "bcc",
            "reply_to",
            "date",
            "internet_message_id",
            "in_reply_to",
            "references",
            "preview",
            "has_attachments",
            "automatic",
            "text",
            "reply_text",
            "size",
            "auth_results",
            "report",
        ] {
            assert_eq!(line[field], shown[field], "{field}: {line:#}");
        }
        let html = |value: &Value| {
            value["html"]
                .as_str()
                .map(|html| html.replace(text(shown, "id"), ""))
        };
        if !html(shown).is_some_and(|html| html.contains("/attachments/")) {
            assert_eq!(html(line), html(shown));
        }
        let parts = |value: &Value| -> Vec<Value> {
            let list = value["attachments"].as_array().expect("a list");
            list.iter()
                .map(|a| {
                    json!([
                        a["filename"],
                        a["content_type"],
                        a["size"],
                        a["inline"],
                        a["content_id"]
                    ])
                })
                .collect()
        };
        assert_eq!(parts(line), parts(shown));
    }
}

#[test]
fn html_is_made_harmless_by_command() {
    let mut sanitize = Command::new(env!("CARGO_BIN_EXE_postroom"));
    let mut child = sanitize
        .args(["message", "sanitize"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let dirty = br#"<p onclick="x()">Hi <script>alert(1)</script><img src="https://tracker.example/p.gif"><a href="javascript:x()">l</a><svg onload=x()></svg><style>@import url(//x)</style></p>"#;
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(dirty)
        .expect("it reads");
    let clean = child.wait_with_output().expect("it ends");
    assert!(clean.status.success());
    let clean = String::from_utf8_lossy(&clean.stdout).into_owned();
    for bad in [
        "onclick",
        "script",
        " src=\"https://tracker",
        "javascript:",
        "svg",
        "@import",
    ] {
        assert!(!clean.contains(bad), "{bad}: {clean}");
    }
    assert!(clean.contains("Hi"), "{clean}");
}

#[test]
fn every_problem_is_explained_offline() {
    let launch = launch();
    let postroom = here().start();
    let problems = all(&postroom, "/v1/problems");
    assert!(problems.len() > 30, "{}", problems.len());
    for problem in problems.iter().step_by(7) {
        let id = text(problem, "id");
        let output = launch.run(&["explain", id]);
        assert!(output.status.success(), "{id}: {output:?}");
        assert!(output.stdout.len() > 40, "{id}");
    }
    let unknown = launch.run(&["explain", "pasword_refused"]);
    assert_eq!(unknown.status.code(), Some(4));
}
