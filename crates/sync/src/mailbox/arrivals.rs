//! New mail: fetched oldest first, counted against the server, copies told from moves.

use super::isolation::Isolation;
use super::news::News;
use super::round::HOLD_LIMITED;
use super::visit::{Visit, since};
use crate::error::Result;
use crate::folder::fetch::{self, Direction, Job, RAW_BATCHES};
use crate::folder::look;
use crate::folder::parse::Owner;
use crate::folder::plan::{self, Need};
use crate::list::Status;
use crate::meter::Purpose;
use imap_client::{MetaItems, UidSet};
use model::Timestamp;
use model::event::Origin;
use model::folder::Mode;
use model::limits::{BATCH_BYTES, BATCH_MESSAGES};
use std::collections::HashMap;
use store::folders::{self, Cursor, Known};
use store::ingest::{self, NewMessage};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Octets of a header, where a header is fetched: hardly any is longer.
const HEADER: u64 = 16 << 10;
/// Octets of a message of which the server does not tell the size.
const UNSIZED: u64 = 256 << 10;
/// The newest messages of a folder seen for the first time that may be news.
const NEWS_OF_A_NEW_FOLDER: usize = 200;
/// So many messages whose rest was asked for were asked for by people, who wait for them.
const ASKED_BY_HAND: u64 = 20;

/// What is fetched, in the order of fetching.
pub(super) struct Batches {
    /// As the folder is stored: whole, or as headers where it is watched.
    pub(super) whole: Vec<UidSet>,
    /// Larger than what is stored whole: their headers.
    pub(super) heads: Vec<UidSet>,
    /// Messages whose sizes the server told, and their octets in all.
    sample: (u64, u64),
    /// Octets by UID, where the provider's limits by the day have to be obeyed.
    sizes: HashMap<u64, u64>,
}

impl Batches {
    /// Whether there is more than one.
    pub(super) fn are_many(&self) -> bool {
        self.whole.len() + self.heads.len() > 1
    }

    fn whole(whole: Vec<UidSet>) -> Self {
        Self {
            whole,
            heads: Vec::new(),
            sample: (0, 0),
            sizes: HashMap::new(),
        }
    }

    /// Octets of so many messages, if they are like those whose sizes are known; `None`: none is.
    pub(super) fn octets_of(&self, messages: u64) -> Option<i64> {
        let (count, octets) = self.sample;
        let all = u128::from(octets) * u128::from(messages) / u128::from(count.max(1));
        (count > 0).then(|| i64::try_from(all).unwrap_or(i64::MAX))
    }
}

impl Visit<'_> {
    /// Fetches what is new in a folder, oldest first, and puts the upper cursor behind it.
    pub(super) async fn fetch_new(&mut self, i: usize, isolation: &mut Isolation) -> Result<()> {
        if !self.ensure_open(i).await? {
            return Ok(());
        }
        match self.news.exists.take() {
            Some(count) => self.exists = Some(count as i64),
            None => self.reload(i).await?,
        }
        let folder = self.known[i].clone();
        let mut folder = folder;
        if self.is_to_begin(i) {
            if !self.begin_filling(i).await? {
                self.mark_mut(&folder.id).behind = false;
                return Ok(());
            }
            folder = self.known[i].clone();
        }
        if self.meter.waits(Purpose::New, self.context.store.now()) {
            self.mark_mut(&folder.id).behind = true;
            self.hold = self.hold.max(HOLD_LIMITED);
            return Ok(());
        }
        if self.opening_showed_nothing_new(&folder) {
            self.mark_mut(&folder.id).behind = false;
            return self.verify_count(i).await;
        }
        let high = folder.high_uid.max(1) as u64;
        let new = self.session.uid_search(&format!("UID {high}:*")).await?;
        // `n:*` names the last message even when it is older (RFC 3501 section 6.4.8).
        let all_new = new.intersect(&UidSet::range(high, u64::from(u32::MAX)));
        let mut new = all_new.clone();
        if let Some(since) = since(&folder, self.mailbox) {
            new = self.only_since(new, since).await?;
        }
        let limit = self.size_limit(&folder);
        let mut batches = self.batches(&new, usize::MAX, limit).await?;
        batches.whole.reverse();
        let origin = match self.mark(&folder.id).behind {
            true => Origin::CatchUp,
            false => self.origin,
        };
        self.fetch(i, batches, Direction::Up, origin, isolation, None)
            .await?;
        self.reload(i).await?;
        if self.stop.is_cancelled() || self.short {
            // What was not fetched any more is still new, and no longer as it happens.
            self.mark_mut(&folder.id).behind = true;
            self.hold = self.hold.max(HOLD_LIMITED);
            return Ok(());
        }
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
        // Not at opening already: a folder that is being filled is opened long before its new mail is looked at.
        let next = self.open_next;
        let mark = self.mark_mut(&folder.id);
        mark.behind = false;
        mark.seen_next = next.or(mark.seen_next);
        self.verify_count(i).await
    }

    /// UIDNEXT is where we left it, and there are as many messages as we have: no search is needed.
    /// UIDNEXT alone is a hint that some servers leave behind.
    fn opening_showed_nothing_new(&self, folder: &Known) -> bool {
        folder.backfilled
            && self.open_next == Some(folder.high_uid)
            && self.exists == Some(folder.messages)
    }

    /// It is not known yet where new mail begins in a folder: all of it may be the past.
    pub(super) fn is_to_begin(&self, i: usize) -> bool {
        let folder = &self.known[i];
        folder.low_uid.is_none() && !folder.backfilled && folder.high_uid <= 1
    }

    /// Marks where new mail begins; what is there already is the past, to be filled newest first. In a folder that is seen
    /// for the first time, or anew, new mail begins with what came since the mailbox was last in step.
    pub(super) async fn begin_filling(&mut self, i: usize) -> Result<bool> {
        let all = self.session.uid_search("ALL").await?;
        let mut high = all.last().map_or(1, |last| last as i64 + 1);
        let mut has_news = false;
        if let Some(first) = self.first_since_in_step(&all).await? {
            (high, has_news) = (first as i64, true);
        }
        let mut past = all.intersect(&UidSet::below(high.unsigned_abs()));
        if let Some(since) = since(&self.known[i], self.mailbox) {
            past = self.only_since(past, since).await?;
        }
        let id = &self.known[i].id;
        let cursor = Cursor {
            high_uid: Some(high),
            total: Some(past.len() as i64),
            bytes_left: self.ahead.octets_of(id, past.len()),
            ..Cursor::default()
        };
        folders::move_cursor(&self.context.store, self.lease, id, cursor).await?;
        self.known[i].high_uid = high;
        self.known[i].total = past.len() as i64;
        Ok(has_news)
    }

    /// The first of the newest messages that the server received since the mailbox was last in step; `None`: there is none,
    /// it never was, or there are so many that somebody rather filed old mail anew.
    async fn first_since_in_step(&mut self, all: &UidSet) -> Result<Option<u64>> {
        let Some(in_step) = self.in_step else {
            return Ok(None);
        };
        let newest: Vec<u64> = all.iter().rev().take(NEWS_OF_A_NEW_FOLDER).collect();
        if newest.is_empty() {
            return Ok(None);
        }
        let mut wanted = UidSet::new();
        for uid in &newest {
            wanted.insert(*uid);
        }
        let items = MetaItems {
            internal_date: true,
            ..MetaItems::default()
        };
        let told = self.session.fetch_meta(&wanted, &items, None, false).await;
        let told = match told {
            // Refused because of one of them, perhaps: then all of it is the past.
            Err(error) if !error.is_fatal() => return Ok(None),
            told => told?,
        };
        let dates: HashMap<u64, i64> = told
            .messages
            .iter()
            .filter_map(|meta| Some((meta.uid?, meta.internal_date?)))
            .collect();
        let is_news = |uid: &&u64| dates.get(*uid).is_some_and(|at| *at >= in_step.seconds());
        let news = newest.iter().take_while(is_news).count();
        let all_of_them = news == newest.len() && (news as u64) < all.len();
        Ok(news
            .checked_sub(1)
            .filter(|_| !all_of_them)
            .map(|n| newest[n]))
    }

    /// Octets of the largest message of a folder that is stored whole.
    pub(super) fn size_limit(&self, folder: &Known) -> Option<u64> {
        let limit = folder.size_limit.or(self.mailbox.size_limit)?;
        Some(limit.max(0) as u64)
    }

    /// Cuts messages into batches of a bounded size, newest first; of many, only the `most` newest. What is larger than
    /// `limit` goes apart: of that, the header is fetched.
    pub(super) async fn batches(
        &mut self,
        uids: &UidSet,
        most: usize,
        limit: Option<u64>,
    ) -> Result<Batches> {
        if uids.is_empty() || (uids.len() == 1 && limit.is_none() && !self.meter.is_on()) {
            return Ok(Batches::whole(plan::newest_first(uids, BATCH_MESSAGES)));
        }
        let mut wanted = UidSet::new();
        for uid in uids.iter().rev().take(most) {
            wanted.insert(uid);
        }
        let items = MetaItems {
            size: true,
            ..MetaItems::default()
        };
        let mut sizes: Vec<(u64, u64)> = Vec::new();
        let told = self
            .session
            .fetch_meta_with(&wanted, &items, None, false, |meta| {
                sizes.extend(meta.uid.map(|uid| (uid, meta.size.unwrap_or(0))));
            })
            .await;
        match told {
            // Refused because of one of them, perhaps: the bodies are asked for all the same.
            Err(error) if !error.is_fatal() => tracing::debug!(code = error.code(), "no sizes"),
            told => {
                told?;
            }
        }
        // What the server leaves out is asked for all the same: it may be there after all.
        let mut told = UidSet::new();
        for (uid, _) in &sizes {
            told.insert(*uid);
        }
        sizes.retain(|(uid, _)| wanted.contains(*uid));
        sizes.extend(wanted.difference(&told).iter().map(|uid| (uid, 0)));
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes.dedup_by_key(|(uid, _)| *uid);
        let sample = (sizes.len() as u64, sizes.iter().map(|(_, size)| size).sum());
        let by_uid = match self.meter.is_on() {
            true => sizes.iter().copied().collect(),
            false => HashMap::new(),
        };
        let is_large = |(_, size): &(u64, u64)| limit.is_some_and(|limit| *size > limit);
        let large = sizes.iter().copied().filter(is_large);
        let heads = plan::into_batches(large.map(|(uid, _)| (uid, 0)), BATCH_MESSAGES, u64::MAX);
        sizes.retain(|message| !is_large(message));
        Ok(Batches {
            whole: plan::into_batches(sizes, BATCH_MESSAGES, BATCH_BYTES),
            heads,
            sample,
            sizes: by_uid,
        })
    }

    /// Of these, the messages that the server received since a time.
    pub(super) async fn only_since(&mut self, uids: UidSet, since: Timestamp) -> Result<UidSet> {
        if uids.is_empty() {
            return Ok(uids);
        }
        let date = imap_client::search_date(since.seconds());
        let found = self.session.uid_search(&format!("SINCE {date}")).await?;
        Ok(uids.intersect(&found))
    }

    /// Tries messages of the ledger again whose time has come.
    pub(super) async fn retry_failed(&mut self, i: usize, isolation: &mut Isolation) -> Result<()> {
        let folder = self.known[i].clone();
        let Some(validity) = folder.uid_validity else {
            return Ok(());
        };
        let due = store::failures::due(&self.context.store, &folder.id, validity).await?;
        if due.is_empty() || !self.ensure_open(i).await? {
            return Ok(());
        }
        let limit = self.size_limit(&folder);
        let mut batches = self.batches(&look::to_set(&due), usize::MAX, limit).await?;
        // One by one: each of them has broken something before.
        for sets in [&mut batches.whole, &mut batches.heads] {
            let uids = sets.iter().flat_map(UidSet::iter);
            *sets = uids.map(|uid| look::to_set(&[uid as i64])).collect();
        }
        // It was told of before as unreadable: it fills no gap, whenever it comes.
        self.fetch(i, batches, Direction::Stay, Origin::Live, isolation, None)
            .await?;
        Ok(())
    }

    /// Fetches headers of what is too large, and then whole messages, which move the cursor: it never stands behind a message
    /// that was left out.
    pub(super) async fn fetch(
        &mut self,
        i: usize,
        batches: Batches,
        direction: Direction,
        origin: Origin,
        isolation: &mut Isolation,
        until: Option<(Instant, &CancellationToken)>,
    ) -> Result<ingest::Outcome> {
        let watched = self.known[i].mode == Mode::Watch && direction != Direction::Complete;
        let batches = self.affordable(batches, direction, watched).await?;
        let mut outcome = ingest::Outcome::default();
        if !batches.heads.is_empty() {
            let how = (Direction::Stay, true);
            outcome = self
                .fetch_so(i, batches.heads, how, origin, isolation, until)
                .await?;
            let interrupted = until.is_some_and(|(end, cancel)| {
                cancel.is_cancelled() || Instant::now() >= end || !self.news.is_empty()
            });
            // It was closed while copies were settled, and cannot be opened any more.
            let closed = self.open.as_ref() != Some(&self.known[i].id);
            self.short |= closed && !batches.whole.is_empty();
            if interrupted || closed || self.stop.is_cancelled() {
                self.settle_meter().await?;
                return Ok(outcome);
            }
        }
        let how = (direction, watched);
        let rest = self.fetch_so(i, batches.whole, how, origin, isolation, until);
        outcome.add(rest.await?);
        self.settle_meter().await?;
        Ok(outcome)
    }

    /// The messages that the provider's limits by the day leave, in the order of fetching.
    async fn affordable(
        &mut self,
        batches: Batches,
        direction: Direction,
        watched: bool,
    ) -> Result<Batches> {
        self.short = false;
        if !self.meter.is_on() {
            self.grant(&[], Purpose::Past).await?;
            return Ok(batches);
        }
        let Batches {
            whole,
            heads,
            sizes,
            sample,
        } = batches;
        let count: u64 = heads.iter().chain(&whole).map(UidSet::len).sum();
        let purpose = match direction {
            Direction::Up | Direction::Stay => Purpose::New,
            Direction::Complete if count <= ASKED_BY_HAND => Purpose::New,
            Direction::Down | Direction::Complete => Purpose::Past,
        };
        let in_order = |set: &UidSet| -> Vec<u64> {
            match direction {
                Direction::Up => set.iter().collect(),
                _ => set.iter().rev().collect(),
            }
        };
        let size = |uid: &u64| {
            sizes
                .get(uid)
                .copied()
                .filter(|size| *size > 0)
                .unwrap_or(UNSIZED)
        };
        let mut octets: Vec<u64> = Vec::new();
        for set in &heads {
            octets.extend(in_order(set).iter().map(|uid| size(uid).min(HEADER)));
        }
        for set in &whole {
            let most = if watched { HEADER } else { u64::MAX };
            octets.extend(in_order(set).iter().map(|uid| size(uid).min(most)));
        }
        let mut left = self.grant(&octets, purpose).await?;
        self.short = left < octets.len();
        let mut keep = |sets: Vec<UidSet>| -> Vec<UidSet> {
            let kept = sets.into_iter().map(|set| {
                let uids = in_order(&set);
                let fits = uids.len().min(left);
                left -= fits;
                let uids: Vec<i64> = uids[..fits].iter().map(|uid| *uid as i64).collect();
                look::to_set(&uids)
            });
            kept.filter(|set| !set.is_empty()).collect()
        };
        Ok(Batches {
            heads: keep(heads),
            whole: keep(whole),
            sample,
            sizes: HashMap::new(),
        })
    }

    async fn fetch_so(
        &mut self,
        i: usize,
        mut batches: Vec<UidSet>,
        (direction, headers_only): (Direction, bool),
        origin: Origin,
        isolation: &mut Isolation,
        until: Option<(Instant, &CancellationToken)>,
    ) -> Result<ingest::Outcome> {
        let folder = self.known[i].clone();
        if batches.is_empty() {
            return Ok(ingest::Outcome::default());
        }
        self.hush().await?;
        self.compress(isolation).await?;
        let own = store::identities::own_addresses(&self.context.store, &self.mailbox.id).await?;
        let job = Job {
            context: self.context,
            lease: self.lease,
            folder_id: &folder.id,
            uid_validity: folder.uid_validity.unwrap_or(0),
            mailbox: self.mailbox,
            owner: Owner {
                addresses: own,
                role: folder.role,
            },
            origin,
            headers_only,
            raw_batches: match origin {
                Origin::Backfill => self.raw_batches,
                _ => RAW_BATCHES,
            },
        };
        let stop = self.stop.clone();
        let ended = |news: &News| {
            stop.is_cancelled()
                || until.is_some_and(|(end, cancel)| {
                    cancel.is_cancelled() || Instant::now() >= end || !news.is_empty()
                })
        };
        let mut outcome = ingest::Outcome::default();
        while !batches.is_empty() {
            let news = &mut self.news;
            let asked = std::mem::take(&mut batches);
            let fetched = fetch::run(
                &mut self.session,
                &job,
                asked,
                direction,
                isolation,
                |session| {
                    news.collect(session);
                    ended(news)
                },
            )
            .await;
            self.news.collect(&mut self.session);
            let (mut fetched, left) = fetched?;
            let doubtful = std::mem::take(&mut fetched.doubtful);
            outcome.add(fetched);
            if !doubtful.is_empty() && self.hands.helps {
                // Only a look at other folders tells whether they moved.
                self.hands.leave_to_the_first(&folder.id);
                break;
            }
            if !doubtful.is_empty() {
                outcome.add(self.settle_copies(i, &folder, origin, doubtful).await?);
            }
            // What was put off until that was settled comes now; the cursor never passes it.
            if !ended(&self.news) {
                match self.ensure_open(i).await? {
                    true => batches = left,
                    false => self.short |= !left.is_empty(),
                }
            }
        }
        self.progress |= outcome.stored > 0;
        self.gap_untold |= origin == Origin::CatchUp && outcome.stored > 0;
        self.meter
            .fetched(outcome.stored + outcome.moved + outcome.known + outcome.failed);
        Ok(outcome)
    }

    /// Messages with the bytes of one in another folder: copies, or moved here a moment ago. A move is
    /// one act for the server, so a look at the folders that changed since tells which.
    pub(super) async fn settle_copies(
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
            let next = self.mark(&known.id).seen_next;
            // Who has left shows in the count.
            let changed = plan::need(known, &status, next, false) == Need::Look;
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
}
