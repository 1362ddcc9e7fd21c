//! Streaming whole messages: every order, every oddity, and never a truncated one.

mod support;

use imap_client::{
    BodyEvent, Completion, ImapError, MailboxName, Mode, Session, UidSet, Unsolicited,
};
use support::{Turn, session, turn};

/// Runs all fetches in flight to their end and writes each event as a line; chunks are joined.
async fn drain(session: &mut Session) -> Result<Vec<String>, ImapError> {
    let mut lines = Vec::new();
    let mut body = Vec::new();
    while session.bodies_in_flight() > 0 {
        lines.push(match session.next_body_event().await? {
            BodyEvent::Chunk(bytes) => {
                assert!(!bytes.is_empty());
                body.extend_from_slice(bytes);
                continue;
            }
            BodyEvent::Begin { uid, len } => format!("begin {uid:?} {len}"),
            BodyEvent::BodyEnd { len } => {
                assert_eq!(body.len() as u64, len);
                format!(
                    "body {}",
                    String::from_utf8_lossy(&std::mem::take(&mut body))
                )
            }
            BodyEvent::Missing => "missing".to_owned(),
            BodyEvent::MessageEnd { meta, body_len } => {
                format!(
                    "end {:?} {:?} {:?}",
                    meta.uid,
                    meta.flags.map(|flags| flags.join(" ")),
                    body_len
                )
            }
            BodyEvent::Done { status, .. } => format!("done {status:?}"),
        });
    }
    Ok(lines)
}

async fn fetch(answer: impl AsRef<[u8]>) -> (Session, Result<Vec<String>, ImapError>) {
    let turns: Vec<Turn> = vec![turn("UID FETCH", answer), turn("NOOP", "$T OK\r\n")];
    let (mut session, _server) = session("", turns).await;
    session
        .start_fetch_bodies(&UidSet::parse("1:9"))
        .await
        .unwrap();
    let lines = drain(&mut session).await;
    (session, lines)
}

#[tokio::test]
async fn facts_before_and_behind_the_body_come_at_its_end() {
    let (_, lines) = fetch(
        "* 1 FETCH (UID 4 FLAGS (\\Seen) BODY[] {5}\r\nhello)\r\n\
         * 2 FETCH (BODY[] {2}\r\n)\r FLAGS () RFC822.SIZE 2 UID 5)\r\n\
         * 3 FETCH (BODY[] ~{1}\r\nx BODY[HEADER] {3}\r\n(\"{ UID 6)\r\n$T OK done\r\n",
    )
    .await;
    assert_eq!(
        lines.unwrap(),
        [
            "begin Some(4) 5",
            "body hello",
            "end Some(4) Some(\"\\\\Seen\") Some(5)",
            "begin None 2",
            "body )\r",
            "end Some(5) Some(\"\") Some(2)",
            "begin None 1",
            "body x",
            "end Some(6) None Some(1)",
            "done Ok"
        ]
    );
}

#[tokio::test]
async fn empty_quoted_and_missing_bodies_are_told_apart() {
    let (_, lines) = fetch(
        "* 1 FETCH (UID 1 BODY[] NIL)\r\n* 2 FETCH (UID 2 BODY[] {0}\r\n)\r\n\
         * 3 FETCH (UID 3 BODY[] \"a\\\"b\")\r\n* 4 FETCH (UID 4 BODY[] \"\")\r\n* 5 FETCH (UID 5 RFC822 {1}\r\nz)\r\n$T OK\r\n",
    )
    .await;
    assert_eq!(
        lines.unwrap(),
        [
            "missing",
            "end Some(1) None None",
            "begin Some(2) 0",
            "body ",
            "end Some(2) None Some(0)",
            "begin Some(3) 3",
            "body a\"b",
            "end Some(3) None Some(3)",
            "begin Some(4) 0",
            "body ",
            "end Some(4) None Some(0)",
            "begin Some(5) 1",
            "body z",
            "end Some(5) None Some(1)",
            "done Ok"
        ]
    );
}

#[tokio::test]
async fn news_in_between_is_kept_apart_from_the_answer() {
    let (mut session, lines) = fetch(
        "* 9 EXISTS\r\n* 7 FETCH (FLAGS (\\Deleted) UID 70)\r\n* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n\
         * VANISHED 3:4\r\n* OK Still here\r\n* 2 EXPUNGE\r\n$T OK\r\n",
    )
    .await;
    assert_eq!(
        lines.unwrap(),
        [
            "begin Some(1) 1",
            "body a",
            "end Some(1) None Some(1)",
            "done Ok"
        ]
    );
    let news = session.take_unsolicited();
    assert_eq!(news.len(), 4, "{news:?}");
    assert_eq!(news[0], Unsolicited::Exists(9));
    assert!(matches!(&news[1], Unsolicited::Fetch(meta) if meta.uid == Some(70)));
    assert_eq!(
        news[2],
        Unsolicited::Vanished {
            earlier: false,
            uids: UidSet::parse("3:4")
        }
    );
    assert_eq!(news[3], Unsolicited::Expunge(2));
    session.noop().await.unwrap();
}

#[tokio::test]
async fn a_refused_fetch_leaves_the_session_usable() {
    let (mut session, lines) = fetch("$T NO [SERVERBUG] cannot read\r\n").await;
    assert_eq!(
        lines.unwrap(),
        [format!(
            "done {:?}",
            Completion::No {
                code: Some("SERVERBUG".to_owned()),
                text: "cannot read".to_owned()
            }
        )]
    );
    session.noop().await.unwrap();
}

#[tokio::test]
async fn several_fetches_in_flight_end_one_by_one() {
    let turns = vec![
        turn("UID FETCH 1 ", ""),
        turn(
            "UID FETCH 2 ",
            "* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\nP1 OK\r\n* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\nP2 OK\r\n",
        ),
    ];
    let (mut session, _server) = session("", turns).await;
    let first = session
        .start_fetch_bodies(&UidSet::parse("1"))
        .await
        .unwrap();
    let second = session
        .start_fetch_bodies(&UidSet::parse("2"))
        .await
        .unwrap();
    assert_ne!(first, second);
    assert!(
        matches!(session.noop().await, Err(ImapError::Protocol { .. })),
        "a command in between is refused"
    );
}

#[tokio::test]
async fn a_body_that_is_cut_never_ends() {
    for cut in [
        "* 1 FETCH (UID 1 BODY[] {100}\r\nonly this",
        "* 1 FETCH (UID 1 BODY[] {4}\r\nfour",
        "* 1 FETCH (UID 1 BODY[] {4}\r\nfour FLAGS (",
    ] {
        let (mut session, _server) = session("", vec![turn("UID FETCH", cut)]).await;
        session
            .start_fetch_bodies(&UidSet::parse("1"))
            .await
            .unwrap();
        let ended = loop {
            match session.next_body_event().await {
                Ok(BodyEvent::MessageEnd { .. }) => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        assert!(matches!(ended, Err(ImapError::Closed)), "{cut}: {ended:?}");
        assert!(session.next_body_event().await.is_err());
        assert!(matches!(
            session.noop().await,
            Err(ImapError::Closed | ImapError::Protocol { .. })
        ));
    }
}

#[tokio::test]
async fn a_stalled_body_runs_into_the_limit() {
    let turns = vec![
        turn("UID FETCH", "* 1 FETCH (UID 1 BODY[] {100}\r\nonly this"),
        turn("never", ""),
    ];
    let (mut session, _server) = session("", turns).await;
    session
        .start_fetch_bodies(&UidSet::parse("1"))
        .await
        .unwrap();
    let error = drain(&mut session).await.unwrap_err();
    assert!(
        matches!(error, ImapError::TimedOut { what: "a message" }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_claim_of_four_gigabytes_is_refused_by_name() {
    for claim in [
        "4294967296",
        "9223372036854775807",
        "99999999999999999999999999",
    ] {
        let (_, lines) = fetch(format!("* 1 FETCH (UID 1 BODY[] {{{claim}}}\r\n")).await;
        let error = lines.unwrap_err();
        assert!(
            matches!(&error, ImapError::Limit { what } if what.contains("literal")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_megabyte_arrives_byte_exact_in_chunks() {
    let body: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut answer = format!("* 1 FETCH (UID 1 BODY[] {{{}}}\r\n", body.len()).into_bytes();
    answer.extend_from_slice(&body);
    answer.extend_from_slice(b")\r\n$T OK\r\n");
    // The script replaces its tag marks; the body happens to hold none.
    assert!(!body.windows(2).any(|pair| pair == b"$T"));
    let (mut session, _server) = session("", vec![turn("UID FETCH", answer)]).await;
    session
        .start_fetch_bodies(&UidSet::parse("1"))
        .await
        .unwrap();
    let mut got = Vec::new();
    while session.bodies_in_flight() > 0 {
        if let BodyEvent::Chunk(bytes) = session.next_body_event().await.unwrap() {
            got.extend_from_slice(bytes);
        }
    }
    assert!(got == body);
}

#[tokio::test]
async fn a_part_of_a_message_can_be_had() {
    let turns = vec![
        turn(
            "BODY.PEEK[]<10.5>",
            "* 1 FETCH (UID 3 BODY[]<10> {5}\r\nworld)\r\n$T OK\r\n",
        ),
        turn(
            "BODY.PEEK[]<0.5>",
            "* 1 FETCH (UID 3 FLAGS ())\r\n$T OK\r\n",
        ),
    ];
    let (mut session, _server) = session("", turns).await;
    let mut sink = Vec::new();
    assert_eq!(
        session.fetch_partial(3, 10, 5, &mut sink).await.unwrap(),
        Some(5)
    );
    assert_eq!(sink, b"world");
    assert_eq!(
        session.fetch_partial(3, 0, 5, &mut sink).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn modseq_is_asked_for_only_where_the_folder_counts() {
    let turns = vec![
        turn(
            "EXAMINE",
            "* 1 EXISTS\r\n* OK [NOMODSEQ] x\r\n$T OK [READ-ONLY]\r\n",
        ),
        turn(
            "UID FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])",
            "$T OK\r\n",
        ),
        turn(
            "EXAMINE",
            "* 1 EXISTS\r\n* OK [HIGHESTMODSEQ 5] x\r\n$T OK\r\n",
        ),
        turn(
            "UID FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ BODY.PEEK[])",
            "$T OK\r\n",
        ),
    ];
    let (mut session, _server) = session("CONDSTORE", turns).await;
    for _ in 0..2 {
        session
            .select(&MailboxName::inbox(), Mode::Examine, None)
            .await
            .unwrap();
        session
            .start_fetch_bodies(&UidSet::parse("1"))
            .await
            .unwrap();
        assert_eq!(drain(&mut session).await.unwrap(), ["done Ok"]);
    }
}
