//! The wait for news, and what is done about it.

use super::hands::Hands;
use super::isolation::Isolation;
use super::turn::Turn;
use super::visit::Visit;
use crate::error::Result;
use crate::ledger;
use imap_client::{IdleEnd, ImapError};
use model::folder::{Mode, Role};
use std::time::Duration;
use store::folders::{Cursor, Known};
use store::ingest::{self, Changes};
use store::wake::Listener;
use tokio_util::sync::CancellationToken;

impl Visit<'_> {
    /// Waits for news, a wake-up, or the time for a proof of life. Returns whether we were woken.
    pub(super) async fn wait(
        &mut self,
        wake: &mut Listener,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        if !self.news.is_empty() {
            return Ok(false);
        }
        let next_owed = store::owed::next_due(&self.context.store, &self.mailbox.id);
        let next_owed = Box::pin(next_owed).await?;
        let mut longest = self.silence();
        if let Some(due) = next_owed {
            let left = due.0.saturating_sub(self.context.store.now().0).max(0) as u64;
            longest = longest.min(Duration::from_millis(left + 10));
        }
        if let Some(left) = self.until_tried_again() {
            longest = longest.min(left + Duration::from_millis(10));
        }
        let mut watched = false;
        if let Some(i) = self.waited_in().filter(|_| self.can_idle()) {
            if self.open.as_deref() == Some(&self.known[i].id) {
                watched = true;
            } else if Box::pin(self.look(i)).await?.is_some() {
                // Mail may have come since the folder was last open: it is fetched before we wait.
                self.news
                    .exists
                    .get_or_insert(self.exists.unwrap_or(0) as u64);
                return Ok(false);
            }
        }
        let woken = match watched {
            true => self.idle(longest, wake, cancel).await?,
            false => self.ask_later(longest, wake, cancel).await?,
        };
        self.news.collect(&mut self.session);
        Ok(woken || next_owed.is_some_and(|due| due <= self.context.store.now()))
    }

    /// The folder that is open while we wait: INBOX, if it is stored.
    pub(super) fn waited_in(&self) -> Option<usize> {
        let stored = |folder: &Known| folder.mode != Mode::Off;
        let is_inbox = |folder: &Known| folder.role == Some(Role::Inbox) && stored(folder);
        let inbox = self.known.iter().position(is_inbox);
        inbox.or_else(|| self.known.iter().position(stored))
    }

    /// Whether the server tells by itself what comes. One that offers IDLE and then refuses it is asked, like one without it.
    pub(super) fn can_idle(&self) -> bool {
        !self.idle_refused && self.session.supports("IDLE")
    }

    /// Lets the server speak first. Returns whether we were woken.
    async fn idle(
        &mut self,
        longest: Duration,
        wake: &mut Listener,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        let signal = signal(wake, cancel, &mut self.turn, &self.hands);
        let told = || self.context.way.ask();
        match self.session.idle_until_told(longest, signal, told).await {
            Ok(end) => Ok(end == IdleEnd::Wake),
            Err(error @ (ImapError::No { .. } | ImapError::Bad { .. })) => {
                let said = ledger::said(self.context, &self.mailbox.id, error).await;
                tracing::info!(
                    mailbox = self.mailbox.id,
                    said,
                    "the server refuses to idle; it is asked from time to time"
                );
                self.idle_refused = true;
                // The next wait is another one.
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits, and then asks whether there is news. Returns whether we were woken.
    async fn ask_later(
        &mut self,
        longest: Duration,
        wake: &mut Listener,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        let signal = signal(wake, cancel, &mut self.turn, &self.hands);
        let waited = tokio::time::timeout(longest, signal).await;
        if !cancel.is_cancelled() {
            Box::pin(self.session.noop()).await?;
        }
        Ok(waited.is_ok())
    }

    /// Acts on what the server said about the open folder. Returns whether a whole round is needed.
    pub(super) async fn act_on_news(&mut self, isolation: &mut Isolation) -> Result<bool> {
        let Some(i) = self
            .known
            .iter()
            .position(|folder| self.open.as_deref() == Some(folder.id.as_str()))
        else {
            return Ok(!self.news.is_empty());
        };
        let mut round = self.news.elsewhere || self.news.unsure;
        if std::mem::take(&mut self.news.expunged) {
            self.look(i).await?;
            round = true;
        }
        if self.news.has_changes() {
            let mut changes = Changes {
                folder_id: self.known[i].id.clone(),
                uid_validity: self.known[i].uid_validity.unwrap_or(0),
                origin: self.origin,
                flags: Vec::new(),
                vanished: Vec::new(),
                cursor: Cursor::default(),
            };
            // What vanished may have moved: the round finds out, and where to.
            if self.news.drain_into(&mut changes) {
                self.exists = None;
                round = true;
            }
            ingest::apply(&self.context.store, self.lease, changes).await?;
        }
        if self.news.exists.is_some() {
            let fetched = self.fetch_new(i, isolation).await;
            round |= self.unless_gone(fetched).await?.is_none();
        }
        Ok(round)
    }
}

/// A wake-up, our turn to fetch the past, what another connection did, or the end of the work.
async fn signal(wake: &mut Listener, cancel: &CancellationToken, turn: &mut Turn, hands: &Hands) {
    tokio::select! {
        () = hands.heard() => {}
        () = wake.next() => {}
        () = turn.come() => {}
        () = cancel.cancelled() => {}
    }
}
