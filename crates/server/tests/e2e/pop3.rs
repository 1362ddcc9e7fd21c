//! POP3: the inbox is copied and followed, and nothing is taken from the server.

use serde_json::{Value, json};
use testkit::{Generator, TestUser, deliver, servers, user};

use crate::setting::{
    SOON, all, connect, copy, each_told_once, events, mail, original, postroom, settings,
    wait_count, with,
};

/// Settings that read by POP3.
fn by_pop3(user: &TestUser, port: u16, security: &str) -> Value {
    let side = json!({"protocol": "pop3", "host": "localhost", "port": port, "security": security});
    with(settings(user), json!({"incoming": side}))
}

#[test]
fn an_inbox_is_copied_over_pop3_and_stays_on_the_server() {
    let user = user("pop3");
    user.seed("INBOX", Generator::new(90).take(40));
    let before = original(&user);
    let mut postroom = postroom();
    let mailbox = connect(&postroom, by_pop3(&user, servers().pop3s_port, "tls"));
    let path = format!("/v1/mailboxes/{mailbox}");
    postroom.poll(&path, SOON, |_, value| {
        (value["coverage"]["state"] == "complete").then_some(())
    });
    let digests = |contents: crate::setting::Sorted| -> Vec<String> {
        contents
            .into_values()
            .flatten()
            .map(|(digest, _)| digest)
            .collect()
    };
    assert_eq!(digests(copy(&postroom, &mailbox)), digests(before.clone()));
    deliver(&user, &mail("Later", "one more"));
    assert!(postroom.post(&format!("{path}/resync"), &json!({})).0 < 300);
    wait_count(&postroom, "/v1/messages", 41);
    postroom.kill9();
    postroom.restart();
    deliver(&user, &mail("After the crash", "another"));
    assert!(postroom.post(&format!("{path}/resync"), &json!({})).0 < 300);
    wait_count(&postroom, "/v1/messages", 42);
    each_told_once(&postroom, &mailbox);
    assert_eq!(digests(copy(&postroom, &mailbox)), digests(original(&user)));
    assert_eq!(all(&postroom, "/v1/messages?role=inbox").len(), 42);
    let live = events(&postroom, "message.received")
        .into_iter()
        .filter(|e| e["origin"] != "backfill")
        .count();
    assert_eq!(live, 2);
}

#[test]
fn pop3_after_starttls_and_a_wrong_password_are_told_apart() {
    let user = user("pop3 modes");
    let postroom = postroom();
    let good = by_pop3(&user, servers().pop3_port, "starttls");
    let (_, report) = postroom.post("/v1/connection-tests", &good);
    assert_eq!(report["verdict"], "works", "{report:#}");
    let (_, report) = postroom.post(
        "/v1/connection-tests",
        &with(good, json!({"password": "wrong"})),
    );
    let failed = report["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .find(|step| step["status"] == "fail");
    assert_eq!(
        failed.expect("a failed step")["problem_id"],
        "password_refused",
        "{report:#}"
    );
}
