//! The removal of a mailbox: invisible at once, taken away in small pieces.

use crate::common::{Fixture, both};
use crate::reading::{mailbox, put};
use model::submission::State;
use store::{StoreError, messages, removal, reports, submissions, threads};

/// Rows of a mailbox in every table that has any.
async fn rows(f: &Fixture, mailbox: &str) -> i64 {
    let mailbox = mailbox.to_owned();
    f.store
        .db
        .read(move |tx| {
            let mut rows = 0;
            for table in [
                "messages",
                "threads",
                "thread_links",
                "folders",
                "failures",
                "owed",
                "submissions",
                "reports",
                "leases",
                "couriers",
            ] {
                let sql = format!("SELECT count(*) FROM {table} WHERE mailbox_id = $1");
                let row = tx.row(&sql, &[(&mailbox).into()])?;
                rows += row.map_or(Ok(0), |row| row.get::<i64>(0))?;
            }
            Ok(rows)
        })
        .await
        .unwrap()
}

async fn count(f: &Fixture, sql: &'static str) -> i64 {
    let read = f.store.db.read(move |tx| {
        let row = tx.row(sql, &[])?;
        row.map_or(Ok(0), |row| row.get::<i64>(0))
    });
    read.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_mailbox_is_gone_at_once_and_taken_away_piece_by_piece() {
    both(|f| async move {
        let store = &f.store;
        let (going, staying) = (
            mailbox(&f, "ann@example.com").await,
            mailbox(&f, "bob@example.com").await,
        );
        for uid in 1..=4 {
            for filled in [&going, &staying] {
                put(store, filled, "INBOX", uid, "words", "topic@example.com").await;
            }
        }
        let (gone, kept) = (going.mailbox_id, staying.mailbox_id);
        let message = messages::list(store, Default::default(), None, 100)
            .await
            .unwrap()
            .messages
            .into_iter()
            .find(|message| message.mailbox_id == gone)
            .unwrap();
        let before = rows(&f, &kept).await;
        let digest = store.blobs.put(b"Subject: x\r\n\r\nx").await.unwrap();
        let to = vec!["bob@x.org".to_owned()];
        let new = submissions::NewSubmission::new(
            &gone,
            digest,
            "ann@example.com",
            "one@example.com",
            to,
        );
        let sending = submissions::create(store, new).await.unwrap().id;
        submissions::take_mailbox(store, &gone).await.unwrap();
        let claimed = submissions::begin(store, &gone, 1)
            .await
            .unwrap()
            .pop_front()
            .unwrap();

        store::mailboxes::remove(store, &gone).await.unwrap();
        let again = store::mailboxes::remove(store, &gone).await;
        assert!(matches!(again, Err(StoreError::NotFound(_))));
        assert!(store::mailboxes::get(store, &gone).await.is_err());
        assert!(store::mailboxes::credentials(store, &gone).await.is_err());
        let mailboxes =
            store::mailboxes::list(store, store::mailboxes::Filter::default(), None, 100)
                .await
                .unwrap();
        assert_eq!(mailboxes.len(), 1);
        let page = messages::list(store, Default::default(), None, 100)
            .await
            .unwrap();
        assert!(page.messages.iter().all(|m| m.mailbox_id == kept) && !page.messages.is_empty());
        assert!(messages::get(store, &message.id).await.is_err());
        assert!(messages::raw(store, &message.id).await.is_err());
        assert!(threads::get(store, &message.thread_id).await.is_err());
        let threads = threads::list(store, Default::default(), None, 100)
            .await
            .unwrap();
        assert!(threads.iter().all(|found| found.thread.mailbox_id == kept));
        assert!(
            reports::list(store, Some(gone.clone()), None, None, 10)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(submissions::get(store, &sending).await.is_err());
        let mut accepted = claimed.submission.recipients.clone();
        accepted[0].state = State::Accepted;
        let settlement = submissions::Settlement::of(accepted, submissions::SentCopyBy::Us);
        let settled = submissions::settle(store, &claimed, settlement).await;
        assert!(
            matches!(settled, Err(StoreError::NotFound(_))),
            "{settled:?}"
        );
        f.clock.advance(3_600_000);
        assert_eq!(submissions::expire_claims(store).await.unwrap(), 0);

        // A step is a transaction of its own: what a crash leaves is what one of these leaves.
        let mut left = rows(&f, &gone).await;
        assert!(left > 3);
        while removal::step(store, 2).await.unwrap() {
            let now = rows(&f, &gone).await;
            assert!(
                now >= left - 6,
                "more than a piece at once: {left} -> {now}"
            );
            left = now;
        }
        assert_eq!(left, 0);
        assert_eq!(count(&f, "SELECT count(*) FROM mailboxes").await, 1);
        assert_eq!(rows(&f, &kept).await, before);
        let words = count(&f, "SELECT count(*) FROM message_search").await;
        assert_eq!(words, count(&f, "SELECT count(*) FROM messages").await);
    })
    .await;
}
