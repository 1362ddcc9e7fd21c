//! Fetches the headers of messages and nothing else: for folders that are only watched.

use super::fetch::{INVENTED, Ready, fetched};
use crate::error::Result;
use imap_client::{ImapError, MessageMeta, MetaItems, UidSet};

/// Fetches the headers of one set. Returns the server's words when it refused; `doubtful`: messages that may be an invention.
pub(super) async fn read(
    session: &mut imap_client::Session,
    wanted: &UidSet,
    ready: &mut Ready,
    doubtful: &mut UidSet,
) -> Result<Option<ImapError>> {
    let items = MetaItems {
        flags: true,
        size: true,
        internal_date: true,
        modseq: true,
        object_ids: true,
        labels: true,
        header: true,
        ..MetaItems::default()
    };
    let mut came: Vec<MessageMeta> = Vec::new();
    let mut seen = UidSet::new();
    let told = session
        .fetch_meta_with(wanted, &items, None, false, |meta| {
            // Once: a server that repeats itself fills no memory.
            if let Some(uid) = meta.uid
                && wanted.contains(uid)
                && meta.header.is_some()
                && !seen.contains(uid)
            {
                seen.insert(uid);
                came.push(meta);
            }
        })
        .await;
    for mut meta in came {
        let (Some(uid), Some(header), Some(size)) = (meta.uid, meta.header.take(), meta.size)
        else {
            continue;
        };
        if size == INVENTED {
            doubtful.insert(uid);
        }
        ready.blobs.begin();
        ready.blobs.append(&header).await?;
        let stored = ready.blobs.end();
        // A message without a body is its header.
        let headers_only = Some(size).filter(|size| *size != header.len() as u64);
        ready
            .fetched
            .push(fetched(uid, &meta, stored, headers_only));
    }
    match told {
        Ok(_) => Ok(None),
        Err(error) if !error.is_fatal() => Ok(Some(error)),
        Err(error) => Err(error.into()),
    }
}
