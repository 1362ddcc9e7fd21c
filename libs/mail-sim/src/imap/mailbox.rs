//! Folders and messages in memory.

use std::collections::{BTreeMap, BTreeSet};

/// Ids are as long as Gmail's.
const FIRST_ID: u64 = 1_278_455_344_230_334_000;

/// All folders, INBOX among them.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    pub folders: BTreeMap<String, Folder>,
    /// Between the parts of a folder's name.
    pub delimiter: char,
    /// The id of the last message that was added.
    pub last_id: u64,
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
    /// The same wherever this message is (RFC 8474, X-GM-EXT-1); the conversation's is what a line `X-Conversation: 7` of the
    /// header says, otherwise its own.
    pub id: u64,
    pub thread: u64,
    /// Gmail's labels, in modified UTF-7.
    pub labels: BTreeSet<String>,
}

impl Message {
    /// Whether a line of its header has this name and contains this text, as SEARCH HEADER asks for; no matter the case.
    pub fn has(&self, name: &str, text: &str) -> bool {
        let raw = String::from_utf8_lossy(&self.raw).to_lowercase();
        let header = raw.split("\r\n\r\n").next().unwrap_or_default();
        let (name, text) = (format!("{}:", name.to_lowercase()), text.to_lowercase());
        header
            .lines()
            .any(|line| line.starts_with(&name) && line.contains(&text))
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        let mut mailbox = Self {
            folders: BTreeMap::new(),
            delimiter: '/',
            last_id: FIRST_ID,
        };
        mailbox.folder_mut("INBOX");
        mailbox
    }
}

/// The conversation that a message's header names.
fn conversation(raw: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(raw);
    let header = text.split("\r\n\r\n").next()?;
    let named = header
        .lines()
        .find_map(|line| line.strip_prefix("X-Conversation: "));
    named?.trim().parse().ok()
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
        self.last_id += 1;
        let message = Message {
            raw: raw.to_vec(),
            flags: BTreeSet::new(),
            date: " 1-Feb-2024 10:00:00 +0000".to_owned(),
            id: self.last_id,
            thread: conversation(raw).unwrap_or(self.last_id),
            labels: BTreeSet::new(),
        };
        self.place(folder, message)
    }

    /// Puts a message into one more folder and returns its UID there.
    pub fn place(&mut self, folder: &str, message: Message) -> u32 {
        let folder = self.folder_mut(folder);
        let uid = folder.uid_next;
        folder.uid_next += 1;
        folder.messages.insert(uid, message);
        uid
    }

    /// One message in all its folders.
    pub fn copies(&mut self, id: u64) -> impl Iterator<Item = &mut Message> {
        self.folders
            .values_mut()
            .flat_map(|folder| folder.messages.values_mut())
            .filter(move |message| message.id == id)
    }

    /// Changes a message's labels as Gmail does: wherever it is, and the folder of a label has it from then on, or no
    /// more. Returns them all. `how` is `+`, `-` or anything else for "these alone".
    pub fn label(
        &mut self,
        id: u64,
        how: Option<&u8>,
        labels: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let copies = || self.folders.values().flat_map(|f| f.messages.values());
        let Some(mut message) = copies().find(|message| message.id == id).cloned() else {
            return BTreeSet::new();
        };
        let before = message.labels.clone();
        match how {
            Some(b'+') => message.labels.extend(labels.iter().cloned()),
            Some(b'-') => message.labels.retain(|label| !labels.contains(label)),
            _ => message.labels.clone_from(labels),
        }
        let after = message.labels.clone();
        for gone in before
            .difference(&after)
            .filter_map(|label| folder_of(label))
        {
            self.folder_mut(gone).messages.retain(|_, m| m.id != id);
        }
        for copy in self.copies(id) {
            copy.labels.clone_from(&after);
        }
        for new in after
            .difference(&before)
            .filter_map(|label| folder_of(label))
        {
            if !self.folder_mut(new).messages.values().any(|m| m.id == id) {
                self.place(new, message.clone());
            }
        }
        after
    }
}

/// A folder's lasting id (RFC 8474 section 4): made from the name here, which nobody changes.
pub(crate) fn id_of(name: &str) -> String {
    let letters = name.bytes().map(|byte| format!("{byte:02x}"));
    format!("F{}", letters.collect::<String>())
}

/// The folder that shows a label: Gmail's own labels but for the inbox have none here.
fn folder_of(label: &str) -> Option<&str> {
    match label {
        "\\Inbox" => Some("INBOX"),
        _ if label.starts_with('\\') => None,
        _ => Some(label),
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
