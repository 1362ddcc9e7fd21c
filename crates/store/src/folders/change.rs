//! What people change about a folder, and the wish to look through all of them again.

use super::read;
use crate::error::Result;
use crate::wake::Topic;
use crate::{Store, Tx, mailboxes, messages};
use model::Timestamp;
use model::folder::{Folder, Mode, Role};

/// What a person may change about a folder; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What it is for.
    pub role: Option<Option<Role>>,
    /// How much of it to store.
    pub mode: Option<Mode>,
    /// Octets of the largest message that is stored whole; `Some(None)`: as the mailbox says.
    pub size_limit: Option<Option<i64>>,
    /// Mail from this time on is stored.
    pub since: Option<Option<Timestamp>>,
}

/// Changes how a folder is treated.
///
/// # Errors
/// No such folder.
pub async fn change(store: &Store, id: &str, change: Change) -> Result<Folder> {
    let id = id.to_owned();
    store
        .db
        .write(move |tx| {
            let old = read(tx, &id)?;
            let since = change.since.unwrap_or(old.since);
            let mode = change.mode.unwrap_or(old.mode);
            let size_limit = change.size_limit.unwrap_or(old.size_limit);
            tx.exec(
                "UPDATE folders SET role = $2, role_fixed = CASE WHEN $3 = 1 THEN 1 ELSE role_fixed END,
                   mode = $4, mode_fixed = CASE WHEN $5 = 1 THEN 1 ELSE mode_fixed END, since = $6, size_limit = $7
                 WHERE id = $1",
                &[
                    (&id).into(),
                    change.role.unwrap_or(old.role).map(Role::as_str).into(),
                    change.role.is_some().into(),
                    mode.as_str().into(),
                    change.mode.is_some().into(),
                    since.into(),
                    size_limit.into(),
                ],
            )?;
            if old.mode == Mode::Off && mode != Mode::Off {
                begin_again(tx, &id)?;
            } else if since != old.since || mode != old.mode {
                fill_again(tx, &id)?;
            }
            if mode != old.mode || size_limit != old.size_limit {
                messages::want_rest(tx, &old.mailbox_id, Some(&id))?;
            }
            tx.wake(Topic::Mailbox(old.mailbox_id));
            read(tx, &id)
        })
        .await
}

/// The past of a folder is to be looked through again; where new mail begins is known.
fn fill_again(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    let sql = "UPDATE folders SET backfilled = 0, asked = asked + 1, low_uid = NULL, server_messages = NULL WHERE id = $1";
    tx.exec(sql, &[id.into()]).map(drop)
}

/// A folder is stored from now on that was not for a while: what came meanwhile is the past, and where new mail begins is seen
/// when it is opened. (In a maildrop the upper cursor is the next UID that we give.)
pub(super) fn begin_again(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    let sql = "UPDATE folders SET high_uid = 1 WHERE id = $1 AND uid_validity <> $2";
    tx.exec(sql, &[id.into(), crate::pop3::UID_VALIDITY.into()])?;
    fill_again(tx, id)
}

/// Looks through a mailbox's folders again from the beginning; nothing that is stored is fetched twice.
///
/// # Errors
/// No such mailbox.
pub async fn resync(store: &Store, mailbox_id: &str) -> Result<()> {
    let id = mailbox_id.to_owned();
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &id)?;
            tx.exec(
                "UPDATE folders SET backfilled = 0, asked = asked + 1, low_uid = NULL, mod_seq = NULL, server_messages = NULL,
                 resets = 0, problem_id = NULL, parked_until = NULL
                 WHERE mailbox_id = $1",
                &[(&id).into()],
            )?;
            tx.exec(
                "UPDATE failures SET attempts = 0, next_attempt_at = 0 WHERE mailbox_id = $1 AND ignored IS NULL",
                &[(&id).into()],
            )?;
            tx.wake(Topic::Mailbox(id.clone()));
            Ok(())
        })
        .await
}
