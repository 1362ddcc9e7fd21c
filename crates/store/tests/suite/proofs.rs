//! What a test proved, and of which settings.

use crate::common::both;
use model::mailbox::{Auth, Connection, ConnectionState, Credentials, Logins, Proof};
use model::report::AcceptedNames;
use store::mailboxes::{self, Change};

#[tokio::test]
async fn a_test_proves_only_the_settings_that_it_tested() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.test").await;
        let prove = |version, report: &'static str| {
            let (store, id) = (f.store.clone(), mailbox.id.clone());
            async move {
                let works = Some(Proof::Works);
                mailboxes::set_proofs(&store, &id, version, works, works, report).await
            }
        };
        let (proven, current) = prove(mailbox.version, "rep_1").await.unwrap();
        assert!(current);
        assert_eq!(
            (proven.receiving, proven.sending),
            (Proof::Works, Proof::Works)
        );

        let mut incoming = proven.incoming.clone().unwrap();
        incoming.host = "other.example.com".into();
        let change = Change {
            incoming: Some(Some(incoming)),
            ..Change::default()
        };
        let changed = mailboxes::change(&f.store, &mailbox.id, change, None)
            .await
            .unwrap();
        let (proven, current) = prove(mailbox.version, "rep_2").await.unwrap();
        assert!(!current);
        assert_eq!(
            (proven.receiving, proven.sending),
            (Proof::Untested, Proof::Works)
        );
        assert_eq!(proven.last_report_id.as_deref(), Some("rep_2"));

        // Nor do the names that it found belong to the new settings.
        let names = AcceptedNames {
            incoming: Some("ann".into()),
            outgoing: None,
        };
        let kept = mailboxes::set_names(
            &f.store,
            &mailbox.id,
            mailbox.version,
            names,
            Logins::default(),
        );
        let kept = kept.await.unwrap();
        assert_eq!(kept.incoming, changed.incoming);
    })
    .await;
}

#[tokio::test]
async fn a_side_that_is_gone_or_signs_in_no_more_leaves_no_secret() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.test").await;
        let change = async |change| {
            let changed = mailboxes::change(&f.store, &mailbox.id, change, None).await;
            let changed = changed.unwrap();
            (
                changed.version,
                mailboxes::credentials(&f.store, &mailbox.id).await.unwrap(),
            )
        };
        let secret = Some(model::Secret::new("secret"));
        let with_secrets = Change {
            credentials: Credentials {
                incoming: secret.clone(),
                outgoing: secret,
            },
            ..Change::default()
        };
        let (_, kept) = change(with_secrets).await;
        assert!(kept.incoming.is_some() && kept.outgoing.is_some());
        let mut outgoing = mailbox.outgoing.clone().unwrap();
        outgoing.auth = Auth::None;
        let without = Change {
            incoming: Some(None),
            outgoing: Some(Some(outgoing)),
            ..Change::default()
        };
        let (version, kept) = change(without).await;
        assert!(kept.incoming.is_none() && kept.outgoing.is_none());

        // Secrets are handed out only for the settings that the reader knows.
        let old = mailboxes::credentials_of(&f.store, &mailbox).await;
        assert!(matches!(old, Err(store::StoreError::Conflict(_))));
        let now = mailboxes::get(&f.store, &mailbox.id).await.unwrap();
        assert_eq!(now.version, version);
        mailboxes::credentials_of(&f.store, &now).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_was_live_under_other_settings_is_not_live_any_more() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.test").await;
        let id = &mailbox.id;
        let lease = store::leases::acquire(&f.store, 10).await.unwrap();
        let lease = lease.into_iter().find(|lease| lease.mailbox_id == *id);
        let lease = lease.unwrap();
        let live = Connection {
            state: ConnectionState::Live,
            proven_alive_at: Some(f.store.now()),
            since: None,
            until: None,
            problem_id: None,
        };
        mailboxes::set_connection(&f.store, &lease, live, None)
            .await
            .unwrap();
        let renamed = Change {
            name: Some("Ann".into()),
            ..Change::default()
        };
        let same = mailboxes::change(&f.store, id, renamed, None).await;
        assert_eq!(same.unwrap().connection.state, ConnectionState::Live);
        let mut incoming = mailbox.incoming.clone().unwrap();
        incoming.host = "other.example.com".into();
        let moved = Change {
            incoming: Some(Some(incoming)),
            ..Change::default()
        };
        let moved = mailboxes::change(&f.store, id, moved, None).await;
        assert_eq!(moved.unwrap().connection.state, ConnectionState::Connecting);
    })
    .await;
}
