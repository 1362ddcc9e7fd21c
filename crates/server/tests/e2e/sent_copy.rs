//! Who files the copy in Sent is learned from what each mailbox's server does.

use crate::auto_reply_on_server::own_script;
use crate::send::submit;
use crate::setting::{SOON, connect_whole, postroom};
use serde_json::{Value, json};
use testkit::{Api, TestUser, user};

/// Has the server file what its user sends to themselves, as servers do that file all that is sent.
fn files_by_itself(user: &TestUser) {
    own_script(
        user,
        "files",
        "require [\"fileinto\", \"copy\"];\nfileinto :copy \"Sent\";\n",
    );
}

/// Sends a message to oneself and waits until its copy is in Sent.
#[track_caller]
fn send(api: &Api, mailbox: &str, user: &TestUser) {
    let to = [json!({"address": user.address})];
    let id = submit(
        api,
        &json!({"mailbox_id": mailbox, "to": to, "subject": "Note", "text": "To myself."}),
    );
    api.poll(&format!("/v1/submissions/{id}"), SOON, |_, value| {
        (value["sent_copy"]["state"] == "filed").then_some(())
    });
}

#[track_caller]
fn learned(api: &Api, mailbox: &str) -> Value {
    let (status, mailbox) = api.get(&format!("/v1/mailboxes/{mailbox}"));
    assert_eq!(status, 200, "{mailbox:#}");
    mailbox["sent_copy_by"].clone()
}

#[test]
fn a_server_that_files_copies_and_one_that_does_not_are_told_apart_and_remembered() {
    let [ann, bob, carol] = ["files-ann", "files-bob", "files-carol"].map(user);
    files_by_itself(&ann);
    files_by_itself(&carol);
    let postroom = postroom();
    let [a, b, c] = [&ann, &bob, &carol].map(|user| connect_whole(&postroom, user));
    assert_eq!(learned(&postroom, &a), Value::Null);
    send(&postroom, &a, &ann);
    send(&postroom, &b, &bob);
    assert_eq!(learned(&postroom, &a), "server");
    assert_eq!(learned(&postroom, &b), "postroom");

    // A test message teaches the same, before anything is sent.
    assert_eq!(learned(&postroom, &c), Value::Null);
    let test = json!({"mailbox_id": c, "test_recipient": carol.address});
    let (status, report) = postroom.post("/v1/connection-tests", &test);
    assert_eq!(status, 201, "{report:#}");
    assert_eq!(learned(&postroom, &c), "server", "{report:#}");

    let shown = postroom.run(&["mailbox", "show", &ann.address]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("filed by the mail server"), "{shown}");
}
