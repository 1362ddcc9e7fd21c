//! THE transaction: a fetched batch becomes rows, the folder's cursor moves over what they cover,
//! and the events are numbered: all of it, or nothing. Running it again changes nothing, because
//! (folder, UIDVALIDITY, UID) is a unique key.

mod answers;
mod changes;
mod complete;
mod gap;
mod ids;
mod moving;
mod pieces;
mod placing;
mod returning;
mod threads;
mod tidings;

pub use changes::{Changes, FlagUpdate, apply, finish_vanished, vanished_since};
pub use gap::tell_gap;
pub use placing::label_of;
pub use placing::{NewPlace, place};
pub(crate) use placing::{all_labels, expect_back, folders_of, left, stay_behind};
pub use returning::{Found, any_lost, known_again};
pub(crate) use threads::refresh as refresh_threads;
pub use threads::{ThreadRefs, Threaded, Threader};

use crate::blobs::{self, Stored};
use crate::db::Column::{Int, Text};
use crate::db::{Insert, Value};
use crate::error::{Result, StoreError};
use crate::failures::{self, NewFailure};
use crate::folders::{self, Cursor};
use crate::leases::{self, Lease};
use crate::own_copies::Ours;
use crate::search::{self, Words};
use crate::{Store, Tx, events, mailboxes, own_copies, submissions, tags, test_messages};
use ids::fresh_ids;
use model::Timestamp;
use model::event::{NewEvent, Origin};
use model::folder::Role;
use model::message::{Direction, Flags};
use model::returned::Report;
use serde_json::{Value as Json, json};
use std::collections::{HashMap, HashSet};

/// A message that was fetched, stored as a blob, and parsed.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Its UID.
    pub uid: i64,
    /// Its flags.
    pub flags: Flags,
    /// Its MODSEQ; 0 where the server has none.
    pub mod_seq: i64,
    /// INTERNALDATE.
    pub received_at: Timestamp,
    /// The raw bytes.
    pub stored: Stored,
    /// The whole message's size as the server says it, where `stored` is its header alone; `None`: `stored` is all of it.
    pub headers_only: Option<u64>,
    /// The parsed head: a JSON object as text.
    pub head: String,
    /// The words for the search.
    pub words: Words,
    /// What it hangs on.
    pub refs: ThreadRefs,
    /// Whether the owner sent it.
    pub direction: Direction,
    /// First address of From, lower case; empty if none.
    pub sender: String,
    /// The subject, for the event.
    pub subject: String,
    /// Written by a machine (RFC 3834, lists).
    pub automatic: bool,
    /// What it reports of another message, where a machine wrote it.
    pub report: Option<Report>,
    /// Has attachments.
    pub has_attachments: bool,
    /// What the server calls it for life: EMAILID (RFC 8474) or X-GM-MSGID.
    pub object_id: Option<String>,
    /// Its labels, where the server has labels (X-GM-EXT-1): a message is then one in all its folders.
    pub labels: Option<Vec<String>>,
}

impl NewMessage {
    /// Octets of the whole message, stored or not.
    pub fn size(&self) -> i64 {
        i64::try_from(self.headers_only.unwrap_or(self.stored.place.length)).unwrap_or(i64::MAX)
    }
}

/// What came of one stretch of a folder.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The folder.
    pub folder_id: String,
    /// UIDVALIDITY under which it was fetched.
    pub uid_validity: i64,
    /// How we came to know.
    pub origin: Origin,
    /// Messages to store.
    pub messages: Vec<NewMessage>,
    /// Messages that failed.
    pub failures: Vec<NewFailure>,
    /// UIDs that turned out to be gone before they could be fetched.
    pub gone: Vec<i64>,
    /// Where the cursors go.
    pub cursor: Cursor,
    /// Messages with the same bytes as one that lies in another folder are stored too: it was made
    /// sure that they are copies. Otherwise they are handed back, because one that was moved is seen
    /// here before it is known to have left there.
    pub copies_too: bool,
}

/// What a batch brought.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// New messages.
    pub stored: i64,
    /// Messages that had moved here, or lie here too.
    pub moved: i64,
    /// Messages that were there already.
    pub known: i64,
    /// New rows in the ledger.
    pub failed: i64,
    /// Copies, or messages on the move (see [`Batch::copies_too`]); the cursors stayed for them.
    pub doubtful: Vec<NewMessage>,
}

impl Outcome {
    /// Takes over what another batch brought.
    pub fn add(&mut self, other: Self) {
        self.stored += other.stored;
        self.moved += other.moved;
        self.known += other.known;
        self.failed += other.failed;
        self.doubtful.extend(other.doubtful);
    }
}

/// Stores a batch.
///
/// # Errors
/// Another node works on the mailbox; the folder was reset meanwhile; the database is out of reach.
pub async fn ingest(
    store: &Store,
    lease: &Lease,
    batch: Batch,
    threader: Threader,
) -> Result<Outcome> {
    if batch.origin == Origin::Backfill {
        return pieces::ingest(store, lease, batch, threader).await;
    }
    let (now, lease) = (store.now(), lease.clone());
    store
        .db
        .write(move |tx| run(tx, &lease, batch, threader, now))
        .await
}

pub(crate) struct Place {
    path: String,
    role: Option<Role>,
}

/// The transaction's work, for callers that have more to write in it.
pub(crate) fn run(
    tx: &mut Tx<'_>,
    lease: &Lease,
    mut batch: Batch,
    threader: Threader,
    now: Timestamp,
) -> Result<Outcome> {
    let mailbox_id = lease.mailbox_id.as_str();
    mailboxes::hold(tx, mailbox_id)?;
    leases::check(tx, lease)?;
    let place = folder_place(tx, &batch.folder_id, batch.uid_validity)?;
    let mut outcome = Outcome::default();
    let mut log = Vec::new();

    let before = batch.messages.len();
    let known = known_uids(tx, &batch)?;
    let completing = complete::take_out(tx, &mut batch)?;
    batch
        .messages
        .retain(|message| !known.contains(&message.uid));
    outcome.known = (before - batch.messages.len()) as i64;
    test_messages::take_out(tx, mailbox_id, &mut batch, now)?;

    let stored: Vec<Stored> = batch
        .messages
        .iter()
        .chain(completing.iter().map(|(_, message)| message))
        .map(|message| message.stored.clone())
        .chain(
            batch
                .failures
                .iter()
                .filter_map(|failure| failure.raw.clone()),
        )
        .collect();
    blobs::index(tx, &stored, now)?;

    crate::pop3::give_back(tx, &batch, now)?;
    for (id, message) in &completing {
        log.push(complete::one(tx, mailbox_id, id, message, &batch)?);
    }
    let mut moved = moving::relink(tx, mailbox_id, &mut batch, &place, &mut log)?;
    if !batch.copies_too {
        outcome.doubtful = moving::take_twins(tx, mailbox_id, &mut batch)?;
        if !outcome.doubtful.is_empty() {
            batch.cursor = Cursor::default();
        }
    }
    moved.extend(placing::join(tx, mailbox_id, &mut batch, &place, &mut log)?);
    outcome.moved = moved.len() as i64;
    let links = tidings::links(tx, mailbox_id, &batch.messages, batch.origin)?;
    let threads = threads::assign(tx, mailbox_id, &batch, &links, threader, now, &mut log)?;
    let new = insert_messages(tx, mailbox_id, &batch, &place, &threads, now)?;
    outcome.stored = new.len() as i64;
    if batch.origin == Origin::CatchUp && outcome.stored > 0 {
        gap::count(tx, mailbox_id, &batch.folder_id, outcome.stored)?;
    }
    let refs: Vec<(&str, &NewMessage)> = new.iter().map(|(id, m)| (id.as_str(), *m)).collect();
    let placed: Vec<(&str, &NewMessage)> = moved
        .iter()
        .map(|(id, m)| (id.as_str(), m))
        .chain(refs.iter().copied())
        .collect();
    insert_placements(tx, &batch, &placed)?;
    let put_in = tags::put_new(tx, mailbox_id, &refs)?;
    let arrived: Vec<(i64, &str)> = refs
        .iter()
        .map(|(_, message)| (message.uid, message.stored.digest.as_str()))
        .collect();
    let labelled = refs.iter().any(|(_, message)| message.labels.is_some());
    let folder = &batch.folder_id;
    let ours = own_copies::seen(tx, folder, batch.uid_validity, &arrived, labelled)?;
    let mut tidings = Vec::new();
    for (((id, message), thread), link) in refs.iter().zip(&threads).zip(&links) {
        let mut event = received(mailbox_id, id, thread, message, &batch, &place);
        tidings::tell(&mut event, link.as_ref());
        if let Some(folder) = put_in.as_ref().filter(|_| tags::is_put(message)) {
            event.data["tags"] = json!([folder]);
        }
        if let Some(ours) = ours.get(&message.uid) {
            // Nobody answers what we stored ourselves.
            if event.origin == Origin::Live {
                event.origin = Origin::CatchUp;
            }
            event.data["by"] = json!("api");
            match ours {
                Ours::CopyOf(original) => event.data["copy_of"] = json!(original),
                Ours::Brought(owed_id) => event.data["owed_id"] = json!(owed_id),
            }
        } else {
            tidings.push((*id, *message, link.as_ref()));
        }
        log.push(event);
    }
    let sent = tidings::sent(tx, mailbox_id, &refs, &ours, &place, batch.origin)?;
    if place.role == Some(Role::Drafts) {
        tidings::drafts(tx, mailbox_id, &refs, &ours, now)?;
    }
    let filed = matches!(place.role, Some(Role::Sent | Role::All));
    let linked = submissions::link_sent(tx, mailbox_id, &sent, filed, now)?;
    for (id, submission) in &linked.ours {
        let told = |event: &&mut NewEvent| event.data["message_id"] == json!(id);
        for event in log.iter_mut().filter(told) {
            event.data["by"] = json!("api");
            event.data["submission_id"] = json!(submission);
        }
    }
    log.extend(linked.news);
    log.extend(tidings::write(tx, mailbox_id, &tidings, batch.origin, now)?);
    log.extend(tidings::completed(
        tx,
        mailbox_id,
        &completing,
        batch.origin,
        now,
    )?);
    let mut touched: HashSet<String> = threads.into_iter().collect();
    touched.extend(threads::of_messages(
        tx,
        moved.iter().map(|(id, _)| id.as_str()),
    )?);
    threads::refresh(tx, mailbox_id, &touched)?;

    let unreadable = failures::add(
        tx,
        mailbox_id,
        &batch.folder_id,
        batch.uid_validity,
        &batch.failures,
        now,
    )?;
    outcome.failed = unreadable.len() as i64;
    let done: Vec<i64> = batch
        .messages
        .iter()
        .map(|m| m.uid)
        .chain(moved.iter().map(|(_, m)| m.uid))
        .chain(completing.iter().map(|(_, m)| m.uid))
        .chain(batch.gone.iter().copied())
        .collect();
    forget_failures(tx, &batch.folder_id, batch.uid_validity, &done)?;
    // Once: that another try failed too is in the ledger.
    let new = |failure: &&NewFailure| unreadable.contains(&failure.uid);
    for failure in batch.failures.iter().filter(new) {
        let data = json!({
            "folder_id": batch.folder_id, "folder_path": place.path, "uid": failure.uid,
            "problem_id": failure.problem_id, "reason": failure.reason,
        });
        log.push(event("message.unreadable", mailbox_id, batch.origin, data));
    }
    let unread = placed
        .iter()
        .filter(|(_, message)| !message.flags.seen)
        .count() as i64;
    tx.exec(
        "UPDATE folders SET messages = messages + $2, unread = unread + $3 WHERE id = $1",
        &[
            (&batch.folder_id).into(),
            (placed.len() as i64).into(),
            unread.into(),
        ],
    )?;
    log.extend(folders::write_cursor(
        tx,
        mailbox_id,
        &batch.folder_id,
        &batch.cursor,
    )?);
    events::append(tx, &log, now)?;
    Ok(outcome)
}

/// The folder under the UIDVALIDITY of the batch; a reset in between makes the batch void.
pub(crate) fn folder_place(tx: &mut Tx<'_>, folder_id: &str, uid_validity: i64) -> Result<Place> {
    let row = tx.row(
        "SELECT uid_validity, path, role FROM folders WHERE id = $1",
        &[folder_id.into()],
    )?;
    let row = row.ok_or(StoreError::NotFound("the folder"))?;
    if row.get::<Option<i64>>(0)? != Some(uid_validity) {
        return Err(StoreError::Conflict(
            "the folder was reset meanwhile".into(),
        ));
    }
    Ok(Place {
        path: row.get(1)?,
        role: row.maybe_word(2, Role::parse)?,
    })
}

fn known_uids(tx: &mut Tx<'_>, batch: &Batch) -> Result<HashSet<i64>> {
    let uids: Vec<i64> = batch.messages.iter().map(|message| message.uid).collect();
    let sql = format!(
        "SELECT uid FROM placements WHERE folder_id = $1 AND uid_validity = $2 AND uid IN {}",
        tx.dialect().integers(3)
    );
    let args = [
        (&batch.folder_id).into(),
        batch.uid_validity.into(),
        serde_json::to_string(&uids)?.into(),
    ];
    tx.rows(&sql, &args)?.iter().map(|row| row.get(0)).collect()
}

/// A move is never part of filling the past.
fn live(origin: Origin) -> Origin {
    if origin == Origin::Backfill {
        Origin::CatchUp
    } else {
        origin
    }
}

pub(crate) fn write_flags(tx: &mut Tx<'_>, message_id: &str, flags: &Flags) -> Result<()> {
    tx.exec(
        "UPDATE messages SET seen = $2, answered = $3, flagged = $4, draft = $5, keywords = $6 WHERE id = $1",
        &[
            message_id.into(),
            flags.seen.into(),
            flags.answered.into(),
            flags.flagged.into(),
            flags.draft.into(),
            serde_json::to_string(&flags.keywords)?.into(),
        ],
    )?;
    Ok(())
}

/// Inserts rows and search words; returns the ids in the order of the batch.
fn insert_messages<'b>(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    batch: &'b Batch,
    place: &Place,
    threads: &[String],
    now: Timestamp,
) -> Result<Vec<(String, &'b NewMessage)>> {
    if batch.messages.is_empty() {
        return Ok(Vec::new());
    }
    let ids = fresh_ids("msg", &batch.messages, now);
    let mut rows = Vec::with_capacity(batch.messages.len());
    for ((message, thread), id) in batch.messages.iter().zip(threads).zip(&ids) {
        let body = match message.headers_only {
            Some(_) => "head",
            None => "whole",
        };
        rows.push(vec![
            id.into(),
            thread.into(),
            (&message.stored.digest).into(),
            message.refs.message_id.clone().into(),
            message.direction.as_str().into(),
            message.received_at.into(),
            message.size().into(),
            message.flags.seen.into(),
            message.flags.answered.into(),
            message.flags.flagged.into(),
            message.flags.draft.into(),
            serde_json::to_string(&message.flags.keywords)?.into(),
            message.has_attachments.into(),
            (&message.sender).into(),
            (&message.head).into(),
            body.into(),
            message.object_id.clone().into(),
            placing::labels_text(message.labels.as_deref(), place)?.into(),
            answers::key(mailbox_id, message.refs.says.as_deref()).into(),
            message.refs.lone_answer.into(),
        ]);
    }
    let rows = tx.insert(Insert {
        table: "messages",
        shared: &[("mailbox_id", mailbox_id.into())],
        columns: &[
            Text("id"),
            Text("thread_id"),
            Text("digest"),
            Text("internet_message_id"),
            Text("direction"),
            Int("received_at"),
            Int("size"),
            Int("seen"),
            Int("answered"),
            Int("flagged"),
            Int("draft"),
            Text("keywords"),
            Int("has_attachments"),
            Text("sender"),
            Text("head"),
            Text("body"),
            Text("object_id"),
            Text("labels"),
            Int("says"),
            Int("lone_answer"),
        ],
        rows,
        then: "RETURNING n, id",
    })?;
    let mut numbers: HashMap<String, i64> = HashMap::with_capacity(rows.len());
    for row in &rows {
        numbers.insert(row.get(1)?, row.get(0)?);
    }
    let words: Vec<(i64, Timestamp, &Words)> = ids
        .iter()
        .zip(&batch.messages)
        .filter_map(|(id, m)| Some((*numbers.get(id)?, m.received_at, &m.words)))
        .collect();
    search::add(tx, mailbox_id, &words)?;
    Ok(ids.into_iter().zip(&batch.messages).collect())
}

fn insert_placements(tx: &mut Tx<'_>, batch: &Batch, placed: &[(&str, &NewMessage)]) -> Result<()> {
    let rows = placed
        .iter()
        .map(|(id, message)| {
            vec![
                message.uid.into(),
                (*id).into(),
                message.mod_seq.into(),
                message.received_at.into(),
            ]
        })
        .collect();
    insert_places(tx, &batch.folder_id, batch.uid_validity, rows)
}

/// Inserts placements: `uid`, `message_id`, `mod_seq` and `received_at` of each.
fn insert_places(
    tx: &mut Tx<'_>,
    folder_id: &str,
    uid_validity: i64,
    rows: Vec<Vec<Value>>,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    tx.insert(Insert {
        table: "placements",
        shared: &[
            ("folder_id", folder_id.into()),
            ("uid_validity", uid_validity.into()),
        ],
        columns: &[
            Int("uid"),
            Text("message_id"),
            Int("mod_seq"),
            Int("received_at"),
        ],
        rows,
        then: "",
    })?;
    Ok(())
}

/// Gives stored messages the places of `settled` (their UIDs) in a folder: counted there, and no failures any more.
fn take_places(
    tx: &mut Tx<'_>,
    folder_id: &str,
    uid_validity: i64,
    settled: &[i64],
    rows: Vec<Vec<Value>>,
    unread: i64,
) -> Result<()> {
    insert_places(tx, folder_id, uid_validity, rows)?;
    tx.exec(
        "UPDATE folders SET messages = messages + $2, unread = unread + $3 WHERE id = $1",
        &[
            folder_id.into(),
            (settled.len() as i64).into(),
            unread.into(),
        ],
    )?;
    forget_failures(tx, folder_id, uid_validity, settled)
}

/// A message that is there, or gone from the server, is no failure any more.
fn forget_failures(
    tx: &mut Tx<'_>,
    folder_id: &str,
    uid_validity: i64,
    uids: &[i64],
) -> Result<()> {
    if uids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM failures WHERE folder_id = $1 AND uid_validity = $2 AND uid IN {}",
        tx.dialect().integers(3)
    );
    tx.exec(
        &sql,
        &[
            folder_id.into(),
            uid_validity.into(),
            serde_json::to_string(uids)?.into(),
        ],
    )?;
    Ok(())
}

fn received(
    mailbox_id: &str,
    id: &str,
    thread_id: &str,
    message: &NewMessage,
    batch: &Batch,
    place: &Place,
) -> NewEvent {
    let kind = match message.direction {
        Direction::Incoming => "message.received",
        Direction::Outgoing => "message.sent",
    };
    let mut data = json!({
        "message_id": id, "thread_id": thread_id, "folder_id": batch.folder_id,
        "folder_path": place.path, "folder_role": place.role, "direction": message.direction,
        "automatic": message.automatic, "subject": message.subject, "from": message.sender,
        "internet_message_id": message.refs.message_id, "received_at": message.received_at,
        "size": message.size(), "has_attachments": message.has_attachments, "flags": message.flags,
        "complete": message.headers_only.is_none(),
    });
    if let Some(labels) = &message.labels {
        data["labels"] = json!(placing::all_labels(labels, place));
    }
    event(kind, mailbox_id, batch.origin, data)
}

pub(crate) fn event(kind: &'static str, mailbox_id: &str, origin: Origin, data: Json) -> NewEvent {
    NewEvent {
        kind,
        mailbox_id: Some(mailbox_id.to_owned()),
        origin,
        data,
    }
}
