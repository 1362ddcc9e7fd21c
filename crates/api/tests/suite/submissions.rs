//! Sending: what comes in, and the bytes that come of it.

use crate::common::{Fixture, raw};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use serde_json::{Value, json};

async fn bytes_of(fixture: &Fixture, submission: &Value) -> String {
    let id = submission["id"].as_str().unwrap();
    let digest = store::submissions::digest(&fixture.store, id)
        .await
        .unwrap();
    let place = store::blobs::find(&fixture.store, &digest).await.unwrap();
    String::from_utf8(fixture.store.blobs.read(&place, u64::MAX).await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_queued_with_every_recipient_and_no_bcc_in_its_bytes() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let body = json!({
        "mailbox_id": a.id, "to": [{"name": "Bob", "address": "bob@example.com"}],
        "cc": [{"address": "cy@example.com"}], "bcc": [{"address": "dee@example.com"}],
        "subject": "Grüße", "text": "Hello", "html": "<p>Hello</p>",
        "attachments": [{"filename": "a.txt", "content_type": "text/plain", "content_base64": STANDARD.encode("file")}],
        "send_at": "2026-02-01T00:00:00Z",
    });
    let answer = fixture.post("/v1/submissions", &body).await;
    let submission = answer.expect(202);
    assert_eq!(submission["state"], "queued");
    assert_eq!(submission["recipients"].as_array().unwrap().len(), 3);
    assert_eq!(submission["send_at"], "2026-02-01T00:00:00.000Z");
    let text = bytes_of(&fixture, &submission).await;
    assert!(
        text.contains("From: \"Ann\" <ann@example.com>")
            || text.contains("From: Ann <ann@example.com>"),
        "{text}"
    );
    assert!(!text.contains("dee@") && text.contains("a.txt"), "{text}");
    assert!(text.contains(submission["internet_message_id"].as_str().unwrap()));
    let uri = answer.header("location").to_owned();
    assert_eq!(fixture.delete(&uri).await.expect(200)["state"], "cancelled");
    assert_eq!(fixture.get(&uri).await.expect(200)["state"], "cancelled");
    fixture
        .post(&format!("{uri}/retry"), &json!({}))
        .await
        .problem(409);
    assert_eq!(
        fixture
            .get("/v1/submissions?state=cancelled")
            .await
            .expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        fixture
            .get("/v1/submissions?state=queued,failed")
            .await
            .expect(200)["data"],
        json!([])
    );
    fixture.get("/v1/submissions?state=lost").await.problem(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_may_be_named_in_a_zone_and_a_message_taken_back_before_it_goes_out() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let body = |more: Value| {
        let mut body = json!({"mailbox_id": a.id, "to": [{"address": "x@example.com"}], "subject": "s", "text": "t"});
        let fields = body.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        body
    };
    // Between these two the clocks are put forward.
    for (local, utc) in [
        ("2026-03-28T09:00", "2026-03-28T08:00:00.000Z"),
        ("2026-03-30T09:00", "2026-03-30T07:00:00.000Z"),
    ] {
        let named = json!({"send_at": local, "time_zone": "Europe/Vienna", "priority": "high"});
        let made = fixture
            .post("/v1/submissions", &body(named))
            .await
            .expect(202);
        assert_eq!(made["send_at"], utc);
        assert_eq!(made["next_attempt_at"], utc);
        assert_eq!(
            (&made["time_zone"], &made["priority"]),
            (&json!("Europe/Vienna"), &json!("high"))
        );
    }
    // An offset says which instant it is; the zone is only the one that the writer thinks in.
    for (offset, utc) in [
        ("2026-06-01T09:00:00+00:00", "2026-06-01T09:00:00.000Z"),
        ("2026-06-01T09:00:00Z", "2026-06-01T09:00:00.000Z"),
        ("2026-06-01T09:00:00-07:00", "2026-06-01T16:00:00.000Z"),
    ] {
        let named = body(json!({"send_at": offset, "time_zone": "America/New_York"}));
        let made = fixture.post("/v1/submissions", &named).await.expect(202);
        assert_eq!(made["send_at"], utc, "{offset}");
    }
    let waits = body(json!({"undo_seconds": 10}));
    let made = fixture.post("/v1/submissions", &waits).await.expect(202);
    let until = fixture.clock.now().plus_millis(10_000).to_string();
    assert_eq!(
        (&made["undo_until"], &made["next_attempt_at"]),
        (&json!(until), &json!(until))
    );
    for (wrong, pointer) in [
        (
            json!({"send_at": "2026-03-28T09:00", "time_zone": "Mars/Olympus"}),
            "/time_zone",
        ),
        (json!({"time_zone": "Europe/Vienna"}), "/time_zone"),
        (json!({"send_at": "2026-03-28T09:00"}), "/send_at"),
        (
            json!({"send_at": "tomorrow", "time_zone": "Europe/Vienna"}),
            "/send_at",
        ),
        (json!({"undo_seconds": 601}), "/undo_seconds"),
    ] {
        let answer = fixture.post("/v1/submissions", &body(wrong.clone())).await;
        let problem = answer.problem(422);
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{wrong}: {problem:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_message_has_the_date_of_the_day_when_it_goes_out() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let dates = |text: &str| {
        let lines = text.lines().take_while(|line| !line.is_empty());
        let dates = lines.filter_map(|line| line.strip_prefix("Date: "));
        dates.map(str::to_owned).collect::<Vec<_>>()
    };
    let date_of = async |submission: &Value| dates(&bytes_of(&fixture, submission).await);
    let at = |at: Timestamp| vec![mail_message::date_field(at.0)];
    let later = Timestamp::parse("2026-02-01T00:00:00Z").unwrap();
    let now = fixture.clock.now();
    let parts = json!({"to": [{"address": "x@x.test"}], "subject": "s", "text": "t"});
    let raw = |head: &str| {
        let mail = format!("From: ann@example.com\r\nTo: x@x.test\r\n{head}\r\nDate: none\r\n");
        json!({"raw_base64": STANDARD.encode(mail)})
    };
    let own = "Sat, 3 Jan 2026 00:00:00 +0000";
    let dated = raw(&format!("Date: {own}\r\n"));
    for (body, send_at, date, waits, redated) in [
        (&parts, Some("2026-02-01T00:00:00Z"), at(later), true, true),
        (&parts, Some("2026-01-01"), at(now), false, false),
        (&parts, None, at(now), false, false),
        (
            &raw(""),
            Some("2026-02-01T00:00:00Z"),
            at(later),
            true,
            true,
        ),
        // What its writer has dated keeps that.
        (
            &dated,
            Some("2026-02-01"),
            vec![own.to_owned()],
            true,
            false,
        ),
    ] {
        let mut body = body.clone();
        (body["mailbox_id"], body["send_at"]) = (json!(a.id), json!(send_at));
        let begun = fixture.clock.now();
        let date = if date == at(now) { at(begun) } else { date };
        let made = fixture.post("/v1/submissions", &body).await.expect(202);
        assert_eq!(date_of(&made).await, date, "{body}");
        // Tried before its time it goes out as a message of that moment.
        fixture.clock.advance(90_000);
        let uri = format!("/v1/submissions/{}/retry", made["id"].as_str().unwrap());
        let tried = fixture.post(&uri, &json!({})).await.expect(200);
        let moment = fixture.clock.now();
        let wanted = if redated { at(moment) } else { date };
        assert_eq!(date_of(&tried).await, wanted, "{body}");
        let send_at = if waits {
            json!(moment)
        } else {
            made["send_at"].clone()
        };
        assert_eq!(tried["send_at"], send_at, "{body}");
    }
    let scheduled = fixture.get("/v1/submissions?scheduled=true").await;
    assert_eq!(scheduled.expect(200)["data"], json!([]));
    // A large file goes along unchanged.
    let file: Vec<u8> = (0..=250).cycle().take(3_000_000).collect();
    let mut body = parts.clone();
    body["attachments"] = json!([{"filename": "a.bin", "content_base64": STANDARD.encode(&file)}]);
    (body["mailbox_id"], body["send_at"]) = (json!(a.id), json!("2026-02-01"));
    let made = fixture.post("/v1/submissions", &body).await.expect(202);
    let before = bytes_of(&fixture, &made).await;
    fixture.clock.advance(90_000);
    let uri = format!("/v1/submissions/{}/retry", made["id"].as_str().unwrap());
    let tried = fixture.post(&uri, &json!({})).await.expect(200);
    let after = bytes_of(&fixture, &tried).await;
    let new = mail_message::date_field(fixture.clock.now().0);
    assert!(after == before.replacen(&mail_message::date_field(later.0), &new, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_time_is_a_list_of_its_own() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let mut body = json!({"mailbox_id": a.id, "to": [{"address": "x@example.com"}], "subject": "s", "text": "t"});
    fixture.post("/v1/submissions", &body).await.expect(202);
    body["send_at"] = json!("2026-02-01T00:00:00Z");
    let later = fixture.post("/v1/submissions", &body).await.expect(202);
    let scheduled = async || {
        let list = fixture.get("/v1/submissions?scheduled=true").await;
        let list = list.expect(200)["data"].as_array().unwrap().clone();
        list.iter().map(|s| s["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(scheduled().await, [later["id"].clone()]);
    let uri = format!("/v1/submissions/{}", later["id"].as_str().unwrap());
    fixture.delete(&uri).await.expect(200);
    assert!(scheduled().await.is_empty());
    fixture.post("/v1/submissions", &body).await.expect(202);
    fixture.clock.advance(60 * 24 * 3_600_000);
    assert!(scheduled().await.is_empty(), "its time has come");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_takes_subject_recipient_conversation_and_quote_from_the_original() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    fixture.fill(&a, "INBOX", &[(1, &raw(1, "Plans"))]).await;
    let id = fixture.get("/v1/messages").await.expect(200)["data"][0]["id"].clone();
    let body = json!({"mailbox_id": a.id, "in_reply_to_message_id": id, "text": "Yes."});
    let submission = fixture.post("/v1/submissions", &body).await.expect(202);
    assert_eq!(submission["subject"], "Re: Plans");
    assert_eq!(submission["recipients"][0]["address"], "bob@example.com");
    let text = bytes_of(&fixture, &submission).await;
    assert!(
        text.contains("In-Reply-To: <m1@example.com>")
            && text.contains("References: <m1@example.com>"),
        "{text}"
    );
    assert!(
        text.contains("Yes.") && text.contains("> Hello Plans"),
        "{text}"
    );
    let own = json!({"mailbox_id": a.id, "in_reply_to_message_id": id, "text": "Yes.\n\n> Hello Plans\n"});
    let submission = fixture.post("/v1/submissions", &own).await.expect(202);
    assert_eq!(
        bytes_of(&fixture, &submission)
            .await
            .matches("Hello Plans")
            .count(),
        1
    );
    let forward = json!({"mailbox_id": a.id, "forward_message_id": id, "to": [{"address": "x@example.com"}], "text": "See"});
    let submission = fixture.post("/v1/submissions", &forward).await.expect(202);
    assert_eq!(submission["subject"], "Fwd: Plans");
    assert!(
        bytes_of(&fixture, &submission)
            .await
            .contains("Forwarded message")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_message_goes_out_as_it_is_without_bcc() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let mail = "From: Ann <ann@example.com>\nTo: x@example.com\nBcc: hidden@example.com\nSubject: raw\n\nBody\n";
    let body = json!({"mailbox_id": a.id, "raw_base64": STANDARD.encode(mail)});
    let submission = fixture.post("/v1/submissions", &body).await.expect(202);
    assert_eq!(submission["recipients"].as_array().unwrap().len(), 2);
    let text = bytes_of(&fixture, &submission).await;
    assert!(
        text.starts_with("Message-ID: <")
            && text.ends_with("\r\n\r\nBody\r\n")
            && !text.contains("hidden@"),
        "{text}"
    );
    let to = json!({"mailbox_id": a.id, "raw_base64": STANDARD.encode(mail), "envelope": {"to": ["z@example.com"]}});
    let submission = fixture.post("/v1/submissions", &to).await.expect(202);
    assert_eq!(submission["recipients"][0]["address"], "z@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_refused_with_a_pointer() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("ann@example.com").await;
    let to = json!([{"address": "x@example.com"}]);
    let raw = |text: &str| STANDARD.encode(text);
    let cases = [
        (json!({"to": []}), "/to"),
        (json!({"to": [{"address": "nobody"}]}), "/to/0/address"),
        (
            json!({"to": [{"address": "a@b.c\r\nRCPT TO:<v@x.y>"}]}),
            "/to/0/address",
        ),
        (json!({"to": to, "subject": "a\r\nBcc: v@x.y"}), "/subject"),
        (
            json!({"to": to, "attachments": [{"filename": "a", "content_base64": "%%%"}]}),
            "/attachments/0/content_base64",
        ),
        (json!({"to": to, "headers": {"Bcc": "v@x.y"}}), ""),
        (
            json!({"to": to, "in_reply_to_message_id": "msg_none"}),
            "/in_reply_to_message_id",
        ),
        (json!({"to": to, "raw_base64": raw("A: b\n\nx")}), "/to"),
        (
            json!({"raw_base64": raw("From: ann@example.com\n\nx")}),
            "/raw_base64",
        ),
        (
            json!({"raw_base64": raw("From: ann@example.com\nTo: x@y.z\n\nx\r.\r\n")}),
            "/raw_base64",
        ),
        (
            json!({"raw_base64": raw("From: ann@example.com\n\nx"), "envelope": {"to": ["a b@c.d"]}}),
            "/envelope/to/0",
        ),
        (json!({"to": to, "send_at": "tomorrow"}), "/send_at"),
        (json!({"to": to, "surprise": 1}), "/surprise"),
    ];
    for (mut body, pointer) in cases {
        body["mailbox_id"] = json!(a.id);
        let problem = fixture.post("/v1/submissions", &body).await.problem(422);
        let found = problem["errors"][0]["pointer"].as_str().unwrap();
        assert!(found.starts_with(pointer), "{body}: {problem}");
    }
    assert_eq!(
        fixture.get("/v1/submissions").await.expect(200)["data"],
        json!([])
    );
    let body = json!({"mailbox_id": "mbx_none", "to": to});
    fixture.post("/v1/submissions", &body).await.problem(404);
    fixture
        .post(&format!("/v1/mailboxes/{}/disable", a.id), &json!({}))
        .await
        .expect(200);
    let refused = fixture
        .post("/v1/submissions", &json!({"mailbox_id": a.id, "to": to}))
        .await
        .problem(409);
    assert_eq!(refused["code"], "mailbox_not_enabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_to_oneself_is_answered_to_oneself() {
    let fixture = Fixture::new().await;
    let a = fixture.mailbox("a@example.com").await;
    let note = "From: a@example.com\r\nTo: a@example.com\r\nSubject: note\r\nMessage-ID: <n@example.com>\r\n\r\nx\r\n";
    fixture.fill(&a, "INBOX", &[(1, note)]).await;
    let list = fixture.get("/v1/messages").await.expect(200);
    let body = json!({"mailbox_id": a.id, "in_reply_to_message_id": list["data"][0]["id"], "text": "done"});
    let sent = fixture.post("/v1/submissions", &body).await.expect(202);
    assert_eq!(sent["recipients"][0]["address"], "a@example.com");
}
