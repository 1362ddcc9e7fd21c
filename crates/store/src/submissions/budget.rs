//! What a mailbox, and each of its identities, may send in a minute and in a day: counted before it is sent, so that a crash can
//! only make it less.
//!
//! A minute is any 60 seconds, counted in slots of 5; a day any 24 hours, counted in hours. A slot counts until its last moment
//! is a minute or a day ago. A mailbox whose budget is used up rests as a whole until there is some again; where it is an
//! identity's, what is due of that identity waits, and the rest goes on. Both end early when a person acts ([`end_rest`]).

use super::claim::{Claimed, give_back_in};
use super::due::DUE;
use crate::error::Result;
use crate::wake::Topic;
use crate::{Store, Tx};
use model::Timestamp;
use model::identity::Limits;

/// The problem of what waits for the budget.
pub(super) const PROBLEM: &str = "sending_limit_reached";

/// How much may be sent; null: any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Messages in any minute.
    pub messages_per_minute: Option<u32>,
    /// Recipients in any 24 hours.
    pub recipients_per_day: Option<u32>,
}

impl Budget {
    const fn is_boundless(self) -> bool {
        self.messages_per_minute.is_none() && self.recipients_per_day.is_none()
    }
}

impl From<Limits> for Budget {
    fn from(limits: Limits) -> Self {
        Self {
            messages_per_minute: limits.messages_per_minute,
            recipients_per_day: limits.recipients_per_day,
        }
    }
}

/// Whether a message may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It may: what it needs is set aside.
    Given,
    /// Not now: the mailbox rests until then.
    MailboxRests(Timestamp),
    /// Not now: what is sent as this identity waits until then. Other messages may go.
    IdentityRests(Timestamp),
}

/// How something is counted.
struct Window {
    kind: &'static str,
    slot_millis: i64,
    millis: i64,
}

const MINUTE: Window = Window {
    kind: "minute",
    slot_millis: 5_000,
    millis: 60_000,
};
const DAY: Window = Window {
    kind: "day",
    slot_millis: 3_600_000,
    millis: 24 * 3_600_000,
};

impl Window {
    const fn slot(&self, at: Timestamp) -> i64 {
        at.0.div_euclid(self.slot_millis)
    }

    /// When a slot counts no more.
    const fn end_of(&self, slot: i64) -> Timestamp {
        Timestamp((slot + 1) * self.slot_millis + self.millis)
    }
}

/// Sets aside what a claimed message needs that goes to so many recipients (`offered`) now, of its mailbox's `budget` and of its
/// identity's `own`. Where there is not enough, it was given back as if it had not been claimed.
///
/// # Errors
/// The database is out of reach.
pub async fn set_aside(
    store: &Store,
    claimed: &Claimed,
    budget: Budget,
    own: Budget,
    offered: usize,
) -> Result<Permit> {
    if budget.is_boundless() && own.is_boundless() {
        return Ok(Permit::Given);
    }
    let (now, claimed, offered) = (store.now(), claimed.clone(), offered as i64);
    store
        .db
        .write(move |tx| {
            let mailbox_id = claimed.submission.mailbox_id.as_str();
            let identity_id = claimed
                .submission
                .identity_id
                .as_deref()
                .unwrap_or_default();
            let budgets = [("", budget), (identity_id, own)];
            let budgets = budgets.map(|(id, budget)| {
                (
                    Purse {
                        mailbox_id,
                        identity_id: id,
                    },
                    budget,
                )
            });
            for (purse, budget) in &budgets {
                let Some(until) = purse.free_at(tx, *budget, offered, now)? else {
                    continue;
                };
                give_back_in(tx, &claimed)?;
                return if purse.identity_id.is_empty() {
                    rest(tx, mailbox_id, until)?;
                    Ok(Permit::MailboxRests(until))
                } else {
                    put_off(tx, purse, until, now)?;
                    Ok(Permit::IdentityRests(until))
                };
            }
            for (purse, budget) in budgets.iter().filter(|(_, budget)| !budget.is_boundless()) {
                purse.take(tx, *budget, offered, now)?;
            }
            Ok(Permit::Given)
        })
        .await
}

/// Whose budget it is: a mailbox's (no identity), or one of its identities'.
struct Purse<'a> {
    mailbox_id: &'a str,
    identity_id: &'a str,
}

impl Purse<'_> {
    /// When a message to so many can go; `None`: now.
    fn free_at(
        &self,
        tx: &mut Tx<'_>,
        budget: Budget,
        recipients: i64,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let mut until = None;
        for (window, limit, wanted) in windows(budget, recipients) {
            let Some(limit) = limit else { continue };
            let used = self.used(tx, window, now)?;
            until = until.max(free_at(&used, window, i64::from(limit), wanted));
        }
        Ok(until)
    }

    fn take(&self, tx: &mut Tx<'_>, budget: Budget, recipients: i64, now: Timestamp) -> Result<()> {
        for (window, _, wanted) in windows(budget, recipients) {
            self.add(tx, window, wanted, now)?;
        }
        Ok(())
    }

    /// The slots that count, oldest first, with what was used in each.
    fn used(&self, tx: &mut Tx<'_>, window: &Window, now: Timestamp) -> Result<Vec<(i64, i64)>> {
        let sql = "SELECT slot, used FROM sending_used WHERE mailbox_id = $1 AND identity_id = $2 AND kind = $3 ORDER BY slot";
        let args = [
            self.mailbox_id.into(),
            self.identity_id.into(),
            window.kind.into(),
        ];
        let rows = tx.rows(sql, &args)?;
        let mut slots = Vec::with_capacity(rows.len());
        for row in &rows {
            slots.push((row.get(0)?, row.get(1)?));
        }
        // What a clock that was ahead has written counts as of now.
        slots.retain(|(slot, _)| window.end_of(*slot) > now && *slot <= window.slot(now));
        Ok(slots)
    }

    fn add(&self, tx: &mut Tx<'_>, window: &Window, wanted: i64, now: Timestamp) -> Result<()> {
        let slot = window.slot(now);
        tx.exec(
        "DELETE FROM sending_used WHERE mailbox_id = $1 AND identity_id = $2 AND kind = $3 AND (slot < $4 OR slot > $5)",
        &[
            self.mailbox_id.into(),
            self.identity_id.into(),
            window.kind.into(),
            (slot - window.millis / window.slot_millis - 1).into(),
            slot.into(),
        ],
    )?;
        tx.exec(
        "INSERT INTO sending_used (mailbox_id, identity_id, kind, slot, used) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (mailbox_id, identity_id, kind, slot) DO UPDATE SET used = sending_used.used + excluded.used",
        &[
            self.mailbox_id.into(),
            self.identity_id.into(),
            window.kind.into(),
            slot.into(),
            wanted.into(),
        ],
    )?;
        Ok(())
    }
}

/// What a message to so many needs in each window, beside how much there may be.
fn windows(budget: Budget, recipients: i64) -> [(&'static Window, Option<u32>, i64); 2] {
    [
        (&MINUTE, budget.messages_per_minute, 1),
        (&DAY, budget.recipients_per_day, recipients),
    ]
}

/// When so much more fits; `None`: it does now. What is more than the whole limit goes when nothing else has.
fn free_at(used: &[(i64, i64)], window: &Window, limit: i64, wanted: i64) -> Option<Timestamp> {
    let mut total: i64 = used.iter().map(|(_, used)| used).sum();
    let mut until = None;
    for (slot, used) in used {
        if total == 0 || total + wanted <= limit {
            break;
        }
        total -= used;
        until = Some(window.end_of(*slot));
    }
    until
}

fn rest(tx: &mut Tx<'_>, mailbox_id: &str, until: Timestamp) -> Result<()> {
    tx.exec(
        "INSERT INTO sending_rests (mailbox_id, until) VALUES ($1, $2)
         ON CONFLICT (mailbox_id) DO UPDATE SET until = excluded.until",
        &[mailbox_id.into(), until.into()],
    )?;
    tx.wake(Topic::Submissions);
    Ok(())
}

/// What is due of an identity waits together.
fn put_off(tx: &mut Tx<'_>, purse: &Purse<'_>, until: Timestamp, now: Timestamp) -> Result<()> {
    let sql = format!(
        "UPDATE submissions SET next_attempt_at = $4, problem_id = $5 WHERE {DUE} AND held = 0 AND mailbox_id = $2 AND identity_id = $3"
    );
    tx.exec(
        &sql,
        &[
            now.into(),
            purse.mailbox_id.into(),
            purse.identity_id.into(),
            until.into(),
            PROBLEM.into(),
        ],
    )?;
    tx.wake(Topic::Submissions);
    Ok(())
}

/// A limit was changed, or a person wants another try: what waits for the budget of a mailbox or its identities is measured
/// again at once.
pub(crate) fn end_rest(tx: &mut Tx<'_>, mailbox_id: &str, now: Timestamp) -> Result<()> {
    let sql = "DELETE FROM sending_rests WHERE mailbox_id = $1";
    let rested = tx.exec(sql, &[mailbox_id.into()])?;
    let waited = tx.exec(
        "UPDATE submissions SET next_attempt_at = $2, problem_id = NULL
         WHERE mailbox_id = $1 AND next_attempt_at > $2 AND problem_id = $3 AND held = 0",
        &[mailbox_id.into(), now.into(), PROBLEM.into()],
    )?;
    if rested + waited > 0 {
        tx.wake(Topic::Submissions);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_slots_make_room() {
        let used = [(10, 3), (11, 4), (13, 2)];
        let free = |limit, wanted| free_at(&used, &MINUTE, limit, wanted);
        assert_eq!(free(10, 1), None);
        assert_eq!(free(9, 1), Some(MINUTE.end_of(10)));
        assert_eq!(free(9, 4), Some(MINUTE.end_of(11)));
        assert_eq!(free(9, 9), Some(MINUTE.end_of(13)));
        assert_eq!(
            free(9, 50),
            Some(MINUTE.end_of(13)),
            "alone, and then the server decides"
        );
        assert_eq!(free_at(&[], &MINUTE, 9, 50), None);
    }
}
