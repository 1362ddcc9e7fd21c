//! Mailboxes: their settings, their sealed secrets, and the four facts about them.

mod connection;
mod create;
mod names;
pub(crate) mod profile;
mod proofs;
mod quota;
mod row;

pub use connection::{arrived, set_connection};
pub use create::{NewMailbox, create, create_in};
pub use names::set_names;
pub use proofs::{Side, files_copies, set_proofs, works};
pub use quota::set_quota;

pub use crate::removal::remove;

use row::{COLUMNS, from_row};
pub(crate) use row::{json_or_null, maybe_json};

use crate::db::Value;
use crate::error::{Result, StoreError};
use crate::wake::Topic;
use crate::{Store, Tx, events};
use model::Timestamp;
use model::event::NewEvent;
use model::mailbox::{
    Auth, Credentials, Incoming, Kind, Lifecycle, Logins, Mailbox, Outgoing, Owner, OwnerKind,
    Proof, Protocol,
};
use model::server_profile::ProfileLimits;
use serde_json::json;

/// What may change about a mailbox; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New address.
    pub address: Option<String>,
    /// New name.
    pub name: Option<String>,
    /// New kind.
    pub kind: Option<Kind>,
    /// New receiving side; `Some(None)`: send only.
    pub incoming: Option<Option<Incoming>>,
    /// New sending side; `Some(None)`: receive only.
    pub outgoing: Option<Option<Outgoing>>,
    /// New secrets; absent ones stay.
    pub credentials: Credentials,
    /// Whether names to sign in with are to be found again.
    pub login_formats: Option<Logins>,
    /// Another server profile; `Some(None)`: none.
    pub server_profile_id: Option<Option<String>>,
    /// New start of fetching.
    pub fetch_since: Option<Option<Timestamp>>,
    /// New folders to store.
    pub monitored_folders: Option<Option<Vec<String>>>,
    /// New octets of the largest message that is stored whole; `Some(None)`: all are.
    pub size_limit: Option<Option<i64>>,
    /// New days after which POP3 deletes what is stored; `Some(None)`: never.
    pub pop3_delete_after_days: Option<Option<u32>>,
    /// Whether the server may only be read. What is owed to it rests meanwhile.
    pub read_only: Option<bool>,
    /// Another owner; `Some(None)`: none.
    pub owner: Option<Option<Owner>>,
    /// New limits of its own, all of them.
    pub limits: Option<ProfileLimits>,
    /// Whether everyone may send through it.
    pub send_shared: Option<bool>,
    /// Whether it is the installation's own sender; the one before is so no more.
    pub system_sender: Option<bool>,
}

/// Which mailboxes are wanted; what is left out does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these; `None`: all.
    pub ids: Option<Vec<String>>,
    /// Only of owners of this kind.
    pub owner_kind: Option<OwnerKind>,
    /// Only of owners with this name.
    pub owner: Option<String>,
}

/// One mailbox.
///
/// # Errors
/// No such mailbox.
pub async fn get(store: &Store, id: &str) -> Result<Mailbox> {
    let id = id.to_owned();
    store.db.glance(move |tx| read(tx, &id)).await
}

/// Mailboxes in order of their ids (age), after `after`.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    filter: Filter,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<Mailbox>> {
    store
        .db
        .read(move |tx| {
            let mut args = vec![after.unwrap_or_default().into(), limit.into()];
            let mut only = String::new();
            if let Some(ids) = &filter.ids {
                args.push(serde_json::to_string(ids)?.into());
                only.push_str(&format!(" AND m.id IN {}", tx.dialect().texts(args.len())));
            }
            if let Some(kind) = filter.owner_kind {
                args.push(kind.as_str().into());
                only.push_str(&format!(" AND m.owner_kind = ${}", args.len()));
            }
            if let Some(name) = filter.owner {
                args.push(name.into());
                only.push_str(&format!(" AND m.owner_name = ${}", args.len()));
            }
            let sql = format!(
                "SELECT {COLUMNS} FROM mailboxes m WHERE m.id > $1 AND m.removed_at IS NULL{only} ORDER BY m.id LIMIT $2"
            );
            tx.rows(&sql, &args)?.iter().map(from_row).collect()
        })
        .await
}

/// How many mailboxes are in each connection state.
///
/// # Errors
/// The database is out of reach.
pub async fn count_by_connection(store: &Store) -> Result<Vec<(String, i64)>> {
    store
        .db
        .read(|tx| {
            let sql =
                "SELECT connection_state, count(*) FROM mailboxes WHERE removed_at IS NULL GROUP BY connection_state";
            tx.rows(sql, &[])?
                .iter()
                .map(|row| Ok((row.get(0)?, row.get(1)?)))
                .collect()
        })
        .await
}

/// Messages that the first copies of all folders still lack, as far as they were counted.
///
/// # Errors
/// The database is out of reach.
pub async fn backfill_remaining(store: &Store) -> Result<i64> {
    store
        .db
        .read(|tx| {
            let row = tx.row(
                "SELECT CAST(coalesce(sum(total - messages), 0) AS BIGINT) FROM folders
                 WHERE mode <> 'off' AND backfilled = 0 AND total > messages",
                &[],
            )?;
            row.map_or(Ok(0), |row| row.get(0))
        })
        .await
}

/// The hosts of a mailbox, for receiving and for sending.
fn hosts(incoming: Option<&Incoming>, outgoing: Option<&Outgoing>) -> [Option<String>; 2] {
    [
        incoming.map(|side| side.host.to_lowercase()),
        outgoing.map(|side| side.host.to_lowercase()),
    ]
}

/// Where a mailbox's own server keeps what it does with incoming mail: its host and the name there.
fn rules_at(incoming: Option<&Incoming>) -> Option<(String, &str)> {
    incoming.map(|side| (side.host.to_lowercase(), side.username.as_str()))
}

/// The secrets of a mailbox, opened.
///
/// # Errors
/// No such mailbox, or the key file is not the one they were sealed with.
pub async fn credentials(store: &Store, id: &str) -> Result<Credentials> {
    opened(store, id, None).await
}

/// The secrets that belong to these settings of a mailbox: later ones may be for another server.
///
/// # Errors
/// As [`credentials`]; `Conflict` when the mailbox was changed since it was read.
pub async fn credentials_of(store: &Store, mailbox: &Mailbox) -> Result<Credentials> {
    opened(store, &mailbox.id, Some(mailbox.version)).await
}

async fn opened(store: &Store, id: &str, version: Option<i64>) -> Result<Credentials> {
    let seal = store.seal.clone();
    let id = id.to_owned();
    store
        .db
        .glance(move |tx| {
            let row = tx
                .row(
                    "SELECT incoming_secret, outgoing_secret, version FROM mailboxes WHERE id = $1 AND removed_at IS NULL",
                    &[(&id).into()],
                )?
                .ok_or(StoreError::NotFound("the mailbox"))?;
            unchanged(row.get(2)?, version)?;
            let open = |index: usize, side: &str| -> Result<_> {
                let sealed: Option<Vec<u8>> = row.get(index)?;
                sealed
                    .map(|s| seal.open_sealed(&place(&id, side), &s))
                    .transpose()
            };
            Ok(Credentials {
                incoming: open(0, "incoming")?,
                outgoing: open(1, "outgoing")?,
            })
        })
        .await
}

/// Changes the settings. `if_version`: only when nobody else changed them since.
///
/// # Errors
/// No such mailbox, or it has another version.
pub async fn change(
    store: &Store,
    id: &str,
    change: Change,
    if_version: Option<i64>,
) -> Result<Mailbox> {
    let (now, seal, id) = (store.now(), store.seal.clone(), id.to_owned());
    store
        .db
        .write(move |tx| {
            let old = lock(tx, &id)?;
            unchanged(old.version, if_version)?;
            let incoming = change.incoming.unwrap_or(old.incoming.clone());
            let outgoing = change.outgoing.unwrap_or(old.outgoing.clone());
            let new_receiving = incoming != old.incoming || change.credentials.incoming.is_some();
            let new_sending = outgoing != old.outgoing || change.credentials.outgoing.is_some();
            let fetch_since = change.fetch_since.unwrap_or(old.fetch_since);
            let monitored = change.monitored_folders.unwrap_or(old.monitored_folders.clone());
            let delete_after = change.pop3_delete_after_days.unwrap_or(old.pop3_delete_after_days);
            let size_limit = change.size_limit.unwrap_or(old.size_limit);
            let owner = change.owner.unwrap_or(old.owner);
            let address = change.address.unwrap_or_else(|| old.address.clone());
            let name = change.name.unwrap_or_else(|| old.name.clone());
            let (was, is) = ((&*old.address, &*old.name), (&*address, &*name));
            crate::identities::follow(tx, &id, was, is)?;
            if change.system_sender == Some(true) && !old.system_sender {
                crate::senders::release_system(tx, now)?;
            }
            let args = [
                Value::from(&id),
                address.into(),
                name.into(),
                change.kind.unwrap_or(old.kind).as_str().into(),
                json_or_null(incoming.as_ref())?,
                json_or_null(outgoing.as_ref())?,
                fetch_since.into(),
                json_or_null(monitored.as_ref())?,
                if new_receiving { Proof::Untested } else { old.receiving }.as_str().into(),
                if new_sending { Proof::Untested } else { old.sending }.as_str().into(),
                change.server_profile_id.unwrap_or(old.server_profile_id).into(),
                serde_json::to_string(&change.login_formats.unwrap_or(old.login_formats))?.into(),
                deletion(incoming.as_ref(), delete_after).into(),
                i64::from(change.read_only.unwrap_or(old.read_only)).into(),
                size_limit.into(),
                owner.as_ref().map(|owner| owner.kind.as_str()).into(),
                owner.as_ref().map(|owner| owner.name.as_str()).into(),
                serde_json::to_string(&change.limits.unwrap_or(old.limits))?.into(),
                i64::from(change.send_shared.unwrap_or(old.send_shared)).into(),
                i64::from(change.system_sender.unwrap_or(old.system_sender)).into(),
            ];
            tx.exec(
                "UPDATE mailboxes SET address = $2, name = $3, kind = $4, incoming = $5, outgoing = $6,
                   fetch_since = $7, monitored = $8, receiving = $9, sending = $10, server_profile_id = $11,
                   login_formats = $12, pop3_delete_after_days = $13, read_only = $14, size_limit = $15, owner_kind = $16,
                   owner_name = $17, limits = $18, send_shared = $19, system_sender = $20, version = version + 1
                 WHERE id = $1",
                &args,
            )?;
            for (side, secret) in
                [("incoming", &change.credentials.incoming), ("outgoing", &change.credentials.outgoing)]
            {
                if let Some(secret) = secret {
                    let sealed = seal.seal(&place(&id, side), secret)?;
                    let sql = format!("UPDATE mailboxes SET {side}_secret = $2 WHERE id = $1");
                    tx.exec(&sql, &[(&id).into(), sealed.into()])?;
                }
            }
            // A side that is gone, or signs in no more, leaves no secret behind, which another server could be given later.
            let signs_in = [
                ("incoming", incoming.as_ref().map(|side| side.auth)),
                ("outgoing", outgoing.as_ref().map(|side| side.auth)),
            ];
            for (side, auth) in signs_in {
                if matches!(auth, None | Some(Auth::None)) {
                    let sql = format!("UPDATE mailboxes SET {side}_secret = NULL WHERE id = $1");
                    tx.exec(&sql, &[(&id).into()])?;
                }
            }
            if hosts(incoming.as_ref(), outgoing.as_ref()) != hosts(old.incoming.as_ref(), old.outgoing.as_ref()) {
                // What other servers do by themselves says nothing of these.
                tx.exec("UPDATE mailboxes SET sent_copy_by = NULL WHERE id = $1", &[(&id).into()])?;
            }
            if rules_at(incoming.as_ref()) != rules_at(old.incoming.as_ref()) {
                crate::auto_replies::leave_server(tx, &id)?;
            }
            if fetch_since != old.fetch_since || monitored != old.monitored_folders {
                // More mail may be wanted than is there: the folders are looked through again.
                tx.exec(
                    "UPDATE folders SET backfilled = 0, asked = asked + 1, low_uid = NULL, server_messages = NULL WHERE mailbox_id = $1",
                    &[(&id).into()],
                )?;
            }
            if size_limit != old.size_limit {
                crate::messages::want_rest(tx, &id, None)?;
            }
            release(tx, &id, now)?;
            if new_receiving {
                // What was live are the old settings: the new ones have still to prove themselves.
                let sql = "UPDATE mailboxes SET connection_state = 'connecting', connection_since = $2
                    WHERE id = $1 AND lifecycle = 'enabled' AND connection_state IN ('live', 'polling')";
                tx.exec(sql, &[(&id).into(), now.into()])?;
            }
            let data = json!({"version": old.version + 1});
            events::append(tx, &[NewEvent::live("mailbox.changed", &id, data)], now)?;
            wake(tx, &id);
            read(tx, &id)
        })
        .await
}

/// Another protocol ends the wish to delete: who goes back to POP3 says it again.
fn deletion(incoming: Option<&Incoming>, days: Option<u32>) -> Option<i64> {
    let pop3 = incoming.is_some_and(|side| side.protocol == Protocol::Pop3);
    days.filter(|_| pop3).map(i64::from)
}

/// Moves the mailbox to another stage of its life.
///
/// # Errors
/// No such mailbox.
pub async fn set_lifecycle(store: &Store, id: &str, to: Lifecycle) -> Result<Mailbox> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            let old = lock(tx, &id)?;
            if old.lifecycle == to && to != Lifecycle::Enabled {
                return Ok(old);
            }
            let sql = "UPDATE mailboxes SET lifecycle = $2, version = version + 1 WHERE id = $1";
            tx.exec(sql, &[(&id).into(), to.as_str().into()])?;
            release(tx, &id, now)?;
            if to != Lifecycle::Enabled {
                let sql = "UPDATE mailboxes SET connection_state = 'off', connection_since = $2,
                    connection_until = NULL, connection_problem = NULL WHERE id = $1";
                tx.exec(sql, &[(&id).into(), now.into()])?;
            }
            let kind = match to {
                Lifecycle::Enabled => Some("mailbox.enabled"),
                Lifecycle::Paused => Some("mailbox.paused"),
                Lifecycle::Disabled => Some("mailbox.disabled"),
                Lifecycle::Draft | Lifecycle::AwaitingApproval => None,
            };
            if let Some(kind) = kind.filter(|_| old.lifecycle != to) {
                let data = json!({"lifecycle": to, "before": old.lifecycle});
                events::append(tx, &[NewEvent::live(kind, &id, data)], now)?;
            }
            wake(tx, &id);
            read(tx, &id)
        })
        .await
}

/// Releases what stands in the way: a held mailbox is tried again at once.
///
/// # Errors
/// No such mailbox.
pub async fn try_again(store: &Store, id: &str) -> Result<Mailbox> {
    let (now, id) = (store.now(), id.to_owned());
    store
        .db
        .write(move |tx| {
            hold(tx, &id)?;
            release(tx, &id, now)?;
            wake(tx, &id);
            read(tx, &id)
        })
        .await
}

fn release(tx: &mut Tx<'_>, id: &str, now: Timestamp) -> Result<()> {
    tx.exec(
        "UPDATE mailboxes SET connection_state = 'connecting', connection_since = $2,
           connection_until = NULL
         WHERE id = $1 AND lifecycle = 'enabled' AND connection_state IN ('held', 'waiting', 'limited', 'off')",
        &[id.into(), now.into()],
    )?;
    crate::submissions::release_held(tx, id, now)
}

/// The version of a mailbox's settings, and the stage of its life: what whoever works on it asks again and again.
///
/// # Errors
/// No such mailbox.
pub async fn stand(store: &Store, id: &str) -> Result<(i64, Lifecycle)> {
    let id = id.to_owned();
    store
        .db
        .glance(move |tx| {
            let sql =
                "SELECT version, lifecycle FROM mailboxes WHERE id = $1 AND removed_at IS NULL";
            let row = tx.row(sql, &[(&id).into()])?;
            let row = row.ok_or(StoreError::NotFound("the mailbox"))?;
            Ok((row.get(0)?, row.word(1, Lifecycle::parse)?))
        })
        .await
}

/// Moves `proven_alive_at` of many mailboxes at once.
///
/// # Errors
/// The database is out of reach.
pub async fn proven_alive(store: &Store, alive: Vec<(String, Timestamp)>) -> Result<()> {
    use crate::db::Column::{Int, Text};
    if alive.is_empty() {
        return Ok(());
    }
    let records: Vec<_> = alive
        .iter()
        .map(|(id, at)| json!({"id": id, "at": at.0}))
        .collect();
    let records = serde_json::to_string(&records)?;
    store
        .db
        .write(move |tx| {
            let sql = format!(
                "UPDATE mailboxes SET proven_alive_at = r.at FROM {} WHERE mailboxes.id = r.id",
                tx.dialect().records(1, &[Text("id"), Int("at")])
            );
            tx.exec(&sql, &[records.into()])?;
            Ok(())
        })
        .await
}

/// Refuses what was decided by other settings than the present ones.
fn unchanged(version: i64, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != version => Err(StoreError::Conflict(
            "the mailbox was changed meanwhile".into(),
        )),
        _ => Ok(()),
    }
}

fn wake(tx: &mut Tx<'_>, id: &str) {
    tx.wake(Topic::Mailbox(id.to_owned()));
    tx.wake(Topic::Roster);
}

/// Holds a mailbox's row until the transaction ends, for whoever needs nothing of what it says: to read it whole takes more
/// time than most transactions.
pub(crate) fn hold(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    let sql = format!(
        "SELECT 1 FROM mailboxes WHERE id = $1 AND removed_at IS NULL{}",
        tx.dialect().for_update()
    );
    let row = tx.row(&sql, &[id.into()])?;
    row.map_or(Err(StoreError::NotFound("the mailbox")), |_| Ok(()))
}

/// Reads a mailbox and holds its row until the transaction ends.
pub(crate) fn lock(tx: &mut Tx<'_>, id: &str) -> Result<Mailbox> {
    let sql = format!(
        "SELECT 1 FROM mailboxes WHERE id = $1{}",
        tx.dialect().for_update()
    );
    tx.row(&sql, &[id.into()])?;
    read(tx, id)
}

pub(crate) fn read(tx: &mut Tx<'_>, id: &str) -> Result<Mailbox> {
    let sql = format!("SELECT {COLUMNS} FROM mailboxes m WHERE m.id = $1 AND m.removed_at IS NULL");
    let row = tx.row(&sql, &[id.into()])?;
    row.as_ref()
        .map_or(Err(StoreError::NotFound("the mailbox")), from_row)
}

fn place(id: &str, side: &str) -> String {
    format!("mailboxes/{id}/{side}")
}
