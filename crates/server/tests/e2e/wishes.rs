//! What a submission asks of Postfix, and what Postfix asks of a submission: notices, TLS all the way, greylisting, a content
//! filter.

use crate::send::{arrived, submit, wait_state};
use crate::setting::{SOON, connect_whole, postroom, text};
use serde_json::{Value, json};
use testkit::{ImapProbe, unique, user, wait_for};

#[test]
fn notices_that_are_asked_for_come_back_under_the_submissions_id() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    let gone = format!("{}@example.test", unique("bounce"));
    let id = submit(
        &postroom,
        &json!({
            "mailbox_id": mailbox, "to": [{"address": bob.address}, {"address": gone}], "subject": "s", "text": "the text",
            "dsn": {"notify": ["success", "failure"], "return": "headers"},
        }),
    );
    let accepted = wait_state(&postroom, &id, "accepted");
    assert_eq!(
        accepted["dsn"],
        json!({"notify": ["success", "failure"], "return": "headers"})
    );
    assert_eq!(accepted["require_tls"], false);
    arrived(&bob, "INBOX", 1);
    // One notice for each, or one for both.
    let notices = wait_for(SOON, "the notices", || {
        let mut probe = ImapProbe::login(&ann);
        probe.examine("INBOX");
        let all: Vec<String> = probe
            .search("ALL")
            .into_iter()
            .map(|uid| String::from_utf8_lossy(&probe.fetch(uid)).into_owned())
            .collect();
        let named = |address: &str| all.iter().any(|notice| notice.contains(address));
        (named(&bob.address) && named(&gone)).then_some(all)
    });
    for notice in notices {
        assert!(
            notice.contains(&format!("Original-Envelope-Id: {id}\r\n")),
            "{notice}"
        );
        assert!(
            !notice.contains("the text"),
            "only the header was asked for: {notice}"
        );
    }
}

#[test]
fn what_must_travel_over_tls_goes_to_nobody_where_the_server_does_not_promise_it() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    connect_whole(&postroom, &ann);
    let sent = postroom.run(&[
        "message",
        "send",
        "--mailbox",
        &ann.address,
        "--to",
        &bob.address,
        "--text",
        "x",
        "--dsn",
        "success,delay",
        "--dsn-return",
        "full",
        "--require-tls",
        "--wait",
        "--json",
    ]);
    let said: Value = serde_json::from_slice(&sent.stdout).expect("JSON");
    assert_eq!(
        (text(&said, "state"), text(&said, "problem_id")),
        ("failed", "smtp_feature_missing"),
        "{said:#}"
    );
    assert_eq!(said["require_tls"], true);
    assert_eq!(
        said["dsn"],
        json!({"notify": ["success", "delay"], "return": "full"})
    );
    let words = text(&said["recipients"][0], "text");
    assert!(words.contains("REQUIRETLS"), "{words}");
    let shown = postroom.run(&["outbox", "show", text(&said, "id")]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("asked for notices (success, delay) and TLS all the way"),
        "{shown}"
    );
}

#[test]
fn wishes_that_contradict_themselves_are_refused_with_a_pointer() {
    let ann = user("ann");
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    for (dsn, pointer) in [
        (json!({"notify": ["never", "failure"]}), Some("/dsn/notify")),
        (json!({"notify": ["sometimes"]}), None),
        (json!({"return": "half"}), None),
        (json!({"envid": "x"}), None),
    ] {
        let (status, problem) = postroom.post(
            "/v1/submissions",
            &json!({"mailbox_id": mailbox, "to": [{"address": "x@example.test"}], "text": "x", "dsn": dsn}),
        );
        assert!(matches!(status, 400 | 422), "{dsn} gave {problem:#}");
        if let Some(pointer) = pointer {
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem:#}");
        }
    }
}

#[test]
fn greylisting_is_waited_out_and_a_content_filter_has_the_last_word() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    let named = |kind: &str| format!("{}@example.test", unique(kind));
    let (shy, filtered, busy) = (named("greylisted"), named("filtered"), named("filterbusy"));
    let id = submit(
        &postroom,
        &json!({
            "mailbox_id": mailbox, "subject": "s", "text": "t",
            "to": [{"address": shy}, {"address": filtered}, {"address": busy}, {"address": bob.address}],
        }),
    );
    let deferred = wait_state(&postroom, &id, "deferred");
    let fates: Vec<(&str, i64)> = deferred["recipients"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| (text(r, "state"), r["code"].as_i64().unwrap_or_default()))
        .collect();
    assert_eq!(
        fates,
        [
            ("deferred", 450),
            ("failed", 550),
            ("deferred", 451),
            ("accepted", 250)
        ]
    );
    let retry = format!("/v1/submissions/{id}/retry");
    postroom.poll(&format!("/v1/submissions/{id}"), SOON, |_, value| {
        if value["recipients"][0]["state"] == "accepted" {
            return Some(());
        }
        postroom.post(&retry, &json!({}));
        None
    });
    // Nobody got it twice for all that.
    assert_eq!(arrived(&bob, "INBOX", 1).len(), 1);

    let spam = submit(
        &postroom,
        &json!({
            "mailbox_id": mailbox, "to": [{"address": bob.address}], "subject": "s", "text": "t",
            "headers": {"X-Filter": "554 5.7.1 This is spam"},
        }),
    );
    let failed = wait_state(&postroom, &spam, "failed");
    assert_eq!(text(&failed, "problem_id"), "smtp_message_refused");
    let recipient = &failed["recipients"][0];
    assert_eq!(
        (recipient["code"].as_i64(), text(recipient, "enhanced_code")),
        (Some(554), "5.7.1")
    );
    assert!(
        text(recipient, "text").contains("This is spam"),
        "{failed:#}"
    );
}
