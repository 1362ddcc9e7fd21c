//! Reading receipts: note, mark and message are one. On both databases.

use crate::common::{Fixture, both};
use crate::reading::{mailbox, put};
use store::messages::{self, Filter};
use store::receipts::{self, GIVEN};
use store::submissions::{self, NewSubmission};
use store::{StoreError, owed};

async fn new(fixture: &Fixture, mailbox_id: &str) -> NewSubmission {
    let digest = fixture.store.blobs.put(b"Subject: x\r\n\r\n").await;
    let to = vec!["bob@x.test".to_owned()];
    NewSubmission::new(mailbox_id, digest.unwrap(), "", "r@example.com", to)
}

async fn queued(fixture: &Fixture) -> usize {
    let filter = submissions::Filter::default();
    let list = submissions::list(&fixture.store, filter, None, 50).await;
    list.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_comes_with_its_mark_or_not_at_all_and_never_twice() {
    both(|fixture| async move {
        let store = &fixture.store;
        let ann = mailbox(&fixture, "ann@example.com").await;
        put(store, &ann, "INBOX", 1, "one", "t").await;
        let page = messages::list(store, Filter::default(), None, 50).await;
        let id = page.unwrap().messages.pop().unwrap().id;
        // What cannot be queued leaves no mark, and can be given later.
        let mut nobody = new(&fixture, &ann.mailbox_id).await;
        nobody.recipients.clear();
        let refused = receipts::give(store, &id, nobody).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
        assert!(owed::pending(store, &id).await.unwrap().is_empty());
        let gone = receipts::give(store, "msg_none", new(&fixture, &ann.mailbox_id).await).await;
        assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
        assert_eq!(queued(&fixture).await, 0);
        // Two at the same time are one.
        let (one, two) = (
            new(&fixture, &ann.mailbox_id).await,
            new(&fixture, &ann.mailbox_id).await,
        );
        let (one, two) = tokio::join!(
            receipts::give(store, &id, one),
            receipts::give(store, &id, two)
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        assert_eq!(queued(&fixture).await, 1);
        assert_eq!(owed::pending(store, &id).await.unwrap(), ["flags"]);
        let message = messages::get(store, &id).await.unwrap();
        assert_eq!(message.flags.keywords, [GIVEN]);
    })
    .await;
}
