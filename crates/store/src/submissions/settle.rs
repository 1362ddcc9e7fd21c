//! The server's last word is written down, with its event and what is now owed to the mailbox.

use super::claim::{Claimed, dot_in};
use super::due::DUE;
use super::filing::{Filing, SentCopyBy};
use super::rules::UNCLEAR_MILLIS;
use super::{COLUMNS, event, evidence, from_row, lock, overall};
use crate::error::{Result, StoreError};
use crate::wake::Topic;
use crate::{Store, Tx, events, jobs};
use model::Timestamp;
use model::event::NewEvent;
use model::submission::{Recipient, SentCopy, SentCopyState, State, Submission};

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Every recipient with its new state.
    pub recipients: Vec<Recipient>,
    /// When the next try comes, where something is open.
    pub next_attempt_at: Option<Timestamp>,
    /// No try by itself until a person has acted, or the time to give up has come.
    pub held: bool,
    /// The problem that stands in the way.
    pub problem_id: Option<String>,
    /// Who files the copy in Sent.
    pub sent_copy_by: SentCopyBy,
}

impl Settlement {
    /// That of these recipients, with no other try to come and nothing in the way.
    #[must_use]
    pub fn of(recipients: Vec<Recipient>, sent_copy_by: SentCopyBy) -> Self {
        Self {
            recipients,
            next_attempt_at: None,
            held: false,
            problem_id: None,
            sent_copy_by,
        }
    }

    /// For a message of a job that was cancelled while the server had it: whoever did not get it gets it no more, and where that
    /// is not known only evidence, or a person, goes on.
    fn end_without_another_try(&mut self) {
        for recipient in &mut self.recipients {
            if matches!(recipient.state, State::Queued | State::Deferred) {
                recipient.state = State::Cancelled;
            }
        }
    }
}

/// Writes down what became of an attempt, with its event and, where it was accepted, what is now
/// owed to the mailbox: the copy in Sent. It still counts after the claim has ended, as long as
/// nobody else has claimed the message since: a late word of the server is better than none.
///
/// # Errors
/// [`StoreError::Fenced`]: another attempt has begun since.
pub async fn settle(
    store: &Store,
    claimed: &Claimed,
    settlement: Settlement,
) -> Result<Submission> {
    let (now, attempt) = (store.now(), Attempt::of(claimed));
    store
        .db
        .write(move |tx| {
            // First the mailbox, then the message: the order of everyone who needs both.
            let filing = Filing::lock(tx, &attempt.mailbox_id)?;
            settle_in(tx, &filing, &attempt, settlement, now)
        })
        .await
}

/// What came of the message before, as [`settle`] tells it, and whether the final dot may leave.
pub type SettledAtDot = (Result<Submission>, Result<()>);

/// [`settle`] for one message and [`at_final_dot`](super::at_final_dot) for the `next` one of the same mailbox
/// (which is not for those who are `left_out`), in one transaction. Either may
/// be refused by itself.
///
/// # Errors
/// The database is out of reach: nothing is written, and the dot must not leave.
pub async fn settle_at_final_dot(
    store: &Store,
    claimed: &Claimed,
    settlement: Settlement,
    next: &Claimed,
    left_out: &[String],
) -> Result<SettledAtDot> {
    let (now, attempt) = (store.now(), Attempt::of(claimed));
    let (next, next_attempt) = (next.submission.id.clone(), next.submission.attempts);
    let left_out = left_out.to_vec();
    store
        .db
        .write(move |tx| {
            // All rows before the events, whose lock everybody waits for.
            let filing = refused(Filing::lock(tx, &attempt.mailbox_id))?;
            let dot = refused(dot_in(tx, &next, next_attempt, &left_out))?;
            let settled = match filing {
                Ok(filing) => refused(settle_in(tx, &filing, &attempt, settlement, now))?,
                Err(gone) => Err(gone),
            };
            Ok((settled, dot))
        })
        .await
}

/// What was refused before anything was written is an outcome; another failure is one of the transaction.
fn refused<T>(done: Result<T>) -> Result<Result<T>> {
    match done {
        Err(StoreError::Fenced | StoreError::NotFound(_)) | Ok(_) => Ok(done),
        Err(error) => Err(error),
    }
}

/// Which attempt is settled.
#[derive(Clone)]
struct Attempt {
    id: String,
    mailbox_id: String,
    number: i64,
}

impl Attempt {
    fn of(claimed: &Claimed) -> Self {
        Self {
            id: claimed.submission.id.clone(),
            mailbox_id: claimed.submission.mailbox_id.clone(),
            number: claimed.submission.attempts,
        }
    }
}

/// [`settle`] inside a transaction; what it refuses it refuses before it writes.
fn settle_in(
    tx: &mut Tx<'_>,
    filing: &Filing,
    attempt: &Attempt,
    settlement: Settlement,
    now: Timestamp,
) -> Result<Submission> {
    let old = lock(tx, &attempt.id)?;
    let is_its = match old.submission.state {
        State::Sending => true,
        // The claim has ended after the dot; before it there is nothing that the server could say.
        State::Unclear => old.dot_has_left(),
        _ => false,
    };
    if old.submission.attempts != attempt.number || !is_its {
        return Err(StoreError::Fenced);
    }
    let (submission, news) = apply(tx, filing, &old, settlement, now)?;
    events::append(tx, &news, now)?;
    Ok(submission)
}

/// Settles up to `limit` due submissions of a mailbox that cannot send now, as `decide` says, one by
/// one, without any of them having been `sending`. Returns how many there were.
///
/// # Errors
/// The database is out of reach, or the mailbox is gone.
pub async fn settle_due<F>(
    store: &Store,
    mailbox_id: &str,
    limit: i64,
    decide: F,
) -> Result<Vec<Submission>>
where
    F: Fn(&Claimed) -> Settlement + Clone + Send + 'static,
{
    let (now, mailbox_id) = (store.now(), mailbox_id.to_owned());
    store
        .db
        .write(move |tx| {
            let filing = Filing::lock(tx, &mailbox_id)?;
            let skip = tx.dialect().for_update_skip_locked();
            let sql = format!(
                "SELECT {COLUMNS} FROM submissions WHERE {DUE} AND mailbox_id = $2
                 ORDER BY next_attempt_at, id LIMIT $3{skip}"
            );
            let rows = tx.rows(&sql, &[now.into(), mailbox_id.into(), limit.into()])?;
            let (mut settled, mut news) = (Vec::with_capacity(rows.len()), Vec::new());
            for row in &rows {
                let mut old = from_row(row)?;
                old.submission.attempts += 1;
                let settlement = decide(&old);
                let (submission, more) = apply(tx, &filing, &old, settlement, now)?;
                settled.push(submission);
                news.extend(more);
            }
            events::append(tx, &news, now)?;
            Ok(settled)
        })
        .await
}

/// Settles one submission inside a transaction, with what is owed to its mailbox.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    filing: &Filing,
    old: &Claimed,
    settlement: Settlement,
    now: Timestamp,
) -> Result<(Submission, Vec<NewEvent>)> {
    let before = old.submission.sent_copy.state;
    let taken = settlement
        .recipients
        .iter()
        .any(|r| r.state == State::Accepted);
    let sent_copy = match before {
        SentCopyState::Pending if taken => filing.owe(tx, old, settlement.sent_copy_by, now)?,
        _ => before,
    };
    write(tx, old, settlement, sent_copy, now)
}

/// Writes the new state; doubts are resolved at once where evidence has come already.
pub(super) fn write(
    tx: &mut Tx<'_>,
    old: &Claimed,
    mut new: Settlement,
    sent_copy: SentCopyState,
    now: Timestamp,
) -> Result<(Submission, Vec<NewEvent>)> {
    let before = &old.submission;
    let is_over = match &before.job_id {
        Some(job_id) => jobs::is_cancelled(tx, job_id)?,
        None => false,
    };
    if is_over {
        new.end_without_another_try();
    }
    super::returned::keep(&before.recipients, &mut new.recipients);
    evidence::note_doubts(before, &mut new.recipients);
    if before.message_id.is_some()
        && let Some(settled) = evidence::settled(&new.recipients, old.seen_at_dot, |_| false)
    {
        new.recipients = settled;
    }
    let state = match overall(&new.recipients) {
        // What one report tells of some recipients does not bring the others back.
        open if before.state == State::Cancelled && !open.is_final() => State::Cancelled,
        state => state,
    };
    let next = match state {
        State::Unclear | State::Queued | State::Deferred if new.held => Some(old.give_up_at),
        State::Unclear => Some(
            new.next_attempt_at
                .unwrap_or_else(|| now.plus_millis(UNCLEAR_MILLIS)),
        ),
        State::Queued | State::Deferred => Some(new.next_attempt_at.unwrap_or(now)),
        _ => None,
    };
    let problem_id = new.problem_id.filter(|_| state != State::Accepted);
    // What is over is not tried again: its doubt ends as a second one does.
    let lost_answers = match evidence::lost_answers(&new.recipients) {
        some if is_over && state == State::Unclear => some.max(2),
        some => some,
    };
    tx.exec(
        "UPDATE submissions SET state = $2, recipients = $3, attempts = $4, next_attempt_at = $5, held = $6,
           problem_id = $7, sent_copy = $8, lost_answers = $9, settled_at = $10, claimed_by = NULL,
           claimed_until = NULL WHERE id = $1",
        &[
            (&before.id).into(),
            state.as_str().into(),
            serde_json::to_string(&new.recipients)?.into(),
            before.attempts.into(),
            next.into(),
            (new.held && next.is_some()).into(),
            problem_id.clone().into(),
            sent_copy.as_str().into(),
            lost_answers.into(),
            next.is_none().then_some(now).into(),
        ],
    )?;
    if next.is_some() {
        tx.wake(Topic::Submissions);
    }
    let after = Submission {
        state,
        recipients: new.recipients,
        next_attempt_at: next.filter(|_| !new.held),
        problem_id,
        sent_copy: SentCopy { state: sent_copy },
        ..before.clone()
    };
    super::wire_ids::learn_from_words(tx, &after)?;
    let news = news(before, &after);
    Ok((after, news))
}

/// The events of a change: the state as a whole, where something is different from before, and
/// `submission.failed` also when only some recipients have failed for good.
fn news(before: &Submission, after: &Submission) -> Vec<NewEvent> {
    let states =
        |s: &Submission, wanted: State| s.recipients.iter().filter(|r| r.state == wanted).count();
    let kind = match after.state {
        State::Accepted => Some("submission.accepted"),
        State::Deferred => Some("submission.deferred"),
        State::Failed => Some("submission.failed"),
        State::Unclear => Some("submission.unclear"),
        State::Cancelled => Some("submission.cancelled").filter(|_| before.state != after.state),
        State::Queued | State::Sending => None,
    };
    // An hourly try that ends as the last one did is no news.
    let same = before.problem_id == after.problem_id
        && before
            .recipients
            .iter()
            .zip(&after.recipients)
            .all(|(a, b)| a.state == b.state)
        && matches!(after.state, State::Deferred | State::Unclear);
    let mut news: Vec<_> = kind
        .filter(|_| !same)
        .map(|kind| event(kind, after))
        .into_iter()
        .collect();
    if after.state != State::Failed && states(after, State::Failed) > states(before, State::Failed)
    {
        news.push(event("submission.failed", after));
    }
    news
}
