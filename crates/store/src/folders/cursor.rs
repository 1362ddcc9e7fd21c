//! How far a folder is stored: where its cursors go, and when its past is filled.

use crate::error::{Result, StoreError};
use crate::leases::{self, Lease};
use crate::{Store, Tx, events, traffic};
use model::event::{NewEvent, Origin};
use serde_json::json;

/// Where the cursors of a folder go. `None` leaves one where it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// First UID that was not yet looked at.
    pub high_uid: Option<i64>,
    /// Lowest UID that is accounted for.
    pub low_uid: Option<i64>,
    /// Changes up to this HIGHESTMODSEQ are applied.
    pub mod_seq: Option<i64>,
    /// The server's count of messages, with which we are in step.
    pub server_messages: Option<i64>,
    /// Messages there are to store.
    pub total: Option<i64>,
    /// Octets of what is still to be fetched, as far as they were asked for.
    pub bytes_left: Option<i64>,
    /// The past is filled, unless more of it was asked for meanwhile.
    pub filled: Option<Asked>,
}

/// What was asked for when a filling began: it is compared when the filling ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The mailbox's version: it says since when mail is wanted, and of which folders.
    pub mailbox_version: i64,
    /// Counts how often the folder was to be looked through again.
    pub folder: i64,
}

/// What is asked for now. `mailbox_version` is that of the settings that the caller works with.
///
/// # Errors
/// The folder is gone, or the database is out of reach.
pub async fn asked(store: &Store, folder_id: &str, mailbox_version: i64) -> Result<Asked> {
    let id = folder_id.to_owned();
    store
        .db
        .glance(move |tx| {
            let row = tx.row("SELECT asked FROM folders WHERE id = $1", &[id.into()])?;
            let row = row.ok_or(StoreError::NotFound("the folder"))?;
            Ok(Asked {
                mailbox_version,
                folder: row.get(0)?,
            })
        })
        .await
}

/// Moves the cursors of a folder.
///
/// # Errors
/// Another node works on the mailbox, or the database is out of reach.
pub async fn move_cursor(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    cursor: Cursor,
) -> Result<()> {
    moved(store, lease, folder_id, cursor, None).await
}

/// The same after a stretch of the past, with how fast it came: messages in a minute, octets in a second.
///
/// # Errors
/// As [`move_cursor`].
pub async fn filled_on(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    cursor: Cursor,
    rate: (i64, i64),
) -> Result<()> {
    moved(store, lease, folder_id, cursor, Some(rate)).await
}

async fn moved(
    store: &Store,
    lease: &Lease,
    folder_id: &str,
    cursor: Cursor,
    rate: Option<(i64, i64)>,
) -> Result<()> {
    let (now, lease, folder_id) = (store.now(), lease.clone(), folder_id.to_owned());
    store
        .db
        .write(move |tx| {
            leases::check(tx, &lease)?;
            if let Some(rate) = rate {
                traffic::note_rate(tx, &lease.mailbox_id, rate, now)?;
            }
            let log = write_cursor(tx, &lease.mailbox_id, &folder_id, &cursor)?;
            events::append(tx, &log, now)
        })
        .await
}

/// Moves the cursors inside a transaction; returns the event of a filling that is complete now.
pub(crate) fn write_cursor(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    folder_id: &str,
    cursor: &Cursor,
) -> Result<Vec<NewEvent>> {
    let before = tx.row(
        "SELECT f.backfilled, f.asked, m.version FROM folders f JOIN mailboxes m ON m.id = f.mailbox_id WHERE f.id = $1",
        &[folder_id.into()],
    )?;
    let Some(before) = before else {
        return Ok(Vec::new());
    };
    let now = Asked {
        folder: before.get(1)?,
        mailbox_version: before.get(2)?,
    };
    let filled = cursor.filled == Some(now);
    // What was looked through under other settings says nothing about the past that is wanted now. Nor has a past a lower end
    // before it is known where new mail begins: a batch of it was under way while the folder was switched off and on.
    let outdated = cursor.filled.is_some() && !filled;
    tx.exec(
        "UPDATE folders SET high_uid = coalesce($2, high_uid),
           low_uid = CASE WHEN $7 = 0 AND coalesce($2, high_uid) <= 1 THEN low_uid ELSE coalesce($3, low_uid) END,
           mod_seq = coalesce($4, mod_seq), server_messages = coalesce($5, server_messages),
           total = coalesce($6, total), backfilled = CASE WHEN $7 = 1 THEN 1 ELSE backfilled END,
           bytes_left = CASE WHEN $7 = 1 THEN NULL ELSE coalesce($8, bytes_left) END WHERE id = $1",
        &[
            folder_id.into(),
            cursor.high_uid.into(),
            cursor.low_uid.filter(|_| !outdated).into(),
            cursor.mod_seq.into(),
            cursor.server_messages.filter(|_| !outdated).into(),
            cursor.total.filter(|_| !outdated).into(),
            i64::from(filled).into(),
            cursor.bytes_left.into(),
        ],
    )?;
    if !filled || before.get::<bool>(0)? {
        return Ok(Vec::new());
    }
    Ok(completed(tx, mailbox_id)?.into_iter().collect())
}

/// The event of a mailbox whose last folder was filled just now; `None`: others are not.
pub(super) fn completed(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<Option<NewEvent>> {
    let left = tx.row(
        "SELECT count(*), CAST(coalesce(sum(messages), 0) AS BIGINT) FROM folders
         WHERE mailbox_id = $1 AND mode <> 'off'",
        &[mailbox_id.into()],
    )?;
    let open = tx.row(
        "SELECT count(*) FROM folders WHERE mailbox_id = $1 AND mode <> 'off' AND backfilled = 0",
        &[mailbox_id.into()],
    )?;
    let open: i64 = open.map_or(Ok(1), |row| row.get(0))?;
    let Some(left) = left.filter(|_| open == 0) else {
        return Ok(None);
    };
    let data = json!({"folders": left.get::<i64>(0)?, "messages": left.get::<i64>(1)?});
    Ok(Some(NewEvent {
        kind: "mailbox.backfill_completed",
        mailbox_id: Some(mailbox_id.to_owned()),
        origin: Origin::Backfill,
        data,
    }))
}
