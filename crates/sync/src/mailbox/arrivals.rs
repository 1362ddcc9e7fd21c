//! New mail: fetched oldest first, counted against the server, copies told from moves.

use super::isolation::Isolation;
use super::visit::{Visit, since};
use crate::error::Result;
use crate::folder::fetch::{self, Direction, Job};
use crate::folder::look;
use crate::folder::parse::Owner;
use crate::folder::plan::{self, Need};
use crate::list::Status;
use imap_client::{MetaItems, UidSet};
use model::Timestamp;
use model::event::Origin;
use model::folder::Mode;
use model::limits::{BATCH_BYTES, BATCH_MESSAGES};
use store::folders::{self, Cursor, Known};
use store::ingest::{self, Changes, NewMessage};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// In the place of the server's count: no folder has so many messages, so it is looked at again.
const NOT_IN_STEP: i64 = -1;

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
        if folder.low_uid.is_none() && !folder.backfilled && folder.high_uid <= 1 {
            return self.begin_filling(i).await;
        }
        if self.opening_showed_nothing_new(&folder) {
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
        let mut batches = self.batches(&new, usize::MAX).await?;
        batches.reverse();
        let outcome = self
            .fetch(i, batches, Direction::Up, self.origin, isolation, None)
            .await?;
        if self.origin == Origin::CatchUp && folder.backfilled {
            self.caught_up += outcome.stored;
        }
        self.reload(i).await?;
        if self.stop.is_cancelled() {
            // What was not fetched any more is still new.
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
        if let Some(next) = self.open_next {
            self.seen_next.insert(folder.id, next);
        }
        self.verify_count(i).await
    }

    /// UIDNEXT is where we left it, and there are as many messages as we have: no search is needed.
    /// UIDNEXT alone is a hint that some servers leave behind.
    fn opening_showed_nothing_new(&self, folder: &Known) -> bool {
        folder.backfilled
            && self.open_next == Some(folder.high_uid)
            && self.exists == Some(folder.messages)
    }

    /// Marks where new mail begins; what is there already is the past, to be filled newest first.
    pub(super) async fn begin_filling(&mut self, i: usize) -> Result<()> {
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

    /// Cuts messages into batches of a bounded size, newest first; of many, only the `most` newest.
    pub(super) async fn batches(&mut self, uids: &UidSet, most: usize) -> Result<Vec<UidSet>> {
        if uids.len() <= 1 {
            return Ok(plan::newest_first(uids, BATCH_MESSAGES));
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
            Err(error) if !error.is_fatal() => tracing::debug!(%error, "no sizes"),
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
        Ok(plan::into_batches(sizes, BATCH_MESSAGES, BATCH_BYTES))
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

    /// A cheap proof that nothing slipped through: the server's count against ours, or against its own from before. Where they
    /// differ, all UIDs are compared and the difference is mended.
    pub(super) async fn verify_count(&mut self, i: usize) -> Result<()> {
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
        // With a first day our count says nothing about the server's: then its count from when we were last in step does.
        let limit = since(&folder, self.mailbox);
        let in_step = match limit {
            Some(_) => folder.server_messages == Some(exists),
            None => exists == folder.messages + failed.len() as i64,
        };
        if in_step {
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
        let mut missing = listed
            .difference(&ours)
            .difference(&look::to_set(&failed))
            .intersect(&below);
        if let Some(since) = limit {
            missing = self.only_since(missing, since).await?;
        }
        let unseen = listed
            .last()
            .is_some_and(|last| last >= folder.high_uid.max(1) as u64);
        // While there is a hole, or new mail that was not fetched, we are not in step, also after a restart.
        let count = match missing.is_empty() && !unseen {
            true => listed.len() as i64,
            false => NOT_IN_STEP,
        };
        let changes = Changes {
            folder_id: folder.id.clone(),
            uid_validity: validity,
            origin: self.origin,
            flags: Vec::new(),
            vanished: plan::vanished(&ours, &listed),
            cursor: Cursor {
                server_messages: Some(count),
                ..Cursor::default()
            },
        };
        ingest::apply(store, self.lease, changes).await?;
        self.known[i].server_messages = Some(count);
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
    pub(super) async fn retry_failed(&mut self, i: usize, isolation: &mut Isolation) -> Result<()> {
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

    pub(super) async fn fetch(
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
        self.hush().await?;
        let job = Job {
            context: self.context,
            lease: self.lease,
            folder_id: &folder.id,
            uid_validity: folder.uid_validity.unwrap_or(0),
            mailbox: self.mailbox,
            owner: Owner {
                address: self.mailbox.address.to_lowercase(),
                role: folder.role,
            },
            origin,
            headers_only: folder.mode == Mode::Watch && direction != Direction::Complete,
        };
        let (news, stop) = (&mut self.news, self.stop.clone());
        let outcome = fetch::run(
            &mut self.session,
            &job,
            batches,
            direction,
            isolation,
            |session| {
                news.collect(session);
                stop.is_cancelled()
                    || until.is_some_and(|(end, cancel)| {
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
}
