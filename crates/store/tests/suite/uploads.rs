//! Files that wait to become part of a message: the same on both databases.

use crate::common::{Fixture, both};
use model::limits::{UPLOAD_MILLIS, UPLOADS_KEPT};
use store::drafts::{self, Version};
use store::uploads::{self, NewUpload, Upload};
use store::{Store, StoreError, blobs, sweep};

const HOUR: i64 = 3_600_000;

async fn brought(store: &Store, owner: &str, text: &str) -> Result<Upload, StoreError> {
    let new = NewUpload {
        owner: owner.to_owned(),
        stored: store.blobs.put(text.as_bytes()).await?,
        filename: "a.txt".to_owned(),
        content_type: "text/plain".to_owned(),
    };
    uploads::create(store, new).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_its_owners_for_a_day_and_then_the_sweep_takes_it() {
    both(|fixture: Fixture| async move {
        let f = &fixture;
        let upload = brought(&f.store, "tok_1", "hello").await.expect("kept");
        let (found, place) = uploads::find(&f.store, "tok_1", None, &upload.blob_id)
            .await
            .expect("found");
        assert_eq!(found, upload);
        assert_eq!(
            f.store.blobs.read(&place, u64::MAX).await.expect("read"),
            b"hello"
        );
        let other = uploads::find(&f.store, "tok_2", None, &upload.blob_id).await;
        assert!(matches!(other, Err(StoreError::NotFound(_))));

        // Brought once more, it is the same one: a request that names it is the same request.
        let again = brought(&f.store, "tok_1", "hello").await.expect("kept");
        assert_eq!(again.blob_id, upload.blob_id);
        let others = brought(&f.store, "tok_2", "hello").await.expect("kept");
        assert_ne!(others.blob_id, upload.blob_id);

        // The bytes are old enough to be swept, but something refers to them.
        f.clock.advance(UPLOAD_MILLIS - HOUR);
        sweep::run(&f.store).await.expect("swept");
        uploads::find(&f.store, "tok_1", None, &upload.blob_id)
            .await
            .expect("still there");
        f.clock.advance(2 * HOUR);
        let late = uploads::find(&f.store, "tok_1", None, &upload.blob_id).await;
        assert!(matches!(late, Err(StoreError::NotFound(_))));
        sweep::run(&f.store).await.expect("swept");
        let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let gone = blobs::find(&f.store, digest).await;
        assert!(matches!(gone, Err(StoreError::NotFound(_))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_there_for_the_draft_that_names_it_as_long_as_that_stands() {
    both(|fixture: Fixture| async move {
        let f = &fixture;
        let mailbox = f.mailbox("ann@example.com").await;
        let upload = brought(&f.store, "tok_1", "hello").await.expect("kept");
        let id = drafts::fresh(f.store.now());
        let draft = Version {
            id: id.clone(),
            mailbox_id: mailbox.id,
            after: 0,
            content: serde_json::json!({"text": "t"}),
            uploads: vec![upload.blob_id.clone()],
            caller: serde_json::json!({}),
            replaces: None,
        };
        drafts::save(&f.store, draft).await.expect("kept");
        f.clock.advance(UPLOAD_MILLIS + HOUR);
        sweep::run(&f.store).await.expect("swept");
        let find = async |owner: &'static str, draft: Option<&str>| {
            let found = uploads::find(&f.store, owner, draft, &upload.blob_id).await;
            found.map(|(upload, _)| upload.blob_id)
        };
        for (owner, draft) in [
            ("tok_1", None),
            ("tok_1", Some(&*id)),
            ("tok_2", Some(&*id)),
        ] {
            assert_eq!(find(owner, draft).await.expect("there"), upload.blob_id);
        }
        for draft in [None, Some("drf_other")] {
            let none = find("tok_2", draft).await;
            assert!(matches!(none, Err(StoreError::NotFound(_))), "{none:?}");
        }
        drafts::remove(&f.store, &id, None).await.expect("removed");
        let none = find("tok_2", Some(&id)).await;
        assert!(matches!(none, Err(StoreError::NotFound(_))), "{none:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_fills_the_disk_with_uploads() {
    both(|fixture: Fixture| async move {
        let f = &fixture;
        let now = f.store.now();
        let insert = f.store.db.write(move |tx| {
            for n in 0..UPLOADS_KEPT {
                tx.exec(
                    "INSERT INTO uploads (id, owner, digest, size, filename, content_type, created_at)
                     VALUES ($1, 'tok_1', 'd', 1, 'a', 'a/b', $2)",
                    &[format!("upl_{n}").into(), now.into()],
                )?;
            }
            Ok(())
        });
        insert.await.expect("many");
        let refused = brought(&f.store, "tok_1", "one more").await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))));
        brought(&f.store, "tok_2", "somebody else's").await.expect("kept");
        f.clock.advance(UPLOAD_MILLIS + HOUR);
        brought(&f.store, "tok_1", "the next day").await.expect("kept");
    })
    .await;
}
