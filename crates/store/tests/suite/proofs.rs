//! What a test proved, and of which settings.

use crate::common::both;
use model::mailbox::{Logins, Proof};
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
