//! Tags and folders of our own: on both databases.

use crate::common::{Fixture, both};
use crate::reading::{Filled, mailbox, put, put_raw};
use model::message::Message;
use model::tag::Kind;
use store::ingest;
use store::messages::{self, Filter};
use store::tags::{self, Change, NewTag, Put};
use store::{StoreError, events};

fn new(name: &str, kind: Kind) -> NewTag {
    NewTag {
        name: name.into(),
        color: Some("#aa3322".into()),
        kind,
        mailbox_id: None,
        receives_from: Vec::new(),
    }
}

async fn create(store: &store::Store, new: NewTag) -> Result<model::tag::Tag, StoreError> {
    let now = store.now();
    store
        .db
        .write(move |tx| tags::create_in(tx, &new, now))
        .await
}

fn add(id: &str) -> Put {
    Put {
        add: vec![id.to_owned()],
        remove: Vec::new(),
    }
}

async fn with_tag(fixture: &Fixture, id: &str) -> Vec<Message> {
    let filter = Filter {
        tags: vec![id.to_owned()],
        ..Filter::default()
    };
    let page = messages::list(&fixture.store, filter, None, 50).await;
    page.unwrap().messages
}

async fn one(fixture: &Fixture, filled: &Filled) -> Message {
    let filter = Filter {
        mailbox_id: Some(filled.mailbox_id.clone()),
        ..Filter::default()
    };
    let page = messages::list(&fixture.store, filter, None, 50).await;
    page.unwrap().messages.pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_found_counted_told_of_and_taken_off() {
    both(|fixture| async move {
        let store = &fixture.store;
        let filled = mailbox(&fixture, "ann@example.com").await;
        for uid in 1..=4 {
            put(store, &filled, "INBOX", uid, "text", "topic").await;
        }
        let urgent = create(store, new("Urgent", Kind::Tag)).await.unwrap();
        let twice = create(store, new("uRGENT", Kind::Tag)).await;
        assert!(matches!(twice, Err(StoreError::Conflict(_))), "{twice:?}");
        let message = one(&fixture, &filled).await;
        tags::on_message(store, &message.id, add(&urgent.id))
            .await
            .unwrap();
        // Once more changes nothing and tells nothing.
        tags::on_message(store, &message.id, add(&urgent.id))
            .await
            .unwrap();
        let found = with_tag(&fixture, &urgent.id).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].tags[0].name, "Urgent");
        tags::on_thread(store, &message.thread_id, add(&urgent.id))
            .await
            .unwrap();
        assert_eq!(with_tag(&fixture, &urgent.id).await.len(), 4);
        let counts = tags::count(store, vec![urgent.id.clone()], None)
            .await
            .unwrap();
        assert_eq!(
            (counts[&urgent.id].messages, counts[&urgent.id].unread),
            (4, 2)
        );
        let counts = tags::count(store, vec![urgent.id.clone()], Some(vec!["mbx_x".into()])).await;
        assert_eq!(counts.unwrap()[&urgent.id].messages, 0);
        let off = Put {
            add: Vec::new(),
            remove: vec![urgent.id.clone()],
        };
        tags::on_message(store, &message.id, off).await.unwrap();
        let (log, _) = events::list(store, events::Filter::default(), 1_000)
            .await
            .unwrap();
        let told: Vec<_> = log.iter().filter(|e| e.kind == "message.changed").collect();
        assert_eq!(told.len(), 5);
        assert_eq!(told[0].data["tags"][0]["name"], "Urgent");
        assert_eq!(told[0].data["flags"], told[0].data["before"]);
        assert_eq!(told[4].data["tags"], serde_json::json!([]));
        let change = Change {
            name: Some("Soon".into()),
            ..Change::default()
        };
        assert_eq!(
            tags::change(store, &urgent.id, change).await.unwrap().name,
            "Soon"
        );
        tags::remove(store, &urgent.id).await.unwrap();
        assert!(with_tag(&fixture, &urgent.id).await.is_empty());
        assert!(
            fixture
                .event_types()
                .await
                .ends_with(&["tag.changed".into(), "tag.removed".into()])
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_lies_in_one_own_folder_and_new_mail_is_put_in_the_one_that_receives_it() {
    both(|fixture| async move {
        let store = &fixture.store;
        let filled = mailbox(&fixture, "ann@example.com").await;
        let deals = create(
            store,
            NewTag {
                receives_from: vec![filled.mailbox_id.clone()],
                ..new("Deals", Kind::Folder)
            },
        );
        let deals = deals.await.unwrap();
        let won = create(store, new("Won", Kind::Folder)).await.unwrap();
        put(store, &filled, "INBOX", 1, "text", "topic").await;
        // An outgoing one stays outside.
        put(store, &filled, "INBOX", 3, "text", "topic").await;
        let found = with_tag(&fixture, &deals.id).await;
        assert_eq!(found.len(), 1);
        let (log, _) = events::list(store, events::Filter::default(), 1_000)
            .await
            .unwrap();
        let received = log.iter().find(|e| e.kind == "message.received").unwrap();
        assert_eq!(received.data["tags"][0]["name"], "Deals");
        tags::on_message(store, &found[0].id, add(&won.id))
            .await
            .unwrap();
        assert!(with_tag(&fixture, &deals.id).await.is_empty());
        assert_eq!(with_tag(&fixture, &won.id).await.len(), 1);
        let both = Put {
            add: vec![won.id.clone(), deals.id.clone()],
            remove: Vec::new(),
        };
        let refused = tags::on_message(store, &found[0].id, both).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_stay_with_a_message_that_moves_or_whose_folder_is_reset() {
    both(|fixture| async move {
        let store = &fixture.store;
        let filled = mailbox(&fixture, "ann@example.com").await;
        put(store, &filled, "INBOX", 1, "text", "topic").await;
        let tag = create(store, new("Kept", Kind::Tag)).await.unwrap();
        let message = one(&fixture, &filled).await;
        tags::on_message(store, &message.id, add(&tag.id))
            .await
            .unwrap();
        // It leaves its folder, and the same bytes turn up in another one.
        let gone = filled.gone("INBOX", vec![(1, 1)]);
        ingest::apply(store, filled.lease(), gone).await.unwrap();
        assert!(with_tag(&fixture, &tag.id).await.is_empty());
        put_raw(
            store,
            &filled,
            "Archive",
            9,
            "text",
            "topic",
            "text 1 INBOX",
        )
        .await;
        let found = with_tag(&fixture, &tag.id).await;
        assert_eq!(found[0].id, message.id);
        assert_eq!(found[0].folders[0].path, "Archive");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_of_one_mailbox_is_not_for_the_messages_of_another() {
    both(|fixture| async move {
        let store = &fixture.store;
        let ann = mailbox(&fixture, "ann@example.com").await;
        let bob = mailbox(&fixture, "bob@example.com").await;
        put(store, &ann, "INBOX", 1, "text", "topic").await;
        let own = NewTag {
            mailbox_id: Some(bob.mailbox_id.clone()),
            ..new("Bob's", Kind::Tag)
        };
        let own = create(store, own).await.unwrap();
        let message = one(&fixture, &ann).await;
        let refused = tags::on_message(store, &message.id, add(&own.id)).await;
        assert!(
            matches!(refused, Err(StoreError::NotFound(_))),
            "{refused:?}"
        );
        let seen = |visible: Vec<String>| tags::list(store, Some(visible), None, 50);
        assert!(seen(vec![ann.mailbox_id.clone()]).await.unwrap().is_empty());
        assert_eq!(seen(vec![bob.mailbox_id.clone()]).await.unwrap().len(), 1);
    })
    .await;
}
