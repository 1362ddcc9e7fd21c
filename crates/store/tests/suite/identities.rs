//! Identities, and which mailboxes are sent through: on both databases.

use crate::common::both;
use model::Timestamp;
use model::identity::{Identity, UsableBy};
use model::signature::Kind;
use store::identities::{self, Change, Filter, NewIdentity};
use store::mailboxes::{self, Change as MailboxChange};
use store::signatures::{self, NewSignature};
use store::templates::{self, NewTemplate};
use store::{Store, StoreError, senders};

async fn create(store: &Store, new: NewIdentity) -> Result<Identity, StoreError> {
    let now = store.now();
    let make = move |tx: &mut store::Tx<'_>| identities::create_in(tx, &new, now);
    store.db.write(make).await
}

fn alias(mailbox_id: &str, address: &str) -> NewIdentity {
    NewIdentity {
        mailbox_id: mailbox_id.into(),
        name: "Sales".into(),
        address: address.into(),
        is_alias: true,
        fields: [("phone".to_owned(), "12".to_owned())].into(),
        usable_by: UsableBy {
            everyone: false,
            user_ids: vec!["usr_1".into()],
            token_ids: Vec::new(),
        },
        ..NewIdentity::default()
    }
}

fn addresses(all: &[Identity]) -> Vec<&str> {
    all.iter().map(|one| one.address.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_begins_with_its_own_address_and_has_one_main_identity() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("Ann@Example.com").await;
        let all = identities::of_mailbox(store, &a.id).await.unwrap();
        let [own] = all.as_slice() else {
            panic!("{all:?}")
        };
        assert_eq!((&*own.name, &*own.address), ("Ann", "Ann@Example.com"));
        assert!(own.is_main && !own.is_alias && own.usable_by.everyone);
        let sales = create(store, alias(&a.id, "sales@example.com"))
            .await
            .unwrap();
        assert_eq!(sales.fields["phone"], "12");
        assert_eq!(sales.usable_by.user_ids, ["usr_1"]);
        let twice = create(store, alias(&a.id, "SALES@example.com")).await;
        assert!(matches!(twice, Err(StoreError::Conflict(_))), "{twice:?}");
        let refused = identities::remove(store, &own.id).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
        let change = Change {
            is_main: true,
            reply_to: Some(Some("desk@example.com".into())),
            usable_by: Some(UsableBy::default()),
            ..Change::default()
        };
        let changed = identities::change(store, &sales.id, change).await.unwrap();
        assert!(changed.is_main && changed.usable_by.everyone);
        assert_eq!(changed.reply_to.as_deref(), Some("desk@example.com"));
        let all = identities::of_mailbox(store, &a.id).await.unwrap();
        assert_eq!(addresses(&all), ["sales@example.com", "Ann@Example.com"]);
        assert_eq!(all.iter().filter(|one| one.is_main).count(), 1);
        let own_ones = identities::own_addresses(store, &a.id).await.unwrap();
        assert_eq!(own_ones, ["sales@example.com", "ann@example.com"]);
        identities::remove(store, &own.id).await.unwrap();
        let gone = identities::get(store, &own.id).await;
        assert!(matches!(gone, Err(StoreError::NotFound(_))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_identity_goes_along_with_the_mailboxs_address_and_name() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("ann@example.com").await;
        create(store, alias(&a.id, "sales@example.com"))
            .await
            .unwrap();
        let change = MailboxChange {
            address: Some("anna@example.org".into()),
            name: Some("Anna".into()),
            ..MailboxChange::default()
        };
        mailboxes::change(store, &a.id, change, None).await.unwrap();
        let all = identities::of_mailbox(store, &a.id).await.unwrap();
        assert_eq!(addresses(&all), ["anna@example.org", "sales@example.com"]);
        assert_eq!(all[0].name, "Anna");
        let change = Change {
            name: Some("A. Smith".into()),
            ..Change::default()
        };
        identities::change(store, &all[0].id, change).await.unwrap();
        let change = MailboxChange {
            name: Some("anna@example.org".into()),
            ..MailboxChange::default()
        };
        mailboxes::change(store, &a.id, change, None).await.unwrap();
        let own = identities::get(store, &all[0].id).await.unwrap();
        assert_eq!(own.name, "A. Smith", "a name of its own stays");
        mailboxes::remove(store, &a.id).await.unwrap();
        let list = identities::list(store, Filter::default(), None, 50).await;
        assert!(list.unwrap().is_empty(), "they go with their mailbox");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_mailbox_is_the_installations_own_sender_and_shared_ones_are_listed_for_all() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("ann@example.com").await;
        fixture.clock.advance(1);
        let b = fixture.mailbox_with("robot@example.com", None).await;
        fixture.clock.advance(1);
        let c = fixture.mailbox("cleo@example.com").await;
        assert_eq!(senders::system(store).await.unwrap(), None);
        let mark = |system, shared| MailboxChange {
            system_sender: system,
            send_shared: shared,
            ..MailboxChange::default()
        };
        for id in [&a.id, &b.id] {
            let marked = mailboxes::change(store, id, mark(Some(true), None), None);
            assert!(marked.await.unwrap().system_sender);
            assert_eq!(senders::system(store).await.unwrap().as_ref(), Some(id));
        }
        let before = mailboxes::get(store, &a.id).await.unwrap();
        assert!(!before.system_sender, "the mark moves");
        let list = async |ids: &[&String]| {
            let filter = Filter {
                mailbox_ids: Some(ids.iter().map(|id| (*id).clone()).collect()),
                or_shared: true,
                ..Filter::default()
            };
            let all = identities::list(store, filter, None, 50).await.unwrap();
            all.into_iter().map(|one| one.address).collect::<Vec<_>>()
        };
        assert_eq!(
            list(&[&a.id]).await,
            ["ann@example.com", "robot@example.com"]
        );
        mailboxes::change(store, &c.id, mark(None, Some(true)), None)
            .await
            .unwrap();
        assert_eq!(list(&[]).await, ["robot@example.com", "cleo@example.com"]);
        let all = senders::among(store, None, 10).await.unwrap();
        assert_eq!(all, [a.id.clone(), b.id.clone(), c.id.clone()]);
        let off = model::mailbox::Lifecycle::Disabled;
        mailboxes::set_lifecycle(store, &b.id, off).await.unwrap();
        assert_eq!(senders::system(store).await.unwrap(), None);
        let some = senders::among(store, Some(vec![b.id.clone(), c.id.clone()]), 10).await;
        assert_eq!(some.unwrap(), std::slice::from_ref(&c.id));
        mailboxes::remove(store, &b.id).await.unwrap();
        let marked = mailboxes::change(store, &c.id, mark(Some(true), None), None);
        assert!(marked.await.unwrap().system_sender);
        let filter = Filter {
            address: Some("CLEO@example.com".into()),
            ..Filter::default()
        };
        let found = identities::list(store, filter, None, 50).await.unwrap();
        assert_eq!(addresses(&found), ["cleo@example.com"]);
        assert!(found[0].created_at >= Timestamp(0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signature_is_the_central_one_and_an_identity_loses_what_is_removed() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("ann@example.com").await;
        let now = store.now();
        let add = async |name: &str, kind: Kind| {
            let new = NewSignature {
                name: name.into(),
                kind,
                owner: (kind == Kind::Personal).then(|| "usr_1".into()),
                html: "<p>x</p>".into(),
                text: None,
            };
            let make = move |tx: &mut store::Tx<'_>| signatures::create_in(tx, &new, now);
            store.db.write(make).await.unwrap()
        };
        let first = add("first", Kind::Central).await;
        let second = add("second", Kind::Central).await;
        let mine = add("mine", Kind::Personal).await;
        let central = signatures::central(store).await.unwrap().unwrap();
        assert_eq!(central, second);
        let first = signatures::get(store, &first.id).await.unwrap();
        assert_eq!(first.kind, Kind::Shared);
        let count = async |owner: Option<&str>| {
            let list = signatures::list(store, owner.map(str::to_owned), None, 50).await;
            list.unwrap().len()
        };
        assert_eq!(
            (
                count(None).await,
                count(Some("usr_1")).await,
                count(Some("usr_2")).await
            ),
            (3, 3, 2)
        );
        let own = identities::of_mailbox(store, &a.id)
            .await
            .unwrap()
            .remove(0);
        let change = Change {
            signature_id: Some(Some(mine.id.clone())),
            ..Change::default()
        };
        identities::change(store, &own.id, change).await.unwrap();
        let open = signatures::Change {
            kind: Some(Kind::Shared),
            text: Some(Some("x".into())),
            ..signatures::Change::default()
        };
        let opened = signatures::change(store, &mine.id, open).await.unwrap();
        assert_eq!((opened.owner_id, opened.text.as_deref()), (None, Some("x")));
        signatures::remove(store, &mine.id).await.unwrap();
        let own = identities::get(store, &own.id).await.unwrap();
        assert_eq!(own.signature_id, None);
        let gone = signatures::remove(store, &mine.id).await;
        assert!(matches!(gone, Err(StoreError::NotFound(_))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_have_names_of_their_own_and_go_with_their_mailbox() {
    both(|fixture| async move {
        let store = &fixture.store;
        let a = fixture.mailbox("ann@example.com").await;
        let new = |name: &str, mailbox: Option<&str>| NewTemplate {
            name: name.into(),
            mailbox_id: mailbox.map(str::to_owned),
            subject: "{{ a }}".into(),
            html: None,
            text: Some("{{ b.c }}".into()),
            variables: vec!["a".into(), "b.c".into()],
        };
        let now = store.now();
        let add = async |new: NewTemplate| {
            let make = move |tx: &mut store::Tx<'_>| templates::create_in(tx, &new, now);
            store.db.write(make).await
        };
        let all = add(new("All", None)).await.unwrap();
        let one = add(new("One", Some(&a.id))).await.unwrap();
        assert_eq!(one.variables, ["a", "b.c"]);
        let twice = add(new("aLL", None)).await;
        assert!(matches!(twice, Err(StoreError::Conflict(_))));
        let twice = templates::change(store, &one.id, new("all", None)).await;
        assert!(matches!(twice, Err(StoreError::Conflict(_))));
        let changed = templates::change(store, &all.id, new("ALL", None))
            .await
            .unwrap();
        assert_eq!(
            (changed.name.as_str(), changed.created_at),
            ("ALL", all.created_at)
        );
        let list = async |visible: Option<Vec<String>>| {
            templates::list(store, visible, None, 50)
                .await
                .unwrap()
                .len()
        };
        assert_eq!((list(None).await, list(Some(Vec::new())).await), (2, 1));
        assert_eq!(list(Some(vec![a.id.clone()])).await, 2);
        mailboxes::remove(store, &a.id).await.unwrap();
        assert_eq!(list(None).await, 1);
        templates::remove(store, &all.id).await.unwrap();
        assert!(templates::get(store, &all.id).await.is_err());
    })
    .await;
}
