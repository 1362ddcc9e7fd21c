//! Out of office: once for each sender and period, and once for each event, on both databases.

use crate::common::both;
use model::auto_reply::{Audience, AutoReply, OnServer, Place, Settings, Wording};
use store::auto_replies::{self, Answer};
use store::submissions::{self, Filter, NewSubmission};
use store::{Store, StoreError};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn settings() -> Settings {
    Settings {
        enabled: true,
        place: Place::Postroom,
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

pub async fn make(store: &Store, mailbox_id: &str) -> Result<AutoReply, StoreError> {
    make_with(store, mailbox_id, settings()).await
}

async fn make_with(
    store: &Store,
    mailbox_id: &str,
    settings: Settings,
) -> Result<AutoReply, StoreError> {
    let (now, id) = (store.now(), mailbox_id.to_owned());
    let make = move |tx: &mut store::Tx<'_>| auto_replies::create_in(tx, &id, &settings, now);
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
        auto_replies::remove(store, &own.id, false).await.unwrap();
        assert!(!answer(store, &own, 1_006, "eve@x.test").await);
        let gone = auto_replies::get(store, &own.id).await;
        assert!(matches!(gone, Err(StoreError::NotFound(_))));
    })
    .await;
}

async fn asked(store: &Store, mailbox_id: &str) {
    let asked = auto_replies::Asked {
        port: 4190,
        offers: true,
    };
    auto_replies::note_server(store, mailbox_id, asked)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_mailboxs_server_was_left_to_answer_nobody_answers_besides() {
    both(|fixture| async move {
        let store = &fixture.store;
        let mailbox = fixture.mailbox("ann@example.com").await;
        let left_there = |result: Result<AutoReply, StoreError>| {
            let refused = matches!(
                result,
                Err(StoreError::Refused {
                    problem_id: "server_reply_left_there",
                    ..
                })
            );
            assert!(refused, "{result:?}");
        };
        for known in [false, true] {
            let own = make(store, &mailbox.id).await.unwrap();
            if known {
                asked(store, &mailbox.id).await;
            }
            set_place(store, &own.id, Place::Server, Some(OnServer::Set)).await;
            auto_replies::remove(store, &own.id, true).await.unwrap();
            left_there(make(store, &mailbox.id).await);
            // That the server was asked says nothing yet.
            asked(store, &mailbox.id).await;
            left_there(make(store, &mailbox.id).await);
            auto_replies::nothing_left_there(store, &mailbox.id)
                .await
                .unwrap();
            let own = make(store, &mailbox.id).await.unwrap();
            set_place(store, &own.id, Place::Server, Some(OnServer::Set)).await;
            auto_replies::remove(store, &own.id, true).await.unwrap();
            // One that is switched off can be made, and takes the place of the one there.
            let off = Settings {
                enabled: false,
                ..settings()
            };
            let made = make_with(store, &mailbox.id, off).await.unwrap();
            left_there(
                auto_replies::change(store, &made.id, |old: &AutoReply| {
                    Ok::<_, StoreError>(Settings {
                        enabled: true,
                        ..old.settings.clone()
                    })
                })
                .await,
            );
            set_place(store, &made.id, Place::Server, Some(OnServer::Set)).await;
            set_place(store, &made.id, Place::Postroom, None).await;
            set(store, &made.id, true).await;
            auto_replies::remove(store, &made.id, false).await.unwrap();
        }
    })
    .await;
}

async fn set_place(
    store: &Store,
    id: &str,
    place: Place,
    on_server: Option<OnServer>,
) -> AutoReply {
    let seen = auto_replies::get(store, id).await.unwrap();
    auto_replies::begin_on_server(store, &seen).await.unwrap();
    let new = Settings {
        place,
        ..seen.settings
    };
    auto_replies::end_on_server(store, id, Some(new), on_server)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_mailboxs_server_answers_or_may_nobody_is_answered_here() {
    both(|fixture| async move {
        let store = &fixture.store;
        let mailbox = fixture.mailbox("ann@example.com").await;
        let own = make(store, &mailbox.id).await.unwrap();
        assert_eq!((own.on_server, own.server_offers), (None, None));
        asked(store, &mailbox.id).await;
        let port = auto_replies::server_port(store, &mailbox.id).await.unwrap();
        assert_eq!(port, Some(4190));
        assert!(answer(store, &own, 1_000, "bob@x.test").await);

        // While it is being changed there, nobody else changes it, and nobody is answered.
        auto_replies::begin_on_server(store, &own).await.unwrap();
        let second = auto_replies::begin_on_server(store, &own).await;
        assert!(matches!(second, Err(StoreError::Conflict(_))), "{second:?}");
        assert!(!answer(store, &own, 1_001, "carol@x.test").await);
        // It came to nothing: as before, and who had an answer has had it.
        let kept = auto_replies::end_on_server(store, &own.id, None, None)
            .await
            .unwrap();
        assert_eq!((kept.on_server, kept.left_server_at), (None, None));
        assert_eq!((kept.server_offers, kept.answered), (Some(true), 1));
        assert!(answer(store, &own, 1_002, "carol@x.test").await);

        let there = set_place(store, &own.id, Place::Server, Some(OnServer::Set)).await;
        assert_eq!((there.on_server, there.answered), (Some(OnServer::Set), 0));
        assert!(!answer(store, &own, 1_003, "dan@x.test").await);
        let unsure = set_place(store, &own.id, Place::Postroom, Some(OnServer::Unsure)).await;
        assert_eq!(unsure.on_server, Some(OnServer::Unsure));
        assert!(!answer(store, &own, 1_004, "dan@x.test").await);

        fixture.clock.advance(DAY);
        let back = set_place(store, &own.id, Place::Postroom, None).await;
        assert_eq!(back.left_server_at, Some(store.now()));
        assert!(answer(store, &own, 1_005, "dan@x.test").await);

        // A mailbox that leaves its server, or its name there, leaves no answers behind.
        let elsewhere = |host: &str, username: &str| {
            let mut incoming = mailbox.incoming.clone();
            if let Some(incoming) = &mut incoming {
                incoming.host = host.to_owned();
                incoming.username = username.to_owned();
            }
            let change = store::mailboxes::Change {
                incoming: Some(incoming),
                ..Default::default()
            };
            store::mailboxes::change(store, &mailbox.id, change, None)
        };
        set_place(store, &own.id, Place::Server, Some(OnServer::Set)).await;
        let incoming = mailbox.incoming.clone().unwrap();
        for (host, name) in [
            ("imap.elsewhere.test", incoming.username.as_str()),
            (incoming.host.as_str(), "carol"),
        ] {
            let refused = elsewhere(host, name).await;
            assert!(
                matches!(refused, Err(StoreError::Conflict(_))),
                "{refused:?}"
            );
        }
        let mut outgoing = mailbox.outgoing.clone();
        if let Some(outgoing) = &mut outgoing {
            outgoing.host = "smtp.elsewhere.test".to_owned();
        }
        let sends_elsewhere = store::mailboxes::Change {
            outgoing: Some(outgoing),
            ..Default::default()
        };
        store::mailboxes::change(store, &mailbox.id, sends_elsewhere, None)
            .await
            .unwrap();
        // Nor does one that goes, or an out of office that is removed while it stands there.
        let refused = store::mailboxes::remove(store, &mailbox.id).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
        let refused = auto_replies::remove(store, &own.id, false).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
        let back = set_place(store, &own.id, Place::Postroom, None).await;
        elsewhere("imap.elsewhere.test", "carol").await.unwrap();
        let port = auto_replies::server_port(store, &mailbox.id).await.unwrap();
        assert_eq!(port, None);

        // What was seen is not what is there any more.
        set(store, &own.id, false).await;
        let late = auto_replies::begin_on_server(store, &back).await;
        assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
        // A process died in the middle of a change: the next may begin after a while.
        let seen = auto_replies::get(store, &own.id).await.unwrap();
        auto_replies::begin_on_server(store, &seen).await.unwrap();
        fixture.clock.advance(DAY);
        let there = auto_replies::begin_on_server(store, &seen).await.unwrap();
        assert_eq!(
            (seen.on_server, there.on_server),
            (None, Some(OnServer::Changing))
        );
        // Nobody removes it meanwhile but who leaves it there.
        let refused = auto_replies::remove(store, &own.id, false).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
        auto_replies::remove(store, &own.id, true).await.unwrap();
    })
    .await;
}
