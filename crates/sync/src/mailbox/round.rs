//! A round: what we owe, the list of folders, what changed in them, new mail, what is gone.

use super::asks_for_quiet;
use super::isolation::Isolation;
use super::visit::{CHEAP_ROUND_WHILE_FILLING, ROUND_WHILE_FILLING, Visit};
use crate::error::{Result, SyncError};
use crate::folder::look::{self, Manner, Open};
use crate::folder::plan::{self, Need};
use crate::list::{self, Listed, Status};
use crate::owed;
use imap_client::{ListEntry, ListOptions, MailboxName, StatusData, StatusItem};
use model::folder::Mode;
use store::folders::Known;
use store::{failures, folders, ingest};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a folder is left alone whose identity changes again and again.
const PARKED_MILLIS: i64 = 3_600_000;

/// What is asked about each folder.
const COUNTS: [StatusItem; 4] = [
    StatusItem::Messages,
    StatusItem::UidNext,
    StatusItem::UidValidity,
    StatusItem::HighestModseq,
];

impl Visit<'_> {
    /// Brings everything but the past in step.
    pub(super) async fn round(
        &mut self,
        isolation: &mut Isolation,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let began = self.context.store.now();
        self.afford_questions().await?;
        owed::pay(self).await?;
        let filling = self.known.iter().any(|folder| self.can_be_filled(folder));
        let every = if self.session.supports("LIST-STATUS") {
            CHEAP_ROUND_WHILE_FILLING
        } else {
            ROUND_WHILE_FILLING
        };
        let fresh = self.last_round.is_some_and(|at| at.elapsed() < every);
        self.news.collect(&mut self.session);
        if filling && fresh && !self.news.elsewhere && !self.news.unsure && !self.news.expunged {
            self.act_on_news(isolation).await?;
            return Ok(());
        }
        self.closed.clear();
        let listed = self.list().await?;
        let changes = list::plan(
            &self.known,
            &listed,
            self.mailbox.monitored_folders.as_deref(),
        );
        folders::apply_list(&self.context.store, self.lease, changes).await?;
        self.known = folders::known(&self.context.store, &self.mailbox.id).await?;
        self.news.elsewhere = false;
        self.news.unsure = false;
        let compare = self.last_round.is_none() || self.round_is_due();
        let targets: Vec<usize> = self
            .known
            .iter()
            .enumerate()
            .filter(|(_, folder)| folder.mode != Mode::Off && !self.is_parked(folder))
            .filter(|(_, folder)| {
                let status = listed
                    .iter()
                    .find(|l| l.wire_name == folder.wire_name)
                    .map_or(Status::default(), |l| l.status);
                plan::need(
                    folder,
                    &status,
                    self.seen_next.get(&folder.id).copied(),
                    compare,
                ) == Need::Look
            })
            .map(|(i, _)| i)
            .collect();
        // First what is gone, in all of them, so that a message that moved is known as moved.
        for i in &targets {
            self.look(*i).await?;
            if cancel.is_cancelled() {
                return Ok(());
            }
        }
        for i in &targets {
            self.fetch_new(*i, isolation).await?;
            if cancel.is_cancelled() {
                return Ok(());
            }
        }
        // Also in folders where nothing else has changed.
        for id in failures::due_folders(&self.context.store, &self.mailbox.id).await? {
            let folder = self.known.iter().position(|folder| folder.id == id);
            if let Some(i) = folder.filter(|i| self.known[*i].mode != Mode::Off) {
                self.retry_failed(i, isolation).await?;
            }
        }
        if self.doubts.is_another_connection_wanted() {
            // What is missed may be in a folder that could not be looked at.
            return Ok(());
        }
        // Every folder was looked at since `began`: what vanished before and turned up nowhere is gone.
        // What vanished since may turn up in a folder that was counted before: one more round tells.
        ingest::finish_vanished(&self.context.store, self.lease, began, self.origin).await?;
        self.news.elsewhere |=
            ingest::vanished_since(&self.context.store, &self.mailbox.id, began).await?;
        self.last_round = Some(Instant::now());
        Ok(())
    }

    /// The folders with their counts: one command where the server has LIST-STATUS.
    pub(super) async fn list(&mut self) -> Result<Vec<Listed>> {
        let options = ListOptions {
            status_items: Some(COUNTS.to_vec()),
            special_use: true,
        };
        let entries = crate::timed("list", self.session.list(&options)).await?;
        let mut listed = Vec::with_capacity(entries.len());
        for entry in entries {
            if !entry.is_selectable() {
                continue;
            }
            let mut folder = to_listed(&entry);
            let monitored = self.mailbox.monitored_folders.as_deref();
            let wanted = list::default_mode(&folder, monitored) != Mode::Off
                || self
                    .known
                    .iter()
                    .any(|k| k.wire_name == folder.wire_name && k.mode != Mode::Off);
            if wanted && entry.status.is_none() {
                // A folder that cannot be asked is not a reason to leave the others.
                match self.session.status(&entry.name, &COUNTS).await {
                    Ok(data) => folder.status = to_status(&data),
                    Err(error) if error.is_fatal() => return Err(error.into()),
                    Err(error) => tracing::debug!(folder = folder.path, %error, "no STATUS"),
                }
            }
            if wanted && self.session.supports("OBJECTID") {
                folder.object_id = self.lasting_id(&entry.name, &folder).await?;
            }
            listed.push(folder);
        }
        Ok(listed)
    }

    /// MAILBOXID, asked for once a folder, and by STATUS: Cyrus 3.6 fills it with what lies in freed memory where LIST asks
    /// for the numbers of all folders.
    async fn lasting_id(&mut self, name: &MailboxName, folder: &Listed) -> Result<Option<String>> {
        let same = |known: &&Known| {
            known.wire_name == folder.wire_name && known.uid_validity == folder.status.uid_validity
        };
        if let Some(known) = self.known.iter().find(same)
            && known.object_id.is_some()
        {
            return Ok(known.object_id.clone());
        }
        match self.session.status(name, &[StatusItem::MailboxId]).await {
            Ok(data) => Ok(data.mailbox_id),
            Err(error) if error.is_fatal() => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    /// Opens a folder and applies what changed in it.
    pub(crate) async fn look(&mut self, i: usize) -> Result<Option<Open>> {
        if self.is_parked(&self.known[i]) {
            return Ok(None);
        }
        self.open = None;
        self.exists = None;
        self.open_next = None;
        let manner = Manner {
            abilities: self.abilities,
            origin: self.origin,
            told_before: self.doubts.told_before(&self.known[i].id),
        };
        let looked = look::look(
            &mut self.session,
            self.context,
            self.lease,
            &mut self.known[i],
            manner,
            &mut self.news,
        )
        .await;
        match looked {
            Ok(open) => {
                self.doubts.settle(&self.known[i].id);
                self.open = Some(self.known[i].id.clone());
                self.exists = Some(open.exists);
                self.open_next = open.uid_next;
                Ok(Some(open))
            }
            // A folder that cannot be opened does not stop the others; a server that wants quiet means all of them.
            Err(SyncError::Imap(error))
                if !error.is_fatal()
                    && !asks_for_quiet(&error, self.mailbox, self.context.store.now()) =>
            {
                tracing::info!(folder = self.known[i].path, %error, "a folder cannot be opened");
                Ok(None)
            }
            // Nor does one that may be another one by now, until a second connection knows.
            Err(SyncError::OtherIdentity {
                folder,
                uid_validity,
            }) => {
                tracing::info!(
                    folder,
                    uid_validity,
                    "the folder's identity may have changed"
                );
                if self.doubts.note(&self.known[i].id, uid_validity) {
                    self.park(i).await?;
                }
                Ok(None)
            }
            Err(SyncError::UidValidity { .. }) => {
                self.park(i).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A folder that is another one each time it is opened is left alone, for an hour or until a person has everything looked
    /// through again.
    async fn park(&mut self, i: usize) -> Result<()> {
        let store = &self.context.store;
        let until = store.now().plus_millis(PARKED_MILLIS);
        let folder = &mut self.known[i];
        tracing::warn!(
            folder = folder.path,
            "the folder is left alone for a while: its identity changes"
        );
        metrics::counter!("postroom_problems_total", "problem" => "uid_validity_unstable")
            .increment(1);
        let id = folder.id.clone();
        folders::park(store, self.lease, &id, "uid_validity_unstable", until).await?;
        folder.parked_until = Some(until);
        folder.resets = (folder.resets - 1).max(0);
        self.doubts.settle(&id);
        Ok(())
    }

    /// Whether a folder is left alone for now.
    pub(super) fn is_parked(&self, folder: &Known) -> bool {
        let now = self.context.store.now();
        folder.parked_until.is_some_and(|until| now < until)
    }

    pub(super) async fn ensure_open(&mut self, i: usize) -> Result<bool> {
        if self.open.as_deref() == Some(&self.known[i].id) {
            return Ok(true);
        }
        Ok(self.look(i).await?.is_some())
    }

    /// Reads again what the store knows about a folder.
    pub(super) async fn reload(&mut self, i: usize) -> Result<()> {
        let known = folders::known(&self.context.store, &self.mailbox.id).await?;
        if let Some(folder) = known.into_iter().find(|f| f.id == self.known[i].id) {
            self.known[i] = folder;
        }
        Ok(())
    }
}

fn to_listed(entry: &ListEntry) -> Listed {
    let path = entry.name.decoded();
    Listed {
        wire_name: folders::wire_text(entry.name.wire()),
        role: connect::roles::role_of(&entry.attributes, &path, entry.delimiter),
        view: connect::roles::is_view(&entry.attributes),
        delimiter: entry.delimiter.map(String::from),
        object_id: entry.mailbox_id.clone(),
        status: entry.status.as_ref().map(to_status).unwrap_or_default(),
        path,
    }
}

fn to_status(data: &StatusData) -> Status {
    let int = |value: Option<u64>| value.map(|value| value.min(i64::MAX as u64) as i64);
    Status {
        uid_validity: int(data.uidvalidity),
        uid_next: int(data.uidnext),
        mod_seq: int(data.highestmodseq).filter(|seq| *seq > 0),
        messages: int(data.messages),
        unseen: int(data.unseen),
    }
}
