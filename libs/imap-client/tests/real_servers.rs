//! The same words to real servers: Dovecot with nearly all extensions, Cyrus with others, Courier with hardly any. What an
//! extension saves may differ; what comes out may not.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use imap_client::{
    BodyEvent, IdleEnd, ImapError, Limits, ListOptions, MailboxName, MetaItems, Mode, NotifySet,
    SearchReturn, Session, StatusItem, StoreMode, UidSet, Unsolicited,
};
use mail_net::sasl::{Credentials, Secret};
use mail_net::{Net, Policy, Timeouts, TlsSettings};
use testkit::{Brand, TestUser, servers};

const HOST: &str = "localhost";

/// One test for each server. Those with Cyrus run one after the other: see `.config/nextest.toml`.
macro_rules! on_each_server {
    ($($test:ident)*) => {$(
        mod $test {
            #[tokio::test]
            async fn dovecot() {
                super::$test(testkit::Brand::Dovecot).await;
            }

            #[tokio::test]
            async fn cyrus() {
                super::$test(testkit::Brand::Cyrus).await;
            }

            #[tokio::test]
            async fn courier() {
                super::$test(testkit::Brand::Courier).await;
            }
        }
    )*};
}

on_each_server! {
    compressed_conversations_carry_the_same_mail_in_fewer_bytes
    a_message_goes_on_where_it_was_cut_and_is_whole
    folders_are_made_renamed_listed_and_counted_with_any_name
    moves_say_where_messages_went_where_the_server_knows
    servers_say_who_they_are_where_folders_live_and_how_full_they_are
    many_commands_in_flight_answer_for_all_of_a_scattered_set
    searches_are_counted_the_same_with_and_without_esearch
}

/// A session within TLS, signed in.
async fn session(brand: Brand, user: &TestUser) -> Session {
    let ca = fs::read(&servers().ca_pem_path).unwrap();
    let policy = Policy {
        allow: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        ..Policy::public_only()
    };
    let tls = TlsSettings::new(Some(&ca)).unwrap();
    let net = Net::new(policy, tls, Timeouts::default());
    let resolved = net.resolve(HOST).await.unwrap();
    let port = brand.imaps_port();
    if brand == Brand::Cyrus {
        next_second();
    }
    let stream = net.connect(&resolved, port).await.unwrap();
    let stream = net.tls(stream, HOST, None).await.unwrap();
    let (mut session, _) = Session::start(stream, Limits::default(), None)
        .await
        .unwrap();
    let credentials = Credentials {
        username: user.address.clone(),
        secret: Secret::Password(user.password.clone()),
    };
    session.login(&credentials, HOST, port).await.unwrap();
    session.capability().await.unwrap();
    session
}

/// Cyrus's processes that begin in the same second give the folders that they make the same ids, and folders with the same
/// id are one: two users then read each other's mail.
#[allow(
    clippy::disallowed_methods,
    reason = "it is about the clock of the machine"
)]
fn next_second() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let left = 1_000_000_000 - now.subsec_nanos();
    std::thread::sleep(Duration::from_nanos(left.into()));
}

/// Mail of some size, with lines that compress well and a subject of its own.
fn mail(number: usize, lines: usize) -> String {
    let line = format!("Line of message {number}, which says the same again and again.\r\n");
    format!(
        "From: a@example.org\r\nSubject: Number {number}\r\n\r\n{}",
        line.repeat(lines)
    )
}

async fn append(session: &mut Session, folder: &MailboxName, text: &str) -> Option<u64> {
    let uid = session
        .append(
            folder,
            &["\\Flagged"],
            None,
            text.len() as u64,
            text.as_bytes(),
        )
        .await
        .unwrap();
    uid.map(|uid| uid.uid)
}

/// All bodies of the selected folder, in the order of their UIDs.
async fn bodies(session: &mut Session, parts: &[&str]) -> Vec<(u64, String)> {
    for part in parts {
        session
            .start_fetch_bodies(&UidSet::parse(part))
            .await
            .unwrap();
    }
    let (mut found, mut body) = (Vec::new(), Vec::new());
    while session.bodies_in_flight() > 0 {
        match session.next_body_event().await.unwrap() {
            BodyEvent::Chunk(bytes) => body.extend_from_slice(bytes),
            BodyEvent::MessageEnd { meta, .. } => {
                let text = String::from_utf8(std::mem::take(&mut body)).unwrap();
                found.push((meta.uid.unwrap(), text));
            }
            _ => {}
        }
    }
    found.sort();
    found
}

async fn compressed_conversations_carry_the_same_mail_in_fewer_bytes(brand: Brand) {
    let user = brand.user("compress");
    let mut session = session(brand, &user).await;
    let compressed = session.compress().await.unwrap();
    assert_eq!(
        compressed,
        session.supports("COMPRESS=DEFLATE"),
        "{brand:?}"
    );
    assert!(compressed || brand == Brand::Courier, "{brand:?}");
    assert_eq!(session.compress().await.unwrap(), compressed);
    let inbox = MailboxName::inbox();
    // One below and one above what is compressed on the way up, and one of several pieces.
    let mails = [mail(1, 3), mail(2, 100), mail(3, 5000)];
    for text in &mails {
        append(&mut session, &inbox, text).await;
    }
    let selected = session.select(&inbox, Mode::Examine, None).await.unwrap();
    assert_eq!(selected.exists, 3, "{brand:?}");
    let before = session.bytes_received();
    let found = bodies(&mut session, &["1", "2:3"]).await;
    let texts: Vec<&String> = found.iter().map(|(_, text)| text).collect();
    assert_eq!(texts, mails.iter().collect::<Vec<_>>(), "{brand:?}");
    let taken = session.bytes_received() - before;
    let size: usize = mails.iter().map(String::len).sum();
    assert_eq!(
        taken < size as u64 / 10,
        compressed,
        "{brand:?}: {taken} of {size}"
    );
    // Waiting, and being woken by what another session does, works inside it too.
    if session.supports("IDLE") {
        let end = session
            .idle(Duration::from_millis(50), std::future::pending())
            .await;
        assert_eq!(end.unwrap(), IdleEnd::Time);
    }
    session.noop().await.unwrap();
}

async fn a_message_goes_on_where_it_was_cut_and_is_whole(brand: Brand) {
    let user = brand.user("parts");
    let mut session = session(brand, &user).await;
    let inbox = MailboxName::inbox();
    let text = mail(1, 3000);
    append(&mut session, &inbox, &text).await;
    session.select(&inbox, Mode::Examine, None).await.unwrap();
    let size = text.len() as u64;
    for (offset, slice) in [
        (0, 7000),
        (0, size),
        (0, size * 3),
        (12_345, 10_000),
        (size - 1, 5),
        (size, 5),
        (size - 20_000, 10_000),
    ] {
        let mut sink = Vec::new();
        let got = session.fetch_rest(1, offset, slice, &mut sink).await;
        let got = got.unwrap_or_else(|error| panic!("{brand:?}: {error}"));
        let rest = &text.as_bytes()[offset as usize..];
        assert!(
            sink == rest,
            "{brand:?}, from {offset} in slices of {slice}"
        );
        assert_eq!(got.unwrap_or(0), rest.len() as u64, "{brand:?}");
    }
    let mut sink = Vec::new();
    let got = session.fetch_rest(4711, 0, 100, &mut sink).await.unwrap();
    assert_eq!((got, sink.len()), (None, 0), "{brand:?}");
    let part = session.fetch_partial(1, 100, 10, &mut sink).await.unwrap();
    assert_eq!(part, Some(10));
    assert_eq!(sink, &text.as_bytes()[100..110]);
}

async fn searches_are_counted_the_same_with_and_without_esearch(brand: Brand) {
    let want = SearchReturn {
        all: true,
        count: true,
        min: true,
        max: true,
    };
    let user = brand.user("search");
    let mut session = session(brand, &user).await;
    let inbox = MailboxName::inbox();
    for number in 1..=12 {
        append(&mut session, &inbox, &mail(number, 1)).await;
    }
    session.select(&inbox, Mode::ReadWrite, None).await.unwrap();
    session
        .uid_store(&UidSet::parse("3,7:9"), StoreMode::Add, &["\\Seen"], None)
        .await
        .unwrap();
    let found = session.uid_search_return("SEEN", want).await.unwrap();
    assert_eq!(found.all.to_string(), "3,7:9", "{brand:?}");
    assert_eq!(
        (found.count, found.min, found.max),
        (Some(4), Some(3), Some(9)),
        "{brand:?}"
    );
    let none = session.uid_search_return("DRAFT", want).await.unwrap();
    assert_eq!(
        (none.count, none.min, none.max),
        (Some(0), None, None),
        "{brand:?}"
    );
    let only = SearchReturn {
        count: true,
        ..SearchReturn::default()
    };
    let count = session.uid_search_return("UNSEEN", only).await.unwrap();
    assert_eq!(count.count, Some(8), "{brand:?}");
}

async fn folders_are_made_renamed_listed_and_counted_with_any_name(brand: Brand) {
    let user = brand.user("folders");
    let mut session = session(brand, &user).await;
    let path = |text: &str| MailboxName::from_decoded(&brand.path(text));
    let names = ["Entwürfe alt", "R&D", "日本語", "with \"quotes\""];
    // The others take no such name.
    let names = if brand != Brand::Dovecot {
        &names[..3]
    } else {
        &names
    };
    for name in names {
        let made = session.create(&path(name)).await;
        made.unwrap_or_else(|error| panic!("{brand:?} {name}: {error}"));
        session.subscribe(&path(name)).await.unwrap();
    }
    append(&mut session, &path("R&D"), &mail(1, 10)).await;
    let wanted = [
        StatusItem::Messages,
        StatusItem::UidValidity,
        StatusItem::Size,
    ];
    let options = ListOptions {
        status_items: Some(wanted.to_vec()),
        special_use: true,
    };
    let listed = session.list(&options).await.unwrap();
    for name in names {
        let entry = listed.iter().find(|entry| entry.name == path(name));
        let entry = entry.unwrap_or_else(|| panic!("{brand:?} has {name}"));
        let in_one_trip = session.supports("LIST-STATUS");
        assert_eq!(entry.status.is_some(), in_one_trip, "{brand:?}");
    }
    if brand == Brand::Dovecot {
        assert!(listed.iter().any(|entry| entry.has("\\Sent")));
    }
    let mut asked: Vec<MailboxName> = names.iter().map(|name| path(name)).collect();
    asked.insert(1, path("not there"));
    // More than are in flight at once.
    let many: Vec<MailboxName> = asked.iter().cycle().take(100).cloned().collect();
    let told = session.status_all(&many, &wanted).await.unwrap();
    assert_eq!(told.len(), many.len());
    for (name, told) in many.iter().zip(told) {
        if *name == path("not there") {
            assert!(matches!(told, Err(ImapError::No { .. })), "{brand:?}");
            continue;
        }
        let told = told.unwrap();
        let messages = u64::from(*name == path("R&D"));
        assert_eq!(told.messages, Some(messages), "{brand:?} {name}");
        assert!(told.uidvalidity.is_some());
        assert_eq!(told.size.is_some(), session.supports("STATUS=SIZE"));
    }
    session
        .rename(&path("R&D"), &path("日本語 2"))
        .await
        .unwrap();
    session.unsubscribe(&path("R&D")).await.unwrap();
    session
        .select(&path("日本語 2"), Mode::ReadWrite, None)
        .await
        .unwrap();
    session
        .uid_store(&UidSet::parse("1"), StoreMode::Add, &["\\Deleted"], None)
        .await
        .unwrap();
    session.unselect().await.unwrap();
    assert_eq!(session.selected(), None);
    // Leaving has expunged nothing.
    let after = session.status(&path("日本語 2"), &wanted).await.unwrap();
    assert_eq!(after.messages, Some(1), "{brand:?}");
    session.delete(&path("日本語 2")).await.unwrap();
    let gone = session.status(&path("日本語 2"), &wanted).await;
    assert!(gone.is_err(), "{brand:?}");
}

async fn moves_say_where_messages_went_where_the_server_knows(brand: Brand) {
    let user = brand.user("moves");
    let mut session = session(brand, &user).await;
    let inbox = MailboxName::inbox();
    let target = MailboxName::from_decoded(&brand.path("Target"));
    session.create(&target).await.unwrap();
    let told = append(&mut session, &inbox, &mail(1, 1)).await;
    assert_eq!(told.is_some(), session.supports("UIDPLUS"), "{brand:?}");
    append(&mut session, &inbox, &mail(2, 1)).await;
    append(&mut session, &inbox, &mail(3, 1)).await;
    session.select(&inbox, Mode::ReadWrite, None).await.unwrap();
    let copied = session
        .uid_copy(&UidSet::parse("2"), &target)
        .await
        .unwrap();
    assert_eq!(
        copied.map(|told| told.pairs),
        Some(vec![(2, 1)]),
        "{brand:?}"
    );
    let moved = session.uid_move(&UidSet::parse("1,3"), &target).await;
    if !session.supports("MOVE") {
        assert!(
            matches!(moved, Err(ImapError::Unsupported { .. })),
            "{brand:?}"
        );
        return;
    }
    let moved = moved.unwrap();
    assert_eq!(
        moved.map(|told| told.pairs),
        Some(vec![(1, 2), (3, 3)]),
        "{brand:?}"
    );
    assert_eq!(session.uid_search("ALL").await.unwrap().to_string(), "2");
    let all = session.select(&target, Mode::Examine, None).await.unwrap();
    assert_eq!(all.exists, 3, "{brand:?}");
}

async fn servers_say_who_they_are_where_folders_live_and_how_full_they_are(brand: Brand) {
    let user = brand.user("facts");
    let mut session = session(brand, &user).await;
    let inbox = MailboxName::inbox();
    let id = session.id(&[("name", "test")]).await.unwrap();
    assert_eq!(id.is_empty(), !session.supports("ID"), "{brand:?}");
    let namespaces = session.namespace().await.unwrap().unwrap();
    let prefix = namespaces.personal[0].prefix.decoded();
    let expected = if brand == Brand::Courier {
        "INBOX."
    } else {
        ""
    };
    assert_eq!(prefix, expected, "{brand:?}");
    // No limit is set on any of them: the question must be understood all the same.
    for quota in session.quota_root(&inbox).await.unwrap() {
        assert_eq!(quota.storage(), None, "{brand:?}");
    }
    let enabled = session.enable(&["CONDSTORE", "QRESYNC"]).await.unwrap();
    assert_eq!(enabled.is_empty(), brand == Brand::Courier, "{brand:?}");
    append(&mut session, &inbox, &mail(1, 1)).await;
    let selected = session.select(&inbox, Mode::Examine, None).await.unwrap();
    assert_eq!(selected.highestmodseq.is_some(), brand != Brand::Courier);
    assert_eq!(selected.mailbox_id.is_some(), session.supports("OBJECTID"));
    let items = MetaItems {
        object_ids: true,
        labels: true,
        ..MetaItems::default()
    };
    let all = UidSet::parse("1:*");
    let told = session.fetch_meta(&all, &items, None, false).await.unwrap();
    let first = &told.messages[0];
    assert_eq!(
        first.email_id.is_some(),
        session.supports("OBJECTID"),
        "{brand:?}"
    );
    assert_eq!(first.labels, None);
    let labels = session.uid_store_labels(&all, StoreMode::Add, &["x"]).await;
    assert!(matches!(labels, Err(ImapError::Unsupported { .. })));
}

async fn many_commands_in_flight_answer_for_all_of_a_scattered_set(brand: Brand) {
    let user = brand.user("pipeline");
    let mut session = session(brand, &user).await;
    let inbox = MailboxName::inbox();
    for number in 1..=20 {
        append(&mut session, &inbox, &mail(number, 1)).await;
    }
    session.select(&inbox, Mode::ReadWrite, None).await.unwrap();
    // Tens of commands, of which only the first names messages that exist.
    let scattered: UidSet = (1..6000).map(|n| n * 2).collect();
    let items = MetaItems {
        flags: true,
        size: true,
        ..MetaItems::default()
    };
    let told = session
        .fetch_meta(&scattered, &items, None, false)
        .await
        .unwrap();
    let uids: UidSet = told.messages.iter().filter_map(|meta| meta.uid).collect();
    assert_eq!(uids, (1..=10).map(|n| n * 2).collect(), "{brand:?}");
    let stored = session
        .uid_store(&scattered, StoreMode::Add, &["\\Answered"], None)
        .await
        .unwrap();
    assert_eq!(stored.updated.len(), 10, "{brand:?}");
    let answered = session.uid_search("ANSWERED").await.unwrap();
    assert_eq!(answered, uids, "{brand:?}");
}

#[tokio::test]
async fn news_of_other_folders_comes_to_one_connection() {
    let brand = Brand::Dovecot;
    let user = brand.user("notify");
    let mut first = session(brand, &user).await;
    let mut second = session(brand, &user).await;
    let other = MailboxName::from_decoded("Other");
    first.create(&other).await.unwrap();
    first
        .select(&MailboxName::inbox(), Mode::Examine, None)
        .await
        .unwrap();
    assert!(first.notify(NotifySet::Personal).await.unwrap());
    first.take_unsolicited();
    append(&mut second, &other, &mail(1, 1)).await;
    let told = loop {
        let end = first.idle(Duration::from_secs(20), std::future::pending());
        assert_eq!(end.await.unwrap(), IdleEnd::News);
        let news = first.take_unsolicited();
        let status = news.into_iter().find_map(|one| match one {
            Unsolicited::Status { name, data } if name == other => Some(data),
            _ => None,
        });
        if let Some(data) = status {
            break data;
        }
    };
    assert_eq!(told.messages, Some(1));
    assert!(first.notify(NotifySet::None).await.unwrap());
}

#[tokio::test]
async fn names_stay_the_same_when_courier_is_switched_to_utf8() {
    let brand = Brand::Courier;
    let user = brand.user("utf8");
    let mut session = session(brand, &user).await;
    let path = |text: &str| MailboxName::from_decoded(&brand.path(text));
    for name in ["Entwürfe", "R&D", "A&-B"] {
        session.create(&path(name)).await.unwrap();
    }
    let names = |entries: Vec<imap_client::ListEntry>| {
        let mut names: Vec<MailboxName> = entries.into_iter().map(|entry| entry.name).collect();
        names.sort();
        names
    };
    let before = names(session.list(&ListOptions::default()).await.unwrap());
    let enabled = session.enable(&["UTF8=ACCEPT"]).await.unwrap();
    assert_eq!(enabled, ["UTF8=ACCEPT"]);
    let after = names(session.list(&ListOptions::default()).await.unwrap());
    assert_eq!(before, after);
    session.create(&path("日本語 & mehr")).await.unwrap();
    append(&mut session, &path("日本語 & mehr"), &mail(1, 1)).await;
    for name in ["Entwürfe", "R&D", "A&-B", "日本語 & mehr"] {
        let selected = session.select(&path(name), Mode::Examine, None).await;
        assert_eq!(selected.unwrap().exists, u64::from(name.contains("mehr")));
    }
    let told = session
        .status(&path("R&D"), &[StatusItem::Messages])
        .await
        .unwrap();
    assert_eq!(told.messages, Some(0));
}
