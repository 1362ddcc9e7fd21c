//! Composing: what an answer, a forward or a file of another message becomes.

use crate::common::{Filled, Fixture};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::access::Scope;
use serde_json::{Value, json};

/// The message that a submission sends, as it goes out.
pub async fn bytes_of(fixture: &Fixture, submission: &Value) -> Vec<u8> {
    let id = submission["id"].as_str().unwrap();
    let digest = store::submissions::digest(&fixture.store, id)
        .await
        .unwrap();
    let place = store::blobs::find(&fixture.store, &digest).await.unwrap();
    fixture.store.blobs.read(&place, u64::MAX).await.unwrap()
}

/// Hands over a message and reads what goes out.
async fn sent(fixture: &Fixture, body: &Value) -> (Value, mail_message::Message, Vec<u8>) {
    let submission = fixture.post("/v1/submissions", body).await.expect(202);
    let bytes = bytes_of(fixture, &submission).await;
    (submission, mail_message::read(&bytes), bytes)
}

async fn stored(fixture: &Fixture, mailbox: &Filled, mail: &str) -> Value {
    fixture.fill(mailbox, "INBOX", &[(1, mail)]).await;
    let uri = format!("/v1/messages?mailbox_id={}", mailbox.id);
    fixture.get(&uri).await.expect(200)["data"][0]["id"].clone()
}

fn addresses(list: &[mail_message::Address]) -> Vec<&str> {
    list.iter().map(|a| a.address.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_all_goes_to_everybody_but_oneself_and_to_whom_else_is_named() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let mail = "From: Bob <bob@x.test>\r\nTo: ANN@example.com, Cy <cy@x.test>\r\nCc: dee@x.test\r\nSubject: s\r\n\
        Message-ID: <1@x.test>\r\n\r\nHello\r\n";
    let id = stored(&fixture, &a, mail).await;
    let body =
        json!({"mailbox_id": a.id, "in_reply_to_message_id": id, "reply_all": true, "text": "Yes"});
    let (_, read, _) = sent(&fixture, &body).await;
    assert_eq!(addresses(&read.head.to), ["bob@x.test"]);
    assert_eq!(addresses(&read.head.cc), ["cy@x.test", "dee@x.test"]);
    // A copy that is named comes on top; somebody who is named already does not come twice.
    let more = json!({"mailbox_id": a.id, "in_reply_to_message_id": id, "reply_all": true, "text": "Yes",
        "cc": [{"address": "new@x.test"}], "bcc": [{"address": "DEE@x.test"}]});
    let (submission, read, _) = sent(&fixture, &more).await;
    assert_eq!(addresses(&read.head.to), ["bob@x.test"]);
    assert_eq!(addresses(&read.head.cc), ["new@x.test", "cy@x.test"]);
    assert_eq!(submission["recipients"].as_array().unwrap().len(), 4);
    // A form begins with what the message would have.
    let begun = async |kind: &str| {
        let uri = format!("/v1/messages/{}/answer?kind={kind}", id.as_str().unwrap());
        fixture.get(&uri).await.expect(200)
    };
    let all = begun("reply_all").await;
    assert_eq!(all["to"][0]["address"], "bob@x.test");
    assert_eq!(all["cc"].as_array().unwrap().len(), 2);
    assert_eq!(all["subject"], "Re: s");
    assert!(all["quoted_text"].as_str().unwrap().ends_with("> Hello\n"));
    assert_eq!(begun("reply").await["cc"], json!([]));
    assert_eq!(begun("forward").await["subject"], "Fwd: s");
    for (field, value) in [
        ("reply_all", json!(true)),
        ("forward_as", json!("attachment")),
        ("calendar_reply", json!("accepted")),
    ] {
        let mut body = json!({"mailbox_id": a.id, "to": [{"address": "x@x.test"}], "text": "t"});
        body[field] = value;
        let problem = fixture.post("/v1/submissions", &body).await.problem(422);
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"));
    }
}

/// Two mailboxes: one that only receives, and the installation's own sender. And a message in the first, which came to both.
async fn only_receives(fixture: &Fixture) -> (Filled, Filled, Value) {
    let support = fixture.mailbox("support@example.com").await;
    let robot = fixture.mailbox("robot@example.com").await;
    let change = async |mailbox: &Filled, part: Value| {
        let uri = format!("/v1/mailboxes/{}", mailbox.id);
        fixture.patch(&uri, &part).await.expect(200);
    };
    change(&support, json!({"outgoing": null})).await;
    change(&robot, json!({"system_sender": true})).await;
    let mail = "From: Bob <bob@x.test>\r\nTo: Support@example.com, Cy <cy@x.test>\r\n\
        Cc: dee@x.test, robot@example.com, help@example.com\r\nSubject: s\r\nMessage-ID: <1@x.test>\r\n\r\nHello\r\n";
    let alias = json!({"mailbox_id": support.id, "name": "Help", "address": "help@example.com"});
    fixture.post("/v1/identities", &alias).await.expect(201);
    let id = stored(fixture, &support, mail).await;
    (support, robot, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_all_through_another_mailbox_leaves_out_both_as_its_preview_does() {
    let fixture = Fixture::new().await;
    let (support, robot, id) = only_receives(&fixture).await;
    let body = json!({"in_reply_to_message_id": id, "reply_all": true, "text": "Yes"});
    let (submission, read, _) = sent(&fixture, &body).await;
    assert_eq!(submission["mailbox_id"], robot.id);
    assert_eq!(addresses(&read.head.to), ["bob@x.test"]);
    assert_eq!(addresses(&read.head.cc), ["cy@x.test", "dee@x.test"]);
    let uri = format!(
        "/v1/messages/{}/answer?kind=reply_all",
        id.as_str().unwrap()
    );
    let begun = fixture.get(&uri).await.expect(200);
    let addresses = |field: &str| {
        let list = begun[field].as_array().unwrap().iter();
        list.map(|a| a["address"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(addresses("to"), ["bob@x.test"]);
    assert_eq!(addresses("cc"), ["cy@x.test", "dee@x.test"]);
    assert_eq!(begun["mailbox_id"], robot.id, "{begun}");
    // Whoever may not send learns of no mailbox for it.
    let reads = fixture
        .token(&[Scope::Read], std::slice::from_ref(&support.id))
        .await;
    let begun = fixture.with(&reads, "GET", &uri, None).await.expect(200);
    assert_eq!(begun["mailbox_id"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_begins_in_the_mailbox_that_has_the_original_if_that_sends() {
    let fixture = Fixture::new().await;
    let (support, robot, id) = only_receives(&fixture).await;
    let begun = async |id: &Value| {
        let uri = format!("/v1/messages/{}/answer?kind=forward", id.as_str().unwrap());
        fixture.get(&uri).await.expect(200)["mailbox_id"].clone()
    };
    let other = fixture.mailbox("ann@example.com").await;
    let own = stored(
        &fixture,
        &other,
        "From: e@x.test\r\nSubject: own\r\n\r\nt\r\n",
    );
    assert_eq!(begun(&own.await).await, other.id);
    // Without a sender of its own and with several others, none is meant.
    let uri = format!("/v1/mailboxes/{}", robot.id);
    let plain = json!({"system_sender": false});
    fixture.patch(&uri, &plain).await.expect(200);
    assert_eq!(begun(&id).await, Value::Null);
    let body = json!({"in_reply_to_message_id": id, "text": "Yes"});
    let problem = fixture.post("/v1/submissions", &body).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/mailbox_id");
    let body = json!({"mailbox_id": support.id, "in_reply_to_message_id": id, "text": "Yes"});
    let problem = fixture.post("/v1/submissions", &body).await.problem(409);
    assert_eq!(problem["code"], "receive_only");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_forwarded_as_an_attachment_is_there_byte_for_byte() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let mail = "From: Bob <bob@x.test>\r\nTo: ann@example.com\r\nSubject: Offer 7/8\r\nMessage-ID: <1@x.test>\r\n\
        Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n";
    let id = stored(&fixture, &a, mail).await;
    let body = json!({"mailbox_id": a.id, "to": [{"address": "x@x.test"}], "forward_message_id": id,
        "forward_as": "attachment", "text": "Look"});
    let (submission, read, bytes) = sent(&fixture, &body).await;
    assert_eq!(submission["subject"], "Fwd: Offer 7/8");
    assert_eq!(read.text.as_deref().map(str::trim), Some("Look"));
    assert_eq!(read.attachments.len(), 1);
    let file = mail_message::attachment(&bytes, read.attachments[0].index).unwrap();
    assert_eq!(file.meta.content_type, "message/rfc822");
    assert_eq!(file.meta.filename, "Offer 7-8.eml");
    assert_eq!(String::from_utf8(file.bytes).unwrap(), mail);
    assert!(String::from_utf8_lossy(&bytes).contains("Content-Transfer-Encoding: 8bit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_stored_message_goes_along_for_who_may_read_it() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let b = fixture.mailbox("bo@example.com").await;
    let mail = "From: Bob <bob@x.test>\r\nTo: ann@example.com\r\nSubject: s\r\nMessage-ID: <1@x.test>\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\n\
        Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=plan.pdf\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nAQIDBA==\r\n--b--\r\n";
    let id = stored(&fixture, &a, mail).await;
    let uri = format!("/v1/messages/{}?body=text", id.as_str().unwrap());
    let file = fixture.get(&uri).await.expect(200)["attachments"][0]["id"].clone();
    let body = json!({"mailbox_id": a.id, "to": [{"address": "x@x.test"}], "text": "t",
        "attachments": [{"message_id": id, "attachment_id": file}, {"message_id": id, "attachment_id": file, "filename": "other.bin", "content_type": "text/csv"}]});
    let (_, read, bytes) = sent(&fixture, &body).await;
    let names: Vec<_> = read
        .attachments
        .iter()
        .map(|f| (f.filename.as_str(), f.content_type.as_str()))
        .collect();
    assert_eq!(
        names,
        [("plan.pdf", "application/pdf"), ("other.bin", "text/csv")]
    );
    let got = mail_message::attachment(&bytes, read.attachments[0].index).unwrap();
    assert_eq!(got.bytes, [1, 2, 3, 4]);

    let send = async |token: &str, from: &Filled, attachment: Value| {
        let body = json!({"mailbox_id": from.id, "to": [{"address": "x@x.test"}], "text": "t", "attachments": [attachment]});
        fixture
            .with(token, "POST", "/v1/submissions", Some(&body))
            .await
    };
    let along = json!({"message_id": id, "attachment_id": file});
    // Another mailbox's message is not there; who may only send learns nothing of what is stored.
    let other = fixture
        .token(&[Scope::Read, Scope::Send], std::slice::from_ref(&b.id))
        .await;
    let problem = send(&other, &b, along.clone()).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/attachments/0/message_id");
    let only_send = fixture
        .token(&[Scope::Send], std::slice::from_ref(&a.id))
        .await;
    send(&only_send, &a, along.clone()).await.problem(403);
    let forward =
        json!({"mailbox_id": a.id, "to": [{"address": "x@x.test"}], "forward_message_id": id});
    fixture
        .with(&only_send, "POST", "/v1/submissions", Some(&forward))
        .await
        .problem(403);
    let whole = fixture
        .token(&[Scope::Read, Scope::Send], std::slice::from_ref(&a.id))
        .await;
    send(&whole, &a, along).await.expect(202);
    for (attachment, pointer) in [
        (
            json!({"message_id": id, "attachment_id": "att_99"}),
            "/attachments/0/attachment_id",
        ),
        (json!({"message_id": id}), "/attachments/0"),
        (json!({"filename": "x"}), "/attachments/0"),
        (json!({"content_base64": "AQ=="}), "/attachments/0/filename"),
        (
            json!({"filename": "x", "content_base64": "AQ==", "message_id": id, "attachment_id": file}),
            "/attachments/0",
        ),
    ] {
        let problem = send(&whole, &a, attachment).await.problem(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_stored_messages_are_counted_while_they_are_taken_and_decoded_once() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let file: Vec<u8> = (0..=250).cycle().take(4_000_000).collect();
    let lines: Vec<String> = STANDARD
        .encode(&file)
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let mail = format!(
        "From: Bob <bob@x.test>\r\nTo: ann@example.com\r\nSubject: s\r\nMessage-ID: <1@x.test>\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\n\
        Content-Type: application/x-large\r\nContent-Disposition: attachment; filename=large.bin\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    );
    let id = stored(&fixture, &a, &mail).await;
    let uri = format!("/v1/messages/{}?body=text", id.as_str().unwrap());
    let attachment = fixture.get(&uri).await.expect(200)["attachments"][0]["id"].clone();
    let along = json!({"message_id": id, "attachment_id": attachment});
    let none = json!({"message_id": id, "attachment_id": "att_99"});
    let with = |files: Vec<Value>| json!({"mailbox_id": a.id, "to": [{"address": "x@x.test"}], "text": "t", "attachments": files});
    // Where the next blob begins tells what was written since.
    let mark = async |text: &str| {
        fixture
            .store
            .blobs
            .put(text.as_bytes())
            .await
            .unwrap()
            .place
    };

    let before = mark("before").await;
    let (_, read, bytes) = sent(&fixture, &with(vec![along.clone(); 2])).await;
    let after = mark("after").await;
    for meta in &read.attachments {
        let got = mail_message::attachment(&bytes, meta.index).unwrap();
        assert!(got.bytes == file, "{}", meta.filename);
    }
    assert_eq!(read.attachments.len(), 2);
    // The message, and the file once: it did not wait in memory, and was not decoded for each place.
    assert_eq!(before.segment, after.segment);
    let written = after.position - before.position - bytes.len() as u64;
    let size = file.len() as u64;
    assert!((size..size + size / 2).contains(&written), "{written}");

    // 40 of these are more than is sent: what comes after them is not even looked at.
    let mut many = vec![along; 40];
    many.push(none.clone());
    let large = fixture.post("/v1/submissions", &with(many)).await;
    assert_eq!(large.problem(413)["code"], "payload_too_large");
    let many = with(vec![none; 501]);
    let problem = fixture.post("/v1/submissions", &many).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/attachments");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_html_belong_together() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let with = |html: &str, attachments: Value| json!({"mailbox_id": a.id, "to": [{"address": "x@x.test"}], "html": html, "attachments": attachments});
    let gone = with("<img src='cid:gone'>", json!([]));
    let problem = fixture.post("/v1/submissions", &gone).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/html");
    let data = with("<p>a<img src='data:image/png;base64,AQID'></p>", json!([]));
    let (_, read, bytes) = sent(&fixture, &data).await;
    assert!(read.attachments[0].inline && read.attachments.len() == 1);
    let id = read.attachments[0].content_id.clone().unwrap();
    assert!(read.html.unwrap().contains(&format!("cid:{id}")));
    assert_eq!(
        mail_message::attachment(&bytes, read.attachments[0].index)
            .unwrap()
            .bytes,
        [1, 2, 3]
    );
    let unnamed = json!([{"filename": "a.png", "content_type": "image/png", "content_base64": "AQID", "content_id": "a", "inline": true}]);
    let (_, read, _) = sent(&fixture, &with("<p>a</p>", unnamed)).await;
    assert!(!read.attachments[0].inline, "nobody shows it: it is a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pictures_of_what_is_quoted_go_along_with_an_answer() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let mail = "From: Bob <bob@x.test>\r\nTo: ann@example.com\r\nSubject: s\r\nMessage-ID: <1@x.test>\r\n\
        Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hi<img src=\"cid:p@x\"><img src=\"cid:gone\"></p>\r\n--b\r\n\
        Content-Type: image/png\r\nContent-ID: <p@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nAQIDBA==\r\n--b\r\n\
        Content-Type: image/png\r\nContent-ID: <q@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nAQIDBA==\r\n--b--\r\n";
    let id = stored(&fixture, &a, mail).await;
    let body = json!({"mailbox_id": a.id, "in_reply_to_message_id": id, "html": "<p>Yes</p>"});
    let (_, read, _) = sent(&fixture, &body).await;
    let ids: Vec<_> = read
        .attachments
        .iter()
        .map(|f| f.content_id.as_deref())
        .collect();
    assert_eq!(ids, [Some("p@x")]);
    assert!(read.html.unwrap().contains("cid:p@x"));
    let plain = json!({"mailbox_id": a.id, "in_reply_to_message_id": id, "text": "Yes"});
    assert_eq!(sent(&fixture, &plain).await.1.attachments, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_answered_to_the_one_who_invited() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let mail = "From: Calendar <noreply@x.test>\r\nTo: ann@example.com\r\nSubject: Invitation\r\nMessage-ID: <1@x.test>\r\n\
        Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nCome\r\n--b\r\n\
        Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n\
        UID:77\r\nSEQUENCE:3\r\nSUMMARY:Plan\r\nORGANIZER:mailto:bo@x.test\r\nATTENDEE:mailto:ann@example.com\r\nDTSTART:20260302T100000Z\r\n\
        END:VEVENT\r\nEND:VCALENDAR\r\n--b--\r\n";
    let id = stored(&fixture, &a, mail).await;
    let body =
        json!({"mailbox_id": a.id, "in_reply_to_message_id": id, "calendar_reply": "declined"});
    let (submission, read, bytes) = sent(&fixture, &body).await;
    assert_eq!(submission["subject"], "Declined: Plan");
    assert_eq!(submission["calendar_reply"], "declined");
    assert_eq!(addresses(&read.head.to), ["bo@x.test"]);
    assert_eq!(read.head.in_reply_to.as_deref(), Some("1@x.test"));
    let calendar = read
        .attachments
        .iter()
        .find(|f| f.content_type == "text/calendar")
        .unwrap();
    let text = String::from_utf8(
        mail_message::attachment(&bytes, calendar.index)
            .unwrap()
            .bytes,
    )
    .unwrap();
    assert!(
        text.contains("METHOD:REPLY\r\n") && text.contains("UID:77\r\nSEQUENCE:3\r\n"),
        "{text}"
    );
    assert!(
        text.contains("ATTENDEE;PARTSTAT=DECLINED") && text.contains(":mailto:ann@example.com"),
        "{text}"
    );
    let raw = String::from_utf8_lossy(&bytes).into_owned();
    assert!(
        raw.contains("method=\"REPLY\"") || raw.contains("method=REPLY"),
        "{raw}"
    );

    // What was said is found by what it answers, and so is a word to the one who invited.
    fixture.clock.advance(1);
    let word = json!({"mailbox_id": a.id, "in_reply_to_message_id": id, "text": "Sorry"});
    let word = fixture.post("/v1/submissions", &word).await.expect(202);
    assert_eq!(word["calendar_reply"], Value::Null);
    let other = json!({"mailbox_id": a.id, "to": [{"address": "x@x.test"}], "text": "t"});
    fixture.post("/v1/submissions", &other).await.expect(202);
    let found = async |id: &str| {
        let path = format!("/v1/submissions?in_reply_to_message_id={id}");
        let list = fixture.get(&path).await.expect(200);
        let ids = list["data"].as_array().unwrap().iter();
        ids.map(|one| one["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        found(id.as_str().unwrap()).await,
        [word["id"].clone(), submission["id"].clone()]
    );
    assert_eq!(
        found("msg_00000000000000000000000000").await,
        [Value::Null; 0]
    );
    assert_eq!(found("nothing").await, [Value::Null; 0]);

    let b = fixture.mailbox("bo@example.com").await;
    fixture
        .fill(&b, "INBOX", &[(1, &crate::common::raw(9, "plain"))])
        .await;
    let list = fixture
        .get(&format!("/v1/messages?mailbox_id={}", b.id))
        .await
        .expect(200);
    let none = json!({"mailbox_id": b.id, "in_reply_to_message_id": list["data"][0]["id"], "calendar_reply": "accepted"});
    let problem = fixture.post("/v1/submissions", &none).await.problem(422);
    assert_eq!(problem["errors"][0]["pointer"], "/calendar_reply");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_repeated_under_its_key_makes_the_same_message_id() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let send = async |key: &str| {
        let body = json!({"mailbox_id": a.id, "to": [{"address": "x@x.test"}], "text": "t"});
        let request = axum::http::Request::post("/v1/submissions")
            .header("authorization", format!("Bearer {}", fixture.token))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(axum::body::Body::from(body.to_string()))
            .unwrap();
        fixture.send(request).await.expect(202)
    };
    let first = send("order-1").await;
    let id = first["internet_message_id"].as_str().unwrap();
    assert!(id.ends_with("@example.com"), "{id}");
    // The key is forgotten, as after a crash before its answer: the message is another submission with the same id.
    fixture.clock.advance(25 * 3_600_000);
    let again = send("order-1").await;
    assert_ne!(again["id"], first["id"]);
    assert_eq!(again["internet_message_id"], id);
    assert_ne!(send("order-2").await["internet_message_id"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_message_gets_what_it_lacks_and_says_nothing_twice() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let send = async |mail: &str| {
        let body = json!({"mailbox_id": a.id, "raw_base64": STANDARD.encode(mail)});
        fixture.post("/v1/submissions", &body).await
    };
    let mail = "Return-Path: <old@x.test>\r\nFrom: ann@example.com\r\nSender: Ann <ann@example.com>\r\nTo: j\u{f6}rg@x.test\r\n\r\nx\r\n";
    let submission = send(mail).await.expect(202);
    let bytes = String::from_utf8(bytes_of(&fixture, &submission).await).unwrap();
    assert!(
        bytes.contains("Date: ") && bytes.contains("MIME-Version: 1.0\r\n"),
        "{bytes}"
    );
    assert!(!bytes.contains("Return-Path"), "{bytes}");
    assert_eq!(submission["recipients"][0]["address"], "jörg@x.test");
    let whole = "Message-ID: <1@x.test>\r\nDate: Fri, 02 Jan 2026 03:04:05 +0000\r\nMIME-Version: 1.0\r\nFrom: ann@example.com\r\nTo: x@x.test\r\n\r\nx\r\n";
    let submission = send(whole).await.expect(202);
    assert_eq!(bytes_of(&fixture, &submission).await, whole.as_bytes());
    for bad in [
        "From: ann@example.com\r\nFrom: eve@x.test\r\nTo: x@x.test\r\n\r\nx",
        "From: ann@example.com\r\nSubject: a\r\nSUBJECT : b\r\nTo: x@x.test\r\n\r\nx",
        "From: ann@example.com\r\nno field\r\nTo: x@x.test\r\n\r\nx",
        "From: ann@example.com\r\nMessage-ID: <>\r\nTo: x@x.test\r\n\r\nx",
    ] {
        let problem = send(bad).await.problem(422);
        assert_eq!(problem["errors"][0]["pointer"], "/raw_base64", "{bad}");
    }
    for name in ["Sender", "Resent-From", "Resent-Sender"] {
        let bad = format!("From: ann@example.com\r\n{name}: eve@x.test\r\nTo: x@x.test\r\n\r\nx");
        let problem = send(&bad).await.problem(403);
        assert_eq!(problem["code"], "identity_not_allowed", "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_beyond_ascii_is_accepted_and_written_as_it_is() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let body = json!({"mailbox_id": a.id, "to": [{"address": "jörg@müller.test"}], "text": "t"});
    let (submission, read, _) = sent(&fixture, &body).await;
    assert_eq!(
        submission["recipients"][0]["address"],
        "jörg@xn--mller-kva.test"
    );
    assert_eq!(addresses(&read.head.to), ["jörg@xn--mller-kva.test"]);
}
