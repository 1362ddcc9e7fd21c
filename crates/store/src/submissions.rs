//! The outbox: messages on their way out, and what became of them for each recipient.
//!
//! Here is what people and applications do with a submission: queue it, look at it, cancel it, try
//! it again. What is due and whose turn it is to send it is in [`due`] and [`turn`]; what the courier does
//! (claim, settle) in [`claim`] and [`settle`](mod@settle), and what the mailbox's own mail proves about it in [`evidence`].

mod answering;
mod budget;
mod claim;
mod due;
mod evidence;
mod filing;
#[cfg(test)]
mod plans;
mod returned;
mod rules;
mod settle;
mod turn;
mod wire_ids;

pub(crate) use answering::{Came, Link, find as find_answered};
pub(crate) use budget::end_rest;
pub use budget::{Budget, Permit, set_aside};
pub use claim::{
    CLAIM_MILLIS, Claimed, Standing, at_final_dot, begin, expire_claims, give_back, recover, renew,
    standing,
};
pub use due::{depth, due_mailboxes, held_problem, is_open_with, next_due};
pub(crate) use evidence::{SeenSent, link_sent, release_held};
pub(crate) use filing::learn as learn_sent_copy;
pub use filing::{PROVIDER_COPY_MILLIS, SentCopyBy, UNKNOWN_COPY_MILLIS};
pub(crate) use returned::{Arrived, came_back};
pub use rules::{Rules, UNCLEAR_MILLIS};
pub use settle::{SettledAtDot, Settlement, settle, settle_at_final_dot, settle_due};
pub use turn::{give_back_mailbox, take_mailbox};
pub(crate) use wire_ids::{Copy, learn_from_copies};

use crate::blobs::{self, Stored};
use crate::db::{Dialect, Row, Value};
use crate::error::{Result, StoreError};
use crate::mailboxes::maybe_json;
use crate::removal::not_removed;
use crate::wake::Topic;
use crate::{Store, Tx, events};
use model::event::NewEvent;
use model::submission::{Priority, Recipient, SentCopy, SentCopyState, State, Submission, Wishes};
use model::{Timestamp, fresh_id};
use serde_json::json;

const COLUMNS: &str = "id, mailbox_id, identity_id, state, send_at, message_id, internet_message_id, subject,
    attempts, next_attempt_at, recipients, sent_copy, possible_duplicate, problem_id, created_at, held,
    digest, size, envelope_from, give_up_at, answers_message_id, priority, undo_until, wishes, job_id, dot_attempt,
    lost_answers, dot_left_out, seen_at_dot";

/// The problem of a message whose answer was lost.
const UNCLEAR_PROBLEM: &str = "smtp_unclear";

/// What is needed to queue a message. Its bytes are stored already (see [`crate::blobs::Blobs::put`]).
#[derive(Clone, Debug)]
pub struct NewSubmission {
    /// The mailbox that sends.
    pub mailbox_id: String,
    /// The identity it is sent as.
    pub identity_id: Option<String>,
    /// The message as it will go out, byte for byte.
    pub digest: Stored,
    /// The envelope's sender.
    pub envelope_from: String,
    /// The Message-ID header, as stored messages have it.
    pub internet_message_id: String,
    /// The Subject header, for lists.
    pub subject: String,
    /// Every recipient of the envelope, Bcc too. The same address twice is one recipient.
    pub recipients: Vec<String>,
    /// Not before this time.
    pub send_at: Option<Timestamp>,
    /// The stored message that this one answers.
    pub answers_message_id: Option<String>,
    /// What goes first.
    pub priority: Priority,
    /// Until then it waits, and can be taken back.
    pub undo_until: Option<Timestamp>,
    /// What it asks of those who carry it.
    pub wishes: Wishes,
    /// The job that makes it.
    pub job_id: Option<String>,
    /// The caller who asks for it, `tok_…` or `usr_…`: who cannot see the mailbox sees what it sent itself.
    pub sent_by: Option<String>,
}

impl NewSubmission {
    /// A message with nothing special about it: it goes out at once, from the mailbox's own address.
    pub fn new(
        mailbox_id: &str,
        digest: Stored,
        envelope_from: &str,
        internet_message_id: &str,
        recipients: Vec<String>,
    ) -> Self {
        Self {
            mailbox_id: mailbox_id.to_owned(),
            identity_id: None,
            digest,
            envelope_from: envelope_from.to_owned(),
            internet_message_id: internet_message_id.to_owned(),
            subject: String::new(),
            recipients,
            send_at: None,
            answers_message_id: None,
            priority: Priority::Normal,
            undo_until: None,
            wishes: Wishes::default(),
            job_id: None,
            sent_by: None,
        }
    }
}

/// Queues a message: once this returns it is durable, and goes out by itself.
///
/// # Errors
/// No such mailbox, or one that only receives, or no recipient.
pub async fn create(store: &Store, new: NewSubmission) -> Result<Submission> {
    let (now, rules) = (store.now(), store.sending.clone());
    store
        .db
        .write(move |tx| create_in(tx, &rules, &new, now))
        .await
}

/// Like [`create`], as the last act of the caller's own transaction (with an idempotency key).
///
/// # Errors
/// As [`create`].
pub fn create_in(
    tx: &mut Tx<'_>,
    rules: &Rules,
    new: &NewSubmission,
    now: Timestamp,
) -> Result<Submission> {
    if !sends(tx, &new.mailbox_id)? {
        return Err(StoreError::Conflict(
            "the mailbox has no settings for sending".into(),
        ));
    }
    let recipients = queued(&new.recipients);
    if recipients.is_empty() {
        return Err(StoreError::Conflict("the message has no recipients".into()));
    }
    blobs::index(tx, std::slice::from_ref(&new.digest), now)?;
    let id = fresh_id("sub", now);
    let due = [new.send_at, new.undo_until]
        .into_iter()
        .flatten()
        .fold(now, Timestamp::max);
    let args = [
        Value::from(&id),
        (&new.mailbox_id).into(),
        new.identity_id.clone().into(),
        new.send_at.into(),
        (&new.digest.digest).into(),
        i64::try_from(new.digest.place.length)
            .unwrap_or(i64::MAX)
            .into(),
        (&new.envelope_from).into(),
        (&new.internet_message_id).into(),
        (&new.subject).into(),
        serde_json::to_string(&recipients)?.into(),
        due.into(),
        due.plus_millis(rules.give_up_millis).into(),
        new.answers_message_id.clone().into(),
        rank(new.priority).into(),
        new.undo_until.into(),
        serde_json::to_string(&new.wishes)?.into(),
        new.job_id.clone().into(),
        now.into(),
        new.sent_by.clone().into(),
    ];
    // The row is not asked back for: what it says is known.
    tx.exec(
        "INSERT INTO submissions (id, mailbox_id, identity_id, state, send_at, digest, size, envelope_from,
           internet_message_id, subject, recipients, attempts, next_attempt_at, give_up_at, sent_copy,
           possible_duplicate, answers_message_id, priority, undo_until, wishes, job_id, created_at, sent_by)
         VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, 'pending', 0, $13, $14, $15, $16, $17, $18, $19)",
        &args,
    )?;
    let submission = Submission {
        id,
        mailbox_id: new.mailbox_id.clone(),
        identity_id: new.identity_id.clone(),
        state: State::Queued,
        send_at: new.send_at,
        undo_until: new.undo_until,
        priority: new.priority,
        wishes: new.wishes.clone(),
        job_id: new.job_id.clone(),
        message_id: None,
        internet_message_id: new.internet_message_id.clone(),
        subject: new.subject.clone(),
        attempts: 0,
        next_attempt_at: Some(due),
        recipients,
        sent_copy: SentCopy {
            state: SentCopyState::Pending,
        },
        possible_duplicate: false,
        problem_id: None,
        created_at: now,
    };
    events::append(tx, &[event("submission.queued", &submission)], now)?;
    tx.wake(Topic::Submissions);
    Ok(submission)
}

/// Whether a mailbox has settings for sending.
fn sends(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<bool> {
    let sql = "SELECT CASE WHEN outgoing IS NULL THEN 0 ELSE 1 END FROM mailboxes WHERE id = $1 AND removed_at IS NULL";
    let row = tx.row(sql, &[mailbox_id.into()])?;
    row.map_or(Err(StoreError::NotFound("the mailbox")), |row| row.get(0))
}

/// The order of priorities in the database: what goes first is the least.
const fn rank(priority: Priority) -> i64 {
    match priority {
        Priority::High => 0,
        Priority::Normal => 1,
        Priority::Low => 2,
    }
}

const fn of_rank(rank: i64) -> Priority {
    match rank {
        0 => Priority::High,
        2 => Priority::Low,
        _ => Priority::Normal,
    }
}

/// Everyone once, whatever the case of the letters.
fn queued(addresses: &[String]) -> Vec<Recipient> {
    let mut seen = std::collections::HashSet::new();
    addresses
        .iter()
        .filter(|address| seen.insert(address.to_lowercase()))
        .map(|address| Recipient::new(address))
        .collect()
}

/// One submission.
///
/// # Errors
/// No such submission.
pub async fn get(store: &Store, id: &str) -> Result<Submission> {
    let id = id.to_owned();
    let now = store.now();
    store
        .db
        .read(move |tx| {
            let mut found = [read(tx, &id)?.submission];
            show_rests(tx, &mut found, now)?;
            let [found] = found;
            Ok(found)
        })
        .await
}

/// What waits because its mailbox has sent all that it may shows that, and until when.
fn show_rests(tx: &mut Tx<'_>, submissions: &mut [Submission], now: Timestamp) -> Result<()> {
    let mailboxes: std::collections::HashSet<&str> =
        submissions.iter().map(|s| s.mailbox_id.as_str()).collect();
    let mailboxes = serde_json::to_string(&mailboxes)?;
    let rests = tx.rows(&rests_sql(tx.dialect()), &[now.into(), mailboxes.into()])?;
    for row in &rests {
        let (mailbox_id, until): (String, Timestamp) = (row.get(0)?, row.get(1)?);
        for submission in submissions.iter_mut() {
            let waits = matches!(submission.state, State::Queued | State::Deferred)
                && submission.next_attempt_at.is_some_and(|at| at < until);
            if submission.mailbox_id == mailbox_id && waits {
                submission.next_attempt_at = Some(until);
                submission.problem_id = Some(budget::PROBLEM.to_owned());
            }
        }
    }
    Ok(())
}

/// Until when these mailboxes rest.
fn rests_sql(dialect: Dialect) -> String {
    format!(
        "SELECT mailbox_id, until FROM sending_rests WHERE mailbox_id IN {} AND until > $1",
        dialect.texts(2)
    )
}

/// Where the bytes of a submission are, by digest (see [`crate::blobs::find`]).
///
/// # Errors
/// No such submission.
pub async fn digest(store: &Store, id: &str) -> Result<String> {
    let id = id.to_owned();
    store.db.read(move |tx| Ok(read(tx, &id)?.digest)).await
}

/// Who asked for a submission, `tok_…` or `usr_…`; `None`: nobody was noted.
///
/// # Errors
/// No such submission.
pub async fn sent_by(store: &Store, id: &str) -> Result<Option<String>> {
    let id = id.to_owned();
    store
        .db
        .read(move |tx| {
            let row = tx.row(
                "SELECT sent_by FROM submissions WHERE id = $1",
                &[(&id).into()],
            )?;
            row.map_or(Err(StoreError::NotFound("the submission")), |row| {
                row.get(0)
            })
        })
        .await
}

/// Which submissions are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of these mailboxes; `None`: all.
    pub mailbox_ids: Option<Vec<String>>,
    /// With `mailbox_ids`: and what this caller sent through other mailboxes.
    pub or_sent_by: Option<String>,
    /// Only in these states; empty: all.
    pub states: Vec<State>,
    /// Only what waits for its `send_at`.
    pub scheduled: bool,
    /// Only what answers this stored message.
    pub answers: Option<String>,
}

/// How far the clocks of the node that stores a message and of the one that queues its answer may be apart.
const CLOCKS_APART_MILLIS: i64 = 24 * 3_600_000;

/// Submissions, newest first, older than the one with the id `before`.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    filter: Filter,
    before: Option<String>,
    limit: i64,
) -> Result<Vec<Submission>> {
    let now = store.now();
    // What answers a message is not older than that: so the whole outbox need not be looked at.
    let answers = match filter.answers {
        None => None,
        Some(id) => match model::made_at(&id) {
            Some(made) => Some((
                id,
                model::least_id("sub", made.plus_millis(-CLOCKS_APART_MILLIS)),
            )),
            None => return Ok(Vec::new()),
        },
    };
    store
        .db
        .read(move |tx| {
            let texts = |n| tx.dialect().texts(n);
            let mut args = vec![
                before.unwrap_or_default().into(),
                limit.into(),
                serde_json::to_string(filter.mailbox_ids.as_deref().unwrap_or_default())?.into(),
                serde_json::to_string(&filter.states)?.into(),
            ];
            let mut sql = format!(
                "SELECT {COLUMNS} FROM submissions WHERE ($1 = '' OR id < $1) AND $3 <> '' AND $4 <> '' AND {}",
                not_removed("mailbox_id")
            );
            match (&filter.mailbox_ids, filter.or_sent_by) {
                (None, _) => {}
                (Some(_), None) => sql.push_str(&format!(" AND mailbox_id IN {}", texts(3))),
                (Some(_), Some(caller)) => {
                    args.push(caller.into());
                    let own = format!(" OR sent_by = ${}", args.len());
                    sql.push_str(&format!(" AND (mailbox_id IN {}{own})", texts(3)));
                }
            }
            if !filter.states.is_empty() {
                sql.push_str(&format!(" AND state IN {}", texts(4)));
            }
            if let Some((answered, since)) = answers {
                args.extend([Value::from(since), answered.into()]);
                let n = args.len();
                sql.push_str(&format!(" AND id > ${} AND answers_message_id = ${n}", n - 1));
            }
            if filter.scheduled {
                sql.push_str(&format!(" AND state = 'queued' AND send_at > {}", now.0));
            }
            sql.push_str(" ORDER BY id DESC LIMIT $2");
            let mut found = tx
                .rows(&sql, &args)?
                .iter()
                .map(|row| Ok(from_row(row)?.submission))
                .collect::<Result<Vec<_>>>()?;
            show_rests(tx, &mut found, now)?;
            Ok(found)
        })
        .await
}

/// Takes a submission back. Recipients who have it already keep it; nobody else gets it.
///
/// # Errors
/// No such submission; it has just been handed over, or its fate is settled.
pub async fn cancel(store: &Store, id: &str) -> Result<Submission> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            let mut old = lock_both(tx, &id)?;
            match old.submission.state {
                State::Queued | State::Deferred | State::Unclear => {}
                State::Cancelled => return Ok(old.submission),
                // Until its final dot has left nobody has it: whoever sends it is told when he asks for that.
                State::Sending if !old.dot_has_left() => {}
                State::Sending => return refuse("the message is being sent right now"),
                State::Accepted => return refuse("the mail server has taken the message already"),
                State::Failed => return refuse("the message has failed already"),
            }
            for recipient in &mut old.submission.recipients {
                if matches!(recipient.state, State::Queued | State::Deferred) {
                    recipient.state = State::Cancelled;
                }
            }
            tx.exec(
                "UPDATE submissions SET state = 'cancelled', recipients = $2, next_attempt_at = NULL, held = 0,
                   claimed_by = NULL, claimed_until = NULL, settled_at = $3 WHERE id = $1",
                &[
                    (&id).into(),
                    serde_json::to_string(&old.submission.recipients)?.into(),
                    now.into(),
                ],
            )?;
            let submission = read(tx, &id)?.submission;
            events::append(tx, &[event("submission.cancelled", &submission)], now)?;
            Ok(submission)
        })
        .await
}

/// Tries again now, by hand: what waits, and what has failed. It also releases the mailbox's other
/// submissions where a person was asked to act. An unclear one becomes a possible duplicate.
///
/// # Errors
/// No such submission; it is under way, taken by the server, or cancelled.
pub async fn retry(store: &Store, id: &str) -> Result<Submission> {
    retry_as(store, id, None).await
}

/// A message that was dated anew, because it goes out before its time.
#[derive(Clone, Debug)]
pub struct Redated {
    /// The digest of the message as it was.
    pub was: String,
    /// The message as it is to go out.
    pub message: Stored,
}

/// Like [`retry`]; what waits for its `send_at` goes out in this form, if it is what it was when that was made.
///
/// # Errors
/// As [`retry`].
pub async fn retry_as(store: &Store, id: &str, early: Option<Redated>) -> Result<Submission> {
    let (now, id) = (store.now(), id.to_owned());
    let give_up = store.sending.give_up_millis;
    store
        .db
        .write(move |tx| {
            let mut old = lock_both(tx, &id)?;
            let again = match old.submission.state {
                State::Queued | State::Deferred => false,
                State::Unclear | State::Failed => true,
                State::Sending => return refuse("the message is being sent right now"),
                State::Accepted => return refuse("the mail server has taken the message already"),
                State::Cancelled => return refuse("the message was cancelled"),
            };
            if again {
                for recipient in &mut old.submission.recipients {
                    if matches!(recipient.state, State::Unclear | State::Failed) {
                        recipient.state = State::Queued;
                    }
                }
            }
            let state = if again {
                overall(&old.submission.recipients)
            } else {
                old.submission.state
            };
            let waits = old.submission.send_at.is_some_and(|at| at > now);
            if let Some(early) = early.as_ref().filter(|early| waits && early.was == old.digest) {
                blobs::index(tx, std::slice::from_ref(&early.message), now)?;
                let size = i64::try_from(early.message.place.length).unwrap_or(i64::MAX);
                let sql = "UPDATE submissions SET digest = $2, size = $3 WHERE id = $1";
                let args = [(&id).into(), (&early.message.digest).into(), size.into()];
                tx.exec(sql, &args)?;
            }
            // What goes out now waits for no time any more.
            tx.exec(
                "UPDATE submissions SET state = $2, recipients = $3, next_attempt_at = $4, give_up_at = $5, held = 0,
                   send_at = CASE WHEN send_at > $4 THEN $4 ELSE send_at END, settled_at = NULL, lost_answers = $6 WHERE id = $1",
                &[
                    (&id).into(),
                    state.as_str().into(),
                    serde_json::to_string(&old.submission.recipients)?.into(),
                    now.into(),
                    now.plus_millis(give_up).into(),
                    evidence::lost_answers(&old.submission.recipients).min(1).into(),
                ],
            )?;
            release_held(tx, &old.submission.mailbox_id, now)?;
            tx.wake(Topic::Submissions);
            let submission = read(tx, &id)?.submission;
            if again {
                events::append(tx, &[event("submission.queued", &submission)], now)?;
            }
            Ok(submission)
        })
        .await
}

fn refuse<T>(why: &str) -> Result<T> {
    Err(StoreError::Conflict(why.to_owned()))
}

/// Where a message stands as a whole, from where it stands with each recipient: whatever is open
/// comes before whatever is settled, and one who has it counts more than one who has it not.
pub fn overall(recipients: &[Recipient]) -> State {
    [
        State::Unclear,
        State::Deferred,
        State::Queued,
        State::Accepted,
        State::Cancelled,
    ]
    .into_iter()
    .find(|state| recipients.iter().any(|r| r.state == *state))
    .unwrap_or(State::Failed)
}

/// What an event says about a submission.
fn event(kind: &'static str, submission: &Submission) -> NewEvent {
    let s = submission;
    let data = json!({
        "submission_id": s.id, "state": s.state, "internet_message_id": s.internet_message_id,
        "message_id": s.message_id, "subject": s.subject, "recipients": s.recipients, "attempts": s.attempts,
        "next_attempt_at": s.next_attempt_at, "possible_duplicate": s.possible_duplicate, "problem_id": s.problem_id,
    });
    NewEvent::live(kind, &s.mailbox_id, data)
}

/// Like [`lock`], with the mailbox's row held first: the order of everyone who needs more than one
/// submission of a mailbox, so that no two wait for each other.
fn lock_both(tx: &mut Tx<'_>, id: &str) -> Result<Claimed> {
    let mailbox_id = read(tx, id)?.submission.mailbox_id;
    crate::mailboxes::hold(tx, &mailbox_id)?;
    lock(tx, id)
}

/// Reads a submission and holds its row until the transaction ends.
fn lock(tx: &mut Tx<'_>, id: &str) -> Result<Claimed> {
    let sql = format!(
        "SELECT {COLUMNS} FROM submissions WHERE id = $1 AND {}{}",
        not_removed("mailbox_id"),
        tx.dialect().for_update()
    );
    one(tx.row(&sql, &[id.into()])?.as_ref())
}

fn read(tx: &mut Tx<'_>, id: &str) -> Result<Claimed> {
    let sql = format!(
        "SELECT {COLUMNS} FROM submissions WHERE id = $1 AND {}",
        not_removed("mailbox_id")
    );
    one(tx.row(&sql, &[id.into()])?.as_ref())
}

fn one(row: Option<&Row>) -> Result<Claimed> {
    row.map_or(Err(StoreError::NotFound("the submission")), from_row)
}

fn from_row(row: &Row) -> Result<Claimed> {
    let held: bool = row.get(15)?;
    let next_attempt_at: Option<Timestamp> = row.get(9)?;
    Ok(Claimed {
        submission: Submission {
            id: row.get(0)?,
            mailbox_id: row.get(1)?,
            identity_id: row.get(2)?,
            state: row.word(3, State::parse)?,
            send_at: row.get(4)?,
            undo_until: row.get(22)?,
            priority: of_rank(row.get(21)?),
            wishes: row.json(23)?,
            job_id: row.get(24)?,
            message_id: row.get(5)?,
            internet_message_id: row.get(6)?,
            subject: row.get(7)?,
            attempts: row.get(8)?,
            // A held one waits for a person: the time in its row is when it will be given up.
            next_attempt_at: next_attempt_at.filter(|_| !held),
            recipients: row.json(10)?,
            sent_copy: SentCopy {
                state: row.word(11, SentCopyState::parse)?,
            },
            possible_duplicate: row.get(12)?,
            problem_id: row.get(13)?,
            created_at: row.get(14)?,
        },
        digest: row.get(16)?,
        size: row.get::<i64>(17)?.unsigned_abs(),
        envelope_from: row.get(18)?,
        give_up_at: row.get(19)?,
        answers_message_id: row.get(20)?,
        dot_attempt: row.get(25)?,
        lost_answers: row.get(26)?,
        dot_left_out: maybe_json(row, 27)?.unwrap_or_default(),
        seen_at_dot: row.get(28)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_comes_before_what_is_settled() {
        use State::{Accepted, Cancelled, Deferred, Failed, Queued, Unclear};
        let table = [
            (vec![Queued, Queued], Queued),
            (vec![Accepted, Failed], Accepted),
            (vec![Failed, Failed], Failed),
            (vec![Accepted, Deferred, Failed], Deferred),
            (vec![Deferred, Unclear], Unclear),
            (vec![Cancelled, Accepted], Accepted),
            (vec![Cancelled, Failed], Cancelled),
        ];
        for (states, wanted) in table {
            let mut recipients = queued(&["a@x".into(), "b@x".into(), "c@x".into()]);
            recipients.truncate(states.len());
            for (recipient, state) in recipients.iter_mut().zip(&states) {
                recipient.state = *state;
            }
            assert_eq!(overall(&recipients), wanted, "{states:?}");
        }
    }

    #[test]
    fn the_same_address_twice_is_one_recipient() {
        let all = queued(&["Ann@Example.com".into(), "ann@example.com".into()]);
        assert_eq!(all.len(), 1);
    }
}
