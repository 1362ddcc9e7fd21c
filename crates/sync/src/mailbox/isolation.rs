//! Finds the message that breaks the connection, so that the others can pass.
//!
//! A message that was on the wire twice when the connection broke is put into the ledger and left
//! out. Where we cannot know which one it was, batches become smaller until one stands alone.

use super::pace::Pace;
use crate::error::{Result, SyncError};
use crate::folder::fetch::{Job, Ready, failure};
use crate::folder::half::Half;
use imap_client::{ImapError, UidSet};
use model::limits::BATCH_MESSAGES;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use store::failures::NewFailure;
use tokio::time::Instant;

/// Broken connections in the middle of one message after which it is left out.
const STRIKES: u32 = 2;
/// How long a server may refuse everything that it is asked for in a folder.
const REFUSING: Duration = Duration::from_secs(3600);

/// What the broken connections of this mailbox have taught us.
#[derive(Debug, Default)]
pub struct Isolation {
    limits: HashMap<String, u64>,
    strikes: HashMap<(String, u64), (u32, &'static str, String)>,
    /// Since when a folder's server refuses whatever it is asked for.
    refusing: HashMap<String, Instant>,
    /// What came of a large message before the connection broke.
    pub(crate) half: Option<Half>,
    /// More of it came, though the connection broke.
    pub(crate) grown: bool,
    /// How fast its mail comes.
    pub(crate) pace: Pace,
    /// Folders with a message that our own database refused.
    careful: HashSet<String>,
}

impl Isolation {
    /// The largest batch to ask for in this folder.
    pub fn batch_limit(&self, folder_id: &str) -> u64 {
        self.limits
            .get(folder_id)
            .copied()
            .unwrap_or(BATCH_MESSAGES as u64)
    }

    /// A batch came whole: larger ones may be tried again.
    pub fn passed(&mut self, folder_id: &str) {
        self.refusing.remove(folder_id);
        if let Some(limit) = self.limits.get_mut(folder_id) {
            *limit *= 4;
            if *limit >= BATCH_MESSAGES as u64 {
                self.limits.remove(folder_id);
            }
        }
    }

    /// Whether a server that refuses message after message is still given time, before each of them is to blame.
    pub fn is_patient(&mut self, folder_id: &str) -> bool {
        let since = self.refusing.entry(folder_id.to_owned());
        since.or_insert_with(Instant::now).elapsed() < REFUSING
    }

    /// How much of the one message that is wanted is here already.
    pub(crate) fn half_of(&self, job: &Job<'_>, wanted: &UidSet) -> u64 {
        let half = self.half.as_ref().filter(|half| half.is_of(job, wanted));
        half.map_or(0, Half::length)
    }

    /// Keeps what came of the one message that was wanted.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) async fn keep_half(
        &mut self,
        job: &Job<'_>,
        wanted: &UidSet,
        ready: &mut Ready,
    ) -> Result<()> {
        let kept = self
            .half
            .as_ref()
            .is_some_and(|half| half.is_of(job, wanted));
        if let Some(uid) = wanted.first().filter(|_| !kept)
            && let Some(half) = Half::keep(job, uid, ready).await?
        {
            self.half = Some(half);
        }
        Ok(())
    }

    /// Our database refused a batch of this folder.
    pub fn could_not_be_stored(&mut self, folder_id: &str) {
        self.careful.insert(folder_id.to_owned());
    }

    /// Whether what is fetched of this folder is stored message by message where it has to be.
    pub fn is_careful(&self, folder_id: &str) -> bool {
        self.careful.contains(folder_id)
    }

    /// The connection broke while `wanted` was fetched, in the middle of `in_body` if we know.
    pub fn strike(
        &mut self,
        folder_id: &str,
        wanted: &UidSet,
        in_body: Option<u64>,
        error: &SyncError,
    ) {
        // Only what the server did counts against a message; our own store's troubles do not.
        let SyncError::Imap(error) = error else {
            return;
        };
        // A refusal that ends the work is about the server's load.
        if !error.is_fatal() {
            return;
        }
        let alone = (wanted.len() == 1).then(|| wanted.first()).flatten();
        let Some(uid) = in_body.or(alone) else {
            let limit = (wanted.len() / 4).max(1);
            self.limits.insert(folder_id.to_owned(), limit);
            return;
        };
        let problem = match error {
            ImapError::Limit { .. } => "literal_too_large",
            ImapError::TimedOut { .. } => "timed_out",
            ImapError::Protocol { .. } => "server_nonsense",
            _ => "server_closed",
        };
        let entry = self
            .strikes
            .entry((folder_id.to_owned(), uid))
            .or_insert_with(|| (0, problem, String::new()));
        entry.0 += 1;
        entry.1 = problem;
        entry.2 = error.to_string();
    }

    /// Messages of `batch` that are given up for now, as rows for the ledger.
    pub fn take_given_up(&mut self, folder_id: &str, batch: &UidSet) -> Vec<NewFailure> {
        let given_up: Vec<(String, u64)> = self
            .strikes
            .iter()
            .filter(|((folder, uid), (count, ..))| {
                folder == folder_id && *count >= STRIKES && batch.contains(*uid)
            })
            .map(|(key, _)| key.clone())
            .collect();
        given_up
            .into_iter()
            .filter_map(|key| {
                let (_, problem, reason) = self.strikes.remove(&key)?;
                Some(failure(key.1, problem, reason))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed() -> SyncError {
        ImapError::Closed.into()
    }

    #[test]
    fn the_message_on_the_wire_is_left_out_after_the_second_break() {
        let mut isolation = Isolation::default();
        let batch = UidSet::parse("1:10");
        isolation.strike("f", &batch, Some(7), &closed());
        assert!(isolation.take_given_up("f", &batch).is_empty());
        isolation.strike("f", &batch, Some(7), &closed());
        let given_up = isolation.take_given_up("f", &batch);
        assert_eq!(given_up.iter().map(|f| f.uid).collect::<Vec<_>>(), [7]);
        assert!(isolation.take_given_up("f", &batch).is_empty());
    }

    #[test]
    fn an_unknown_culprit_stands_alone_in_the_end() {
        let mut isolation = Isolation::default();
        let mut size = 200;
        for _ in 0..5 {
            isolation.strike("f", &UidSet::range(1, size), None, &closed());
            size = isolation.batch_limit("f").min(size);
        }
        assert_eq!(size, 1);
        isolation.strike("f", &UidSet::range(1, 1), None, &closed());
        assert_eq!(isolation.take_given_up("f", &UidSet::range(1, 1)).len(), 1);
    }

    #[test]
    fn our_own_troubles_are_not_the_messages_fault() {
        let mut isolation = Isolation::default();
        let full: SyncError = store::StoreError::Full("x".into()).into();
        for _ in 0..9 {
            isolation.strike("f", &UidSet::range(1, 1), Some(1), &full);
        }
        assert!(
            isolation
                .take_given_up("f", &UidSet::range(1, 1))
                .is_empty()
        );
    }
}
