//! What a first synchronisation means, folder by folder.

use crate::error::Result;
use crate::{Store, mailboxes};
use model::folder::{Mode, Role};
use model::mailbox::{Coverage, CoverageState, Mailbox};
use model::plan::{Plan, PlanFolder};
use model::report::Report;
use model::traffic::{Allowed, Used};
use model::{Timestamp, mailbox};

/// Octets in a second over an ordinary line, where nothing was measured yet.
const ORDINARY: i64 = 5_000_000;
const DAY_MS: i64 = 24 * 3_600_000;
/// The part of a day's octets that is left to new mail.
const KEPT: i64 = 10;

/// The plan of a mailbox. `allowed`: what its provider allows.
///
/// # Errors
/// No such mailbox.
pub async fn of(store: &Store, mailbox_id: &str, allowed: Allowed) -> Result<Plan> {
    let used = crate::traffic::used(store, mailbox_id).await?;
    let (id, now) = (mailbox_id.to_owned(), store.now());
    store
        .db
        .read(move |tx| {
            let mailbox = mailboxes::read(tx, &id)?;
            // What is waited for in a folder of headers is small change, and told in messages only.
            let rows = tx.rows(
                "SELECT f.id, f.path, f.role, f.mode, f.backfilled, f.total, f.messages, f.bytes_left,
                   (SELECT CAST(coalesce(sum(m.size), 0) AS BIGINT) FROM placements p JOIN messages m ON m.id = p.message_id
                    WHERE p.folder_id = f.id)
                 FROM folders f WHERE f.mailbox_id = $1 ORDER BY f.path",
                &[(&id).into()],
            )?;
            let mut folders = Vec::with_capacity(rows.len());
            for row in &rows {
                let (filled, total, done): (bool, i64, i64) = (row.get(4)?, row.get(5)?, row.get(6)?);
                let (left, bytes): (Option<i64>, i64) = (row.get(7)?, row.get(8)?);
                let known = filled || total > 0;
                folders.push(PlanFolder {
                    folder_id: row.get(0)?,
                    path: row.get(1)?,
                    role: row.maybe_word(2, Role::parse)?,
                    mode: row.word(3, Mode::parse)?,
                    messages: known.then(|| if filled { done } else { total.max(done) }),
                    bytes: if filled { Some(bytes) } else { left.map(|left| bytes + left) },
                    done,
                    done_bytes: bytes,
                });
            }
            if folders.is_empty() {
                let sql = "SELECT body FROM reports WHERE mailbox_id = $1 ORDER BY created_at DESC LIMIT 20";
                for row in tx.rows(sql, &[(&id).into()])? {
                    let report: Report = row.json(0)?;
                    if !report.folders.is_empty() {
                        folders = from_report(&report, mailbox.monitored_folders.as_deref());
                        break;
                    }
                }
            }
            Ok(summed(&mailbox, folders, allowed, used, now))
        })
        .await
}

fn from_report(report: &Report, monitored: Option<&[String]>) -> Vec<PlanFolder> {
    let stored = |path: &str, by_itself: bool| match monitored {
        Some(paths) => paths.iter().any(|wanted| {
            wanted == path
                || (wanted.eq_ignore_ascii_case("inbox") && path.eq_ignore_ascii_case("inbox"))
        }),
        None => by_itself,
    };
    let folders = report.folders.iter().map(|folder| PlanFolder {
        folder_id: None,
        path: folder.path.clone(),
        role: folder.role,
        mode: if stored(&folder.path, folder.stored) {
            Mode::Full
        } else {
            Mode::Off
        },
        messages: folder.messages,
        bytes: folder.bytes,
        done: 0,
        done_bytes: 0,
    });
    folders.collect()
}

fn summed(
    mailbox: &Mailbox,
    folders: Vec<PlanFolder>,
    allowed: Allowed,
    used: Used,
    now: Timestamp,
) -> Plan {
    let wanted: Vec<&PlanFolder> = folders.iter().filter(|f| f.mode != Mode::Off).collect();
    let sum = |of: fn(&PlanFolder) -> i64| wanted.iter().map(|folder| of(folder)).sum::<i64>();
    let (messages, done) = (sum(|f| f.messages.unwrap_or(0)), sum(|f| f.done));
    let (bytes, done_bytes) = (sum(|f| f.bytes.unwrap_or(0)), sum(|f| f.done_bytes));
    let unknown = |folder: &&&PlanFolder| {
        folder.messages.is_none() || (folder.bytes.is_none() && folder.messages != Some(0))
    };
    let unknown = wanted.iter().filter(unknown).count() as i64;
    let coverage = &mailbox.coverage;
    let over = matches!(
        coverage.state,
        mailbox::CoverageState::Complete | mailbox::CoverageState::Holes
    );
    let left = (bytes - done_bytes).max(0);
    let days = days_of_limits(left, messages - done, allowed, used);
    let ends_at = match (over, days) {
        (true, _) => None,
        (false, Some(days)) => {
            let first = used.opens_at.unwrap_or(now).max(now);
            Some(first.plus_millis((days - 1) * DAY_MS))
        }
        (false, None) => by_rate(coverage, left, now),
    };
    Plan {
        state: coverage.state,
        messages,
        bytes,
        unknown,
        done,
        done_bytes,
        allowed,
        used,
        messages_per_minute: coverage.messages_per_minute,
        bytes_per_second: coverage.bytes_per_second,
        waits_until: coverage.waits_until,
        limited: days.is_some() && !over,
        ends_at,
        folders,
    }
}

/// Days that it takes where what is left is more than what is allowed now.
fn days_of_limits(bytes: i64, messages: i64, allowed: Allowed, used: Used) -> Option<i64> {
    let days = |left: i64, limit: Option<i64>, used: i64| {
        let limit = limit?.max(1);
        let free = (limit - used).max(0);
        (left > free).then(|| 1 + (left - free - 1) / limit)
    };
    let for_the_past = allowed.bytes_down.map(|limit| limit - limit / KEPT);
    let bytes = days(bytes, for_the_past, used.bytes_down);
    bytes.max(days(messages.max(0), allowed.messages, used.messages))
}

fn by_rate(coverage: &Coverage, left: i64, now: Timestamp) -> Option<Timestamp> {
    if coverage.state == CoverageState::Filling && coverage.ends_at.is_some() {
        return coverage.ends_at;
    }
    let rate = coverage.bytes_per_second.unwrap_or(ORDINARY).max(1);
    let millis = left.checked_mul(1_000)? / rate;
    (left > 0).then(|| now.plus_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_above_the_limit_takes_days() {
        let allowed = Allowed {
            bytes_down: Some(2_500),
            ..Allowed::default()
        };
        let used = |bytes_down| Used {
            bytes_down,
            ..Used::default()
        };
        // 2,250 a day for the past.
        assert_eq!(days_of_limits(2_000, 10, allowed, used(0)), None);
        assert_eq!(days_of_limits(2_251, 10, allowed, used(0)), Some(1));
        assert_eq!(days_of_limits(20_000, 10, allowed, used(0)), Some(8));
        assert_eq!(days_of_limits(100, 10, allowed, used(2_250)), Some(1));
        let allowed = Allowed {
            messages: Some(10),
            ..Allowed::default()
        };
        assert_eq!(days_of_limits(1, 35, allowed, used(0)), Some(3));
    }
}
