//! Out of office on the mailbox's own server: what is known of it, and who is changing it.
//!
//! A change there goes over the network, so it cannot be one transaction with the row. [`begin_on_server`] notes that one goes
//! on, [`end_on_server`] what came of it. Between the two Postroom answers nobody; a process that dies between them leaves a note
//! that says so.

use super::{read, set};
use crate::error::{Result, StoreError};
use crate::{Store, Tx, mailboxes};
use model::Timestamp;
use model::auto_reply::{AutoReply, OnServer, Settings};

/// Where a server has ManageSieve that was never asked at another port (RFC 5804 section 1.8).
const USUAL_PORT: i64 = 4190;

/// Notes that what was seen (`seen`) is being changed on the mailbox's server. Gives what was there until now, of which more than the
/// settings may have changed since.
///
/// # Errors
/// No such one; `Conflict`: somebody else has changed it since, or is changing it.
pub async fn begin_on_server(store: &Store, seen: &AutoReply) -> Result<AutoReply> {
    let (now, seen) = (store.now(), seen.clone());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &seen.mailbox_id)?;
            let there = read(tx, &seen.id)?;
            if there.on_server_now(now) == Some(OnServer::Changing) {
                let text =
                    "somebody is changing it on the mailbox's server now: try again in a moment";
                return Err(StoreError::Conflict(text.into()));
            }
            if there.settings != seen.settings {
                let text = "somebody has changed the out of office meanwhile: read it again";
                return Err(StoreError::Conflict(text.into()));
            }
            let sql = "UPDATE auto_replies SET on_server = $2, on_server_at = $3 WHERE id = $1";
            let changing = OnServer::Changing.as_str();
            tx.exec(sql, &[(&seen.id).into(), changing.into(), now.into()])?;
            Ok(there)
        })
        .await
}

/// Notes what came of a change on the mailbox's server. `settings`: those that hold from now on; none: they stay.
///
/// # Errors
/// No such one: it was removed meanwhile.
pub async fn end_on_server(
    store: &Store,
    id: &str,
    settings: Option<Settings>,
    on_server: Option<OnServer>,
) -> Result<AutoReply> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            let old = read(tx, &id)?;
            mailboxes::hold(tx, &old.mailbox_id)?;
            let sql = "UPDATE auto_replies SET on_server = $2, on_server_at = $3, left_server_at = coalesce($4, left_server_at)
                       WHERE id = $1";
            let state = on_server.map(OnServer::as_str);
            // Where nothing was changed, nobody left.
            let left = (on_server.is_none() && settings.is_some()).then_some(now);
            tx.exec(sql, &[(&id).into(), state.into(), now.into(), left.into()])?;
            if let Some(settings) = &settings {
                // What was left there before is this one now, or was taken away with it.
                forget_left(tx, &old.mailbox_id)?;
                set(tx, &old, settings, now)?;
            }
            read(tx, &id)
        })
        .await
}

/// What was found out about a mailbox's server.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The port for ManageSieve at which it was asked.
    pub port: u16,
    /// It answers by itself where it is told to.
    pub offers: bool,
}

/// Notes what a mailbox's server said.
///
/// # Errors
/// The database is out of reach.
pub async fn note_server(store: &Store, mailbox_id: &str, asked: Asked) -> Result<()> {
    let (now, id) = (store.now(), mailbox_id.to_owned());
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &id)?;
            let sql = "INSERT INTO auto_reply_servers (mailbox_id, port, offers, asked_at) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (mailbox_id) DO UPDATE SET port = $2, offers = $3, asked_at = $4";
            let (port, offers) = (i64::from(asked.port), i64::from(asked.offers));
            tx.exec(sql, &[(&id).into(), port.into(), offers.into(), now.into()])
                .map(drop)
        })
        .await
}

/// Notes that no out of office that was left on the mailbox's server answers there any more.
///
/// # Errors
/// The database is out of reach.
pub async fn nothing_left_there(store: &Store, mailbox_id: &str) -> Result<()> {
    let id = mailbox_id.to_owned();
    store
        .db
        .write(move |tx| {
            mailboxes::hold(tx, &id)?;
            forget_left(tx, &id)
        })
        .await
}

/// Notes that the mailbox's server was left to answer by an out of office that is removed here.
pub(super) fn left_there(tx: &mut Tx<'_>, mailbox_id: &str, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO auto_reply_servers (mailbox_id, port, offers, asked_at, left_there) VALUES ($1, $2, 1, $3, 1)
               ON CONFLICT (mailbox_id) DO UPDATE SET left_there = 1";
    let args = [mailbox_id.into(), USUAL_PORT.into(), now.into()];
    tx.exec(sql, &args).map(drop)
}

fn forget_left(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<()> {
    let sql = "UPDATE auto_reply_servers SET left_there = 0 WHERE mailbox_id = $1";
    tx.exec(sql, &[mailbox_id.into()]).map(drop)
}

/// Refuses to answer here where the mailbox's server was left to answer, as far as is known.
pub(super) fn nobody_else_answers(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<()> {
    let sql = "SELECT 1 FROM auto_reply_servers WHERE mailbox_id = $1 AND left_there = 1";
    if tx.row(sql, &[mailbox_id.into()])?.is_none() {
        return Ok(());
    }
    let detail = "an out of office was left on the mailbox's own server, which goes on answering: senders would get two answers";
    Err(StoreError::Refused {
        problem_id: "server_reply_left_there",
        detail: detail.into(),
    })
}

/// The port at which the mailbox's server was asked last.
///
/// # Errors
/// The database is out of reach.
pub async fn server_port(store: &Store, mailbox_id: &str) -> Result<Option<u16>> {
    let id = mailbox_id.to_owned();
    store
        .db
        .glance(move |tx| {
            let sql = "SELECT port FROM auto_reply_servers WHERE mailbox_id = $1";
            let port: Option<i64> = tx
                .row(sql, &[(&id).into()])?
                .map(|row| row.get(0))
                .transpose()?;
            Ok(port.and_then(|port| u16::try_from(port).ok()))
        })
        .await
}

/// The mailbox goes, or gets another server or another name there: what is known of the one before is forgotten.
///
/// # Errors
/// `Conflict`: the one before answers for the mailbox, and would go on.
pub(crate) fn leave_server(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<()> {
    let sql = "SELECT m.address FROM auto_replies a JOIN mailboxes m ON m.id = a.mailbox_id
               WHERE a.mailbox_id = $1 AND a.on_server IS NOT NULL";
    if let Some(row) = tx.row(sql, &[mailbox_id.into()])? {
        let address: String = row.get(0)?;
        let text = format!(
            "{address}: its present server answers for the mailbox while nobody is there, and would go on: switch its out of office off first"
        );
        return Err(StoreError::Conflict(text));
    }
    let sql = "DELETE FROM auto_reply_servers WHERE mailbox_id = $1";
    tx.exec(sql, &[mailbox_id.into()]).map(drop)
}
