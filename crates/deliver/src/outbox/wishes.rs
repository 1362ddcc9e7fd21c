//! What a submission asks of the servers on the way, in the words of SMTP.

use model::submission::{Notify as Event, Recipient, Return as Part, State, Submission, Wishes};
use smtp_client::{Dsn, Notify, RecipientReply, Return};
use std::collections::HashSet;

/// Whom this try of a submission is for.
pub(super) fn of(submission: &Submission) -> Vec<String> {
    recipients(&submission.recipients, submission.attempts)
}

/// Whom a try is for. Those for whom it is unclear go by themselves: what is seen of one try says nothing of another. Where a
/// server takes only so many at once, some were never tried: they go before those who were put off, or the same few would be asked
/// about again and again; and among these another one comes first with each of the `attempts`.
fn recipients(all: &[Recipient], attempts: i64) -> Vec<String> {
    let with = |wanted: &[State]| {
        let chosen = all.iter().filter(|r| wanted.contains(&r.state));
        chosen.map(|r| r.address.clone()).collect::<Vec<_>>()
    };
    let first = [State::Unclear, State::Queued].into_iter();
    let first = first
        .map(|state| with(&[state]))
        .find(|some| !some.is_empty());
    first.unwrap_or_else(|| {
        let mut put_off = with(&[State::Deferred]);
        let turn = usize::try_from(attempts).unwrap_or(0) % put_off.len().max(1);
        put_off.rotate_left(turn);
        put_off
    })
}

/// Of those whose fate is open, whom the server does not take the message for this time.
pub(super) fn left_out(all: &[Recipient], answers: &[RecipientReply]) -> Vec<String> {
    let taken: HashSet<&str> = answers
        .iter()
        .filter(|answer| answer.accepted)
        .map(|answer| answer.address.as_str())
        .collect();
    all.iter()
        .filter(|r| !r.state.is_final() && !taken.contains(r.address.as_str()))
        .map(|r| r.address.clone())
        .collect()
}

/// The notices that are wanted (RFC 3461). The envelope id is said always: by it whatever comes back is found again.
pub(super) fn notices(submission_id: &str, wishes: &Wishes) -> Dsn {
    let asked = wishes.dsn.as_ref();
    Dsn {
        envelope_id: Some(submission_id.to_owned()),
        returned: asked.and_then(|dsn| dsn.r#return).map(|part| match part {
            Part::Headers => Return::Headers,
            Part::Full => Return::Full,
        }),
        notify: asked
            .filter(|dsn| !dsn.notify.is_empty())
            .map(|dsn| Notify {
                success: dsn.notify.contains(&Event::Success),
                failure: dsn.notify.contains(&Event::Failure),
                delay: dsn.notify.contains(&Event::Delay),
            }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(states: &[State]) -> Vec<Recipient> {
        let numbered = states.iter().enumerate();
        numbered
            .map(|(n, state)| Recipient {
                state: *state,
                ..Recipient::new(&format!("{n}@x"))
            })
            .collect()
    }

    #[test]
    fn whose_fate_is_unclear_goes_first_then_who_was_never_tried_then_the_others_in_turn() {
        use State::{Accepted, Deferred, Queued, Unclear};
        let all = some(&[Queued, Unclear, Accepted, Deferred]);
        assert_eq!(recipients(&all, 3), ["1@x"]);
        let all = some(&[Queued, Deferred, Queued]);
        assert_eq!(recipients(&all, 3), ["0@x", "2@x"]);
        let all = some(&[Deferred, Accepted, Deferred, Deferred]);
        for (attempts, first) in [(3, "0@x"), (4, "2@x"), (5, "3@x")] {
            let chosen = recipients(&all, attempts);
            assert_eq!((chosen.len(), chosen[0].as_str()), (3, first));
        }
        assert!(recipients(&some(&[Accepted]), 1).is_empty());
    }
}
