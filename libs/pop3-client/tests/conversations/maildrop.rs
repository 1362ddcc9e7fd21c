//! Counting, listing and fetching messages.

use pop3_client::{Listed, Pop3Error, Stat};

use crate::peer::{self, Step::*, play, play_bytewise};
use crate::started;

#[tokio::test]
async fn the_maildrop_is_counted_and_listed() {
    let (stream, peer) = play_bytewise(&[
        Say("+OK\r\n"),
        Hear("STAT"),
        Say("+OK 2 320 octets\r\n"),
        Hear("LIST"),
        Say("+OK 2 messages\r\n1 120\r\n2 200 extra\r\n.\r\n"),
        Hear("UIDL"),
        Say("+OK\r\n1 ..odd\r\n2 whqtswO00WBw418f9t5JxYwZ\r\n3 \r\n.\r\n"),
    ]);
    let mut session = started(stream).await;
    assert_eq!(
        session.stat().await.expect("STAT"),
        Stat {
            messages: 2,
            bytes: 320
        }
    );
    let listed = session.list().await.expect("LIST");
    assert_eq!(
        listed,
        [
            Listed {
                number: 1,
                bytes: 120
            },
            Listed {
                number: 2,
                bytes: 200
            }
        ]
    );
    let ids: Vec<Vec<u8>> = session
        .uidl()
        .await
        .expect("UIDL")
        .into_iter()
        .map(|unique| unique.id)
        .collect();
    assert_eq!(ids, [&b"..odd"[..], b"whqtswO00WBw418f9t5JxYwZ", b""]);
    peer.finish(session).await;
}

#[tokio::test]
async fn a_server_without_uidl_is_told_apart_from_one_that_refuses_it() {
    let (stream, peer) = play(&[
        Say("+OK\r\n"),
        Hear("UIDL"),
        Say("-ERR unknown command\r\n"),
        Hear("UIDL"),
        Say("-ERR [SYS/TEMP] later\r\n"),
        Hear("CAPA"),
        Say("+OK\r\nUIDL\r\n.\r\n"),
        Hear("UIDL"),
        Say("-ERR no\r\n"),
        Hear("TOP 1 0"),
        Say("-ERR what\r\n"),
    ]);
    let mut session = started(stream).await;
    assert!(matches!(
        session.uidl().await,
        Err(Pop3Error::Unsupported { command: "UIDL" })
    ));
    assert!(matches!(
        session.uidl().await,
        Err(Pop3Error::Refused { .. })
    ));
    session.capa().await.expect("CAPA");
    assert!(matches!(
        session.uidl().await,
        Err(Pop3Error::Refused { .. })
    ));
    assert!(matches!(
        session.top(1, 0).await,
        Err(Pop3Error::Unsupported { command: "TOP" })
    ));
    peer.finish(session).await;
}

#[tokio::test]
async fn nonsense_in_a_listing_ends_the_session() {
    for (command, answer) in [
        ("LIST", "+OK\r\n1 many\r\n.\r\n"),
        ("LIST", "+OK\r\nx 1\r\n.\r\n"),
        ("STAT", "+OK some\r\n"),
    ] {
        let (stream, peer) = play(&[Say("+OK\r\n"), Hear(command), Say(answer)]);
        let mut session = started(stream).await;
        let error = if command == "LIST" {
            session.list().await.err()
        } else {
            session.stat().await.err()
        };
        assert!(
            matches!(error, Some(Pop3Error::Nonsense { .. })),
            "{answer:?} gave {error:?}"
        );
        peer.finish(session).await;
    }
}

#[tokio::test]
async fn an_endless_listing_and_an_endless_message_are_cut() {
    let (stream, peer) = peer::play_endless_lines("+OK\r\n+OK\r\n");
    let mut session = started(stream).await;
    assert!(matches!(
        session.list().await,
        Err(Pop3Error::TooLong { .. })
    ));
    assert!(!session.is_usable());
    peer.abandon();
    let (stream, peer) = peer::play_endless_lines("+OK\r\n+OK\r\n");
    let mut session = started(stream).await;
    assert!(matches!(
        session.uidl().await,
        Err(Pop3Error::TooLong { .. })
    ));
    peer.abandon();
    let (stream, peer) = peer::play_endless_lines("+OK\r\n+OK\r\n");
    let mut session = started(stream).await;
    assert!(matches!(
        session.retr(1).await.expect("RETR").read_all().await,
        Err(Pop3Error::TooLong { .. })
    ));
    assert!(!session.is_usable());
    peer.abandon();
}

#[tokio::test]
async fn a_message_comes_byte_for_byte_and_the_session_goes_on() {
    let steps = [
        Say("+OK\r\n"),
        Hear("RETR 1"),
        Say("+OK 30 octets\r\nA: b\r\n\r\n..\r\n...x\r\nbare \n.\r\nend\r\n.\r\n"),
        Hear("TOP 2 0"),
        Say("+OK\r\nA: c\r\n\r\n.\r\n"),
        Hear("RETR 3"),
        Say("+OK\r\n.\r\n"),
        Hear("RETR 4"),
        Say("-ERR no such message\r\n"),
        Hear("NOOP"),
        Say("+OK\r\n"),
    ];
    for (stream, peer) in [play(&steps), play_bytewise(&steps)] {
        let mut session = started(stream).await;
        let message = session
            .retr(1)
            .await
            .expect("RETR")
            .read_all()
            .await
            .expect("a message");
        assert_eq!(message, b"A: b\r\n\r\n.\r\n..x\r\nbare \n.\r\nend\r\n");
        assert_eq!(
            session
                .top(2, 0)
                .await
                .expect("TOP")
                .read_all()
                .await
                .expect("a head"),
            b"A: c\r\n\r\n"
        );
        let mut empty = session.retr(3).await.expect("RETR");
        assert_eq!(empty.next_chunk().await.expect("an end"), None);
        assert_eq!(empty.next_chunk().await.expect("still the end"), None);
        drop(empty);
        assert!(matches!(
            session.retr(4).await,
            Err(Pop3Error::Refused {
                command: "RETR",
                ..
            })
        ));
        session.noop().await.expect("NOOP");
        peer.finish(session).await;
    }
}

#[tokio::test]
async fn a_message_that_breaks_off_is_an_error() {
    let (stream, peer) = play(&[
        Say("+OK\r\n"),
        Hear("RETR 1"),
        Say("+OK\r\nhalf a li"),
        Close,
    ]);
    let mut session = started(stream).await;
    let result = session.retr(1).await.expect("RETR").read_all().await;
    assert!(
        matches!(result, Err(Pop3Error::Closed { .. })),
        "{result:?}"
    );
    assert!(!session.is_usable());
    peer.done().await;
}

#[tokio::test]
async fn a_download_that_is_not_read_to_its_end_ends_the_session() {
    let (stream, peer) = play(&[Say("+OK\r\n"), Hear("RETR 1"), Say("+OK\r\na\r\n.\r\n")]);
    let mut session = started(stream).await;
    drop(session.retr(1).await.expect("RETR"));
    assert!(matches!(session.noop().await, Err(Pop3Error::Unusable)));
    peer.finish(session).await;
}

#[tokio::test]
async fn many_messages_are_asked_for_ahead_and_come_in_order() {
    for pipelining in [true, false] {
        let (stream, peer) = peer::play_many_messages();
        let mut session = started(stream).await;
        if pipelining {
            assert!(session.capa().await.expect("CAPA").pipelining);
        }
        let mut batch = session.retr_all(1..=200);
        let mut seen = 0;
        while let Some(next) = batch.next().await {
            seen += 1;
            match next {
                Ok(download) => {
                    assert_eq!(download.number(), seen);
                    let message = download.read_all().await.expect("a message");
                    assert_eq!(message, ".a line\r\n".repeat(seen as usize).into_bytes());
                }
                Err(Pop3Error::Refused { .. }) => assert_eq!(seen % 10, 0),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(seen, 200);
        session.noop().await.expect("the session goes on");
        peer.finish(session).await;
    }
}

#[tokio::test]
async fn a_batch_does_not_go_on_over_a_message_that_was_not_read() {
    let (stream, peer) = peer::play_many_messages();
    let mut session = started(stream).await;
    session.capa().await.expect("CAPA");
    let mut batch = session.retr_all([1, 2, 3]);
    drop(batch.next().await);
    assert!(matches!(batch.next().await, Some(Err(Pop3Error::Unusable))));
    assert!(batch.next().await.is_none());
    assert!(!session.is_usable());
    peer.abandon();
}

#[tokio::test]
async fn the_whole_conversation_can_run_in_a_task_of_its_own() {
    let (stream, peer) = peer::play_many_messages();
    let task = tokio::spawn(async move {
        let mut session = started(stream).await;
        let mut batch = session.retr_all([1]);
        let message = batch
            .next()
            .await
            .expect("an answer")
            .expect("given")
            .read_all()
            .await;
        message.expect("a message")
    });
    assert_eq!(task.await.expect("the task"), b".a line\r\n");
    peer.done().await;
}
