//! When a mailbox is compared with its server as a whole, and how it is told what came of it.

use crate::Context;
use crate::error::Result;
use model::Timestamp;
use model::completeness::{FolderAudit, outcome};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use store::completeness::{self, Asked};
use store::leases::Lease;

/// The audits of a node are spread over so much of the time between two of them: one in `SPREAD`.
const SPREAD: u64 = 4;

/// What an audit is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// What was asked for when it began.
    pub asked: Asked,
    /// A person waits for it.
    pub by_hand: bool,
    /// Differences are repaired. Those that come by themselves always do.
    pub repair: bool,
}

/// The audit that is due, if one is.
///
/// # Errors
/// The database is out of reach.
pub(crate) async fn due(context: &Context, mailbox_id: &str) -> Result<Option<Order>> {
    let asked = completeness::asked(&context.store, mailbox_id).await?;
    let order = Order {
        asked,
        by_hand: asked.at.is_some(),
        repair: asked.at.is_none() || asked.repair,
    };
    let by_itself = is_time(
        asked.last_at,
        context.store.now(),
        context.timing.audit,
        mailbox_id,
    );
    Ok(Some(order).filter(|order| order.by_hand || by_itself))
}

/// Whether the time for another audit has come. Each mailbox has its own pause, a bit longer than `every`, so that
/// those that were added together do not ask together for ever.
fn is_time(last: Timestamp, now: Timestamp, every: Duration, mailbox_id: &str) -> bool {
    let every = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
    if every == 0 {
        return false;
    }
    let mut hasher = DefaultHasher::new();
    mailbox_id.hash(&mut hasher);
    let more = hasher.finish() % (every / SPREAD).max(1);
    let passed = u64::try_from(now.0.saturating_sub(last.0)).unwrap_or(0);
    passed >= every.saturating_add(more)
}

/// Writes down what was found.
///
/// # Errors
/// The database is out of reach, or another node works on the mailbox.
pub(crate) async fn finish(
    context: &Context,
    lease: &Lease,
    order: Order,
    folders: Vec<FolderAudit>,
) -> Result<()> {
    let told = outcome(&folders);
    metrics::counter!("postroom_audits_total", "outcome" => told.as_str()).increment(1);
    for (kind, of) in [
        (
            "missing",
            (|folder| folder.missing) as fn(&FolderAudit) -> i64,
        ),
        ("surplus", |folder| folder.surplus),
        ("flags", |folder| folder.flags),
        ("miscounted", |folder| folder.miscounted),
    ] {
        let count: i64 = folders.iter().map(of).sum();
        metrics::counter!("postroom_audit_differences_total", "kind" => kind)
            .increment(count.max(0).unsigned_abs());
    }
    if folders.iter().any(|folder| folder.differences() > 0) {
        tracing::warn!(
            mailbox = lease.mailbox_id,
            outcome = told.as_str(),
            "the audit found that server and store differed"
        );
    }
    completeness::finish(&context.store, lease, order.asked, folders).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn an_audit_comes_once_a_day_and_each_mailbox_has_its_own_hour() {
        let day = Duration::from_secs(24 * 3600);
        let at = |hours: i64, id: &str| is_time(Timestamp(0), Timestamp(hours * HOUR), day, id);
        assert!(!at(23, "mbx_1") && at(31, "mbx_1"));
        let early = (0..1000).filter(|n| at(27, &format!("mbx_{n}"))).count();
        assert!((350..650).contains(&early), "{early}");
    }

    #[test]
    fn none_comes_by_itself_where_that_is_switched_off() {
        let last = Timestamp(i64::MAX);
        assert!(!is_time(Timestamp(0), last, Duration::ZERO, "mbx_1"));
    }
}
