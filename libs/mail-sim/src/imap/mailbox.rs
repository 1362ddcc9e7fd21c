//! Folders and messages in memory.

use std::collections::{BTreeMap, BTreeSet};

/// All folders, INBOX among them.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    pub folders: BTreeMap<String, Folder>,
    /// Between the parts of a folder's name.
    pub delimiter: char,
}

/// One folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub uid_validity: u32,
    pub uid_next: u32,
    /// As LIST shows them.
    pub attributes: &'static str,
    pub messages: BTreeMap<u32, Message>,
}

/// One message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub raw: Vec<u8>,
    pub flags: BTreeSet<String>,
    /// As INTERNALDATE shows it.
    pub date: String,
}

impl Default for Mailbox {
    fn default() -> Self {
        let mut mailbox = Self {
            folders: BTreeMap::new(),
            delimiter: '/',
        };
        mailbox.folder_mut("INBOX");
        mailbox
    }
}

impl Mailbox {
    /// The folder, made where missing.
    pub fn folder_mut(&mut self, name: &str) -> &mut Folder {
        let empty = || Folder {
            uid_validity: 1_000,
            uid_next: 1,
            attributes: "\\HasNoChildren",
            messages: BTreeMap::new(),
        };
        self.folders.entry(name.to_owned()).or_insert_with(empty)
    }

    /// Adds a message and returns its UID.
    pub fn add(&mut self, folder: &str, raw: &[u8]) -> u32 {
        let folder = self.folder_mut(folder);
        let uid = folder.uid_next;
        folder.uid_next += 1;
        let date = " 1-Feb-2024 10:00:00 +0000".to_owned();
        folder.messages.insert(
            uid,
            Message {
                raw: raw.to_vec(),
                flags: BTreeSet::new(),
                date,
            },
        );
        uid
    }
}

impl Folder {
    /// The messages of a set like `1,3:5,9:*`, as (sequence number, UID); `by_uid` says what the set counts.
    pub fn select(&self, set: &str, by_uid: bool) -> Vec<(usize, u32)> {
        let all: Vec<(usize, u32)> = self
            .messages
            .keys()
            .enumerate()
            .map(|(i, uid)| (i + 1, *uid))
            .collect();
        let number = |(sequence, uid): &(usize, u32)| {
            if by_uid {
                u64::from(*uid)
            } else {
                *sequence as u64
            }
        };
        let last = all.last().map_or(0, number);
        let value = |text: &str| {
            if text == "*" {
                last
            } else {
                text.parse().unwrap_or(0)
            }
        };
        let ranges: Vec<(u64, u64)> = set
            .split(',')
            .map(|part| {
                let (a, b) = part.split_once(':').unwrap_or((part, part));
                let (a, b) = (value(a), value(b));
                (a.min(b), a.max(b))
            })
            .collect();
        all.into_iter()
            .filter(|m| ranges.iter().any(|(a, b)| (*a..=*b).contains(&number(m))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Mailbox;

    #[test]
    fn sets_are_read_as_imap_means_them() {
        let mut mailbox = Mailbox::default();
        for _ in 0..5 {
            mailbox.add("INBOX", b"x");
        }
        mailbox.folder_mut("INBOX").messages.remove(&2);
        let folder = mailbox.folder_mut("INBOX");
        let uids = |set, by_uid| {
            folder
                .select(set, by_uid)
                .into_iter()
                .map(|(_, uid)| uid)
                .collect::<Vec<_>>()
        };
        assert_eq!(uids("1:*", true), [1, 3, 4, 5]);
        assert_eq!(uids("2", false), [3]);
        assert_eq!(uids("9:*", true), [5]);
        assert_eq!(uids("4:3,1", true), [1, 3, 4]);
    }
}
