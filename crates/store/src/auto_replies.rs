//! Out of office: what mailboxes answer by themselves, how far the log of events was looked through for it, and who got an answer.
//!
//! An answer is queued in the same transaction as it is written down who got it and how far the log was looked through: whatever
//! happens in between, nobody gets two, and none is lost.

use crate::db::{Row, Value};
use crate::error::{Result, StoreError};
use crate::removal::not_removed;
use crate::submissions::{self, NewSubmission, Rules};
use crate::{Store, Tx, events, identities, mailboxes, messages};

mod on_server;

use model::auto_reply::{AutoReply, OnServer, Settings};
use model::event::Event;
use model::submission::Submission;
use model::{Timestamp, fresh_id};
pub(crate) use on_server::leave_server;
pub use on_server::{
    Asked, begin_on_server, end_on_server, note_server, nothing_left_there, server_port,
};

/// Events that are looked at in one step.
pub const AT_ONCE: i64 = 50;
/// One day.
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

const COLUMNS: &str = "id, mailbox_id, enabled_at, settings, created_at,
    (SELECT count(*) FROM auto_replied WHERE auto_reply_id = id), on_server, on_server_at, left_server_at,
    (SELECT offers FROM auto_reply_servers s WHERE s.mailbox_id = auto_replies.mailbox_id)";

/// Makes a mailbox's out of office, in the caller's own transaction.
///
/// # Errors
/// No such mailbox, one that only receives, or it has one already; `server_reply_left_there`: its server answers for it still.
pub fn create_in(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    settings: &Settings,
    now: Timestamp,
) -> Result<AutoReply> {
    mailboxes::hold(tx, mailbox_id)?;
    let sql = "SELECT 1 FROM auto_replies WHERE mailbox_id = $1";
    if tx.row(sql, &[mailbox_id.into()])?.is_some() {
        let text = "the mailbox has an out of office already: change that one";
        return Err(StoreError::Conflict(text.into()));
    }
    if settings.enabled {
        on_server::nobody_else_answers(tx, mailbox_id)?;
        begin_now(tx)?;
    }
    let id = fresh_id("arp", now);
    let args: [Value; 5] = [
        (&id).into(),
        mailbox_id.into(),
        settings.enabled.then_some(now).into(),
        serde_json::to_string(settings)?.into(),
        now.into(),
    ];
    tx.exec(
        "INSERT INTO auto_replies (id, mailbox_id, enabled_at, settings, created_at) VALUES ($1, $2, $3, $4, $5)",
        &args,
    )?;
    read(tx, &id)
}

/// Those of these mailboxes (`None`: of all) by age, after the one with the id `after`.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    mailbox_ids: Option<Vec<String>>,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<AutoReply>> {
    store
        .db
        .read(move |tx| {
            let mut args: Vec<Value> = vec![after.unwrap_or_default().into(), limit.into()];
            let mut only = String::new();
            if let Some(ids) = mailbox_ids {
                args.push(serde_json::to_string(&ids)?.into());
                only = format!(" AND mailbox_id IN {}", tx.dialect().texts(3));
            }
            let sql = format!(
                "SELECT {COLUMNS} FROM auto_replies WHERE id > $1 AND {}{only} ORDER BY id LIMIT $2",
                not_removed("mailbox_id")
            );
            tx.rows(&sql, &args)?.iter().map(from_row).collect()
        })
        .await
}

/// One out of office.
///
/// # Errors
/// No such one.
pub async fn get(store: &Store, id: &str) -> Result<AutoReply> {
    let id = id.to_owned();
    store.db.glance(move |tx| read(tx, &id)).await
}

/// Changes one, from what it is to what `change` makes of it. Switched on, it begins anew: whoever had an answer gets another.
///
/// # Errors
/// No such one, or what `change` says; `server_reply_left_there`: it is switched on, and the mailbox's server answers still.
pub async fn change<E: From<StoreError> + Send + 'static>(
    store: &Store,
    id: &str,
    change: impl FnOnce(&AutoReply) -> std::result::Result<Settings, E> + Clone + Send + 'static,
) -> std::result::Result<AutoReply, E> {
    let (now, id) = (store.now(), id.to_owned());
    let work = move |tx: &mut Tx<'_>| {
        let mailbox_id = read(tx, &id)?.mailbox_id;
        mailboxes::hold(tx, &mailbox_id)?;
        let old = read(tx, &id)?;
        let settings = match change(&old) {
            Ok(settings) => settings,
            Err(refused) => return Ok(Err(refused)),
        };
        set(tx, &old, &settings, now)?;
        Ok(Ok(read(tx, &id)?))
    };
    store.db.write(work).await?
}

/// Writes settings down. Switched on, or handed to somebody else, it begins anew.
pub(crate) fn set(
    tx: &mut Tx<'_>,
    old: &AutoReply,
    settings: &Settings,
    now: Timestamp,
) -> Result<()> {
    let enabled_at = match (settings.enabled, old.enabled_at) {
        (false, _) => None,
        (true, Some(since)) if settings.place == old.settings.place => Some(since),
        (true, _) => {
            on_server::nobody_else_answers(tx, &old.mailbox_id)?;
            begin_now(tx)?;
            let sql = "DELETE FROM auto_replied WHERE auto_reply_id = $1";
            tx.exec(sql, &[(&old.id).into()])?;
            Some(now)
        }
    };
    let sql = "UPDATE auto_replies SET enabled_at = $2, settings = $3 WHERE id = $1";
    let settings = serde_json::to_string(settings)?;
    let args = [(&old.id).into(), enabled_at.into(), settings.into()];
    tx.exec(sql, &args).map(drop)
}

/// Removes one, with what it knows of who got an answer. `leave`: even where it stands on the mailbox's server.
///
/// # Errors
/// No such one; `Conflict`: it stands on the mailbox's server, or may.
pub async fn remove(store: &Store, id: &str, leave: bool) -> Result<()> {
    let (id, now) = (id.to_owned(), store.now());
    store
        .db
        .write(move |tx| {
            let mailbox_id = read(tx, &id)?.mailbox_id;
            mailboxes::hold(tx, &mailbox_id)?;
            match (read(tx, &id)?.on_server, leave) {
                (None, _) => {}
                (Some(_), true) => on_server::left_there(tx, &mailbox_id, now)?,
                (Some(_), false) => {
                    let text = "the out of office stands on the mailbox's server, or is being changed there: read it again";
                    return Err(StoreError::Conflict(text.into()));
                }
            }
            let sql = "DELETE FROM auto_replies WHERE id = $1";
            tx.exec(sql, &[(&id).into()]).map(drop)
        })
        .await
}

/// Those that are switched on, and what has come since the last look. Nothing where none is switched on.
///
/// # Errors
/// The database is out of reach.
pub async fn news(store: &Store) -> Result<Option<News>> {
    store
        .db
        .glance(|tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM auto_replies WHERE enabled_at IS NOT NULL AND {} ORDER BY id",
                not_removed("mailbox_id")
            );
            let on: Vec<AutoReply> =
                tx.rows(&sql, &[])?.iter().map(from_row).collect::<Result<_>>()?;
            if on.is_empty() {
                return Ok(None);
            }
            let filter = events::Filter {
                after: looked_at(tx)?,
                types: vec!["message.received".into()],
                mailbox_ids: Some(on.iter().map(|one| one.mailbox_id.clone()).collect()),
            };
            let (events, position) = events::read(tx, &filter, AT_ONCE)?;
            let more = position > filter.after;
            Ok(Some(News { on, events, position, more }))
        })
        .await
}

/// What there is to look at.
#[derive(Debug)]
pub struct News {
    /// What is switched on.
    pub on: Vec<AutoReply>,
    /// Messages that came to their mailboxes, in order.
    pub events: Vec<Event>,
    /// Up to where the log is looked through then.
    pub position: i64,
    /// That is further than before.
    pub more: bool,
}

/// Queues an answer to the message of an event: unless the sender had one in this period, the event was looked at by another
/// node, or the out of office was switched off meanwhile. What becomes of the event, no second answer comes of it.
///
/// # Errors
/// The mailbox cannot send; the database is out of reach.
pub async fn answer(store: &Store, answer: Answer) -> Result<Option<Submission>> {
    let (now, rules) = (store.now(), store.sending.clone());
    store
        .db
        .write(move |tx| queue(tx, &rules, &answer, now))
        .await
}

/// An answer that is to go out.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The out of office.
    pub auto_reply_id: String,
    /// The position of the event.
    pub position: i64,
    /// The message that is answered.
    pub message_id: String,
    /// Whom it is for, in lower case.
    pub sender: String,
    /// The answer.
    pub submission: NewSubmission,
}

fn queue(
    tx: &mut Tx<'_>,
    rules: &Rules,
    answer: &Answer,
    now: Timestamp,
) -> Result<Option<Submission>> {
    let lock = tx.dialect().for_update();
    let sql = format!("SELECT value FROM counters WHERE name = 'auto_replies'{lock}");
    let there: i64 = tx.row(&sql, &[])?.map_or(Ok(0), |row| row.get(0))?;
    if there >= answer.position {
        return Ok(None);
    }
    advance(tx, answer.position)?;
    let own = match read(tx, &answer.auto_reply_id) {
        Ok(own) if own.answers_here(now) => own,
        Ok(_) | Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    if had_one(tx, &own, &answer.sender, now)? {
        return Ok(None);
    }
    let made = submissions::create_in(tx, rules, &answer.submission, now)?;
    tx.exec(
        "INSERT INTO auto_replied (auto_reply_id, sender, replied_at, submission_id, message_id) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (auto_reply_id, sender) DO UPDATE SET replied_at = $3, submission_id = $4, message_id = $5",
        &[
            (&own.id).into(),
            (&answer.sender).into(),
            now.into(),
            (&made.id).into(),
            (&answer.message_id).into(),
        ],
    )?;
    Ok(Some(made))
}

/// Whether a sender had an answer in this period.
///
/// # Errors
/// The database is out of reach.
pub async fn had_answer(store: &Store, own: &AutoReply, sender: &str) -> Result<bool> {
    let (now, own, sender) = (store.now(), own.clone(), sender.to_owned());
    store
        .db
        .glance(move |tx| had_one(tx, &own, &sender, now))
        .await
}

fn had_one(tx: &mut Tx<'_>, own: &AutoReply, sender: &str, now: Timestamp) -> Result<bool> {
    let period = own.settings.period_days.saturating_mul(DAY_MILLIS);
    let sql =
        "SELECT 1 FROM auto_replied WHERE auto_reply_id = $1 AND sender = $2 AND replied_at > $3";
    let args = [
        (&own.id).into(),
        sender.into(),
        now.plus_millis(-period).into(),
    ];
    Ok(tx.row(sql, &args)?.is_some())
}

/// The header of a stored message and the beginning of its text, up to `most` bytes.
///
/// # Errors
/// `NotFound`: the message is gone. `Corrupt`: its bytes are, whatever the rest of the store is like. Else the database or the
/// bytes are out of reach.
pub async fn beginning(store: &Store, message_id: &str, most: u64) -> Result<Vec<u8>> {
    let place = messages::raw(store, message_id).await?.place;
    let end = place.length.min(most);
    match store.blobs.read_some(&place, 0..end).await {
        Ok(bytes) => Ok(bytes.to_vec()),
        // A segment may have been moved together with others meanwhile: then the message is elsewhere by now.
        Err(StoreError::Unavailable(_)) if store.blobs.lacks(&place) => {
            let now_at = messages::raw(store, message_id).await?.place;
            if now_at.segment == place.segment {
                let said = format!("segment {} is missing", place.segment);
                return Err(StoreError::Corrupt(said));
            }
            Ok(store.blobs.read_some(&now_at, 0..end).await?.to_vec())
        }
        Err(error) => Err(error),
    }
}

/// Nothing up to this position has to be looked at again.
///
/// # Errors
/// The database is out of reach.
pub async fn passed(store: &Store, position: i64) -> Result<()> {
    store.db.write(move |tx| advance(tx, position)).await
}

fn advance(tx: &mut Tx<'_>, position: i64) -> Result<()> {
    let sql = "UPDATE counters SET value = $1 WHERE name = 'auto_replies' AND value < $1";
    tx.exec(sql, &[position.into()]).map(drop)
}

fn looked_at(tx: &mut Tx<'_>) -> Result<i64> {
    let row = tx.row(
        "SELECT value FROM counters WHERE name = 'auto_replies'",
        &[],
    )?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// What happened while none was switched on is for none: to be called before one is, in its transaction.
fn begin_now(tx: &mut Tx<'_>) -> Result<()> {
    let sql = "SELECT 1 FROM auto_replies WHERE enabled_at IS NOT NULL LIMIT 1";
    if tx.row(sql, &[])?.is_some() {
        return Ok(());
    }
    let newest = events::newest_position(tx)?;
    advance(tx, newest)
}

/// The addresses of a mailbox, in lower case: those whose mail arrives in it, and all that it sends as.
///
/// # Errors
/// The database is out of reach.
pub async fn addresses(store: &Store, mailbox_id: &str) -> Result<(Vec<String>, Vec<String>)> {
    let own = identities::own_addresses(store, mailbox_id).await?;
    let all = identities::of_mailbox(store, mailbox_id).await?;
    Ok((
        own,
        all.iter().map(|one| one.address.to_lowercase()).collect(),
    ))
}

pub(crate) fn read(tx: &mut Tx<'_>, id: &str) -> Result<AutoReply> {
    let sql = format!(
        "SELECT {COLUMNS} FROM auto_replies WHERE id = $1 AND {}",
        not_removed("mailbox_id")
    );
    let row = tx.row(&sql, &[id.into()])?;
    row.as_ref()
        .map_or(Err(StoreError::NotFound("the out of office")), from_row)
}

fn from_row(row: &Row) -> Result<AutoReply> {
    Ok(AutoReply {
        id: row.get(0)?,
        mailbox_id: row.get(1)?,
        enabled_at: row.get(2)?,
        settings: row.json(3)?,
        created_at: row.get(4)?,
        answered: row.get(5)?,
        on_server: row
            .get::<Option<String>>(6)?
            .and_then(|word| OnServer::parse(&word)),
        on_server_at: row.get(7)?,
        left_server_at: row.get(8)?,
        server_offers: row.get::<Option<i64>>(9)?.map(|offers| offers != 0),
    })
}
