//! The schema and the programs of other days.

use crate::common::Fixture;
use model::Clock;
use store::{Store, StoreError};

#[tokio::test(flavor = "multi_thread")]
async fn i37_a_store_of_a_newer_program_is_refused_and_left_as_it_is() {
    let fixture = Fixture::sqlite().await;
    fixture.mailbox("ann@example.test").await;
    let newer = "INSERT INTO schema_version (version) VALUES (99)";
    let written = fixture.store.db.write(move |tx| tx.exec(newer, &[])).await;
    written.expect("another version");
    let opened = Store::open(&fixture.config, Clock::system()).await;
    let Err(StoreError::Setup(said)) = opened else {
        panic!("it must not open");
    };
    assert!(said.contains("use a newer one"), "{said}");
    let older = "DELETE FROM schema_version WHERE version = 99";
    let written = fixture.store.db.write(move |tx| tx.exec(older, &[])).await;
    written.expect("the version of before");
    let store = Store::open(&fixture.config, Clock::system()).await;
    let store = store.expect("it opens as before");
    let count = store
        .db
        .read(|tx| tx.row("SELECT count(*) FROM mailboxes", &[]));
    let count: i64 = count
        .await
        .expect("read")
        .expect("a row")
        .get(0)
        .expect("a number");
    assert_eq!(count, 1);
}
