//! What the mailbox proves: a message with the submission's Message-ID that is seen among the
//! mailbox's outgoing mail has gone out, whatever was known before.

use super::filing::{self, Filing, SentCopyBy};
use super::settle::{Settlement, apply};
use super::{COLUMNS, Claimed, UNCLEAR_PROBLEM, from_row};
use crate::Tx;
use crate::error::Result;
use crate::wake::Topic;
use model::Timestamp;
use model::event::NewEvent;
use model::submission::{Recipient, SentCopyState, State};
use std::collections::HashMap;

/// What was found of our own submissions.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    /// What there is to tell of them.
    pub(crate) news: Vec<NewEvent>,
    /// Message and submission of each.
    pub(crate) ours: Vec<(String, String)>,
}

/// Outgoing messages were seen in the mailbox, as pairs of Message-ID and our own id: settles an
/// unclear submission as accepted. Seen where sent mail is `filed`, it is also linked to its
/// submission, whose copy is then no longer owed. (Whoever writes to himself finds his message in
/// the inbox too: that proves that it went out, and is no copy in Sent.) Returns the events; the
/// caller appends them last.
pub(crate) fn link_sent(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    seen: &[(String, String)],
    filed: bool,
    now: Timestamp,
) -> Result<Linked> {
    let mut linked = Linked::default();
    if seen.is_empty() {
        return Ok(linked);
    }
    let message_ids: HashMap<&str, &str> = seen
        .iter()
        .map(|(wire, ours)| (bare(wire), ours.as_str()))
        .collect();
    let wanted: Vec<String> = message_ids
        .keys()
        .flat_map(|id| [(*id).to_owned(), format!("<{id}>")])
        .collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM submissions
         WHERE mailbox_id = $1 AND message_id IS NULL AND internet_message_id IN {} ORDER BY id{}",
        tx.dialect().texts(2),
        tx.dialect().for_update()
    );
    let args = [mailbox_id.into(), serde_json::to_string(&wanted)?.into()];
    for row in tx.rows(&sql, &args)? {
        let mut found = from_row(&row)?;
        let Some(message_id) = message_ids.get(bare(&found.submission.internet_message_id)) else {
            continue;
        };
        let ours = ((*message_id).to_owned(), found.submission.id.clone());
        linked.ours.push(ours);
        if filed {
            filing::seen(tx, &found)?;
            tx.exec(
                "UPDATE submissions SET message_id = $2, sent_copy = 'filed' WHERE id = $1",
                &[(&found.submission.id).into(), (*message_id).into()],
            )?;
            found.submission.message_id = Some((*message_id).to_owned());
            found.submission.sent_copy.state = SentCopyState::Filed;
        }
        if let Some(recipients) = not_in_doubt_any_more(&found) {
            // Who files the copy is not known here: it is looked for before it is filed.
            let settlement = Settlement::of(recipients, SentCopyBy::Unknown);
            let filing = Filing::lock(tx, mailbox_id)?;
            let (_, news) = apply(tx, &filing, &found, settlement, now)?;
            linked.news.extend(news);
        }
    }
    Ok(linked)
}

/// The recipients of a message that has gone out for certain, if that was not known; also if it was given up because nobody
/// could say so.
pub(super) fn not_in_doubt_any_more(found: &Claimed) -> Option<Vec<Recipient>> {
    let submission = &found.submission;
    let given_up = submission.state == State::Failed
        && submission.problem_id.as_deref() == Some(UNCLEAR_PROBLEM);
    if submission.state != State::Unclear && !given_up {
        return None;
    }
    let mut recipients = submission.recipients.clone();
    for recipient in &mut recipients {
        // Whoever was refused has a reply code.
        let doubted = given_up && recipient.state == State::Failed && recipient.code.is_none();
        if recipient.state == State::Unclear || doubted {
            recipient.state = State::Accepted;
        }
    }
    Some(recipients)
}

/// Message-IDs are compared without their angle brackets.
fn bare(message_id: &str) -> &str {
    message_id
        .trim()
        .trim_start_matches('<')
        .trim_end_matches('>')
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
