//! Copies that are owed, and the copy half of a move where the server has no MOVE: made once, also when an answer is lost.

use super::{Paid, did_nothing, flags, spot_in, vanished};
use crate::error::Result;
use crate::mailbox::Visit;
use imap_client::{CopyUid, ImapError, MailboxName, MetaItems, Mode, StatusItem, UidSet, quoted};
use store::folders::{Known, wire_bytes};
use store::owed::{self, Confirmed, CopyFrom, Owed};

/// Messages in the target folder that are compared to find a copy that an earlier try made.
const COMPARED: usize = 1_000;
/// Of what is stored of a message, its header lies within so many bytes; a longer one is not known again.
const HEADER_BYTES: u64 = 1 << 20;

/// Copies a message into another folder.
pub(super) async fn copy(
    visit: &mut Visit<'_>,
    change: &Owed,
    uid: &UidSet,
    target: &Known,
) -> Result<Paid> {
    let to = MailboxName::from_wire(&wire_bytes(&target.wire_name));
    let Some(Copied { validity, copy, .. }) = copied(visit, change, uid, &to).await? else {
        return not_copied(visit, uid).await;
    };
    // With labels it is no message of its own, but shows in one more folder.
    let apart = !visit.session.supports("X-GM-EXT-1");
    Ok(Paid::Done(Confirmed {
        copied_to: apart.then(|| spot_in(target, validity, copy)),
        ..Confirmed::default()
    }))
}

/// Why there is no copy: the message is gone, or the server only said OK.
pub(super) async fn not_copied(visit: &mut Visit<'_>, uid: &UidSet) -> Result<Paid> {
    Ok(match flags::told(visit, uid).await? {
        Some(_) => did_nothing("copy the message"),
        None => vanished(),
    })
}

/// Where a copy is.
pub(super) struct Copied {
    pub(super) validity: u64,
    pub(super) copy: u64,
    /// The server has just named it, so that it is this one and no other that looks like it.
    pub(super) is_named: bool,
}

/// Copies a message, once: where the target ends is written down before, so that a try whose answer was lost
/// is known by its copy. `None`: there is none. The message's own folder is open before and after.
pub(super) async fn copied(
    visit: &mut Visit<'_>,
    change: &Owed,
    uid: &UidSet,
    to: &MailboxName,
) -> Result<Option<Copied>> {
    let found = |validity, copy| Copied {
        validity,
        copy,
        is_named: false,
    };
    let items = [StatusItem::UidValidity, StatusItem::UidNext];
    let status = visit.session.status(to, &items).await?;
    let validity = status.uidvalidity.unwrap_or_default();
    if let Some(from) = change
        .copy_from
        .filter(|from| from.uid_validity == validity as i64)
        && let Some(copy) = find_copy(visit, change, uid, to, Some(from.uid_next as u64)).await?
    {
        return Ok(Some(found(validity, copy)));
    }
    let from = CopyFrom {
        uid_validity: validity as i64,
        uid_next: status.uidnext.unwrap_or(1) as i64,
    };
    owed::copying(&visit.context.store, visit.lease, change, Some(from)).await?;
    let went = visit.session.uid_copy(uid, to).await;
    let went = answered(visit, change, went).await?;
    if let Some((validity, copy)) = went.and_then(|went| new_place(&went, uid)) {
        return Ok(Some(Copied {
            validity,
            copy,
            is_named: true,
        }));
    }
    let copy = find_copy(visit, change, uid, to, Some(from.uid_next as u64)).await?;
    Ok(copy.map(|copy| found(validity, copy)))
}

/// After a NO nothing in the target is of this change, whatever others put there meanwhile.
pub(super) async fn answered<T>(
    visit: &Visit<'_>,
    change: &Owed,
    answer: Result<T, ImapError>,
) -> Result<T> {
    if answer.as_ref().is_err_and(|error| !error.is_fatal()) {
        owed::copying(&visit.context.store, visit.lease, change, None).await?;
    }
    Ok(answer?)
}

/// Where the server says that a message went: UIDVALIDITY and UID.
pub(super) fn new_place(went: &CopyUid, uid: &UidSet) -> Option<(u64, u64)> {
    let old = uid.first()?;
    let (_, new) = went.pairs.iter().find(|(from, _)| *from == old)?;
    Some((went.uidvalidity, *new))
}

/// Where a message lies that is gone from its folder, in the one that it was to be moved to.
pub(super) async fn moved(
    visit: &mut Visit<'_>,
    change: &Owed,
    uid: &UidSet,
    target: &Known,
) -> Result<Option<(u64, u64)>> {
    let to = MailboxName::from_wire(&wire_bytes(&target.wire_name));
    let status = visit
        .session
        .status(&to, &[StatusItem::UidValidity])
        .await?;
    let validity = status.uidvalidity.unwrap_or_default();
    // What we have looked at there was there before.
    let from = (target.uid_validity == Some(validity as i64)).then_some(target.high_uid as u64);
    let found = find_copy(visit, change, uid, &to, from).await?;
    Ok(found.map(|copy| (validity, copy)))
}

/// What a message looks like wherever it lies.
pub(super) struct Looks {
    size: u64,
    header: Vec<u8>,
    /// Its Message-ID, if it has one.
    pub(super) message_id: Option<String>,
}

impl Looks {
    /// Those of raw bytes.
    pub(super) fn of(raw: &[u8], message_id: Option<String>) -> Self {
        Self {
            size: raw.len() as u64,
            header: header_of(raw).to_vec(),
            message_id,
        }
    }
}

/// The header with the empty line that ends it.
fn header_of(raw: &[u8]) -> &[u8] {
    let end = raw.windows(4).position(|end| end == b"\r\n\r\n");
    end.map_or(raw, |end| &raw[..end + 4])
}

/// From the server, or, where it lies there no more, from what is stored.
async fn looks(visit: &mut Visit<'_>, change: &Owed, uid: &UidSet) -> Result<Option<Looks>> {
    let store = &visit.context.store;
    let stored = match &change.message_id {
        Some(id) => store::messages::get(store, id).await.ok(),
        None => None,
    };
    let message_id = stored.as_ref().and_then(|message| {
        let head: serde_json::Value = serde_json::from_str(&message.head).ok()?;
        head["internet_message_id"].as_str().map(str::to_owned)
    });
    let told = visit.session.fetch_meta(uid, &whole(), None, false).await?;
    let there = told
        .messages
        .into_iter()
        .find(|meta| meta.uid == uid.first());
    if let Some((size, header)) = there.and_then(|meta| Some((meta.size?, meta.header?))) {
        return Ok(Some(Looks {
            size,
            header,
            message_id,
        }));
    }
    let Some(message) = stored else {
        return Ok(None);
    };
    let Ok(raw) = store::messages::raw(store, &message.id).await else {
        return Ok(None);
    };
    let stored = store.blobs.read(&raw.place, HEADER_BYTES).await?;
    let header = header_of(&stored).to_vec();
    let size = message.size as u64;
    Ok(Some(Looks {
        size,
        header,
        message_id,
    }))
}

fn whole() -> MetaItems {
    MetaItems {
        size: true,
        header: true,
        ..MetaItems::default()
    }
}

/// Looks in the target for a message with the same header and size: from this UID on, or, where it is not known what was there
/// before, by its Message-ID. The message's own folder is open before and after.
async fn find_copy(
    visit: &mut Visit<'_>,
    change: &Owed,
    uid: &UidSet,
    to: &MailboxName,
    from: Option<u64>,
) -> Result<Option<u64>> {
    let Some(here) = visit.session.selected().cloned() else {
        return Ok(None);
    };
    let Some(original) = looks(visit, change, uid).await? else {
        return Ok(None);
    };
    visit.session.select(to, Mode::Examine, None).await?;
    let later = match from {
        Some(from) => UidSet::starting_at(from),
        None => match original.message_id.as_deref().and_then(quoted) {
            Some(id) => {
                let criteria = format!("HEADER Message-ID {id}");
                visit.session.uid_search(&criteria).await?
            }
            None => UidSet::new(),
        },
    };
    let mut copy = None;
    if !later.is_empty() {
        copy = newest_like(visit, &original, &later, from.unwrap_or(1), &[]).await?;
    }
    visit.session.select(&here, Mode::ReadWrite, None).await?;
    Ok(copy)
}

/// The newest message of a set in the open folder, from this UID on, that looks like this and is none of the excepted.
pub(super) async fn newest_like(
    visit: &mut Visit<'_>,
    original: &Looks,
    uids: &UidSet,
    from: u64,
    except: &[u64],
) -> Result<Option<u64>> {
    let sizes = MetaItems {
        size: true,
        ..MetaItems::default()
    };
    let told = visit.session.fetch_meta(uids, &sizes, None, false).await?;
    let mut alike = UidSet::new();
    // `n:*` gives the last message even below `n`.
    told.messages
        .iter()
        .filter(|meta| meta.size == Some(original.size))
        .filter_map(|meta| meta.uid.filter(|uid| *uid >= from && !except.contains(uid)))
        .take(COMPARED)
        .for_each(|uid| alike.insert(uid));
    if alike.is_empty() {
        return Ok(None);
    }
    let told = visit
        .session
        .fetch_meta(&alike, &whole(), None, false)
        .await?;
    let same = |header: &Vec<u8>| header.trim_ascii_end() == original.header.trim_ascii_end();
    let like = told
        .messages
        .iter()
        .filter(|meta| meta.header.as_ref().is_some_and(same));
    Ok(like.filter_map(|meta| meta.uid).max())
}
