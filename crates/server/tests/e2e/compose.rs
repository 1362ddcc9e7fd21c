//! Compose: answers to all, forwards as a file, addresses beyond ASCII, as they arrive.

use mail_sim::{ImapScript, ImapSim, SmtpScript, SmtpSim};
use serde_json::{Value, json};
use testkit::{Api, ImapProbe, Mail, Postroom, TestUser, user, wait_for};

use crate::setting::{
    SOON, all, connect, connect_whole, launch, postroom, settings, simulated, text, wait_count,
    with,
};

/// Hands over a message and waits until the server has taken it.
#[track_caller]
fn sent(api: &Api, body: &Value) -> Value {
    let (status, submission) = api.post("/v1/submissions", body);
    assert_eq!(status, 202, "{submission:#}");
    let path = format!("/v1/submissions/{}", text(&submission, "id"));
    api.poll(&path, SOON, |_, value| {
        (value["state"] == "accepted").then(|| value.clone())
    })
}

/// The one mail in a user's inbox.
#[track_caller]
fn arrived(user: &TestUser) -> Vec<u8> {
    wait_for(SOON, "the mail", || {
        let mut probe = ImapProbe::login(user);
        if probe.examine("INBOX").exists != 1 {
            return None;
        }
        let uid = probe.search("ALL").into_iter().next()?;
        Some(probe.fetch(uid))
    })
}

fn seeded(user: &TestUser, raw: &str) {
    user.seed(
        "INBOX",
        [Mail {
            raw: raw.as_bytes().to_vec(),
            internal_date: 1_767_600_000,
            flags: vec![],
            subject: "Offer".into(),
            message_id: None,
            sentence: None,
        }],
    );
}

#[test]
fn an_answer_to_all_and_a_forward_as_a_file_arrive_as_they_should() {
    let (ann, bob, cy, dee) = (user("ann"), user("bob"), user("cy"), user("dee"));
    let postroom = postroom();
    let original = format!(
        "From: Bob <{}>\r\nTo: {}, {}\r\nSubject: Offer\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n\
         Message-ID: <second@x.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\nHow much is it? Grüße\r\n",
        bob.address, ann.address, cy.address
    );
    seeded(&ann, &original);
    let mailbox = connect_whole(&postroom, &ann);
    let message = all(&postroom, "/v1/messages").remove(0);
    let long =
        "Ten euros for each of them, and the whole lot for ninety if it is gone by Friday noon. ";
    let answer = json!({"mailbox_id": mailbox, "in_reply_to_message_id": message["id"], "reply_all": true,
        "text": long.repeat(4)});
    let submission = sent(&postroom, &answer);
    assert_eq!(submission["recipients"].as_array().map(Vec::len), Some(2));
    for user in [&bob, &cy] {
        let read = mail_message::read(&arrived(user));
        assert_eq!(read.head.to[0].address, bob.address);
        assert_eq!(read.head.cc[0].address, cy.address);
        // Long lines travel flowed, and arrive as they were written.
        assert!(
            read.text
                .unwrap_or_default()
                .starts_with(long.repeat(4).trim_end())
        );
    }

    let forward = json!({"mailbox_id": mailbox, "forward_message_id": message["id"], "forward_as": "attachment",
        "to": [{"address": dee.address}], "text": "Look"});
    sent(&postroom, &forward);
    let raw = arrived(&dee);
    let read = mail_message::read(&raw);
    let file = mail_message::attachment(&raw, read.attachments[0].index).expect("a file");
    assert_eq!(file.meta.content_type, "message/rfc822");
    assert_eq!(
        String::from_utf8_lossy(&file.bytes).trim_end(),
        original.trim_end()
    );
}

#[test]
fn an_address_beyond_ascii_goes_out_by_smtputf8() {
    let smtp = SmtpSim::start(SmtpScript::new());
    let imap = ImapSim::start(ImapScript::new().folder("Sent"));
    let postroom = postroom();
    let outgoing = json!({"host": "127.0.0.1", "port": smtp.port(), "security": "none"});
    let mailbox = connect(
        &postroom,
        with(simulated(imap.port()), json!({"outgoing": outgoing})),
    );
    sent(
        &postroom,
        &json!({"mailbox_id": mailbox, "to": [{"address": "jörg@müller.test"}], "subject": "Grüße", "text": "t"}),
    );
    let mails = smtp.mails();
    assert_eq!(mails[0].to, ["jörg@xn--mller-kva.test"]);
    let read = mail_message::read(&mails[0].data);
    assert_eq!(read.head.to[0].address, "jörg@xn--mller-kva.test");
    assert!(
        smtp.log()
            .iter()
            .any(|line| line.contains("MAIL FROM") && line.contains(" SMTPUTF8"))
    );
}

/// A server that takes large messages, and a mailbox that sends by it.
fn large(most: &str) -> (SmtpSim, ImapSim, Postroom, String) {
    let extensions = ["PIPELINING", "8BITMIME", most, "AUTH PLAIN LOGIN"];
    let smtp = SmtpSim::start(SmtpScript::new().extensions(&extensions));
    let imap = ImapSim::start(ImapScript::new().folder("Sent"));
    let postroom = postroom();
    let outgoing = json!({"host": "127.0.0.1", "port": smtp.port(), "security": "none"});
    let mailbox = connect(
        &postroom,
        with(simulated(imap.port()), json!({"outgoing": outgoing})),
    );
    (smtp, imap, postroom, mailbox)
}

/// Uploads a file.
#[track_caller]
pub fn uploaded(postroom: &Postroom, bytes: &[u8]) -> String {
    let answer = postroom.send(
        "POST",
        "/v1/uploads?filename=large.bin",
        &[("content-type", "application/octet-stream")],
        bytes,
    );
    assert_eq!(
        answer.status,
        201,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    let made: Value = serde_json::from_slice(&answer.body).expect("JSON");
    text(&made, "blob_id").to_owned()
}

#[test]
fn a_file_of_a_hundred_megabytes_is_sent_and_filed_without_being_in_memory() {
    let (smtp, imap, postroom, mailbox) = large("SIZE 200000000");
    let file: Vec<u8> = (0..100_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let blob = uploaded(&postroom, &file);
    let submission = sent(
        &postroom,
        &json!({"mailbox_id": mailbox, "to": [{"address": "bob@x.test"}], "subject": "large", "text": "t",
            "attachments": [{"blob_id": blob}]}),
    );
    postroom.poll(
        &format!("/v1/submissions/{}", text(&submission, "id")),
        SOON * 4,
        |_, value| (value["sent_copy"]["state"] == "filed").then_some(()),
    );
    assert!(imap.log().iter().any(|line| line.contains("APPEND")));
    let peak = postroom.peak_memory();
    assert!(peak < 150_000_000, "{peak} bytes of memory");
    let mails = smtp.mails();
    let read = mail_message::read(&mails[0].data);
    let got = mail_message::attachment(&mails[0].data, read.attachments[0].index).expect("a file");
    assert!(got.bytes == file, "the file arrives as it was");
}

#[test]
fn what_is_too_large_for_the_server_is_refused_before_it_is_queued() {
    let (_smtp, _imap, postroom, mailbox) = large("SIZE 2000000");
    let message = |blob: &str| {
        json!({"mailbox_id": mailbox, "to": [{"address": "bob@x.test"}], "subject": "s", "text": "t",
        "attachments": [{"blob_id": blob}]})
    };
    // What the server takes is known once it was met.
    sent(&postroom, &message(&uploaded(&postroom, b"small")));
    let large = uploaded(&postroom, &vec![7; 1_900_000]);
    let (status, problem) = postroom.post("/v1/submissions", &message(&large));
    assert_eq!(
        (status, &problem["code"]),
        (413, &json!("smtp_size_refused")),
        "{problem:#}"
    );
    assert!(text(&problem, "detail").contains("2000000"), "{problem:#}");
    assert_eq!(all(&postroom, "/v1/submissions").len(), 1);
}

#[test]
fn the_command_line_sends_files_pictures_forwards_and_whole_messages() {
    let (ann, bob, cy, dee) = (user("ann"), user("bob"), user("cy"), user("dee"));
    let postroom = postroom();
    let original = format!(
        "From: Bob <{}>\r\nTo: {}, {}\r\nSubject: Offer\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n\
         Message-ID: <second@x.test>\r\n\r\nHow much is it?\r\n",
        bob.address, ann.address, cy.address
    );
    seeded(&ann, &original);
    connect_whole(&postroom, &ann);
    let id = text(&all(&postroom, "/v1/messages").remove(0), "id").to_owned();
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).expect("written");
        path.display().to_string()
    };
    let run = |arguments: &[&str]| {
        let done = postroom.run(arguments);
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{arguments:?}: {told}");
    };
    let html = file("a.html", b"<p>Hi <img src='cid:logo'></p>");
    let logo = format!("logo={}", file("a.png", &[1, 2, 3]));
    let report = file("report.csv", &[b'x'; 3_000_000]);
    let send = [
        "message",
        "send",
        "--mailbox",
        &ann.address,
        "--to",
        &dee.address,
        "--subject",
        "s",
        "--html-file",
        &html,
        "--inline",
        &logo,
        "--attach",
        &report,
        "--header",
        "X-Ticket: 4711",
        "--reply-to",
        "desk@x.test",
        "--from",
        &format!("Ann B <{}>", ann.address),
        "--idempotency-key",
        "once",
        "--wait",
    ];
    run(&send);
    // The same again is the same message, its files too.
    run(&send);
    let raw = arrived(&dee);
    let read = mail_message::read(&raw);
    assert_eq!(read.head.from[0].name.as_deref(), Some("Ann B"));
    assert_eq!(read.head.reply_to[0].address, "desk@x.test");
    assert!(String::from_utf8_lossy(&raw).contains("X-Ticket: 4711\r\n"));
    let kinds: Vec<_> = read
        .attachments
        .iter()
        .map(|f| (f.content_type.as_str(), f.inline, f.size))
        .collect();
    assert_eq!(
        kinds,
        [("image/png", true, 3), ("text/csv", false, 3_000_000)]
    );

    run(&[
        "message",
        "reply",
        &id,
        "--all",
        "--text",
        "Ten euros",
        "--no-quote",
        "--wait",
    ]);
    let read = mail_message::read(&arrived(&cy));
    assert_eq!(
        (
            read.head.to[0].address.as_str(),
            read.head.cc[0].address.as_str()
        ),
        (bob.address.as_str(), cy.address.as_str())
    );
    assert_eq!(read.text.as_deref().map(str::trim), Some("Ten euros"));

    let (eve, fay) = (user("eve"), user("fay"));
    run(&[
        "message",
        "send",
        "--mailbox",
        &ann.address,
        "--to",
        &eve.address,
        "--forward",
        &id,
        "--forward-as",
        "attachment",
        "--wait",
    ]);
    let read = mail_message::read(&arrived(&eve));
    assert_eq!(read.head.subject.as_deref(), Some("Fwd: Offer"));
    assert_eq!(read.attachments[0].content_type, "message/rfc822");
    let whole = file(
        "whole.eml",
        format!(
            "From: {}\nTo: nobody@x.test\nSubject: whole\n\nbody\n",
            ann.address
        )
        .as_bytes(),
    );
    run(&[
        "message",
        "send",
        "--mailbox",
        &ann.address,
        "--to",
        &fay.address,
        "--raw",
        &whole,
        "--wait",
    ]);
    assert_eq!(
        mail_message::read(&arrived(&fay)).head.subject.as_deref(),
        Some("whole")
    );
}

#[test]
fn the_command_line_answers_from_a_mailbox_that_only_receives() {
    let (support, robot, ann, bob) = (user("support"), user("robot"), user("ann"), user("bob"));
    let postroom = postroom();
    let original = format!(
        "From: Bob <{}>\r\nTo: {}\r\nSubject: Offer\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n\
         Message-ID: <second@x.test>\r\n\r\nHow much is it?\r\n",
        bob.address, support.address
    );
    seeded(&support, &original);
    let receives = connect(
        &postroom,
        with(settings(&support), json!({"outgoing": null})),
    );
    let of_robot = connect(&postroom, settings(&robot));
    let of_ann = connect(&postroom, settings(&ann));
    let (status, _) = postroom.patch(
        &format!("/v1/mailboxes/{of_robot}"),
        &json!({"system_sender": true}),
    );
    assert_eq!(status, 200);
    let path = format!("/v1/messages?mailbox_id={receives}");
    let id = text(&wait_count(&postroom, &path, 1).remove(0), "id").to_owned();
    let reply = |more: &[&str]| {
        let start = ["message", "reply", &id, "--text", "Ten euros", "--json"];
        let done = postroom.run(&[&start, more].concat());
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        (
            serde_json::from_slice::<Value>(&done.stdout).unwrap_or_default(),
            told,
        )
    };
    let (sent, told) = reply(&[]);
    assert_eq!(sent["mailbox_id"], json!(of_robot), "{told}");
    let (sent, told) = reply(&["--mailbox", &ann.address]);
    assert_eq!(sent["mailbox_id"], json!(of_ann), "{told}");
    let (_, told) = reply(&["--mailbox", &support.address]);
    assert!(told.contains("no settings for sending"), "{told}");
}

#[test]
fn the_command_line_sends_files_that_lie_on_the_server_already() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let original = format!(
        "From: Bob <{}>\r\nTo: {}\r\nSubject: Plans\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\nMessage-ID: <plans@x.test>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nTwo of them.\r\n\
         --b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=one.csv\r\n\r\na,1\r\n\
         --b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=two.pdf\r\n\r\n%PDF two\r\n--b--\r\n",
        bob.address, ann.address
    );
    seeded(&ann, &original);
    connect_whole(&postroom, &ann);
    let id = text(&all(&postroom, "/v1/messages").remove(0), "id").to_owned();
    let shown = postroom.run(&["message", "show", &id, "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let second = format!("{id}/{}", text(&shown["attachments"][1], "id"));
    let blob = uploaded(&postroom, b"from elsewhere");
    // An upload is of the token that brought it.
    let same_token = launch()
        .env("POSTROOM_TOKEN", postroom.token.clone().expect("a token"))
        .env(
            "POSTROOM_URL",
            format!("http://127.0.0.1:{}", postroom.port),
        );
    let command = |attached: &[&str]| {
        let send = [
            "message",
            "send",
            "--mailbox",
            &ann.address,
            "--to",
            &bob.address,
            "--subject",
            "s",
            "--text",
            "t",
        ];
        [&send, attached, &["--wait"]].concat().join("\n")
    };
    let send = |attached: &[&str]| {
        let command = command(attached);
        same_token.run(&command.lines().collect::<Vec<_>>())
    };
    let done = send(&["--attach-stored", &second, "--attach-upload", &blob]);
    assert!(done.status.success(), "{done:?}");
    let raw = arrived(&bob);
    let read = mail_message::read(&raw);
    let got: Vec<_> = read
        .attachments
        .iter()
        .map(|file| {
            let bytes = mail_message::attachment(&raw, file.index)
                .expect("a file")
                .bytes;
            (file.filename.as_str(), file.content_type.as_str(), bytes)
        })
        .collect();
    let wanted = [
        ("two.pdf", "application/pdf", b"%PDF two".to_vec()),
        (
            "large.bin",
            "application/octet-stream",
            b"from elsewhere".to_vec(),
        ),
    ];
    assert_eq!(got, wanted);

    // What is not there is told, and nothing goes out.
    for (flag, named) in [
        ("--attach-stored", format!("{id}/att_99")),
        (
            "--attach-upload",
            "upl_00000000000000000000000000".to_owned(),
        ),
        ("--attach-stored", "report.csv".to_owned()),
    ] {
        let refused = send(&[flag, &named]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && !told.is_empty(),
            "{flag} {named}"
        );
    }
    let stranger = command(&["--attach-upload", &blob]);
    let stranger = postroom.run(&stranger.lines().collect::<Vec<_>>());
    let told = String::from_utf8_lossy(&stranger.stderr).into_owned();
    assert!(told.contains("no upload of yours"), "{told}");
    assert_eq!(all(&postroom, "/v1/submissions").len(), 1);
}
