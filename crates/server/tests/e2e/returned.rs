//! What comes back to a mailbox is linked to what was sent from it: bounces and notices of Postfix, bounces in words, answers.

use crate::send::{submit, wait_state};
use crate::setting::{SOON, connect_whole, events, postroom, text, wait_count};
use serde_json::{Value, json};
use testkit::{Api, deliver, unique, user};

/// A submission, once something came back for all of its recipients.
#[track_caller]
fn wait_returned(api: &Api, id: &str) -> Value {
    api.poll(&format!("/v1/submissions/{id}"), SOON, |_, value| {
        let all = value["recipients"].as_array()?;
        let back = all.iter().all(|r| r["returned"].is_object());
        back.then(|| value.clone())
    })
}

#[test]
fn postfixs_notices_and_bounces_show_at_each_recipient_of_the_submission() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    let gone = format!("{}@example.test", unique("bounce"));
    let asked = submit(
        &postroom,
        &json!({
            "mailbox_id": mailbox, "to": [{"address": bob.address}, {"address": gone}], "subject": "Offer", "text": "t",
            "dsn": {"notify": ["success", "failure"]},
        }),
    );
    // Nothing is asked for here: a bounce comes all the same, and its Message-ID tells.
    let plain = submit(
        &postroom,
        &json!({"mailbox_id": mailbox, "to": [{"address": gone}], "subject": "Another", "text": "t"}),
    );
    let both = wait_returned(&postroom, &asked);
    assert_eq!(both["state"], "accepted", "{both:#}");
    let kinds: Vec<(&str, &Value)> = both["recipients"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| (text(&r["returned"], "kind"), &r["returned"]["confidence"]))
        .collect();
    let certain = json!("certain");
    assert_eq!(kinds, [("delivered", &certain), ("bounce", &certain)]);
    let one = wait_returned(&postroom, &plain);
    let returned = &one["recipients"][0]["returned"];
    assert_eq!(returned["permanent"], true, "{one:#}");

    // The message that says so says what it is about.
    let path = format!("/v1/messages/{}?body=text", text(returned, "message_id"));
    let (_, message) = postroom.get(&path);
    assert_eq!(message["report"]["kind"], "bounce");
    assert_eq!(message["report"]["submission_id"], json!(plain));
    assert_eq!(message["answers"]["submission_id"], json!(plain));
    let bounced = events(&postroom, "message.bounced");
    let about = |event: &&Value| event["data"]["submission_id"] == json!(plain);
    assert_eq!(bounced.iter().filter(about).count(), 1, "{bounced:#?}");
    let told = events(&postroom, "submission.returned");
    let of = |id: &str| {
        told.iter()
            .filter(|e| e["data"]["submission_id"] == json!(id))
            .count()
    };
    assert_eq!(of(&plain), 1, "{told:#?}");
    assert!((1..=2).contains(&of(&asked)), "{told:#?}");
    let shown = postroom.run(&["outbox", "show", &plain]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("returned for good"), "{shown}");
}

#[test]
fn a_bounce_in_words_and_an_answer_find_their_message_and_somebody_elses_do_not() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    let id = submit(
        &postroom,
        &json!({"mailbox_id": mailbox, "to": [{"address": bob.address}], "subject": "Offer", "text": "t"}),
    );
    let accepted = wait_state(&postroom, &id, "accepted");
    let ours = text(&accepted, "internet_message_id").to_owned();
    let ours = format!("<{}>", ours.trim_matches(['<', '>']));
    let words = |message_id: &str, subject: &str| {
        format!(
            "Return-Path: <>\r\nFrom: MAILER-DAEMON@far.test\r\nTo: {}\r\nSubject: failure notice\r\n\r\n\
             I was not able to deliver your message.\r\n\r\n<{}>:\r\n550 5.1.1 no such user\r\n\r\n\
             --- Below this line is a copy of the message.\r\n\r\nMessage-ID: {message_id}\r\nFrom: {}\r\nSubject: {subject}\r\n",
            ann.address, bob.address, ann.address
        )
    };
    deliver(
        &ann,
        words("<another@far.test>", "Something else").as_bytes(),
    );
    deliver(&ann, words(&ours, "Offer").as_bytes());
    let answer = format!(
        "From: {}\r\nTo: {}\r\nSubject: Re: Offer\r\nMessage-ID: <{}@far.test>\r\nIn-Reply-To: {ours}\r\n\r\nYes.\r\n\r\n\
         On Monday, 2 March 2026, Ann wrote:\r\n> t\r\n",
        bob.address,
        ann.address,
        unique("answer")
    );
    deliver(&ann, answer.as_bytes());
    let returned = wait_returned(&postroom, &id);
    assert_eq!(returned["recipients"][0]["returned"]["status"], "5.1.1");
    assert_eq!(
        returned["recipients"][0]["returned"]["confidence"],
        "likely"
    );
    let messages = wait_count(&postroom, "/v1/messages?role=inbox", 3);
    let received = events(&postroom, "message.received");
    let linked = |subject: &str| -> Vec<&Value> {
        received
            .iter()
            .filter(|e| e["data"]["subject"] == json!(subject))
            .map(|e| &e["data"]["submission_id"])
            .collect()
    };
    assert_eq!(linked("Re: Offer"), [&json!(id)]);
    let notices = linked("failure notice");
    assert_eq!(
        notices.iter().filter(|v| **v == &json!(id)).count(),
        1,
        "{notices:?}"
    );
    let answer = messages
        .iter()
        .find(|m| m["subject"] == "Re: Offer")
        .expect("it came");
    let (_, answer) = postroom.get(&format!("/v1/messages/{}?body=text", text(answer, "id")));
    assert_eq!(answer["reply_text"], "Yes.");
    assert_eq!(answer["answers"]["kind"], "reply");
    assert_eq!(answer["answers"]["submission_id"], json!(id));
}

#[test]
fn a_reading_receipt_is_asked_for_given_once_by_choice_and_shown_at_the_recipient() {
    let (ann, bob) = (user("ann"), user("bob"));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    let bobs = connect_whole(&postroom, &bob);
    let id = submit(
        &postroom,
        &json!({"mailbox_id": mailbox, "to": [{"address": bob.address}], "subject": "Größe", "text": "t", "read_receipt": true}),
    );
    let path = format!("/v1/messages?role=inbox&mailbox_id={bobs}");
    let received = wait_count(&postroom, &path, 1).remove(0);
    let message = format!("/v1/messages/{}", text(&received, "id"));
    let (_, body) = postroom.get(&format!("{message}?body=text"));
    assert_eq!(body["receipt_to"][0]["address"], json!(ann.address));
    // Reading it tells nobody.
    let submissions = |of: &str| postroom.get(&format!("/v1/submissions?mailbox_id={of}")).1;
    assert_eq!(submissions(&bobs)["data"], json!([]));
    let (status, receipt) = postroom.post(&format!("{message}/read-receipt"), &json!({}));
    assert_eq!(status, 202, "{receipt:#}");
    let (status, problem) = postroom.post(
        &format!("{message}/read-receipt"),
        &json!({"disposition": "denied"}),
    );
    assert_eq!(status, 409, "{problem:#}");
    assert!(
        problem["type"]
            .as_str()
            .is_some_and(|t| t.contains("receipt_not_possible"))
            || problem["code"] == "receipt_not_possible",
        "{problem:#}"
    );
    wait_state(&postroom, text(&receipt, "id"), "accepted");
    let back = wait_returned(&postroom, &id);
    assert_eq!(back["recipients"][0]["returned"]["kind"], "read");
    let (_, read) = postroom.get(&message);
    assert!(
        read["flags"]["keywords"]
            .as_array()
            .is_some_and(|k| k.contains(&json!("$MDNSent"))),
        "{read:#}"
    );
    // What asks for nothing gets nothing.
    let path = format!("/v1/messages?role=inbox&mailbox_id={mailbox}");
    let notice = wait_count(&postroom, &path, 1).remove(0);
    let (status, _) = postroom.post(
        &format!("/v1/messages/{}/read-receipt", text(&notice, "id")),
        &json!({}),
    );
    assert_eq!(status, 409);
}

#[test]
fn receipts_of_certified_mail_are_linked_and_its_envelopes_are_opened() {
    let (ann, kim) = (user("ann"), user("kim"));
    let postroom = postroom();
    let mailbox = connect_whole(&postroom, &ann);
    let id = submit(
        &postroom,
        &json!({"mailbox_id": mailbox, "to": [{"address": kim.address}], "subject": "Offerta", "text": "t"}),
    );
    let accepted = wait_state(&postroom, &id, "accepted");
    let ours = text(&accepted, "internet_message_id")
        .trim_matches(['<', '>'])
        .to_owned();
    let receipt = |kind: &str| {
        format!(
            "From: posta-certificata@pec.test\r\nTo: {}\r\nSubject: {kind}: Offerta\r\nX-Ricevuta: {kind}\r\n\
             X-Riferimento-Message-ID: <{ours}>\r\nContent-Type: multipart/mixed; boundary=\"m\"\r\n\r\n--m\r\n\r\n{kind}\r\n--m\r\n\
             Content-Type: application/xml; name=\"daticert.xml\"\r\n\r\n<postacert tipo=\"{kind}\" errore=\"nessuno\"><intestazione>\
             <destinatari tipo=\"certificato\">{}</destinatari></intestazione></postacert>\r\n--m--\r\n",
            ann.address, kim.address
        )
    };
    deliver(&ann, receipt("accettazione").as_bytes());
    let first = wait_returned(&postroom, &id);
    assert_eq!(first["recipients"][0]["returned"]["kind"], "accepted");
    deliver(&ann, receipt("avvenuta-consegna").as_bytes());
    postroom.poll(&format!("/v1/submissions/{id}"), SOON, |_, value| {
        (value["recipients"][0]["returned"]["kind"] == "delivered").then_some(())
    });
    let envelope = format!(
        "From: \"Per conto di: kim@pec.test\" <posta-certificata@pec.test>\r\nTo: {}\r\nSubject: POSTA CERTIFICATA: Risposta\r\n\
         X-Trasporto: posta-certificata\r\nContent-Type: multipart/mixed; boundary=\"m\"\r\n\r\n--m\r\n\r\nIl messaggio e' in allegato\r\n\
         --m\r\nContent-Type: application/xml; name=\"daticert.xml\"\r\n\r\n<postacert><intestazione><mittente>kim@pec.test</mittente></intestazione></postacert>\r\n\
         --m\r\nContent-Type: message/rfc822; name=\"postacert.eml\"\r\n\r\nFrom: kim@pec.test\r\nSubject: Risposta\r\n\
         Content-Type: multipart/mixed; boundary=\"i\"\r\n\r\n--i\r\n\r\nVa bene\r\n--i\r\nContent-Type: application/pdf; name=\"atto.pdf\"\r\n\
         Content-Disposition: attachment\r\n\r\nthe file\r\n--i--\r\n--m--\r\n",
        ann.address
    );
    deliver(&ann, envelope.as_bytes());
    let all = wait_count(&postroom, "/v1/messages?role=inbox", 3);
    let carried = all
        .iter()
        .find(|m| {
            m["subject"]
                .as_str()
                .is_some_and(|s| s.starts_with("POSTA"))
        })
        .expect("the envelope");
    assert_eq!(carried["preview"], "Va bene");
    let path = format!("/v1/messages/{}", text(carried, "id"));
    let (_, body) = postroom.get(&format!("{path}?body=text"));
    assert_eq!(
        body["text"].as_str().map(str::trim),
        Some("Va bene"),
        "{body:#}"
    );
    assert_eq!(body["certified"]["kind"], "message");
    assert_eq!(body["certified"]["sender"], "kim@pec.test");
    let file = body["attachments"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|a| a["filename"] == "atto.pdf")
        .expect("the file in the envelope");
    let got = postroom.send(
        "GET",
        &format!("{path}/attachments/{}", text(file, "id")),
        &[],
        b"",
    );
    assert_eq!((got.status, got.body.as_slice()), (200, &b"the file"[..]));
}
