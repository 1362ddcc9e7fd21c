//! Messages of which only the header is stored: nothing passes it off as the message.

use crate::common::{Filled, Fixture};
use base64::Engine as _;
use model::event::Origin;
use serde_json::{Value, json};
use std::time::Duration;
use store::failures::NewFailure;
use store::folders::Cursor;
use store::ingest::Batch;
use store::messages;

const LETTER: &str = "From: Bob <bob@example.com>\r\nTo: ann@example.com\r\nSubject: The plan\r\n\
Message-ID: <plan@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
--b\r\nContent-Type: text/plain\r\n\r\nThe secret word is heron.\r\n\
--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nattached\r\n--b--\r\n";

async fn header_of_a_letter() -> (Fixture, Filled, String) {
    let fixture = Fixture::new().await;
    let mailbox = fixture.mailbox("ann@example.com").await;
    fixture.fill_heads(&mailbox, "INBOX", &[(1, LETTER)]).await;
    let page = fixture.get("/v1/messages").await.expect(200);
    let id = page["data"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(page["data"][0]["complete"], false);
    assert_eq!(page["data"][0]["size"], LETTER.len());
    (fixture, mailbox, id)
}

/// Does what the synchronisation does once the message was asked for.
async fn once_asked(fixture: &Fixture, mailbox: &Filled, unreadable: bool) {
    let folder = &mailbox.folders["INBOX"];
    while messages::asked_uids(&fixture.store, folder, 7)
        .await
        .unwrap()
        != [1]
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    if !unreadable {
        return fixture.fill(mailbox, "INBOX", &[(1, LETTER)]).await;
    }
    let batch = Batch {
        folder_id: folder.clone(),
        uid_validity: 7,
        origin: Origin::Backfill,
        messages: Vec::new(),
        failures: vec![NewFailure {
            uid: 1,
            problem_id: "message_unreadable".into(),
            reason: "no".into(),
            raw: None,
        }],
        gone: Vec::new(),
        cursor: Cursor::default(),
        copies_too: false,
    };
    let none = |_: &_, _: &[_], _: &mut dyn FnMut() -> String| Default::default();
    store::ingest::ingest(&fixture.store, &mailbox.lease, batch, none)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_is_never_given_as_the_message_that_it_is_of() {
    let (fixture, mailbox, id) = header_of_a_letter().await;
    for uri in ["?body=text", "?body=html", "/raw", "/attachments/att_1"] {
        let problem = fixture.get(&format!("/v1/messages/{id}{uri}")).await;
        assert_eq!(problem.problem(409)["code"], "headers_only", "{uri}");
    }
    let head = fixture.get(&format!("/v1/messages/{id}")).await.expect(200);
    assert_eq!(head["subject"], "The plan");
    for (word, found) in [("plan", 1), ("heron", 0)] {
        let page = fixture
            .get(&format!("/v1/messages?q={word}"))
            .await
            .expect(200);
        assert_eq!(page["data"].as_array().unwrap().len(), found, "{word}");
    }

    let uri = format!("/v1/messages/{id}/fetch");
    let body = json!({});
    let (fetched, ()) = tokio::join!(
        fixture.post(&uri, &body),
        once_asked(&fixture, &mailbox, false)
    );
    let fetched = fetched.expect(200);
    assert_eq!(
        (&fetched["id"], &fetched["complete"]),
        (&json!(id), &json!(true))
    );
    let letter = fixture.get(&format!("/v1/messages/{id}?body=text")).await;
    let letter = letter.expect(200);
    assert!(letter["text"].as_str().unwrap().contains("heron"));
    assert_eq!(letter["attachments"][0]["filename"], "a.txt");
    let page = fixture.get("/v1/messages?q=heron").await.expect(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_rest_cannot_be_read_is_not_waited_for() {
    let (fixture, mailbox, id) = header_of_a_letter().await;
    let uri = format!("/v1/messages/{id}/fetch");
    let began = std::time::Instant::now();
    let body = json!({});
    let (answer, ()) = tokio::join!(
        fixture.post(&uri, &body),
        once_asked(&fixture, &mailbox, true)
    );
    assert_eq!(answer.expect(202)["complete"], false);
    assert!(began.elapsed() < Duration::from_secs(4));
}

fn sent(letter: &[u8]) -> String {
    String::from_utf8_lossy(letter).into_owned()
}

async fn raw_of(fixture: &Fixture, submission: &Value) -> String {
    let id = submission["id"].as_str().unwrap().to_owned();
    let place = fixture
        .store
        .db
        .read(move |tx| {
            let sql = "SELECT b.segment, b.position, b.length FROM submissions s JOIN blobs b ON b.digest = s.digest WHERE s.id = $1";
            let row = tx.row(sql, &[id.into()])?.unwrap();
            Ok(store::blobs::Place {
                segment: row.get(0)?,
                position: row.get::<i64>(1)? as u64,
                length: row.get::<i64>(2)? as u64,
            })
        })
        .await
        .unwrap();
    sent(&fixture.store.blobs.read(&place, u64::MAX).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_forwards_or_quotes_a_header_sends_the_whole_message_or_nothing() {
    for field in ["forward_message_id", "in_reply_to_message_id"] {
        let (fixture, mailbox, id) = header_of_a_letter().await;
        let request = json!({
            "mailbox_id": mailbox.id, "to": [{"address": "cy@example.com"}], "text": "See below.", field: id,
        });
        let (refused, ()) = tokio::join!(
            fixture.post("/v1/submissions", &request),
            once_asked(&fixture, &mailbox, true)
        );
        assert_eq!(refused.problem(409)["code"], "headers_only", "{field}");
        let (answer, ()) = tokio::join!(
            fixture.post("/v1/submissions", &request),
            once_asked(&fixture, &mailbox, false)
        );
        let letter = raw_of(&fixture, &answer.expect(202)).await;
        assert!(letter.contains("heron"), "{field}: {letter}");
        if field == "forward_message_id" {
            let file = base64::engine::general_purpose::STANDARD.encode("attached");
            let there = letter.contains("attached") || letter.contains(&file);
            assert!(there && letter.contains("a.txt"), "{letter}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_quotes_nothing_needs_the_header_alone() {
    let (fixture, mailbox, id) = header_of_a_letter().await;
    let request = json!({
        "mailbox_id": mailbox.id, "text": "Yes.", "quote": false, "in_reply_to_message_id": id,
    });
    let answer = fixture.post("/v1/submissions", &request).await.expect(202);
    let letter = raw_of(&fixture, &answer).await;
    assert!(
        letter.contains("In-Reply-To: <plan@example.com>"),
        "{letter}"
    );
    assert!(letter.contains("bob@example.com"), "{letter}");
}
