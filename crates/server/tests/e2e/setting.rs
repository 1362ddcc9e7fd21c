//! What the tests share: a running server, a connected mailbox, and what is in it by both accounts.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Api, Launch, Oracle, Postroom, TestUser, oracle, servers, sha256_hex};

/// How long anything that should happen soon may take: generous, for two busy cores, and longer than the second pause of a
/// webhook that was refused twice (30 s and a fifth).
pub const SOON: Duration = Duration::from_secs(90);

/// The program, not yet started.
pub fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_postroom"))
}

/// A running server with an empty store.
pub fn postroom() -> Postroom {
    launch().start()
}

/// Good settings for both sides: TLS for reading, STARTTLS for sending.
pub fn settings(user: &TestUser) -> Value {
    let s = servers();
    json!({
        "address": user.address,
        "incoming": {"host": "localhost", "port": s.imaps_port, "security": "tls"},
        "outgoing": {"host": "localhost", "port": s.submission_port, "security": "starttls"},
        "password": user.password,
    })
}

/// Settings that read from another port, in plain text: a proxy or a simulator.
pub fn settings_by(user: &TestUser, port: u16) -> Value {
    with(
        settings(user),
        json!({"incoming": {"host": "127.0.0.1", "port": port, "security": "none"}}),
    )
}

/// Settings for a simulator of mail-sim: receive only.
pub fn simulated(port: u16) -> Value {
    json!({
        "address": "ann@simulated.test",
        "incoming": {"host": "127.0.0.1", "port": port, "security": "none"},
        "outgoing": null,
        "password": mail_sim::PASSWORD,
    })
}

/// The body with these fields replaced.
pub fn with(mut body: Value, fields: Value) -> Value {
    let fields = fields.as_object().expect("an object").clone();
    let body_fields = body.as_object_mut().expect("an object");
    body_fields.extend(fields);
    body
}

/// Connects a mailbox and expects that it is enabled.
#[track_caller]
pub fn connect(api: &Api, body: Value) -> String {
    let (status, mailbox) = api.post("/v1/mailboxes", &with(body, json!({"enable": true})));
    assert_eq!(status, 201, "{mailbox:#}");
    if mailbox["lifecycle"] != "enabled" {
        let report = mailbox["last_report_id"].as_str().unwrap_or_default();
        let (_, report) = api.get(&format!("/v1/connection-tests/{report}"));
        panic!("not enabled: {mailbox:#}\n{report:#}");
    }
    mailbox["id"].as_str().expect("an id").to_owned()
}

/// Connects the user's mailbox and waits until everything is there.
#[track_caller]
pub fn connect_whole(api: &Api, user: &TestUser) -> String {
    let id = connect(api, settings(user));
    wait_complete(api, &id);
    id
}

/// Waits until the first copy is complete and the connection is live.
#[track_caller]
pub fn wait_complete(api: &Api, mailbox: &str) -> Value {
    api.poll(&format!("/v1/mailboxes/{mailbox}"), SOON * 2, |_, value| {
        let done =
            value["coverage"]["state"] == "complete" && value["connection"]["state"] == "live";
        done.then(|| value.clone())
    })
}

/// Waits for a state of the connection.
#[track_caller]
pub fn wait_connection(api: &Api, mailbox: &str, state: &str) -> Value {
    api.poll(&format!("/v1/mailboxes/{mailbox}"), SOON, |_, value| {
        (value["connection"]["state"] == state).then(|| value.clone())
    })
}

/// A whole list, page by page.
#[track_caller]
pub fn all(api: &Api, path: &str) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let (status, page) = api.get(&format!("{path}{sign}limit=100{cursor}"));
        assert_eq!(status, 200, "{path}: {page:#}");
        let data = page["data"].as_array().expect("a list");
        found.extend(data.iter().cloned());
        // The list of events always has a cursor, for later.
        match page["next_cursor"].as_str() {
            Some(next) if !data.is_empty() => cursor = format!("&cursor={next}"),
            _ => return found,
        }
    }
}

/// Waits until a list has so many entries, and returns it.
#[track_caller]
pub fn wait_count(api: &Api, path: &str, count: usize) -> Vec<Value> {
    let mut last = Vec::new();
    testkit::wait_for(SOON, &format!("{count} entries in {path}"), || {
        last = all(api, path);
        (last.len() == count).then(|| last.clone())
    })
}

/// A text field.
#[track_caller]
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {value:#}"))
}

/// The id of the folder with this path.
#[track_caller]
pub fn folder_id(api: &Api, mailbox: &str, path: &str) -> String {
    let folders = all(api, &format!("/v1/mailboxes/{mailbox}/folders"));
    let found = folders.iter().find(|folder| folder["path"] == path);
    let found = found.unwrap_or_else(|| panic!("no folder {path} in {folders:#?}"));
    text(found, "id").to_owned()
}

/// The original bytes of a message.
#[track_caller]
pub fn raw(api: &Api, message: &str) -> Vec<u8> {
    let answer = api.send("GET", &format!("/v1/messages/{message}/raw"), &[], b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body
}

/// A folder's contents: digests of the bytes with the flags, sorted.
pub type Sorted = BTreeMap<String, Vec<(String, Vec<String>)>>;

/// What Postroom has of a mailbox, by folder path; empty folders left out.
#[track_caller]
pub fn copy(api: &Api, mailbox: &str) -> Sorted {
    let mut copy = Sorted::new();
    for message in all(api, &format!("/v1/messages?mailbox_id={mailbox}")) {
        let path = format!("/v1/messages/{}/raw", text(&message, "id"));
        let answer = api.send("GET", &path, &[], b"");
        // It left between the list and this question.
        if answer.status == 404 {
            continue;
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        let digest = sha256_hex(&answer.body);
        let mut flags: Vec<String> = message["flags"]["keywords"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|word| word.as_str().expect("a text").to_owned())
            .collect();
        for (name, flag) in [
            ("seen", "\\Seen"),
            ("answered", "\\Answered"),
            ("flagged", "\\Flagged"),
            ("draft", "\\Draft"),
        ] {
            if message["flags"][name] == true {
                flags.push(flag.to_owned());
            }
        }
        flags.sort();
        for folder in message["folders"].as_array().expect("a list") {
            let entry = copy.entry(text(folder, "path").to_owned()).or_default();
            entry.push((digest.clone(), flags.clone()));
        }
    }
    sorted(copy)
}

/// What the server has, by the independent client; empty folders and those that are not stored (junk, trash) left out.
pub fn original(user: &TestUser) -> Sorted {
    let oracle: Oracle = oracle(user);
    let kept = oracle
        .into_iter()
        .filter(|(path, mails)| !mails.is_empty() && path != "Trash" && path != "Junk");
    sorted(
        kept.map(|(path, mails)| {
            let mails = mails
                .into_values()
                .map(|(flags, digest)| (digest, flags.into_iter().collect()));
            (path, mails.collect())
        })
        .collect(),
    )
}

/// Each folder in the same order.
pub fn sorted(mut contents: Sorted) -> Sorted {
    for mails in contents.values_mut() {
        mails.sort();
    }
    contents
}

/// All events of these types, oldest first.
#[track_caller]
pub fn events(api: &Api, types: &str) -> Vec<Value> {
    all(api, &format!("/v1/events?types={types}"))
}

/// Each message is told of exactly once.
#[track_caller]
pub fn each_told_once(api: &Api, mailbox: &str) {
    let messages = all(api, &format!("/v1/messages?mailbox_id={mailbox}"));
    let mut stored: Vec<&str> = messages.iter().map(|m| text(m, "id")).collect();
    stored.sort_unstable();
    let path = format!("/v1/events?types=message.received,message.sent&mailbox_id={mailbox}");
    let events = all(api, &path);
    let mut told: Vec<&str> = events
        .iter()
        .map(|event| text(&event["data"], "message_id"))
        .collect();
    told.sort_unstable();
    assert_eq!(told.len(), stored.len());
    assert_eq!(told, stored);
}

/// A short mail of one's own.
pub fn mail(subject: &str, body: &str) -> Vec<u8> {
    let id = testkit::unique("mail");
    format!(
        "From: Sender <sender@elsewhere.test>\r\nTo: somebody@example.test\r\nSubject: {subject}\r\n\
         Date: Mon, 05 Jan 2026 10:00:00 +0000\r\nMessage-ID: <{id}@elsewhere.test>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}\r\n"
    )
    .into_bytes()
}
