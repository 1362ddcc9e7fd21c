//! Out of office: once for each sender and period, and once for each event, on both databases.

use crate::common::both;
use model::auto_reply::{Audience, AutoReply, Settings, Wording};
use store::auto_replies::{self, Answer};
use store::submissions::{self, Filter, NewSubmission};
use store::{Store, StoreError};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn settings() -> Settings {
    Settings {
        enabled: true,
        starts_at: None,
        ends_at: None,
        time_zone: "UTC".into(),
        wording: Wording {
            text: Some("Away".into()),
            ..Wording::default()
        },
        inside: None,
        inside_domains: Vec::new(),
        audience: Audience::Everyone,
        exclusions: Vec::new(),
        period_days: 7,
    }
}

async fn make(store: &Store, mailbox_id: &str) -> Result<AutoReply, StoreError> {
    let (now, id) = (store.now(), mailbox_id.to_owned());
    let make = move |tx: &mut store::Tx<'_>| auto_replies::create_in(tx, &id, &settings(), now);
    store.db.write(make).await
}

async fn set(store: &Store, id: &str, enabled: bool) -> AutoReply {
    let change = move |old: &AutoReply| {
        Ok::<_, StoreError>(Settings {
            enabled,
            ..old.settings.clone()
        })
    };
    auto_replies::change(store, id, change).await.unwrap()
}

async fn answer(store: &Store, own: &AutoReply, position: i64, sender: &str) -> bool {
    let stored = store
        .blobs
        .put(b"Subject: Away\r\n\r\nAway\r\n")
        .await
        .unwrap();
    let to = vec![sender.to_owned()];
    let answer = Answer {
        auto_reply_id: own.id.clone(),
        position,
        message_id: "msg_1".into(),
        sender: sender.into(),
        submission: NewSubmission::new(&own.mailbox_id, stored, "", "1@here.test", to),
    };
    auto_replies::answer(store, answer).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_answered_once_and_a_sender_once_in_a_period() {
    both(|fixture| async move {
        let store = &fixture.store;
        assert!(auto_replies::news(store).await.unwrap().is_none());
        let mailbox = fixture.mailbox("ann@example.com").await;
        let own = make(store, &mailbox.id).await.unwrap();
        let twice = make(store, &mailbox.id).await;
        assert!(matches!(twice, Err(StoreError::Conflict(_))), "{twice:?}");
        let news = auto_replies::news(store).await.unwrap().unwrap();
        assert!(news.events.is_empty() && !news.more, "{news:?}");

        // Whoever died after this, or another node, comes to the same event again.
        assert!(answer(store, &own, 1_000, "bob@x.test").await);
        assert!(!answer(store, &own, 1_000, "bob@x.test").await);
        assert!(!answer(store, &own, 999, "carol@x.test").await);
        assert!(!answer(store, &own, 1_001, "bob@x.test").await);
        assert!(answer(store, &own, 1_002, "carol@x.test").await);
        assert!(
            auto_replies::had_answer(store, &own, "bob@x.test")
                .await
                .unwrap()
        );
        fixture.clock.advance(8 * DAY);
        assert!(answer(store, &own, 1_003, "bob@x.test").await);
        assert_eq!(auto_replies::get(store, &own.id).await.unwrap().answered, 2);

        // Off meanwhile: nothing goes out; on again: all may be told again.
        let off = set(store, &own.id, false).await;
        assert_eq!(off.enabled_at, None);
        assert!(!answer(store, &own, 1_004, "dan@x.test").await);
        let on = set(store, &own.id, true).await;
        assert_eq!((on.enabled_at, on.answered), (Some(store.now()), 0));
        assert!(answer(store, &own, 1_005, "bob@x.test").await);

        let sent = submissions::list(store, Filter::default(), None, 10)
            .await
            .unwrap();
        assert_eq!(sent.len(), 4);
        auto_replies::remove(store, &own.id).await.unwrap();
        assert!(!answer(store, &own, 1_006, "eve@x.test").await);
        let gone = auto_replies::get(store, &own.id).await;
        assert!(matches!(gone, Err(StoreError::NotFound(_))));
    })
    .await;
}
