//! First words, last words, and servers that break off between them.

use std::time::Duration;

use pop3_client::{Pop3Error, Session};

use crate::peer::{self, Step::*, play};
use crate::{quick, started};

/// Whether a result is the right one.
type Check = fn(&Result<(), Pop3Error>) -> bool;

#[tokio::test]
async fn other_protocols_are_recognised_by_their_first_line() {
    let table = [
        ("* OK IMAP4rev1 ready\r\n", "* OK IMAP4rev1 ready"),
        ("220 mx ESMTP\r\n", "220 mx ESMTP"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2"),
        ("+OKAY then\r\n", "+OKAY then"),
        ("\r\n", ""),
        ("no line end", "no line end"),
        ("\u{15}\u{3}\u{3}\0\u{2}\u{2}F", "      F"),
    ];
    for (line, shown) in table {
        let (stream, peer) = play(&[Say(line), Close]);
        match Session::start(stream, quick(), None).await {
            Err(Pop3Error::NotPop3 { line }) => assert_eq!(line, shown),
            other => panic!("{line:?} gave {other:?}"),
        }
        peer.done().await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_want_us_is_heard() {
    let (stream, peer) = play(&[Say("-ERR [SYS/TEMP] too many connections\r\n")]);
    let error = Session::start(stream, quick(), None)
        .await
        .expect_err("refused");
    assert!(
        matches!(&error, Pop3Error::Refused { answer, .. } if answer.code.as_deref() == Some("SYS/TEMP")),
        "{error:?}"
    );
    peer.done().await;
    let (stream, peer) = play(&[Close]);
    assert!(matches!(
        Session::start(stream, quick(), None).await,
        Err(Pop3Error::Closed { .. })
    ));
    peer.done().await;
    let (stream, peer) = play(&[Stall]);
    assert!(matches!(
        Session::start(stream, quick(), None).await,
        Err(Pop3Error::TimedOut { .. })
    ));
    peer.abandon();
}

#[tokio::test]
async fn an_endless_line_is_cut() {
    let (stream, peer) = peer::play_endless_line("+OK ");
    assert!(matches!(
        Session::start(stream, quick(), None).await,
        Err(Pop3Error::TooLong { .. })
    ));
    peer.abandon();
    let (stream, peer) = peer::play_endless_line("hello");
    assert!(matches!(
        Session::start(stream, quick(), None).await,
        Err(Pop3Error::NotPop3 { .. })
    ));
    peer.abandon();
}

#[tokio::test]
async fn deletions_are_done_only_when_quit_says_so() {
    let start = [Say("+OK\r\n"), Hear("DELE 1"), Say("+OK\r\n"), Hear("QUIT")];
    for (answer, right) in [
        ("+OK bye\r\n", (|result| result.is_ok()) as Check),
        ("-ERR some messages not removed\r\n", |result| {
            matches!(
                result,
                Err(Pop3Error::Refused {
                    command: "QUIT",
                    ..
                })
            )
        }),
        ("", |result| matches!(result, Err(Pop3Error::Closed { .. }))),
    ] {
        let (stream, peer) = play(&[&start[..], &[Say(answer), Close]].concat());
        let mut session = started(stream).await;
        session.dele(1).await.expect("DELE");
        let result = session.quit().await;
        assert!(right(&result), "{answer:?} gave {result:?}");
        peer.done().await;
    }
}

#[tokio::test]
async fn small_commands_work_and_a_refusal_does_not_end_the_session() {
    let (stream, peer) = play(&[
        Say("+OK\r\n"),
        Hear("NOOP"),
        Say("+OK\r\n"),
        Hear("DELE 9"),
        Say("-ERR no such message\r\n"),
        Hear("RSET"),
        Say("+OK\r\n"),
    ]);
    let mut session = started(stream).await;
    session.noop().await.expect("NOOP");
    assert!(matches!(
        session.dele(9).await,
        Err(Pop3Error::Refused {
            command: "DELE",
            ..
        })
    ));
    session.rset().await.expect("RSET");
    peer.finish(session).await;
}

#[tokio::test]
async fn an_exchange_that_was_dropped_half_way_ends_the_session() {
    let (stream, peer) = play(&[Say("+OK\r\n"), Hear("NOOP"), Stall]);
    let mut session = started(stream).await;
    assert!(
        tokio::time::timeout(Duration::from_millis(50), session.noop())
            .await
            .is_err()
    );
    assert!(matches!(session.stat().await, Err(Pop3Error::Unusable)));
    assert!(matches!(session.quit().await, Err(Pop3Error::Unusable)));
    peer.abandon();
}
