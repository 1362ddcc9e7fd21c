//! Messages that need not be fetched, because they are stored: on servers with labels (Gmail) one shows in many folders, and where
//! messages have lasting ids (X-GM-MSGID, or EMAILID of RFC 8474) one that was moved, or whose folder began anew, is known by
//! its id and size.

use super::fetch::Job;
use crate::error::{Result, SyncError};
use imap_client::{MessageMeta, MetaItems, Session, UidSet};
use model::message::Flags;
use store::ingest::{self, Found, NewPlace};

/// Whether messages can be known without their bytes, and whether there may be any.
pub(super) async fn can_be_known(session: &Session, job: &Job<'_>) -> Result<bool> {
    if session.supports("X-GM-EXT-1") {
        return Ok(true);
    }
    let (store, lease) = (&job.context.store, job.lease);
    Ok(session.supports("OBJECTID") && ingest::any_lost(store, &lease.mailbox_id).await?)
}

/// Gives the messages that are stored already their place in this folder. Returns their UIDs; the others are to be fetched.
pub(super) async fn place(session: &mut Session, job: &Job<'_>, wanted: &UidSet) -> Result<UidSet> {
    let items = MetaItems {
        flags: true,
        size: true,
        modseq: true,
        object_ids: true,
        labels: true,
        ..MetaItems::default()
    };
    let mut found = Vec::new();
    let told = session
        .fetch_meta_with(wanted, &items, None, false, |meta| found.extend(one(meta)))
        .await;
    match told {
        // Refused because of one of them, perhaps: the bodies are asked for all the same.
        Err(error) if !error.is_fatal() => {
            tracing::debug!(
                folder = job.folder_id,
                code = error.code(),
                "no lasting ids"
            );
            return Ok(UidSet::new());
        }
        Err(error) => return Err(SyncError::from(error)),
        Ok(_) => {}
    }
    let (store, lease) = (&job.context.store, job.lease);
    let mut places: Vec<NewPlace> = found.iter().filter_map(further).collect();
    let mut settled = Vec::new();
    if !found.is_empty() && ingest::any_lost(store, &lease.mailbox_id).await? {
        let (folder_id, validity) = (job.folder_id, job.uid_validity);
        settled = ingest::known_again(store, lease, folder_id, validity, job.origin, found).await?;
        places.retain(|place| !settled.contains(&place.uid));
    }
    if !places.is_empty() {
        let (folder_id, validity) = (job.folder_id, job.uid_validity);
        let placed = ingest::place(store, lease, folder_id, validity, job.origin, places).await?;
        settled.extend(placed);
    }
    Ok(super::look::to_set(&settled))
}

fn one(meta: MessageMeta) -> Option<Found> {
    Some(Found {
        uid: meta.uid? as i64,
        mod_seq: meta.modseq.unwrap_or(0) as i64,
        object_id: meta.email_id?,
        size: meta.size? as i64,
        flags: Flags::from_imap(&meta.flags?),
        labels: meta.labels,
    })
}

/// With labels it may be a message that lies in another folder too.
fn further(found: &Found) -> Option<NewPlace> {
    Some(NewPlace {
        uid: found.uid,
        mod_seq: found.mod_seq,
        object_id: found.object_id.clone(),
        size: found.size,
        labels: found.labels.clone()?,
    })
}
