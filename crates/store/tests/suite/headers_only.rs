//! Messages of which only the header is stored, and the size limit that makes them: the same on both databases.

use crate::common::{Fixture, both};
use crate::ingest::{Box, alone, batch, message, set_up};
use model::folder::Mode;
use model::mailbox::CoverageState;
use store::folders::{self, Cursor};
use store::ingest::{self, NewMessage};
use store::search::Term;
use store::{Store, mailboxes, messages};

async fn header(store: &Store, uid: i64, text: &str, size: u64) -> NewMessage {
    let mut new = message(store, uid, text).await;
    new.headers_only = Some(size);
    new.words.body = String::new();
    new
}

/// A filled INBOX of four messages, of which the headers of two are stored: one of 3,000 and one of 9,000 octets.
async fn filled(fixture: &Fixture) -> Box {
    let a = set_up(fixture).await;
    let store = &fixture.store;
    let all = vec![
        message(store, 1, "one").await,
        message(store, 2, "two").await,
        header(store, 3, "three", 3_000).await,
        header(store, 4, "four", 9_000).await,
    ];
    for (folder, all) in [(&a.inbox, all), (&a.archive, Vec::new())] {
        let version = mailboxes::get(store, &a.mailbox_id).await.unwrap().version;
        let asked = folders::asked(store, folder, version).await.unwrap();
        let mut batch = batch(folder, all);
        batch.cursor = Cursor {
            total: Some(batch.messages.len() as i64),
            filled: Some(asked),
            ..Cursor::default()
        };
        ingest::ingest(store, &a.lease, batch, alone).await.unwrap();
    }
    a
}

/// Done, total and state of the mailbox, and of its INBOX.
async fn coverage(store: &Store, a: &Box) -> [(i64, i64, CoverageState); 2] {
    let whole = mailboxes::get(store, &a.mailbox_id).await.unwrap().coverage;
    let inbox = folders::get(store, &a.inbox).await.unwrap().progress;
    [
        (whole.done, whole.total, whole.state),
        (inbox.done, inbox.total, inbox.state),
    ]
}

async fn limit(store: &Store, a: &Box, size_limit: Option<i64>) {
    let change = mailboxes::Change {
        size_limit: Some(size_limit),
        ..mailboxes::Change::default()
    };
    let changed = mailboxes::change(store, &a.mailbox_id, change, None).await;
    assert_eq!(changed.unwrap().size_limit, size_limit);
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_counts_what_is_stored_as_the_mode_and_the_limit_ask() {
    use CoverageState::{Complete, Filling};
    both(|fixture| async move {
        let a = filled(&fixture).await;
        let store = &fixture.store;
        limit(store, &a, Some(1_000)).await;
        assert_eq!(coverage(store, &a).await, [(4, 4, Complete); 2]);
        // More is wanted whole than is there: one header, and then the other.
        limit(store, &a, Some(5_000)).await;
        assert_eq!(coverage(store, &a).await, [(3, 4, Filling); 2]);
        assert_eq!(messages::asked_uids(store, &a.inbox, 7).await.unwrap(), [3]);
        let change = folders::Change {
            size_limit: Some(Some(20_000)),
            ..folders::Change::default()
        };
        folders::change(store, &a.inbox, change).await.unwrap();
        assert_eq!(coverage(store, &a).await, [(2, 4, Filling); 2]);
        // Less again, before they came.
        let change = folders::Change {
            size_limit: Some(None),
            ..folders::Change::default()
        };
        folders::change(store, &a.inbox, change).await.unwrap();
        limit(store, &a, Some(1_000)).await;
        assert_eq!(coverage(store, &a).await, [(4, 4, Complete); 2]);
        assert!(
            messages::asked_folders(store, &a.mailbox_id)
                .await
                .unwrap()
                .is_empty()
        );
        // One that is asked for by hand is above the limit: the copy was complete without it, and is.
        let page = messages::list(store, messages::Filter::default(), None, 10)
            .await
            .unwrap();
        let four = page.messages.iter().find(|m| m.size == 9_000).unwrap();
        messages::ask(store, &four.id).await.unwrap();
        assert_eq!(coverage(store, &a).await, [(4, 4, Complete); 2]);
        assert!(messages::raw(store, &four.id).await.unwrap().asked);
        let rest = vec![message(store, 4, "four").await];
        ingest::ingest(store, &a.lease, batch(&a.inbox, rest), alone)
            .await
            .unwrap();
        assert!(messages::raw(store, &four.id).await.unwrap().complete);
        assert_eq!(coverage(store, &a).await, [(4, 4, Complete); 2]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_folder_wants_headers_and_a_whole_one_the_rest() {
    both(|fixture| async move {
        let a = filled(&fixture).await;
        let store = &fixture.store;
        limit(store, &a, Some(5_000)).await;
        let mode = |mode| folders::Change {
            mode: Some(mode),
            ..folders::Change::default()
        };
        folders::change(store, &a.inbox, mode(Mode::Watch))
            .await
            .unwrap();
        assert_eq!(
            messages::asked_uids(store, &a.inbox, 7).await.unwrap(),
            [0; 0]
        );
        folders::change(store, &a.inbox, mode(Mode::Full))
            .await
            .unwrap();
        // The limit holds all the same.
        assert_eq!(messages::asked_uids(store, &a.inbox, 7).await.unwrap(), [3]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_found_by_what_they_say_and_whole_messages_by_their_text_too() {
    both(|fixture| async move {
        let a = filled(&fixture).await;
        let store = &fixture.store;
        let found = async |words: &str| {
            let filter = messages::Filter {
                terms: vec![Term {
                    tokens: words.to_owned(),
                    ..Term::default()
                }],
                ..messages::Filter::default()
            };
            let page = messages::list(store, filter, None, 10).await.unwrap();
            page.messages.len()
        };
        assert_eq!((found("three").await, found("body").await), (1, 2));
        let rest = vec![message(store, 3, "three").await];
        ingest::ingest(store, &a.lease, batch(&a.inbox, rest), alone)
            .await
            .unwrap();
        assert_eq!((found("three").await, found("body").await), (1, 3));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_new_uidvalidity_headers_are_the_same_messages() {
    both(|fixture| async move {
        let a = filled(&fixture).await;
        let store = &fixture.store;
        let filter = messages::Filter::default;
        let before = messages::list(store, filter(), None, 10).await.unwrap();
        folders::reset(store, &a.lease, &a.inbox, 8).await.unwrap();
        let again = vec![
            header(store, 11, "three", 3_000).await,
            header(store, 12, "four", 9_000).await,
        ];
        let mut again = batch(&a.inbox, again);
        again.uid_validity = 8;
        let done = ingest::ingest(store, &a.lease, again, alone).await.unwrap();
        assert_eq!((done.stored, done.doubtful.len()), (0, 0), "{done:?}");
        let after = messages::list(store, filter(), None, 10).await.unwrap();
        let headers = |page: &messages::Page| {
            let heads = page.messages.iter().filter(|m| !m.complete);
            let mut ids: Vec<String> = heads.map(|m| m.id.clone()).collect();
            ids.sort();
            ids
        };
        assert_eq!(headers(&after), headers(&before));
    })
    .await;
}
