//! Owners, limits of a mailbox, layouts of users, labels and what waits for its time: the same on both databases.

use crate::common::both;
use crate::ingest::{alone, batch, message, set_up};
use model::access::{Layout, LayoutChange};
use model::mailbox::{Owner, OwnerKind};
use model::server_profile::ProfileLimits;
use store::mailboxes::{self, Change, Filter};
use store::{access, ingest, messages, owed, server_profiles};

fn owner(kind: OwnerKind, name: &str) -> Owner {
    let name = name.to_owned();
    Owner { kind, name }
}

#[tokio::test(flavor = "multi_thread")]
async fn mailboxes_are_found_by_their_owner() {
    both(|f| async move {
        let a = f.mailbox("a@x.org").await;
        f.clock.advance(1);
        let b = f.mailbox("b@x.org").await;
        let support = owner(OwnerKind::Queue, "Support");
        let change = |owner| Change {
            owner: Some(owner),
            ..Change::default()
        };
        let changed = mailboxes::change(&f.store, &a.id, change(Some(support.clone())), None);
        assert_eq!(changed.await.unwrap().owner, Some(support));
        let found = async |filter: Filter| -> Vec<String> {
            let list = mailboxes::list(&f.store, filter, None, 10).await.unwrap();
            list.into_iter().map(|mailbox| mailbox.id).collect()
        };
        let by = |kind, name: Option<&str>| Filter {
            owner_kind: kind,
            owner: name.map(str::to_owned),
            ..Filter::default()
        };
        assert_eq!(found(by(None, Some("Support"))).await, [a.id.as_str()]);
        assert_eq!(
            found(by(Some(OwnerKind::Queue), None)).await,
            [a.id.as_str()]
        );
        assert!(found(by(Some(OwnerKind::User), None)).await.is_empty());
        let only = Filter {
            ids: Some(vec![b.id.clone()]),
            owner: Some("Support".to_owned()),
            ..Filter::default()
        };
        assert!(found(only).await.is_empty(), "and not or");
        assert_eq!(found(Filter::default()).await, [a.id.clone(), b.id]);
        let freed = mailboxes::change(&f.store, &a.id, change(None), None).await;
        assert_eq!(freed.unwrap().owner, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_mailbox_counts_before_its_profiles() {
    both(|f| async move {
        let mailbox = f.mailbox("a@x.org").await;
        let limits = |connections, minutes| ProfileLimits {
            max_connections: connections,
            poll_minutes: minutes,
            ..ProfileLimits::default()
        };
        let mut profile = crate::server_profiles::new("Corp", &[]);
        profile.limits = limits(Some(5), Some(30));
        let profile = server_profiles::create(&f.store, profile).await.unwrap();
        let change = Change {
            server_profile_id: Some(Some(profile.id)),
            limits: Some(limits(Some(2), None)),
            ..Change::default()
        };
        let mailbox = mailboxes::change(&f.store, &mailbox.id, change, None);
        let mailbox = mailbox.await.unwrap();
        let hold = server_profiles::limits_of(&f.store, &mailbox).await;
        assert_eq!(hold.unwrap(), limits(Some(2), Some(30)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_stays_with_its_user() {
    both(|f| async move {
        let setup = access::new_setup_secret(&f.store).await.unwrap().unwrap();
        let user = access::create_owner(&f.store, &setup, "Ann", "ann@x.org", "hash".into());
        let user = user.await.unwrap();
        assert_eq!(user.layout, Layout::default());
        let apart = LayoutChange {
            merge_folders: Some(false),
            ..LayoutChange::default()
        };
        access::change_layout(&f.store, &user.id, apart)
            .await
            .unwrap();
        let single = LayoutChange {
            threads: Some(false),
            ..LayoutChange::default()
        };
        access::change_layout(&f.store, &user.id, single)
            .await
            .unwrap();
        let (found, _) = access::find_user(&f.store, "ann@x.org")
            .await
            .unwrap()
            .unwrap();
        let neither = Layout {
            threads: false,
            merge_folders: false,
        };
        assert_eq!(found.layout, neither);
        let nobody = access::change_layout(&f.store, "usr_none", single).await;
        assert!(nobody.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_found_by_a_label_whatever_its_case() {
    both(|f| async move {
        let a = set_up(&f).await;
        let mut new = Vec::new();
        for (uid, labels) in [(1, &["Work", "Größe"][..]), (2, &["Workshop"]), (3, &[])] {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            let mut message = message(&f.store, uid, &format!("m{uid}")).await;
            message.labels = Some(labels);
            message.object_id = Some(format!("o{uid}"));
            new.push(message);
        }
        ingest::ingest(&f.store, &a.lease, batch(&a.inbox, new), alone)
            .await
            .unwrap();
        for (label, wanted) in [
            ("work", 1),
            ("Workshop", 1),
            ("Größe", 1),
            ("wor%", 0),
            ("\\Inbox", 3),
        ] {
            let filter = messages::Filter {
                label: Some(label.to_owned()),
                ..messages::Filter::default()
            };
            let page = messages::list(&f.store, filter, None, 10).await.unwrap();
            assert_eq!(page.messages.len(), wanted, "{label}");
        }
    })
    .await;
}

/// It is told as ours also where it is seen before the server's answer is settled.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_brought_is_no_foreign_mail() {
    both(|f| async move {
        let a = set_up(&f).await;
        let brought = owed::Brought {
            folder_id: a.inbox.clone(),
            stored: f.store.blobs.put(b"brought").await.unwrap(),
            internet_message_id: None,
            subject: "x".repeat(500),
            flags: Vec::new(),
            received_at: f.store.now(),
        };
        let now = f.store.now();
        let owe = move |tx: &mut store::Tx<'_>| owed::append_in(tx, &brought, now);
        let entry = f.store.db.write(owe).await.unwrap();
        let taken = owed::take(&f.store, &a.lease, 10).await.unwrap();
        assert_eq!(taken[0].id, entry.id);
        let from = owed::CopyFrom {
            uid_validity: 7,
            uid_next: 5,
        };
        owed::copying(&f.store, &a.lease, &taken[0], Some(from))
            .await
            .unwrap();
        // Before that place it is somebody else's, with the same bytes or not.
        let new = vec![
            message(&f.store, 4, "brought").await,
            message(&f.store, 5, "brought").await,
            message(&f.store, 6, "foreign").await,
        ];
        ingest::ingest(&f.store, &a.lease, batch(&a.inbox, new), alone)
            .await
            .unwrap();
        let (events, _) = store::events::list(&f.store, Default::default(), 100)
            .await
            .unwrap();
        let told: Vec<_> = events
            .iter()
            .filter(|event| event.kind == "message.received")
            .map(|event| (event.origin.as_str(), event.data["owed_id"].as_str()))
            .collect();
        let ours = Some(entry.id.as_str());
        assert_eq!(told, [("live", None), ("catch_up", ours), ("live", None)]);
        owed::done(&f.store, &a.lease, &taken[0], owed::Confirmed::default())
            .await
            .unwrap();
        let gone = owed::get(&f.store, &a.mailbox_id, &entry.id).await;
        assert!(gone.is_err());
    })
    .await;
}

/// With labels it may show in the folder of all mail before it shows where it was brought to, confirmed or not.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_brought_is_known_in_another_folder_where_the_server_has_labels() {
    both(|f| async move {
        let a = set_up(&f).await;
        let mut ids = Vec::new();
        for text in ["confirmed", "not yet"] {
            let brought = owed::Brought {
                folder_id: a.inbox.clone(),
                stored: f.store.blobs.put(text.as_bytes()).await.unwrap(),
                internet_message_id: None,
                subject: String::new(),
                flags: Vec::new(),
                received_at: f.store.now(),
            };
            let now = f.store.now();
            let owe = move |tx: &mut store::Tx<'_>| owed::append_in(tx, &brought, now);
            ids.push(f.store.db.write(owe).await.unwrap().id);
        }
        let taken = owed::take(&f.store, &a.lease, 10).await.unwrap();
        let from = owed::CopyFrom {
            uid_validity: 7,
            uid_next: 1,
        };
        for change in &taken {
            owed::copying(&f.store, &a.lease, change, Some(from))
                .await
                .unwrap();
        }
        let confirmed = owed::Confirmed {
            copied_to: Some(owed::Spot {
                folder_id: a.inbox.clone(),
                wire_name: "INBOX".to_owned(),
                uid_validity: 7,
                uid: 1,
            }),
            ..owed::Confirmed::default()
        };
        owed::done(&f.store, &a.lease, &taken[0], confirmed)
            .await
            .unwrap();
        let mut new = Vec::new();
        for (uid, text) in [(41, "confirmed"), (42, "not yet"), (43, "foreign")] {
            let mut message = message(&f.store, uid, text).await;
            message.labels = Some(Vec::new());
            message.object_id = Some(format!("o{uid}"));
            new.push(message);
        }
        ingest::ingest(&f.store, &a.lease, batch(&a.archive, new), alone)
            .await
            .unwrap();
        let (events, _) = store::events::list(&f.store, Default::default(), 100)
            .await
            .unwrap();
        let told: Vec<_> = events
            .iter()
            .filter(|event| event.kind == "message.received")
            .map(|event| event.data["owed_id"].as_str())
            .collect();
        assert_eq!(told, [Some(ids[0].as_str()), Some(ids[1].as_str()), None]);
    })
    .await;
}
