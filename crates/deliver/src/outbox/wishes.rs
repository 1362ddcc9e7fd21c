//! What a submission asks of the servers on the way, in the words of SMTP.

use model::submission::{Notify as Event, Recipient, Return as Part, State, Wishes};
use smtp_client::{Dsn, Notify, RecipientReply, Return};
use std::collections::HashSet;

/// Whom this try is for. Those for whom it is unclear go by themselves: what is seen of one try says nothing of another. Where a
/// server takes only so many at once, some were never tried: they go before those who were put off, or the same few would be asked
/// about again and again.
pub(super) fn recipients(all: &[Recipient]) -> Vec<String> {
    let with = |wanted: &[State]| {
        let chosen = all.iter().filter(|r| wanted.contains(&r.state));
        chosen.map(|r| r.address.clone()).collect::<Vec<_>>()
    };
    let first = [State::Unclear, State::Queued].into_iter();
    let first = first
        .map(|state| with(&[state]))
        .find(|some| !some.is_empty());
    first.unwrap_or_else(|| with(&[State::Deferred]))
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
