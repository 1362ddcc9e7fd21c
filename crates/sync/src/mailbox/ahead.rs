//! What a first synchronisation will bring: messages and octets of the folders that are still to be filled, asked for before
//! their sizes are listed one by one (STATUS=SIZE, RFC 8438). It changes what is told, and nothing of what is fetched.

use super::visit::Visit;
use crate::error::Result;
use crate::folder::look;
use crate::list::Listed;
use imap_client::StatusItem;
use model::folder::Mode;
use model::limits::BATCH_MESSAGES;
use std::collections::HashMap;

/// So many folders are asked for ahead of the answers.
const AT_ONCE: usize = 200;
const ITEMS: [StatusItem; 2] = [StatusItem::Messages, StatusItem::Size];

/// Messages of a folder, and their octets in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Contents {
    messages: u64,
    octets: u64,
}

/// What the server told of folders that are not filled yet, by our id.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    told: HashMap<String, Option<Contents>>,
}

impl Ahead {
    /// Octets of `part` messages of a folder, as its share of all.
    pub(super) fn octets_of(&self, folder_id: &str, part: u64) -> Option<i64> {
        let all = self.told.get(folder_id).copied().flatten()?;
        let share = u128::from(all.octets) * u128::from(part) / u128::from(all.messages.max(1));
        i64::try_from(share).ok().filter(|_| part <= all.messages)
    }

    /// So much of a folder is left, of which `octets`.
    pub(super) fn is_left(&mut self, folder_id: &str, messages: u64, octets: Option<i64>) {
        if let Some(told) = self.told.get_mut(folder_id) {
            *told = octets.map(|octets| Contents {
                messages,
                octets: octets.unsigned_abs(),
            });
        }
    }
}

impl Visit<'_> {
    /// Asks for the octets of folders that were never opened, once. Of a mailbox that is fetched in one batch the answer would
    /// come too late to tell anybody.
    pub(super) async fn ask_ahead(&mut self, listed: &[Listed]) -> Result<()> {
        if !self.session.supports("STATUS=SIZE") {
            return Ok(());
        }
        let fresh: Vec<usize> = (0..self.known.len())
            .filter(|i| {
                let folder = &self.known[*i];
                folder.mode != Mode::Off
                    && folder.uid_validity.is_none()
                    && !self.ahead.told.contains_key(&folder.id)
            })
            .collect();
        let counted = |i: &usize| {
            let listed = listed
                .iter()
                .find(|l| l.wire_name == self.known[*i].wire_name);
            listed.and_then(|l| l.status.messages).unwrap_or(0)
        };
        if fresh.iter().map(counted).sum::<i64>() <= BATCH_MESSAGES as i64 {
            return Ok(());
        }
        for some in fresh.chunks(AT_ONCE) {
            let names: Vec<_> = some
                .iter()
                .map(|i| look::wire_name(&self.known[*i]))
                .collect();
            let told = self.session.status_all(&names, &ITEMS).await?;
            for (i, told) in some.iter().zip(told) {
                let contents = told.ok().and_then(|data| {
                    Some(Contents {
                        messages: data.messages?,
                        octets: data.size?,
                    })
                });
                let id = self.known[*i].id.clone();
                self.ahead.told.insert(id, contents);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_folder_has_its_share_of_the_octets() {
        let mut ahead = Ahead::default();
        let all = Contents {
            messages: 10,
            octets: 1_000,
        };
        ahead.told.insert("f".to_owned(), Some(all));
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
