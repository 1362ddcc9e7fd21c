//! Copies that are owed, and the copy half of a move where the server has no MOVE: made once, also when an answer is lost.

use super::{Paid, did_nothing, paired, spot_in};
use crate::error::Result;
use crate::mailbox::Visit;
use imap_client::{MailboxName, MetaItems, Mode, StatusItem, UidSet};
use store::folders::{Known, wire_bytes};
use store::owed::{self, Confirmed, CopyFrom, Owed};

/// Messages in the target folder that are compared to find a copy that an earlier try made.
const COMPARED: usize = 1_000;

/// Copies a message into another folder.
pub(super) async fn copy(
    visit: &mut Visit<'_>,
    change: &Owed,
    uid: &UidSet,
    target: &Known,
) -> Result<Paid> {
    let to = MailboxName::from_wire(&wire_bytes(&target.wire_name));
    let Some((validity, copy)) = copied(visit, change, uid, &to).await? else {
        return Ok(did_nothing("copy the message"));
    };
    // With labels it is no message of its own, but shows in one more folder.
    let apart = !visit.session.supports("X-GM-EXT-1");
    Ok(Paid::Done(Confirmed {
        copied_to: apart.then(|| spot_in(target, validity, copy)),
        ..Confirmed::default()
    }))
}

/// Copies a message, once: where the target ends is written down before, so that a try whose answer was lost
/// is known by its copy. Gives the copy's UIDVALIDITY and UID; `None`: there is none. The message's own folder
/// is open before and after.
pub(super) async fn copied(
    visit: &mut Visit<'_>,
    change: &Owed,
    uid: &UidSet,
    to: &MailboxName,
) -> Result<Option<(u64, u64)>> {
    let items = [StatusItem::UidValidity, StatusItem::UidNext];
    let status = visit.session.status(to, &items).await?;
    let validity = status.uidvalidity.unwrap_or_default();
    if let Some(from) = change
        .copy_from
        .filter(|from| from.uid_validity == validity as i64)
        && let Some(copy) = find_copy(visit, uid, to, from.uid_next as u64).await?
    {
        return Ok(Some((validity, copy)));
    }
    let from = CopyFrom {
        uid_validity: validity as i64,
        uid_next: status.uidnext.unwrap_or(1) as i64,
    };
    owed::copying(&visit.context.store, visit.lease, change, from).await?;
    let went = visit.session.uid_copy(uid, to).await?;
    let told = went.and_then(|went| {
        let new = paired(&went.pairs, uid.first()?)?;
        Some((went.uidvalidity, new))
    });
    if told.is_some() {
        return Ok(told);
    }
    let found = find_copy(visit, uid, to, from.uid_next as u64).await?;
    Ok(found.map(|copy| (validity, copy)))
}

/// Looks from this UID on for a message with the same header and size.
async fn find_copy(
    visit: &mut Visit<'_>,
    uid: &UidSet,
    to: &MailboxName,
    from: u64,
) -> Result<Option<u64>> {
    let Some(here) = visit.session.selected().cloned() else {
        return Ok(None);
    };
    let items = MetaItems {
        size: true,
        header: true,
        ..MetaItems::default()
    };
    let told = visit.session.fetch_meta(uid, &items, None, false).await?;
    let original = told
        .messages
        .into_iter()
        .find(|meta| meta.uid == uid.first());
    let Some(original) = original else {
        return Ok(None);
    };
    visit.session.select(to, Mode::Examine, None).await?;
    let sizes = MetaItems {
        size: true,
        ..MetaItems::default()
    };
    let later = UidSet::starting_at(from);
    let told = visit
        .session
        .fetch_meta(&later, &sizes, None, false)
        .await?;
    let mut alike = UidSet::new();
    // `n:*` gives the last message even below `n`.
    told.messages
        .iter()
        .filter(|meta| meta.size == original.size)
        .filter_map(|meta| meta.uid.filter(|uid| *uid >= from))
        .take(COMPARED)
        .for_each(|uid| alike.insert(uid));
    let mut copy = None;
    if !alike.is_empty() {
        let told = visit
            .session
            .fetch_meta(&alike, &items, None, false)
            .await?;
        copy = told
            .messages
            .iter()
            .find(|meta| meta.header.is_some() && meta.header == original.header)
            .and_then(|meta| meta.uid);
    }
    visit.session.select(&here, Mode::ReadWrite, None).await?;
    Ok(copy)
}
