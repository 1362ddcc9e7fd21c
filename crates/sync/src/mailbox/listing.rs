//! The server's list of folders, with their counts, and how far it is believed.

use super::asks_for_quiet;
use super::round::HOLD_CLOSED;
use super::visit::Visit;
use crate::error::Result;
use crate::list::{self, Listed, Status};
use imap_client::{
    ListEntry, ListOptions, MailboxName, MetaItems, Mode as Opening, StatusData, StatusItem, UidSet,
};
use model::folder::{Mode, Role};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use store::folders::{self, Known, ListChange, NewFolder};
use tokio::time::Instant;

/// What is asked about each folder.
pub(super) const COUNTS: [StatusItem; 4] = [
    StatusItem::Messages,
    StatusItem::UidNext,
    StatusItem::UidValidity,
    StatusItem::HighestModseq,
];

/// How often STATUS is asked for each folder beside the list with its counts.
const COUNTED_ONE_BY_ONE: Duration = Duration::from_secs(600);
/// So many folders are asked about ahead of the answers.
const COUNTED_AT_ONCE: usize = 200;

impl Visit<'_> {
    /// The folders with their counts: one command where the server has LIST-STATUS, else one more for each folder.
    pub(super) async fn list(&mut self) -> Result<Vec<Listed>> {
        let options = ListOptions {
            status_items: Some(COUNTS.to_vec()),
            special_use: true,
        };
        let entries = crate::timed("list", self.session.list(&options)).await?;
        let stored: HashSet<String> = self
            .known
            .iter()
            .filter(|folder| folder.mode != Mode::Off)
            .map(|folder| folder.wire_name.clone())
            .collect();
        let host = self.mailbox.incoming.as_ref().map(|side| &side.host);
        let all_mail = self.session.supports("X-GM-EXT-1")
            && host.is_some_and(|host| connect::providers::stores_all_mail(host));
        let mut listed = Vec::with_capacity(entries.len());
        let (mut uncounted, mut nameless) = (Vec::new(), Vec::new());
        for entry in entries.into_iter().filter(ListEntry::is_selectable) {
            let mut folder = to_listed(&entry);
            folder.all_mail = all_mail && folder.role == Some(Role::All);
            let monitored = self.mailbox.monitored_folders.as_deref();
            let wanted = list::default_mode(&folder, monitored) != Mode::Off
                || stored.contains(&folder.wire_name);
            if wanted && entry.status.is_none() {
                uncounted.push(listed.len());
            }
            if wanted && self.session.supports("OBJECTID") {
                nameless.push(listed.len());
            }
            listed.push(folder);
        }
        let names = uncounted.iter().map(|i| &listed[*i].wire_name);
        let counts = self.ask_each(names, &COUNTS).await?;
        for (i, told) in uncounted.into_iter().zip(counts) {
            listed[i].status = told.as_ref().map(to_status).unwrap_or_default();
        }
        self.lasting_ids(&mut listed, nameless).await?;
        Ok(listed)
    }

    /// What STATUS tells of these folders, many asked about ahead of the answers; `None`: nothing. One that cannot be asked is no
    /// reason to leave the others, unless the server wants quiet.
    async fn ask_each<'n>(
        &mut self,
        wire_names: impl Iterator<Item = &'n String>,
        items: &[StatusItem],
    ) -> Result<Vec<Option<StatusData>>> {
        let names: Vec<MailboxName> = wire_names
            .map(|name| MailboxName::from_wire(&folders::wire_bytes(name)))
            .collect();
        let mut found = Vec::with_capacity(names.len());
        for some in names.chunks(COUNTED_AT_ONCE) {
            for told in self.session.status_all(some, items).await? {
                let now = self.context.store.now();
                match told {
                    Err(error) if asks_for_quiet(&error, self.mailbox, now) => {
                        return Err(error.into());
                    }
                    told => found.push(told.ok()),
                }
            }
        }
        Ok(found)
    }

    /// MAILBOXID, asked for once a folder, and by STATUS: Cyrus 3.6 fills it with what lies in freed memory where LIST asks
    /// for the numbers of all folders.
    async fn lasting_ids(&mut self, listed: &mut [Listed], mut wanted: Vec<usize>) -> Result<()> {
        wanted.retain(|i| {
            let folder = &mut listed[*i];
            let same = |known: &&Known| {
                known.wire_name == folder.wire_name
                    && known.uid_validity == folder.status.uid_validity
            };
            let known = self.known.iter().find(same);
            folder.object_id = known.and_then(|known| known.object_id.clone());
            folder.object_id.is_none()
        });
        let names = wanted.iter().map(|i| &listed[*i].wire_name);
        let ids = self.ask_each(names, &[StatusItem::MailboxId]).await?;
        for (i, told) in wanted.into_iter().zip(ids) {
            listed[i].object_id = told.and_then(|told| told.mailbox_id);
        }
        Ok(())
    }

    /// Folders that look the same in the list and are not. Dovecot 2.3 tells HIGHESTMODSEQ in LIST from a cache that it forgets
    /// to bring up to date when flags change, and in STATUS as it is: so STATUS is asked for too, when a connection begins and
    /// now and then.
    pub(super) async fn counted_wrong(
        &mut self,
        counts: &HashMap<&str, Status>,
    ) -> Result<HashSet<String>> {
        let mut wrong = HashSet::new();
        let due = self
            .counted
            .is_none_or(|at| at.elapsed() >= COUNTED_ONE_BY_ONE);
        if !due || !self.session.supports("LIST-STATUS") {
            return Ok(wrong);
        }
        self.counted = Some(Instant::now());
        let is_open = |folder: &Known| self.open.as_deref() == Some(&folder.id);
        // Where the counts differ already it is looked at anyway.
        let seems_same = |folder: &&Known| {
            let count = counts.get(&*folder.wire_name);
            folder.mode != Mode::Off
                && !is_open(folder)
                && !self.is_parked(folder)
                && folder.mod_seq.is_some()
                && count.is_some_and(|count| count.mod_seq == folder.mod_seq)
        };
        let same: Vec<(String, Option<i64>)> = self
            .known
            .iter()
            .filter(seems_same)
            .map(|folder| (folder.wire_name.clone(), folder.mod_seq))
            .collect();
        let names = same.iter().map(|(name, _)| name);
        let told = self.ask_each(names, &[StatusItem::HighestModseq]).await?;
        for ((name, known), told) in same.into_iter().zip(told) {
            if told.is_some_and(|data| to_status(&data).mod_seq != known) {
                wrong.insert(name);
            }
        }
        Ok(wrong)
    }

    /// What the list changes, as far as it is believed. A list that lacks INBOX, or most folders, shows a server in trouble
    /// until it has said so for a while: until then nothing is removed here.
    pub(super) async fn believable(&mut self, listed: &[Listed]) -> Result<Vec<ListChange>> {
        let monitored = self.mailbox.monitored_folders.as_deref();
        let mut changes = list::plan(&self.known, listed, monitored);
        if !list::is_unlikely(&self.known, &changes) {
            self.doubts.list_is_whole();
        } else if !self.doubts.is_short_list_believed() {
            tracing::warn!(
                mailbox = self.mailbox.id,
                listed = listed.len(),
                known = self.known.len(),
                "the server lists hardly any folders: what it leaves out is kept for now"
            );
            changes.retain(|change| !matches!(change, ListChange::Removed { .. }));
            self.hold = self.hold.max(HOLD_CLOSED);
        }
        let mut believed = Vec::with_capacity(changes.len());
        for change in changes {
            match change {
                ListChange::Renamed { id, to } if !self.shows_the_same(&id, &to).await? => {
                    believed.push(ListChange::Removed { id });
                    believed.push(ListChange::Created(to));
                }
                change => believed.push(change),
            }
        }
        Ok(believed)
    }

    /// Whether a folder that has the counts of one that we know has its messages too: some servers give all folders the same
    /// UIDVALIDITY, and a new one of a message is then easily taken for an old one of a message.
    async fn shows_the_same(&mut self, id: &str, to: &NewFolder) -> Result<bool> {
        let Some(old) = self.known.iter().find(|folder| folder.id == id).cloned() else {
            return Ok(true);
        };
        let sure = to.object_id.is_some() && to.object_id == old.object_id;
        let sample = match old.uid_validity.filter(|_| !sure) {
            Some(validity) => folders::sample(&self.context.store, id, validity).await?,
            None => Vec::new(),
        };
        if sample.is_empty() {
            return Ok(true);
        }
        (self.open, self.exists, self.open_next) = (None, None, None);
        let name = MailboxName::from_wire(&folders::wire_bytes(&to.wire_name));
        let opened = self.session.select(&name, Opening::Examine, None).await;
        let opened = match opened {
            Err(error) if !error.is_fatal() => return Ok(true),
            opened => opened?,
        };
        if opened.uidvalidity.map(|now| now as i64) != old.uid_validity {
            // Another epoch: its messages are recognised one by one.
            return Ok(true);
        }
        let mut uids = UidSet::new();
        for (uid, ..) in &sample {
            uids.insert(uid.unsigned_abs());
        }
        let items = MetaItems {
            size: true,
            internal_date: true,
            ..MetaItems::default()
        };
        let told = self.session.fetch_meta(&uids, &items, None, false).await;
        let told = match told {
            Err(error) if !error.is_fatal() => return Ok(true),
            told => told?,
        };
        let there: HashMap<i64, (Option<u64>, Option<i64>)> = told
            .messages
            .iter()
            .filter_map(|meta| Some((meta.uid? as i64, (meta.size, meta.internal_date))))
            .collect();
        Ok(sample.iter().all(|(uid, size, received_at)| {
            there.get(uid).is_some_and(|(octets, date)| {
                *octets == Some(size.unsigned_abs()) || *date == Some(received_at.seconds())
            })
        }))
    }
}

fn to_listed(entry: &ListEntry) -> Listed {
    let path = entry.name.decoded();
    Listed {
        wire_name: folders::wire_text(entry.name.wire()),
        role: connect::roles::role_of(&entry.attributes, &path, entry.delimiter),
        view: connect::roles::is_view(&entry.attributes),
        all_mail: false,
        delimiter: entry.delimiter.map(String::from),
        object_id: entry.mailbox_id.clone(),
        status: entry.status.as_ref().map(to_status).unwrap_or_default(),
        path,
    }
}

pub(super) fn to_status(data: &StatusData) -> Status {
    let int = |value: Option<u64>| value.map(|value| value.min(i64::MAX as u64) as i64);
    Status {
        uid_validity: int(data.uidvalidity),
        uid_next: int(data.uidnext),
        mod_seq: int(data.highestmodseq).filter(|seq| *seq > 0),
        messages: int(data.messages),
        unseen: int(data.unseen),
    }
}
