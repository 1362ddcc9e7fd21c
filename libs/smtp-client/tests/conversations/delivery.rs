//! Messages that arrive, in whole or for some.

use smtp_client::{DataResult, Envelope, SizeLimit, SmtpError};

use crate::peer::{self, Step, Step::*, play, play_bytewise};
use crate::{HELLO, PLAIN_HELLO, accepted, sent, started, to};

#[tokio::test]
async fn a_message_is_sent_and_the_session_goes_on() {
    let first: &[Step] = &[
        Hear("MAIL FROM:<joe@example.org>"),
        Hear("RCPT TO:<a@x>"),
        Hear("DATA"),
        Say("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n"),
        Hear("Subject: x"),
        Hear(""),
        Hear("..dot"),
        Hear("."),
        Say("250 2.0.0 queued as 1\r\n"),
    ];
    let end: &[Step] = &[
        Hear("NOOP"),
        Say("250 ok\r\n"),
        Hear("RSET"),
        Say("250 ok\r\n"),
        Hear("QUIT"),
        Say("221 bye\r\n"),
        NoMore,
    ];
    let (stream, peer) = play(&[HELLO, first, first, end].concat());
    let mut session = started(stream).await;
    for _ in 0..2 {
        let outcome = session
            .send(&to(&["a@x"]), &b"Subject: x\n\n.dot\n"[..])
            .await
            .expect("an outcome");
        let DataResult::Accepted(reply) = outcome.data else {
            panic!("{outcome:?}")
        };
        assert_eq!(
            (reply.code, reply.enhanced.as_deref(), reply.text.as_str()),
            (250, Some("2.0.0"), "queued as 1")
        );
    }
    session.noop().await.expect("NOOP");
    session.rset().await.expect("RSET");
    session.quit().await;
    peer.done().await;
}

#[tokio::test]
async fn a_server_that_sends_one_byte_at_a_time_is_understood() {
    let steps: &[Step] = &[
        Hear("MAIL FROM:<joe@example.org>"),
        Hear("RCPT TO:<a@x>"),
        Hear("DATA"),
        Say("250 Ok\r\n250-Ok\r\n250 Ok\r\n354 go\r\n"),
        Hear("x"),
        Hear("."),
        Say("250-2.0.0 one\r\n250 2.0.0 two\r\n"),
    ];
    let (stream, peer) = play_bytewise(&[HELLO, steps].concat());
    let mut session = started(stream).await;
    let outcome = session
        .send(&to(&["a@x"]), &b"x"[..])
        .await
        .expect("an outcome");
    assert!(matches!(outcome.data, DataResult::Accepted(reply) if reply.text == "one\ntwo"));
    peer.finish(session).await;
}

#[tokio::test]
async fn some_recipients_can_be_refused_and_the_others_get_the_message() {
    let outcome = sent(
        HELLO,
        &[
            Hear("MAIL FROM:<joe@example.org>"),
            Hear("RCPT TO:<a@x>"),
            Hear("RCPT TO:<b@x>"),
            Hear("RCPT TO:<c@x>"),
            Hear("DATA"),
            Say("250 ok\r\n550 5.1.1 no such user\r\n250 ok\r\n451 4.2.0 try later\r\n354 go\r\n"),
            Hear("x"),
            Hear("."),
            Say("250 taken\r\n"),
        ],
        &["a@x", "b@x", "c@x"],
        b"x",
    )
    .await
    .expect("an outcome");
    assert_eq!(accepted(&outcome), [false, true, false]);
    assert!(
        outcome.recipients[0].reply.is_permanent() && outcome.recipients[2].reply.is_temporary()
    );
    assert_eq!(
        outcome.recipients[0].reply.enhanced.as_deref(),
        Some("5.1.1")
    );
    assert_eq!(outcome.recipients[0].address, "a@x");
    assert!(matches!(outcome.data, DataResult::Accepted(_)));
}

#[tokio::test]
async fn without_pipelining_every_command_waits_for_its_reply() {
    let outcome = sent(
        PLAIN_HELLO,
        &[
            Hear("MAIL FROM:<joe@example.org>"),
            Say("250 ok\r\n"),
            Hear("RCPT TO:<a@x>"),
            Say("450 later\r\n"),
            Hear("RCPT TO:<b@x>"),
            Say("251 forwarded\r\n"),
            Hear("DATA"),
            Say("354 go\r\n"),
            Hear("."),
            Say("250 taken\r\n"),
        ],
        &["a@x", "b@x"],
        b"",
    )
    .await
    .expect("an outcome");
    assert_eq!(accepted(&outcome), [false, true]);
    assert!(matches!(outcome.data, DataResult::Accepted(_)));
}

#[tokio::test]
async fn when_all_recipients_are_refused_nothing_is_sent_and_the_next_message_begins_afresh() {
    let second: &[Step] = &[
        Hear("RSET"),
        Say("250 ok\r\n"),
        Hear("MAIL FROM:<joe@example.org>"),
        Say("250 ok\r\n"),
        Hear("RCPT TO:<b@x>"),
        Say("250 ok\r\n"),
        Hear("DATA"),
        Say("354 go\r\n"),
        Hear("."),
        Say("250 taken\r\n"),
    ];
    let first: &[Step] = &[
        Hear("MAIL FROM:<joe@example.org>"),
        Say("250 ok\r\n"),
        Hear("RCPT TO:<a@x>"),
        Say("550 no\r\n"),
    ];
    let (stream, peer) = play(&[PLAIN_HELLO, first, second].concat());
    let mut session = started(stream).await;
    let outcome = session
        .send(&to(&["a@x"]), &b"x"[..])
        .await
        .expect("an outcome");
    assert_eq!(
        (accepted(&outcome), outcome.data),
        (vec![false], DataResult::NotSent)
    );
    let outcome = session
        .send(&to(&["b@x"]), &b""[..])
        .await
        .expect("an outcome");
    assert!(matches!(outcome.data, DataResult::Accepted(_)));
    peer.finish(session).await;
}

#[tokio::test]
async fn a_go_ahead_for_nobody_is_answered_with_an_empty_message() {
    for last in ["250 odd but true\r\n", "554 no valid recipients\r\n"] {
        let steps: &[Step] = &[
            Hear("MAIL FROM:<joe@example.org>"),
            Hear("RCPT TO:<a@x>"),
            Hear("DATA"),
            Say("250 ok\r\n550 no\r\n354 go\r\n"),
            Hear("."),
            Say(last),
            Hear("NOOP"),
            Say("250 ok\r\n"),
        ];
        let (stream, peer) = play(&[HELLO, steps].concat());
        let mut session = started(stream).await;
        let outcome = session
            .send(&to(&["a@x"]), &b"secret"[..])
            .await
            .expect("an outcome");
        assert_eq!(outcome.data, DataResult::NotSent);
        session.noop().await.expect("the session goes on");
        peer.finish(session).await;
    }
}

#[tokio::test]
async fn a_refused_sender_is_an_error_and_the_session_goes_on() {
    for replies in [
        "550 5.7.1 not you\r\n503 no\r\n503 no\r\n",
        "451 later\r\n503 no\r\n554 no\r\n",
    ] {
        let steps: &[Step] = &[
            Hear("MAIL FROM:<joe@example.org>"),
            Hear("RCPT TO:<a@x>"),
            Hear("DATA"),
            Say(replies),
            Hear("NOOP"),
            Say("250 ok\r\n"),
        ];
        let (stream, peer) = play(&[HELLO, steps].concat());
        let mut session = started(stream).await;
        let error = session
            .send(&to(&["a@x"]), &b"x"[..])
            .await
            .expect_err("refused");
        assert!(
            matches!(&error, SmtpError::Refused { command: "MAIL", reply } if reply.is_refusal()),
            "{error:?}"
        );
        session.noop().await.expect("the session goes on");
        peer.finish(session).await;
    }
}

#[tokio::test]
async fn many_recipients_go_in_groups_that_fit_the_buffers() {
    let recipients: Vec<String> = (0..1000).map(|n| format!("{n}@example.org")).collect();
    let names: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let (stream, peer) = peer::play_yes_to_everything();
    let mut session = started(stream).await;
    let outcome = session
        .send(&to(&names), &b"x"[..])
        .await
        .expect("an outcome");
    assert_eq!(outcome.recipients.len(), 1000);
    assert!(
        outcome
            .recipients
            .iter()
            .all(|recipient| recipient.accepted)
    );
    peer.finish(session).await;
}

#[tokio::test]
async fn what_the_server_cannot_take_is_refused_before_the_wire() {
    let (stream, peer) = play(HELLO);
    let mut session = started(stream).await;
    assert_eq!(session.capabilities().size, SizeLimit::Bytes(1000));
    let big = Envelope {
        size: 1001,
        ..to(&["a@x"])
    };
    assert!(matches!(
        session.send(&big, &b""[..]).await,
        Err(SmtpError::TooLarge {
            size: 1001,
            limit: 1000
        })
    ));
    assert!(matches!(
        session.send(&to(&[]), &b""[..]).await,
        Err(SmtpError::NoRecipients)
    ));
    assert!(matches!(
        session.send(&to(&["jörg@x"]), &b""[..]).await,
        Err(SmtpError::NeedsSmtpUtf8)
    ));
    let eight_bit = Envelope {
        eight_bit: true,
        ..to(&["a@x"])
    };
    assert!(matches!(
        session.send(&eight_bit, &b""[..]).await,
        Err(SmtpError::NeedsEightBitMime)
    ));
    let evil = to(&["a@x", "b@x>\r\nRCPT TO:<c@x"]);
    assert!(matches!(
        session.send(&evil, &b""[..]).await,
        Err(SmtpError::BadAddress { .. })
    ));
    for name in ["", "a b", "a\r\nb", "jörg"] {
        assert!(matches!(
            session.ehlo(name).await,
            Err(SmtpError::BadClientName { .. })
        ));
    }
    assert!(session.is_usable());
    peer.finish(session).await;
}

#[tokio::test]
async fn parameters_are_sent_where_they_are_offered() {
    let hello = [
        Say("220 mx\r\n"),
        Hear("EHLO me"),
        Say("250-mx\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE\r\n"),
    ];
    let steps = [
        Hear("MAIL FROM:<> SIZE=7 BODY=8BITMIME SMTPUTF8"),
        Say("550 no\r\n"),
    ];
    let (stream, peer) = play(&[&hello[..], &steps].concat());
    let mut session = started(stream).await;
    let envelope = Envelope {
        from: String::new(),
        size: 7,
        eight_bit: true,
        ..to(&["jörg@x"])
    };
    assert!(matches!(
        session.send(&envelope, &b""[..]).await,
        Err(SmtpError::Refused { .. })
    ));
    peer.finish(session).await;
}

#[tokio::test]
async fn the_whole_conversation_can_run_in_a_task_of_its_own() {
    let (stream, peer) = play(PLAIN_HELLO);
    let task = tokio::spawn(async move {
        let mut session = started(stream).await;
        session.send(&to(&[]), tokio::io::empty()).await
    });
    assert!(matches!(
        task.await.expect("the task"),
        Err(SmtpError::NoRecipients)
    ));
    peer.done().await;
}
