//! First words: greetings of every kind, EHLO and HELO.

use smtp_client::{Session, SmtpError};

use crate::peer::{self, Step::*, play};
use crate::{quick, started};

#[tokio::test]
async fn an_old_server_gets_helo() {
    let (stream, peer) = play(&[
        Say("220 old\r\n"),
        Hear("EHLO me"),
        Say("502 what?\r\n"),
        Hear("HELO me"),
        Say("250 old.example hi\r\n"),
    ]);
    let session = started(stream).await;
    assert!(!session.capabilities().extended);
    assert_eq!(session.capabilities().domain, "old.example");
    peer.finish(session).await;
}

#[tokio::test]
async fn other_protocols_are_recognised_by_their_first_line() {
    let table = [
        ("* OK IMAP4rev1 ready\r\n", "* OK IMAP4rev1 ready"),
        ("+OK POP3 ready\r\n", "+OK POP3 ready"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2"),
        (
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "HTTP/1.1 400 Bad Request",
        ),
        ("200 NNTP ready\r\n", "200 NNTP ready"),
        ("\r\n", ""),
        ("no line end", "no line end"),
        ("\u{15}\u{3}\u{3}\0\u{2}\u{2}F", "      F"),
    ];
    for (line, shown) in table {
        let (stream, peer) = play(&[Say(line), Close]);
        match Session::start(stream, quick(), None).await {
            Err(SmtpError::NotSmtp { line }) => assert_eq!(line, shown),
            other => panic!("{line:?} gave {other:?}"),
        }
        peer.done().await;
    }
    let (stream, peer) = play(&[Say("554 5.7.1 no service for you\r\n")]);
    assert!(
        matches!(Session::start(stream, quick(), None).await, Err(SmtpError::Refused { reply, .. }) if reply.code == 554)
    );
    peer.done().await;
    let (stream, peer) = play(&[Close]);
    assert!(matches!(
        Session::start(stream, quick(), None).await,
        Err(SmtpError::Closed { .. })
    ));
    peer.done().await;
    let (stream, peer) = play(&[Stall]);
    assert!(matches!(
        Session::start(stream, quick(), None).await,
        Err(SmtpError::TimedOut { .. })
    ));
    peer.abandon();
}

#[tokio::test]
async fn an_endless_line_is_cut() {
    let (stream, peer) = peer::play_endless_line("220 ");
    assert!(matches!(
        Session::start(stream, quick(), None).await,
        Err(SmtpError::ReplyTooLong)
    ));
    peer.abandon();
    let (stream, peer) = peer::play_endless_line("hello");
    assert!(matches!(
        Session::start(stream, quick(), None).await,
        Err(SmtpError::NotSmtp { .. })
    ));
    peer.abandon();
}
