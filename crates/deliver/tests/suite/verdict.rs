//! Tables: what a server says, and what becomes of a message.

use crate::START;
use connect::{Failure, Peer, Spoken};
use deliver::outbox::verdict::Attempt;
use model::Timestamp;
use model::mailbox::{Auth, Security};
use model::submission::{Recipient, SentCopy, SentCopyState, State, Submission};
use smtp_client::{AddressProblem, DataResult, Outcome, RecipientReply, Reply, SmtpError};
use store::submissions::{Claimed, SentCopyBy, Settlement, overall};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn claimed(to: &[&str]) -> Claimed {
    let recipients = to.iter().map(|address| Recipient::new(address)).collect();
    Claimed {
        submission: Submission {
            id: "sub_1".into(),
            mailbox_id: "mbx_1".into(),
            identity_id: None,
            state: State::Sending,
            send_at: None,
            undo_until: None,
            priority: model::submission::Priority::Normal,
            wishes: model::submission::Wishes::default(),
            job_id: None,
            message_id: None,
            internet_message_id: "one@example.com".into(),
            subject: "x".into(),
            attempts: 1,
            next_attempt_at: None,
            recipients,
            sent_copy: SentCopy {
                state: SentCopyState::Pending,
            },
            possible_duplicate: false,
            problem_id: None,
            created_at: START,
        },
        digest: "d".into(),
        size: 10,
        envelope_from: "ann@example.com".into(),
        give_up_at: START.plus_millis(5 * DAY),
        answers_message_id: None,
        dot_attempt: 1,
        dot_left_out: Vec::new(),
        seen_at_dot: 0,
        lost_answers: 0,
    }
}

/// Judges with the given time, and no chance in it.
fn judged(
    claimed: &Claimed,
    now: Timestamp,
    judge: impl Fn(&Attempt<'_>) -> Settlement,
) -> Settlement {
    let peer = Peer {
        spoken: Spoken::Smtp,
        host: "mail.example.com",
        port: 465,
        security: Security::Tls,
        username: "ann",
        auth: Auth::Password,
        now,
    };
    let rules = store::submissions::Rules::default();
    judge(&Attempt {
        claimed,
        rules: &rules,
        peer: &peer,
        known_problem: claimed.submission.problem_id.as_deref(),
        sent_copy_by: SentCopyBy::Us,
        now,
        jitter: 0.0,
    })
}

fn reply(code: u16, enhanced: &str, text: &str) -> Reply {
    Reply {
        code,
        enhanced: (!enhanced.is_empty()).then(|| enhanced.to_owned()),
        text: text.to_owned(),
    }
}

/// One reply per recipient (2xx: accepted), and what came of the data.
fn outcome(claimed: &Claimed, replies: &[Reply], data: DataResult) -> Outcome {
    let recipients = claimed
        .submission
        .recipients
        .iter()
        .zip(replies)
        .map(|(recipient, reply)| RecipientReply {
            address: recipient.address.clone(),
            accepted: reply.is_positive(),
            reply: reply.clone(),
        })
        .collect();
    Outcome {
        recipients,
        postponed: Vec::new(),
        data,
    }
}

fn states(settlement: &Settlement) -> Vec<State> {
    settlement.recipients.iter().map(|r| r.state).collect()
}

fn wait(settlement: &Settlement, now: Timestamp) -> Option<i64> {
    settlement.next_attempt_at.map(|at| at.0 - now.0)
}

#[test]
fn replies_become_states() {
    use State::{Accepted, Deferred, Failed, Unclear};
    let yes = || reply(250, "2.1.5", "ok");
    let taken = || DataResult::Accepted(reply(250, "2.0.0", "queued as 1"));
    let unknown = || DataResult::Unknown {
        what: "the connection broke".into(),
    };
    let refused =
        |code, enhanced: &str, text: &str| DataResult::Refused(reply(code, enhanced, text));
    let five = Some(5 * MINUTE);
    // Replies to RCPT, result of the data, states, problem, pause.
    type Row = (
        Vec<Reply>,
        DataResult,
        Vec<State>,
        Option<&'static str>,
        Option<i64>,
    );
    let table: Vec<Row> = vec![
        (vec![yes()], taken(), vec![Accepted], None, None),
        (
            vec![yes()],
            unknown(),
            vec![Unclear],
            Some("smtp_unclear"),
            Some(15 * MINUTE),
        ),
        (
            vec![yes()],
            refused(451, "4.3.0", "later"),
            vec![Deferred],
            Some("server_unavailable"),
            five,
        ),
        (
            vec![yes()],
            refused(554, "5.7.1", "no"),
            vec![Failed],
            Some("smtp_message_refused"),
            None,
        ),
        (
            vec![yes()],
            refused(552, "5.3.4", "too big"),
            vec![Failed],
            Some("smtp_size_refused"),
            None,
        ),
        (
            vec![reply(550, "5.1.1", "no such user")],
            DataResult::NotSent,
            vec![Failed],
            Some("smtp_recipient_refused"),
            None,
        ),
        (
            vec![reply(450, "4.2.0", "greylisted")],
            DataResult::NotSent,
            vec![Deferred],
            Some("smtp_greylisted"),
            five,
        ),
        (
            vec![
                yes(),
                reply(550, "5.1.1", "no"),
                reply(451, "4.3.0", "later"),
            ],
            taken(),
            vec![Accepted, Failed, Deferred],
            Some("smtp_recipient_deferred"),
            five,
        ),
        (
            vec![yes(), reply(550, "5.1.1", "no")],
            unknown(),
            vec![Unclear, Failed],
            Some("smtp_unclear"),
            Some(15 * MINUTE),
        ),
        // Only so many at once: the rest follows at once.
        (
            vec![yes(), reply(452, "4.5.3", "too many recipients")],
            taken(),
            vec![Accepted, Deferred],
            Some("smtp_limit_reached"),
            Some(1000),
        ),
        // A server that forgot our sign-in.
        (
            vec![reply(530, "5.7.0", "Authentication required")],
            DataResult::NotSent,
            vec![Deferred],
            Some("smtp_auth_required"),
            five,
        ),
    ];
    for (replies, data, wanted, problem, pause) in table {
        let addresses = ["a@x", "b@x", "c@x"];
        let claimed = claimed(&addresses[..replies.len()]);
        let told = outcome(&claimed, &replies, data);
        let settlement = judged(&claimed, START, |attempt| attempt.outcome(&told));
        assert_eq!(states(&settlement), wanted, "{told:?}");
        assert_eq!(settlement.problem_id.as_deref(), problem, "{told:?}");
        assert_eq!(wait(&settlement, START), pause, "{told:?}");
        assert!(!settlement.held);
    }
}

#[test]
fn each_recipient_has_the_words_of_its_own_reply() {
    let claimed = claimed(&["a@x", "b@x"]);
    let replies = [
        reply(250, "2.1.5", "ok"),
        reply(550, "5.1.1", "no such user"),
    ];
    let told = outcome(
        &claimed,
        &replies,
        DataResult::Accepted(reply(250, "2.0.0", "queued as 1")),
    );
    let settlement = judged(&claimed, START, |attempt| attempt.outcome(&told));
    let words: Vec<_> = settlement
        .recipients
        .iter()
        .map(|r| (r.code, r.enhanced_code.as_deref(), r.text.as_deref()))
        .collect();
    assert_eq!(
        words,
        [
            (Some(250), Some("2.0.0"), Some("queued as 1")),
            (Some(550), Some("5.1.1"), Some("no such user"))
        ]
    );
}

#[test]
fn a_sending_limit_waits_although_its_code_is_permanent() {
    let claimed = claimed(&["a@x"]);
    let limit = reply(550, "5.4.5", "Daily user sending limit exceeded.");
    let told = outcome(&claimed, std::slice::from_ref(&limit), DataResult::NotSent);
    let settlement = judged(&claimed, START, |attempt| attempt.outcome(&told));
    assert_eq!(states(&settlement), [State::Deferred]);
    assert_eq!(settlement.problem_id.as_deref(), Some("smtp_limit_reached"));
    assert!(wait(&settlement, START) >= Some(MINUTE));
}

#[test]
fn what_could_not_be_handed_over_is_put_off_or_has_failed() {
    use State::{Deferred, Failed};
    let mail = |code, enhanced: &str, text: &str| SmtpError::Refused {
        command: "MAIL",
        reply: reply(code, enhanced, text),
    };
    let table = [
        (
            SmtpError::Closed { what: "a reply" },
            Deferred,
            "server_closed",
        ),
        (
            SmtpError::ServiceClosing {
                reply: reply(421, "4.3.2", "closing"),
            },
            Deferred,
            "server_unavailable",
        ),
        (SmtpError::Unusable, Deferred, "server_closed"),
        (
            SmtpError::Body(std::io::Error::other("the disk")),
            Deferred,
            "store_unavailable",
        ),
        (
            SmtpError::TooLarge {
                size: 11,
                limit: 10,
            },
            Failed,
            "smtp_size_refused",
        ),
        (SmtpError::NeedsEightBitMime, Failed, "smtp_feature_missing"),
        (SmtpError::NeedsRequireTls, Failed, "smtp_feature_missing"),
        (SmtpError::NeedsTls, Failed, "smtp_feature_missing"),
        (mail(451, "4.3.0", "later"), Deferred, "server_unavailable"),
        (mail(552, "5.3.4", "too big"), Failed, "smtp_size_refused"),
        (
            mail(553, "5.7.1", "not your address"),
            Failed,
            "smtp_sender_refused",
        ),
        (
            mail(530, "5.7.0", "Authentication required"),
            Deferred,
            "smtp_auth_required",
        ),
    ];
    for (error, state, problem) in table {
        let claimed = claimed(&["a@x", "b@x"]);
        let settlement = judged(&claimed, START, |attempt| attempt.not_sent(&error));
        assert_eq!(states(&settlement), [state, state], "{error}");
        assert_eq!(settlement.problem_id.as_deref(), Some(problem), "{error}");
        assert_eq!(
            settlement.next_attempt_at.is_some(),
            state == Deferred,
            "{error}"
        );
    }
}

#[test]
fn one_impossible_address_does_not_keep_the_others_from_their_mail() {
    let claimed = claimed(&["a@x", "jörg@x"]);
    for error in [
        SmtpError::NeedsSmtpUtf8,
        SmtpError::BadAddress {
            address: "jörg@x".into(),
            problem: AddressProblem::Blank,
        },
    ] {
        let settlement = judged(&claimed, START, |attempt| attempt.not_sent(&error));
        assert_eq!(states(&settlement), [State::Deferred, State::Failed]);
        assert_eq!(wait(&settlement, START), Some(0), "the others go at once");
    }
    let sender = SmtpError::BadAddress {
        address: "ann@example.com".into(),
        problem: AddressProblem::Blank,
    };
    let settlement = judged(&claimed, START, |attempt| attempt.not_sent(&sender));
    assert_eq!(states(&settlement), [State::Failed, State::Failed]);
}

#[test]
fn pauses_grow_to_an_hour_and_end_after_five_days() {
    let told = |claimed: &Claimed| {
        outcome(
            claimed,
            &[reply(451, "4.3.0", "later")],
            DataResult::NotSent,
        )
    };
    let mut message = claimed(&["a@x"]);
    let mut pauses = Vec::new();
    for attempt in 1..=7 {
        message.submission.attempts = attempt;
        let settlement = judged(&message, START, |a| a.outcome(&told(&message)));
        pauses.push(wait(&settlement, START).map(|millis| millis / MINUTE));
    }
    assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60].map(Some));
    let near = message.give_up_at.plus_millis(-MINUTE);
    let settlement = judged(&message, near, |a| a.outcome(&told(&message)));
    assert_eq!(
        settlement.next_attempt_at,
        Some(message.give_up_at),
        "one last try"
    );
    let settlement = judged(&message, message.give_up_at, |a| a.outcome(&told(&message)));
    assert_eq!(
        (states(&settlement), settlement.next_attempt_at),
        (vec![State::Failed], None)
    );
}

#[test]
fn chance_makes_a_pause_a_tenth_longer_at_most() {
    let message = claimed(&["a@x"]);
    let told = outcome(
        &message,
        &[reply(451, "4.3.0", "later")],
        DataResult::NotSent,
    );
    let settlement = judged(&message, START, |a| {
        Attempt { jitter: 1.0, ..*a }.outcome(&told)
    });
    assert_eq!(wait(&settlement, START), Some(5 * MINUTE + MINUTE / 2));
}

#[test]
fn a_refused_sign_in_is_confirmed_once_and_then_held() {
    let refused = Failure::new("password_refused", &[], Some("535 5.7.8 no")).problem;
    let mut message = claimed(&["a@x"]);
    let first = judged(&message, START, |a| a.not_opened(&refused));
    assert_eq!((states(&first), first.held), (vec![State::Deferred], false));
    assert_eq!(wait(&first, START), Some(5 * MINUTE));
    message.submission.problem_id = first.problem_id.clone();
    let second = judged(&message, START, |a| a.not_opened(&refused));
    assert_eq!(
        (states(&second), second.held),
        (vec![State::Deferred], true)
    );
    assert_eq!(second.recipients[0].text.as_deref(), Some("535 5.7.8 no"));
    let other = Failure::new("connection_refused", &[], None).problem;
    assert!(!judged(&message, START, |a| a.not_opened(&other)).held);
    let end = judged(&message, message.give_up_at, |a| a.held("password_refused"));
    assert_eq!(states(&end), [State::Failed]);
}

#[test]
fn what_was_unclear_stays_unclear_until_the_server_has_said_something() {
    let mut message = claimed(&["a@x", "b@x"]);
    message.submission.recipients[0].lose(1);
    message.submission.recipients[1].state = State::Failed;
    let closed = SmtpError::Closed { what: "a reply" };
    let settlement = judged(&message, START, |a| a.not_sent(&closed));
    assert_eq!(states(&settlement), [State::Unclear, State::Failed]);
    assert_eq!(overall(&settlement.recipients), State::Unclear);
    assert_eq!(wait(&settlement, START), Some(5 * MINUTE));
    let later = Outcome {
        recipients: vec![RecipientReply {
            address: "a@x".into(),
            accepted: false,
            reply: reply(450, "4.2.0", "greylisted"),
        }],
        data: DataResult::NotSent,
        postponed: Vec::new(),
    };
    let settlement = judged(&message, START, |a| a.outcome(&later));
    // Put off as anybody is, so that others need not wait for him: the doubt stays.
    assert_eq!(states(&settlement), [State::Deferred, State::Failed]);
    assert!(settlement.recipients[0].in_doubt);
    assert_eq!(settlement.recipients[0].lost_in, [1]);
    assert_eq!(wait(&settlement, START), Some(5 * MINUTE));
    let end = judged(&message, message.give_up_at, |a| a.not_sent(&closed));
    assert_eq!(
        states(&end),
        [State::Failed, State::Failed],
        "there is an end to it"
    );
    let told = Outcome {
        recipients: vec![RecipientReply {
            address: "a@x".into(),
            accepted: true,
            reply: reply(250, "", "ok"),
        }],
        postponed: Vec::new(),
        data: DataResult::Accepted(reply(250, "", "ok")),
    };
    let settlement = judged(&message, START, |a| a.outcome(&told));
    assert_eq!(states(&settlement), [State::Accepted, State::Failed]);
}

#[test]
fn a_text_for_quiet_and_for_a_refused_password_is_confirmed_once_and_quiet_alone_never_holds() {
    for (id, holds) in [("qq.login_fail", true), ("too_many_connections", false)] {
        let problem = Failure::new(id, &[], Some("535 Login fail.")).problem;
        let mut message = claimed(&["a@x"]);
        let first = judged(&message, START, |a| a.not_opened(&problem));
        assert!(!first.held, "{id}");
        message.submission.problem_id = first.problem_id.clone();
        let second = judged(&message, START, |a| a.not_opened(&problem));
        assert_eq!(second.held, holds, "{id}");
    }
}
