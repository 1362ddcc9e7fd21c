//! Pays what we owe the server, oldest first, each confirmed before it is forgotten. Every change is
//! safe to repeat: flags are set or cleared by name, a message that is no longer there cannot be
//! moved twice, and a copy is looked for before it is made again. An OK is not believed where the server
//! shows nothing for it: the message is read again, and what did not happen stays owed.

mod appending;
mod copying;
mod flags;
mod folders;
mod labels;
mod moving;

use crate::error::{Result, SyncError};
use crate::mailbox::Visit;
use imap_client::{ImapError, MailboxName, Mode, UidSet};
use model::Timestamp;
use store::folders::{Known, wire_bytes};
use store::owed::{self, Confirmed, Intent, Owed, Refusal, Spot};

/// Changes that are paid before anything else is looked at.
const BATCH: i64 = 200;
/// So many times in a row what is owed is asked for, before new mail is looked at.
const IN_A_ROW: usize = 8;
/// Pause before a refused change is tried again; it doubles.
const PAUSE_MILLIS: i64 = 20_000;

/// How one change went.
enum Paid {
    /// Confirmed.
    Done(Confirmed),
    /// Refused for now, in the server's words.
    Refused(&'static str, String),
    /// It can never be done.
    Never(&'static str, String),
    /// The provider allows no more by then.
    Later(Timestamp),
}

/// Pays what is due. After a change of the list of folders the rest is asked for anew: it may speak of other names now. What
/// waited behind a change of the same message is asked for anew too, a few times: then new mail is looked at.
pub(crate) async fn pay(visit: &mut Visit<'_>) -> Result<()> {
    for _ in 0..IN_A_ROW {
        if !pay_some(visit).await? {
            break;
        }
    }
    Ok(())
}

/// Whether there may be more.
async fn pay_some(visit: &mut Visit<'_>) -> Result<bool> {
    let due = owed::take(&visit.context.store, visit.lease, BATCH).await?;
    let mut more = false;
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
                let refusal = Refusal {
                    problem_id: "server_closed",
                    reason: "the connection ended before the server answered".to_owned(),
                };
                owed::failed(store, lease, change, refusal, Some(next)).await?;
                owed::rest(store, lease).await?;
                return Err(error);
            }
        };
        visit.news.collect(&mut visit.session);
        let (store, lease) = (&visit.context.store, visit.lease);
        match paid {
            Paid::Done(confirmed) => {
                owed::done(store, lease, change, confirmed).await?;
                more = true;
            }
            Paid::Later(until) => owed::postpone(store, lease, change, until).await?,
            Paid::Never(problem_id, reason) => {
                tracing::info!(change = change.id, problem_id, "a change is given up");
                let refusal = worded(visit, problem_id, reason).await;
                owed::failed(store, lease, change, refusal, None).await?;
            }
            Paid::Refused(problem_id, reason) => {
                // What the server said may speak of the message: it is shown to who may see it, and not logged.
                tracing::info!(
                    change = change.id,
                    problem_id,
                    tries = change.attempts + 1,
                    "the server refused a change"
                );
                let next = store.now().plus_millis(pause(change));
                let refusal = worded(visit, problem_id, reason).await;
                owed::failed(store, lease, change, refusal, Some(next)).await?;
            }
        }
        if change.intent.is_of_folder() {
            owed::rest(store, lease).await?;
            visit.known = store::folders::known(store, &lease.mailbox_id).await?;
            break;
        }
    }
    if !due.is_empty() {
        // Another folder may be open now, and for writing: whoever reads next opens its own.
        visit.open = None;
        visit.news.elsewhere = true;
    }
    Ok(more)
}

/// A server may repeat what it was told, also the password.
async fn worded(visit: &Visit<'_>, problem_id: &'static str, reason: String) -> Refusal {
    let (context, mailbox_id) = (visit.context, &visit.lease.mailbox_id);
    let reason = crate::ledger::words_without_secret(context, mailbox_id, reason).await;
    Refusal { problem_id, reason }
}

/// How long a change rests that did not go well, in milliseconds.
fn pause(change: &Owed) -> i64 {
    PAUSE_MILLIS << change.attempts.clamp(0, 10)
}

fn refused(error: &ImapError) -> Paid {
    let code = match error {
        ImapError::No { code, .. } => code.as_deref(),
        _ => None,
    };
    match code {
        Some("OVERQUOTA") => Paid::Refused("quota_exceeded", error.to_string()),
        Some("TRYCREATE") => Paid::Refused("folder_missing", error.to_string()),
        // RFC 4469 section 4.2, and for a message that is larger than the server takes RFC 7889 section 4.
        Some("TOOBIG") => Paid::Never("append_too_large", error.to_string()),
        _ => Paid::Refused("command_refused", error.to_string()),
    }
}

async fn pay_one(visit: &mut Visit<'_>, change: &Owed) -> Result<Paid> {
    if let Intent::Append {
        digest,
        internet_message_id,
        ..
    } = &change.intent
    {
        let first = change.attempts == 0;
        return appending::sent_copy(visit, digest, internet_message_id, first).await;
    }
    match &change.intent {
        Intent::Import { .. } => return appending::brought(visit, change).await,
        Intent::Create { parent_id, name } => {
            return folders::create(visit, parent_id.as_deref(), name).await;
        }
        Intent::Rename {
            folder_id,
            name,
            to,
        } => return folders::rename(visit, folder_id, name, to).await,
        Intent::Delete {
            folder_id,
            with_messages,
        } => return folders::delete(visit, folder_id, *with_messages).await,
        _ => {}
    }
    let Some(spot) = &change.spot else {
        return Ok(gone(change));
    };
    if matches!(&change.intent, Intent::Move { folder_id } if *folder_id == spot.folder_id) {
        // It lies there already: an earlier try moved it, or somebody else.
        return Ok(Paid::Done(Confirmed::default()));
    }
    let name = MailboxName::from_wire(&wire_bytes(&spot.wire_name));
    visit.open = None;
    let selected = visit.session.select(&name, Mode::ReadWrite, None).await?;
    // A UID means nothing under another UIDVALIDITY (RFC 4549 section 3).
    if selected.uidvalidity.unwrap_or(1) as i64 != spot.uid_validity {
        let text = "the server numbered the folder anew: the message is looked for";
        return Ok(Paid::Refused("message_vanished", text.to_owned()));
    }
    let uid = one(spot.uid as u64);
    match &change.intent {
        Intent::Flags { add, remove } => flags::change(visit, change, &uid, add, remove).await,
        Intent::Labels(change) => labels::change(visit, spot, &uid, change).await,
        Intent::Move { folder_id } => {
            let target = visit.known.iter().find(|folder| folder.id == *folder_id);
            let Some(target) = target.cloned() else {
                return Ok(never_folder());
            };
            moving::move_to(visit, change, &uid, &target).await
        }
        Intent::Copy { folder_id } => {
            let target = visit.known.iter().find(|folder| folder.id == *folder_id);
            let Some(target) = target.cloned() else {
                return Ok(never_folder());
            };
            copying::copy(visit, change, &uid, &target).await
        }
        Intent::Expunge => Ok(match moving::remove(visit, &uid).await? {
            true => Paid::Done(Confirmed::default()),
            false => did_nothing("remove the message"),
        }),
        // Done above.
        Intent::Append { .. }
        | Intent::Import { .. }
        | Intent::Create { .. }
        | Intent::Rename { .. }
        | Intent::Delete { .. } => Ok(Paid::Done(Confirmed::default())),
    }
}

fn vanished() -> Paid {
    let text = "the message is not on the server any more";
    Paid::Refused("message_vanished", text.to_owned())
}

/// The message is not where it was, and may yet turn up elsewhere; who wanted it gone has it gone.
fn gone(change: &Owed) -> Paid {
    if change.intent == Intent::Expunge {
        return Paid::Done(Confirmed::default());
    }
    vanished()
}

fn never_folder() -> Paid {
    let text = "the folder is not on the server any more";
    Paid::Never("folder_missing", text.to_owned())
}

fn one(uid: u64) -> UidSet {
    let mut set = UidSet::new();
    set.insert(uid);
    set
}

/// The server said OK, and a second look shows that nothing happened.
fn did_nothing(what: &str) -> Paid {
    let text = format!("the server said OK to the request to {what}, and did not do it");
    Paid::Refused("change_ignored", text)
}

fn spot_in(folder: &Known, uid_validity: u64, uid: u64) -> Spot {
    Spot {
        folder_id: folder.id.clone(),
        wire_name: folder.wire_name.clone(),
        uid_validity: uid_validity as i64,
        uid: uid as i64,
    }
}
