//! What a first synchronisation will bring: octets of the folders whose turn has not come yet, asked for before their sizes
//! are listed one by one (STATUS=SIZE, RFC 8438). It changes what is told, and nothing of what is fetched.
//!
//! A server may read every message to answer. So nothing waits for it: mail is fetched first, then one folder is asked for
//! between two slices of the past, and where an answer breaks the connection, or takes long, none is asked for any more.

use super::visit::Visit;
use crate::error::Result;
use crate::folder::look;
use imap_client::StatusItem;
use model::limits::BATCH_MESSAGES;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::folders::{self, Cursor};
use tokio::time::Instant;

const ITEMS: [StatusItem; 2] = [StatusItem::Messages, StatusItem::Size];
/// So long the server may be silent about one folder: then the connection is lost.
const SILENCE: Duration = Duration::from_secs(15);
/// An answer that took so long is the last one that is asked for.
const LONG: Duration = Duration::from_secs(3);

/// Messages of a folder, and their octets in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Contents {
    messages: u64,
    octets: u64,
}

/// What the server told of folders that are not filled yet. Kept for as long as the mailbox is worked on, so that no connection
/// asks again for what an earlier one was told, or broke at. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    /// By our id.
    folders: HashMap<String, Option<Contents>>,
    /// An answer is waited for, or did not come, or took long: nothing more is asked for.
    is_enough: bool,
}

impl Ahead {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Octets of `part` messages of a folder, as its share of all.
    pub(super) fn octets_of(&self, folder_id: &str, part: u64) -> Option<i64> {
        let all = self.told().folders.get(folder_id).copied().flatten()?;
        let share = u128::from(all.octets) * u128::from(part) / u128::from(all.messages.max(1));
        i64::try_from(share).ok().filter(|_| part <= all.messages)
    }

    /// So much of a folder is left, of which `octets`.
    pub(super) fn is_left(&self, folder_id: &str, messages: u64, octets: Option<i64>) {
        if let Some(told) = self.told().folders.get_mut(folder_id) {
            *told = octets.map(|octets| Contents {
                messages,
                octets: octets.unsigned_abs(),
            });
        }
    }
}

impl Visit<'_> {
    /// Asks for the octets of a folder that is not open and whose past has not begun to come, once; the one whose turn comes
    /// last is the first. Returns whether there was one. What comes in one batch is there before the answer would be.
    pub(super) async fn ask_ahead(&mut self) -> Result<bool> {
        if !self.session.supports("STATUS=SIZE")
            || self.ahead.told().is_enough
            || self.left_to_fill() <= BATCH_MESSAGES as i64
        {
            return Ok(false);
        }
        let unfilled = self.unfilled();
        let to_come = folders::to_come(&self.context.store, &self.mailbox.id).await?;
        let to_come: HashMap<String, i64> = to_come.into_iter().collect();
        let left = |i: &usize| to_come.get(&self.known[*i].id).copied();
        if unfilled.iter().filter_map(left).sum::<i64>() <= BATCH_MESSAGES as i64 {
            return Ok(false);
        }
        let next = {
            let told = self.ahead.told();
            unfilled.iter().rev().find_map(|i| {
                let id = &self.known[*i].id;
                let is_waiting = self.open.as_ref() != Some(id) && self.hands.is_free(id);
                let left = left(i).filter(|_| is_waiting && !told.folders.contains_key(id))?;
                Some((*i, id.clone(), left.unsigned_abs()))
            })
        };
        let Some((i, id, left)) = next else {
            return Ok(false);
        };
        self.ahead.told().is_enough = true;
        let began = Instant::now();
        let name = look::wire_name(&self.known[i]);
        self.session
            .patience(SILENCE.min(self.context.timing.answer));
        let told = self.session.status_all(&[name], &ITEMS).await;
        self.session.patience(self.context.timing.answer);
        let contents = told?.pop().and_then(Result::ok).and_then(|data| {
            Some(Contents {
                messages: data.messages?,
                octets: data.size?,
            })
        });
        {
            let mut told = self.ahead.told();
            told.is_enough = began.elapsed() >= LONG;
            told.folders.insert(id.clone(), contents);
        }
        self.reload(i).await?;
        // Another connection may have begun with it meanwhile, and knows more.
        if self.hands.is_free(&id) && !self.known[i].backfilled {
            let cursor = Cursor {
                bytes_left: self.ahead.octets_of(&id, left),
                ..Cursor::default()
            };
            folders::move_cursor(&self.context.store, self.lease, &id, cursor).await?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_folder_has_its_share_of_the_octets() {
        let ahead = Ahead::default();
        let all = Contents {
            messages: 10,
            octets: 1_000,
        };
        ahead.told().folders.insert("f".to_owned(), Some(all));
        assert_eq!(ahead.octets_of("f", 10), Some(1_000));
        assert_eq!(ahead.octets_of("f", 3), Some(300));
        // The server counted fewer than there are now: what it told is not of these.
        assert_eq!(ahead.octets_of("f", 11), None);
        assert_eq!(ahead.octets_of("g", 1), None);
        ahead.is_left("f", 4, Some(900));
        assert_eq!(ahead.octets_of("f", 4), Some(900));
        ahead.is_left("f", 4, None);
        assert_eq!(ahead.octets_of("f", 4), None);
    }
}
