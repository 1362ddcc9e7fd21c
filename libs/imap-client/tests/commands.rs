//! The commands that look at folders and change them, against scripted servers of every temper.

mod support;

use imap_client::{
    AppendUid, ImapError, ListOptions, MailboxName, MetaItems, Mode, NotifySet, QresyncFrom,
    Session, StatusItem, StoreMode, UidSet, Unsolicited,
};
use support::{session, turn};

fn name(text: &str) -> MailboxName {
    MailboxName::from_decoded(text)
}

fn set(text: &str) -> UidSet {
    UidSet::parse(text)
}

#[tokio::test]
async fn a_list_has_marks_and_numbers_in_one_command_where_offered() {
    let answer = "* LIST (\\HasNoChildren \\Sent) \"/\" \"Gel&APY-scht\"\r\n\
                  * STATUS \"Gel&APY-scht\" (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 MAILBOXID (M1))\r\n\
                  * LIST (\\Noselect) NIL x\r\n* LIST () \"/\" inbox\r\n* STATUS INBOX (MESSAGES 1)\r\n$T OK\r\n";
    let expect =
        "LIST \"\" \"*\" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UIDNEXT))";
    let (mut session, _server) = session(
        "LIST-EXTENDED LIST-STATUS SPECIAL-USE",
        vec![turn(expect, answer)],
    )
    .await;
    let options = ListOptions {
        status_items: Some(vec![
            StatusItem::Messages,
            StatusItem::UidNext,
            StatusItem::HighestModseq,
        ]),
        special_use: true,
    };
    let entries = session.list(&options).await.unwrap();
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0].name.decoded(), "Gelöscht");
    assert!(entries[0].has("\\sent"));
    assert_eq!(entries[0].status.as_ref().unwrap().uidnext, Some(9));
    assert_eq!(entries[0].mailbox_id.as_deref(), Some("M1"));
    assert_eq!(
        (entries[1].delimiter, entries[1].is_selectable()),
        (None, false)
    );
    assert!(entries[2].name.is_inbox());
    assert_eq!(entries[2].status.as_ref().unwrap().messages, Some(1));
}

#[tokio::test]
async fn a_server_that_refuses_the_long_list_gets_the_plain_one() {
    let turns = vec![
        turn("RETURN", "$T BAD unknown argument\r\n"),
        turn("LIST \"\" \"*\"", "* LIST () \".\" INBOX.x\r\n$T OK\r\n"),
    ];
    let (mut session, _server) = session("LIST-EXTENDED", turns).await;
    let entries = session.list(&ListOptions::default()).await.unwrap();
    assert_eq!((entries.len(), entries[0].delimiter), (1, Some('.')));
}

#[tokio::test]
async fn what_is_enabled_is_read_not_assumed() {
    let turns = vec![
        turn("ENABLE QRESYNC", "* ENABLED\r\n$T OK\r\n"),
        turn("ENABLE QRESYNC", "* ENABLED condstore QRESYNC\r\n$T OK\r\n"),
    ];
    let (mut session, _server) = session("ENABLE QRESYNC", turns).await;
    assert!(
        session
            .enable(&["QRESYNC", "UTF8=ACCEPT"])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(!session.is_enabled("QRESYNC"));
    assert_eq!(
        session.enable(&["QRESYNC"]).await.unwrap(),
        ["CONDSTORE", "QRESYNC"]
    );
    assert!(session.is_enabled("qresync"));
    assert!(session.enable(&["UTF8=ACCEPT"]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_folder_is_entered_with_its_differences() {
    let answer = "* 9 EXISTS\r\n* 4 FETCH (UID 8 FLAGS (\\Deleted))\r\n* OK [CLOSED] old one\r\n* FLAGS (\\Seen)\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\n\
                  * 3 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 12] x\r\n\
                  * OK [HIGHESTMODSEQ 90060115194045001] x\r\n* OK [MAILBOXID (F1)] x\r\n* VANISHED (EARLIER) 1:3,5\r\n\
                  * 2 FETCH (UID 8 FLAGS (\\Seen) MODSEQ (90060115194045001))\r\n* OK [ALERT] quota\r\n$T OK [READ-ONLY] in\r\n";
    let turns = vec![
        turn("ENABLE", "* ENABLED QRESYNC\r\n$T OK\r\n"),
        turn("EXAMINE \"INBOX\" (QRESYNC (7 42 1:8))", answer),
    ];
    let (mut session, _server) = session("ENABLE QRESYNC", turns).await;
    session.enable(&["QRESYNC"]).await.unwrap();
    let from = QresyncFrom {
        uidvalidity: 7,
        modseq: 42,
        known: Some(set("1:8")),
    };
    let selected = session
        .select(&MailboxName::inbox(), Mode::Examine, Some(&from))
        .await
        .unwrap();
    assert_eq!(
        (selected.exists, selected.uidvalidity, selected.uidnext),
        (3, Some(7), Some(12))
    );
    assert_eq!(selected.highestmodseq, Some(90_060_115_194_045_001));
    assert_eq!(selected.vanished, set("1:3,5"));
    // What the server said of the folder before is not taken for news of this one.
    assert_eq!(selected.changed.len(), 1);
    assert_eq!(selected.changed[0].uid, Some(8));
    assert_eq!(selected.changed[0].flags, Some(vec!["\\Seen".to_owned()]));
    assert!(selected.read_only && !selected.no_modseq);
    assert_eq!(selected.permanent_flags.unwrap(), ["\\Seen", "\\*"]);
    assert_eq!(selected.mailbox_id.as_deref(), Some("F1"));
    assert_eq!(
        session.take_unsolicited(),
        [Unsolicited::Alert {
            text: "quota".to_owned()
        }]
    );
}

#[tokio::test]
async fn a_folder_that_says_little_is_entered_too() {
    let turns = vec![
        turn("SELECT \"x\"", "* 5 EXISTS\r\n$T OK\r\n"),
        turn("SELECT", "$T NO [NONEXISTENT] gone\r\n"),
    ];
    let (mut session, _server) = session("", turns).await;
    let selected = session
        .select(&name("x"), Mode::ReadWrite, None)
        .await
        .unwrap();
    assert_eq!(
        (selected.exists, selected.uidvalidity, selected.read_only),
        (5, None, false)
    );
    assert!(session.selected().is_some());
    let refused = session.select(&name("y"), Mode::ReadWrite, None).await;
    assert!(
        matches!(refused, Err(ImapError::No { code: Some(code), .. }) if code == "NONEXISTENT")
    );
    assert!(session.selected().is_none());
}

async fn counting(more: &str, turns: Vec<support::Turn>) -> (Session, support::Server) {
    let mut all = vec![
        turn("ENABLE", "* ENABLED QRESYNC\r\n$T OK\r\n"),
        turn(
            "SELECT",
            "* 5 EXISTS\r\n* OK [HIGHESTMODSEQ 5] x\r\n$T OK\r\n",
        ),
    ];
    all.extend(turns);
    let (mut session, server) = session(&format!("ENABLE QRESYNC {more}"), all).await;
    session.enable(&["QRESYNC"]).await.unwrap();
    session
        .select(&MailboxName::inbox(), Mode::ReadWrite, None)
        .await
        .unwrap();
    (session, server)
}

#[tokio::test]
async fn changes_since_come_with_what_vanished_and_without_news_of_others() {
    let answer = "* VANISHED (EARLIER) 2\r\n* VANISHED 4\r\n* 1 FETCH (UID 1 FLAGS ())\r\n* 9 FETCH (FLAGS ())\r\n\
                  * 8 FETCH (UID 99 FLAGS ())\r\n$T OK\r\n";
    let expect = "UID FETCH 1:10 (UID FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (DATE)]) (CHANGEDSINCE 3 VANISHED)";
    let (mut session, _server) = counting("", vec![turn(expect, answer)]).await;
    let items = MetaItems {
        flags: true,
        modseq: true,
        header_fields: vec!["DATE".to_owned()],
        ..MetaItems::default()
    };
    let result = session
        .fetch_meta(&set("1:10"), &items, Some(3), true)
        .await
        .unwrap();
    assert_eq!(result.messages.len(), 1);
    assert_eq!(result.vanished, set("2"));
    assert_eq!(session.take_unsolicited().len(), 3);
}

#[tokio::test]
async fn long_sets_become_several_commands() {
    let scattered: UidSet = (1..400).map(|n| n * 1000).collect();
    let turns = (0..3)
        .map(|_| turn("UID FETCH", "* 1 FETCH (UID 1000 FLAGS ())\r\n$T OK\r\n"))
        .collect();
    let (mut session, server) = session("", turns).await;
    session
        .fetch_meta(&scattered, &MetaItems::default(), None, false)
        .await
        .unwrap();
    drop(session);
    let lines = server.await.unwrap();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line.len() < 1100));
}

#[tokio::test]
async fn a_conditional_store_tells_what_it_left_alone() {
    let turns = vec![turn(
        "UID STORE 1:3 (UNCHANGEDSINCE 4) +FLAGS (\\Seen $x)",
        "* 1 FETCH (UID 1 FLAGS (\\Seen $x) MODSEQ (6))\r\n* 7 FETCH (UID 70 FLAGS ())\r\n$T NO [MODIFIED 2:3] partly\r\n",
    )];
    let (mut session, _server) = counting("", turns).await;
    let result = session
        .uid_store(&set("1:3"), StoreMode::Add, &["\\Seen", "$x"], Some(4))
        .await
        .unwrap();
    assert_eq!(result.updated.len(), 1);
    assert_eq!(result.modified, set("2:3"));
    let refused = session
        .uid_store(&set("1"), StoreMode::Add, &["a b"], None)
        .await;
    assert!(matches!(refused, Err(ImapError::Protocol { .. })));
}

#[tokio::test]
async fn a_move_says_where_messages_went() {
    let answer = "* OK [COPYUID 7 1,3 10:11] moved\r\n* VANISHED 1,3\r\n$T OK done\r\n";
    let (mut session, _server) = session("MOVE", vec![turn("UID MOVE 1,3 \"x\"", answer)]).await;
    let went = session
        .uid_move(&set("1,3"), &name("x"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(went.pairs, [(1, 10), (3, 11)]);
    assert_eq!(session.take_unsolicited().len(), 1);
}

#[tokio::test]
async fn without_move_nothing_is_moved() {
    let (mut session, server) = session("UIDPLUS", vec![turn("never", "")]).await;
    assert!(matches!(
        session.uid_move(&set("1"), &name("x")).await,
        Err(ImapError::Unsupported { what: "MOVE" })
    ));
    drop(session);
    assert!(server.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_is_appended_with_and_without_asking_first() {
    let body = b"a: b\r\n\r\nbody";
    let expect = "APPEND \"x\" (\\Seen) \"01-Jan-1970 00:00:00 +0000\" {12+}";
    let turns = vec![
        turn(expect, ""),
        turn("body", "$T OK [APPENDUID 7 42] done\r\n"),
    ];
    let (mut session1, _server) = session("LITERAL+", turns).await;
    let uid = session1
        .append(&name("x"), &["\\Seen"], Some(0), 12, &body[..])
        .await
        .unwrap();
    assert_eq!(
        uid,
        Some(AppendUid {
            uidvalidity: 7,
            uid: 42
        })
    );

    let turns = vec![
        turn("APPEND \"x\" {12}", "* 4 EXISTS\r\n+ go\r\n"),
        turn("body", "$T OK done\r\n"),
    ];
    let (mut session2, _server) = session("", turns).await;
    assert_eq!(
        session2
            .append(&name("x"), &[], None, 12, &body[..])
            .await
            .unwrap(),
        None
    );
    assert_eq!(session2.take_unsolicited(), [Unsolicited::Exists(4)]);
}

#[tokio::test]
async fn a_refused_append_sends_no_body_and_leaves_the_session_usable() {
    let turns = vec![
        turn("APPEND", "$T NO [OVERQUOTA] full\r\n"),
        turn("NOOP", "$T OK\r\n"),
    ];
    let (mut session, server) = session("", turns).await;
    let refused = session
        .append(&name("x"), &[], None, 6, &b"secret"[..])
        .await;
    assert!(matches!(refused, Err(ImapError::No { code: Some(code), .. }) if code == "OVERQUOTA"));
    session.noop().await.unwrap();
    drop(session);
    assert!(!server.await.unwrap().join("\n").contains("secret"));
}

#[tokio::test]
async fn a_body_shorter_than_its_size_ends_the_session() {
    let (mut session, _server) =
        session("LITERAL+", vec![turn("APPEND", ""), turn("never", "")]).await;
    let result = session
        .append(&name("x"), &[], None, 100, &b"short"[..])
        .await;
    assert!(
        matches!(result, Err(ImapError::Protocol { .. })),
        "{result:?}"
    );
    assert!(
        session.noop().await.is_err(),
        "the server still waits for the rest"
    );
}

#[tokio::test]
async fn searches_are_read_in_both_forms() {
    let turns = vec![
        turn(
            "UID SEARCH RETURN (ALL) SEEN",
            "* ESEARCH (TAG \"$T\") UID ALL 1:3,9 MODSEQ 5\r\n$T OK\r\n",
        ),
        turn(
            "UID SEARCH RETURN (ALL) DELETED",
            "* ESEARCH (TAG \"$T\") UID\r\n$T OK\r\n",
        ),
    ];
    let (mut compact, _server) = session("ESEARCH", turns).await;
    assert_eq!(compact.uid_search("SEEN").await.unwrap(), set("1:3,9"));
    assert!(compact.uid_search("DELETED").await.unwrap().is_empty());
    let turns = vec![turn(
        "UID SEARCH SEEN",
        "* SEARCH 9 1 2\r\n* SEARCH 3 (MODSEQ 5)\r\n$T OK\r\n",
    )];
    let (mut plain, _server) = session("", turns).await;
    assert_eq!(plain.uid_search("SEEN").await.unwrap(), set("1:3,9"));
}

#[tokio::test]
async fn status_leaves_out_what_the_server_does_not_know() {
    let turns = vec![turn(
        "STATUS \"x\" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)",
        "* STATUS other (MESSAGES 1)\r\n* STATUS x (MESSAGES 5 UIDNEXT NIL UNSEEN 2)\r\n$T OK\r\n",
    )];
    let (mut session, _server) = session("", turns).await;
    let data = session.status(&name("x"), &StatusItem::ALL).await.unwrap();
    assert_eq!(
        (data.messages, data.uidnext, data.unseen),
        (Some(5), None, Some(2))
    );
    assert_eq!(session.take_unsolicited().len(), 1);
}

#[tokio::test]
async fn a_refused_notify_is_no_error() {
    let turns = vec![turn("NOTIFY SET", "$T NO [BADEVENT (FlagChange)] no\r\n")];
    let (mut session1, _server) = session("NOTIFY", turns).await;
    assert!(!session1.notify(NotifySet::Personal).await.unwrap());
    let (mut session2, _server) = session("", vec![turn("never", "")]).await;
    assert!(!session2.notify(NotifySet::Personal).await.unwrap());
}

#[tokio::test]
async fn id_and_namespace_are_read() {
    let turns = vec![
        turn(
            "ID (\"name\" \"x\")",
            "* ID (\"name\" \"Dovecot\" \"v\" NIL)\r\n$T OK\r\n",
        ),
        turn(
            "NAMESPACE",
            "* NAMESPACE ((\"INBOX.\" \".\")) NIL ((\"Shared.\" \".\")(\"\" NIL))\r\n$T OK\r\n",
        ),
    ];
    let (mut session, _server) = session("ID NAMESPACE", turns).await;
    assert_eq!(
        session.id(&[("name", "x")]).await.unwrap(),
        [("name".to_owned(), "Dovecot".to_owned())]
    );
    let spaces = session.namespace().await.unwrap().unwrap();
    assert_eq!(spaces.personal[0].prefix, name("INBOX."));
    assert_eq!((spaces.other_users.len(), spaces.shared.len()), (0, 2));
}
