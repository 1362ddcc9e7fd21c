//! What the mailbox proves: a message with the submission's Message-ID that is seen among the mailbox's outgoing mail has gone
//! out, whatever was known before; to whom, is another question ([`settled`]).

use super::filing::{self, Filing, SentCopyBy};
use super::settle::{Settlement, apply};
use super::wire_ids::{bare, both_forms};
use super::{COLUMNS, Claimed, from_row};
use crate::Tx;
use crate::error::Result;
use crate::wake::Topic;
use model::Timestamp;
use model::event::NewEvent;
use model::returned::{Confidence, Kind};
use model::submission::{Recipient, SentCopyState, State, Submission};
use std::collections::{HashMap, HashSet};

/// What was found of our own submissions.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    /// What there is to tell of them.
    pub(crate) news: Vec<NewEvent>,
    /// Message and submission of each.
    pub(crate) ours: Vec<(String, String)>,
}

/// An outgoing message that was seen in the mailbox.
#[derive(Debug)]
pub(crate) struct SeenSent {
    /// Its Message-ID; where a server gave the copy of a submission another one, the submission's.
    pub(crate) wire_id: String,
    /// Our own id.
    pub(crate) message_id: String,
    /// The owed change that brought it there, where we did: the copy of a submission, or what an application wanted there.
    pub(crate) brought_by: Option<String>,
}

/// Outgoing messages were seen in the mailbox: settles who is in doubt, as far as they prove it. Seen where sent mail is `filed`,
/// a message is also linked to its submission, whose copy is then no longer owed. (Whoever writes to himself finds his message in
/// the inbox too: that proves that it went out, and is no copy in Sent.) Returns the events; the caller appends them last.
///
/// What an application put there itself proves nothing, nor does a copy where two submissions have the same Message-ID: it is
/// linked to one that was accepted.
pub(crate) fn link_sent(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    seen: &[SeenSent],
    filed: bool,
    now: Timestamp,
) -> Result<Linked> {
    let mut linked = Linked::default();
    if seen.is_empty() {
        return Ok(linked);
    }
    let mut by_id: HashMap<&str, &SeenSent> =
        seen.iter().map(|one| (bare(&one.wire_id), one)).collect();
    let wanted: Vec<String> = by_id.keys().flat_map(|id| both_forms(id)).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM submissions
         WHERE mailbox_id = $1 AND message_id IS NULL AND internet_message_id IN {} ORDER BY id{}",
        tx.dialect().texts(2),
        tx.dialect().for_update()
    );
    let args = [mailbox_id.into(), serde_json::to_string(&wanted)?.into()];
    for row in tx.rows(&sql, &args)? {
        let mut found = from_row(&row)?;
        let id = found.submission.id.clone();
        let wire_id = bare(&found.submission.internet_message_id).to_owned();
        let Some(one) = by_id.get(&*wire_id).copied() else {
            continue;
        };
        let its_copy = filing::owed_id(&id);
        if one.brought_by.as_ref().is_some_and(|by| *by != its_copy) {
            continue;
        }
        if shares_its_id(tx, &found)? {
            if !has_been_accepted(&found.submission.recipients) {
                continue;
            }
            by_id.remove(&*wire_id);
        }
        linked.ours.push((one.message_id.clone(), id.clone()));
        if filed {
            filing::seen(tx, &found)?;
            tx.exec(
                "UPDATE submissions SET message_id = $2, sent_copy = 'filed', seen_at_dot = dot_attempt WHERE id = $1",
                &[(&id).into(), (&one.message_id).into()],
            )?;
            found.submission.message_id = Some(one.message_id.clone());
            found.submission.sent_copy.state = SentCopyState::Filed;
        }
        if is_under_way(&found) {
            continue;
        }
        if let Some(recipients) =
            settled(&found.submission.recipients, found.dot_attempt, |_| false)
        {
            // Who files the copy is not known here: it is looked for before it is filed.
            let settlement = Settlement::of(recipients, SentCopyBy::Unknown);
            let filing = Filing::lock(tx, mailbox_id)?;
            let (_, news) = apply(tx, &filing, &found, settlement, now)?;
            linked.news.extend(news);
        }
    }
    Ok(linked)
}

/// Whether another submission of the mailbox has the same Message-ID: a raw message that was handed over more than once.
pub(super) fn shares_its_id(tx: &mut Tx<'_>, found: &Claimed) -> Result<bool> {
    let submission = &found.submission;
    let forms = both_forms(bare(&submission.internet_message_id));
    let sql = format!(
        "SELECT 1 FROM submissions WHERE mailbox_id = $1 AND internet_message_id IN {} AND id <> $3 LIMIT 1",
        tx.dialect().texts(2)
    );
    let args = [
        (&submission.mailbox_id).into(),
        serde_json::to_string(&forms)?.into(),
        (&submission.id).into(),
    ];
    Ok(tx.row(&sql, &args)?.is_some())
}

/// Its final dot may have left, and the answer is waited for: that says more than any evidence. Before the dot whoever sends it
/// is told when he asks for it.
pub(super) fn is_under_way(found: &Claimed) -> bool {
    found.submission.state == State::Sending && found.dot_has_left()
}

/// How often no answer came to the final dot for one of those who are in doubt and are tried next, at most.
pub(super) fn lost_answers(recipients: &[Recipient]) -> i64 {
    let most = |state: &dyn Fn(State) -> bool| {
        let some = recipients.iter().filter(|r| r.in_doubt && state(r.state));
        some.map(|r| r.lost_in.len()).max()
    };
    // Those for whom it is unclear go first, and by themselves.
    let unclear = most(&|state| state == State::Unclear);
    let lost = unclear.or_else(|| most(&|state| !state.is_final()));
    i64::try_from(lost.unwrap_or(0)).unwrap_or(i64::MAX)
}

/// Notes who is in doubt: from a lost answer until it is known that the server took the message. That a later attempt was refused
/// says nothing about the earlier one; what came back from a recipient's way says that the server had the message.
pub(super) fn note_doubts(before: &Submission, after: &mut [Recipient]) {
    for recipient in after {
        if recipient.state == State::Unclear && !recipient.in_doubt {
            recipient.lose(before.attempts);
        }
        let returned = recipient.returned.clone();
        let sure = returned.filter(|r| r.confidence != Confidence::Guess);
        match sure.filter(|_| recipient.state == State::Unclear) {
            Some(other) if other.kind != Kind::Bounce => recipient.state = State::Accepted,
            // Of two that were lost the other one may have arrived.
            Some(bounce) if recipient.lost_in.len() == 1 => {
                recipient.state = State::Failed;
                recipient.in_doubt = false;
                recipient.enhanced_code = bounce.status;
                recipient.text = bounce.diagnostic;
            }
            _ => {}
        }
        recipient.in_doubt &= recipient.state != State::Accepted;
    }
}

/// The recipients of a message that has gone out for certain, if it was not known who of them has it. `named`: those of whom the
/// evidence speaks itself; `until`: the last attempt that it can be of.
///
/// A copy that was seen is that of any attempt whose answer was lost, or of one that was accepted. So it proves something of those
/// only for whom all of them were: nobody was accepted, and none was lost that was not for them.
pub(super) fn settled(
    recipients: &[Recipient],
    until: i64,
    named: impl Fn(&Recipient) -> bool,
) -> Option<Vec<Recipient>> {
    let lost = recipients.iter().flat_map(|r| r.lost_in.iter().copied());
    let lost: HashSet<i64> = lost.filter(|attempt| *attempt <= until).collect();
    let is_proof = !lost.is_empty() && !has_been_accepted(recipients);
    let mut settled = recipients.to_vec();
    let mut any = false;
    for recipient in settled.iter_mut().filter(|r| r.in_doubt) {
        let has_it = is_proof
            && lost
                .iter()
                .all(|attempt| recipient.lost_in.contains(attempt));
        if has_it || named(recipient) {
            recipient.state = State::Accepted;
            recipient.in_doubt = false;
            any = true;
        }
    }
    any.then_some(settled)
}

fn has_been_accepted(recipients: &[Recipient]) -> bool {
    recipients.iter().any(|r| r.state == State::Accepted)
}

pub(super) const RELEASE: &str =
    "UPDATE submissions SET held = 0, next_attempt_at = $2 WHERE mailbox_id = $1 AND held = 1";

/// Somebody changed the mailbox's settings or wants another try: what was held for it, or waits for its budget, is due now.
pub(crate) fn release_held(tx: &mut Tx<'_>, mailbox_id: &str, now: Timestamp) -> Result<()> {
    super::end_rest(tx, mailbox_id, now)?;
    tx.exec(RELEASE, &[mailbox_id.into(), now.into()])?;
    let sql =
        "SELECT 1 FROM submissions WHERE mailbox_id = $1 AND next_attempt_at IS NOT NULL LIMIT 1";
    if tx.row(sql, &[mailbox_id.into()])?.is_some() {
        tx.wake(Topic::Submissions);
    }
    Ok(())
}
