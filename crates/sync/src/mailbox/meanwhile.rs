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

    /// The comparison goes on, as long at least as what began then has taken.
    fn pause(&mut self, began: Instant) {
        self.due = Instant::now() + APART.max(began.elapsed());
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
            meanwhile.pause(began);
        }
        Ok(!meanwhile.cancel.is_cancelled() && !self.doubts.is_another_connection_wanted())
    }

    /// As [`Self::look_after`], and opens the folder again that is being compared: the way back is part of it. Says where the folder
    /// stands in the list now. `None`: it cannot be opened, or is another one by now, or the work does not go on.
    pub(super) async fn look_after_and_return(
        &mut self,
        id: &str,
        validity: i64,
        meanwhile: &mut Meanwhile<'_>,
    ) -> Result<Option<usize>> {
        let (began, due) = (Instant::now(), meanwhile.due);
        if !self.look_after(meanwhile).await? {
            return Ok(None);
        }
        let opened = self.open_again(id, validity).await?;
        if meanwhile.due != due {
            meanwhile.pause(began);
        }
        Ok(opened)
    }

    /// Opens the folder again that is being compared, where another one was opened meanwhile, and says where it stands now.
    /// `None`: it cannot be opened, or is another one by now.
    pub(super) async fn open_again(&mut self, id: &str, validity: i64) -> Result<Option<usize>> {
        let Some(i) = self.place_of(id) else {
            return Ok(None);
        };
        let opened = self.open.as_deref() == Some(id)
            || self.reopen(i, validity).await?
            // What is wrong with it, a look finds out.
            || self.look(i).await?.is_some();
        Ok((opened && self.known[i].uid_validity == Some(validity)).then_some(i))
    }

    /// Opens a folder that was looked at before, and takes nothing in: without CONDSTORE a look compares all its messages. Returns
    /// whether it is open, and the one that it was.
    async fn reopen(&mut self, i: usize, validity: i64) -> Result<bool> {
        if self.is_parked(&self.known[i]) {
            return Ok(false);
        }
        (self.open, self.exists, self.open_next) = (None, None, None);
        let id = self.known[i].id.clone();
        if self.hands.are_many() {
            self.hands.hold(&id).await;
            self.reload(i).await?;
        }
        self.news.leave_folder();
        let name = look::wire_name(&self.known[i]);
        let mut opened = self
            .session
            .select(&name, imap_client::Mode::Examine, None)
            .await;
        if opened.as_ref().is_ok_and(|folder| folder.uidnext.is_none()) {
            // Courier, as in a look.
            let lasting = imap_client::Mode::LastingUids;
            opened = self.session.select(&name, lasting, None).await;
        }
        let opened = match opened {
            Err(error) if !error.is_fatal() => return Ok(false),
            opened => opened?,
        };
        if opened.uidvalidity.unwrap_or(1) as i64 != validity {
            return Ok(false);
        }
        self.exists = Some(opened.exists as i64);
        self.open_next = opened.uidnext.map(|uid| uid as i64);
        let known_next = [Some(self.known[i].high_uid), self.mark(&id).seen_next];
        if self.open_next.is_none() || !known_next.contains(&self.open_next) {
            // Mail came while another folder was open.
            self.news.exists.get_or_insert(opened.exists);
        }
        self.open = Some(id);
        Ok(true)
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
