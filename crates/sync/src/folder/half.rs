//! The half of a large message that a broken connection left behind: what came is kept, and the rest is asked for in
//! slices, so that a message of a gigabyte needs no connection that lasts for all of it.
//!
//! Nothing of a half is visible: it becomes a message when its last byte is there and its length is the one announced.
//! It lives as long as this process works on the mailbox; after a restart the message is fetched from its beginning.

use super::fetch::{Job, Ready};
use crate::error::{Result, SyncError};
use imap_client::{ImapError, MessageMeta, MetaItems, Session, UidSet};
use store::blobs::{Batch, Stored};
use tokio::io::AsyncReadExt as _;

/// Less than this is not worth keeping: it is fetched again.
const WORTH: u64 = 1024 * 1024;
/// What is asked for at once; the next slice is asked for while one comes.
const SLICE: u64 = 8 * 1024 * 1024;
/// Bytes between the network and the store.
const PIPE: usize = 256 * 1024;

/// A message of which the beginning is here.
pub(crate) struct Half {
    folder_id: String,
    uid_validity: i64,
    uid: u64,
    /// Holds the beginning, and will hold all of it.
    blobs: Batch,
}

/// A message that came in two or more parts.
pub(super) struct Whole {
    pub(super) meta: MessageMeta,
    pub(super) stored: Stored,
    /// Has it, and nothing else.
    pub(super) blobs: Batch,
}

impl Half {
    /// Keeps what came of `uid`, if that is much: the batch was for it alone.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) async fn keep(job: &Job<'_>, uid: u64, ready: &mut Ready) -> Result<Option<Self>> {
        if ready.blobs.begun().is_none_or(|length| length < WORTH) {
            return Ok(None);
        }
        let fresh = job.context.store.blobs.batch()?;
        let mut blobs = std::mem::replace(&mut ready.blobs, fresh);
        blobs.park().await?;
        Ok(Some(Self {
            folder_id: job.folder_id.to_owned(),
            uid_validity: job.uid_validity,
            uid,
            blobs,
        }))
    }

    /// Whether it is of the one message that is wanted.
    pub(crate) fn is_of(&self, job: &Job<'_>, wanted: &UidSet) -> bool {
        self.folder_id == job.folder_id
            && self.uid_validity == job.uid_validity
            && wanted.len() == 1
            && wanted.contains(self.uid)
    }

    /// Asks for the rest. `None`: it is to be fetched from its beginning, if it is there at all. After an error `kept` has the half again, with what has come meanwhile.
    pub(super) async fn go_on(
        mut self,
        session: &mut Session,
        kept: &mut Option<Self>,
    ) -> Result<Option<Whole>> {
        let told = self.facts(session).await;
        let facts = match told {
            Ok(facts) => facts,
            Err(error) => {
                *kept = Some(self);
                return Err(error);
            }
        };
        let have = self.blobs.begun().unwrap_or(0);
        // Without a size nobody could tell whether the two parts are one message.
        let size = facts.as_ref().and_then(|meta| meta.size);
        let (Some(meta), Some(size)) = (facts, size.filter(|size| *size >= have)) else {
            return Ok(None);
        };
        match self.receive(session, have).await {
            Ok(Some(_)) if self.blobs.begun() == Some(size) => {
                let stored = self.blobs.end();
                let blobs = self.blobs;
                Ok(Some(Whole {
                    meta,
                    stored,
                    blobs,
                }))
            }
            Ok(_) => Ok(None),
            Err(SyncError::Imap(error)) if !error.is_fatal() => Ok(None),
            // The server does not know parts: what came is of no use.
            Err(SyncError::Imap(error @ ImapError::Protocol { .. })) => Err(error.into()),
            Err(error) => {
                let grown = self.blobs.begun().unwrap_or(0) - have;
                tracing::debug!(uid = self.uid, grown, "a large message was cut again");
                if self.blobs.park().await.is_ok() {
                    *kept = Some(self);
                }
                Err(error)
            }
        }
    }

    /// Bytes that have come.
    pub(crate) fn length(&self) -> u64 {
        self.blobs.begun().unwrap_or(0)
    }

    async fn facts(&self, session: &mut Session) -> Result<Option<MessageMeta>> {
        let items = MetaItems {
            flags: true,
            size: true,
            internal_date: true,
            modseq: true,
            object_ids: true,
            labels: true,
            ..MetaItems::default()
        };
        let mut found = None;
        let wanted = UidSet::range(self.uid, self.uid);
        let told = session
            .fetch_meta_with(&wanted, &items, None, false, |meta| {
                if meta.uid == Some(self.uid) {
                    found = Some(meta);
                }
            })
            .await;
        match told {
            Err(error) if error.is_fatal() => Err(error.into()),
            _ => Ok(found),
        }
    }

    async fn receive(&mut self, session: &mut Session, from: u64) -> Result<Option<u64>> {
        let (mut sink, mut source) = tokio::io::duplex(PIPE);
        let (uid, blobs) = (self.uid, &mut self.blobs);
        let fetching = async move {
            let fetched = session.fetch_rest(uid, from, SLICE, &mut sink).await;
            drop(sink);
            fetched
        };
        let storing = async move {
            let mut piece = vec![0; PIPE];
            loop {
                let count = source.read(&mut piece).await.unwrap_or(0);
                if count == 0 {
                    return Ok(());
                }
                blobs.append(&piece[..count]).await?;
            }
        };
        let (fetched, stored): (_, Result<()>) = tokio::join!(fetching, storing);
        stored?;
        Ok(fetched?)
    }
}

impl std::fmt::Debug for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Half")
            .field("uid", &self.uid)
            .field("length", &self.length())
            .finish_non_exhaustive()
    }
}
