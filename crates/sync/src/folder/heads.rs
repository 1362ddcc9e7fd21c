//! Fetches the headers of messages and nothing else: for folders that are only watched.

use super::fetch::{INVENTED, Ready, fetched};
use crate::error::Result;
use imap_client::{ImapError, MessageMeta, MetaItems, Session, UidSet};

/// Octets of headers that are held at once: those of a batch of ordinary messages, several times over. Headers of a megabyte
/// each are asked for a few at a time.
const HELD: usize = 8 << 20;
/// Octets of the longest header that is told at once ([`imap_client::Limits::inline_literal`]), and of a piece of a longer one.
const LONG: u64 = 1 << 20;

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
        let mut told = part.told;
        for meta in part.long {
            if told.is_ok() {
                told = keep_long(session, meta, ready).await?;
            }
        }
        match told {
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
    /// Their headers are too long to be told at once.
    long: Vec<MessageMeta>,
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
    let (mut came, mut long): (Vec<MessageMeta>, Vec<MessageMeta>) = (Vec::new(), Vec::new());
    let (mut seen, mut too_much, mut held) = (UidSet::new(), UidSet::new(), 0);
    let told = session
        .fetch_meta_with(asked, &items, None, false, |meta| {
            let Some(uid) = meta.uid else {
                return;
            };
            let is_long = meta.header.is_none() && meta.size.is_some_and(|size| size > LONG);
            // Once: a server that repeats itself fills no memory.
            if !asked.contains(uid) || seen.contains(uid) || meta.header.is_none() && !is_long {
                return;
            }
            seen.insert(uid);
            let Some(header) = &meta.header else {
                long.push(meta);
                return;
            };
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
        long,
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

/// A header that is too long to be told at once comes as the beginning of the message, a piece at a time. Returns the server's
/// words when it refused.
async fn keep_long(
    session: &mut Session,
    meta: MessageMeta,
    ready: &mut Ready,
) -> Result<std::result::Result<(), ImapError>> {
    let (Some(uid), Some(size)) = (meta.uid, meta.size) else {
        return Ok(Ok(()));
    };
    ready.blobs.begin();
    let (mut have, mut last) = (0, Vec::new());
    loop {
        // The blank line may begin at the end of the piece before.
        let mut piece = last;
        let before = piece.len();
        let told = match session.fetch_partial(uid, have, LONG, &mut piece).await {
            Ok(Some(told)) => told,
            gone_or_refused => {
                ready.blobs.abort();
                return Ok(gone_or_refused.map(drop));
            }
        };
        let end = end_of_header(&piece);
        let stop = end.unwrap_or(piece.len()).max(before);
        ready.blobs.append(&piece[before..stop]).await?;
        have += (stop - before) as u64;
        if end.is_some() || told < LONG || have >= size {
            break;
        }
        last = piece.split_off(piece.len() - 2);
    }
    let stored = ready.blobs.end();
    let headers_only = Some(size).filter(|size| *size != have);
    let fetched = fetched(uid, &meta, stored, headers_only);
    ready.fetched.push(fetched);
    Ok(Ok(()))
}

/// Where the blank line behind a header ends.
fn end_of_header(text: &[u8]) -> Option<usize> {
    let at = |i: usize| text.get(i).copied();
    (0..text.len()).find_map(|i| match (at(i), at(i + 1), at(i + 2)) {
        (Some(b'\n'), Some(b'\n'), _) => Some(i + 2),
        (Some(b'\n'), Some(b'\r'), Some(b'\n')) => Some(i + 3),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::end_of_header;

    #[test]
    fn a_header_ends_with_its_blank_line() {
        assert_eq!(end_of_header(b"a: b\r\n\r\nbody\r\n\r\n"), Some(8));
        assert_eq!(end_of_header(b"a: b\n\nbody"), Some(6));
        assert_eq!(end_of_header(b"a: b\r\n c\r\n"), None);
        assert_eq!(end_of_header(b"a: b\r\n\r"), None);
    }
}
