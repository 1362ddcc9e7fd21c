//! The ledger of messages that could not be stored.

use crate::common::Fixture;
use model::event::Origin;
use serde_json::json;
use store::failures::NewFailure;
use store::folders::Cursor;
use store::ingest::Batch;

const LETTER: &str = "Subject: nobody can read this\r\n\r\nx\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_a_message_that_could_not_be_stored_can_be_downloaded_where_they_are_kept() {
    let fixture = Fixture::new().await;
    let mailbox = fixture.mailbox("ann@example.com").await;
    let kept = fixture.store.blobs.put(LETTER.as_bytes()).await.unwrap();
    let failure = |uid, raw| NewFailure {
        uid,
        problem_id: "message_unreadable".into(),
        reason: "no".into(),
        raw,
    };
    let batch = Batch {
        folder_id: mailbox.folders["INBOX"].clone(),
        uid_validity: 7,
        origin: Origin::Backfill,
        messages: Vec::new(),
        failures: vec![failure(1, Some(kept)), failure(2, None)],
        gone: Vec::new(),
        cursor: Cursor::default(),
        copies_too: false,
    };
    let none = |_: &_, _: &[_], _: &mut dyn FnMut() -> String| Default::default();
    store::ingest::ingest(&fixture.store, &mailbox.lease, batch, none)
        .await
        .unwrap();
    let uri = format!("/v1/mailboxes/{}/failures", mailbox.id);
    let page = fixture.get(&uri).await.expect(200);
    let row = |uid: i64| {
        let rows = page["data"].as_array().unwrap().iter();
        rows.clone().find(|row| row["uid"] == uid).unwrap().clone()
    };
    let (with, without) = (row(1), row(2));
    assert_eq!(
        (&with["has_raw"], &without["has_raw"]),
        (&json!(true), &json!(false))
    );
    let raw = |row: &serde_json::Value| format!("{uri}/{}/raw", row["id"].as_str().unwrap());
    let answer = fixture.get(&raw(&with)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text()),
        (200, LETTER.to_owned())
    );
    assert!(
        answer
            .header("content-disposition")
            .starts_with("attachment")
    );
    fixture.get(&raw(&without)).await.problem(404);
    let other = fixture.mailbox("bob@example.com").await;
    let foreign = raw(&with).replace(&mailbox.id, &other.id);
    fixture.get(&foreign).await.problem(404);
}
