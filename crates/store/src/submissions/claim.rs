//! What the courier does: it claims a message in a transaction of its own before the first byte of it goes out, writes
//! down that the final dot leaves before it does, and settles the message in another transaction after the server's last
//! word ([`super::settle()`]).
//!
//! From the claim on the message is `sending`. A claim that ends without having been settled (the process died, the machine
//! lost its power) has two fates. Before the dot nobody has the message: it goes out again as if nothing had been. After
//! it the server may or may not have it: it becomes `unclear`, never `queued`, and so is not blindly sent again.

use super::budget::Budget;
use super::due::DUE;
use super::filing::SentCopyBy;
use super::rules::Rules;
use super::settle::{Settlement, write};
use super::turn::prolong;
use super::{COLUMNS, UNCLEAR_PROBLEM, from_row, one, overall};
use crate::db::{Dialect, Row};
use crate::error::{Result, StoreError};
use crate::mailboxes::{self, maybe_json};
use crate::removal::not_removed;
use crate::wake::Topic;
use crate::{Store, Tx, events, leases};
use model::Timestamp;
use model::identity::Limits;
use model::submission::{Recipient, State, Submission};
use std::collections::VecDeque;

/// Life of a claim without renewal.
pub const CLAIM_MILLIS: i64 = 60_000;

/// A message that was never handed over goes out again at once, unless whoever sent it has ended so often: no loop of crashes.
const AT_ONCE: i64 = 3;
/// What was unclear twice, and whose time is over.
pub(super) const DOUBT: &str = "state = 'unclear' AND lost_answers > 1 AND next_attempt_at <= $1";
/// Claims that are looked at in one transaction when they have ended.
const EXPIRED_AT_ONCE: i64 = 200;

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
    /// The last attempt whose final dot may have left; 0: none.
    pub dot_attempt: i64,
    /// Whom that dot was not for, of those whose fate was open: their addresses.
    pub dot_left_out: Vec<String>,
    /// How often no answer came to a final dot of those who are in doubt now.
    pub lost_answers: i64,
    /// `dot_attempt` when the copy in Sent was seen, which is of no later one; 0 before.
    pub seen_at_dot: i64,
}

impl Claimed {
    /// Whether the final dot of this attempt may have left.
    pub const fn dot_has_left(&self) -> bool {
        self.dot_attempt == self.submission.attempts
    }
}

/// Claims the mailbox's next due submissions: from here to [`settle`](super::settle()) they are `sending`, and nobody
/// else sends them. To be called with the connection open, right before they go out one after the other.
///
/// # Errors
/// The database is out of reach: nothing is claimed.
pub async fn begin(store: &Store, mailbox_id: &str, most: i64) -> Result<VecDeque<Claimed>> {
    let (now, node) = (store.now(), store.node.to_string());
    let (mailbox_id, give_up) = (mailbox_id.to_owned(), store.sending.give_up_millis);
    store
        .db
        .write(move |tx| {
            leases::show_life(tx, &node, now)?;
            let skip = tx.dialect().for_update_skip_locked();
            let there = not_removed("mailbox_id");
            let sql = format!(
                "SELECT id FROM submissions WHERE {DUE} AND mailbox_id = $2 AND {there}
                   AND EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = mailbox_id AND m.lifecycle = 'enabled')
                 ORDER BY priority, next_attempt_at, id LIMIT $3{skip}"
            );
            let args = [now.into(), (&mailbox_id).into(), most.into()];
            let mut claimed = VecDeque::new();
            for row in &tx.rows(&sql, &args)? {
                let sql = format!(
                    "UPDATE submissions SET attempts = attempts + 1, next_attempt_at = NULL, claimed_by = $2,
                       claimed_until = $3, state = 'sending',
                       give_up_at = CASE WHEN give_up_at > $4 THEN $4 ELSE give_up_at END
                     WHERE id = $1 RETURNING {COLUMNS}"
                );
                let args = [
                    row.get::<String>(0)?.into(),
                    (&node).into(),
                    now.plus_millis(CLAIM_MILLIS).into(),
                    now.plus_millis(give_up).into(),
                ];
                claimed.push_back(one(tx.row(&sql, &args)?.as_ref())?);
            }
            if !claimed.is_empty() {
                prolong(tx, &mailbox_id, &node, now)?;
            }
            Ok(claimed)
        })
        .await
}

/// Gives claims back of which nothing went out: they are as if they had not been claimed.
///
/// # Errors
/// The database is out of reach: then they end by themselves, with the same outcome.
pub async fn give_back(store: &Store, claimed: impl IntoIterator<Item = Claimed>) -> Result<()> {
    let claimed: Vec<Claimed> = claimed.into_iter().collect();
    if claimed.is_empty() {
        return Ok(());
    }
    store
        .db
        .write(move |tx| {
            tx.wake(Topic::Submissions);
            claimed.iter().try_for_each(|one| give_back_in(tx, one))
        })
        .await
}

/// Like [`give_back`], for one and inside a transaction.
pub(super) fn give_back_in(tx: &mut Tx<'_>, claimed: &Claimed) -> Result<()> {
    let submission = &claimed.submission;
    tx.exec(
        "UPDATE submissions SET state = $3, attempts = attempts - 1, next_attempt_at = created_at, claimed_by = NULL,
           claimed_until = NULL WHERE id = $1 AND attempts = $2 AND state = 'sending'",
        &[
            (&submission.id).into(),
            submission.attempts.into(),
            overall(&submission.recipients).as_str().into(),
        ],
    )?;
    Ok(())
}

/// The whole message is with the server, and its final dot is about to leave: from here on the server may have it, also if we
/// die before its answer. One whose last answer was lost becomes a possible duplicate with this. `left_out`: addresses whose fate
/// is open and whom the server does not take it for this time.
///
/// # Errors
/// [`StoreError::Fenced`]: it was cancelled, or the claim has ended; the dot must not leave. The database is out of reach: nor
/// then.
pub async fn at_final_dot(
    store: &Store,
    id: &str,
    attempt: i64,
    left_out: &[String],
) -> Result<()> {
    let (id, left_out) = (id.to_owned(), left_out.to_vec());
    store
        .db
        .write(move |tx| dot_in(tx, &id, attempt, &left_out))
        .await
}

/// [`at_final_dot`] inside a transaction; nothing is written where it is refused.
pub(super) fn dot_in(tx: &mut Tx<'_>, id: &str, attempt: i64, left_out: &[String]) -> Result<()> {
    let left_out = match left_out {
        [] => None,
        some => Some(serde_json::to_string(some)?),
    };
    let sql = "UPDATE submissions SET dot_attempt = attempts, dot_left_out = $3,
                 possible_duplicate = CASE WHEN lost_answers > 0 THEN 1 ELSE possible_duplicate END
               WHERE id = $1 AND attempts = $2 AND state = 'sending'";
    match tx.exec(sql, &[id.into(), attempt.into(), left_out.into()])? {
        1 => Ok(()),
        _ => Err(StoreError::Fenced),
    }
}

/// Prolongs this node's claims of a mailbox while the server takes its time. Returns how many there are.
///
/// # Errors
/// The database is out of reach.
pub async fn renew(store: &Store, mailbox_id: &str) -> Result<u64> {
    let (now, node) = (store.now(), store.node.to_string());
    let mailbox_id = mailbox_id.to_owned();
    store
        .db
        .write(move |tx| {
            leases::show_life(tx, &node, now)?;
            match mailboxes::hold(tx, &mailbox_id) {
                Err(StoreError::NotFound(_)) => return Ok(0),
                held => held?,
            }
            prolong(tx, &mailbox_id, &node, now)?;
            let until = now.plus_millis(CLAIM_MILLIS);
            let sql = "UPDATE submissions SET claimed_until = $3
                       WHERE claimed_until IS NOT NULL AND claimed_by = $2 AND mailbox_id = $1";
            tx.exec(sql, &[mailbox_id.into(), node.into(), until.into()])
        })
        .await
}

/// What has become of a claim while others went first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is as it was; so much may be sent as its identity.
    Good(Budget),
    /// It was cancelled, or somebody else has it.
    Over,
    /// Its mailbox was paused, or has other settings.
    OtherSettings,
}

/// Looks at a claim before its message goes out. `version`: the mailbox's, as the connection was opened with.
///
/// # Errors
/// The database is out of reach.
pub async fn standing(store: &Store, claimed: &Claimed, version: i64) -> Result<Standing> {
    let (id, attempt) = (claimed.submission.id.clone(), claimed.submission.attempts);
    store
        .db
        .glance(move |tx| {
            let sql = "SELECT m.version, i.limits FROM submissions s JOIN mailboxes m ON m.id = s.mailbox_id
                         LEFT JOIN identities i ON i.id = s.identity_id
                       WHERE s.id = $1 AND s.attempts = $2 AND s.state = 'sending' AND m.removed_at IS NULL";
            let Some(row) = tx.row(sql, &[id.into(), attempt.into()])? else {
                return Ok(Standing::Over);
            };
            if row.get::<i64>(0)? != version {
                return Ok(Standing::OtherSettings);
            }
            let limits: Option<Limits> = maybe_json(&row, 1)?;
            Ok(Standing::Good(limits.unwrap_or_default().into()))
        })
        .await
}

/// Ends claims whose holder has not been heard of, and doubts that nothing has settled in their time. A claim of another node
/// ends with that node's last sign of life, not only with its own time; one that a clock ahead of ours has
/// written is not believed. Returns how many claims were ended.
///
/// # Errors
/// The database is out of reach.
pub async fn expire_claims(store: &Store) -> Result<usize> {
    let rules = store.sending.clone();
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
            end_doubts(tx, now)?;
            end_claims(tx, &rules, ended, &args, now)
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
    let (now, rules) = (store.now(), store.sending.clone());
    store
        .db
        .write(move |tx| {
            tx.exec("DELETE FROM couriers", &[])?;
            end_claims(tx, &rules, "claimed_until IS NOT NULL", &[], now)
        })
        .await
}

fn end_claims(
    tx: &mut Tx<'_>,
    rules: &Rules,
    which: &str,
    args: &[crate::db::Value],
    now: Timestamp,
) -> Result<usize> {
    let rows = open_rows(tx, &format!("({which})"), "claimed_until, id", args)?;
    let mut news = Vec::with_capacity(rows.len());
    for row in &rows {
        let old = from_row(row)?;
        let lost = old.dot_has_left();
        let mut recipients = old.submission.recipients.clone();
        for recipient in recipients
            .iter_mut()
            .filter(|r| lost && !r.state.is_final() && !old.dot_left_out.contains(&r.address))
        {
            recipient.lose(old.submission.attempts);
        }
        let pause = match lost {
            true => rules.unclear_millis,
            false if old.submission.attempts < AT_ONCE => 0,
            false => rules.pause_millis(1),
        };
        let settlement = Settlement {
            recipients,
            next_attempt_at: Some(now.plus_millis(pause)),
            held: false,
            problem_id: old.submission.problem_id.clone(),
            sent_copy_by: SentCopyBy::Provider,
        };
        news.extend(write(tx, &old, settlement, old.submission.sent_copy.state, now)?.1);
    }
    events::append(tx, &news, now)?;
    Ok(rows.len())
}

/// What has lost its answer twice, and was seen nowhere meanwhile, has failed: nobody can say that it arrived. Recipients whom it
/// was not for then are tried on.
fn end_doubts(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    let rows = open_rows(tx, DOUBT, "next_attempt_at, id", &[now.into()])?;
    let mut news = Vec::with_capacity(rows.len());
    for row in &rows {
        let old = from_row(row)?;
        let mut recipients = old.submission.recipients.clone();
        let unclear = |r: &Recipient| r.state == State::Unclear;
        let twice = |r: &Recipient| unclear(r) && r.lost_in.len() > 1;
        // Of a message that is over (its job was cancelled) there is no second one.
        let is_over = !recipients.iter().any(twice);
        for recipient in &mut recipients {
            if twice(recipient) || is_over && unclear(recipient) {
                recipient.state = State::Failed;
            }
        }
        let settlement = Settlement {
            problem_id: Some(UNCLEAR_PROBLEM.to_owned()),
            next_attempt_at: Some(now),
            ..Settlement::of(recipients, SentCopyBy::Provider)
        };
        news.extend(write(tx, &old, settlement, old.submission.sent_copy.state, now)?.1);
    }
    events::append(tx, &news, now)
}

/// Some submissions that are not settled, held until the transaction ends.
fn open_rows(
    tx: &mut Tx<'_>,
    which: &str,
    order: &str,
    args: &[crate::db::Value],
) -> Result<Vec<Row>> {
    let skip = tx.dialect().for_update_skip_locked();
    let sql = format!("{}{skip}", open_sql(which, order));
    tx.rows(&sql, args)
}

pub(super) fn open_sql(which: &str, order: &str) -> String {
    let there = not_removed("mailbox_id");
    format!(
        "SELECT {COLUMNS} FROM submissions WHERE {which} AND {there}
         ORDER BY {order} LIMIT {EXPIRED_AT_ONCE}"
    )
}
