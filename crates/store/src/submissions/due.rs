//! What is due, for which mailbox, and when the next one falls due.

use crate::error::Result;
use crate::{Store, leases};
use model::Timestamp;

use super::turn::MAILBOX_MILLIS;

/// What may be sent now: open, and its time has come. What has lost its answer twice is not sent a third time.
pub(super) const DUE: &str = "(state IN ('queued', 'deferred') OR state = 'unclear' AND lost_answers < 2) AND next_attempt_at <= $1";

/// The newest problem that a mailbox's submissions are held for.
pub(super) const HELD: &str = "SELECT problem_id FROM submissions
    WHERE mailbox_id = $1 AND held = 1 AND problem_id IS NOT NULL ORDER BY id DESC LIMIT 1";

/// Mailboxes that have something to send now, those that wait longest first, without the `busy` ones.
///
/// # Errors
/// The database is out of reach.
pub async fn due_mailboxes(store: &Store, busy: Vec<String>, limit: i64) -> Result<Vec<String>> {
    let (now, node) = (store.now(), store.node.to_string());
    store
        .db
        .read(move |tx| {
            // From mailbox to mailbox, and for each the first of every priority: a long queue takes no longer than a short one.
            let sql = format!(
                "WITH RECURSIVE open (mailbox_id) AS (
                   SELECT min(mailbox_id) FROM submissions WHERE next_attempt_at IS NOT NULL
                   UNION ALL
                   SELECT (SELECT min(s.mailbox_id) FROM submissions s WHERE s.next_attempt_at IS NOT NULL AND s.mailbox_id > open.mailbox_id)
                   FROM open WHERE open.mailbox_id IS NOT NULL),
                 first (mailbox_id, since) AS (
                   SELECT o.mailbox_id, (SELECT next_attempt_at FROM submissions
                                         WHERE mailbox_id = o.mailbox_id AND priority = p.priority AND {DUE}
                                         ORDER BY next_attempt_at LIMIT 1)
                   FROM open o CROSS JOIN (SELECT 0 AS priority UNION ALL SELECT 1 UNION ALL SELECT 2) p
                   WHERE o.mailbox_id IS NOT NULL AND o.mailbox_id NOT IN {}
                     AND EXISTS (SELECT 1 FROM mailboxes m WHERE m.id = o.mailbox_id AND m.lifecycle = 'enabled')
                     AND NOT EXISTS (SELECT 1 FROM sending_rests r WHERE r.mailbox_id = o.mailbox_id AND r.until > $1)
                     AND NOT EXISTS (SELECT 1 FROM couriers c JOIN nodes n ON n.node = c.node AND n.seen_at > $5
                                     WHERE c.mailbox_id = o.mailbox_id AND c.until > $1 AND c.until <= $6 AND c.node <> $4))
                 SELECT mailbox_id, min(since) FROM first WHERE since IS NOT NULL GROUP BY mailbox_id ORDER BY 2, 1 LIMIT $3",
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

/// When the next submission falls due that is not due yet, or a mailbox has rested.
///
/// # Errors
/// The database is out of reach.
pub async fn next_due(store: &Store) -> Result<Option<Timestamp>> {
    let now = store.now();
    store
        .db
        .read(move |tx| {
            let mut next: Option<Timestamp> = None;
            for sql in [
                "SELECT min(next_attempt_at) FROM submissions WHERE next_attempt_at > $1",
                "SELECT min(until) FROM sending_rests WHERE until > $1",
            ] {
                let row = tx.row(sql, &[now.into()])?;
                let at: Option<Timestamp> = row.map_or(Ok(None), |row| row.get(0))?;
                next = [next, at].into_iter().flatten().min();
            }
            Ok(next)
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
            tx.row(HELD, &[mailbox_id.into()])?
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
