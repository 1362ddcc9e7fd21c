//! What the courier does: it claims a message in a transaction of its own before the first byte of
//! it goes out, and settles it in another one after the server's last word.
//!
//! Between the two stands `sending`. A claim that ends there without having been settled (the
//! process died, the machine lost its power) may or may not have reached the server: it becomes
//! `unclear`, never `queued`, and so is not blindly sent again.

use super::{COLUMNS, UNCLEAR_MILLIS, event, from_row, lock, overall, read};
use crate::db::Dialect;
use crate::error::{Result, StoreError};
use crate::removal::not_removed;
use crate::wake::Topic;
use crate::{Store, Tx, events, leases, mailboxes, owed};
use model::Timestamp;
use model::event::NewEvent;
use model::limits::SUBMISSION_TRY_MILLIS;
use model::mailbox::{Mailbox, Protocol};
use model::submission::{Recipient, SentCopyState, State, Submission};

/// Life of a claim without renewal.
pub const CLAIM_MILLIS: i64 = 60_000;
/// Life of a node's right to send for a mailbox; a courier that works prolongs it.
pub const MAILBOX_MILLIS: i64 = 180_000;
/// How long a provider that files sent mail by itself is given before we do it.
pub const PROVIDER_COPY_MILLIS: i64 = 120_000;
/// Claims that are looked at in one transaction when they have ended.
const EXPIRED_AT_ONCE: i64 = 200;

/// What may be sent now: open, and its time has come.
const DUE: &str = "state IN ('queued', 'deferred', 'unclear') AND next_attempt_at <= $1";

/// A submission with all that is needed to send it.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The submission; `attempts` counts the claim and is its fence.
    pub submission: Submission,
    /// Where the bytes are (see [`crate::blobs::find`]).
    pub digest: String,
    /// Their number.
    pub size: u64,
    /// The envelope's sender.
    pub envelope_from: String,
    /// After this time it is not tried any more.
    pub give_up_at: Timestamp,
    /// The stored message that this one answers.
    pub answers_message_id: Option<String>,
}

/// Who files the copy in the Sent folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentCopyBy {
    /// We append it over IMAP.
    Us,
    /// The provider does it by itself.
    Provider,
}

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

/// Mailboxes that have something to send now, those that wait longest first, without the `busy` ones.
///
/// # Errors
/// The database is out of reach.
pub async fn due_mailboxes(store: &Store, busy: Vec<String>, limit: i64) -> Result<Vec<String>> {
    let (now, node) = (store.now(), store.node.to_string());
    store
        .db
        .read(move |tx| {
            let sql = format!(
                "SELECT s.mailbox_id, min(s.next_attempt_at) FROM submissions s
                 WHERE {DUE} AND s.mailbox_id NOT IN {}
                   AND EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = s.mailbox_id AND m.lifecycle = 'enabled')
                   AND NOT EXISTS (SELECT 1 FROM couriers c JOIN nodes n ON n.node = c.node AND n.seen_at > $5
                                   WHERE c.mailbox_id = s.mailbox_id AND c.until > $1 AND c.until <= $6 AND c.node <> $4)
                 GROUP BY s.mailbox_id ORDER BY 2, 1 LIMIT $3",
                tx.dialect().texts(2)
            );
            let args = [
                now.into(),
                serde_json::to_string(&busy)?.into(),
                limit.into(),
                node.into(),
                leases::alive_since(now).into(),
                now.plus_millis(2 * MAILBOX_MILLIS).into(),
            ];
            tx.rows(&sql, &args)?.iter().map(|row| row.get(0)).collect()
        })
        .await
}

/// Takes the right to send for a mailbox: one node at a time has its connection. `false`: another
/// living node has it. It saves sign-ins and is not what keeps a message from being sent twice: see [`begin`].
///
/// # Errors
/// The database is out of reach.
pub async fn take_mailbox(store: &Store, mailbox_id: &str) -> Result<bool> {
    let (now, node) = (store.now(), store.node.to_string());
    let mailbox_id = mailbox_id.to_owned();
    store
        .db
        .write(move |tx| {
            leases::show_life(tx, &node, now)?;
            let taken = tx.exec(
                "INSERT INTO couriers (mailbox_id, node, until) SELECT id, $2, $3 FROM mailboxes WHERE id = $1
                 ON CONFLICT (mailbox_id) DO UPDATE SET node = excluded.node, until = excluded.until
                   WHERE couriers.until <= $4 OR couriers.until > $6 OR couriers.node = excluded.node
                      OR NOT EXISTS (SELECT 1 FROM nodes n WHERE n.node = couriers.node AND n.seen_at > $5)",
                &[
                    mailbox_id.into(),
                    node.into(),
                    now.plus_millis(MAILBOX_MILLIS).into(),
                    now.into(),
                    leases::alive_since(now).into(),
                    now.plus_millis(2 * MAILBOX_MILLIS).into(),
                ],
            )?;
            Ok(taken == 1)
        })
        .await
}

/// Gives the right to send back, and lets everyone look again.
///
/// # Errors
/// The database is out of reach: then it runs out by itself.
pub async fn give_back_mailbox(store: &Store, mailbox_id: &str) -> Result<()> {
    let (node, mailbox_id) = (store.node.to_string(), mailbox_id.to_owned());
    store
        .db
        .write(move |tx| {
            let sql = "DELETE FROM couriers WHERE mailbox_id = $1 AND node = $2";
            tx.exec(sql, &[mailbox_id.into(), node.into()])?;
            tx.wake(Topic::Submissions);
            Ok(())
        })
        .await
}

/// When the next submission falls due that is not due yet.
///
/// # Errors
/// The database is out of reach.
pub async fn next_due(store: &Store) -> Result<Option<Timestamp>> {
    let now = store.now();
    store
        .db
        .read(move |tx| {
            let sql = "SELECT min(next_attempt_at) FROM submissions WHERE next_attempt_at > $1";
            tx.row(sql, &[now.into()])?
                .map_or(Ok(None), |row| row.get(0))
        })
        .await
}

/// How many submissions are not settled yet.
///
/// # Errors
/// The database is out of reach.
pub async fn depth(store: &Store) -> Result<i64> {
    store
        .db
        .read(|tx| {
            let sql = "SELECT (SELECT count(*) FROM submissions WHERE next_attempt_at IS NOT NULL)
                            + (SELECT count(*) FROM submissions WHERE claimed_until IS NOT NULL)";
            tx.row(sql, &[])?.map_or(Ok(0), |row| row.get(0))
        })
        .await
}

/// Claims the mailbox's next due submission: from here to [`settle`] it is `sending`, and nobody
/// else sends it. To be called with the connection open, right before the message goes out.
///
/// # Errors
/// The database is out of reach: nothing is claimed.
pub async fn begin(store: &Store, mailbox_id: &str) -> Result<Option<Claimed>> {
    let (now, node) = (store.now(), store.node.to_string());
    let mailbox_id = mailbox_id.to_owned();
    store
        .db
        .write(move |tx| {
            leases::show_life(tx, &node, now)?;
            let skip = tx.dialect().for_update_skip_locked();
            let sql = format!(
                "SELECT {COLUMNS} FROM submissions WHERE {DUE} AND mailbox_id = $2
                   AND EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = mailbox_id AND m.lifecycle = 'enabled')
                 ORDER BY next_attempt_at, id LIMIT 1{skip}"
            );
            let Some(row) = tx.row(&sql, &[now.into(), (&mailbox_id).into()])? else {
                return Ok(None);
            };
            let id = from_row(&row)?.submission.id;
            tx.exec(
                "UPDATE submissions SET attempts = attempts + 1, next_attempt_at = NULL, claimed_by = $2,
                   claimed_until = $3, state = 'sending',
                   possible_duplicate = CASE WHEN state = 'unclear' THEN 1 ELSE possible_duplicate END,
                   give_up_at = CASE WHEN give_up_at > $4 THEN $4 ELSE give_up_at END
                 WHERE id = $1",
                &[
                    (&id).into(),
                    (&node).into(),
                    now.plus_millis(CLAIM_MILLIS).into(),
                    now.plus_millis(SUBMISSION_TRY_MILLIS).into(),
                ],
            )?;
            prolong(tx, &mailbox_id, &node, now)?;
            read(tx, &id).map(Some)
        })
        .await
}

/// Prolongs a claim while the server takes its time. `false`: the claim has ended meanwhile.
///
/// # Errors
/// The database is out of reach.
pub async fn renew(store: &Store, claimed: &Claimed) -> Result<bool> {
    let (now, node) = (store.now(), store.node.to_string());
    let (id, attempt) = (claimed.submission.id.clone(), claimed.submission.attempts);
    let mailbox_id = claimed.submission.mailbox_id.clone();
    store
        .db
        .write(move |tx| {
            leases::show_life(tx, &node, now)?;
            prolong(tx, &mailbox_id, &node, now)?;
            let until = now.plus_millis(CLAIM_MILLIS);
            let sql = "UPDATE submissions SET claimed_until = $3 WHERE id = $1 AND attempts = $2 AND state = 'sending'";
            Ok(tx.exec(sql, &[id.into(), attempt.into(), until.into()])? == 1)
        })
        .await
}

fn prolong(tx: &mut Tx<'_>, mailbox_id: &str, node: &str, now: Timestamp) -> Result<()> {
    tx.exec(
        "UPDATE couriers SET until = $3 WHERE mailbox_id = $1 AND node = $2",
        &[
            mailbox_id.into(),
            node.into(),
            now.plus_millis(MAILBOX_MILLIS).into(),
        ],
    )?;
    Ok(())
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
    let now = store.now();
    let (id, mailbox_id, attempt) = (
        claimed.submission.id.clone(),
        claimed.submission.mailbox_id.clone(),
        claimed.submission.attempts,
    );
    store
        .db
        .write(move |tx| {
            // First the mailbox, then the message: the order of everyone who needs both.
            let mailbox = mailboxes::lock(tx, &mailbox_id)?;
            let old = lock(tx, &id)?;
            if old.submission.attempts != attempt
                || !matches!(old.submission.state, State::Sending | State::Unclear)
            {
                return Err(StoreError::Fenced);
            }
            let (submission, news) = apply(tx, &mailbox, &old, settlement, now)?;
            events::append(tx, &news, now)?;
            Ok(submission)
        })
        .await
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
            let mailbox = mailboxes::lock(tx, &mailbox_id)?;
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
                let (submission, more) = apply(tx, &mailbox, &old, settlement, now)?;
                settled.push(submission);
                news.extend(more);
            }
            events::append(tx, &news, now)?;
            Ok(settled)
        })
        .await
}

/// The problem for which the mailbox's submissions are held, if they are: nobody should sign in
/// again before a person has acted.
///
/// # Errors
/// The database is out of reach.
pub async fn held_problem(store: &Store, mailbox_id: &str) -> Result<Option<String>> {
    let mailbox_id = mailbox_id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = "SELECT problem_id FROM submissions
                       WHERE mailbox_id = $1 AND held = 1 AND problem_id IS NOT NULL ORDER BY id DESC LIMIT 1";
            tx.row(sql, &[mailbox_id.into()])?
                .map(|row| row.get(0))
                .transpose()
        })
        .await
}

/// Whether some open submission of the mailbox waits because of this problem: met again, it is no
/// accident.
///
/// # Errors
/// The database is out of reach.
pub async fn is_open_with(store: &Store, mailbox_id: &str, problem_id: &str) -> Result<bool> {
    let (mailbox_id, problem_id) = (mailbox_id.to_owned(), problem_id.to_owned());
    store
        .db
        .read(move |tx| {
            let sql = "SELECT 1 FROM submissions
                       WHERE mailbox_id = $1 AND problem_id = $2 AND next_attempt_at IS NOT NULL LIMIT 1";
            Ok(tx.row(sql, &[mailbox_id.into(), problem_id.into()])?.is_some())
        })
        .await
}

/// Ends claims whose holder has not been heard of: their messages are `unclear`. A claim of another node
/// ends with that node's last sign of life, not only with its own time; one that a clock ahead of ours has
/// written is not believed. Returns how many.
///
/// # Errors
/// The database is out of reach.
pub async fn expire_claims(store: &Store) -> Result<usize> {
    let (now, node) = (store.now(), store.node.to_string());
    store
        .db
        .write(move |tx| {
            let ended = "claimed_until IS NOT NULL AND (claimed_until <= $1 OR claimed_until > $4 OR claimed_by <> $2
                AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.node = claimed_by AND n.seen_at > $3))";
            let args = [
                now.into(),
                node.into(),
                leases::alive_since(now).into(),
                now.plus_millis(2 * CLAIM_MILLIS).into(),
            ];
            end_claims(tx, ended, &args, now)
        })
        .await
}

/// Ends all claims at the start of a store that has one node only: they are of its former life. Where
/// nodes share a database each start is a new node, and [`expire_claims`] finds what a dead one left.
///
/// # Errors
/// The database is out of reach.
pub async fn recover(store: &Store) -> Result<usize> {
    if store.db.dialect() == Dialect::Postgres {
        return Ok(0);
    }
    let now = store.now();
    store
        .db
        .write(move |tx| {
            tx.exec("DELETE FROM couriers", &[])?;
            end_claims(tx, "claimed_until IS NOT NULL", &[], now)
        })
        .await
}

fn end_claims(
    tx: &mut Tx<'_>,
    which: &str,
    args: &[crate::db::Value],
    now: Timestamp,
) -> Result<usize> {
    let skip = tx.dialect().for_update_skip_locked();
    let there = not_removed("mailbox_id");
    let sql = format!(
        "SELECT {COLUMNS} FROM submissions WHERE ({which}) AND {there}
         ORDER BY claimed_until, id LIMIT {EXPIRED_AT_ONCE}{skip}"
    );
    let rows = tx.rows(&sql, args)?;
    let mut news = Vec::with_capacity(rows.len());
    for row in &rows {
        let old = from_row(row)?;
        let mut recipients = old.submission.recipients.clone();
        for recipient in recipients.iter_mut().filter(|r| !r.state.is_final()) {
            recipient.state = State::Unclear;
        }
        let settlement = Settlement {
            recipients,
            next_attempt_at: None,
            held: false,
            problem_id: old.submission.problem_id.clone(),
            sent_copy_by: SentCopyBy::Provider,
        };
        news.extend(write(tx, &old, settlement, old.submission.sent_copy.state, now)?.1);
    }
    events::append(tx, &news, now)?;
    Ok(rows.len())
}

/// Settles one submission inside a transaction, with what is owed to its mailbox.
fn apply(
    tx: &mut Tx<'_>,
    mailbox: &Mailbox,
    old: &Claimed,
    settlement: Settlement,
    now: Timestamp,
) -> Result<(Submission, Vec<NewEvent>)> {
    let before = old.submission.sent_copy.state;
    let taken = settlement
        .recipients
        .iter()
        .any(|r| r.state == State::Accepted);
    let keeps_mail = mailbox
        .incoming
        .as_ref()
        .is_some_and(|incoming| incoming.protocol == Protocol::Imap)
        && !mailbox.read_only;
    let sent_copy = match (before, settlement.sent_copy_by) {
        (SentCopyState::Pending, _) if !taken => before,
        (SentCopyState::Pending, _) if old.submission.message_id.is_some() => SentCopyState::Filed,
        (SentCopyState::Pending, _) if !keeps_mail => SentCopyState::None,
        (SentCopyState::Pending, SentCopyBy::Us) => {
            owe_copy(tx, old, now, now)?;
            SentCopyState::Owed
        }
        // Believed, and made good if the copy has not shown itself after a while.
        (SentCopyState::Pending, SentCopyBy::Provider) => {
            owe_copy(tx, old, now.plus_millis(PROVIDER_COPY_MILLIS), now)?;
            SentCopyState::Pending
        }
        _ => before,
    };
    write(tx, old, settlement, sent_copy, now)
}

fn owe_copy(tx: &mut Tx<'_>, old: &Claimed, due: Timestamp, now: Timestamp) -> Result<()> {
    let submission = &old.submission;
    let intent = owed::Intent::Append {
        digest: old.digest.clone(),
        internet_message_id: submission.internet_message_id.clone(),
        submission_id: submission.id.clone(),
    };
    tx.exec(
        "INSERT INTO owed (id, mailbox_id, kind, body, next_attempt_at, created_at)
         VALUES ($1, $2, 'append', $3, $4, $5) ON CONFLICT (id) DO NOTHING",
        &[
            owed_id(&submission.id).into(),
            (&submission.mailbox_id).into(),
            serde_json::to_string(&intent)?.into(),
            due.into(),
            now.into(),
        ],
    )?;
    tx.wake(Topic::Mailbox(submission.mailbox_id.clone()));
    Ok(())
}

/// The owed row of a submission's copy has an id that follows from the submission's.
pub(super) fn owed_id(submission_id: &str) -> String {
    let tail = submission_id.strip_prefix("sub_").unwrap_or(submission_id);
    format!("owe_{tail}")
}

/// Writes the new state; what is unclear is resolved at once where evidence has come already.
pub(super) fn write(
    tx: &mut Tx<'_>,
    old: &Claimed,
    mut new: Settlement,
    sent_copy: SentCopyState,
    now: Timestamp,
) -> Result<(Submission, Vec<NewEvent>)> {
    let before = &old.submission;
    if before.message_id.is_some() {
        for recipient in new.recipients.iter_mut() {
            if recipient.state == State::Unclear {
                recipient.state = State::Accepted;
            }
        }
    }
    let state = overall(&new.recipients);
    let next = match state {
        // Whoever says that it is unclear does not say when it goes out again: once, after a while.
        State::Unclear | State::Queued | State::Deferred if new.held => {
            (old.give_up_at > now).then_some(old.give_up_at)
        }
        State::Unclear => new
            .next_attempt_at
            .or_else(|| (!before.possible_duplicate).then_some(now.plus_millis(UNCLEAR_MILLIS))),
        State::Queued | State::Deferred => Some(new.next_attempt_at.unwrap_or(now)),
        _ => None,
    };
    let problem_id = new.problem_id.filter(|_| state != State::Accepted);
    tx.exec(
        "UPDATE submissions SET state = $2, recipients = $3, attempts = $4, next_attempt_at = $5, held = $6,
           problem_id = $7, sent_copy = $8, claimed_by = NULL, claimed_until = NULL WHERE id = $1",
        &[
            (&before.id).into(),
            state.as_str().into(),
            serde_json::to_string(&new.recipients)?.into(),
            before.attempts.into(),
            next.into(),
            (new.held && next.is_some()).into(),
            problem_id.into(),
            sent_copy.as_str().into(),
        ],
    )?;
    if next.is_some() {
        tx.wake(Topic::Submissions);
    }
    let after = read(tx, &before.id)?.submission;
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
        State::Queued | State::Sending | State::Cancelled => None,
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
