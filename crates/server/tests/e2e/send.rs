//! Send: a submission arrives once, with the right bytes, and its fate is told recipient by recipient.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_sim::{ImapScript, ImapSim, SmtpFault, SmtpScript, SmtpSim};
use serde_json::{Value, json};
use testkit::{Api, ImapProbe, Mail, Proxy, TestUser, servers, user, wait_for};

use crate::setting::{
    SOON, all, connect, connect_whole, events, mail, postroom, settings, simulated, text,
    wait_count, with,
};

/// Hands over a message.
#[track_caller]
pub fn submit(api: &Api, body: &Value) -> String {
    let (status, submission) = api.post("/v1/submissions", body);
    assert_eq!(status, 202, "{submission:#}");
    text(&submission, "id").to_owned()
}

/// Waits until a submission is in this state.
#[track_caller]
pub fn wait_state(api: &Api, id: &str, state: &str) -> Value {
    api.poll(&format!("/v1/submissions/{id}"), SOON, |_, value| {
        (value["state"] == state).then(|| value.clone())
    })
}

/// The raw mails in a folder, once there are so many.
#[track_caller]
pub fn arrived(user: &TestUser, folder: &str, count: usize) -> Vec<String> {
    wait_for(SOON, &format!("{count} mails in {folder}"), || {
        let mut probe = ImapProbe::login(user);
        if probe.examine(folder).exists as usize != count {
            return None;
        }
        let uids = probe.search("ALL");
        Some(
            uids.into_iter()
                .map(|uid| String::from_utf8_lossy(&probe.fetch(uid)).into_owned())
                .collect(),
        )
    })
}

/// A mailbox that sends by a simulator and reads from another.
fn sending_by(api: &Api, smtp: &SmtpSim, imap: &ImapSim) -> String {
    let outgoing = json!({"host": "127.0.0.1", "port": smtp.port(), "security": "none"});
    connect(
        api,
        with(simulated(imap.port()), json!({"outgoing": outgoing})),
    )
}

#[test]
fn text_html_and_attachments_arrive_and_one_copy_is_filed() {
    let (ann, bob, eve) = (user("ann"), user("bob"), user("eve"));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    let file: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let id = submit(
        &postroom,
        &json!({
            "mailbox_id": mailbox,
            "to": [{"name": "Böb", "address": bob.address}],
            "bcc": [{"address": eve.address}],
            "subject": "Grüße an 明日",
            "text": "Hällo Bob\n.\nfrom Ann",
            "html": "<p>Hällo <b>Bob</b></p>",
            "attachments": [{"filename": "Größe 1.bin", "content_type": "application/octet-stream", "content_base64": STANDARD.encode(&file)}],
        }),
    );
    let accepted = wait_state(&postroom, &id, "accepted");
    let recipients = accepted["recipients"].as_array().expect("a list");
    assert_eq!(recipients.len(), 2);
    assert!(
        recipients
            .iter()
            .all(|r| r["state"] == "accepted" && r["code"] == 250),
        "{accepted:#}"
    );

    let at_bob = arrived(&bob, "INBOX", 1).remove(0);
    let at_eve = arrived(&eve, "INBOX", 1).remove(0);
    assert!(
        !at_bob.to_lowercase().contains(&eve.address) && !at_eve.to_lowercase().contains("bcc:"),
        "{at_bob}"
    );
    assert!(at_bob.contains(text(&accepted, "internet_message_id")));
    let in_sent = arrived(&ann, "Sent", 1).remove(0);
    assert!(
        at_bob.ends_with(&in_sent[in_sent.find("MIME-Version").expect("a header")..]),
        "the copy is what went out"
    );

    // Bob's own Postroom reads what Ann wrote.
    connect_whole(&postroom, &bob);
    let path = "/v1/messages?role=inbox&q=subject:gr%C3%BC%C3%9Fe";
    let received = wait_count(&postroom, path, 1).remove(0);
    let message_path = format!("/v1/messages/{}", text(&received, "id"));
    let (_, message) = postroom.get(&format!("{message_path}?body=text,html"));
    assert_eq!(message["subject"], "Grüße an 明日");
    assert_eq!(message["to"][0]["name"], "Böb");
    let lines: Vec<&str> = text(&message, "text").lines().collect();
    assert_eq!(lines, ["Hällo Bob", ".", "from Ann"]);
    assert!(text(&message, "html").contains("<b>Bob</b>"));
    let attachment = &message["attachments"][0];
    assert_eq!(
        (&attachment["filename"], &attachment["size"]),
        (&json!("Größe 1.bin"), &json!(100_000))
    );
    let got = postroom.send(
        "GET",
        &format!("{message_path}/attachments/{}", text(attachment, "id")),
        &[],
        b"",
    );
    assert_eq!(got.status, 200);
    assert!(got.body == file, "the attachment's bytes are equal");
    let disposition = got.header("content-disposition").unwrap_or_default();
    assert!(disposition.starts_with("attachment"), "{disposition}");

    let filed = postroom.poll(&format!("/v1/submissions/{id}"), SOON, |_, value| {
        (value["sent_copy"]["state"] == "filed" && value["message_id"].is_string())
            .then(|| value.clone())
    });
    assert_eq!(filed["possible_duplicate"], false);
    assert_eq!(arrived(&ann, "Sent", 1).len(), 1);
    assert_eq!(events(&postroom, "submission.*").len(), 2);
}

#[test]
fn each_recipient_has_a_fate_of_its_own() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    let refused = format!("{}@example.test", testkit::unique("refused"));
    let later = format!("{}@example.test", testkit::unique("later"));
    let to = |address: &str| json!({"address": address});
    let id = submit(
        &postroom,
        &json!({
            "mailbox_id": mailbox, "to": [to(&bob.address), to(&refused), to(&later)], "subject": "s", "text": "t",
        }),
    );
    let deferred = wait_state(&postroom, &id, "deferred");
    let fates: Vec<(&str, &str, u64)> = deferred["recipients"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| {
            (
                text(r, "address"),
                text(r, "state"),
                r["code"].as_u64().unwrap_or(0),
            )
        })
        .collect();
    assert_eq!(
        fates,
        [
            (bob.address.as_str(), "accepted", 250),
            (&refused, "failed", 550),
            (&later, "deferred", 450)
        ]
    );
    assert!(deferred["next_attempt_at"].is_string());
    assert!(text(&deferred["recipients"][1], "text").contains("does not exist"));

    // A second try goes to the one that is still open, and cancelling ends that.
    let path = format!("/v1/submissions/{id}");
    assert!(postroom.post(&format!("{path}/retry"), &json!({})).0 < 300);
    postroom.poll(&path, SOON, |_, value| {
        (value["attempts"] == 2 && value["state"] == "deferred").then_some(())
    });
    let (status, cancelled) = postroom.delete(&path);
    assert_eq!(status, 200, "{cancelled:#}");
    assert_eq!(
        cancelled["recipients"][2]["state"], "cancelled",
        "{cancelled:#}"
    );
    assert_eq!(arrived(&bob, "INBOX", 1).len(), 1);
}

#[test]
fn a_greylisted_message_is_deferred_and_then_sent_with_the_same_id() {
    let smtp = SmtpSim::start(SmtpScript::new().fault(SmtpFault::Greylist));
    let imap = ImapSim::start(ImapScript::new().folder("Sent"));
    let postroom = postroom();
    let mailbox = sending_by(&postroom, &smtp, &imap);
    let id = submit(
        &postroom,
        &json!({"mailbox_id": mailbox, "to": [{"address": "bob@x.test"}], "subject": "s", "text": "t"}),
    );
    let deferred = wait_state(&postroom, &id, "deferred");
    assert_eq!(smtp.mails(), []);
    assert!(
        postroom
            .post(&format!("/v1/submissions/{id}/retry"), &json!({}))
            .0
            < 300
    );
    let accepted = wait_state(&postroom, &id, "accepted");
    assert_eq!(
        accepted["internet_message_id"],
        deferred["internet_message_id"]
    );
    let mails = smtp.mails();
    assert_eq!(
        (mails.len(), mails[0].to.as_slice()),
        (1, ["bob@x.test".to_owned()].as_slice())
    );
    let told: Vec<String> = events(&postroom, "submission.*")
        .iter()
        .map(|e| text(e, "type").to_owned())
        .collect();
    assert_eq!(
        told,
        [
            "submission.queued",
            "submission.deferred",
            "submission.accepted"
        ]
    );
}

#[test]
fn a_lost_answer_is_said_to_be_unclear_and_nothing_is_sent_twice() {
    let smtp = SmtpSim::start(SmtpScript::new().fault(SmtpFault::CloseAfterDot));
    let imap = ImapSim::start(ImapScript::new().folder("Sent"));
    let postroom = postroom();
    let mailbox = sending_by(&postroom, &smtp, &imap);
    let id = submit(
        &postroom,
        &json!({"mailbox_id": mailbox, "to": [{"address": "bob@x.test"}], "subject": "s", "text": "t"}),
    );
    wait_state(&postroom, &id, "unclear");
    assert_eq!(smtp.mails().len(), 1);
}

#[test]
fn a_refused_sign_in_for_sending_is_tried_twice_at_most() {
    let smtp = SmtpSim::start(SmtpScript::new());
    let imap = ImapSim::start(ImapScript::new().folder("Sent"));
    let postroom = postroom();
    let mailbox = sending_by(&postroom, &smtp, &imap);
    smtp.set_faults(&[SmtpFault::RefuseAuth("535 5.7.8 wrong password".to_owned())]);
    let before = smtp.logins();
    let ids: Vec<String> = (0..3)
        .map(|n| submit(&postroom, &json!({"mailbox_id": mailbox, "to": [{"address": "bob@x.test"}], "subject": format!("s{n}"), "text": "t"})))
        .collect();
    for id in &ids {
        postroom.poll(&format!("/v1/submissions/{id}"), SOON * 2, |_, value| {
            (value["problem_id"] == "password_refused").then_some(())
        });
    }
    assert!(smtp.logins() - before <= 2, "{}", smtp.logins() - before);
}

#[test]
fn the_outbox_survives_a_power_cut_and_each_mail_goes_out_once() {
    let (ann, bob) = (user("ann"), user("bob"));
    let proxy = Proxy::start(servers().submission_plain_port);
    let mut postroom = postroom();
    let outgoing = json!({"host": "127.0.0.1", "port": proxy.port(), "security": "none"});
    let mailbox = connect(
        &postroom,
        with(settings(&ann), json!({"outgoing": outgoing})),
    );
    proxy.set(testkit::Fault::Refuse);
    for n in 0..5 {
        submit(
            &postroom,
            &json!({"mailbox_id": mailbox, "to": [{"address": bob.address}], "subject": format!("s{n}"), "text": "t"}),
        );
    }
    postroom.kill9();
    postroom.restart();
    proxy.set(testkit::Fault::None);
    for submission in all(&postroom, "/v1/submissions") {
        let path = format!("/v1/submissions/{}", text(&submission, "id"));
        let (status, answer) = postroom.post(&format!("{path}/retry"), &json!({}));
        assert!(status < 300 || status == 409, "{answer:#}");
        wait_state(&postroom, text(&submission, "id"), "accepted");
    }
    assert_eq!(arrived(&bob, "INBOX", 5).len(), 5);
    assert_eq!(arrived(&ann, "Sent", 5).len(), 5);
}

#[test]
fn an_answer_names_the_original_quotes_it_and_marks_it_answered() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let original = format!(
        "From: Bob <{}>\r\nTo: {}\r\nSubject: Offer\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n\
         Message-ID: <second@x.test>\r\nReferences: <first@x.test>\r\nIn-Reply-To: <first@x.test>\r\n\r\nHow much is it?\r\n",
        bob.address, ann.address
    );
    ann.seed(
        "INBOX",
        [Mail {
            raw: original.into_bytes(),
            internal_date: 1_767_600_000,
            flags: vec![],
            subject: "Offer".into(),
            message_id: None,
            sentence: None,
        }],
    );
    let mailbox = connect_whole(&postroom, &ann);
    let message = all(&postroom, "/v1/messages").remove(0);
    let id = submit(
        &postroom,
        &json!({"mailbox_id": mailbox, "in_reply_to_message_id": message["id"], "text": "Ten euros."}),
    );
    wait_state(&postroom, &id, "accepted");
    let raw = arrived(&bob, "INBOX", 1).remove(0);
    let unfolded = raw.replace("\r\n ", " ").replace("\r\n\t", " ");
    assert!(unfolded.contains("Subject: Re: Offer\r\n"), "{raw}");
    assert!(
        unfolded.contains("In-Reply-To: <second@x.test>\r\n"),
        "{raw}"
    );
    assert!(
        unfolded.contains("References: <first@x.test> <second@x.test>\r\n"),
        "{raw}"
    );
    assert!(
        raw.contains("> How much is it?") && raw.contains("Ten euros."),
        "{raw}"
    );
    // The copy in Sent belongs to the conversation.
    wait_count(
        &postroom,
        &format!("/v1/messages?thread_id={}", text(&message, "thread_id")),
        2,
    );
    wait_for(
        SOON,
        "the original is marked answered on the server",
        || {
            let inbox = ImapProbe::login(&ann).contents("INBOX");
            inbox
                .values()
                .any(|(flags, _)| flags.contains("\\Answered"))
                .then_some(())
        },
    );
}

#[test]
fn an_idempotency_key_makes_one_mail_and_refuses_another_body() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    let body = json!({"mailbox_id": mailbox, "to": [{"address": bob.address}], "subject": "once", "text": "t"});
    let key = [("idempotency-key", "order-4711")];
    let (first, one) = postroom.send_json("POST", "/v1/submissions", &key, &body);
    let (second, two) = postroom.send_json("POST", "/v1/submissions", &key, &body);
    assert_eq!((first, second), (202, 202), "{two:#}");
    assert_eq!(one["id"], two["id"]);
    let (status, other) = postroom.send_json(
        "POST",
        "/v1/submissions",
        &key,
        &with(body, json!({"subject": "twice"})),
    );
    assert_eq!(status, 409, "{other:#}");
    wait_state(&postroom, text(&one, "id"), "accepted");
    assert_eq!(arrived(&bob, "INBOX", 1).len(), 1);
    assert_eq!(all(&postroom, "/v1/submissions").len(), 1);
}

#[test]
fn a_message_for_later_waits_and_can_be_cancelled() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    let id = submit(
        &postroom,
        &json!({"mailbox_id": mailbox, "to": [{"address": bob.address}], "subject": "s", "text": "t", "send_at": "2099-01-01T00:00:00Z"}),
    );
    let (_, queued) = postroom.get(&format!("/v1/submissions/{id}"));
    assert_eq!(
        (&queued["state"], &queued["attempts"]),
        (&json!("queued"), &json!(0))
    );
    let (status, cancelled) = postroom.delete(&format!("/v1/submissions/{id}"));
    assert_eq!(
        (status, &cancelled["state"]),
        (200, &json!("cancelled")),
        "{cancelled:#}"
    );
    let (status, problem) = postroom.post(&format!("/v1/submissions/{id}/retry"), &json!({}));
    assert!((400..500).contains(&status), "{problem:#}");
    assert_eq!(events(&postroom, "submission.cancelled").len(), 1);
}

#[test]
fn nothing_can_be_smuggled_into_headers_or_commands() {
    let smtp = SmtpSim::start(SmtpScript::new());
    let imap = ImapSim::start(ImapScript::new().folder("Sent"));
    let postroom = postroom();
    let mailbox = sending_by(&postroom, &smtp, &imap);
    let good = json!({"mailbox_id": mailbox, "to": [{"address": "bob@x.test"}], "subject": "s", "text": "t"});
    for (fields, pointer) in [
        (json!({"subject": "s\r\nBcc: eve@x.test"}), "/subject"),
        (json!({"subject": "s\nX: y"}), "/subject"),
        (
            json!({"to": [{"address": "bob@x.test\r\nRCPT TO:<eve@x.test>"}]}),
            "/to/0/address",
        ),
        (
            json!({"to": [{"address": "bob@x.test"}, {"address": "bob@x.test> SIZE=1"}]}),
            "/to/1/address",
        ),
        (
            json!({"to": [{"name": "Bob\r\nBcc: eve@x.test", "address": "bob@x.test"}]}),
            "/to/0/name",
        ),
        (json!({"cc": [{"address": "no address"}]}), "/cc/0/address"),
        (
            json!({"from": {"address": "boss@elsewhere.test"}}),
            "/from/address",
        ),
        (
            json!({"headers": {"X-A": "1\r\nBcc: eve@x.test"}}),
            "/headers/X-A",
        ),
        (
            json!({"headers": {"X-A: 1\r\nBcc": "eve@x.test"}}),
            "/headers/X-A: 1\r\nBcc",
        ),
        (json!({"headers": {"Bcc": "eve@x.test"}}), "/headers/Bcc"),
        (
            json!({"attachments": [{"filename": "a\r\nX: y", "content_base64": ""}]}),
            "/attachments/0/filename",
        ),
        (
            json!({"attachments": [{"filename": "a", "content_type": "text/plain\r\nX: y", "content_base64": ""}]}),
            "/attachments/0/content_type",
        ),
        (
            json!({"attachments": [{"filename": "a", "content_base64": "%%%"}]}),
            "/attachments/0/content_base64",
        ),
        (json!({"to": []}), "/to"),
        (
            json!({"in_reply_to_message_id": "msg_nowhere"}),
            "/in_reply_to_message_id",
        ),
    ] {
        let (status, problem) =
            postroom.post("/v1/submissions", &with(good.clone(), fields.clone()));
        assert!(
            (400..500).contains(&status),
            "{fields}: {status} {problem:#}"
        );
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{fields}: {problem:#}"
        );
    }
    assert_eq!(all(&postroom, "/v1/submissions").len(), 0);

    // Bare line ends and lone dots in texts are text.
    let id = submit(
        &postroom,
        &with(
            good,
            json!({"text": "a\n.\nb\r\n.\r\nMAIL FROM:<x@x.test>\rc", "html": "<p>x\n.\n</p>"}),
        ),
    );
    wait_state(&postroom, &id, "accepted");
    let mails = smtp.mails();
    assert_eq!(mails.len(), 1);
    let data = String::from_utf8_lossy(&mails[0].data).into_owned();
    let bare = data.replace("\r\n", "");
    assert!(!bare.contains(['\r', '\n']), "{data:?}");
}

#[test]
fn a_raw_message_goes_out_as_it_is_without_its_bcc() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    let raw = String::from_utf8(mail("Raw", "raw body"))
        .expect("text")
        .replace("sender@elsewhere.test", &ann.address)
        .replace(
            "To: somebody@example.test\r\n",
            &format!("To: {}\r\nBcc: hidden@example.test\r\n", bob.address),
        );
    let body = json!({"mailbox_id": mailbox, "raw_base64": STANDARD.encode(&raw), "envelope": {"to": [bob.address]}});
    let id = submit(&postroom, &body);
    wait_state(&postroom, &id, "accepted");
    let got = arrived(&bob, "INBOX", 1).remove(0);
    assert!(
        got.contains("raw body") && !got.contains("hidden@"),
        "{got}"
    );
}

#[test]
fn killed_while_the_server_takes_a_message_it_is_unclear_and_sent_once() {
    let smtp = SmtpSim::start(SmtpScript::new().fault(SmtpFault::StallAfterDot));
    let imap = ImapSim::start(ImapScript::new().folder("Sent"));
    let mut postroom = postroom();
    let mailbox = sending_by(&postroom, &smtp, &imap);
    let id = submit(
        &postroom,
        &json!({"mailbox_id": mailbox, "to": [{"address": "bob@x.test"}], "subject": "s", "text": "t"}),
    );
    wait_for(SOON, "the server has the message", || {
        (smtp.mails().len() == 1).then_some(())
    });
    postroom.kill9();
    smtp.set_faults(&[]);
    postroom.restart();
    let unclear = wait_state(&postroom, &id, "unclear");
    assert_eq!(unclear["recipients"][0]["state"], "unclear", "{unclear:#}");
    assert_eq!(events(&postroom, "submission.unclear").len(), 1);
    // Another one goes out as if nothing had been.
    let other = submit(
        &postroom,
        &json!({"mailbox_id": mailbox, "to": [{"address": "bob@x.test"}], "subject": "other", "text": "t"}),
    );
    wait_state(&postroom, &other, "accepted");
    assert_eq!(smtp.mails().len(), 2);
    // Only a person sends it again, and then it is said that it may be a second copy.
    let (status, again) = postroom.post(&format!("/v1/submissions/{id}/retry"), &json!({}));
    assert!(status < 300, "{again:#}");
    let accepted = wait_state(&postroom, &id, "accepted");
    assert_eq!(accepted["possible_duplicate"], true, "{accepted:#}");
    assert_eq!(
        accepted["internet_message_id"],
        unclear["internet_message_id"]
    );
}

#[test]
fn killed_with_some_recipients_put_off_a_copy_proves_nothing_of_them() {
    let put_off = SmtpFault::TempfailRecipient("eve@x.test".into());
    let smtp = SmtpSim::start(
        SmtpScript::new()
            .fault(SmtpFault::StallAfterDot)
            .fault(put_off),
    );
    let imap = ImapSim::start(ImapScript::new().folder("Sent"));
    let mut postroom = postroom();
    let mailbox = sending_by(&postroom, &smtp, &imap);
    let to = json!([{"address": "bob@x.test"}, {"address": "eve@x.test"}]);
    let body = json!({"mailbox_id": mailbox, "to": to, "subject": "s", "text": "t"});
    let id = submit(&postroom, &body);
    wait_for(SOON, "the server has the message", || {
        (smtp.mails().len() == 1).then_some(())
    });
    postroom.kill9();
    smtp.set_faults(&[]);
    // The server has filed what it took: that is the fate of the one. The other one gets it now, and nobody twice.
    imap.deliver("Sent", &smtp.mails()[0].data);
    postroom.restart();
    let accepted = wait_state(&postroom, &id, "accepted");
    assert_eq!(accepted["possible_duplicate"], false, "{accepted:#}");
    let got: Vec<Vec<String>> = smtp.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(got, [["bob@x.test"], ["eve@x.test"]], "{accepted:#}");
}
