//! New messages that are owed: the copy of what was sent, and what the application brought. Stored once, also when an answer is lost.

use super::copying::{Looks, answered, newest_like};
use super::{Paid, did_nothing, never_folder, spot_in};
use crate::error::Result;
use crate::mailbox::Visit;
use crate::meter::Upload;
use imap_client::{MailboxName, Mode, StatusItem, UidSet, quoted};
use model::folder::Role;
use model::mailbox::SentCopyFiler;
use store::folders::wire_bytes;
use store::owed::{self, Confirmed, CopyFrom, Intent, Owed};

/// Stores a message that the application brought. Where the folder ends is written down before, so that a try whose answer was
/// lost is known by what it stored. After an OK it is not stored again, unless the folder shows nothing new at all.
pub(super) async fn brought(visit: &mut Visit<'_>, change: &Owed) -> Result<Paid> {
    let Intent::Import {
        folder_id,
        digest,
        internet_message_id,
        flags,
        received_at,
        ..
    } = &change.intent
    else {
        return Ok(Paid::Done(Confirmed::default()));
    };
    let target = visit.known.iter().find(|folder| folder.id == *folder_id);
    let Some(target) = target.cloned() else {
        return Ok(never_folder());
    };
    let name = MailboxName::from_wire(&wire_bytes(&target.wire_name));
    let store = visit.context.store.clone();
    let place = store::blobs::find(&store, digest).await?;
    let raw = store.blobs.read(&place, u64::MAX).await?;
    let looks = Looks::of(&raw, internet_message_id.clone());
    let done = |validity: u64, uid: u64| {
        Paid::Done(Confirmed {
            copied_to: Some(spot_in(&target, validity, uid)),
            ..Confirmed::default()
        })
    };
    visit.open = None;
    let items = [StatusItem::UidValidity, StatusItem::UidNext];
    let status = visit.session.status(&name, &items).await?;
    let validity = status.uidvalidity.unwrap_or_default();
    if let Some(before) = change.copy_from {
        let numbered = before.uid_validity == validity as i64;
        let from = numbered.then_some(before.uid_next as u64);
        if let Some(uid) = stored(visit, change, &name, &looks, (validity, from)).await? {
            return Ok(done(validity, uid));
        }
    }
    if let Some(held_back) = held_back(visit, place.length).await? {
        return Ok(held_back);
    }
    let from = CopyFrom {
        uid_validity: validity as i64,
        uid_next: status.uidnext.unwrap_or(1) as i64,
    };
    owed::copying(&store, visit.lease, change, Some(from)).await?;
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let date = Some(received_at.seconds());
    let told = visit
        .session
        .append(&name, &flags, date, raw.len() as u64, &raw[..])
        .await;
    if let Some(told) = answered(visit, change, told).await? {
        return Ok(done(told.uidvalidity, told.uid));
    }
    let from = from.uid_next as u64;
    if let Some(uid) = stored(visit, change, &name, &looks, (validity, Some(from))).await? {
        return Ok(done(validity, uid));
    }
    let later = visit.session.uid_search(&format!("UID {from}:*")).await?;
    Ok(if later.iter().any(|uid| uid >= from) {
        // Which one it is cannot be told, but a second one helps nobody.
        Paid::Done(Confirmed::default())
    } else {
        did_nothing("store the message")
    })
}

/// What becomes of so many octets that may not be uploaded now; `None`: they may.
async fn held_back(visit: &mut Visit<'_>, octets: u64) -> Result<Option<Paid>> {
    Ok(match visit.grant_upload(octets).await? {
        Upload::Now => None,
        Upload::Later(until) => Some(Paid::Later(until)),
        Upload::Never => {
            let text = "the provider allows less than this message to be uploaded in a day";
            Some(Paid::Never("append_too_large", text.to_owned()))
        }
    })
}

/// Looks for a message that a try has stored, and opens the folder: from this UID on, or, where the folder was numbered anew
/// since, by its Message-ID. What another change has put there is its own.
async fn stored(
    visit: &mut Visit<'_>,
    change: &Owed,
    name: &MailboxName,
    looks: &Looks,
    (validity, from): (u64, Option<u64>),
) -> Result<Option<u64>> {
    visit.session.select(name, Mode::Examine, None).await?;
    let store = &visit.context.store;
    let folder_id = change.intent.folder_id().unwrap_or_default();
    let after = (validity as i64, from.unwrap_or(1) as i64);
    let others = owed::put_by_others(store, change, folder_id, after).await?;
    let others: Vec<u64> = others.iter().map(|uid| *uid as u64).collect();
    let with_its_id = looks
        .message_id
        .as_deref()
        .and_then(quoted)
        .map(|id| format!("HEADER Message-ID {id}"));
    let Some(from) = from else {
        let found = match with_its_id {
            Some(criteria) => visit.session.uid_search(&criteria).await?,
            None => UidSet::new(),
        };
        return match found.is_empty() {
            true => Ok(None),
            false => newest_like(visit, looks, &found, 1, &others).await,
        };
    };
    let alike = newest_like(visit, looks, &UidSet::starting_at(from), from, &others).await?;
    let (None, Some(criteria)) = (alike, with_its_id) else {
        return Ok(alike);
    };
    // Servers exist that alter what they store: a line of their own in the header, other line ends.
    let criteria = format!("UID {from}:* {criteria}");
    let found = visit.session.uid_search(&criteria).await?;
    let ours = found
        .iter()
        .filter(|uid| *uid >= from && !others.contains(uid));
    Ok(ours.max())
}

/// Files the copy of a sent message, unless the server (or an earlier try) has filed it already. `first`: there was no such try.
pub(super) async fn sent_copy(
    visit: &mut Visit<'_>,
    digest: &str,
    message_id: &str,
    first: bool,
) -> Result<Paid> {
    let filed_by = |by| {
        Paid::Done(Confirmed {
            sent_copy_by: by,
            ..Confirmed::default()
        })
    };
    let sent = visit
        .known
        .iter()
        .find(|folder| folder.role == Some(Role::Sent))
        .cloned();
    let Some(sent) = sent else {
        return Ok(Paid::Refused(
            "folder_missing",
            "no folder is marked Sent".to_owned(),
        ));
    };
    let name = MailboxName::from_wire(&wire_bytes(&sent.wire_name));
    visit.open = None;
    visit.session.select(&name, Mode::Examine, None).await?;
    let Some(quoted) = quoted(message_id) else {
        let text = "the Message-ID cannot be looked for, so a copy might be a second one";
        return Ok(Paid::Never("command_refused", text.to_owned()));
    };
    let criteria = format!("HEADER Message-ID {quoted}");
    if !visit.session.uid_search(&criteria).await?.is_empty() {
        // After an answer that was lost it may be our own.
        return Ok(filed_by(first.then_some(SentCopyFiler::Server)));
    }
    let place = store::blobs::find(&visit.context.store, digest).await?;
    if let Some(held_back) = held_back(visit, place.length).await? {
        return Ok(held_back);
    }
    let date = Some(visit.context.store.now().seconds());
    // Piece by piece: it may have a file of a hundred megabytes in it.
    let body = visit.context.store.blobs.reader(&place);
    let told = visit
        .session
        .append(&name, &["\\Seen"], date, place.length, body)
        .await?;
    if told.is_none() {
        visit.session.select(&name, Mode::Examine, None).await?;
        if visit.session.uid_search(&criteria).await?.is_empty() {
            return Ok(did_nothing("file the copy"));
        }
    }
    Ok(filed_by(Some(SentCopyFiler::Postroom)))
}
