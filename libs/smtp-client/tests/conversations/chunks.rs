//! Messages in counted chunks (BDAT): what goes over the wire, what is refused half-way, and when it counts as sent.

use mail_net::Stream;
use mail_sim::{SmtpFault, SmtpScript, SmtpSim};
use smtp_client::{DataResult, SmtpError};

use crate::peer::{self, Step, Step::*, play};
use crate::sim::session;
use crate::{accepted, sent, started, to};

const CHUNK_HELLO: &[Step] = &[
    Say("220 mx ESMTP\r\n"),
    Hear("EHLO me"),
    Say("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
];
const OPEN: &[Step] = &[
    Hear("MAIL FROM:<joe@example.org>"),
    Hear("RCPT TO:<a@x>"),
    Say("250 ok\r\n250 ok\r\n"),
];

fn chunking() -> SmtpScript {
    SmtpScript::new().offer(&["CHUNKING"])
}

/// Larger than several chunks, with every line end there is.
fn large() -> Vec<u8> {
    let lines = ["plain\r\n", ".dot\n", ".\r", "\r\n", "caf\u{e9}\r\n"];
    lines.concat().repeat(60_000).into_bytes()
}

/// The same as it must arrive.
fn repaired(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(body.to_vec()).expect("text");
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    lines.replace('\n', "\r\n").into_bytes()
}

#[tokio::test]
async fn a_message_goes_as_one_counted_chunk_with_its_dots_as_they_are() {
    let last: &[Step] = &[
        Hear("BDAT 16 LAST"),
        Hear("x"),
        Hear("."),
        Hear("..y"),
        Hear("end"),
        Say("250 2.0.0 taken\r\n"),
    ];
    // Nothing has to be forgotten between two messages that were taken.
    let steps = [CHUNK_HELLO, OPEN, last, OPEN, last].concat();
    let (stream, peer) = play(&steps);
    let mut session = started(stream).await;
    for body in [&b"x\n.\r..y\r\nend"[..], &b"x\r\n.\r\n..y\nend\r"[..]] {
        let outcome = session.send(&to(&["a@x"]), body).await.expect("an outcome");
        assert!(
            matches!(outcome.data, DataResult::Accepted(_)),
            "{outcome:?}"
        );
    }
    peer.finish(session).await;
}

#[tokio::test]
async fn an_empty_message_is_an_empty_last_chunk() {
    let steps = [OPEN, &[Hear("BDAT 0 LAST"), Say("250 taken\r\n")]].concat();
    let outcome = sent(CHUNK_HELLO, &steps, &["a@x"], b"")
        .await
        .expect("an outcome");
    assert!(matches!(outcome.data, DataResult::Accepted(_)));
}

#[tokio::test]
async fn a_large_message_arrives_whole_in_many_chunks_with_and_without_pipelining() {
    let body = large();
    for script in [
        chunking(),
        SmtpScript::new().extensions(&["CHUNKING", "8BITMIME"]),
    ] {
        let sim = SmtpSim::start(script);
        let mut session = session(&sim).await;
        for _ in 0..2 {
            let outcome = session
                .send(&to(&["a@x"]), &body[..])
                .await
                .expect("an outcome");
            assert!(
                matches!(outcome.data, DataResult::Accepted(_)),
                "{outcome:?}"
            );
        }
        session.quit().await;
        let mails = sim.mails();
        assert_eq!(mails.len(), 2);
        for mail in mails {
            assert!(mail.data == repaired(&body));
            assert!(mail.chunks.len() > 3, "{:?}", mail.chunks);
        }
        assert!(
            !sim.log()
                .iter()
                .any(|line| line == "DATA" || line == "RSET")
        );
    }
}

#[tokio::test]
async fn a_refused_chunk_refuses_the_message_and_the_session_goes_on() {
    let body = large();
    let table = [
        (SmtpFault::RefuseChunk(1, "552 5.3.4 too much".into()), 552),
        (SmtpFault::RefuseChunk(2, "451 4.3.0 disk".into()), 451),
        (SmtpFault::RejectData("554 5.7.1 spam".into()), 554),
    ];
    for (fault, code) in table {
        for extensions in [&["PIPELINING", "CHUNKING"][..], &["CHUNKING"]] {
            let script = SmtpScript::new()
                .extensions(extensions)
                .fault(fault.clone());
            let sim = SmtpSim::start(script);
            let mut session = session(&sim).await;
            let outcome = session
                .send(&to(&["a@x"]), &body[..])
                .await
                .expect("an outcome");
            assert!(
                matches!(&outcome.data, DataResult::Refused(reply) if reply.code == code),
                "{fault:?} gave {outcome:?}"
            );
            sim.set_faults(&[]);
            let outcome = session
                .send(&to(&["b@x"]), &b"y"[..])
                .await
                .expect("an outcome");
            assert!(
                matches!(outcome.data, DataResult::Accepted(_)),
                "{outcome:?}"
            );
            session.quit().await;
            let mails = sim.mails();
            assert_eq!(mails.len(), 1);
            assert_eq!(
                (mails[0].to.as_slice(), mails[0].data.as_slice()),
                (&["b@x".to_owned()][..], &b"y\r\n"[..])
            );
        }
    }
}

#[tokio::test]
async fn where_nobody_is_taken_no_chunk_is_sent() {
    let steps: &[Step] = &[
        Hear("MAIL FROM:<joe@example.org>"),
        Hear("RCPT TO:<a@x>"),
        Hear("RCPT TO:<b@x>"),
        Say("250 ok\r\n550 no\r\n450 later\r\n"),
        Hear("RSET"),
        Hear("MAIL FROM:<joe@example.org>"),
        Hear("RCPT TO:<c@x>"),
        Say("250 ok\r\n250 ok\r\n250 ok\r\n"),
        Hear("BDAT 3 LAST"),
        Hear("x"),
        Say("250 taken\r\n"),
    ];
    let (stream, peer) = play(&[CHUNK_HELLO, steps].concat());
    let mut session = started(stream).await;
    let outcome = session
        .send(&to(&["a@x", "b@x"]), &b"x"[..])
        .await
        .expect("an outcome");
    assert_eq!(
        (accepted(&outcome), outcome.data),
        (vec![false, false], DataResult::NotSent)
    );
    let outcome = session
        .send(&to(&["c@x"]), &b"x"[..])
        .await
        .expect("an outcome");
    assert!(matches!(outcome.data, DataResult::Accepted(_)));
    peer.finish(session).await;
}

#[tokio::test]
async fn a_server_that_does_not_know_what_it_offers_is_left_and_can_be_sent_to_with_data() {
    let sim = SmtpSim::start(chunking().fault(SmtpFault::Refuse("BDAT", "500 5.5.2 what?".into())));
    let mut first = session(&sim).await;
    let body = b"Subject: x\r\n\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<evil@x>\r\n";
    let error = first
        .send(&to(&["a@x"]), &body[..])
        .await
        .expect_err("no chunks");
    assert!(
        matches!(&error, SmtpError::ChunkingUnusable { reply } if reply.code == 500),
        "{error:?}"
    );
    assert!(!first.is_usable() && first.stream().is_none());
    let mut second = session(&sim).await;
    second.avoid_chunks();
    let outcome = second
        .send(&to(&["a@x"]), &body[..])
        .await
        .expect("an outcome");
    assert!(matches!(outcome.data, DataResult::Accepted(_)));
    second.quit().await;
    let mails = sim.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].chunks.is_empty() && mails[0].data == body);
}

#[tokio::test]
async fn the_last_byte_of_the_last_chunk_is_where_not_sent_becomes_unknown() {
    const REPLIES: &[u8] =
        b"220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n";
    const COMMANDS: &str = "EHLO me\r\nMAIL FROM:<joe@example.org>\r\nRCPT TO:<a@x>\r\n";
    const MESSAGE: &str = "BDAT 3 LAST\r\nx\r\n";
    for taken in 0..=MESSAGE.len() {
        let server = peer::TakesOnly::new(REPLIES, COMMANDS.len() + taken);
        let mut session = started(Stream::from_io(server)).await;
        let result = session.send(&to(&["a@x"]), &b"x"[..]).await;
        if taken < MESSAGE.len() {
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

#[tokio::test]
async fn an_answer_too_many_is_never_taken_for_the_one_to_the_message() {
    let steps: &[Step] = &[
        Hear("MAIL FROM:<joe@example.org>"),
        Hear("RCPT TO:<a@x>"),
        Say("250 ok\r\n250 ok\r\n250 ok\r\n"),
        NoMore,
    ];
    let result = sent(CHUNK_HELLO, steps, &["a@x"], b"x").await;
    assert!(
        matches!(result, Err(SmtpError::Nonsense { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_body_that_cannot_be_read_never_gets_its_last_chunk() {
    let (stream, peer) = play(&[CHUNK_HELLO, OPEN, &[NoMore]].concat());
    let mut session = started(stream).await;
    let result = session.send(&to(&["a@x"]), peer::BrokenBody::new()).await;
    assert!(matches!(result, Err(SmtpError::Body(_))), "{result:?}");
    assert!(!session.is_usable());
    peer.done().await;
}
