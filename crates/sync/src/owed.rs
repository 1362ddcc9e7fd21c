//! Pays what we owe the server, oldest first, each confirmed before it is forgotten. Every change is
//! safe to repeat: flags are set or cleared by name, a message that is no longer there cannot be
//! moved twice, and a copy is looked for by its Message-ID before it is filed.

use crate::error::{Result, SyncError};
use crate::mailbox::Visit;
use imap_client::{ImapError, MailboxName, Mode, StoreMode, UidSet, quoted};
use model::folder::Role;
use store::folders::wire_bytes;
use store::owed::{self, Intent, Owed, Spot};

/// Changes that are paid before anything else is looked at.
const BATCH: i64 = 200;
/// Pause before a refused change is tried again; it doubles.
const PAUSE_MILLIS: i64 = 20_000;

/// How one change went.
enum Paid {
    /// Confirmed; a moved message lies at the spot, if the server said where.
    Done(Option<Spot>),
    /// Refused, in the server's words.
    Refused(&'static str, String),
    /// It cannot be done any more.
    Void,
}

/// Pays what is due.
pub(crate) async fn pay(visit: &mut Visit<'_>) -> Result<()> {
    let due = owed::due(&visit.context.store, &visit.lease.mailbox_id, BATCH).await?;
    for change in &due {
        let paid = match pay_one(visit, change).await {
            Ok(paid) => paid,
            Err(SyncError::Imap(error)) if !error.is_fatal() => refused(&error),
            Err(error) => {
                // It may be this very change that breaks the connection: it counts as tried, so that it cannot go on for ever.
                // A connection may also break by itself, so the first time costs no pause.
                let pause = if change.attempts == 0 {
                    0
                } else {
                    pause(change)
                };
                let (store, lease) = (&visit.context.store, visit.lease);
                let next = store.now().plus_millis(pause);
                owed::failed(store, lease, change, "server_closed", Some(next)).await?;
                return Err(error);
            }
        };
        visit.news.collect(&mut visit.session);
        let (store, lease) = (&visit.context.store, visit.lease);
        match paid {
            Paid::Done(spot) => owed::done(store, lease, change, spot).await?,
            Paid::Void => owed::failed(store, lease, change, "message_vanished", None).await?,
            Paid::Refused(problem, text) => {
                tracing::info!(change = change.id, text, "the server refused a change");
                let next = store.now().plus_millis(pause(change));
                owed::failed(store, lease, change, problem, Some(next)).await?;
            }
        }
    }
    if !due.is_empty() {
        // Another folder may be open now, and for writing: whoever reads next opens its own.
        visit.open = None;
        visit.news.elsewhere = true;
    }
    Ok(())
}

/// How long a change rests that did not go well, in milliseconds.
fn pause(change: &Owed) -> i64 {
    PAUSE_MILLIS << change.attempts.clamp(0, 10)
}

fn refused(error: &ImapError) -> Paid {
    let problem = match error {
        ImapError::No {
            code: Some(code), ..
        } if code == "OVERQUOTA" => "quota_exceeded",
        ImapError::No {
            code: Some(code), ..
        } if code == "TRYCREATE" => "folder_missing",
        _ => "command_refused",
    };
    Paid::Refused(problem, error.to_string())
}

async fn pay_one(visit: &mut Visit<'_>, change: &Owed) -> Result<Paid> {
    if let Intent::Append {
        digest,
        internet_message_id,
        ..
    } = &change.intent
    {
        return append(visit, digest, internet_message_id).await;
    }
    let Some(spot) = &change.spot else {
        return Ok(Paid::Void);
    };
    let name = MailboxName::from_wire(&wire_bytes(&spot.wire_name));
    visit.open = None;
    let selected = visit.session.select(&name, Mode::ReadWrite, None).await?;
    // A UID means nothing under another UIDVALIDITY (RFC 4549 section 3).
    if selected.uidvalidity.unwrap_or(1) as i64 != spot.uid_validity {
        return Ok(Paid::Void);
    }
    let mut uid = UidSet::new();
    uid.insert(spot.uid as u64);
    match &change.intent {
        Intent::Flags { add, remove } => {
            if !add.is_empty() {
                visit
                    .session
                    .uid_store(&uid, StoreMode::Add, add, None)
                    .await?;
            }
            if !remove.is_empty() {
                visit
                    .session
                    .uid_store(&uid, StoreMode::Remove, remove, None)
                    .await?;
            }
            Ok(Paid::Done(None))
        }
        Intent::Move { folder_id } => {
            let target = visit.known.iter().find(|folder| folder.id == *folder_id);
            let Some(target) = target.cloned() else {
                return Ok(Paid::Void);
            };
            let to = MailboxName::from_wire(&wire_bytes(&target.wire_name));
            let went = visit.session.uid_move(&uid, &to).await?;
            let spot = went.and_then(|went| {
                let (_, new) = went.pairs.iter().find(|(old, _)| *old == spot.uid as u64)?;
                Some(Spot {
                    folder_id: target.id.clone(),
                    wire_name: target.wire_name.clone(),
                    uid_validity: went.uidvalidity as i64,
                    uid: *new as i64,
                })
            });
            Ok(Paid::Done(spot))
        }
        Intent::Expunge => {
            visit
                .session
                .uid_store(&uid, StoreMode::Add, &["\\Deleted"], None)
                .await?;
            visit.session.uid_expunge(&uid).await?;
            Ok(Paid::Done(None))
        }
        Intent::Append { .. } => Ok(Paid::Void),
    }
}

/// Files the copy of a sent message, unless the server (or an earlier try) has filed it already.
async fn append(visit: &mut Visit<'_>, digest: &str, message_id: &str) -> Result<Paid> {
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
        return Ok(Paid::Void);
    };
    let criteria = format!("HEADER Message-ID {quoted}");
    if !visit.session.uid_search(&criteria).await?.is_empty() {
        return Ok(Paid::Done(None));
    }
    let place = store::blobs::find(&visit.context.store, digest).await?;
    let raw = visit.context.store.blobs.read(&place, u64::MAX).await?;
    let date = Some(visit.context.store.now().seconds());
    visit
        .session
        .append(&name, &["\\Seen"], date, raw.len() as u64, &raw[..])
        .await?;
    Ok(Paid::Done(None))
}
