//! The connection cut before, in and after each command, in the message and after it: what is then known, and what the
//! server really has.

use mail_sim::{Encryption, SmtpFault, SmtpScript, SmtpSim};
use smtp_client::{DataResult, Outcome, SmtpError};

use crate::sim::{connected, try_session};
use crate::to;

/// With and without pipelining, by DATA and in chunks.
const WAYS: &[&[&str]] = &[
    &["PIPELINING"],
    &["SIZE 1000000"],
    &["PIPELINING", "CHUNKING"],
    &["CHUNKING"],
];

async fn attempt(sim: &SmtpSim, body: &[u8]) -> Result<Outcome, SmtpError> {
    let mut session = try_session(connected(sim, Encryption::None).await).await?;
    let outcome = session.send(&to(&["a@x", "b@x"]), body).await;
    session.quit().await;
    outcome
}

/// Each fault, and what must hold: an error or a refusal means that the server has nothing; a yes means that it has it; only
/// silence after the end says neither.
async fn holds(extensions: &[&str], fault: SmtpFault, body: &[u8]) -> Option<Outcome> {
    let sim = SmtpSim::start(
        SmtpScript::new()
            .extensions(extensions)
            .fault(fault.clone()),
    );
    let result = attempt(&sim, body).await;
    let has = sim.mails().len();
    let said = format!("{extensions:?} with {fault:?} gave {result:?}");
    match result {
        Ok(outcome) => {
            match outcome.data {
                DataResult::Accepted(_) => assert_eq!(has, 1, "{said}"),
                DataResult::Refused(_) | DataResult::NotSent => assert_eq!(has, 0, "{said}"),
                DataResult::Unknown { .. } => assert!(has <= 1, "{said}"),
            }
            Some(outcome)
        }
        Err(_) => {
            assert_eq!(has, 0, "{said}");
            None
        }
    }
}

#[tokio::test]
async fn cut_before_each_command_nothing_is_sent_until_the_server_said_yes() {
    for extensions in WAYS {
        let mut ends = Vec::new();
        for replies in 0..9 {
            let outcome = holds(extensions, SmtpFault::CutAfterReplies(replies), b"x").await;
            ends.push(match outcome.map(|outcome| outcome.data) {
                None => "error",
                Some(DataResult::Accepted(_)) => "accepted",
                Some(DataResult::Unknown { .. }) => "unknown",
                Some(_) => "refused",
            });
        }
        // The cut comes later and later, so what is known only gets better.
        let first_yes = ends
            .iter()
            .position(|end| *end == "accepted")
            .expect("a yes");
        assert!(
            ends[first_yes..].iter().all(|end| *end == "accepted"),
            "{ends:?}"
        );
        assert!(
            ends[..first_yes].iter().all(|end| *end != "accepted"),
            "{ends:?}"
        );
        assert_eq!(ends[0], "error");
    }
}

#[tokio::test]
async fn cut_in_or_after_each_command_nothing_is_sent() {
    for extensions in WAYS {
        for verb in ["EHLO", "MAIL", "RCPT", "DATA", "BDAT"] {
            for fault in [SmtpFault::CutInside(verb), SmtpFault::CloseAt(verb)] {
                let spoken = (verb == "BDAT") == extensions.contains(&"CHUNKING")
                    || !matches!(verb, "DATA" | "BDAT");
                let outcome = holds(extensions, fault.clone(), b"x").await;
                let data = outcome.map(|outcome| outcome.data);
                if spoken && verb != "BDAT" {
                    assert_eq!(data, None, "{extensions:?} {fault:?}");
                } else if spoken {
                    // The chunk left together with its command: nobody knows how far it came.
                    assert!(
                        matches!(data, None | Some(DataResult::Unknown { .. })),
                        "{data:?}"
                    );
                } else {
                    assert!(matches!(data, Some(DataResult::Accepted(_))), "{data:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn cut_in_the_message_or_after_it_is_told_apart() {
    let body = b"a line of text\r\n".repeat(100_000);
    for extensions in WAYS {
        let chunks = extensions.contains(&"CHUNKING");
        let within = if chunks {
            [
                SmtpFault::CloseInChunk(100),
                SmtpFault::CloseInChunk(700_000),
            ]
        } else {
            [SmtpFault::CloseInData(10), SmtpFault::CloseInData(50_000)]
        };
        for fault in within {
            let outcome = holds(extensions, fault.clone(), &body).await;
            // The system may have taken all of it from us before it told us of the cut.
            let data = outcome.map(|outcome| outcome.data);
            assert!(
                matches!(data, None | Some(DataResult::Unknown { .. })),
                "{extensions:?} {fault:?} gave {data:?}"
            );
        }
        let outcome = holds(extensions, SmtpFault::CloseAfterDot, &body).await;
        assert!(
            matches!(
                outcome,
                Some(Outcome {
                    data: DataResult::Unknown { .. },
                    ..
                })
            ),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_goodbye_at_any_time_is_a_no_for_now() {
    for extensions in WAYS {
        for replies in 0..6 {
            let fault = SmtpFault::ByeAfterReplies(replies, "421 4.3.2 going down".to_owned());
            holds(extensions, fault, b"x").await;
        }
        for verb in ["EHLO", "MAIL", "RCPT", "DATA"] {
            let fault = SmtpFault::Refuse(verb, "421 4.3.2 going down".to_owned());
            holds(extensions, fault, b"x").await;
        }
        let fault = SmtpFault::RejectData("421 4.3.2 going down".to_owned());
        let outcome = holds(extensions, fault, b"x").await.expect("an outcome");
        assert!(matches!(&outcome.data, DataResult::Refused(reply) if reply.code == 421));
    }
}
