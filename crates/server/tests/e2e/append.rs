//! Messages that an application or a person stores on the server.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::{Generator, Postroom, user, wait_for};

use crate::setting::{
    SOON, all, connect_whole, copy, each_told_once, folder_id, original, postroom, raw, text,
};

const OLD: &str = "From: Bob <bob@example.com>\nTo: ann@example.com\nSubject: From the old system\n\nAs it was.\n";

fn file(dir: &Path, name: &str, contents: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, contents).expect("a file");
    path.display().to_string()
}

/// What a command printed as JSON, and how it ended.
#[track_caller]
fn run(postroom: &Postroom, arguments: &[&str]) -> (i32, Value) {
    let output = postroom.run(&[arguments, &["--json"]].concat());
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code().unwrap_or(-1), value)
}

#[test]
fn message_files_are_stored_by_the_command_line_with_flags_and_time_once_for_each_key() {
    let user = user("append cli");
    user.seed("INBOX", Generator::new(171).take(2));
    user.seed("Archive", []);
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    let dir = tempfile::tempdir().expect("a directory");
    let files = [
        file(dir.path(), "one.eml", OLD),
        file(dir.path(), "two.eml", &OLD.replace("old", "older")),
    ];
    let append = [
        "message",
        "append",
        &user.address,
        "Archive",
        &files[0],
        &files[1],
        "--seen",
        "--flagged",
        "--received-at",
        "2015-01-02T03:04:05Z",
        "--idempotency-key",
        "import-7",
        "--wait",
    ];
    let (code, stored) = run(&postroom, &append);
    assert_eq!(code, 0, "{stored:#}");
    for entry in stored["data"].as_array().expect("two") {
        assert_eq!(text(entry, "state"), "done");
    }
    let (code, again) = run(&postroom, &append);
    assert_eq!(
        (code, &again["data"][0]["id"]),
        (0, &stored["data"][0]["id"])
    );
    let archive = folder_id(&postroom, &mailbox, "Archive");
    let in_archive = format!("/v1/messages?folder_id={archive}");
    let messages = wait_for(SOON, "both are there", || {
        let messages = all(&postroom, &in_archive);
        (messages.len() == 2).then_some(messages)
    });
    for message in &messages {
        assert_eq!(text(message, "received_at"), "2015-01-02T03:04:05.000Z");
        assert_eq!(message["flags"]["seen"], true);
        assert_eq!(message["flags"]["flagged"], true);
    }
    let bytes: Vec<_> = messages
        .iter()
        .map(|m| raw(&postroom, text(m, "id")))
        .collect();
    assert!(bytes.contains(&OLD.replace('\n', "\r\n").into_bytes()));
    assert_eq!(copy(&postroom, &mailbox), original(&user));
    let (_, told) = postroom.get("/v1/events?from=start&types=message.received");
    let ours = told["data"].as_array().expect("events").iter();
    let ours: Vec<_> = ours.filter(|e| e["data"]["by"] == "api").collect();
    assert_eq!(ours.len(), 2);
    assert!(
        ours.iter()
            .all(|e| e["origin"] == "catch_up" && e["data"]["owed_id"].is_string())
    );
    // What cannot be stored is told before anything is sent.
    let (code, refused) = run(
        &postroom,
        &["message", "append", &user.address, "Nowhere", &files[0]],
    );
    assert_eq!(code, 4, "{refused:#}");
    let none = file(dir.path(), "none.txt", "no header at all");
    let (code, refused) = run(
        &postroom,
        &["message", "append", &user.address, "Archive", &none],
    );
    assert_eq!(
        (code, text(&refused, "code")),
        (2, "invalid_request"),
        "{refused:#}"
    );
    let read_only = ["mailbox", "edit", &user.address, "--read-only", "yes"];
    assert_eq!(run(&postroom, &read_only).0, 0);
    let (code, refused) = run(
        &postroom,
        &["message", "append", &user.address, "Archive", &files[0]],
    );
    assert_eq!(
        (code, text(&refused, "code")),
        (6, "mailbox_read_only"),
        "{refused:#}"
    );
}

/// What was answered is durable: a kill in the same moment loses no message and stores none twice.
#[test]
fn a_kill_right_after_the_answer_loses_no_message_that_was_brought() {
    let user = user("append kill");
    user.seed("INBOX", Generator::new(172).take(3));
    user.seed("Archive", []);
    let mut postroom = postroom();
    let mailbox = connect_whole(&postroom, &user);
    let archive = folder_id(&postroom, &mailbox, "Archive");
    for n in 0..6 {
        let letter = OLD.replace("old", &format!("{n}th"));
        let body = json!({"folder_id": archive, "raw_base64": STANDARD.encode(letter)});
        let (status, answer) = postroom.post("/v1/messages", &body);
        assert_eq!(status, 202, "{answer:#}");
        if n % 2 == 0 {
            postroom.kill9();
            postroom.restart();
        }
    }
    let in_archive = format!("/v1/messages?folder_id={archive}");
    wait_for(SOON, "all are there", || {
        (all(&postroom, &in_archive).len() >= 6).then_some(())
    });
    wait_for(SOON, "nothing is owed", || {
        let (_, owed) = postroom.get(&format!("/v1/mailboxes/{mailbox}/owed"));
        owed["data"].as_array()?.is_empty().then_some(())
    });
    assert_eq!(all(&postroom, &in_archive).len(), 6);
    assert_eq!(copy(&postroom, &mailbox), original(&user));
    each_told_once(&postroom, &mailbox);
}
