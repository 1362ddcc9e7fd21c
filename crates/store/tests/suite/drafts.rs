//! Drafts: what the lock of one mailbox does not keep apart.

use crate::common::both;
use serde_json::json;
use std::time::Duration;
use store::blobs::{Place, Stored};
use store::db::Dialect;
use store::drafts::{self, Version};
use store::{StoreError, Tx};

fn version(id: &str, mailbox_id: &str, after: i64) -> Version {
    Version {
        id: id.to_owned(),
        mailbox_id: mailbox_id.to_owned(),
        after,
        content: json!({"text": format!("version {}", after + 1)}),
        uploads: Vec::new(),
        copy: Stored {
            digest: format!("{:064}", after + 1),
            place: Place {
                segment: "none".to_owned(),
                position: 0,
                length: 1,
            },
        },
        internet_message_id: format!("{}@example.com", drafts::unique(id, after + 1)),
        subject: String::new(),
        replaces: None,
    }
}

/// Who changes a draft and gives it to another mailbox, and has not committed yet: whoever removes it or sends it holds the mailbox
/// where it was, and has seen the version before. (SQLite lets one writer in at a time.)
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_was_changed_meanwhile_is_not_taken_away() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("ann@example.com").await;
        let b = fixture.mailbox("bob@example.com").await;
        let dialect = store.db.read(|tx| Ok(tx.dialect())).await.unwrap();
        for sends in [false, true] {
            let id = drafts::fresh(store.now());
            drafts::save(store, version(&id, &a.id, 0)).await.unwrap();
            let (changed, seen) = std::sync::mpsc::channel::<()>();
            let (changes, mailbox_id, draft) = (store.clone(), b.id.clone(), id.clone());
            let changing = tokio::spawn(async move {
                let change = move |tx: &mut Tx<'_>| {
                    tx.exec(
                        "UPDATE drafts SET mailbox_id = $2, version = 2 WHERE id = $1",
                        &[(&draft).into(), (&mailbox_id).into()],
                    )?;
                    let _ = changed.send(());
                    while dialect == Dialect::Postgres && !somebody_waits(tx)? {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Ok(())
                };
                changes.db.write(change).await
            });
            tokio::task::spawn_blocking(move || seen.recv())
                .await
                .unwrap()
                .unwrap();
            let taken = match sends {
                false => drafts::remove(store, &id, Some(1)).await,
                true => {
                    let (id, now) = (id.clone(), store.now());
                    let send = move |tx: &mut Tx<'_>| drafts::send_in(tx, &id, Some(1), now);
                    store.db.write(send).await
                }
            };
            changing.await.unwrap().unwrap();
            assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
            let kept = drafts::get(store, &id).await.unwrap();
            assert_eq!((kept.version, &kept.mailbox_id), (2, &b.id));
            drafts::remove(store, &id, Some(2)).await.unwrap();
        }
    })
    .await;
}

/// Whether another transaction waits for this one.
fn somebody_waits(tx: &mut Tx<'_>) -> Result<bool, StoreError> {
    let sql =
        "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))";
    let row = tx.row(sql, &[])?;
    Ok(row.map_or(Ok(0), |row| row.get::<i64>(0))? > 0)
}
