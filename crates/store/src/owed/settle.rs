//! How a change ends: the server confirmed it, refuses it for now, or never does it.

use super::{Confirmed, Intent, Owed, Spot, Target, labels, target};
use crate::error::{Result, StoreError};
use crate::ingest::{event, folders_of, write_flags};
use crate::leases::{self, Lease};
use crate::{Store, Tx, events, mailboxes, own_copies};
use model::Timestamp;
use model::event::{NewEvent, Origin};
use model::message::Flags;
use serde_json::json;
use std::collections::HashSet;

/// Tries after which a change that the server refuses is given up.
const ATTEMPTS: i64 = 6;
/// How long a change that failed for good is shown.
const SHOWN_MILLIS: i64 = 30 * 24 * 3600 * 1000;
/// Of what the server said, so much is kept.
const REASON_CHARS: usize = 300;

/// The server has confirmed a change. What else it tells of the message's flags is somebody else's change.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn done(store: &Store, lease: &Lease, owed: &Owed, confirmed: Confirmed) -> Result<()> {
    let (now, lease, owed) = (store.now(), lease.clone(), owed.clone());
    store
        .db
        .write(move |tx| {
            let mailbox_id = lease.mailbox_id.as_str();
            mailboxes::hold(tx, mailbox_id)?;
            leases::check(tx, &lease)?;
            tx.exec("DELETE FROM owed WHERE id = $1", &[(&owed.id).into()])?;
            let mut log = Vec::new();
            for change in &confirmed.folders {
                crate::folders::apply_one(tx, mailbox_id, change, now, &mut log)?;
            }
            for event in &mut log {
                event.data["by"] = json!("api");
            }
            events::append(tx, &log, now)?;
            if let Intent::Append { submission_id, .. } = &owed.intent {
                tx.exec(
                    "UPDATE submissions SET sent_copy = 'filed' WHERE id = $1",
                    &[submission_id.into()],
                )?;
                if let Some(by) = confirmed.sent_copy_by {
                    crate::submissions::learn_sent_copy(tx, mailbox_id, by)?;
                }
            }
            if let (Some(flags), Some(spot), Some(message_id)) =
                (&confirmed.flags, &owed.spot, &owed.message_id)
            {
                take_flags(tx, mailbox_id, message_id, spot, flags, now)?;
            }
            if let (Some(mod_seq), Some(spot)) = (confirmed.mod_seq, &owed.spot) {
                tx.exec(
                    "UPDATE placements SET mod_seq = $4 WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3",
                    &[(&spot.folder_id).into(), spot.uid_validity.into(), spot.uid.into(), mod_seq.into()],
                )?;
            }
            if let (Some(said), Some(spot), Some(message_id)) =
                (&confirmed.labels, &owed.spot, &owed.message_id)
            {
                labels::take(tx, mailbox_id, message_id, spot, said, now)?;
            }
            if let Some(copy) = &confirmed.copied_to {
                let place = (copy.folder_id.as_str(), copy.uid_validity, copy.uid);
                let of = owed.message_id.as_ref().unwrap_or(&owed.id);
                own_copies::note(tx, place, of, owed.intent.digest(), now)?;
            }
            let (Some(from), Some(to), Some(message_id)) =
                (&owed.spot, &confirmed.moved_to, &owed.message_id)
            else {
                return Ok(());
            };
            replace_placement(tx, mailbox_id, message_id, from, to, now)
        })
        .await
}

/// Takes over the flags that the server tells after our change. Ours are in them, so a difference comes from
/// somebody else, and news of it may have been kept back while our own change was owed.
fn take_flags(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    message_id: &str,
    spot: &Spot,
    after: &Flags,
    now: Timestamp,
) -> Result<()> {
    let owed =
        "SELECT 1 FROM owed WHERE message_id = $1 AND kind = 'flags' AND state <> 'failed' LIMIT 1";
    if tx.row(owed, &[message_id.into()])?.is_some() {
        return Ok(());
    }
    let Target {
        thread_id,
        flags: before,
        ..
    } = match target(tx, message_id) {
        Ok(target) => target,
        // Gone, or read only meanwhile: the next look at the folder tells the rest.
        Err(StoreError::NotFound(_) | StoreError::ReadOnly) => return Ok(()),
        Err(error) => return Err(error),
    };
    if before == *after {
        return Ok(());
    }
    write_flags(tx, message_id, after)?;
    let unread = i64::from(before.seen) - i64::from(after.seen);
    tx.exec(
        "UPDATE folders SET unread = unread + $2
         WHERE id IN (SELECT folder_id FROM placements WHERE message_id = $1)",
        &[message_id.into(), unread.into()],
    )?;
    crate::ingest::refresh_threads(tx, mailbox_id, &HashSet::from([thread_id]))?;
    let data = json!({
        "message_id": message_id, "folder_id": spot.folder_id, "flags": after, "before": before,
    });
    events::append(
        tx,
        &[event("message.changed", mailbox_id, Origin::Live, data)],
        now,
    )
}

fn replace_placement(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    message_id: &str,
    from: &Spot,
    to: &Spot,
    now: Timestamp,
) -> Result<()> {
    let sql = "SELECT uid_validity, path, role, mode FROM folders WHERE id = $1";
    let Some(folder) = tx.row(sql, &[(&to.folder_id).into()])? else {
        return Ok(());
    };
    let gone = tx.exec(
        "DELETE FROM placements WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3",
        &[
            (&from.folder_id).into(),
            from.uid_validity.into(),
            from.uid.into(),
        ],
    )?;
    // A folder that is not stored, or not yet known under this UIDVALIDITY, takes no placement: the message vanishes from
    // there, where it is told to lie, and is matched by its bytes wherever it turns up.
    let stored =
        folder.get::<Option<i64>>(0)? == Some(to.uid_validity) && folder.get::<String>(3)? != "off";
    let mut more = 0;
    if stored {
        more = tx.exec(
            "INSERT INTO placements (folder_id, uid_validity, uid, message_id, mod_seq, received_at)
             SELECT $1, $2, $3, id, 0, received_at FROM messages WHERE id = $4
             ON CONFLICT (folder_id, uid_validity, uid) DO NOTHING",
            &[
                (&to.folder_id).into(),
                to.uid_validity.into(),
                to.uid.into(),
                message_id.into(),
            ],
        )?;
        if more == 0 {
            take_over(tx, message_id, to, now)?;
        }
    } else {
        tx.exec(
            "UPDATE messages SET vanished_at = $2, vanished_from = $3 WHERE id = $1
               AND NOT EXISTS (SELECT 1 FROM placements p WHERE p.message_id = messages.id)",
            &[message_id.into(), now.into(), (&to.folder_id).into()],
        )?;
    }
    for (folder_id, step) in [
        (&from.folder_id, -(gone as i64)),
        (&to.folder_id, more as i64),
    ] {
        tx.exec(
            "UPDATE folders SET messages = messages + $2,
               unread = unread + $2 * (SELECT 1 - seen FROM messages WHERE id = $3) WHERE id = $1",
            &[folder_id.into(), step.into(), message_id.into()],
        )?;
    }
    let mut data = json!({
        "message_id": message_id, "from_folder_id": from.folder_id, "folder_id": to.folder_id,
        "folder_path": folder.get::<String>(1)?, "folder_role": folder.get::<Option<String>>(2)?, "by": "api",
    });
    let folders = folders_of(tx, &[message_id])?.remove(message_id);
    if let Some(folders) = folders.filter(|folders| folders.len() > 1) {
        data["folders"] = json!(folders);
    }
    events::append(
        tx,
        &[event("message.moved", mailbox_id, Origin::Live, data)],
        now,
    )
}

/// The copy that a move began with was seen, and stored as another message, before the move was confirmed: the place is our
/// message's, and the other one goes.
fn take_over(tx: &mut Tx<'_>, message_id: &str, to: &Spot, now: Timestamp) -> Result<()> {
    let place = [
        (&to.folder_id).into(),
        to.uid_validity.into(),
        to.uid.into(),
    ];
    let sql =
        "SELECT message_id FROM placements WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3";
    let other: Option<String> = tx.row(sql, &place)?.map(|row| row.get(0)).transpose()?;
    let Some(other) = other.filter(|other| other != message_id) else {
        return Ok(());
    };
    let [folder_id, uid_validity, uid] = place;
    tx.exec(
        "UPDATE placements SET message_id = $4 WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3",
        &[folder_id, uid_validity, uid, message_id.into()],
    )?;
    tx.exec(
        "UPDATE folders SET unread = unread + (SELECT o.seen FROM messages o WHERE o.id = $2)
           - (SELECT m.seen FROM messages m WHERE m.id = $3) WHERE id = $1",
        &[(&to.folder_id).into(), (&other).into(), message_id.into()],
    )?;
    tx.exec(
        "UPDATE messages SET vanished_at = $2, vanished_from = $3 WHERE id = $1
           AND NOT EXISTS (SELECT 1 FROM placements p WHERE p.message_id = messages.id)",
        &[(&other).into(), now.into(), (&to.folder_id).into()],
    )
    .map(drop)
}

/// Why a change could not be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The catalogue's id of the problem.
    pub problem_id: &'static str,
    /// What happened, in words; without secrets and without anything of a message.
    pub reason: String,
}

/// The server could not do it now (try at `next`), or will never (`None`): then `change.failed` says so, what the server has
/// counts again, and the change rests until a person has it tried again.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn failed(
    store: &Store,
    lease: &Lease,
    owed: &Owed,
    refusal: Refusal,
    next: Option<Timestamp>,
) -> Result<()> {
    let (now, lease, owed) = (store.now(), lease.clone(), owed.clone());
    let reason: String = refusal
        .reason
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(REASON_CHARS)
        .collect();
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &lease.mailbox_id)?;
            leases::check(tx, &lease)?;
            let state = match next.filter(|_| owed.attempts + 1 < ATTEMPTS) {
                Some(_) => "pending",
                None => "failed",
            };
            let changed = tx.exec(
                "UPDATE owed SET attempts = attempts + 1, next_attempt_at = $2, problem_id = $3, reason = $4, state = $5
                 WHERE id = $1",
                &[
                    (&owed.id).into(),
                    next.unwrap_or(now).into(),
                    refusal.problem_id.into(),
                    (&reason).into(),
                    state.into(),
                ],
            )?;
            if state == "pending" || changed == 0 {
                return Ok(());
            }
            forget_here(tx, &owed.intent, owed.spot.as_ref().map(|spot| spot.folder_id.as_str()))?;
            tx.exec(
                "DELETE FROM owed WHERE mailbox_id = $1 AND state = 'failed' AND next_attempt_at < $2",
                &[(&lease.mailbox_id).into(), now.plus_millis(-SHOWN_MILLIS).into()],
            )?;
            let data = json!({
                "owed_id": owed.id, "kind": owed.intent.kind(), "message_id": owed.message_id,
                "folder_id": owed.intent.folder_id(), "problem_id": refusal.problem_id, "reason": reason,
            });
            let event = event("change.failed", &lease.mailbox_id, Origin::Live, data);
            events::append(tx, &[event], now)
        })
        .await
}

/// The provider's limit by the day is used up: the change waits until then. Nobody refused it, so it counts as no try, however
/// often it waits.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn postpone(store: &Store, lease: &Lease, owed: &Owed, until: Timestamp) -> Result<()> {
    let (lease, id) = (lease.clone(), owed.id.clone());
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            let sql = "UPDATE owed SET state = 'pending', next_attempt_at = $2, problem_id = 'transfer_limit_reached',
                       reason = 'the provider''s limit by the day is used up' WHERE id = $1";
            tx.exec(sql, &[(&id).into(), until.into()]).map(drop)
        })
        .await
}

/// Messages are gone for good: what was wanted of them will never be, and is told, except their removal.
pub(crate) fn nothing_left_to_change(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    message_ids: &str,
    log: &mut Vec<NewEvent>,
) -> Result<()> {
    let sql = format!(
        "SELECT id, body, message_id FROM owed WHERE state <> 'failed' AND kind <> 'expunge' AND message_id IN {} ORDER BY n",
        tx.dialect().texts(1)
    );
    for row in tx.rows(&sql, &[message_ids.into()])? {
        let intent: Intent = row.json(1)?;
        let data = json!({
            "owed_id": row.get::<String>(0)?, "kind": intent.kind(), "message_id": row.get::<String>(2)?,
            "folder_id": intent.folder_id(), "problem_id": "message_vanished",
            "reason": "the message was removed from the server before it could be changed",
        });
        log.push(event("change.failed", mailbox_id, Origin::Live, data));
    }
    Ok(())
}

/// What was changed here ahead of the server is put right: the folder is compared with the server's again.
pub(super) fn forget_here(tx: &mut Tx<'_>, intent: &Intent, folder_id: Option<&str>) -> Result<()> {
    match intent {
        Intent::Flags { .. } | Intent::Labels(_) | Intent::Move { .. } | Intent::Expunge => {
            let sql = "UPDATE folders SET server_messages = NULL, mod_seq = NULL WHERE id = $1";
            tx.exec(sql, &[folder_id.into()])?;
        }
        // Nothing shows here before the server has confirmed it.
        Intent::Copy { .. }
        | Intent::Import { .. }
        | Intent::Create { .. }
        | Intent::Rename { .. }
        | Intent::Delete { .. } => {}
        Intent::Append { submission_id, .. } => {
            let sql = "UPDATE submissions SET sent_copy = 'none' WHERE id = $1";
            tx.exec(sql, &[submission_id.into()])?;
        }
    }
    Ok(())
}
