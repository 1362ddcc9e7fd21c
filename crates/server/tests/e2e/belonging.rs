//! Whose a mailbox is, what it alone may take of its server, how full it is there, and its labels: by the command line.

use mail_sim::{ImapScript, ImapSim};
use serde_json::Value;
use testkit::{Postroom, wait_for};

use crate::setting::{SOON, connect, postroom, simulated, text, wait_count};

fn said(postroom: &Postroom, arguments: &[&str]) -> String {
    let output = postroom.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn json(postroom: &Postroom, arguments: &[&str]) -> Value {
    let said = said(postroom, &[arguments, &["--json"]].concat());
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn an_owner_limits_and_the_servers_quota_are_set_and_shown_by_the_command_line() {
    let sim = ImapSim::start(
        ImapScript::new()
            .capabilities("IMAP4rev1 SASL-IR LITERAL+ IDLE UIDPLUS QUOTA AUTH=PLAIN")
            .mail(
                "INBOX",
                &[b"Subject: x\r\n\r\n".as_slice(), &[b'x'; 5_000]].concat(),
            ),
    );
    let postroom = postroom();
    let mailbox = connect(&postroom, simulated(sim.port()));
    let shown = wait_for(SOON, "the server tells how full it is", || {
        let shown = said(&postroom, &["mailbox", "show", &mailbox]);
        shown.contains("on server").then_some(shown)
    });
    assert!(shown.contains("on server   5.1 kB of 10.5 MB"), "{shown}");
    let edit = [
        "mailbox",
        "edit",
        &mailbox,
        "--owner",
        "queue:Support",
        "--max-connections",
        "2",
        "--poll-minutes",
        "15",
    ];
    let edited = json(&postroom, &edit);
    assert_eq!(
        (&edited["owner"]["kind"], &edited["owner"]["name"]),
        (&"queue".into(), &"Support".into())
    );
    let usual = json(
        &postroom,
        &[
            "mailbox",
            "edit",
            &mailbox,
            "--poll-minutes",
            "usual",
            "--sends-per-minute",
            "20",
            "--recipients-per-day",
            "500",
        ],
    );
    assert_eq!(
        (
            &usual["limits"]["max_connections"],
            &usual["limits"]["poll_minutes"],
            &usual["limits"]["sends_per_minute"],
            &usual["limits"]["recipients_per_day"],
        ),
        (&2.into(), &Value::Null, &20.into(), &500.into())
    );
    let shown = said(&postroom, &["mailbox", "show", &mailbox]);
    assert!(shown.contains("owner       queue Support"), "{shown}");
    assert!(
        shown.contains("limit       2 connections at once"),
        "{shown}"
    );
    let listed = said(&postroom, &["mailbox", "list"]);
    assert!(listed.contains("queue Support"), "{listed}");
    let of = |owner: &str| {
        json(&postroom, &["mailbox", "list", "--owner", owner])["data"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(
        (of("queue:Support"), of("user:Support")),
        (Some(1), Some(0))
    );
    let wrong = postroom.run(&["mailbox", "edit", &mailbox, "--owner", "Support"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    let freed = json(&postroom, &["mailbox", "edit", &mailbox, "--owner", "none"]);
    assert_eq!(freed["owner"], Value::Null);
}

#[test]
fn messages_are_listed_by_label_and_by_their_mark_by_the_command_line() {
    let letter = |n: u8| format!("Message-ID: <{n}@x>\r\nSubject: m{n}\r\n\r\nx\r\n").into_bytes();
    let sim = ImapSim::start(
        ImapScript::new()
            .capabilities("IMAP4rev1 UIDPLUS CONDSTORE IDLE X-GM-EXT-1")
            .labelled_mail(&["INBOX"], &["\\Inbox", "Work"], &letter(1))
            .labelled_mail(&["INBOX"], &["\\Inbox"], &letter(2)),
    );
    let postroom = postroom();
    connect(&postroom, simulated(sim.port()));
    let messages = wait_count(&postroom, "/v1/messages", 2);
    let subjects = |arguments: &[&str]| -> Vec<String> {
        let list = json(&postroom, &[&["message"], arguments].concat());
        let rows = list["data"].as_array().expect("messages").iter();
        rows.map(|m| text(m, "subject").to_owned()).collect()
    };
    assert_eq!(subjects(&["list", "--label", "work"]), ["m1"]);
    assert_eq!(subjects(&["search", "label:Work"]), ["m1"]);
    assert_eq!(subjects(&["list", "--label", "\\Inbox"]).len(), 2);
    assert!(subjects(&["list", "--flagged"]).is_empty());
    json(
        &postroom,
        &["message", "flag", text(&messages[0], "id"), "--flagged"],
    );
    assert_eq!(
        subjects(&["list", "--flagged"]),
        [text(&messages[0], "subject")]
    );
}
