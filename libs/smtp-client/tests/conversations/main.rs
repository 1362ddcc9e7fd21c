//! Whole conversations with scripted servers.

mod peer;
mod starttls;

use std::time::Duration;

use mail_net::sasl::{Credentials, Mechanism, Secret};
use mail_net::{Stream, Transcript};
use peer::{Step, Step::*, play, play_bytewise};
use smtp_client::{DataResult, Envelope, Limits, Outcome, Session, SizeLimit, SmtpError};

const HELLO: &[Step] = &[
    Say("220 mx ESMTP\r\n"),
    Hear("EHLO me"),
    Say("250-mx\r\n250-PIPELINING\r\n250 SIZE 1000\r\n"),
];
const PLAIN_HELLO: &[Step] = &[Say("220 mx ESMTP\r\n"), Hear("EHLO me"), Say("250 mx\r\n")];

fn quick() -> Limits {
    Limits {
        greeting: Duration::from_millis(500),
        command: Duration::from_millis(500),
        data_start: Duration::from_millis(500),
        data_block: Duration::from_millis(500),
        data_end: Duration::from_millis(500),
        quit: Duration::from_millis(500),
    }
}

async fn started(stream: Stream) -> Session {
    let (mut session, _) = Session::start(stream, quick(), None)
        .await
        .expect("a greeting");
    session.ehlo("me").await.expect("an answer to EHLO");
    session
}

fn to(recipients: &[&str]) -> Envelope {
    Envelope {
        from: "joe@example.org".to_owned(),
        to: recipients.iter().map(|&to| to.to_owned()).collect(),
        ..Envelope::default()
    }
}

/// Plays `steps` after the greeting and sends `body` to `recipients`.
async fn sent(
    hello: &[Step],
    steps: &[Step],
    recipients: &[&str],
    body: &[u8],
) -> Result<Outcome, SmtpError> {
    let (stream, peer) = play(&[hello, steps].concat());
    let mut session = started(stream).await;
    let result = session.send(&to(recipients), body).await;
    peer.finish(session).await;
    result
}

fn accepted(outcome: &Outcome) -> Vec<bool> {
    outcome
        .recipients
        .iter()
        .map(|recipient| recipient.accepted)
        .collect()
}

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
        Eof,
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
async fn the_reply_to_the_dot_decides() {
    let table: &[(&str, fn(&DataResult) -> bool)] = &[
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

const AUTH_HELLO: &[Step] = &[
    Say("220 mx\r\n"),
    Hear("EHLO me"),
    Say("250-mx\r\n250 AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\n"),
];

fn password() -> Credentials {
    Credentials {
        username: "joe".to_owned(),
        secret: Secret::Password("s3cret".to_owned()),
    }
}

fn token() -> Credentials {
    Credentials {
        username: "joe".to_owned(),
        secret: Secret::Token("t0ken".to_owned()),
    }
}

#[tokio::test]
async fn plain_goes_with_the_command_and_stays_out_of_the_transcript() {
    let (stream, peer) = play(
        &[
            AUTH_HELLO,
            &[
                Hear("AUTH PLAIN AGpvZQBzM2NyZXQ="),
                Say("235 2.7.0 welcome\r\n"),
            ],
        ]
        .concat(),
    );
    let transcript = Transcript::new(50);
    let (mut session, _) = Session::start(stream, quick(), Some(transcript.clone()))
        .await
        .expect("a greeting");
    session.ehlo("me").await.expect("EHLO");
    assert_eq!(
        session
            .login(&password(), "h", 1)
            .await
            .expect("login")
            .mechanism,
        Mechanism::Plain
    );
    let said = transcript.lines().join("\n");
    assert!(
        said.contains("AUTH PLAIN <hidden>")
            && said.contains("235 2.7.0 welcome")
            && !said.contains("AGpv"),
        "{said}"
    );
    peer.finish(session).await;
}

#[tokio::test]
async fn a_server_that_overlooks_the_initial_response_gets_it_again() {
    let steps = [
        Hear("AUTH PLAIN AGpvZQBzM2NyZXQ="),
        Say("334 \r\n"),
        Hear("AGpvZQBzM2NyZXQ="),
        Say("235 ok\r\n"),
    ];
    let (stream, peer) = play(&[AUTH_HELLO, &steps].concat());
    let mut session = started(stream).await;
    session.login(&password(), "h", 1).await.expect("login");
    peer.finish(session).await;
}

#[tokio::test]
async fn only_an_unknown_mechanism_leads_to_the_next() {
    let steps = [
        Hear("AUTH PLAIN AGpvZQBzM2NyZXQ="),
        Say("504 5.5.4 unrecognised\r\n"),
        Hear("AUTH LOGIN"),
        Say("334 VXNlcm5hbWU6\r\n"),
        Hear("am9l"),
        Say("334 UGFzc3dvcmQ6\r\n"),
        Hear("czNjcmV0"),
        Say("235 ok\r\n"),
    ];
    let (stream, peer) = play(&[AUTH_HELLO, &steps].concat());
    let mut session = started(stream).await;
    assert_eq!(
        session
            .login(&password(), "h", 1)
            .await
            .expect("login")
            .mechanism,
        Mechanism::Login
    );
    peer.finish(session).await;
}

#[tokio::test]
async fn a_refused_password_is_tried_once() {
    for (line, code) in [
        ("535 5.7.8 wrong\r\n", 535),
        ("534 5.7.9 Application-specific password required\r\n", 534),
        ("454 4.7.0 the directory is down\r\n", 454),
    ] {
        let steps = [
            Hear("AUTH PLAIN AGpvZQBzM2NyZXQ="),
            Say(line),
            Hear("NOOP"),
            Say("250 ok\r\n"),
        ];
        let (stream, peer) = play(&[AUTH_HELLO, &steps].concat());
        let mut session = started(stream).await;
        match session.login(&password(), "h", 1).await {
            Err(SmtpError::AuthFailed {
                code: got,
                enhanced: Some(_),
                oauth_error: None,
                ..
            }) => assert_eq!(got, code),
            other => panic!("{other:?}"),
        }
        session.noop().await.expect("the session goes on");
        peer.finish(session).await;
    }
}

#[tokio::test]
async fn an_oauth_error_is_acknowledged_and_told() {
    let hello = [
        Say("220 mx\r\n"),
        Hear("EHLO me"),
        Say("250-mx\r\n250 AUTH XOAUTH2\r\n"),
    ];
    let steps = [
        Hear("AUTH XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgdDBrZW4BAQ=="),
        Say("334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
        Hear(""),
        Say("535 5.7.3 no\r\n"),
    ];
    let (stream, peer) = play(&[&hello[..], &steps].concat());
    let mut session = started(stream).await;
    match session.login(&token(), "h", 1).await {
        Err(SmtpError::AuthFailed {
            oauth_error: Some(json),
            ..
        }) => assert_eq!(json, r#"{"status":"401"}"#),
        other => panic!("{other:?}"),
    }
    peer.finish(session).await;
}

#[tokio::test]
async fn an_impostor_that_cannot_do_scram_gets_no_password() {
    let hello = [
        Say("220 mx\r\n"),
        Hear("EHLO me"),
        Say("250-mx\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n"),
    ];
    let steps = [
        HearAny,
        Say("334 bm9uc2Vuc2U=\r\n"),
        Hear("*"),
        Say("501 cancelled\r\n"),
    ];
    let (stream, peer) = play(&[&hello[..], &steps].concat());
    let mut session = started(stream).await;
    assert!(matches!(
        session.login(&password(), "h", 1).await,
        Err(SmtpError::Sasl(_))
    ));
    peer.finish(session).await;
    let (stream, peer) = play(&[&hello[..], &[HearAny, Say("235 come in\r\n")]].concat());
    let mut session = started(stream).await;
    assert!(matches!(
        session.login(&password(), "h", 1).await,
        Err(SmtpError::Sasl(_))
    ));
    assert!(!session.is_usable());
    peer.finish(session).await;
}

#[tokio::test]
async fn a_server_without_a_fitting_mechanism_is_told_apart() {
    let (stream, peer) = play(HELLO);
    let mut session = started(stream).await;
    assert!(
        matches!(session.login(&token(), "h", 1).await, Err(SmtpError::NoMechanism { offered }) if offered.is_empty())
    );
    peer.finish(session).await;
}
