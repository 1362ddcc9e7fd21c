//! Server profiles: one for a domain, one by default, and what a change does to the mailboxes that use it.

use crate::common::{Fixture, both};
use model::Secret;
use model::mailbox::{
    Auth, Credentials, Kind, LoginChoice, Logins, Mailbox, Proof, Protocol, Security,
};
use model::missing::MissingId;
use model::report::AcceptedNames;
use model::server_profile::{
    IncomingServer, OutgoingServer, ProfileKind, ProfileLimits, ServerProfile,
};
use store::StoreError;
use store::mailboxes::{self, NewMailbox};
use store::server_profiles::{self, Change, NewProfile, Removal};

fn incoming(host: &str) -> IncomingServer {
    IncomingServer {
        protocol: Protocol::Imap,
        host: host.to_owned(),
        port: 993,
        security: Security::Tls,
        certificate_sha256: None,
    }
}

pub fn new(name: &str, domains: &[&str]) -> NewProfile {
    NewProfile {
        name: name.to_owned(),
        kind: ProfileKind::OtherImapPopSmtp,
        incoming: Some(incoming("imap.corp.example")),
        outgoing: Some(OutgoingServer {
            host: "smtp.corp.example".to_owned(),
            port: 465,
            security: Security::Tls,
            certificate_sha256: None,
        }),
        login_format: LoginChoice::LocalPart,
        auth: Auth::Password,
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        limits: ProfileLimits::default(),
        fetch_since: None,
        is_default: false,
    }
}

async fn mailbox(f: &Fixture, profile: &ServerProfile) -> Mailbox {
    let secret = || Some(Secret::new("secret"));
    let new = NewMailbox {
        owner: None,
        limits: model::server_profile::ProfileLimits::default(),
        folder_roles: std::collections::BTreeMap::new(),
        address: "ann@corp.example".to_owned(),
        name: "Ann".to_owned(),
        kind: Kind::Personal,
        incoming: profile.incoming_as("ann"),
        outgoing: profile.outgoing_as("ann"),
        credentials: Credentials {
            incoming: secret(),
            outgoing: secret(),
        },
        login_formats: Logins::default(),
        server_profile_id: Some(profile.id.clone()),
        fetch_since: None,
        monitored_folders: None,
        pop3_delete_after_days: None,
        read_only: false,
        size_limit: None,
    };
    mailboxes::create(&f.store, new).await.expect("a mailbox")
}

#[tokio::test]
async fn a_domain_leads_to_one_profile_and_one_is_the_default() {
    both(|f| async move {
        let default = NewProfile {
            is_default: true,
            ..new("First", &["corp.example"])
        };
        let first = server_profiles::create(&f.store, default).await.unwrap();
        let again = server_profiles::create(&f.store, new("Again", &["corp.example"])).await;
        assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
        let default = NewProfile {
            is_default: true,
            ..new("Second", &["other.example"])
        };
        let second = server_profiles::create(&f.store, default).await.unwrap();
        let all = server_profiles::all(&f.store).await.unwrap();
        let defaults: Vec<_> = all.iter().filter(|p| p.is_default).map(|p| &p.id).collect();
        assert_eq!(defaults, [&second.id]);
        let taken = Change {
            domains: Some(vec!["corp.example".into()]),
            ..Change::default()
        };
        assert!(
            server_profiles::change(&f.store, &second.id, taken, None)
                .await
                .is_err()
        );
        let stale =
            server_profiles::change(&f.store, &first.id, Change::default(), Some(first.version))
                .await;
        assert!(
            matches!(stale, Err(StoreError::Conflict(_))),
            "its default was taken away meanwhile"
        );
    })
    .await;
}

#[tokio::test]
async fn a_profile_in_use_stays_and_names_its_mailboxes() {
    both(|f| async move {
        let profile = server_profiles::create(&f.store, new("Corp", &[]))
            .await
            .unwrap();
        let mailbox = mailbox(&f, &profile).await;
        assert_eq!(
            server_profiles::get(&f.store, &profile.id)
                .await
                .unwrap()
                .usage_count,
            1
        );
        let Removal::InUse(users, 1) = server_profiles::remove(&f.store, &profile.id)
            .await
            .unwrap()
        else {
            panic!("removed");
        };
        assert_eq!(users[0].id, mailbox.id);
        mailboxes::remove(&f.store, &mailbox.id).await.unwrap();
        assert_eq!(
            server_profiles::remove(&f.store, &profile.id)
                .await
                .unwrap(),
            Removal::Removed
        );
        let gone = server_profiles::get(&f.store, &profile.id).await;
        assert!(matches!(gone, Err(StoreError::NotFound(_))));
    })
    .await;
}

#[tokio::test]
async fn a_new_host_reaches_the_mailboxes_and_their_passwords_do_not_go_along() {
    both(|f| async move {
        let profile = server_profiles::create(&f.store, new("Corp", &[]))
            .await
            .unwrap();
        let mailbox = mailbox(&f, &profile).await;
        mailboxes::set_proofs(
            &f.store,
            &mailbox.id,
            mailbox.version,
            Some(Proof::Works),
            Some(Proof::Works),
            "rep_1",
        )
        .await
        .unwrap();
        // A new name alone changes no mailbox.
        let renamed = Change {
            name: Some("Corporation".into()),
            ..Change::default()
        };
        server_profiles::change(&f.store, &profile.id, renamed, None)
            .await
            .unwrap();
        assert_eq!(
            mailboxes::get(&f.store, &mailbox.id).await.unwrap().version,
            mailbox.version
        );

        let moved = Change {
            incoming: Some(Some(incoming("imap.new.example"))),
            ..Change::default()
        };
        server_profiles::change(&f.store, &profile.id, moved, None)
            .await
            .unwrap();
        let after = mailboxes::get(&f.store, &mailbox.id).await.unwrap();
        let side = after.incoming.as_ref().unwrap();
        assert_eq!(
            (side.host.as_str(), side.username.as_str()),
            ("imap.new.example", "ann")
        );
        assert_eq!(
            (after.receiving, after.sending),
            (Proof::Untested, Proof::Works)
        );
        let credentials = mailboxes::credentials(&f.store, &mailbox.id).await.unwrap();
        assert!(credentials.incoming.is_none() && credentials.outgoing.is_some());
        assert!(
            after
                .missing
                .iter()
                .any(|missing| missing.id == MissingId::Password),
            "{:?}",
            after.missing
        );

        let kept = Change {
            outgoing: Some(Some(OutgoingServer {
                host: "smtp.new.example".into(),
                ..profile.outgoing.clone().unwrap()
            })),
            keep_credentials: true,
            ..Change::default()
        };
        server_profiles::change(&f.store, &profile.id, kept, None)
            .await
            .unwrap();
        let credentials = mailboxes::credentials(&f.store, &mailbox.id).await.unwrap();
        assert!(credentials.outgoing.is_some());
        let after = mailboxes::get(&f.store, &mailbox.id).await.unwrap();
        assert_eq!(after.outgoing.unwrap().host, "smtp.new.example");
        assert_eq!(after.sending, Proof::Untested);
    })
    .await;
}

#[tokio::test]
async fn the_name_that_a_server_accepted_is_saved() {
    both(|f| async move {
        let mailbox = f.mailbox("ann@example.com").await;
        let names = AcceptedNames {
            incoming: Some("ann".into()),
            outgoing: None,
        };
        let saved = mailboxes::set_names(
            &f.store,
            &mailbox.id,
            mailbox.version,
            names.clone(),
            Logins::default(),
        )
        .await
        .unwrap();
        assert_eq!(saved.incoming.unwrap().username, "ann");
        assert_eq!(saved.outgoing.unwrap().username, "ann@example.com");
        let again = mailboxes::set_names(
            &f.store,
            &mailbox.id,
            saved.version,
            names,
            Logins::default(),
        )
        .await
        .unwrap();
        assert_eq!(again.version, saved.version);
    })
    .await;
}

#[tokio::test]
async fn a_profile_leaves_no_server_behind_that_answers_for_a_mailbox() {
    both(|f| async move {
        let profile = server_profiles::create(&f.store, new("Corp", &[]))
            .await
            .unwrap();
        let mailbox = mailbox(&f, &profile).await;
        let own = crate::auto_replies::make(&f.store, &mailbox.id)
            .await
            .unwrap();
        let there = Some(model::auto_reply::OnServer::Set);
        store::auto_replies::begin_on_server(&f.store, &own)
            .await
            .unwrap();
        store::auto_replies::end_on_server(&f.store, &own.id, None, there)
            .await
            .unwrap();
        let elsewhere = || Change {
            incoming: Some(Some(incoming("imap.other.example"))),
            ..Change::default()
        };
        let refused = server_profiles::change(&f.store, &profile.id, elsewhere(), None).await;
        let Err(StoreError::Conflict(text)) = &refused else {
            panic!("{refused:?}")
        };
        assert!(text.contains("ann@corp.example"), "{text}");
        let kept = server_profiles::get(&f.store, &profile.id).await.unwrap();
        assert_eq!(kept.incoming, profile.incoming);
        // Where it sends is another matter.
        let mut outgoing = profile.outgoing.clone();
        if let Some(outgoing) = &mut outgoing {
            outgoing.host = "smtp.other.example".to_owned();
        }
        let sends_elsewhere = Change {
            outgoing: Some(outgoing),
            ..Change::default()
        };
        server_profiles::change(&f.store, &profile.id, sends_elsewhere, None)
            .await
            .unwrap();
        store::auto_replies::end_on_server(&f.store, &own.id, None, None)
            .await
            .unwrap();
        server_profiles::change(&f.store, &profile.id, elsewhere(), None)
            .await
            .unwrap();
    })
    .await;
}
