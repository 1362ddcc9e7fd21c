//! What a long comparison looks after meanwhile: what is owed and what is new do not wait for its end.

use super::asks_for_quiet;
use super::isolation::Isolation;
use super::listing::{COUNTS, to_status};
use super::visit::Visit;
use crate::error::Result;
use crate::folder::look;
use crate::folder::plan::{self, Need};
use crate::owed;
use std::time::Duration;
use store::folders::Known;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// So long at least a comparison goes on before the mailbox is looked after again; longer where that takes longer, so that the
/// comparison comes to its end.
const APART: Duration = Duration::from_secs(1);

/// What looking after a mailbox needs, and when it is time for it.
pub(super) struct Meanwhile<'a> {
    pub isolation: &'a mut Isolation,
    pub cancel: &'a CancellationToken,
    due: Instant,
}

impl<'a> Meanwhile<'a> {
    /// For a comparison that begins now.
    pub(super) fn new(isolation: &'a mut Isolation, cancel: &'a CancellationToken) -> Self {
        Self {
            isolation,
            cancel,
            due: Instant::now() + APART,
        }
    }
}

impl Visit<'_> {
    /// Between two parts of a comparison, where it is time: pays what is owed and fetches what is new. Another folder may be open
    /// afterwards, and the list of folders another one. Returns whether the work goes on at all.
    pub(super) async fn look_after(&mut self, meanwhile: &mut Meanwhile<'_>) -> Result<bool> {
        let began = Instant::now();
        if began >= meanwhile.due {
            owed::pay(self).await?;
            self.news.collect(&mut self.session);
            if self.act_on_news(meanwhile.isolation).await?
                || self.round_is_due()
                || self.awaited_news_came().await?
            {
                self.round(meanwhile.isolation, meanwhile.cancel).await?;
            }
            meanwhile.due = Instant::now() + APART.max(began.elapsed());
        }
        Ok(!meanwhile.cancel.is_cancelled() && !self.doubts.is_another_connection_wanted())
    }

    /// Whether the folder that is waited in changed while another one is open: of that alone most servers tell by themselves.
    async fn awaited_news_came(&mut self) -> Result<bool> {
        if self.hears_of_every_folder() {
            return Ok(false);
        }
        let awaited = self.waited_in().map(|i| &self.known[i]);
        let elsewhere = |folder: &&Known| self.open.as_ref() != Some(&folder.id);
        let Some(awaited) = awaited.filter(elsewhere).filter(|it| !self.is_parked(it)) else {
            return Ok(false);
        };
        let now = self.context.store.now();
        let status = match self
            .session
            .status(&look::wire_name(awaited), &COUNTS)
            .await
        {
            // The next round finds out what is wrong with it.
            Err(error) if !error.is_fatal() && !asks_for_quiet(&error, self.mailbox, now) => {
                return Ok(false);
            }
            told => to_status(&told?),
        };
        let seen_next = self.mark(&awaited.id).seen_next;
        Ok(plan::need(awaited, &status, seen_next, false) == Need::Look)
    }
}
