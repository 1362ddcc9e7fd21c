//! What a clock that stood ahead has left behind. A machine that believed for an hour to live in the next
//! year has written times to wait for that nobody will live to see. Here they are cut to what a wait may be.
//!
//! Times that are renewed all the while are judged where they are read: a claim whose end is further away than
//! twice its life is void (see [`crate::submissions`], [`crate::deliveries`]), and leases are cut by
//! [`crate::leases::renew`]. A time to give up is cut when its message is claimed.

use crate::Store;
use crate::drafts::copying;
use crate::error::Result;
use crate::wake::Topic;
use model::limits::SUBMISSION_TRY_MILLIS;

/// No mail server asks for a longer pause than this, and no ladder has one.
const SUBMISSION_PAUSE_MOST_MILLIS: i64 = 25 * 3_600_000;
/// What such a pause is cut to: the last rung of the ladder.
const SUBMISSION_PAUSE_MILLIS: i64 = 3_600_000;
/// No endpoint's pause is longer than this.
const DELIVERY_PAUSE_MOST_MILLIS: i64 = 3 * 3_600_000;
/// What such a pause is cut to: the last rung of the ladder.
const DELIVERY_PAUSE_MILLIS: i64 = 2 * 3_600_000;
/// Rows of a table that are cut in one transaction.
const ROWS: i64 = 1_000;

/// Cuts what waits too long. Returns how many rows; to be called again from time to time.
///
/// # Errors
/// The database is out of reach.
pub async fn cut(store: &Store) -> Result<u64> {
    let (now, pace) = (store.now(), store.drafts);
    store
        .db
        .write(move |tx| {
            // Whoever chose a time to send at gets it, however far away it is.
            let open = tx.exec(
                "UPDATE submissions SET next_attempt_at = $2 WHERE id IN (
                   SELECT id FROM submissions WHERE next_attempt_at > $1 AND held = 0
                     AND (send_at IS NULL OR send_at <= $3) ORDER BY id LIMIT $4)",
                &[
                    now.plus_millis(SUBMISSION_PAUSE_MOST_MILLIS).into(),
                    now.plus_millis(SUBMISSION_PAUSE_MILLIS).into(),
                    now.into(),
                    ROWS.into(),
                ],
            )?;
            // A held one waits for a person, and for its end.
            let held = tx.exec(
                "UPDATE submissions SET next_attempt_at = $1, give_up_at = $1 WHERE id IN (
                   SELECT id FROM submissions WHERE next_attempt_at > $1 AND held = 1 ORDER BY id LIMIT $2)",
                &[now.plus_millis(SUBMISSION_TRY_MILLIS).into(), ROWS.into()],
            )?;
            let deliveries = tx.exec(
                "UPDATE deliveries SET next_attempt_at = $2 WHERE id IN (
                   SELECT d.id FROM webhooks w JOIN deliveries d ON d.webhook_id = w.id AND d.next_attempt_at > $1
                   ORDER BY d.id LIMIT $3)",
                &[
                    now.plus_millis(DELIVERY_PAUSE_MOST_MILLIS).into(),
                    now.plus_millis(DELIVERY_PAUSE_MILLIS).into(),
                    ROWS.into(),
                ],
            )?;
            let copies = copying::cut_in(tx, pace, now, ROWS)?;
            if open + held > 0 {
                tx.wake(Topic::Submissions);
            }
            if deliveries > 0 {
                tx.wake(Topic::Deliveries);
            }
            Ok(open + held + deliveries + copies)
        })
        .await
}
