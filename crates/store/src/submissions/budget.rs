//! What a mailbox may send in a minute and in a day: counted before it is sent, so that a crash can only make it less.
//!
//! A minute is any 60 seconds, counted in slots of 5; a day any 24 hours, counted in hours. A slot counts until its last moment
//! is a minute or a day ago. A mailbox whose budget is used up rests as a whole until there is some again.

use super::claim::{Claimed, give_back_in};
use crate::error::Result;
use crate::wake::Topic;
use crate::{Store, Tx};
use model::Timestamp;

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

/// Sets aside what a claimed message needs. `None`: it may go. Else it was given back as if it had not been claimed, and the
/// mailbox rests until then.
///
/// # Errors
/// The database is out of reach.
pub async fn set_aside(
    store: &Store,
    claimed: &Claimed,
    budget: Budget,
) -> Result<Option<Timestamp>> {
    if budget.is_boundless() {
        return Ok(None);
    }
    let (now, claimed) = (store.now(), claimed.clone());
    store
        .db
        .write(move |tx| {
            let mailbox_id = claimed.submission.mailbox_id.as_str();
            let open = claimed.submission.recipients.iter();
            let recipients = open.filter(|r| !r.state.is_final()).count();
            let wanted = [
                (&MINUTE, budget.messages_per_minute, 1),
                (&DAY, budget.recipients_per_day, recipients as i64),
            ];
            let mut until = None;
            for (window, limit, wanted) in &wanted {
                let Some(limit) = limit else { continue };
                let used = used(tx, mailbox_id, window, now)?;
                until = until.max(free_at(&used, window, i64::from(*limit), *wanted));
            }
            let Some(until) = until else {
                for (window, _, wanted) in &wanted {
                    add(tx, mailbox_id, window, *wanted, now)?;
                }
                return Ok(None);
            };
            give_back_in(tx, &claimed)?;
            rest(tx, mailbox_id, until)?;
            Ok(Some(until))
        })
        .await
}

/// The slots that count, oldest first, with what was used in each.
fn used(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    window: &Window,
    now: Timestamp,
) -> Result<Vec<(i64, i64)>> {
    let sql =
        "SELECT slot, used FROM sending_used WHERE mailbox_id = $1 AND kind = $2 ORDER BY slot";
    let rows = tx.rows(sql, &[mailbox_id.into(), window.kind.into()])?;
    let mut slots = Vec::with_capacity(rows.len());
    for row in &rows {
        slots.push((row.get(0)?, row.get(1)?));
    }
    // What a clock that was ahead has written counts as of now.
    slots.retain(|(slot, _)| window.end_of(*slot) > now && *slot <= window.slot(now));
    Ok(slots)
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

fn add(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    window: &Window,
    wanted: i64,
    now: Timestamp,
) -> Result<()> {
    let slot = window.slot(now);
    tx.exec(
        "DELETE FROM sending_used WHERE mailbox_id = $1 AND kind = $2 AND (slot < $3 OR slot > $4)",
        &[
            mailbox_id.into(),
            window.kind.into(),
            (slot - window.millis / window.slot_millis - 1).into(),
            slot.into(),
        ],
    )?;
    tx.exec(
        "INSERT INTO sending_used (mailbox_id, kind, slot, used) VALUES ($1, $2, $3, $4)
         ON CONFLICT (mailbox_id, kind, slot) DO UPDATE SET used = sending_used.used + excluded.used",
        &[
            mailbox_id.into(),
            window.kind.into(),
            slot.into(),
            wanted.into(),
        ],
    )?;
    Ok(())
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
