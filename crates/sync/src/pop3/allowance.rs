//! Fetches within what the provider allows by the day.

use super::fetch::{self, Ended, Job};
use super::plan::Item;
use super::{Polling, Read};
use crate::error::{Result, SyncError};
use crate::meter::Purpose;
use pop3_client::Session;
use store::ingest::Outcome;
use tokio::time::Instant;

/// Octets of a header: hardly any is longer.
const HEADER: u64 = 16 << 10;
/// Octets of a message of which the server does not tell the size.
const UNSIZED: u64 = 256 << 10;

impl Polling<'_> {
    /// Fetches what the provider's limits by the day leave of these messages, in their order.
    pub(super) async fn fetch(
        &mut self,
        session: &mut Session,
        job: &Job<'_>,
        items: &[Item],
        read: &mut Read,
        (end, purpose): (Option<Instant>, Purpose),
    ) -> Result<(Ended, Outcome)> {
        let octets: Vec<u64> = items.iter().map(|item| self.octets(item)).collect();
        let spent = session.traffic();
        let fits = self
            .meter
            .grant(self.context, self.lease, spent, &octets, purpose)
            .await?;
        let (all, items) = (items.len(), &items[..fits]);
        let peer = self.peer();
        let mut fetched = fetch::run(
            session,
            job,
            items,
            read,
            || end.is_some_and(|end| Instant::now() >= end),
            |error| SyncError::Connect(connect::recognise::pop3(error, &peer)),
        )
        .await?;
        self.progress |= fetched.1.stored > 0;
        let count = fetched.1.stored + fetched.1.moved + fetched.1.known + fetched.1.failed;
        self.meter.fetched(count);
        if fits < all && fetched.0 == Ended::Done {
            fetched.0 = Ended::Stopped;
        }
        Ok(fetched)
    }

    /// Octets that a message costs, as far as the server told.
    fn octets(&self, item: &Item) -> u64 {
        if item.too_large.is_some() {
            return HEADER;
        }
        let size = item.key.as_ref().and_then(|key| self.sizes.get(key));
        size.map_or(UNSIZED, |size| size.unsigned_abs())
    }
}
