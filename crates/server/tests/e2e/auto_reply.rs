//! Out of office, on Dovecot and Postfix: one answer for each sender and period, and none for what must not be answered.

use crate::send::{arrived, submit, wait_state};
use crate::setting::{all, connect_whole, postroom, text, wait_count};
use serde_json::{Value, json};
use testkit::{Api, TestUser, deliver, user};

/// Sends a message from one mailbox to others, and waits until the server has it.
#[track_caller]
pub fn write(api: &Api, from: &str, to: &[&TestUser], subject: &str) {
    let to: Vec<Value> = to.iter().map(|to| json!({"address": to.address})).collect();
    let body = json!({"mailbox_id": from, "to": to, "subject": subject, "text": "Are you there?"});
    wait_state(api, &submit(api, &body), "accepted");
}

/// Switches on a mailbox's out of office.
#[track_caller]
fn away(api: &Api, mailbox: &str) -> Value {
    let (status, made) = api.post(
        "/v1/auto-replies",
        &json!({
            "mailbox_id": mailbox, "text": "I am away.", "inside": {"subject": "Away", "text": "Ask Bob."},
            "time_zone": "Europe/Rome", "starts_at": "2020-01-01",
        }),
    );
    assert_eq!(status, 201, "{made:#}");
    made
}

#[test]
fn a_sender_gets_one_answer_and_lists_old_mail_and_answers_get_none() {
    let (ann, bob, carol) = (user("ann"), user("bob"), user("carol"));
    let from = |who: &TestUser, extra: &str| {
        let to = &ann.address;
        format!(
            "From: {}\r\nTo: {to}\r\nSubject: s\r\n{extra}\r\nt\r\n",
            who.address
        )
    };
    deliver(&ann, from(&bob, "").as_bytes());
    let postroom = postroom();
    let mailboxes: Vec<String> = [&ann, &bob, &carol]
        .map(|user| connect_whole(&postroom, user))
        .into();
    let [a, b, c] = mailboxes.as_slice() else {
        unreachable!("three were connected")
    };
    let inbox = |mailbox: &str| format!("/v1/messages?role=inbox&mailbox_id={mailbox}");
    let made = away(&postroom, a);
    assert_eq!(made["starts_at"], "2019-12-31T23:00:00.000Z");
    away(&postroom, b);

    write(&postroom, b, &[&ann], "Lunch");
    let answers = arrived(&bob, "INBOX", 1);
    for part in [
        "Return-Path: <>",
        "Auto-Submitted: auto-replied",
        "Subject: Away",
        "Ask Bob.",
        "In-Reply-To: <",
    ] {
        assert!(answers[0].contains(part), "{part}: {}", answers[0]);
    }
    wait_count(&postroom, &inbox(b), 1);
    write(&postroom, b, &[&ann], "Lunch?");
    deliver(
        &ann,
        from(&carol, "List-Id: <l.example.test>\r\n").as_bytes(),
    );
    deliver(
        &ann,
        from(&carol, "Auto-Submitted: auto-generated\r\n").as_bytes(),
    );
    wait_count(&postroom, &inbox(a), 5);
    // Whoever writes last is answered last: what came before has been judged by then.
    write(&postroom, c, &[&ann, &bob], "Both of you");
    arrived(&carol, "INBOX", 2);
    let sent = |mailbox: &str| {
        let all = all(&postroom, "/v1/submissions");
        let of = |s: &&Value| s["mailbox_id"] == json!(mailbox);
        let to: Vec<String> = all
            .iter()
            .filter(of)
            .map(|s| text(&s["recipients"][0], "address").to_owned())
            .collect();
        to
    };
    let (to_bob, to_carol) = (bob.address.clone(), carol.address.clone());
    assert_eq!(sent(a), [to_carol.clone(), to_bob]);
    assert_eq!(
        sent(b),
        [to_carol, ann.address.clone(), ann.address.clone()]
    );
    let path = format!("/v1/auto-replies/{}", text(&made, "id"));
    let (_, now) = postroom.get(&path);
    assert_eq!(now["answered"], 2, "{now:#}");

    // The preview knows nothing of dates and of what was sent: it judges what is stored.
    let (status, preview) = postroom.post(&format!("{path}/preview"), &json!({"days": 2}));
    assert_eq!(status, 200, "{preview:#}");
    let reasons: Vec<&Value> = preview["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["reason"])
        .collect();
    let count = |reason: &Value| reasons.iter().filter(|r| **r == reason).count();
    let found = ["list", "automatic", "period"].map(|reason| count(&json!(reason)));
    // What was put there by LMTP has another envelope's sender than what Bob sent: that is whom the answers would have gone to.
    assert_eq!((found, reasons.len()), ([1, 1, 1], 6), "{preview:#}");
    assert_eq!(preview["answered"], json!(count(&Value::Null)));

    // By the command line: off, and on again it begins anew.
    let run = |args: &[&str]| {
        let done = postroom.run(args);
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            done.status.success(),
            "{args:?}: {text}{}",
            String::from_utf8_lossy(&done.stderr)
        );
        text
    };
    run(&["auto-reply", "set", &ann.address, "--enabled", "no"]);
    let shown = run(&["auto-reply", "preview", &ann.address]);
    assert!(shown.contains("it came over a mailing list"), "{shown}");
    run(&[
        "auto-reply",
        "set",
        &ann.address,
        "--enabled",
        "yes",
        "--to",
        "outside",
    ]);
    let shown = run(&["auto-reply", "show", &ann.address]);
    assert!(
        shown.contains("switched on") && shown.contains("outside"),
        "{shown}"
    );
    run(&["auto-reply", "remove", &ann.address, "--yes"]);
    assert_eq!(postroom.get(&path).0, 404);
}
