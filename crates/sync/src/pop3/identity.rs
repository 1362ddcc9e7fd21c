//! Whether an id still stands for the message that it stood for. RFC 1939 section 7 wants an id never to
//! be given twice in the life of a maildrop; servers that count files or numbers do it all the same. The
//! size of a message, which LIST tells, gives such an id away, and its header proves it.

use super::Polling;
use super::plan::Listed;
use crate::error::{Result, SyncError};
use mail_message::read::summarize;
use pop3_client::{Download, Pop3Error, Session};
use std::collections::{HashMap, HashSet};
use store::Store;
use store::blobs::Place;
use store::folders::Known;
use store::pop3::Standing;

/// How much of a message is read to find its header.
const HEAD_BYTES: usize = 256 * 1024;
/// Messages that are compared with their copies in one session.
pub(super) const COMPARED: usize = 200;

/// What LIST says.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    /// Sizes by key, as far as they may be noted.
    pub listed: HashMap<String, i64>,
    /// Others are still to be checked.
    pub more: bool,
}

impl Polling<'_> {
    /// Finds ids that the server gives to other messages now: these are fetched as new ones.
    pub(super) async fn check_sizes(
        &self,
        session: &mut Session,
        folder: &Known,
        listed: &[Listed],
        known: &mut HashMap<String, Standing>,
    ) -> Result<Sizes> {
        let store = &self.context.store;
        let sizes = sizes_of(session, listed).await;
        let mut sizes = Sizes {
            listed: sizes.map_err(|error| self.told(&error))?,
            more: false,
        };
        let mut resized = store::pop3::resized(store, &folder.id, &sizes.listed).await?;
        if resized.is_empty() {
            return Ok(sizes);
        }
        for later in resized.drain(COMPARED.min(resized.len())..) {
            sizes.listed.remove(&later);
            sizes.more = true;
        }
        let mut others: HashSet<String> = resized.iter().cloned().collect();
        let same = self.those_that_are_same(session, folder, listed, &resized);
        for key in same.await?.same {
            others.remove(&key);
        }
        self.are_others(folder, known, others.into_iter().collect())
            .await?;
        Ok(sizes)
    }

    /// Whether a person wants everything compared with the server.
    pub(super) async fn is_asked_to_compare(&self) -> Result<bool> {
        let order = crate::audit::due(self.context, &self.mailbox.id).await?;
        Ok(order.is_some_and(|order| order.by_hand))
    }

    /// Compares the headers of the newest messages with their copies: an id may stand for another message of the same size.
    pub(super) async fn compare_heads(
        &self,
        session: &mut Session,
        folder: &Known,
        listed: &[Listed],
        known: &mut HashMap<String, Standing>,
    ) -> Result<()> {
        let stored = |key: &&String| known.get(*key) == Some(&Standing::Stored);
        let newest = listed.iter().rev().filter_map(|m| m.key.as_ref());
        let newest: Vec<String> = newest.filter(stored).take(COMPARED).cloned().collect();
        let found = self.those_that_are_same(session, folder, listed, &newest);
        let others = found.await?.others;
        self.are_others(folder, known, others).await
    }

    /// Which of these ids stand for the messages that are stored under them, and which do not.
    async fn those_that_are_same(
        &self,
        session: &mut Session,
        folder: &Known,
        listed: &[Listed],
        keys: &[String],
    ) -> Result<Compared> {
        let store = &self.context.store;
        let numbers: HashMap<&str, u32> = listed
            .iter()
            .filter_map(|message| Some((message.key.as_deref()?, message.number)))
            .collect();
        let mut compared = Compared::default();
        for copy in store::pop3::copies(store, &folder.id, keys).await? {
            let Some(number) = numbers.get(copy.key.as_str()) else {
                continue;
            };
            let same = is_same(session, *number, store, &copy.place).await;
            match same.map_err(|broken| self.broken(broken))? {
                true => compared.same.push(copy.key),
                false => compared.others.push(copy.key),
            }
        }
        Ok(compared)
    }

    /// These ids stand for other messages now.
    async fn are_others(
        &self,
        folder: &Known,
        known: &mut HashMap<String, Standing>,
        others: Vec<String>,
    ) -> Result<()> {
        for key in &others {
            known.remove(key);
        }
        let store = &self.context.store;
        Ok(store::pop3::reused(store, self.lease, &folder.id, others).await?)
    }

    pub(super) fn broken(&self, broken: Broken) -> SyncError {
        match broken {
            Broken::Server(error) => self.told(&error),
            Broken::Store(error) => error.into(),
        }
    }
}

/// Ids by what became of their messages.
#[derive(Debug, Default)]
struct Compared {
    same: Vec<String>,
    others: Vec<String>,
}

/// The sizes of all messages with an id, by key, where the server tells them.
async fn sizes_of(
    session: &mut Session,
    listed: &[Listed],
) -> std::result::Result<HashMap<String, i64>, Pop3Error> {
    let sizes = match session.list().await {
        Ok(sizes) => sizes,
        Err(Pop3Error::Refused { .. }) => return Ok(HashMap::new()),
        Err(error) => return Err(error),
    };
    let by_number: HashMap<u32, u64> = sizes.iter().map(|m| (m.number, m.bytes)).collect();
    let sized = listed.iter().filter_map(|message| {
        let bytes = by_number.get(&message.number)?;
        Some((message.key.clone()?, i64::try_from(*bytes).ok()?))
    });
    Ok(sized.collect())
}

/// Why a comparison came to no end.
pub(super) enum Broken {
    Server(Pop3Error),
    Store(store::StoreError),
}

/// Whether message `number` is the one that is stored at `place`: by its header, byte for byte, or, as
/// some servers add lines of their own, by what identifies a message in it.
pub(super) async fn is_same(
    session: &mut Session,
    number: u32,
    store: &Store,
    place: &Place,
) -> Result<bool, Broken> {
    let there = header_of(session, number).await.map_err(Broken::Server)?;
    let Some(there) = there else {
        return Ok(false);
    };
    let here = store.blobs.read(place, HEAD_BYTES as u64).await;
    let here = here.map_err(Broken::Store)?;
    let (there, here) = (header(&there), header(&here));
    if there == here {
        return Ok(true);
    }
    let (there, here) = (summarize(there), summarize(here));
    Ok(here.head.internet_message_id.is_some()
        && here.head.internet_message_id == there.head.internet_message_id
        && here.head.subject == there.head.subject
        && here.head.from == there.head.from
        && here.date_ms == there.date_ms)
}

/// The beginning of a message, by TOP or, where there is none, by RETR; `None`: the server does not give it.
async fn header_of(session: &mut Session, number: u32) -> Result<Option<Vec<u8>>, Pop3Error> {
    let capabilities = session.capabilities();
    if capabilities.top || !capabilities.listed {
        match session.top(number, 0).await {
            Ok(download) => return beginning(download).await.map(Some),
            Err(Pop3Error::Refused { .. } | Pop3Error::Unsupported { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    match session.retr(number).await {
        Ok(download) => beginning(download).await.map(Some),
        Err(Pop3Error::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn beginning(mut download: Download<'_>) -> Result<Vec<u8>, Pop3Error> {
    let mut kept = Vec::new();
    while let Some(chunk) = download.next_chunk().await? {
        let room = HEAD_BYTES - kept.len();
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(kept)
}

/// What stands before the first empty line.
fn header(raw: &[u8]) -> &[u8] {
    let empty = |at: &usize| raw[*at..].starts_with(b"\n\n") || raw[*at..].starts_with(b"\n\r\n");
    let end = (0..raw.len()).find(empty);
    raw[..end.unwrap_or(raw.len())].trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_at_the_first_empty_line_or_with_the_message() {
        for (raw, wanted) in [
            ("A: 1\r\n\r\nbody", "A: 1"),
            ("A: 1\r\n\r\n", "A: 1"),
            ("A: 1\r\n", "A: 1"),
            ("A: 1\nB: 2\n\nx\r\n\r\n", "A: 1\nB: 2"),
            ("A: 1\n\nbody\n", "A: 1"),
        ] {
            assert_eq!(header(raw.as_bytes()), wanted.as_bytes(), "{raw:?}");
        }
    }
}
