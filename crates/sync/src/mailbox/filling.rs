//! The past, newest first, a slice at a time.

use super::isolation::Isolation;
use super::turn::Work;
use super::visit::{Visit, since};
use crate::error::Result;
use crate::folder::fetch::{Direction, RAW_BATCHES};
use crate::folder::look;
use crate::meter::Purpose;
use imap_client::UidSet;
use model::Timestamp;
use model::event::Origin;
use model::folder::{Mode, Role};
use std::time::Duration;
use store::folders::{self, Cursor, Known};
use store::ingest;
use store::messages;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Messages of one slice at most. Between two slices nothing is under way: few of them, then.
const SLICE_MESSAGES: usize = 12_000;
/// The same where a provider's limits by the day are counted.
const METERED_MESSAGES: usize = 200;
/// How long a slice lasts before new mail and owed changes are looked after.
const SLICE: Duration = Duration::from_secs(3);

impl Visit<'_> {
    /// Fills a slice of the past, and asks what one more folder will bring. Returns whether there is more to do now: not while
    /// others have all places.
    pub(super) async fn slice(
        &mut self,
        isolation: &mut Isolation,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        let more = self.fill_next(isolation, cancel).await?;
        if cancel.is_cancelled() {
            return Ok(more);
        }
        Ok(self.ask_ahead().await? || more)
    }

    async fn fill_next(
        &mut self,
        isolation: &mut Isolation,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        let waits = self.meter.waits(Purpose::Past, self.context.store.now());
        self.send_for_helpers().await?;
        self.see_what_helpers_did().await?;
        let Some(i) = self.next_unfilled().filter(|_| !waits) else {
            return self.complete(isolation, cancel).await;
        };
        let work = match self.left_to_fill() {
            // Not counted yet, or by an older wish.
            0 => Work::Large,
            left => Work::of(left),
        };
        let Some(place) = self.turn.take(work).await? else {
            return Ok(false);
        };
        self.raw_batches = place.num_permits().min(RAW_BATCHES);
        if !self.ensure_open(i).await? {
            // The next round tries it again; the others are filled meanwhile.
            let id = self.known[i].id.clone();
            self.mark_mut(&id).closed = true;
            return Ok(true);
        }
        self.fill(i, isolation, cancel).await?;
        Ok(true)
    }

    /// What other connections have filled meanwhile.
    async fn see_what_helpers_did(&mut self) -> Result<()> {
        if self.hands.are_many() {
            for i in self.unfilled() {
                self.reload(i).await?;
            }
        }
        Ok(())
    }

    /// Fills a slice of the past of a folder that is open.
    pub(super) async fn fill(
        &mut self,
        i: usize,
        isolation: &mut Isolation,
        cancel: &CancellationToken,
    ) -> Result<()> {
        // In this order: what is read of the folder is never older than the mark that the end is compared with.
        let (id, version) = (self.known[i].id.clone(), self.mailbox.version);
        let asked = folders::asked(&self.context.store, &id, version).await?;
        self.reload(i).await?;
        if self.is_to_begin(i) {
            // Switched off and on since the last round: what is new in it comes with the next one.
            self.news.elsewhere |= self.begin_filling(i).await?;
        }
        // A hole in what was filled once is known here alone: it is one until this has come to its end.
        self.known[i].backfilled = false;
        let folder = self.known[i].clone();
        let Some(validity) = folder.uid_validity.filter(|_| folder.mode != Mode::Off) else {
            return Ok(());
        };
        let below = UidSet::below(folder.high_uid.unsigned_abs());
        let mut wanted = self.session.uid_search("ALL").await?.intersect(&below);
        if let Some(since) = since(&folder, self.mailbox) {
            wanted = self.only_since(wanted, since).await?;
        }
        let store = &self.context.store;
        let ours = look::ours(self.context, &folder).await?;
        let failed = look::to_set(&folders::failed_uids(store, &folder.id, validity).await?);
        let todo = wanted.difference(&ours).difference(&failed);
        let total = wanted.len() as i64;
        let told = std::mem::replace(&mut self.known[i].total, total);
        self.hands.begin_slice();
        self.measured.get_or_insert(self.session.bytes_received());
        let end = Instant::now() + SLICE;
        let limit = self.size_limit(&folder);
        // What is set aside of the day's allowance is lost to a crash: little at a time.
        let most = match self.meter.is_on() {
            true => METERED_MESSAGES,
            false => SLICE_MESSAGES,
        };
        let batches = self.batches(&todo, most, limit).await?;
        let octets = match batches.octets_of(todo.len()) {
            // Sizes of a part: the server's own sum says more.
            sampled if todo.len() > most as u64 => {
                self.ahead.octets_of(&folder.id, todo.len()).or(sampled)
            }
            listed => listed,
        };
        // Said before it is fetched, so that people see what is to come; one batch is there before anybody looks.
        if batches.are_many() || (!todo.is_empty() && total != told) {
            let cursor = Cursor {
                total: Some(total),
                bytes_left: octets,
                ..Cursor::default()
            };
            folders::move_cursor(store, self.lease, &folder.id, cursor).await?;
        }
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
        let rate = self.measure(fetched);
        let left = todo.len().saturating_sub(fetched);
        // What came counts as stored from now on.
        let part = |all: i64| {
            u128::from(all.unsigned_abs()) * u128::from(left) / u128::from(todo.len().max(1))
        };
        let bytes_left = octets.map(|all| i64::try_from(part(all)).unwrap_or(i64::MAX));
        self.ahead.is_left(&folder.id, left, bytes_left);
        let store = &self.context.store;
        if left > 0 {
            let cursor = Cursor {
                bytes_left,
                ..Cursor::default()
            };
            folders::filled_on(store, self.lease, &folder.id, cursor, rate).await?;
            return Ok(());
        }
        self.reload(i).await?;
        let cursor = Cursor {
            low_uid: Some(wanted.first().unwrap_or(1) as i64),
            total: Some(total),
            filled: Some(asked),
            server_messages: self.agreed_count(i).await?,
            ..Cursor::default()
        };
        let store = &self.context.store;
        folders::filled_on(store, self.lease, &folder.id, cursor, rate).await?;
        self.reload(i).await?;
        self.verify_count(i).await?;
        // What vanished meanwhile was waiting for this: a round settles it.
        let store = &self.context.store;
        self.news.elsewhere |=
            ingest::vanished_since(store, &self.mailbox.id, Timestamp(0)).await?;
        Ok(())
    }

    /// How fast it goes, smoothed over some slices: messages in a minute, octets in a second.
    fn measure(&mut self, messages: u64) -> (i64, i64) {
        let bytes = self.session.bytes_received();
        let before = self.measured.replace(bytes).unwrap_or(bytes);
        let rate = self.hands.rate(messages, bytes.saturating_sub(before));
        (rate.0 as i64, rate.1 as i64)
    }

    /// Fetches a slice of what is asked for of messages whose header alone is stored. Returns whether it got on.
    async fn complete(
        &mut self,
        isolation: &mut Isolation,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        let store = &self.context.store;
        let asked = messages::asked_folders(store, &self.mailbox.id).await?;
        let mut got_on = false;
        if asked.is_empty() {
            return Ok(false);
        }
        let Some(_place) = self.turn.take(Work::Large).await? else {
            return Ok(false);
        };
        self.raw_batches = RAW_BATCHES;
        for id in asked {
            let known = self.known.iter().position(|folder| folder.id == id);
            let Some(i) = known.filter(|i| self.known[*i].mode != Mode::Off) else {
                continue;
            };
            if self.mark(&id).closed || !self.ensure_open(i).await? {
                continue;
            }
            let Some(validity) = self.known[i].uid_validity else {
                continue;
            };
            let uids = messages::asked_uids(&self.context.store, &id, validity).await?;
            let batches = self
                .batches(&look::to_set(&uids), SLICE_MESSAGES, None)
                .await?;
            let until = Some((Instant::now() + SLICE, cancel));
            let done = self
                .fetch(
                    i,
                    batches,
                    Direction::Complete,
                    Origin::Backfill,
                    isolation,
                    until,
                )
                .await?;
            got_on |= done.known > 0;
        }
        self.progress |= got_on;
        Ok(got_on)
    }

    pub(super) fn can_be_filled(&self, folder: &Known) -> bool {
        folder.mode != Mode::Off
            && !folder.backfilled
            && !self.mark(&folder.id).closed
            && !self.is_parked(folder)
    }

    /// Messages of the past that are still to be fetched, as far as they were counted.
    pub(super) fn left_to_fill(&self) -> i64 {
        let unfilled = self
            .known
            .iter()
            .filter(|folder| self.can_be_filled(folder));
        unfilled
            .map(|folder| (folder.total - folder.messages).max(0))
            .sum()
    }

    /// The folders that are to be filled: INBOX first, then sent mail, then the rest.
    pub(super) fn unfilled(&self) -> Vec<usize> {
        let order = |folder: &Known| match folder.role {
            Some(Role::Inbox) => 0,
            Some(Role::Sent) => 1,
            _ => 2,
        };
        let mut unfilled: Vec<usize> = (0..self.known.len())
            .filter(|i| self.can_be_filled(&self.known[*i]))
            .collect();
        unfilled.sort_by_key(|i| (order(&self.known[*i]), *i));
        unfilled
    }

    /// The first of them that no other connection works in.
    fn next_unfilled(&self) -> Option<usize> {
        let mut unfilled = self.unfilled().into_iter();
        unfilled.find(|i| self.hands.is_free(&self.known[*i].id))
    }
}
