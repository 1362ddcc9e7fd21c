//! The order of what came in one second: servers tell no finer time.

use crate::common::both;
use crate::ingest::{alone, batch, message, set_up};
use model::Timestamp;
use store::messages::{self, Filter};
use store::{ingest, threads};

#[tokio::test(flavor = "multi_thread")]
async fn of_one_second_what_came_last_is_shown_first() {
    both(|fixture| async move {
        let a = set_up(&fixture).await;
        let store = &fixture.store;
        let mut came = Vec::new();
        for uid in 1..=12 {
            let mut one = message(store, uid, &format!("{uid}")).await;
            one.received_at = Timestamp(1_700_000_000_000);
            came.push(one);
        }
        let batch = batch(&a.inbox, came);
        ingest::ingest(store, &a.lease, batch, alone).await.unwrap();
        let wanted: Vec<String> = (1..=12)
            .rev()
            .map(|uid| format!("{{\"subject\":\"{uid}\"}}"))
            .collect();
        let filter = Filter::default();
        let page = messages::list(store, filter, None, 50).await.unwrap();
        let shown: Vec<&str> = page.messages.iter().map(|m| m.head.as_str()).collect();
        assert_eq!(shown, wanted);
        let filter = threads::Filter::default();
        let found = threads::list(store, filter, None, 50).await.unwrap();
        let shown: Vec<&str> = found.iter().map(|found| found.heads[0].as_str()).collect();
        assert_eq!(shown, wanted);
    })
    .await;
}
