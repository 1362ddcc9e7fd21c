//! The copies of drafts: made later, of what was written last, as the one who wrote it.

use crate::common::{Filled, Fixture};
use crate::uploads::upload;
use axum::body::Body;
use model::access::Scope;
use model::folder::{Mode, Role};
use serde_json::json;
use std::time::Duration;
use store::folders::{self, ListChange, NewFolder};
use store::owed::{self, Intent};

/// The mailbox gets a Drafts folder.
async fn with_drafts(fixture: &Fixture, mailbox: &Filled) {
    let created = ListChange::Created(NewFolder {
        wire_name: "Drafts".into(),
        path: "Drafts".into(),
        delimiter: Some("/".into()),
        role: Some(Role::Drafts),
        mode: Mode::Full,
        object_id: None,
        empty: None,
    });
    folders::apply_list(&fixture.store, &mailbox.lease, vec![created])
        .await
        .unwrap();
}

/// The messages that are owed to the mailbox's server, once there is one.
async fn copies(fixture: &Fixture, mailbox: &Filled) -> Vec<Vec<u8>> {
    for _ in 0..200 {
        let owed = owed::list(&fixture.store, &mailbox.id, None, 100)
            .await
            .unwrap();
        let mut copies = Vec::new();
        for entry in &owed {
            let Intent::Import { digest, .. } = &entry.intent else {
                panic!("{entry:?}");
            };
            let place = store::blobs::find(&fixture.store, digest).await.unwrap();
            copies.push(fixture.store.blobs.read(&place, u64::MAX).await.unwrap());
        }
        if !copies.is_empty() {
            return copies;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no copy was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_is_what_was_written_last_by_the_one_who_wrote_it() {
    let fixture = Fixture::copying().await;
    let a = fixture.mailbox("ann@example.com").await;
    with_drafts(&fixture, &a).await;
    let made = store::access::create_token(
        &fixture.store,
        "t",
        &[Scope::Send],
        std::slice::from_ref(&a.id),
        None,
    );
    let (token, secret) = made.await.unwrap();
    let token_id = token.id;
    let secret = secret.expose();
    let file: Vec<u8> = (0..=255).cycle().take(700_000).collect();
    let uri = "/v1/uploads?filename=plan.bin";
    let body = Body::from(file.clone());
    let uploaded = upload(&fixture, secret, uri, "application/octet-stream", body).await;
    let blob = uploaded.expect(201)["blob_id"].clone();
    let body = json!({"mailbox_id": a.id, "subject": "Plan", "text": "first", "attachments": [{"blob_id": blob}]});
    let draft = fixture
        .with(secret, "POST", "/v1/drafts", Some(&body))
        .await
        .expect(201);
    assert_eq!(draft["on_server"], "owed");
    let uri = format!("/v1/drafts/{}", draft["id"].as_str().unwrap());
    for text in ["second", "third"] {
        let changed = fixture
            .with(secret, "PATCH", &uri, Some(&json!({"text": text})))
            .await;
        assert_eq!(changed.expect(200)["on_server"], "owed");
    }
    // What is wrong with the copy is said at once, though it is made later.
    let wrong = json!({"attachments": [{"blob_id": "upl_none"}]});
    let wrong = fixture
        .with(secret, "PATCH", &uri, Some(&wrong))
        .await
        .problem(422);
    assert_eq!(wrong["errors"][0]["pointer"], "/attachments/0/blob_id");
    // Who may do nothing any more has written it all the same.
    let revoked = fixture.delete(&format!("/v1/tokens/{token_id}")).await;
    assert_eq!(revoked.status, 204);
    fixture.clock.advance(50);
    let copies = copies(&fixture, &a).await;
    assert_eq!(copies.len(), 1);
    let read = mail_message::read(&copies[0]);
    assert_eq!(read.text.as_deref().map(str::trim), Some("third"));
    assert_eq!(read.attachments[0].filename, "plan.bin");
    let attached = mail_message::attachment(&copies[0], read.attachments[0].index).unwrap();
    assert!(attached.bytes == file);
    let kept = fixture.get(&uri).await.expect(200);
    assert_eq!(
        (&kept["version"], &kept["on_server"]),
        (&json!(3), &json!("owed"))
    );
}
