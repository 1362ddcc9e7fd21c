//! One connection to a mailbox: rounds that bring everything in step, and the wait between them.
//!
//! A round goes: what we owe the server; the list of folders with their counts; every folder that
//! changed is looked at (flags, what vanished); then new mail; then what vanished and turned up
//! nowhere is removed; then a slice of the past. After a restart it is the same round.

use super::isolation::Isolation;
use super::news::News;
use super::state::StateKeeper;
use crate::error::Result;
use crate::folder::fetch::{self, Direction, Job};
use crate::folder::look::{self, Abilities, Open};
use crate::folder::parse::Owner;
use crate::folder::plan::{self, Need};
use crate::list::{self, Listed, Status};
use crate::{Context, owed};
use imap_client::{
    IdleEnd, ImapError, ListEntry, ListOptions, NotifySet, Session, StatusData, StatusItem, UidSet,
};
use model::Timestamp;
use model::event::{NewEvent, Origin};
use model::folder::{Mode, Role};
use model::limits::BATCH_MESSAGES;
use model::mailbox::{ConnectionState, Mailbox};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use store::StoreError;
use store::folders::{self, Cursor, Known};
use store::ingest::{self, Changes, NewMessage};
use store::leases::Lease;
use store::wake::Listener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a slice of filling the past lasts before new mail and owed changes are looked after.
const SLICE: Duration = Duration::from_secs(3);
/// While the past is filled, the other folders are looked at this often.
const ROUND_WHILE_FILLING: Duration = Duration::from_secs(15);
/// With NOTIFY everything is told; a whole round this often catches what was not.
const SAFETY_ROUND: Duration = Duration::from_secs(600);

/// How long we wait for the answer to LOGOUT.
const GOODBYE: Duration = Duration::from_secs(1);

const COUNTS: [StatusItem; 4] = [
    StatusItem::Messages,
    StatusItem::UidNext,
    StatusItem::UidValidity,
    StatusItem::HighestModseq,
];

/// A session at work.
pub(crate) struct Visit<'a> {
    pub(crate) context: &'a Context,
    pub(crate) lease: &'a Lease,
    mailbox: &'a Mailbox,
    pub(crate) session: Session,
    abilities: Abilities,
    notified: bool,
    pub(crate) known: Vec<Known>,
    pub(crate) news: News,
    /// Our id of the folder that is open for reading.
    pub(crate) open: Option<String>,
    /// How many messages it has, if we can tell.
    exists: Option<i64>,
    /// UIDNEXT of folders when they were last in step: newer than our cursor where the newest
    /// messages were removed. A hint that only saves a look.
    seen_next: HashMap<String, i64>,
    /// Folders that could not be opened in this round.
    closed: HashSet<String>,
    origin: Origin,
    /// Mail that had arrived while we were away.
    caught_up: i64,
    last_round: Option<Instant>,
    /// Something was achieved on this connection.
    progress: bool,
}

impl<'a> Visit<'a> {
    pub(super) async fn new(
        context: &'a Context,
        lease: &'a Lease,
        mailbox: &'a Mailbox,
        mut session: Session,
    ) -> Result<Self> {
        let enabled = if session.supports("QRESYNC") {
            session.enable(&["QRESYNC", "CONDSTORE"]).await?
        } else {
            Vec::new()
        };
        let abilities = Abilities {
            // What was ENABLED counts, not what was offered (one server confirms nothing).
            qresync: enabled
                .iter()
                .any(|name| name.eq_ignore_ascii_case("QRESYNC")),
            condstore: session.supports("CONDSTORE") || session.supports("QRESYNC"),
        };
        // Before anything is looked at: what changes from now on is told.
        let notified = session.notify(NotifySet::Personal).await?;
        let known = folders::known(&context.store, &mailbox.id).await?;
        Ok(Self {
            context,
            lease,
            mailbox,
            session,
            abilities,
            notified,
            known,
            news: News::default(),
            open: None,
            exists: None,
            seen_next: HashMap::new(),
            closed: HashSet::new(),
            origin: Origin::CatchUp,
            caught_up: 0,
            last_round: None,
            progress: false,
        })
    }

    /// Works until the connection breaks, the mailbox changes, or the work is cancelled. Says whether
    /// anything was achieved, and how it ended.
    pub(super) async fn stay(
        mut self,
        state: &mut StateKeeper,
        isolation: &mut Isolation,
        wake: &mut Listener,
        cancel: &CancellationToken,
    ) -> (bool, Result<()>) {
        let ended = self.work(state, isolation, wake, cancel).await;
        if ended.is_ok() {
            // The server will notice anyway; a goodbye is politeness with a short patience.
            let _ = tokio::time::timeout(GOODBYE, self.session.logout()).await;
        }
        (self.progress, ended)
    }

    async fn work(
        &mut self,
        state: &mut StateKeeper,
        isolation: &mut Isolation,
        wake: &mut Listener,
        cancel: &CancellationToken,
    ) -> Result<()> {
        loop {
            self.round(isolation, cancel).await?;
            if cancel.is_cancelled() {
                return Ok(());
            }
            self.progress = true;
            self.end_of_catching_up().await?;
            let idle = self.session.supports("IDLE");
            state
                .alive(if idle {
                    ConnectionState::Live
                } else {
                    ConnectionState::Polling
                })
                .await?;
            if self.slice(isolation, cancel).await? {
                if self.mailbox_changed().await? {
                    return Ok(());
                }
                continue;
            }
            loop {
                let woken = self.wait(idle, wake, cancel).await?;
                if cancel.is_cancelled() || (woken && self.mailbox_changed().await?) {
                    return Ok(());
                }
                state
                    .alive(if idle {
                        ConnectionState::Live
                    } else {
                        ConnectionState::Polling
                    })
                    .await?;
                if woken || self.act_on_news(isolation).await? || self.round_is_due() {
                    break;
                }
            }
        }
    }

    async fn mailbox_changed(&mut self) -> Result<bool> {
        let now = store::mailboxes::get(&self.context.store, &self.mailbox.id).await?;
        Ok(now.version != self.mailbox.version || now.lifecycle != self.mailbox.lifecycle)
    }

    fn round_is_due(&self) -> bool {
        let every = if self.notified {
            SAFETY_ROUND
        } else {
            self.context.timing.poll
        };
        self.last_round.is_none_or(|at| at.elapsed() >= every)
    }

    /// Brings everything but the past in step.
    async fn round(&mut self, isolation: &mut Isolation, cancel: &CancellationToken) -> Result<()> {
        let began = self.context.store.now();
        owed::pay(self).await?;
        let filling = self.known.iter().any(|folder| self.can_be_filled(folder));
        let fresh = self
            .last_round
            .is_some_and(|at| at.elapsed() < ROUND_WHILE_FILLING);
        self.news.collect(&mut self.session);
        if filling && fresh && !self.news.elsewhere && !self.news.unsure && !self.news.expunged {
            self.act_on_news(isolation).await?;
            return Ok(());
        }
        self.closed.clear();
        let listed = self.list().await?;
        let changes = list::plan(
            &self.known,
            &listed,
            self.mailbox.monitored_folders.as_deref(),
        );
        folders::apply_list(&self.context.store, self.lease, changes).await?;
        self.known = folders::known(&self.context.store, &self.mailbox.id).await?;
        self.news.elsewhere = false;
        self.news.unsure = false;
        let compare = self.last_round.is_none() || self.round_is_due();
        let targets: Vec<usize> = self
            .known
            .iter()
            .enumerate()
            .filter(|(_, folder)| folder.mode != Mode::Off)
            .filter(|(_, folder)| {
                let status = listed
                    .iter()
                    .find(|l| l.wire_name == folder.wire_name)
                    .map_or(Status::default(), |l| l.status);
                plan::need(
                    folder,
                    &status,
                    self.seen_next.get(&folder.id).copied(),
                    compare,
                ) == Need::Look
            })
            .map(|(i, _)| i)
            .collect();
        // First what is gone, in all of them, so that a message that moved is known as moved.
        for i in &targets {
            self.look(*i).await?;
            if cancel.is_cancelled() {
                return Ok(());
            }
        }
        for i in &targets {
            self.fetch_new(*i, isolation).await?;
            self.retry_failed(*i, isolation).await?;
            if cancel.is_cancelled() {
                return Ok(());
            }
        }
        // Every folder was looked at since `began`: what vanished before and turned up nowhere is gone.
        // What vanished since may turn up in a folder that was counted before: one more round tells.
        ingest::finish_vanished(&self.context.store, self.lease, began, self.origin).await?;
        self.news.elsewhere |=
            ingest::vanished_since(&self.context.store, &self.mailbox.id, began).await?;
        self.last_round = Some(Instant::now());
        Ok(())
    }

    /// The folders with their counts: one command where the server has LIST-STATUS.
    async fn list(&mut self) -> Result<Vec<Listed>> {
        let options = ListOptions {
            status_items: Some(COUNTS.to_vec()),
            special_use: true,
        };
        let entries = self.session.list(&options).await?;
        let mut listed = Vec::with_capacity(entries.len());
        for entry in entries {
            if !entry.is_selectable() {
                continue;
            }
            let mut folder = to_listed(&entry);
            let wanted = list::default_mode(
                &folder.path,
                folder.role,
                self.mailbox.monitored_folders.as_deref(),
            ) != Mode::Off
                || self
                    .known
                    .iter()
                    .any(|k| k.wire_name == folder.wire_name && k.mode != Mode::Off);
            if wanted && entry.status.is_none() {
                // A folder that cannot be asked is not a reason to leave the others.
                match self.session.status(&entry.name, &COUNTS).await {
                    Ok(data) => folder.status = to_status(&data),
                    Err(error) if error.is_fatal() => return Err(error.into()),
                    Err(error) => tracing::debug!(folder = folder.path, %error, "no STATUS"),
                }
            }
            listed.push(folder);
        }
        Ok(listed)
    }

    /// Opens a folder and applies what changed in it.
    pub(crate) async fn look(&mut self, i: usize) -> Result<Option<Open>> {
        self.open = None;
        self.exists = None;
        let looked = look::look(
            &mut self.session,
            self.context,
            self.lease,
            &mut self.known[i],
            self.abilities,
            self.origin,
            &mut self.news,
        )
        .await;
        match looked {
            Ok(open) => {
                self.open = Some(self.known[i].id.clone());
                self.exists = Some(open.exists);
                if let Some(next) = open.uid_next {
                    self.seen_next.insert(self.known[i].id.clone(), next);
                }
                Ok(Some(open))
            }
            // A folder that cannot be opened does not stop the others.
            Err(crate::error::SyncError::Imap(error)) if !error.is_fatal() => {
                tracing::info!(folder = self.known[i].path, %error, "a folder cannot be opened");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn ensure_open(&mut self, i: usize) -> Result<bool> {
        if self.open.as_deref() == Some(&self.known[i].id) {
            return Ok(true);
        }
        Ok(self.look(i).await?.is_some())
    }

    /// Fetches what is new in a folder, oldest first, and puts the upper cursor behind it.
    async fn fetch_new(&mut self, i: usize, isolation: &mut Isolation) -> Result<()> {
        if !self.ensure_open(i).await? {
            return Ok(());
        }
        if let Some(count) = self.news.exists.take() {
            self.exists = Some(count as i64);
        }
        let folder = self.known[i].clone();
        if folder.low_uid.is_none() && !folder.backfilled && folder.high_uid <= 1 {
            return self.begin_filling(i).await;
        }
        let high = folder.high_uid.max(1) as u64;
        let new = self.session.uid_search(&format!("UID {high}:*")).await?;
        // `n:*` names the last message even when it is older (RFC 3501 section 6.4.8).
        let all_new = new.intersect(&UidSet::range(high, u64::from(u32::MAX)));
        let mut new = all_new.clone();
        if let Some(since) = since(&folder, self.mailbox) {
            new = self.only_since(new, since).await?;
        }
        let mut batches = plan::newest_first(&new, BATCH_MESSAGES);
        batches.reverse();
        let outcome = self
            .fetch(i, batches, Direction::Up, self.origin, isolation, None)
            .await?;
        if self.origin == Origin::CatchUp && folder.backfilled {
            self.caught_up += outcome.stored;
        }
        self.reload(i).await?;
        if let Some(last) = all_new.last()
            && self.known[i].high_uid <= last as i64
        {
            // Messages outside the wanted time, or copies: looked at all the same.
            let high_uid = Some(last as i64 + 1);
            let cursor = Cursor {
                high_uid,
                ..Cursor::default()
            };
            folders::move_cursor(&self.context.store, self.lease, &folder.id, cursor).await?;
            self.known[i].high_uid = last as i64 + 1;
        }
        self.verify_count(i).await
    }

    /// Reads again what the store knows about a folder.
    async fn reload(&mut self, i: usize) -> Result<()> {
        let known = folders::known(&self.context.store, &self.mailbox.id).await?;
        if let Some(folder) = known.into_iter().find(|f| f.id == self.known[i].id) {
            self.known[i] = folder;
        }
        Ok(())
    }

    /// Marks where new mail begins; what is there already is the past, to be filled newest first.
    async fn begin_filling(&mut self, i: usize) -> Result<()> {
        let all = self.session.uid_search("ALL").await?;
        let high = all.last().map_or(1, |last| last as i64 + 1);
        let cursor = Cursor {
            high_uid: Some(high),
            ..Cursor::default()
        };
        folders::move_cursor(&self.context.store, self.lease, &self.known[i].id, cursor).await?;
        self.known[i].high_uid = high;
        Ok(())
    }

    /// Of these, the messages that the server received since a time.
    async fn only_since(&mut self, uids: UidSet, since: Timestamp) -> Result<UidSet> {
        if uids.is_empty() {
            return Ok(uids);
        }
        let date = imap_client::search_date(since.seconds());
        let found = self.session.uid_search(&format!("SINCE {date}")).await?;
        Ok(uids.intersect(&found))
    }

    /// A cheap proof that nothing slipped through: the server's count against ours. Where they
    /// differ, all UIDs are compared and the difference is mended.
    async fn verify_count(&mut self, i: usize) -> Result<()> {
        self.news.collect(&mut self.session);
        let folder = self.known[i].clone();
        if self.open.as_ref() != Some(&folder.id) {
            return Ok(());
        }
        let (Some(exists), Some(validity)) = (self.exists, folder.uid_validity) else {
            return Ok(());
        };
        if !folder.backfilled || self.news.has_changes() || self.news.exists.is_some() {
            return Ok(());
        }
        let store = &self.context.store;
        let failed = folders::failed_uids(store, &folder.id, validity).await?;
        let limited = since(&folder, self.mailbox).is_some();
        if limited || exists == folder.messages + failed.len() as i64 {
            if folder.server_messages != Some(exists) {
                let cursor = Cursor {
                    server_messages: Some(exists),
                    ..Cursor::default()
                };
                folders::move_cursor(store, self.lease, &folder.id, cursor).await?;
                self.known[i].server_messages = Some(exists);
            }
            return Ok(());
        }
        let listed = self.session.uid_search("ALL").await?;
        let ours = look::ours(self.context, &folder).await?;
        let below = UidSet::range(1, (folder.high_uid.max(1) - 1) as u64);
        let missing = listed
            .difference(&ours)
            .difference(&look::to_set(&failed))
            .intersect(&below);
        let changes = Changes {
            folder_id: folder.id.clone(),
            uid_validity: validity,
            origin: self.origin,
            flags: Vec::new(),
            vanished: plan::vanished(&ours, &listed),
            cursor: Cursor {
                server_messages: Some(listed.len() as i64),
                ..Cursor::default()
            },
        };
        ingest::apply(store, self.lease, changes).await?;
        self.known[i].server_messages = Some(listed.len() as i64);
        if !missing.is_empty() {
            tracing::info!(
                folder = folder.path,
                missing = missing.len(),
                "filling a hole"
            );
            self.known[i].backfilled = false;
        }
        Ok(())
    }

    /// Tries messages of the ledger again whose time has come.
    async fn retry_failed(&mut self, i: usize, isolation: &mut Isolation) -> Result<()> {
        let folder = self.known[i].clone();
        let Some(validity) = folder.uid_validity else {
            return Ok(());
        };
        let due = store::failures::due(&self.context.store, &folder.id, validity).await?;
        if due.is_empty() || !self.ensure_open(i).await? {
            return Ok(());
        }
        // One by one: each of them has broken something before.
        let alone: Vec<UidSet> = due.iter().map(|uid| look::to_set(&[*uid])).collect();
        self.fetch(i, alone, Direction::Stay, self.origin, isolation, None)
            .await?;
        Ok(())
    }

    async fn fetch(
        &mut self,
        i: usize,
        batches: Vec<UidSet>,
        direction: Direction,
        origin: Origin,
        isolation: &mut Isolation,
        until: Option<(Instant, &CancellationToken)>,
    ) -> Result<ingest::Outcome> {
        let folder = self.known[i].clone();
        if batches.is_empty() {
            return Ok(ingest::Outcome::default());
        }
        let job = Job {
            context: self.context,
            lease: self.lease,
            folder_id: &folder.id,
            uid_validity: folder.uid_validity.unwrap_or(0),
            owner: Owner {
                address: self.mailbox.address.to_lowercase(),
                role: folder.role,
            },
            origin,
        };
        let news = &mut self.news;
        let outcome = fetch::run(
            &mut self.session,
            &job,
            batches,
            direction,
            isolation,
            |session| {
                news.collect(session);
                until.is_some_and(|(end, cancel)| {
                    cancel.is_cancelled() || Instant::now() >= end || !news.is_empty()
                })
            },
        )
        .await;
        self.news.collect(&mut self.session);
        let mut outcome = outcome?;
        let doubtful = std::mem::take(&mut outcome.doubtful);
        if !doubtful.is_empty() {
            let settled = self.settle_copies(i, &folder, origin, doubtful).await?;
            outcome.stored += settled.stored;
            outcome.moved += settled.moved;
            outcome.known += settled.known;
        }
        self.progress |= outcome.stored > 0;
        Ok(outcome)
    }

    /// Messages with the bytes of one in another folder: copies, or moved here a moment ago. A move is
    /// one act for the server, so a look at the folders that changed since tells which.
    async fn settle_copies(
        &mut self,
        i: usize,
        folder: &Known,
        origin: Origin,
        doubtful: Vec<NewMessage>,
    ) -> Result<ingest::Outcome> {
        let listed = self.list().await?;
        for other in 0..self.known.len() {
            let known = &self.known[other];
            let status = listed.iter().find(|l| l.wire_name == known.wire_name);
            let status = status.map_or(Status::default(), |l| l.status);
            let next = self.seen_next.get(&known.id).copied();
            let changed = plan::need(known, &status, next, true) == Need::Look;
            if other != i && known.mode != Mode::Off && known.uid_validity.is_some() && changed {
                self.look(other).await?;
            }
        }
        let batch = ingest::Batch {
            folder_id: folder.id.clone(),
            uid_validity: folder.uid_validity.unwrap_or(0),
            origin,
            messages: doubtful,
            failures: Vec::new(),
            gone: Vec::new(),
            cursor: Cursor::default(),
            copies_too: true,
        };
        let (store, lease) = (&self.context.store, self.lease);
        Ok(ingest::ingest(store, lease, batch, crate::threading::threader).await?)
    }

    /// Fills a slice of the past. Returns whether there is more to do.
    async fn slice(
        &mut self,
        isolation: &mut Isolation,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        let Some(i) = self.next_unfilled() else {
            return Ok(false);
        };
        let stopping = |_| StoreError::Unavailable("the server is stopping".into());
        let filling = self.context.filling.clone();
        let _place = filling.acquire().await.map_err(stopping)?;
        if !self.ensure_open(i).await? {
            // The next round tries it again; the others are filled meanwhile.
            self.closed.insert(self.known[i].id.clone());
            return Ok(true);
        }
        let folder = self.known[i].clone();
        let Some(validity) = folder.uid_validity else {
            return Ok(true);
        };
        let below = UidSet::range(1, (folder.high_uid.max(1) - 1) as u64);
        let mut wanted = self.session.uid_search("ALL").await?.intersect(&below);
        if let Some(since) = since(&folder, self.mailbox) {
            wanted = self.only_since(wanted, since).await?;
        }
        let store = &self.context.store;
        let ours = look::ours(self.context, &folder).await?;
        let failed = look::to_set(&folders::failed_uids(store, &folder.id, validity).await?);
        let todo = wanted.difference(&ours).difference(&failed);
        let total = wanted.len() as i64;
        let cursor = Cursor {
            total: Some(total),
            ..Cursor::default()
        };
        folders::move_cursor(store, self.lease, &folder.id, cursor).await?;
        let end = Instant::now() + SLICE;
        let batches = plan::newest_first(&todo, BATCH_MESSAGES);
        let until = Some((end, cancel));
        let outcome = self
            .fetch(
                i,
                batches,
                Direction::Down,
                Origin::Backfill,
                isolation,
                until,
            )
            .await?;
        let fetched = (outcome.stored + outcome.moved + outcome.known + outcome.failed) as u64;
        if fetched >= todo.len() || todo.is_empty() {
            let cursor = Cursor {
                low_uid: Some(wanted.first().unwrap_or(1) as i64),
                total: Some(total),
                backfilled: true,
                ..Cursor::default()
            };
            folders::move_cursor(&self.context.store, self.lease, &folder.id, cursor).await?;
            self.known[i].backfilled = true;
            self.reload(i).await?;
            self.verify_count(i).await?;
        }
        Ok(true)
    }

    fn can_be_filled(&self, folder: &Known) -> bool {
        folder.mode != Mode::Off && !folder.backfilled && !self.closed.contains(&folder.id)
    }

    /// INBOX first, then sent mail, then the rest.
    fn next_unfilled(&self) -> Option<usize> {
        let order = |folder: &Known| match folder.role {
            Some(Role::Inbox) => 0,
            Some(Role::Sent) => 1,
            _ => 2,
        };
        (0..self.known.len())
            .filter(|i| self.can_be_filled(&self.known[*i]))
            .min_by_key(|i| (order(&self.known[*i]), *i))
    }

    /// From here on, what comes is live. A gap that was filled is told.
    async fn end_of_catching_up(&mut self) -> Result<()> {
        if self.origin == Origin::CatchUp {
            self.origin = Origin::Live;
            if self.caught_up > 0 {
                let data = serde_json::json!({"messages": self.caught_up});
                let event = NewEvent {
                    kind: "mailbox.gap_filled",
                    mailbox_id: Some(self.mailbox.id.clone()),
                    origin: Origin::CatchUp,
                    data,
                };
                store::events::log(&self.context.store, event).await?;
                self.caught_up = 0;
            }
        }
        Ok(())
    }

    /// Waits for news, a wake-up, or the time for a proof of life. Returns whether we were woken.
    async fn wait(
        &mut self,
        idle: bool,
        wake: &mut Listener,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        if !self.news.is_empty() {
            return Ok(false);
        }
        let next_owed = store::owed::next_due(&self.context.store, &self.mailbox.id).await?;
        let timing = &self.context.timing;
        let mut longest = if self.notified {
            timing.proof
        } else {
            timing.proof.min(timing.poll)
        };
        if let Some(due) = next_owed {
            let left = due.0.saturating_sub(self.context.store.now().0).max(0) as u64;
            longest = longest.min(Duration::from_millis(left + 10));
        }
        let inbox = self
            .known
            .iter()
            .position(|f| f.role == Some(Role::Inbox) && f.mode != Mode::Off);
        let watch = inbox.or_else(|| self.known.iter().position(|f| f.mode != Mode::Off));
        let mut watched = false;
        if let Some(i) = watch.filter(|_| idle) {
            if self.open.as_deref() == Some(&self.known[i].id) {
                watched = true;
            } else if self.look(i).await?.is_some() {
                // Mail may have come since the folder was last open: it is fetched before we wait.
                self.news
                    .exists
                    .get_or_insert(self.exists.unwrap_or(0) as u64);
                return Ok(false);
            }
        }
        let mut woken = false;
        let signal = async {
            tokio::select! {
                () = wake.next() => {}
                () = cancel.cancelled() => {}
            }
        };
        if watched {
            match self.session.idle(longest, signal).await {
                Ok(IdleEnd::Wake) => woken = true,
                Ok(_) => {}
                Err(error @ (ImapError::No { .. } | ImapError::Bad { .. })) => {
                    tracing::debug!(%error, "the server refuses to idle");
                    tokio::time::sleep(longest).await;
                }
                Err(error) => return Err(error.into()),
            }
        } else {
            woken = tokio::time::timeout(longest, signal).await.is_ok();
            self.session.noop().await?;
        }
        if next_owed.is_some_and(|due| due <= self.context.store.now()) {
            woken = true;
        }
        self.news.collect(&mut self.session);
        Ok(woken)
    }

    /// Acts on what the server said about the open folder. Returns whether a whole round is needed.
    async fn act_on_news(&mut self, isolation: &mut Isolation) -> Result<bool> {
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
            // What vanished may have moved: the round finds where to.
            if self.news.drain_into(&mut changes) {
                self.exists = None;
                round = true;
            }
            ingest::apply(&self.context.store, self.lease, changes).await?;
        }
        if self.news.exists.is_some() {
            self.fetch_new(i, isolation).await?;
        }
        Ok(round)
    }
}

fn since(folder: &Known, mailbox: &Mailbox) -> Option<Timestamp> {
    folder.since.or(mailbox.fetch_since)
}

fn to_listed(entry: &ListEntry) -> Listed {
    let path = entry.name.decoded();
    Listed {
        wire_name: folders::wire_text(entry.name.wire()),
        role: connect::roles::role_of(&entry.attributes, &path, entry.delimiter),
        delimiter: entry.delimiter.map(String::from),
        object_id: entry.mailbox_id.clone(),
        status: entry.status.as_ref().map(to_status).unwrap_or_default(),
        path,
    }
}

fn to_status(data: &StatusData) -> Status {
    let int = |value: Option<u64>| value.map(|value| value.min(i64::MAX as u64) as i64);
    Status {
        uid_validity: int(data.uidvalidity),
        uid_next: int(data.uidnext),
        mod_seq: int(data.highestmodseq).filter(|seq| *seq > 0),
        messages: int(data.messages),
        unseen: int(data.unseen),
    }
}
