//! Moves and removals that are owed: in one step where the server can, else by a copy that is made once and an original that goes.

use super::copying::Copied;
use super::{Paid, copying, did_nothing, flags, one, refused, spot_in, vanished};
use crate::error::{Result, SyncError};
use crate::mailbox::Visit;
use imap_client::{ImapError, MailboxName, Mode, Session, StoreMode, UidSet};
use model::folder;
use store::folders::{Known, wire_bytes};
use store::owed::{Confirmed, Owed};

const DELETED: [&str; 1] = ["\\Deleted"];

/// Moves a message.
pub(super) async fn move_to(
    visit: &mut Visit<'_>,
    change: &Owed,
    uid: &UidSet,
    target: &Known,
) -> Result<Paid> {
    let to = MailboxName::from_wire(&wire_bytes(&target.wire_name));
    let (validity, new) = if visit.session.supports("MOVE") {
        let went = visit.session.uid_move(uid, &to).await?;
        let told = went.and_then(|went| copying::new_place(&went, uid));
        let Some(told) = told else {
            return unconfirmed(visit, change, uid, target).await;
        };
        told
    } else {
        let Some(copy) = copying::copied(visit, change, uid, &to).await? else {
            return copying::not_copied(visit, uid).await;
        };
        let stays = match remove(visit, uid).await {
            Ok(true) => None,
            Ok(false) => Some(did_nothing("remove the message that was copied")),
            Err(SyncError::Imap(error)) if !error.is_fatal() => Some(refused(&error)),
            Err(error) => return Err(error),
        };
        if let Some(stays) = stays {
            match original(visit, change, uid).await? {
                Original::Gone => {}
                Original::Safe => {
                    take_back(visit, &copy, &to).await?;
                    return Ok(stays);
                }
                Original::Doubtful => return Ok(stays),
            }
        }
        (copy.validity, copy.copy)
    };
    Ok(Paid::Done(Confirmed {
        moved_to: Some(spot_in(target, validity, new)),
        ..Confirmed::default()
    }))
}

/// What has become of an original that the server would not remove.
enum Original {
    /// It is not there any more: somebody else has removed it, and the copy is the message.
    Gone,
    /// It is there, and nobody's EXPUNGE takes it.
    Safe,
    /// It is still marked as deleted, or the server does not tell: the copy may be all that is left at any moment.
    Doubtful,
}

/// Looks at the original again. The folder is opened anew: a session is shown a message that another one has removed for as long
/// as it was not told of that (RFC 2180 section 4.1).
async fn original(visit: &mut Visit<'_>, change: &Owed, uid: &UidSet) -> Result<Original> {
    let looked = match visit.session.selected().cloned() {
        Some(here) => match visit.session.select(&here, Mode::ReadWrite, None).await {
            Ok(now) => {
                let validity = now.uidvalidity.unwrap_or(1) as i64;
                if change.spot.as_ref().map(|spot| spot.uid_validity) != Some(validity) {
                    return Ok(Original::Doubtful);
                }
                flags::told(visit, uid).await
            }
            Err(error) => Err(error.into()),
        },
        None => return Ok(Original::Doubtful),
    };
    match looked {
        Ok(None) => Ok(Original::Gone),
        Ok(Some(there)) => Ok(match there.flags {
            Some(flags) if !is_deleted(&flags) => Original::Safe,
            _ => Original::Doubtful,
        }),
        Err(SyncError::Imap(error)) if !error.is_fatal() => {
            tracing::debug!(
                code = error.code(),
                "the server does not tell what became of a message that was copied"
            );
            Ok(Original::Doubtful)
        }
        Err(error) => Err(error),
    }
}

fn is_deleted(flags: &[String]) -> bool {
    flags
        .iter()
        .any(|flag| flag.eq_ignore_ascii_case(DELETED[0]))
}

/// Takes away a copy whose original is still there and does not go, so that nobody has the message twice until it does. Only one
/// that the server named just now: another one that looks like it may be somebody else's. One that stays is known again by the
/// next try.
async fn take_back(visit: &mut Visit<'_>, copied: &Copied, to: &MailboxName) -> Result<()> {
    if !copied.is_named {
        return Ok(());
    }
    let opened = visit.session.select(to, Mode::ReadWrite, None).await;
    let gone = match opened {
        Ok(now) if now.uidvalidity == Some(copied.validity) => {
            remove(visit, &one(copied.copy)).await.map(drop)
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    };
    match gone {
        Err(SyncError::Imap(error)) if !error.is_fatal() => {
            tracing::debug!(
                code = error.code(),
                "the copy of a message that did not go stays for now"
            );
            Ok(())
        }
        gone => gone,
    }
}

/// Without a word of where it went, it may not have gone; or an earlier try has moved it, whose answer was lost.
async fn unconfirmed(
    visit: &mut Visit<'_>,
    change: &Owed,
    uid: &UidSet,
    target: &Known,
) -> Result<Paid> {
    if flags::told(visit, uid).await?.is_some() {
        return Ok(did_nothing("move the message"));
    }
    let moved_to = copying::moved(visit, change, uid, target).await?;
    if moved_to.is_none() && target.mode != folder::Mode::Off {
        return Ok(vanished());
    }
    let moved_to = moved_to.map(|(validity, new)| spot_in(target, validity, new));
    Ok(Paid::Done(Confirmed {
        moved_to,
        ..Confirmed::default()
    }))
}

/// What expunges them all takes no more than this one: where the server has no UIDPLUS, other marks are taken off before, and
/// put on again.
async fn expunge(session: &mut Session, uid: &UidSet) -> Result<(), ImapError> {
    if session.supports("UIDPLUS") {
        return session.uid_expunge(uid).await;
    }
    let others = session.uid_search("DELETED").await?.difference(uid);
    if !others.is_empty() {
        session
            .uid_store(&others, StoreMode::Remove, &DELETED, None)
            .await?;
    }
    let done = session.expunge().await;
    if !others.is_empty() && done.as_ref().err().is_none_or(|error| !error.is_fatal()) {
        session
            .uid_store(&others, StoreMode::Add, &DELETED, None)
            .await?;
    }
    done
}

/// Marks a message as deleted and expunges it. Whether it is gone; if not, the mark is taken off again, unless somebody else had
/// put it on before.
pub(super) async fn remove(visit: &mut Visit<'_>, uid: &UidSet) -> Result<bool> {
    let Some(before) = flags::told(visit, uid).await? else {
        return Ok(true);
    };
    let session = &mut visit.session;
    session
        .uid_store(uid, StoreMode::Add, &DELETED, None)
        .await?;
    let gone = expunge(session, uid).await;
    if gone.is_ok() && flags::told(visit, uid).await?.is_none() {
        return Ok(true);
    }
    let marked = before.flags.unwrap_or_default();
    if !is_deleted(&marked) {
        let restored = visit
            .session
            .uid_store(uid, StoreMode::Remove, &DELETED, None)
            .await;
        // What counts is that the message is not gone; that it stays marked, whoever has a copy of it sees.
        restored
            .map(drop)
            .or_else(|error| if error.is_fatal() { Err(error) } else { Ok(()) })?;
    }
    gone?;
    Ok(false)
}
