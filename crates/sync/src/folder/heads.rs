//! Fetches the headers of messages and nothing else: for folders that are only watched.

use super::fetch::{INVENTED, Ready, fetched};
use crate::error::Result;
use imap_client::{ImapError, MessageMeta, MetaItems, Session, UidSet};

/// Octets of headers that are held at once: those of a batch of ordinary messages, several times over. Headers of a megabyte
/// each are asked for a few at a time.
const HELD: usize = 8 << 20;

/// Fetches the headers of one set. Returns the server's words when it refused; `doubtful`: messages that may be an invention.
pub(super) async fn read(
    session: &mut Session,
    wanted: &UidSet,
    ready: &mut Ready,
    doubtful: &mut UidSet,
) -> Result<Option<ImapError>> {
    let (mut left, mut at_once) = (wanted.clone(), u64::MAX);
    while !left.is_empty() {
        let mut asked = UidSet::new();
        left.iter()
            .take(usize::try_from(at_once).unwrap_or(usize::MAX))
            .for_each(|uid| asked.insert(uid));
        let part = ask(session, &asked).await;
        left = left.difference(&asked);
        left.extend(&part.too_much);
        if !part.too_much.is_empty() {
            at_once = part.came.len() as u64;
        }
        for meta in part.came {
            keep(meta, ready, doubtful).await?;
        }
        match part.told {
            Ok(()) => {}
            Err(error) if !error.is_fatal() => return Ok(Some(error)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// What came of a question for headers.
struct Part {
    came: Vec<MessageMeta>,
    /// There was no room for these.
    too_much: UidSet,
    told: Result<(), ImapError>,
}

async fn ask(session: &mut Session, asked: &UidSet) -> Part {
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
    let (mut seen, mut too_much, mut held) = (UidSet::new(), UidSet::new(), 0);
    let told = session
        .fetch_meta_with(asked, &items, None, false, |meta| {
            let (Some(uid), Some(header)) = (meta.uid, &meta.header) else {
                return;
            };
            // Once: a server that repeats itself fills no memory.
            if !asked.contains(uid) || seen.contains(uid) {
                return;
            }
            seen.insert(uid);
            if !came.is_empty() && held + header.len() > HELD {
                too_much.insert(uid);
                return;
            }
            held += header.len();
            came.push(meta);
        })
        .await;
    Part {
        came,
        too_much,
        told: told.map(drop),
    }
}

async fn keep(mut meta: MessageMeta, ready: &mut Ready, doubtful: &mut UidSet) -> Result<()> {
    let (Some(uid), Some(header), Some(size)) = (meta.uid, meta.header.take(), meta.size) else {
        return Ok(());
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
    Ok(())
}
