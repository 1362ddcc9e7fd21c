//! What the mailbox proves: a message with the submission's Message-ID that is seen among the mailbox's outgoing mail has gone
//! out, whatever was known before; to whom, is another question ([`settled`]).

use super::filing::{self, Filing, SentCopyBy};
use super::settle::{Settlement, apply};
use super::wire_ids::bare;
use super::{COLUMNS, Claimed, from_row};
use crate::Tx;
use crate::error::Result;
use crate::wake::Topic;
use model::Timestamp;
use model::event::NewEvent;
use model::submission::{Recipient, SentCopyState, State, Submission};
use std::collections::HashMap;

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

/// Outgoing messages were seen in the mailbox: settles who is in doubt, as far as they prove it. SeenSent where sent mail is `filed`,
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
                "UPDATE submissions SET message_id = $2, sent_copy = 'filed' WHERE id = $1",
                &[(&id).into(), (&one.message_id).into()],
            )?;
            found.submission.message_id = Some(one.message_id.clone());
            found.submission.sent_copy.state = SentCopyState::Filed;
        }
        if is_under_way(&found) {
            continue;
        }
        if let Some(recipients) = settled(&found.submission.recipients, |_| false) {
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

/// Whether nobody can say of one of them that he has the message or has it not.
pub(super) fn doubt<'r>(recipients: impl IntoIterator<Item = &'r Recipient>) -> bool {
    let mut recipients = recipients.into_iter();
    recipients.any(|r| r.in_doubt_since.is_some())
}

/// Notes since when each recipient is in doubt: from the first lost answer until it is known that the server took the message. That a
/// later attempt was refused says nothing about the earlier one.
pub(super) fn note_doubts(before: &Submission, after: &mut [Recipient]) {
    for recipient in after {
        recipient.in_doubt_since = match recipient.state {
            State::Accepted => None,
            State::Unclear => recipient.in_doubt_since.or(Some(before.attempts)),
            _ => recipient.in_doubt_since,
        };
    }
}

/// The recipients of a message that has gone out for certain, if it was not known who of them has it. `named`: those of whom the
/// evidence speaks itself.
///
/// Of the others it proves something only where one attempt alone can have handed the message over: the same for all who are in
/// doubt, and nobody was accepted in another one (whose copy it would be).
pub(super) fn settled(
    recipients: &[Recipient],
    named: impl Fn(&Recipient) -> bool,
) -> Option<Vec<Recipient>> {
    let mut since = recipients.iter().filter_map(|r| r.in_doubt_since);
    let first = since.next()?;
    let is_one = since.all(|other| other == first) && !has_been_accepted(recipients);
    let mut settled = recipients.to_vec();
    let mut any = false;
    for recipient in settled.iter_mut().filter(|r| r.in_doubt_since.is_some()) {
        if is_one || named(recipient) {
            recipient.state = State::Accepted;
            recipient.in_doubt_since = None;
            any = true;
        }
    }
    any.then_some(settled)
}

fn has_been_accepted(recipients: &[Recipient]) -> bool {
    recipients.iter().any(|r| r.state == State::Accepted)
}

/// A Message-ID with its angle brackets and without: both are stored.
fn both_forms(bare: &str) -> [String; 2] {
    [bare.to_owned(), format!("<{bare}>")]
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
