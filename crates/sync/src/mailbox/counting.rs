//! The server's count of a folder against ours: what slipped through is found by it.

use super::visit::{Visit, since};
use crate::error::Result;
use crate::folder::{look, plan};
use imap_client::UidSet;
use store::folders::{self, Cursor};
use store::ingest::{self, Changes};

/// In the place of the server's count: no folder has so many messages, so it is looked at again.
pub(super) const NOT_IN_STEP: i64 = -1;

impl Visit<'_> {
    /// How many messages the server says the folder has, and its UIDVALIDITY; `None`: it is not open, or what the server told since
    /// is not taken in yet.
    fn told_count(&mut self, i: usize) -> Option<(i64, i64)> {
        self.news.collect(&mut self.session);
        let folder = &self.known[i];
        let is_open = self.open.as_ref() == Some(&folder.id);
        if !is_open || self.news.has_changes() || self.news.exists.is_some() {
            return None;
        }
        self.exists.zip(folder.uid_validity)
    }

    /// The server's count of the folder that is open, where ours is the same and there is no limit in time: what
    /// [`Self::verify_count`] would write down.
    pub(super) async fn agreed_count(&mut self, i: usize) -> Result<Option<i64>> {
        let Some((exists, validity)) = self.told_count(i) else {
            return Ok(None);
        };
        let folder = &self.known[i];
        let store = &self.context.store;
        let failed = folders::failed_uids(store, &folder.id, validity).await?;
        let agrees = since(folder, self.mailbox).is_none()
            && exists == folder.messages + failed.len() as i64;
        Ok(Some(exists).filter(|_| agrees))
    }

    /// A cheap proof that nothing slipped through: the server's count against ours, or against its own from before. Where they
    /// differ, all UIDs are compared and the difference is mended.
    pub(super) async fn verify_count(&mut self, i: usize) -> Result<()> {
        let told = self.told_count(i);
        let folder = self.known[i].clone();
        let Some((exists, validity)) = told.filter(|_| folder.backfilled) else {
            return Ok(());
        };
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
        let below = UidSet::below(folder.high_uid.unsigned_abs());
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
            vanished: plan::vanished(&look::accounted(self.context, &folder).await?, &listed),
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
}
