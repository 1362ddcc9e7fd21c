//! Extensions that no server of the test kit has, or that need one which misbehaves: Gmail's, UTF-8 names, quotas, several
//! commands in flight.

mod support;

use imap_client::{
    BodyEvent, ImapError, ListOptions, MailboxName, MetaItems, Mode, SearchReturn, StatusItem,
    StoreMode, UidSet, Unsolicited,
};
use support::{session, turn};

#[tokio::test]
async fn gmails_labels_are_read_and_stored_as_people_write_them() {
    let gmail = "* 1 FETCH (X-GM-THRID 1278455344230334865 X-GM-MSGID 1278455344230334864 \
                 X-GM-LABELS (\"\\\\Inbox\" \\Sent Important \"Gel&APY-scht\" {3}\r\na b) UID 7)\r\n";
    let turns = vec![
        turn("UID X-GM-MSGID X-GM-THRID", ""),
        turn("", format!("{gmail}$T OK\r\n")),
        turn(
            "UID STORE 7 +X-GM-LABELS (\"\\\\Starred\" \"B&APw-cher\")",
            "* 1 FETCH (X-GM-LABELS (\"\\\\Starred\" \"B&APw-cher\") UID 7)\r\n$T OK\r\n",
        ),
        turn(
            "UID FETCH 7 (UID FLAGS INTERNALDATE RFC822.SIZE X-GM-MSGID X-GM-THRID X-GM-LABELS BODY.PEEK[])",
            "* 1 FETCH (UID 7 BODY[] {2}\r\nhi X-GM-LABELS (x))\r\n$T OK\r\n",
        ),
    ];
    let (mut session, _server) = session("X-GM-EXT-1", turns).await;
    let seven = UidSet::parse("7");
    let items = MetaItems {
        object_ids: true,
        ..MetaItems::default()
    };
    let told = session
        .fetch_meta(&seven, &items, None, false)
        .await
        .unwrap();
    let meta = &told.messages[0];
    assert_eq!(meta.email_id.as_deref(), Some("1278455344230334864"));
    assert_eq!(meta.thread_id.as_deref(), Some("1278455344230334865"));
    let labels = meta.labels.as_ref().unwrap();
    assert_eq!(
        *labels,
        ["\\Inbox", "\\Sent", "Important", "Gelöscht", "a b"]
    );
    let stored = session
        .uid_store_labels(&seven, StoreMode::Add, &["\\Starred", "Bücher"])
        .await
        .unwrap();
    let labels = stored.updated[0].labels.as_ref().unwrap();
    assert_eq!(*labels, ["\\Starred", "Bücher"]);
    session.start_fetch_bodies(&seven).await.unwrap();
    loop {
        match session.next_body_event().await.unwrap() {
            BodyEvent::MessageEnd { meta, .. } => {
                assert_eq!(meta.labels, Some(vec!["x".to_owned()]));
            }
            BodyEvent::Done { .. } => break,
            _ => {}
        }
    }
}

#[tokio::test]
async fn labels_without_end_and_labels_that_are_commands_stay_harmless() {
    let many = "l ".repeat(50_000);
    let turns = vec![
        turn(
            "UID FETCH",
            format!("* 1 FETCH (UID 1 X-GM-LABELS ({many}) FLAGS ())\r\n$T OK\r\n"),
        ),
        turn("P2 UID STORE 1 -X-GM-LABELS (", ""),
        turn("P99 LOGOUT", "$T OK\r\n"),
    ];
    let (mut session, server) = session("X-GM-EXT-1 LITERAL+", turns).await;
    let one = UidSet::parse("1");
    let items = MetaItems {
        labels: true,
        ..MetaItems::default()
    };
    let told = session.fetch_meta(&one, &items, None, false).await.unwrap();
    assert_eq!(told.messages[0].labels.as_ref().unwrap().len(), 1000);
    assert_eq!(told.messages[0].flags, Some(Vec::new()));
    // The line break becomes modified UTF-7 and cannot begin a command.
    let stored = session.uid_store_labels(&one, StoreMode::Remove, &["x\r\nP99 LOGOUT"]);
    let waited = tokio::time::timeout(std::time::Duration::from_millis(200), stored).await;
    assert!(!matches!(waited, Ok(Ok(_))));
    drop(session);
    let lines = server.await.unwrap();
    assert!(
        lines.iter().all(|line| !line.starts_with("P99")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn names_stay_the_same_when_the_server_is_switched_to_utf8() {
    for extension in ["UTF8=ACCEPT", "IMAP4rev2"] {
        let turns = vec![
            turn(
                "LIST",
                "* LIST () \"/\" \"Entw&APw-rfe\"\r\n* LIST () \"/\" \"R&-D\"\r\n$T OK\r\n",
            ),
            turn("ENABLE", format!("* ENABLED {extension}\r\n$T OK\r\n")),
            turn(
                "LIST",
                "* LIST () \"/\" \"Entw\u{fc}rfe\"\r\n* LIST () \"/\" \"R&D\"\r\n\
                 * STATUS \"Entw\u{fc}rfe\" (MESSAGES 3)\r\n$T OK\r\n",
            ),
            turn("EXAMINE \"Entw\u{fc}rfe\"", "* 1 EXISTS\r\n$T OK\r\n"),
            turn("CREATE \"R&D\"", "$T OK [MAILBOXID (F1)] made\r\n"),
            turn(
                "NOOP",
                "* STATUS \"R&D\" (MESSAGES 9)\r\n* LIST (\\NonExistent) \"/\" \"\u{65e5}\"\r\n$T OK\r\n",
            ),
        ];
        let (mut session, _server) = session(&format!("ENABLE {extension}"), turns).await;
        let before = session.list(&ListOptions::default()).await.unwrap();
        session.enable(&[extension]).await.unwrap();
        let after = session.list(&ListOptions::default()).await.unwrap();
        let names = |entries: &[imap_client::ListEntry]| {
            entries
                .iter()
                .map(|entry| entry.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&before), names(&after), "{extension}");
        assert_eq!(after[0].status.as_ref().unwrap().messages, Some(3));
        session
            .select(&after[0].name, Mode::Examine, None)
            .await
            .unwrap();
        let id = session.create(&after[1].name).await.unwrap();
        assert_eq!(id.as_deref(), Some("F1"));
        session.noop().await.unwrap();
        let news = session.take_unsolicited();
        assert!(
            matches!(&news[..], [
            Unsolicited::Status { name, .. },
            Unsolicited::List(entry),
        ] if *name == MailboxName::from_decoded("R&D") && entry.name.decoded() == "日"),
            "{news:?}"
        );
    }
}

#[tokio::test]
async fn quotas_are_asked_for_where_offered() {
    let turns = vec![turn(
        "GETQUOTAROOT \"INBOX\"",
        "* QUOTAROOT INBOX \"\" extra\r\n* QUOTA \"\" (STORAGE 10 512)\r\n* QUOTA extra (MESSAGE 1 9)\r\n$T OK\r\n",
    )];
    let (mut with, _server) = session("QUOTA", turns).await;
    let quotas = with.quota_root(&MailboxName::inbox()).await.unwrap();
    assert_eq!(quotas.len(), 2);
    assert_eq!(quotas[0].storage(), Some((10 << 10, 512 << 10)));
    let (mut without, _server) = session("", Vec::new()).await;
    assert!(
        without
            .quota_root(&MailboxName::inbox())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn matches_are_counted_by_the_server_or_here() {
    let want = SearchReturn {
        count: true,
        max: true,
        ..SearchReturn::default()
    };
    for (offered, asked, answer) in [
        (
            "ESEARCH",
            "UID SEARCH RETURN (COUNT MAX) UNSEEN",
            "* ESEARCH (TAG \"P1\") UID COUNT 3 MAX 9\r\n",
        ),
        (
            "ESEARCH",
            "UID SEARCH RETURN (COUNT MAX) UNSEEN",
            "* SEARCH 4 9 5\r\n",
        ),
        ("", "UID SEARCH UNSEEN", "* SEARCH 4\r\n* SEARCH 9 5\r\n"),
    ] {
        let (mut session, _server) =
            session(offered, vec![turn(asked, format!("{answer}$T OK\r\n"))]).await;
        let found = session.uid_search_return("UNSEEN", want).await.unwrap();
        assert_eq!((found.count, found.max), (Some(3), Some(9)), "{answer}");
    }
}

#[tokio::test]
async fn many_folders_are_asked_about_at_once_and_each_has_its_own_end() {
    let names: Vec<MailboxName> = ["a", "b", "c"].map(MailboxName::from_decoded).into();
    let turns = vec![
        turn("STATUS \"a\" (MESSAGES)", ""),
        turn("STATUS \"b\"", ""),
        // All three were sent before the first answer; the ends come in any order.
        turn(
            "STATUS \"c\"",
            "* STATUS c (MESSAGES 3)\r\nP3 OK\r\n* STATUS elsewhere (MESSAGES 8)\r\nP9 OK\r\n\
             * STATUS a (MESSAGES 1)\r\nP2 NO [NONEXISTENT] gone\r\n* 5 EXISTS\r\nP1 OK\r\n",
        ),
        turn("NOOP", "$T OK\r\n"),
    ];
    let (mut session, _server) = session("", turns).await;
    let told = session
        .status_all(&names, &[StatusItem::Messages])
        .await
        .unwrap();
    assert_eq!(told[0].as_ref().unwrap().messages, Some(1));
    assert!(
        matches!(&told[1], Err(ImapError::No { code: Some(code), .. }) if code == "NONEXISTENT")
    );
    assert_eq!(told[2].as_ref().unwrap().messages, Some(3));
    session.noop().await.unwrap();
    assert_eq!(session.take_unsolicited().len(), 2);
}

#[tokio::test]
async fn a_name_that_needs_the_servers_leave_goes_alone() {
    let junk = MailboxName::from_wire(b"\xff");
    let names = [
        MailboxName::from_decoded("a"),
        junk.clone(),
        MailboxName::inbox(),
    ];
    let turns = vec![
        turn("P1 STATUS \"a\"", "* STATUS a (MESSAGES 1)\r\nP1 OK\r\n"),
        turn("P2 STATUS {1}", "+ go\r\n"),
        turn("(MESSAGES)", "* STATUS {1}\r\n\u{ff}"),
    ];
    let mut turns = turns;
    turns[2].reply = b"* STATUS {1}\r\n\xff (MESSAGES 2)\r\nP2 OK\r\n".to_vec();
    turns.push(turn(
        "P3 STATUS \"INBOX\"",
        "* STATUS inbox (MESSAGES 3)\r\nP3 OK\r\n",
    ));
    let (mut session, _server) = session("", turns).await;
    let told = session
        .status_all(&names, &[StatusItem::Messages])
        .await
        .unwrap();
    let counts: Vec<u64> = told
        .into_iter()
        .map(|one| one.unwrap().messages.unwrap())
        .collect();
    assert_eq!(counts, [1, 2, 3]);
}

#[tokio::test]
async fn an_end_in_the_middle_of_many_commands_is_one_error() {
    let names: Vec<MailboxName> = (0..100)
        .map(|n| MailboxName::from_decoded(&n.to_string()))
        .collect();
    let turns = vec![turn(
        "P3 ",
        "* STATUS 0 (MESSAGES 1)\r\nP1 OK\r\n* BYE enough\r\n",
    )];
    let (mut session, _server) = session("", turns).await;
    let told = session.status_all(&names, &[StatusItem::Messages]).await;
    assert!(matches!(told, Err(ImapError::Bye { .. })), "{told:?}");
    assert!(session.noop().await.is_err());
}

#[tokio::test]
async fn a_folder_is_left_without_expunging_whatever_the_server_offers() {
    let enter = || turn("SELECT \"INBOX\"", "* 1 EXISTS\r\n$T OK\r\n");
    for (offered, turns) in [
        ("UNSELECT", vec![enter(), turn("UNSELECT", "$T OK\r\n")]),
        (
            "",
            vec![
                enter(),
                turn("EXAMINE \"INBOX\"", "* 1 EXISTS\r\n$T OK\r\n"),
                turn("CLOSE", "$T OK\r\n"),
            ],
        ),
        (
            "",
            vec![enter(), turn("EXAMINE \"INBOX\"", "$T NO gone\r\n")],
        ),
    ] {
        let (mut session, _server) = session(offered, turns).await;
        session
            .select(&MailboxName::inbox(), Mode::ReadWrite, None)
            .await
            .unwrap();
        session.unselect().await.unwrap();
        assert_eq!(session.selected(), None);
        // None is selected: nothing is said.
        session.unselect().await.unwrap();
    }
}
