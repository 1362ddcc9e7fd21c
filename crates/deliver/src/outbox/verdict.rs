//! What became of an attempt, from what the server said to each recipient's new state. Pure: the
//! time and the random part of a pause are handed in.
//!
//! The rules: 2xx is accepted; 4xx is put off, on a ladder of growing pauses, for five days; 5xx has
//! failed at once. A 5xx that only says "not today" (a sending limit) or "not without a sign-in" is
//! put off too. What stands in the way of the whole mailbox (a refused sign-in, a wrong certificate)
//! is tried once more and then held for a person. No word after the final dot is unclear.

use connect::recognise;
use connect::{Failure, Peer};
use model::Timestamp;
use model::problem::{Problem, Retry};
use model::submission::{Recipient, State};
use smtp_client::{DataResult, Outcome, RecipientReply, Reply, SmtpError};
use store::submissions::{Claimed, Rules, SentCopyBy, Settlement};

/// How much longer a pause may be by chance, in hundredths.
const JITTER_PERCENT: f64 = 10.0;
/// The least pause where a server named a time.
const LEAST_PAUSE_MILLIS: i64 = 60_000;
/// How soon the rest of the recipients follow where a server takes only so many at once.
const REST_MILLIS: i64 = 1000;

/// An attempt, and all that its outcome is judged by.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The message as it was before; `attempts` counts this one.
    pub claimed: &'a Claimed,
    /// How long is tried, and with which pauses.
    pub rules: &'a Rules,
    /// Whom it was handed to.
    pub peer: &'a Peer<'a>,
    /// What stood in the way of the mailbox's last try, if something did: met again, it is confirmed.
    pub known_problem: Option<&'a str>,
    /// Who files the copy in Sent.
    pub sent_copy_by: SentCopyBy,
    /// The present moment.
    pub now: Timestamp,
    /// A random number from 0 to 1.
    pub jitter: f64,
}

/// When what is still open goes out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    At(Timestamp),
    Held,
    Never,
}

impl Attempt<'_> {
    /// No connection that could send: nothing of the message went out.
    pub fn not_opened(&self, problem: &Problem) -> Settlement {
        let again = match problem.retry {
            Retry::Backoff => Again::At(self.ladder()),
            // One text for quiet and for a refused secret: not shown for ever.
            Retry::PauseUntil
                if connect::problems::may_be_the_secret(&problem.id)
                    && self.known_problem == Some(&problem.id) =>
            {
                Again::Held
            }
            Retry::PauseUntil => Again::At(self.pause(problem.until)),
            Retry::AfterChange | Retry::Never => self.confirm_then_hold(&problem.id),
        };
        let words = problem.server_said.as_deref().unwrap_or(&problem.means);
        self.put_off_all(again, &problem.id, |r| in_words(r, words))
    }

    /// The mailbox's mail is held for this problem already: nobody tried to connect.
    pub fn held(&self, problem_id: &str) -> Settlement {
        let words = connect::problems::find(problem_id).map_or("", |entry| entry.title);
        self.put_off_all(self.in_time(Again::Held), problem_id, |r| {
            in_words(r, words)
        })
    }

    /// The session gave an error, which always means that nothing was sent to anybody.
    pub fn not_sent(&self, error: &SmtpError) -> Settlement {
        let failure = recognise::smtp(error, self.peer);
        let words = error.to_string();
        match error {
            SmtpError::Refused { command, reply } if *command == "MAIL" => {
                let again = self.on_reply(reply, &failure.problem);
                self.put_off_all(again, &failure.problem.id, |r| in_reply(r, reply))
            }
            SmtpError::BadAddress { address, .. } if *address != self.claimed.envelope_from => {
                self.fail_some(&failure, &words, |r| r.address == *address)
            }
            SmtpError::NeedsSmtpUtf8 if self.claimed.envelope_from.is_ascii() => {
                self.fail_some(&failure, &words, |r| !r.address.is_ascii())
            }
            SmtpError::TooLarge { .. }
            | SmtpError::NeedsSmtpUtf8
            | SmtpError::NeedsEightBitMime
            | SmtpError::NeedsTls
            | SmtpError::NeedsRequireTls
            | SmtpError::BadAddress { .. }
            | SmtpError::NoRecipients => {
                self.put_off_all(Again::Never, &failure.problem.id, |r| in_words(r, &words))
            }
            _ => {
                let again = match failure.problem.retry {
                    Retry::PauseUntil => Again::At(self.pause(failure.problem.until)),
                    Retry::Backoff | Retry::AfterChange | Retry::Never => Again::At(self.ladder()),
                };
                self.put_off_all(self.in_time(again), &failure.problem.id, |r| {
                    in_words(r, &words)
                })
            }
        }
    }

    /// The server gave its answers, or was silent after the final dot.
    pub fn outcome(&self, outcome: &Outcome) -> Settlement {
        let mut recipients = self.claimed.submission.recipients.clone();
        let (mut problems, mut next) = (Problems::default(), None::<Again>);
        let crowded = crowded(outcome);
        for reply in &outcome.recipients {
            let Some(recipient) = recipients
                .iter_mut()
                .find(|r| r.address == reply.address && !r.state.is_final())
            else {
                continue;
            };
            let again = self.one(recipient, reply, outcome, &mut problems);
            if let Some(again) = again {
                let again = match again {
                    Again::At(_) if crowded => Again::At(self.now.plus_millis(REST_MILLIS)),
                    again => again,
                };
                next = Some(next.map_or(again, |before| sooner(before, again)));
            }
        }
        if let Some(again) = self.not_named(&recipients, outcome, next) {
            next = Some(next.map_or(again, |before| sooner(before, again)));
        }
        let lost = matches!(outcome.data, DataResult::Unknown { .. })
            && recipients.iter().any(|r| r.state == State::Unclear);
        let again = if lost {
            // Whoever was put off waits with those for whom it is unclear.
            Again::At(self.now.plus_millis(self.rules.unclear_millis))
        } else {
            next.unwrap_or(Again::Never)
        };
        self.settlement(recipients, again, problems.main())
    }

    /// When those go out who were not named to the server this time, because it takes only so many at once: they stay as they
    /// are. Whoever was never tried goes at once, unless the message itself was put off; whoever was put off before waits.
    fn not_named(
        &self,
        recipients: &[Recipient],
        outcome: &Outcome,
        next: Option<Again>,
    ) -> Option<Again> {
        let left = recipients.iter().filter(|recipient| {
            let named = |r: &RecipientReply| r.address == recipient.address;
            !outcome.recipients.iter().any(named)
        });
        let states: Vec<State> = left.map(|recipient| recipient.state).collect();
        let put_off = matches!(outcome.data, DataResult::Refused(_)) && next.is_some();
        if states.contains(&State::Queued) && !put_off {
            Some(Again::At(self.now))
        } else if states.contains(&State::Deferred) {
            Some(self.in_time(Again::At(self.ladder())))
        } else {
            None
        }
    }

    /// One recipient's new state; when it goes out again, where it is put off.
    fn one(
        &self,
        recipient: &mut Recipient,
        answer: &RecipientReply,
        outcome: &Outcome,
        problems: &mut Problems,
    ) -> Option<Again> {
        let (failure, reply) = if !answer.accepted {
            (
                recognise::smtp_recipient(&answer.address, &answer.reply, self.peer),
                &answer.reply,
            )
        } else {
            match &outcome.data {
                DataResult::Accepted(reply) => {
                    recipient.state = State::Accepted;
                    in_reply(recipient, reply);
                    return None;
                }
                DataResult::Unknown { what } => {
                    recipient.lose(self.claimed.submission.attempts);
                    in_words(recipient, what);
                    problems.open = Some("smtp_unclear".to_owned());
                    return None;
                }
                DataResult::Refused(reply) => (recognise::smtp_data(reply, self.peer), reply),
                // Nobody was accepted, so nobody who was accepted comes here.
                DataResult::NotSent => return None,
            }
        };
        in_reply(recipient, reply);
        let again = self.on_reply(reply, &failure.problem);
        if again == Again::Never {
            recipient.state = State::Failed;
            problems.failed = Some(failure.problem.id);
            None
        } else {
            recipient.state = State::Deferred;
            problems.open = Some(failure.problem.id);
            Some(again)
        }
    }

    /// What a refusing reply means for those whom it is about.
    fn on_reply(&self, reply: &Reply, problem: &Problem) -> Again {
        let again = match problem.retry {
            Retry::PauseUntil => Again::At(self.pause(problem.until)),
            // The sign-in was forgotten or never asked for, or the sender's mailbox is full: nothing is wrong with the message.
            _ if matches!(
                connect::problems::kind(&problem.id),
                "smtp_auth_required" | "smtp_auth_disabled" | "quota_exceeded"
            ) =>
            {
                self.confirm_then_hold(&problem.id)
            }
            _ if reply.is_permanent() => Again::Never,
            _ => Again::At(self.ladder()),
        };
        self.in_time(again)
    }

    /// What needs a person is tried once more, in case the server was wrong, and then held.
    fn confirm_then_hold(&self, problem_id: &str) -> Again {
        if self.known_problem == Some(problem_id) {
            Again::Held
        } else {
            Again::At(self.ladder())
        }
    }

    /// Whatever is wanted, there is an end to it.
    fn in_time(&self, again: Again) -> Again {
        let end = self.claimed.give_up_at;
        match again {
            _ if self.now >= end => Again::Never,
            Again::At(at) => Again::At(at.min(end)),
            Again::Held | Again::Never => again,
        }
    }

    /// The next rung; the last one for ever.
    fn ladder(&self) -> Timestamp {
        let pause = self.rules.pause_millis(self.claimed.submission.attempts);
        let millis = pause as f64 * (1.0 + self.jitter.clamp(0.0, 1.0) * JITTER_PERCENT / 100.0);
        self.now.plus_millis(millis as i64)
    }

    /// The time that the server named, or the next rung.
    fn pause(&self, until: Option<Timestamp>) -> Timestamp {
        until.map_or_else(
            || self.ladder(),
            |at| at.max(self.now.plus_millis(LEAST_PAUSE_MILLIS)),
        )
    }

    /// The same for everyone who is open. What was unclear before stays unclear, as this try has shown nothing; unless it was the
    /// last one.
    fn put_off_all(
        &self,
        again: Again,
        problem_id: &str,
        note: impl Fn(&mut Recipient),
    ) -> Settlement {
        let again = self.in_time(again);
        let mut recipients = self.claimed.submission.recipients.clone();
        for recipient in recipients.iter_mut().filter(|r| !r.state.is_final()) {
            if recipient.state == State::Unclear && again != Again::Never {
                continue;
            }
            note(recipient);
            recipient.state = if again == Again::Never {
                State::Failed
            } else {
                State::Deferred
            };
        }
        self.settlement(recipients, again, Some(problem_id.to_owned()))
    }

    /// Some recipients cannot be reached by this message at all; the others get it at once without them.
    fn fail_some(
        &self,
        failure: &Failure,
        words: &str,
        is_one: impl Fn(&Recipient) -> bool,
    ) -> Settlement {
        let mut recipients = self.claimed.submission.recipients.clone();
        let mut found = false;
        for recipient in recipients.iter_mut().filter(|r| !r.state.is_final()) {
            if is_one(recipient) {
                found = true;
                recipient.state = State::Failed;
                in_words(recipient, words);
            } else if recipient.state == State::Queued {
                recipient.state = State::Deferred;
            }
        }
        if !found {
            return self.put_off_all(Again::Never, &failure.problem.id, |r| in_words(r, words));
        }
        self.settlement(
            recipients,
            Again::At(self.now),
            Some(failure.problem.id.clone()),
        )
    }

    fn settlement(
        &self,
        recipients: Vec<Recipient>,
        again: Again,
        problem_id: Option<String>,
    ) -> Settlement {
        Settlement {
            recipients,
            next_attempt_at: match again {
                Again::At(at) => Some(at),
                Again::Held | Again::Never => None,
            },
            held: again == Again::Held,
            problem_id,
            sent_copy_by: self.sent_copy_by,
        }
    }
}

/// The server takes only so many recipients at once (RFC 5321 4.5.3.1.10): some were taken, and the
/// rest were told to come with the next message.
fn crowded(outcome: &Outcome) -> bool {
    matches!(outcome.data, DataResult::Accepted(_))
        && outcome.recipients.iter().any(|r| r.accepted)
        && outcome
            .recipients
            .iter()
            .any(|r| !r.accepted && r.reply.code == 452)
        && outcome
            .recipients
            .iter()
            .all(|r| r.accepted || !r.reply.is_temporary() || r.reply.code == 452)
}

fn sooner(a: Again, b: Again) -> Again {
    match (a, b) {
        (Again::At(a), Again::At(b)) => Again::At(a.min(b)),
        (Again::At(at), _) | (_, Again::At(at)) => Again::At(at),
        (Again::Held, _) | (_, Again::Held) => Again::Held,
        (Again::Never, Again::Never) => Again::Never,
    }
}

/// What stands in the way, for the message as a whole: of what is open before what has failed.
#[derive(Default)]
struct Problems {
    open: Option<String>,
    failed: Option<String>,
}

impl Problems {
    fn main(self) -> Option<String> {
        self.open.or(self.failed)
    }
}

fn in_reply(recipient: &mut Recipient, reply: &Reply) {
    recipient.code = Some(reply.code);
    recipient.enhanced_code = reply.enhanced.clone();
    recipient.text = Some(reply.text.clone());
}

fn in_words(recipient: &mut Recipient, words: &str) {
    recipient.code = None;
    recipient.enhanced_code = None;
    recipient.text = (!words.is_empty()).then(|| words.to_owned());
}
