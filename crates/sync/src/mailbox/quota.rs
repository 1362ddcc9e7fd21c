//! How full the mailbox is on its server, where the server tells (RFC 9208).

use super::visit::Visit;
use crate::error::Result;
use imap_client::{MailboxName, Quota};
use std::time::Duration;
use tokio::time::Instant;

/// On one connection the server is asked this often.
const EVERY: Duration = Duration::from_secs(3_600);

impl Visit<'_> {
    /// Asks how full the mailbox is, from time to time.
    pub(super) async fn ask_for_quota(&mut self) -> Result<()> {
        let fresh = |at: Instant| at.elapsed() < EVERY;
        if self.quota_asked.is_some_and(fresh) || !self.session.supports("QUOTA") {
            return Ok(());
        }
        self.quota_asked = Some(Instant::now());
        let inbox = MailboxName::from_wire(b"INBOX");
        match self.session.quota_root(&inbox).await {
            Ok(roots) => {
                let told = nearest(&roots);
                store::mailboxes::set_quota(&self.context.store, self.lease, told).await?;
            }
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(error) => {
                tracing::debug!(
                    mailbox = self.mailbox.id,
                    code = error.code(),
                    "the server does not tell its quota"
                );
            }
        }
        Ok(())
    }
}

/// Octets in use and allowed, of the limit that is reached first.
fn nearest(roots: &[Quota]) -> Option<(i64, i64)> {
    let octets = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let limits = roots.iter().filter_map(Quota::storage);
    let nearest = limits.min_by_key(|(used, limit)| limit.saturating_sub(*used));
    nearest.map(|(used, limit)| (octets(used), octets(limit)))
}
