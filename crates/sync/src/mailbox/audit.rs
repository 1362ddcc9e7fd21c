//! The completeness audit of an IMAP mailbox: every message of every folder, the server's against ours. Differences are
//! repaired in the ways that all mail comes, changes and goes. What an ordinary look at a folder mends is mended before
//! anything is counted. It may take minutes: between two parts of it the mailbox is looked after.

use super::counting::NOT_IN_STEP;
use super::isolation::Isolation;
use super::meanwhile::Meanwhile;
use super::round::HOLD_CLOSED;
use super::turn::Work;
use super::visit::{Visit, since};
use crate::audit::{self, Order};
use crate::error::Result;
use crate::folder::fetch::Direction;
use crate::folder::{look, plan};
use imap_client::{MetaItems, UidSet};
use model::completeness::FolderAudit;
use model::event::Origin;
use model::folder::Mode;
use model::message::Flags;
use std::collections::HashMap;
use store::completeness;
use store::folders::{self, Cursor, Known};
use store::ingest::{self, Changes, FlagUpdate};
use tokio_util::sync::CancellationToken;

/// Missing messages that an audit fetches of one folder; the rest is filled like any other past.
const FETCHED: usize = 2_000;

/// Of them, so many between two looks after the mailbox.
const AT_A_TIME: usize = 50;

/// How a folder differs.
#[derive(Clone, Debug, Default)]
struct Difference {
    server: i64,
    stored: i64,
    in_ledger: i64,
    missing: UidSet,
    surplus: UidSet,
    /// As many as are held at once; what is beyond them is for the next audit.
    flags: UidSet,
    sizes: i64,
    miscounted: i64,
}

impl Difference {
    fn is_none(&self) -> bool {
        self.missing.is_empty()
            && self.surplus.is_empty()
            && self.flags.is_empty()
            && self.miscounted == 0
    }

    /// What differed before too: anything else happened between two questions.
    fn lasting(mut self, before: &Self) -> Self {
        self.missing = self.missing.intersect(&before.missing);
        self.surplus = self.surplus.intersect(&before.surplus);
        self.flags = self.flags.intersect(&before.flags);
        self.miscounted = self.miscounted.min(before.miscounted);
        self
    }

    fn as_found(&self, found: FolderAudit) -> FolderAudit {
        FolderAudit {
            server: self.server,
            stored: self.stored,
            missing: self.missing.len() as i64,
            surplus: self.surplus.len() as i64,
            flags: self.flags.len() as i64,
            sizes: self.sizes,
            miscounted: self.miscounted,
            in_ledger: self.in_ledger,
            ..found
        }
    }
}

impl Visit<'_> {
    /// Compares everything with the server, where a person asked for it or the time has come.
    pub(super) async fn audit_if_due(
        &mut self,
        isolation: &mut Isolation,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let Some(order) = audit::due(self.context, &self.mailbox.id).await? else {
            return Ok(());
        };
        if !order.by_hand && !self.unfilled().is_empty() {
            return Ok(());
        }
        // Many may be due at once after a night without power: they take turns with those who fetch their past.
        let Some(_place) = self.turn.take(Work::Large).await? else {
            return Ok(());
        };
        if order.repair && completeness::give_up_adrift(&self.context.store, self.lease).await? {
            self.hold_for_the_audit();
        }
        let stored = self.known.iter().filter(|folder| folder.mode != Mode::Off);
        let stored: Vec<_> = stored
            .map(|folder| FolderAudit {
                folder_id: folder.id.clone(),
                path: folder.path.clone(),
                ..FolderAudit::default()
            })
            .collect();
        let mut meanwhile = Meanwhile::new(isolation, cancel);
        let mut folders = Vec::new();
        for unseen in stored {
            let audited = self.audit_folder(unseen.clone(), order, &mut meanwhile);
            let audited = audited.await;
            let audited = self.unless_gone(audited).await?;
            folders.push(audited.unwrap_or_else(|| unfinished(unseen, "folder_unreadable")));
            if !self.look_after(&mut meanwhile).await? {
                return Ok(());
            }
        }
        audit::finish(self.context, self.lease, order, folders).await?;
        // It may have been opened again without a look, and nobody waits in a folder so.
        if let Some(i) = self.open.take().and_then(|id| self.place_of(&id)) {
            self.look(i).await?;
        }
        // What is surplus vanished, and is settled by a round.
        self.hold_at_least = 0;
        self.news.elsewhere = true;
        Ok(())
    }

    async fn audit_folder(
        &mut self,
        unseen: FolderAudit,
        order: Order,
        meanwhile: &mut Meanwhile<'_>,
    ) -> Result<FolderAudit> {
        let id = unseen.folder_id.clone();
        let place = self.place_of(&id);
        if place.is_some_and(|i| self.is_parked(&self.known[i])) {
            let folder = folders::get(&self.context.store, &id).await?;
            let problem = folder.problem_id.as_deref().unwrap_or("folder_unreadable");
            return Ok(unfinished(unseen, problem));
        }
        let Some(mut difference) = self.compare(&id, meanwhile).await? else {
            return Ok(unfinished(unseen, "folder_unreadable"));
        };
        if !difference.is_none() {
            self.session.noop().await?;
            let Some(second) = self.compare(&id, meanwhile).await? else {
                return Ok(unfinished(unseen, "folder_unreadable"));
            };
            difference = second.lasting(&difference);
        }
        let mut found = difference.as_found(unseen);
        if !self.place_of(&id).is_some_and(|i| self.known[i].backfilled) {
            // What was never fetched is not missing yet.
            found.to_come = found.missing;
            found.missing = 0;
            difference.missing = UidSet::new();
        }
        if order.repair && found.differences() > 0 {
            let failed = self.repair(&id, &difference, meanwhile).await?;
            let left = match self.compare(&id, meanwhile).await? {
                Some(left) => left.lasting(&difference).as_found(FolderAudit::default()),
                None => found.clone(),
            };
            found.repaired = (found.differences() - left.differences() - failed).max(0);
        }
        Ok(found)
    }

    /// Opens a folder and compares it. `None`: it cannot be opened, is another one or gone meanwhile, or the work is to end.
    async fn compare(
        &mut self,
        id: &str,
        meanwhile: &mut Meanwhile<'_>,
    ) -> Result<Option<Difference>> {
        let Some(i) = self.place_of(id) else {
            return Ok(None);
        };
        if self.look(i).await?.is_none() {
            return Ok(None);
        }
        self.reload(i).await?;
        let folder = self.known[i].clone();
        let Some(validity) = folder.uid_validity else {
            return Ok(None);
        };
        let mut listed = UidSet::new();
        if self.exists != Some(0) {
            listed = self.session.uid_search("ALL").await?;
        }
        let store = &self.context.store;
        let ours = look::ours(self.context, &folder).await?;
        let failed = look::to_set(&folders::failed_uids(store, &folder.id, validity).await?);
        let counts = completeness::counts(store, &folder.id).await?;
        let below = UidSet::below(folder.high_uid.unsigned_abs());
        let mut wanted = listed.intersect(&below);
        if let Some(since) = since(&folder, self.mailbox) {
            wanted = self.only_since(wanted, since).await?;
        }
        let mut difference = Difference {
            server: wanted.len() as i64,
            stored: ours.len() as i64,
            in_ledger: failed.len() as i64,
            missing: wanted.difference(&ours).difference(&failed),
            miscounted: counts.off_by.abs().max(i64::from(counts.unread_wrong)),
            ..Difference::default()
        };
        for window in plan::windows(&ours, self.context.flags_at_once) {
            let opened = self.look_after_and_return(id, validity, meanwhile).await?;
            if opened.is_none() {
                return Ok(None);
            }
            self.compare_window(&folder, validity, window, &listed, &mut difference)
                .await?;
        }
        Ok(Some(difference))
    }

    /// Where a stored folder stands in the list, which is another one after each round.
    pub(super) fn place_of(&self, id: &str) -> Option<usize> {
        self.known
            .iter()
            .position(|folder| folder.id == id && folder.mode != Mode::Off)
    }

    /// What the audit itself took away may be what is missing in a folder that comes later: until its end no round removes it.
    fn hold_for_the_audit(&mut self) {
        self.hold_at_least = HOLD_CLOSED;
    }

    /// Compares the messages of a folder that we have from the first to the last UID of a window: their flags, their sizes, and
    /// whether they are there. Memory is bounded by the window, whatever the server sends.
    async fn compare_window(
        &mut self,
        folder: &Known,
        validity: i64,
        window: (u64, u64),
        listed: &UidSet,
        difference: &mut Difference,
    ) -> Result<()> {
        let bounds = (window.0 as i64, window.1 as i64);
        let held = completeness::held(&self.context.store, &folder.id, validity, bounds).await?;
        let mut seen: HashMap<i64, (Flags, Option<u64>)> = HashMap::new();
        // Not only what SEARCH leaves out: what is named by either is there.
        let mut named = UidSet::new();
        if self.exists != Some(0) {
            let items = MetaItems {
                flags: true,
                size: true,
                ..MetaItems::default()
            };
            let asked = UidSet::range(window.0, window.1);
            let told = self
                .session
                .fetch_meta_with(&asked, &items, None, false, |meta| {
                    let uid = meta.uid.unwrap_or_default();
                    if held.contains_key(&(uid as i64)) {
                        named.insert(uid);
                        let told = look::update(&meta);
                        seen.extend(told.map(|told| (told.uid, (told.flags, meta.size))));
                    }
                })
                .await;
            match told {
                // Refused because of one of them, perhaps: the others' UIDs are known all the same.
                Err(error) if !error.is_fatal() => {
                    tracing::debug!(code = error.code(), "no flags to compare")
                }
                told => {
                    told?;
                }
            }
        }
        for (uid, held) in held {
            match seen.remove(&uid) {
                Some((flags, size)) => {
                    difference.sizes +=
                        i64::from(size.is_some_and(|size| size as i64 != held.size));
                    let room = difference.flags.len() < self.context.flags_at_once as u64;
                    if flags != held.flags && !held.owed && room {
                        difference.flags.insert(uid.unsigned_abs());
                    }
                }
                None => {
                    let uid = uid.unsigned_abs();
                    if !named.contains(uid) && !listed.contains(uid) && !held.owed {
                        difference.surplus.insert(uid);
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes the store equal. Returns how many messages went to the ledger.
    async fn repair(
        &mut self,
        id: &str,
        difference: &Difference,
        meanwhile: &mut Meanwhile<'_>,
    ) -> Result<i64> {
        let Some(i) = self.place_of(id) else {
            return Ok(0);
        };
        let validity = self.known[i].uid_validity.unwrap_or(0);
        let opened = self.open_again(id, validity).await?;
        if opened.is_some() {
            let changes = Changes {
                folder_id: id.to_owned(),
                uid_validity: validity,
                origin: Origin::CatchUp,
                flags: self.flags_by_now(&difference.flags).await?,
                vanished: plan::ranges(&difference.surplus),
                cursor: Cursor::default(),
            };
            ingest::apply(&self.context.store, self.lease, changes).await?;
        }
        if opened.is_some() && !difference.surplus.is_empty() {
            self.hold_for_the_audit();
        }
        let (failed, all) = self
            .fetch_missing(id, validity, &difference.missing, meanwhile)
            .await?;
        completeness::recount(&self.context.store, self.lease, id).await?;
        if !all {
            // As long as there is a hole, the folder is not in step, and each round looks at it.
            let cursor = Cursor {
                server_messages: Some(NOT_IN_STEP),
                ..Cursor::default()
            };
            folders::move_cursor(&self.context.store, self.lease, id, cursor).await?;
        }
        if let Some(i) = self.place_of(id) {
            self.reload(i).await?;
        }
        Ok(failed)
    }

    /// Fetches the newest of what is missing, some at a time. Returns how many messages went to the ledger, and whether nothing
    /// was left out: the provider's limit for the day may have been reached, the folder closed, or the work may be to end.
    async fn fetch_missing(
        &mut self,
        id: &str,
        validity: i64,
        missing: &UidSet,
        meanwhile: &mut Meanwhile<'_>,
    ) -> Result<(i64, bool)> {
        let mut failed = 0;
        let newest: Vec<u64> = missing.iter().rev().take(FETCHED).collect();
        for some in newest.chunks(AT_A_TIME) {
            let opened = self.look_after_and_return(id, validity, meanwhile).await?;
            let Some(i) = opened else {
                return Ok((failed, false));
            };
            let mut missing = UidSet::new();
            some.iter().for_each(|uid| missing.insert(*uid));
            let limit = self.size_limit(&self.known[i]);
            let batches = self.batches(&missing, AT_A_TIME, limit).await?;
            let isolation = &mut *meanwhile.isolation;
            let (direction, origin) = (Direction::Stay, Origin::CatchUp);
            let fetched = self.fetch(i, batches, direction, origin, isolation, None);
            failed += fetched.await?.failed;
            if self.short {
                return Ok((failed, false));
            }
        }
        Ok((failed, newest.len() as u64 == missing.len()))
    }

    /// What the server says now of messages in the open folder whose flags differed: a comparison takes minutes, and what was
    /// changed meanwhile must not get its old flags back.
    async fn flags_by_now(&mut self, differed: &UidSet) -> Result<Vec<FlagUpdate>> {
        if differed.is_empty() {
            return Ok(Vec::new());
        }
        let items = MetaItems {
            flags: true,
            modseq: true,
            ..MetaItems::default()
        };
        // Once each, whatever the server repeats: memory is bounded by what was asked for.
        let mut told = HashMap::new();
        let heard = self
            .session
            .fetch_meta_with(differed, &items, None, false, |meta| {
                told.extend(look::update(&meta).map(|update| (update.uid, update)));
            })
            .await;
        match heard {
            // What was told before the refusal is as true.
            Err(error) if !error.is_fatal() => {
                tracing::debug!(code = error.code(), "no flags to repair with");
            }
            heard => {
                heard?;
            }
        }
        Ok(told.into_values().collect())
    }
}

/// A folder that could not be compared, or not to the end.
fn unfinished(unseen: FolderAudit, problem_id: &str) -> FolderAudit {
    FolderAudit {
        problem_id: Some(problem_id.to_owned()),
        ..unseen
    }
}
