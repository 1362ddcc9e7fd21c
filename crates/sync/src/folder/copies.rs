//! Servers with labels (Gmail): a message shows in many folders, and its bytes are fetched from the first of them alone. In
//! the others its lasting id and size tell that it is stored.

use super::fetch::Job;
use crate::error::{Result, SyncError};
use imap_client::{MetaItems, Session, UidSet};
use store::ingest::{self, NewPlace};

/// Whether copies can be known without their bytes.
pub(super) fn can_be_known(session: &Session) -> bool {
    session.supports("X-GM-EXT-1")
}

/// Gives the messages that are stored already their place in this folder. Returns their UIDs; the others are to be fetched.
pub(super) async fn place(session: &mut Session, job: &Job<'_>, wanted: &UidSet) -> Result<UidSet> {
    let items = MetaItems {
        size: true,
        modseq: true,
        object_ids: true,
        labels: true,
        ..MetaItems::default()
    };
    let mut places = Vec::new();
    let told = session
        .fetch_meta_with(wanted, &items, None, false, |meta| {
            if let (Some(uid), Some(object_id), Some(size), Some(labels)) =
                (meta.uid, meta.email_id, meta.size, meta.labels)
            {
                places.push(NewPlace {
                    uid: uid as i64,
                    mod_seq: meta.modseq.unwrap_or(0) as i64,
                    object_id,
                    size: size as i64,
                    labels,
                });
            }
        })
        .await;
    match told {
        // Refused because of one of them, perhaps: the bodies are asked for all the same.
        Err(error) if !error.is_fatal() => {
            tracing::debug!(folder = job.folder_id, %error, "no lasting ids");
            return Ok(UidSet::new());
        }
        Err(error) => return Err(SyncError::from(error)),
        Ok(_) => {}
    }
    if places.is_empty() {
        return Ok(UidSet::new());
    }
    let placed = ingest::place(
        &job.context.store,
        job.lease,
        job.folder_id,
        job.uid_validity,
        job.origin,
        places,
    )
    .await?;
    Ok(super::look::to_set(&placed))
}
