//! Connections, servers and bodies that break half-way, and what is then known of the message.

use std::time::Duration;

use mail_net::Stream;
use smtp_client::{DataResult, Session, SmtpError};

use crate::peer::{self, Step, Step::*, play};
use crate::{HELLO, accepted, quick, sent, started, to};

/// Whether a result is the right one.
type Check = fn(&DataResult) -> bool;

#[tokio::test]
async fn the_reply_to_the_dot_decides() {
    let table: &[(&str, Check)] = &[
        ("250 2.0.0 taken\r\n", |data| {
            matches!(data, DataResult::Accepted(_))
        }),
        (
            "451 4.3.0 later\r\n",
            |data| matches!(data, DataResult::Refused(reply) if reply.is_temporary()),
        ),
        (
            "552 5.3.4 too big\r\n",
            |data| matches!(data, DataResult::Refused(reply) if reply.is_permanent()),
        ),
        (
            "421 4.3.2 going down\r\n",
            |data| matches!(data, DataResult::Refused(reply) if reply.code == 421),
        ),
        ("354 what?\r\n", |data| {
            matches!(data, DataResult::Unknown { .. })
        }),
        ("\u{1}\u{2}\r\n", |data| {
            matches!(data, DataResult::Unknown { .. })
        }),
        ("25", |data| matches!(data, DataResult::Unknown { .. })),
        ("250-half\r\n", |data| {
            matches!(data, DataResult::Unknown { .. })
        }),
        ("", |data| matches!(data, DataResult::Unknown { .. })),
    ];
    for (reply, right) in table {
        let outcome = sent(
            HELLO,
            &[
                Hear("MAIL FROM:<joe@example.org>"),
                Hear("RCPT TO:<a@x>"),
                Hear("DATA"),
                Say("250 ok\r\n250 ok\r\n354 go\r\n"),
                Hear("x"),
                Hear("."),
                Say(reply),
                Close,
            ],
            &["a@x"],
            b"x",
        )
        .await
        .expect("an outcome");
        assert!(right(&outcome.data), "{reply:?} gave {outcome:?}");
        assert_eq!(accepted(&outcome), [true]);
    }
}

#[tokio::test]
async fn silence_after_the_dot_is_unknown_and_ends_the_session() {
    let steps: &[Step] = &[
        Hear("MAIL FROM:<joe@example.org>"),
        Hear("RCPT TO:<a@x>"),
        Hear("DATA"),
        Say("250 ok\r\n250 ok\r\n354 go\r\n"),
        Hear("x"),
        Hear("."),
        Stall,
    ];
    let (stream, peer) = play(&[HELLO, steps].concat());
    let mut session = started(stream).await;
    let outcome = session
        .send(&to(&["a@x"]), &b"x"[..])
        .await
        .expect("an outcome");
    assert!(
        matches!(outcome.data, DataResult::Unknown { .. }),
        "{outcome:?}"
    );
    assert!(!session.is_usable());
    assert!(matches!(session.noop().await, Err(SmtpError::Unusable)));
    drop(session);
    peer.abandon();
}

#[tokio::test]
async fn a_connection_lost_before_the_dot_means_not_sent() {
    let body = vec![b'x'; 4_000_000];
    let open: &[Step] = &[
        Hear("MAIL FROM:<joe@example.org>"),
        Hear("RCPT TO:<a@x>"),
        Hear("DATA"),
    ];
    let mute = sent(
        HELLO,
        &[open, &[Say("250 ok\r\n250 ok\r\n354 go\r\n"), Close]].concat(),
        &["a@x"],
        &body,
    )
    .await;
    assert!(matches!(mute, Err(SmtpError::Closed { .. })), "{mute:?}");
    let spoken = sent(
        HELLO,
        &[
            open,
            &[
                Say("250 ok\r\n250 ok\r\n354 go\r\n552 5.3.4 too big\r\n"),
                Close,
            ],
        ]
        .concat(),
        &["a@x"],
        &body,
    )
    .await
    .expect("an outcome");
    assert!(
        matches!(&spoken.data, DataResult::Refused(reply) if reply.code == 552),
        "{spoken:?}"
    );
    let early = sent(
        HELLO,
        &[open, &[Say("250 ok\r\n"), Close]].concat(),
        &["a@x"],
        &body,
    )
    .await;
    assert!(matches!(early, Err(SmtpError::Closed { .. })), "{early:?}");
}

#[tokio::test]
async fn a_server_that_stops_to_read_runs_into_the_deadline() {
    let open: &[Step] = &[
        Hear("MAIL FROM:<joe@example.org>"),
        Hear("RCPT TO:<a@x>"),
        Hear("DATA"),
        Say("250 ok\r\n250 ok\r\n354 go\r\n"),
        Stall,
    ];
    let (stream, peer) = play(&[HELLO, open].concat());
    let mut session = started(stream).await;
    let result = session
        .send(&to(&["a@x"]), &vec![b'x'; 4_000_000][..])
        .await;
    assert!(
        matches!(result, Err(SmtpError::TimedOut { .. })),
        "{result:?}"
    );
    drop(session);
    peer.abandon();
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_never_finished_with_a_dot() {
    let steps: &[Step] = &[
        Hear("MAIL FROM:<joe@example.org>"),
        Hear("RCPT TO:<a@x>"),
        Hear("DATA"),
        Say("250 ok\r\n250 ok\r\n354 go\r\n"),
        NoMore,
    ];
    let (stream, peer) = play(&[HELLO, steps].concat());
    let mut session = started(stream).await;
    let result = session.send(&to(&["a@x"]), peer::BrokenBody::new()).await;
    assert!(matches!(result, Err(SmtpError::Body(_))), "{result:?}");
    assert!(!session.is_usable());
    peer.done().await;
    session.quit().await;
}

#[tokio::test]
async fn a_closing_server_is_recognised_at_every_command() {
    const BYE: &str = "421 4.3.2 shutting down\r\n";
    let (stream, peer) = play(&[Say(BYE)]);
    assert!(matches!(
        Session::start(stream, quick(), None).await,
        Err(SmtpError::ServiceClosing { .. })
    ));
    peer.done().await;
    for replies in [
        "421 x\r\n",
        "250 ok\r\n421 x\r\n",
        "250 ok\r\n250 ok\r\n421 x\r\n",
    ] {
        let steps = [
            Hear("MAIL FROM:<joe@example.org>"),
            Hear("RCPT TO:<a@x>"),
            Hear("DATA"),
            Say(replies),
            Close,
        ];
        let result = sent(HELLO, &steps, &["a@x"], b"x").await;
        assert!(
            matches!(result, Err(SmtpError::ServiceClosing { .. })),
            "{replies:?} gave {result:?}"
        );
    }
    // Said while nobody asked, as servers do when a kept connection has been quiet for too long.
    let (stream, peer) = play(&[HELLO, &[Say(BYE), Hear("NOOP")]].concat());
    let mut session = started(stream).await;
    assert!(matches!(
        session.noop().await,
        Err(SmtpError::ServiceClosing { .. })
    ));
    peer.finish(session).await;
}

#[tokio::test]
async fn a_shifted_reply_is_never_taken_for_a_go_ahead() {
    let steps = [
        Hear("MAIL FROM:<joe@example.org>"),
        Hear("RCPT TO:<a@x>"),
        Hear("DATA"),
        Say("250 x\r\n250 x\r\n250 x\r\n354 x\r\n"),
    ];
    let result = sent(HELLO, &steps, &["a@x"], b"x").await;
    assert!(
        matches!(result, Err(SmtpError::Nonsense { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn an_exchange_that_was_dropped_half_way_ends_the_session() {
    let (stream, peer) = play(&[HELLO, &[Hear("NOOP"), Stall]].concat());
    let mut session = started(stream).await;
    assert!(
        tokio::time::timeout(Duration::from_millis(50), session.noop())
            .await
            .is_err()
    );
    assert!(matches!(
        session.send(&to(&["a@x"]), &b""[..]).await,
        Err(SmtpError::Unusable)
    ));
    drop(session);
    peer.abandon();
}

#[tokio::test]
async fn the_first_byte_of_the_dot_is_where_not_sent_becomes_unknown() {
    const REPLIES: &[u8] = b"220 mx\r\n250-mx\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n";
    const COMMANDS: &str = "EHLO me\r\nMAIL FROM:<joe@example.org>\r\nRCPT TO:<a@x>\r\nDATA\r\n";
    const MESSAGE: &str = "x\r\n.\r\n";
    for taken in 0..=MESSAGE.len() {
        let server = peer::TakesOnly::new(REPLIES, COMMANDS.len() + taken);
        let mut session = started(Stream::from_io(server)).await;
        let result = session.send(&to(&["a@x"]), &b"x"[..]).await;
        if taken <= "x\r\n".len() {
            assert!(
                matches!(result, Err(SmtpError::Closed { .. })),
                "{taken} bytes taken gave {result:?}"
            );
        } else {
            let outcome = result.expect("an outcome");
            assert!(
                matches!(outcome.data, DataResult::Unknown { .. }),
                "{taken} bytes taken gave {outcome:?}"
            );
        }
        assert!(!session.is_usable());
    }
}
