//! Servers that are odd, broken or hostile: bounded, named, and never a panic.

mod support;

use std::time::Duration;

use imap_client::{
    ImapError, Limits, ListOptions, MailboxName, MetaItems, Mode, SearchReturn, Session,
    StatusItem, StoreMode, UidSet,
};
use mail_net::Stream;
use proptest::prelude::*;
use support::{quick, session, turn};
use tokio::io::{AsyncWriteExt, duplex};

/// Legal answers of extensions and malformed ones of real servers. After each the next line must be read rightly.
const ODD: &[&str] = &[
    "* NAMESPACE ((\"\" \"/\")) NIL NIL",
    "* ESEARCH (TAG \"A1\") UID MIN 2 COUNT 17 ALL 4:19,21,28",
    "* ESEARCH",
    "* SEARCH 1 2 3 (MODSEQ 917)",
    "* SEARCH",
    "* SORT 5 3 1",
    "* THREAD (2)(3 6 (4 23)(44 7 96))",
    "* 5 FETCH (UID 5 BINARY[1] ~{3}\r\n\0\x01)",
    "* LIST (\\HasChildren) \"/\" \"x\" (\"CHILDINFO\" (\"SUBSCRIBED\"))",
    "* LIST (\\Noselect) NIL \"\"",
    "* LIST () \"/\" {3}\r\na\"b",
    "* LSUB () \".\" INBOX.x",
    "* STATUS x (MESSAGES 1 MAILBOXID (F2212ea87) SIZE 99999999999)",
    "* STATUS \"\" ()",
    "* STATUS x",
    "* CAPABILITY IMAP4rev2",
    "* CAPABILITY",
    "* ENABLED",
    "* VANISHED (EARLIER) 41,43:116,118",
    "* VANISHED 300:*",
    "* VANISHED",
    "* VANISHED junk,1:x,,5",
    "* QUOTA \"\" (STORAGE 10 512)",
    "* QUOTA",
    "* QUOTA NIL (STORAGE",
    "* QUOTA r (STORAGE -1 99999999999999999999 MESSAGE)",
    "* QUOTAROOT INBOX \"\"",
    "* ESEARCH (TAG \"A1\" UID ALL 5:1,*:3,x COUNT -1 MIN (1) MAX NIL MODSEQ",
    "* SEARCH 5 (MODSEQ",
    "* ACL INBOX a lrswipkxtecda",
    "* METADATA INBOX (/shared/comment \"x\")",
    "* LANGUAGE (EN)",
    "* GENURLAUTH \"imap://x\"",
    "* XLIST (\\Inbox) \"/\" Inbox",
    "* 5 FETCH (UID 5 FLAGS (\\Seen) )",
    "* 5 FETCH (UID 5 INTERNALDATE NIL)",
    "* 5 FETCH (UID 5 INTERNALDATE \"Sat, 1 Jan 2000 00:00:00 GMT\")",
    "* 5 FETCH (UID 5 ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))",
    "* 5 FETCH (UID 5 ENVELOPE (\"d\" \"s\" () () () () () () NIL \"<x>\"))",
    "* 5 FETCH (UID 5 BODYSTRUCTURE ((\"TEXT\" \"PLAIN\") \"MIXED\"))",
    "* 5 FETCH (UID 5 BODYSTRUCTURE ( \"MIXED\" NIL NIL NIL))",
    "* 5 FETCH (UID 5 BODYSTRUCTURE ())",
    "* 5 FETCH (UID 5 X-GM-THRID 1278455344230334865 X-GM-LABELS (\\Inbox \"&2D3c7A-\"))",
    "* 5 FETCH (UID 5 X-GM-LABELS NIL X-GM-MSGID NIL)",
    "* 5 FETCH (UID 5 X-GM-LABELS (\"&AB-\" () \"\\\\Inbox\" {2}\r\n&-",
    "* 5 FETCH (UID 5 EMAILID (M6d99) THREADID NIL)",
    "* 5 FETCH (UID 5 SAVEDATE NIL PREVIEW \"x\")",
    "* 5 FETCH (UID 0)",
    "* 5 FETCH (UID -1 RFC822.SIZE -1)",
    "* 5 FETCH (UID 99999999999999999999999999999)",
    "* 5 FETCH (FLAGS (\\Seen)",
    "* 5 FETCH FLAGS (\\Seen))",
    "* 5 FETCH ()",
    "* 5 FETCH",
    "* 5 FETCH (UID 5 FLAGS (\\Seen))))))",
    "* 5 FETCH (UID 5 BODY[HEADER.FIELDS (SUBJECT)] \"x",
    "* 5 FETCH (\"UID\" \"5\")",
    "* 5 FETCH (UID 5 FLAGS \\Seen)",
    "* 99999999999999999999 EXISTS",
    "* 0 EXPUNGE",
    "* -1 EXISTS",
    "* EXISTS",
    "* 5",
    "* ",
    "*",
    "",
    " ",
    "* OK",
    "* OK [",
    "* OK []",
    "* OK [UIDNEXT]",
    "* OK [UIDNEXT x] y",
    "* OK [UNKNOWN-CODE some thing] y",
    "* OK [PERMANENTFLAGS (\\* ] y",
    "* OK t\u{e9}xt",
    "* OK ends in {5}",
    "* NO [ALERT] disk \x1b[31mfull",
    "* BAD whatever",
    "* [COPYUID 5 1 2] old Exchange",
    "* PREAUTH again",
    "* 5 WHAT (((",
    "* X-UNKNOWN \"unterminated",
    "P99999 OK not our tag",
    "X OK not our tag either",
    "P1",
    "random words",
    "\0\0\0\0",
    "\u{fffd}\u{fffd}",
    "+ a continuation nobody asked for",
    "* 5 FETCH (UID 5 BODY[] {0}\r\n)",
    "* 5 FETCH (UID 5 BODY[]<0> {1+}\r\nx)",
];

#[tokio::test]
async fn after_every_odd_answer_the_next_line_is_still_read_rightly() {
    for odd in ODD.iter().filter(|odd| !odd.starts_with('+')) {
        let answer = format!("{odd}\r\n* 77 EXISTS\r\n$T OK done\r\n");
        let turns = vec![
            turn("NOOP", &answer),
            turn("UID FETCH", &answer),
            turn("NOOP", "$T OK\r\n"),
        ];
        let (mut session, _server) = session("", turns).await;
        session
            .noop()
            .await
            .unwrap_or_else(|error| panic!("{odd:?}: {error}"));
        let news = session.take_unsolicited();
        assert!(
            news.contains(&imap_client::Unsolicited::Exists(77)),
            "{odd:?}: {news:?}"
        );
        session
            .start_fetch_bodies(&UidSet::parse("1"))
            .await
            .unwrap();
        while session.bodies_in_flight() > 0 {
            session
                .next_body_event()
                .await
                .unwrap_or_else(|error| panic!("{odd:?}: {error}"));
        }
        session
            .noop()
            .await
            .unwrap_or_else(|error| panic!("{odd:?}: {error}"));
    }
}

#[tokio::test]
async fn an_endless_line_stops_at_the_limit() {
    let (client, mut server) = duplex(1 << 16);
    let writer = tokio::spawn(async move {
        let mut sent = 0_usize;
        let _ = server.write_all(b"* OK hi\r\n* 5 FETCH (UID ").await;
        while sent < 64 << 20 && server.write_all(&[b'7'; 4096]).await.is_ok() {
            sent += 4096;
        }
        sent
    });
    let (mut session, _) = Session::start(Stream::from_io(client), quick(), None)
        .await
        .unwrap();
    let error = session.noop().await.unwrap_err();
    assert!(
        matches!(&error, ImapError::Limit { what } if what.contains("line")),
        "{error:?}"
    );
    drop(session);
    assert!(
        writer.await.unwrap() < 4 << 20,
        "no more is read than the limit and what was under way"
    );
}

#[tokio::test]
async fn a_list_of_a_million_uids_in_one_line_is_read() {
    let uids: Vec<String> = (1..400_000_u64).map(|n| (n * 2).to_string()).collect();
    let answer = format!("* SEARCH {}\r\n$T OK\r\n", uids.join(" "));
    assert!(answer.len() > 2 << 20);
    let (mut session, _server) = session("", vec![turn("UID SEARCH", answer)]).await;
    assert_eq!(session.uid_search("ALL").await.unwrap().len(), 399_999);
}

#[tokio::test]
async fn an_oversized_literal_inside_a_response_reads_as_nil() {
    let mut answer = b"* 5 FETCH (UID 5 X-HUGE {3000000}\r\n".to_vec();
    answer.extend(std::iter::repeat_n(b'(', 3_000_000));
    answer.extend_from_slice(b" FLAGS (\\Seen))\r\n* 5 FETCH (UID 6 FLAGS ())\r\n$T OK\r\n");
    let (mut session, _server) = session(
        "",
        vec![turn("UID FETCH", answer), turn("NOOP", "$T OK\r\n")],
    )
    .await;
    let items = MetaItems {
        flags: true,
        ..MetaItems::default()
    };
    let result = session
        .fetch_meta(&UidSet::parse("5:6"), &items, None, false)
        .await
        .unwrap();
    assert_eq!(result.messages.len(), 2);
    assert_eq!(result.messages[0].flags, Some(vec!["\\Seen".to_owned()]));
    session.noop().await.unwrap();
}

#[tokio::test]
async fn too_many_folders_and_too_much_chatter_are_named() {
    let mut answer: String = (0..50)
        .map(|n| format!("* LIST () \"/\" f{n}\r\n"))
        .collect();
    answer.push_str("$T OK\r\n");
    let (client, server) = duplex(1 << 16);
    let turns = vec![
        turn("", "* PREAUTH [CAPABILITY X] hi\r\n"),
        turn("LIST", answer),
    ];
    let _server = tokio::spawn(support::play(server, turns));
    let limits = Limits {
        list_entries: 10,
        ..quick()
    };
    let (mut session, _) = Session::start(Stream::from_io(client), limits, None)
        .await
        .unwrap();
    let error = session.list(&ListOptions::default()).await.unwrap_err();
    assert!(
        matches!(&error, ImapError::Limit { what } if what.contains("10 folders")),
        "{error:?}"
    );

    let (client, server) = duplex(1 << 16);
    let chatter = "* 1 EXPUNGE\r\n".repeat(100);
    let turns = vec![turn("", "* PREAUTH hi\r\n"), turn("NOOP", chatter)];
    let _server = tokio::spawn(support::play(server, turns));
    let limits = Limits {
        unsolicited: 5000,
        ..quick()
    };
    let (mut session, _) = Session::start(Stream::from_io(client), limits, None)
        .await
        .unwrap();
    assert!(matches!(session.noop().await, Err(ImapError::Limit { .. })));
}

#[tokio::test]
async fn answers_that_never_end_are_stopped_where_they_are_collected() {
    for (command, line) in [
        ("UID FETCH", "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n"),
        ("UID SEARCH", "* SEARCH 1 3 5 7 9\r\n"),
    ] {
        let (client, server) = duplex(1 << 16);
        let turns = vec![
            turn("", "* PREAUTH hi\r\n"),
            turn(command, line.repeat(10_000)),
        ];
        let _server = tokio::spawn(support::play(server, turns));
        let limits = Limits {
            collected: 100_000,
            ..quick()
        };
        let (mut session, _) = Session::start(Stream::from_io(client), limits, None)
            .await
            .unwrap();
        let error = if command == "UID FETCH" {
            session
                .fetch_meta(&UidSet::parse("1"), &MetaItems::default(), None, false)
                .await
                .unwrap_err()
        } else {
            session.uid_search("ALL").await.unwrap_err()
        };
        assert!(
            matches!(error, ImapError::Limit { .. }),
            "{command}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_endless_stream_of_nonsense_ends_the_session() {
    let nonsense = "what\r\n".repeat(3000);
    let (mut session, _server) = session("", vec![turn("NOOP", nonsense), turn("never", "")]).await;
    assert!(matches!(
        session.noop().await,
        Err(ImapError::Protocol { .. })
    ));
}

#[tokio::test]
async fn a_few_lines_of_noise_end_the_session_before_patience_does() {
    // Then silence: without a look at what the line is made of, only the patience would end it.
    let noise = "\u{1}\u{7f}zq\r\n".repeat(20);
    let (mut session, _server) = session("", vec![turn("NOOP", noise), turn("never", "")]).await;
    let ended = tokio::time::timeout(Duration::from_secs(5), session.noop()).await;
    assert!(
        matches!(ended, Ok(Err(ImapError::Protocol { .. }))),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_bye_explains_the_closed_connection() {
    let (mut session, _server) =
        session("", vec![turn("NOOP", "* BYE server shutting down\r\n")]).await;
    let error = session.noop().await.unwrap_err();
    assert!(
        matches!(&error, ImapError::Bye { text } if text == "server shutting down"),
        "{error:?}"
    );
    assert!(matches!(session.noop().await, Err(ImapError::Bye { .. })));
}

#[tokio::test]
async fn a_command_that_was_dropped_half_way_ends_the_session() {
    let (mut session, _server) =
        session("", vec![turn("NOOP", ""), turn("NOOP", "$T OK\r\n")]).await;
    let dropped = tokio::time::timeout(Duration::from_millis(50), session.noop()).await;
    assert!(dropped.is_err());
    assert!(
        matches!(session.noop().await, Err(ImapError::Closed)),
        "its answer would be taken for ours"
    );
}

#[tokio::test]
async fn user_text_cannot_become_a_command() {
    let (mut session, server) = session(
        "LITERAL+",
        vec![turn("CREATE", "$T OK\r\n"), turn("never", "")],
    )
    .await;
    let evil = MailboxName::from_wire(b"x\r\nP9 DELETE INBOX");
    session.create(&evil).await.unwrap();
    assert!(session.uid_search("ALL\r\nP9 LOGOUT").await.is_err());
    drop(session);
    let lines = server.await.unwrap();
    // The line break is inside a literal, whose length the server knows.
    assert!(lines[0].ends_with("CREATE {18+}"), "{lines:?}");
}

/// Bytes of every kind, and pieces of answers.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            proptest::sample::select(ODD).prop_map(|odd| format!("{odd}\r\n").into_bytes()),
            proptest::sample::select(
                &[
                    "(",
                    ")",
                    "\"",
                    "{3}\r\n",
                    "{",
                    "}",
                    "\r\n",
                    "* ",
                    "FETCH (",
                    "BODY[] ",
                    "UID 5 ",
                    "~{9}\r\n",
                    "[",
                    "]",
                    "P1 OK\r\n",
                    "P2 OK\r\n",
                    "P3 OK\r\n",
                    "P4 OK\r\n",
                    "P5 OK\r\n",
                    "P6 NO x\r\n",
                    "BODY[]<0> {3}\r\n",
                    "BODY[]<",
                    "X-GM-LABELS (",
                    "{99999999999999999999}\r\n",
                    "+ \r\n",
                    "* 1 FETCH (BODY[] {4}\r\n",
                ][..]
            )
            .prop_map(|text| text.as_bytes().to_vec()),
        ],
        0..40,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes_never_cause_a_panic(
        pieces in pieces()
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async move {
            let (client, mut server) = duplex(1 << 20);
            server.write_all(b"* PREAUTH [CAPABILITY IMAP4rev1 LIST-EXTENDED ESEARCH MOVE IDLE] hi\r\n").await.unwrap();
            server.write_all(&pieces.concat()).await.unwrap();
            server.shutdown().await.unwrap();
            let (mut session, _) = Session::start(Stream::from_io(client), quick(), None).await.unwrap();
            let _ = session.list(&ListOptions::default()).await;
            let _ = session.select(&MailboxName::inbox(), Mode::Examine, None).await;
            if session.start_fetch_bodies(&UidSet::parse("1")).await.is_ok() {
                while session.bodies_in_flight() > 0 && session.next_body_event().await.is_ok() {}
            }
            let items = MetaItems { flags: true, ..MetaItems::default() };
            let _ = session.fetch_meta(&UidSet::starting_at(1), &items, None, true).await;
            let _ = session.uid_search("ALL").await;
            let _ = session.idle(Duration::from_millis(20), std::future::pending()).await;
            let _ = session.take_unsolicited();
        });
    }

    #[test]
    fn arbitrary_bytes_meet_the_extensions_without_a_panic(pieces in pieces(), compressed in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async move {
            let (client, mut server) = duplex(1 << 20);
            server.write_all(
                b"* PREAUTH [CAPABILITY IMAP4rev1 ENABLE UTF8=ACCEPT ESEARCH QUOTA X-GM-EXT-1 OBJECTID COMPRESS=DEFLATE] hi\r\n\
                  P1 OK\r\n* ENABLED UTF8=ACCEPT\r\nP2 OK\r\n",
            ).await.unwrap();
            let (mut session, _) = Session::start(Stream::from_io(client), quick(), None).await.unwrap();
            if compressed {
                session.compress().await.unwrap();
            } else {
                session.noop().await.unwrap();
                session.enable(&["UTF8=ACCEPT"]).await.unwrap();
            }
            server.write_all(&pieces.concat()).await.unwrap();
            server.shutdown().await.unwrap();
            let inbox = MailboxName::inbox();
            let names = [inbox.clone(), MailboxName::from_decoded("\u{fc}"), MailboxName::from_wire(b"\xff")];
            let _ = session.status_all(&names, &StatusItem::ALL).await;
            let mut sink = Vec::new();
            if let Ok(Some(count)) = session.fetch_rest(5, 0, 3, &mut sink).await {
                assert_eq!(count, sink.len() as u64);
            }
            let _ = session.quota_root(&inbox).await;
            let want = SearchReturn { all: true, count: true, min: true, max: true };
            let _ = session.uid_search_return("ALL", want).await;
            let _ = session.uid_store_labels(&UidSet::parse("1:9"), StoreMode::Add, &["x"]).await;
            let _ = session.unselect().await;
            let _ = session.take_unsolicited();
        });
    }
}
