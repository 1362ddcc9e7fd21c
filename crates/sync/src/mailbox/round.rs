//! A round: what we owe, the list of folders, what changed in them, new mail, what is gone.

use super::asks_for_quiet;
use super::isolation::Isolation;
use super::visit::{CHEAP_ROUND_WHILE_FILLING, ROUND_WHILE_FILLING, Visit};
use crate::error::{Result, SyncError};
use crate::folder::look::{self, Manner, Open};
use crate::folder::plan::{self, Need};
use crate::ledger;
use crate::list::Status;
use crate::owed;
use model::folder::Mode;
use std::collections::HashMap;
use std::time::Duration;
use store::folders::{Known, UNSTABLE};
use store::{failures, folders, ingest};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a folder is left alone whose identity changes again and again.
const PARKED_MILLIS: i64 = 3_600_000;
/// How long a folder is left alone that cannot be opened: at first, doubled each time, and at most.
const CLOSED_MILLIS: i64 = 2_000;
const CLOSED_MILLIS_MAX: i64 = 600_000;
/// How long a message that vanished is waited for while a folder cannot be opened that it may have been moved to.
pub(super) const HOLD_CLOSED: i64 = 3_600_000;
/// The same while the provider's limit for a day keeps new mail from being fetched.
pub(super) const HOLD_LIMITED: i64 = 26 * 3_600_000;

impl Visit<'_> {
    /// Brings everything but the past in step.
    pub(super) async fn round(
        &mut self,
        isolation: &mut Isolation,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let began = self.context.store.now();
        self.afford_questions().await?;
        owed::pay(self).await?;
        let filling = self.known.iter().any(|folder| self.can_be_filled(folder));
        let every = if self.session.supports("LIST-STATUS") {
            CHEAP_ROUND_WHILE_FILLING
        } else {
            ROUND_WHILE_FILLING
        };
        let fresh = self.last_round.is_some_and(|at| at.elapsed() < every);
        self.news.collect(&mut self.session);
        self.news.log_alerts(self.context, &self.mailbox.id).await;
        if filling && fresh && !self.news.elsewhere && !self.news.unsure && !self.news.expunged {
            self.act_on_news(isolation).await?;
            return Ok(());
        }
        for mark in self.marks.values_mut() {
            mark.closed = false;
        }
        self.hold = self.hold_at_least;
        let listed = self.list().await?;
        let changes = self.believable(&listed).await?;
        folders::apply_list(&self.context.store, self.lease, changes).await?;
        self.known = folders::known(&self.context.store, &self.mailbox.id).await?;
        self.news.elsewhere = false;
        self.news.unsure = false;
        let left_alone = |folder: &Known| folder.mode != Mode::Off && self.is_parked(folder);
        // One that was never open is hardly where a message went to.
        let may_have_more = |folder: &Known| left_alone(folder) && folder.uid_validity.is_some();
        if self.known.iter().any(may_have_more) {
            self.hold = HOLD_CLOSED;
        }
        let counts: HashMap<&str, Status> = listed
            .iter()
            .map(|listed| (&*listed.wire_name, listed.status))
            .collect();
        let mut told = std::mem::take(&mut self.news.told);
        told.extend(self.counted_wrong(&counts).await?);
        let stored = self
            .known
            .iter()
            .enumerate()
            .filter(|(_, folder)| folder.mode != Mode::Off && !self.is_parked(folder));
        let (targets, in_step): (Vec<_>, Vec<_>) = stored.map(|(i, _)| i).partition(|i| {
            let folder = &self.known[*i];
            let status = counts.get(&*folder.wire_name).copied().unwrap_or_default();
            plan::need(
                    folder,
                    &status,
                    self.mark(&folder.id).seen_next,
                    self.is_comparison_due(*i),
                ) == Need::Look
                    || told.contains(&folder.wire_name)
                    // Its time has come.
                    || folder.parked_until.is_some()
        });
        for i in in_step {
            let id = self.known[i].id.clone();
            self.mark_mut(&id).behind = false;
        }
        // First what is gone, in all of them, so that a message that moved is known as moved.
        for i in &targets {
            self.look(*i).await?;
            if cancel.is_cancelled() {
                return Ok(());
            }
        }
        for i in &targets {
            let fetched = self.fetch_new(*i, isolation).await;
            self.unless_gone(fetched).await?;
            if cancel.is_cancelled() {
                return Ok(());
            }
        }
        // Also in folders where nothing else has changed.
        for id in failures::due_folders(&self.context.store, &self.mailbox.id).await? {
            let folder = self.known.iter().position(|folder| folder.id == id);
            if let Some(i) = folder.filter(|i| self.known[*i].mode != Mode::Off) {
                let tried = self.retry_failed(i, isolation).await;
                self.unless_gone(tried).await?;
            }
        }
        if self.doubts.is_another_connection_wanted() {
            // What is missed may be in a folder that could not be looked at.
            return Ok(());
        }
        // Every folder was looked at since `began`: what vanished before and turned up nowhere is gone. Where one could not be
        // looked at, what vanished may be there. What vanished since may turn up in a folder that was counted before: one
        // more round tells.
        let settled = began.plus_millis(-self.hold);
        ingest::finish_vanished(&self.context.store, self.lease, settled, self.origin).await?;
        self.news.elsewhere |=
            ingest::vanished_since(&self.context.store, &self.mailbox.id, began).await?;
        self.last_round = Some(Instant::now());
        self.in_step = Some(began);
        Ok(())
    }

    /// Opens a folder and applies what changed in it.
    pub(crate) async fn look(&mut self, i: usize) -> Result<Option<Open>> {
        if self.is_parked(&self.known[i]) {
            self.hold = self.hold.max(HOLD_CLOSED);
            return Ok(None);
        }
        self.open = None;
        self.exists = None;
        self.open_next = None;
        if self.hands.are_many() {
            let id = self.known[i].id.clone();
            self.hands.hold(&id).await;
            self.reload(i).await?;
        }
        let manner = Manner {
            mailbox: self.mailbox,
            abilities: self.abilities,
            origin: self.origin,
            told_before: self.doubts.told_before(&self.known[i].id),
        };
        let looked = look::look(
            &mut self.session,
            self.context,
            self.lease,
            &mut self.known[i],
            manner,
            &mut self.news,
        )
        .await;
        match looked {
            Ok(open) => {
                self.doubts.settle(&self.known[i].id);
                let id = self.known[i].id.clone();
                let mark = self.mark_mut(&id);
                mark.refused = 0;
                if open.has_all_flags && !open.has_mod_seq {
                    mark.compared = Some(Instant::now());
                }
                self.open = Some(id);
                self.exists = Some(open.exists);
                self.open_next = open.uid_next;
                Ok(Some(open))
            }
            // The first connection finds out what is wrong with it.
            Err(SyncError::OtherIdentity { .. } | SyncError::UidValidity { .. })
                if self.hands.helps =>
            {
                Ok(None)
            }
            Err(SyncError::Imap(error)) if self.hands.helps && !error.is_fatal() => Ok(None),
            // A folder that cannot be opened does not stop the others; a server that wants quiet means all of them.
            Err(SyncError::Imap(error))
                if !error.is_fatal()
                    && !asks_for_quiet(&error, self.mailbox, self.context.store.now()) =>
            {
                let said = ledger::said(self.context, &self.mailbox.id, error).await;
                tracing::info!(
                    folder = self.known[i].path,
                    said,
                    "a folder cannot be opened"
                );
                self.leave_closed(i).await?;
                Ok(None)
            }
            // Nor does one that may be another one by now, until a second connection knows.
            Err(SyncError::OtherIdentity {
                folder,
                uid_validity,
            }) => {
                tracing::info!(
                    folder,
                    uid_validity,
                    "the folder's identity may have changed"
                );
                self.hold = self.hold.max(HOLD_CLOSED);
                if self.doubts.note(&self.known[i].id, uid_validity) {
                    self.park(i, UNSTABLE, PARKED_MILLIS).await?;
                }
                Ok(None)
            }
            Err(SyncError::UidValidity { .. }) => {
                self.park(i, UNSTABLE, PARKED_MILLIS).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A folder cannot be opened: it is left alone for a while, each time for longer.
    async fn leave_closed(&mut self, i: usize) -> Result<()> {
        let id = self.known[i].id.clone();
        let mark = self.mark_mut(&id);
        let times = mark.refused;
        mark.refused += 1;
        let pause = CLOSED_MILLIS << times.min(10);
        // It may be gone since the list was made: another one tells.
        self.news.elsewhere |= times == 0;
        self.park(i, "folder_unreadable", pause.min(CLOSED_MILLIS_MAX))
            .await
    }

    /// What came of work on a folder; `None`: the folder was renamed or removed under our hands, which stops the work on it and
    /// on no other. The next list tells what became of it.
    pub(super) async fn unless_gone<T>(&mut self, done: Result<T>) -> Result<Option<T>> {
        let (id, name) = match done {
            Err(SyncError::FolderGone { folder_id, name }) => (folder_id, name),
            done => return done.map(Some),
        };
        tracing::info!(folder = name, "the folder is gone while it is open");
        (self.open, self.exists, self.open_next) = (None, None, None);
        self.news.leave_folder();
        if let Some(i) = self.known.iter().position(|folder| folder.id == id) {
            self.leave_closed(i).await?;
        }
        Ok(None)
    }

    /// A folder that cannot be opened, or is another one each time it is, is left alone for a while, or until a person has
    /// everything looked through again.
    async fn park(&mut self, i: usize, problem_id: &'static str, millis: i64) -> Result<()> {
        self.hold = self.hold.max(HOLD_CLOSED);
        let store = &self.context.store;
        let until = store.now().plus_millis(millis);
        let folder = &mut self.known[i];
        tracing::warn!(
            folder = folder.path,
            problem_id,
            "the folder is left alone for a while"
        );
        metrics::counter!("postroom_problems_total", "problem" => problem_id).increment(1);
        let id = folder.id.clone();
        folders::park(store, self.lease, &id, problem_id, until).await?;
        folder.parked_until = Some(until);
        folder.resets = (folder.resets - i64::from(problem_id == UNSTABLE)).max(0);
        // What comes into it meanwhile is caught up with.
        self.mark_mut(&id).behind = true;
        self.doubts.settle(&id);
        Ok(())
    }

    /// How long it takes until a folder is to be tried again that is left alone.
    pub(super) fn until_tried_again(&self) -> Option<Duration> {
        let now = self.context.store.now();
        let stored = self.known.iter().filter(|folder| folder.mode != Mode::Off);
        let next = stored.filter_map(|folder| folder.parked_until).min()?;
        Some(Duration::from_millis(
            next.0.saturating_sub(now.0).max(0) as u64
        ))
    }

    /// Whether a folder is left alone for now.
    pub(super) fn is_parked(&self, folder: &Known) -> bool {
        let now = self.context.store.now();
        folder.parked_until.is_some_and(|until| now < until)
    }

    pub(super) async fn ensure_open(&mut self, i: usize) -> Result<bool> {
        if self.open.as_deref() == Some(&self.known[i].id) {
            return Ok(true);
        }
        Ok(self.look(i).await?.is_some())
    }

    /// Reads again what the store knows about a folder.
    pub(super) async fn reload(&mut self, i: usize) -> Result<()> {
        let known = folders::known_one(&self.context.store, &self.known[i].id).await?;
        if let Some(folder) = known {
            self.known[i] = folder;
        }
        Ok(())
    }
}
