//! The event log as readers see it: in bounded looks, and with cursors that it may have outlived.

use crate::common::both;
use model::event::NewEvent;
use store::events::{self, EXAMINED, Filter, Standing};

#[tokio::test]
async fn a_look_for_rare_events_is_bounded_and_the_next_goes_on_where_it_ended() {
    both(|f| async move {
        let first = events::newest(&f.store).await.unwrap();
        // More than one look examines, and what is wanted behind it.
        let many = f.store.db.write(move |tx| {
            let sql = format!(
                "INSERT INTO events (position, id, kind, mailbox_id, origin, occurred_at, data)
                 WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {EXAMINED} + 5)
                 SELECT n + $1, 'evt_' || n, 'message.changed', NULL, 'live', 0, '{{}}' FROM n"
            );
            tx.exec(&sql, &[first.into()])?;
            let sql = "UPDATE counters SET value = $1 WHERE name = 'events'";
            tx.exec(sql, &[(first + EXAMINED + 5).into()])
        });
        many.await.unwrap();
        events::log(&f.store, NewEvent::live("mailbox.held", "mbx_1", serde_json::json!({}))).await.unwrap();

        let filter = |after| Filter { after, types: vec!["mailbox.held".into()], mailbox_ids: None };
        let (found, position) = events::list(&f.store, filter(first), 50).await.unwrap();
        assert_eq!((found.len(), position), (0, first + EXAMINED));
        let (found, position) = events::list(&f.store, filter(position), 50).await.unwrap();
        assert_eq!((found.len(), position), (1, first + EXAMINED + 6));
        let (found, same) = events::list(&f.store, filter(position), 50).await.unwrap();
        assert_eq!((found.len(), same), (0, position));
    })
    .await;
}

#[tokio::test]
async fn a_cursor_that_the_log_has_outlived_is_known_and_so_is_one_of_another_log() {
    both(|f| async move {
        let standing = |after| {
            let store = f.store.clone();
            async move { events::standing(&store, after).await.unwrap() }
        };
        assert_eq!(standing(0).await, Standing::Within);
        assert_eq!(standing(1).await, Standing::Ahead);
        f.mailbox("ann@example.com").await;
        f.mailbox("bob@example.com").await;
        let newest = events::newest(&f.store).await.unwrap();
        assert!(newest >= 4);
        assert_eq!(standing(0).await, Standing::Within);
        assert_eq!(standing(newest).await, Standing::Within);
        assert_eq!(standing(newest + 1).await, Standing::Ahead);

        let gone = |below: i64| {
            f.store.db.write(move |tx| {
                tx.exec("DELETE FROM events WHERE position <= $1", &[below.into()])
            })
        };
        gone(2).await.unwrap();
        assert_eq!(standing(0).await, Standing::Expired);
        assert_eq!(standing(1).await, Standing::Expired);
        // Nothing behind it is missing.
        assert_eq!(standing(2).await, Standing::Within);
        gone(newest).await.unwrap();
        assert_eq!(standing(newest - 1).await, Standing::Expired);
        assert_eq!(standing(newest).await, Standing::Within);
    })
    .await;
}
