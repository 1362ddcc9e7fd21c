//! Messages that are being written. What stands here is the newest, and durable at once; the server's Drafts folder gets a copy a
//! while after the last change ([`copying`]), so that other programs see it, and the copy before goes. Not every version has one.
//!
//! Each copy has a Message-ID of its own (`drf_….3@domain`). When a copy turns up in the Drafts folder, it is the one
//! that stands here, or one that is over: then it is removed from the server ([`arrived`]). One that is not as we wrote it was
//! changed by another program: it is nobody's to overwrite who has not seen it.

pub mod copying;

use crate::db::{Row, Value};
use crate::error::{Result, StoreError};
use crate::owed;
use crate::removal::not_removed;
use crate::{Store, Tx, mailboxes};
use model::{Timestamp, fresh_id};
use serde::Serialize;
use serde_json::Value as Json;

/// What the Message-ID of every copy begins with.
const BEGINS: &str = "drf_";
/// How long copies of a draft that is over are known as such.
const OVER_MILLIS: i64 = 90 * 24 * 3_600_000;
/// Drafts of one mailbox.
const MOST: i64 = 1_000;
const COLUMNS: &str = "id, mailbox_id, content, version, message_id, on_server, created_at, updated_at, owed_id, copied, copy_due,
  changed_since, over";

/// Where the copy of a draft is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnServer {
    /// On its way.
    Owed,
    /// In the Drafts folder.
    Stored,
    /// It was there, and another program wrote another text in its place.
    Changed,
    /// It was there, and somebody took it away.
    Gone,
    /// The mailbox has no Drafts folder that can be written to.
    None,
}

impl OnServer {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Owed => "owed",
            Self::Stored => "stored",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::None => "none",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        use OnServer::{Changed, Gone, None, Owed, Stored};
        let all = [Owed, Stored, Changed, Gone, None];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

/// A message that is being written.
#[derive(Clone, Debug, Serialize)]
pub struct Draft {
    /// `drf_…`
    pub id: String,
    /// The mailbox that is to send it.
    pub mailbox_id: String,
    /// What was written, as a submission takes it.
    pub content: Json,
    /// Grows with each change.
    pub version: i64,
    /// What lies in the Drafts folder, once it is known here: its copy (while a newer one is owed, what that takes the place of), or
    /// what another program made of it.
    pub message_id: Option<String>,
    /// Where the copy of this version is.
    pub on_server: OnServer,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// The owed change that stores the newest copy, while it is on its way.
    #[serde(skip)]
    owed_id: Option<String>,
    /// The version that the newest copy is of; 0: there was none yet in this mailbox.
    #[serde(skip)]
    copied: i64,
    /// When the next copy is to be made.
    #[serde(skip)]
    copy_due: Option<Timestamp>,
    /// The first change that no copy has.
    #[serde(skip)]
    changed_since: Option<Timestamp>,
    /// `message_id`, also once that message is gone from the server.
    #[serde(skip)]
    last_id: Option<String>,
    /// Other messages that go when the next copy is made.
    #[serde(skip)]
    over: Vec<String>,
}

/// A version that is to be kept.
#[derive(Clone, Debug)]
pub struct Version {
    /// See [`fresh`].
    pub id: String,
    /// The mailbox that is to send it.
    pub mailbox_id: String,
    /// The version that this one follows; 0: there is none.
    pub after: i64,
    /// What was written.
    pub content: Json,
    /// Uploads that it names: they live as long as it does.
    pub uploads: Vec<String>,
    /// Who wrote it, with what they may: its copy is made as by them.
    pub caller: Json,
    /// A message in the Drafts folder that this draft takes the place of: another program's, or what one made of this draft.
    pub replaces: Option<String>,
}

/// An id for a new draft.
pub fn fresh(now: Timestamp) -> String {
    fresh_id("drf", now)
}

/// What the Message-ID of a version's copy is made of.
pub fn unique(id: &str, version: i64) -> String {
    format!("{id}.{version}")
}

/// Keeps a version. Its copy is due a while later ([`copying`]).
///
/// # Errors
/// [`StoreError::Conflict`]: another version came meanwhile, or there are too many drafts. `draft_changed_elsewhere`: another
/// program has changed its copy, and this version does not say that it replaces that.
pub async fn save(store: &Store, new: Version) -> Result<Draft> {
    let (pace, now) = (store.drafts, store.now());
    store.db.write(move |tx| save_in(tx, &new, pace, now)).await
}

/// Like [`save`], as the last act of the caller's own transaction (with an idempotency key).
///
/// # Errors
/// As [`save`].
pub fn save_in(
    tx: &mut Tx<'_>,
    new: &Version,
    pace: copying::Pace,
    now: Timestamp,
) -> Result<Draft> {
    let has_place = place(tx, &new.mailbox_id)?.is_some();
    let old = match new.after {
        0 => None,
        _ => Some(read(tx, &new.id)?),
    };
    if let Some(old) = &old {
        old.is_version(new.after)?;
        old.is_unchanged(new.replaces.as_deref())?;
        if old.mailbox_id != new.mailbox_id {
            old.withdraw(tx)?;
            is_over(tx, &old.id, &old.mailbox_id, now)?;
        }
    }
    let plan = match has_place {
        true => Plan::owed(new, old.as_ref(), pace, now),
        false => {
            if let Some(old) = &old {
                old.withdraw(tx)?;
                // No copy takes the place of those in a mailbox that it has left.
                if old.mailbox_id != new.mailbox_id {
                    old.take_copies_away(tx, now)?;
                }
            }
            Plan::none()
        }
    };
    let args = [
        Value::from(&new.id),
        (&new.mailbox_id).into(),
        serde_json::to_string(&new.content)?.into(),
        (new.after + 1).into(),
        now.into(),
        new.caller.to_string().into(),
        plan.on_server.as_str().into(),
        plan.message_id.into(),
        plan.owed_id.into(),
        plan.copied.into(),
        plan.copy_due.into(),
        plan.changed_since.into(),
        serde_json::to_string(&plan.over)?.into(),
    ];
    if old.is_some() {
        let kept = tx.exec(
            "UPDATE drafts SET mailbox_id = $2, content = $3, version = $4, updated_at = $5, caller = $6, on_server = $7,
               message_id = $8, owed_id = $9, copied = $10, copy_due = $11, changed_since = $12, over = $13
             WHERE id = $1 AND version = $4 - 1",
            &args,
        )?;
        if kept != 1 {
            return Err(changed_meanwhile());
        }
    } else {
        let sql = "SELECT count(*) FROM drafts WHERE mailbox_id = $1";
        let row = tx.row(sql, &[(&new.mailbox_id).into()])?;
        if row.map_or(Ok(0), |row| row.get::<i64>(0))? >= MOST {
            let text = format!("the mailbox has {MOST} drafts, and no more may wait");
            return Err(StoreError::Conflict(text));
        }
        tx.exec(
            "INSERT INTO drafts (id, mailbox_id, content, version, created_at, updated_at, caller, on_server, message_id, owed_id,
               copied, copy_due, changed_since, over)
             VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            &args,
        )?;
    }
    let sql = "DELETE FROM draft_files WHERE draft_id = $1";
    tx.exec(sql, &[(&new.id).into()])?;
    for upload in &new.uploads {
        tx.exec(
            "INSERT INTO draft_files (draft_id, upload_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[(&new.id).into(), upload.into()],
        )?;
    }
    read(tx, &new.id)
}

/// What a version's row says of copies.
struct Plan {
    on_server: OnServer,
    message_id: Option<String>,
    owed_id: Option<String>,
    copied: i64,
    copy_due: Option<Timestamp>,
    changed_since: Option<Timestamp>,
    over: Vec<String>,
}

impl Plan {
    /// There is no folder for one.
    const fn none() -> Self {
        Self {
            on_server: OnServer::None,
            message_id: None,
            owed_id: None,
            copied: 0,
            copy_due: None,
            changed_since: None,
            over: Vec::new(),
        }
    }

    /// One is due later. Until then the copy before stays, or is still on its way.
    fn owed(new: &Version, old: Option<&Draft>, pace: copying::Pace, now: Timestamp) -> Self {
        let since = old.and_then(|old| old.changed_since).unwrap_or(now);
        let stays = old.filter(|old| old.mailbox_id == new.mailbox_id);
        let there = old.and_then(|old| old.last_id.as_ref());
        let message_id = new.replaces.as_ref().or(there.filter(|_| stays.is_some()));
        let mut over = old.map_or_else(Vec::new, |old| old.over.clone());
        over.extend(there.filter(|there| !over.contains(there)).cloned());
        over.retain(|other| message_id != Some(other));
        Self {
            on_server: OnServer::Owed,
            message_id: message_id.cloned(),
            owed_id: stays.and_then(|old| old.owed_id.clone()),
            copied: stays.map_or(0, |old| old.copied),
            copy_due: Some(pace.due(now, since)),
            changed_since: Some(since),
            over,
        }
    }
}

fn changed_meanwhile() -> StoreError {
    StoreError::Conflict("the draft was changed meanwhile: read it again".into())
}

impl Draft {
    /// Owes the removal of its copies from the server; what another program made of it stays.
    fn take_copies_away(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
        let ours = self.on_server != OnServer::Changed;
        let there = self.last_id.iter().filter(|_| ours);
        for message_id in there.chain(&self.over) {
            owed::expunge_in(tx, message_id, now)?;
        }
        Ok(())
    }

    fn is_version(&self, wanted: i64) -> Result<()> {
        match self.version == wanted {
            true => Ok(()),
            false => Err(changed_meanwhile()),
        }
    }

    /// Nobody overwrites or sends without having seen it what another program made of this.
    fn is_unchanged(&self, seen: Option<&str>) -> Result<()> {
        if self.on_server != OnServer::Changed || self.message_id.as_deref() == seen {
            return Ok(());
        }
        let theirs = self.message_id.as_deref().unwrap_or_default();
        Err(StoreError::Refused {
            problem_id: "draft_changed_elsewhere",
            detail: format!(
                "another program has changed this draft on the server: its text is the message {theirs}"
            ),
        })
    }

    /// Takes a copy back that has not gone to the server yet. One that is under way is removed when it turns up.
    fn withdraw(&self, tx: &mut Tx<'_>) -> Result<()> {
        let sql = "DELETE FROM owed WHERE id = $1 AND state <> 'working'";
        tx.exec(sql, &[self.owed_id.clone().into()]).map(drop)
    }
}

/// The folder that copies of drafts go to, under the lock of its mailbox; `None`: there is none that can be written to.
fn place(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<Option<String>> {
    match owed::writable(tx, mailbox_id) {
        Ok(()) => {}
        Err(StoreError::ReadOnly | StoreError::Refused { .. }) => return Ok(None),
        Err(error) => return Err(error),
    }
    let sql =
        "SELECT id FROM folders WHERE mailbox_id = $1 AND role = 'drafts' ORDER BY id LIMIT 1";
    let row = tx.row(sql, &[mailbox_id.into()])?;
    row.map(|row| row.get(0)).transpose()
}

/// One draft.
///
/// # Errors
/// No such draft.
pub async fn get(store: &Store, id: &str) -> Result<Draft> {
    let id = id.to_owned();
    store.db.read(move |tx| read(tx, &id)).await
}

/// The drafts of these mailboxes (all of them where none are named), what was begun last first, before the one with the id
/// `before`.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    mailbox_ids: Option<Vec<String>>,
    before: Option<String>,
    limit: i64,
) -> Result<Vec<Draft>> {
    store
        .db
        .read(move |tx| {
            let mut sql = format!(
                "SELECT {COLUMNS} FROM drafts WHERE ($1 = '' OR id < $1) AND $3 <> '' AND {}",
                not_removed("mailbox_id")
            );
            if mailbox_ids.is_some() {
                sql.push_str(&format!(" AND mailbox_id IN {}", tx.dialect().texts(3)));
            }
            sql.push_str(" ORDER BY id DESC LIMIT $2");
            let ids = serde_json::to_string(&mailbox_ids.unwrap_or_default())?;
            let args = [before.unwrap_or_default().into(), limit.into(), ids.into()];
            let rows = tx.rows(&sql, &args)?;
            let mut drafts = rows.iter().map(from_row).collect::<Result<Vec<_>>>()?;
            drafts.iter_mut().try_for_each(|draft| look(tx, draft))?;
            Ok(drafts)
        })
        .await
}

/// Throws a draft away, its copy too, and none is made any more; what another program made of it stays. `version`: only if it is
/// still this one.
///
/// # Errors
/// No such draft, or another version came meanwhile.
pub async fn remove(store: &Store, id: &str, version: Option<i64>) -> Result<()> {
    let (now, id) = (store.now(), id.to_owned());
    let gone = move |tx: &mut Tx<'_>| {
        let old = hold(tx, &id)?;
        take_away(tx, &old, version, now)
    };
    store.db.write(gone).await
}

/// Ends a draft in the transaction that sends it. `version`: only if it is still this one.
///
/// # Errors
/// As [`remove`]; `draft_changed_elsewhere`: another program has changed its copy.
pub fn send_in(tx: &mut Tx<'_>, id: &str, version: Option<i64>, now: Timestamp) -> Result<()> {
    let old = hold(tx, id)?;
    old.is_unchanged(None)?;
    take_away(tx, &old, version, now)
}

/// Reads a draft as it is once nobody else is at it: whoever comes after waits for us, and we for them.
fn hold(tx: &mut Tx<'_>, id: &str) -> Result<Draft> {
    let Draft { mailbox_id, .. } = read(tx, id)?;
    mailboxes::hold(tx, &mailbox_id)?;
    read(tx, id)
}

fn take_away(tx: &mut Tx<'_>, old: &Draft, version: Option<i64>, now: Timestamp) -> Result<()> {
    let id = old.id.as_str();
    old.is_version(version.unwrap_or(old.version))?;
    old.withdraw(tx)?;
    old.take_copies_away(tx, now)?;
    // Whoever comes second, on another node perhaps, finds none, or another version: one that went to another mailbox meanwhile is
    // under the lock of that one.
    let sql = "DELETE FROM drafts WHERE id = $1 AND version = $2";
    if tx.exec(sql, &[id.into(), old.version.into()])? != 1 {
        read(tx, id)?;
        return Err(changed_meanwhile());
    }
    is_over(tx, id, &old.mailbox_id, now)
}

/// What was written down before this time about copies is forgotten.
fn forgotten_before(now: Timestamp) -> Timestamp {
    now.plus_millis(-OVER_MILLIS)
}

/// Remembers that copies of a draft that still turn up in this mailbox are over. What nobody here has written is left alone.
fn is_over(tx: &mut Tx<'_>, id: &str, mailbox_id: &str, now: Timestamp) -> Result<()> {
    tx.exec(
        "DELETE FROM drafts_over WHERE over_at < $1",
        &[forgotten_before(now).into()],
    )?;
    tx.exec(
        "INSERT INTO drafts_over (id, mailbox_id, over_at) VALUES ($1, $2, $3)
         ON CONFLICT (id, mailbox_id) DO UPDATE SET over_at = excluded.over_at",
        &[id.into(), mailbox_id.into(), now.into()],
    )?;
    Ok(())
}

/// A message in a Drafts folder with the Message-ID of a draft's copy.
pub(crate) struct Arrived<'a> {
    /// Its Message-ID.
    pub(crate) internet_id: &'a str,
    /// Our id of the message.
    pub(crate) message_id: &'a str,
    /// Of its bytes.
    pub(crate) digest: &'a str,
    /// It lies where we have stored something.
    pub(crate) brought: bool,
}

/// Copies of drafts have turned up in a Drafts folder. One that is over goes again. What another program wrote under the same
/// Message-ID stays, and is no copy any more.
pub(crate) fn arrived<'a>(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    messages: impl Iterator<Item = Arrived<'a>>,
    now: Timestamp,
) -> Result<()> {
    for copy in messages.filter(|copy| copy.internet_id.starts_with(BEGINS)) {
        let Some((id, version)) = of_copy(copy.internet_id) else {
            continue;
        };
        let sql = "SELECT version, copied, on_server, message_id, over FROM drafts WHERE id = $1 AND mailbox_id = $2";
        let row = tx.row(sql, &[id.into(), mailbox_id.into()])?;
        let known = match &row {
            None => None,
            Some(row) => Some(Known {
                version: row.get(0)?,
                copied: row.get(1)?,
                on_server: row.word(2, OnServer::parse)?,
                message_id: row.get(3)?,
                over: row.json(4)?,
            }),
        };
        let awaited = known.as_ref().is_some_and(|known| known.awaits(version));
        // A server may change the bytes of what it stores: what we wait for, or know the place of, is ours all the same.
        let ours = awaited || copy.brought || is_as_we_wrote_it(tx, (id, version), copy.digest)?;
        match &known {
            Some(known) if !ours => {
                // No copy is made over it until somebody has seen it.
                let sql = "UPDATE drafts SET message_id = $2, on_server = 'changed', over = $3, copy_due = NULL, changed_since = NULL
                   WHERE id = $1";
                let over = serde_json::to_string(&known.over_with(copy.message_id))?;
                tx.exec(sql, &[id.into(), copy.message_id.into(), over.into()])?;
            }
            Some(known) if known.copied == version => {
                let Some(state) = known.with_copy() else {
                    continue;
                };
                let over = serde_json::to_string(&known.over_with(copy.message_id))?;
                tx.exec(
                    "UPDATE drafts SET message_id = $2, on_server = $3, over = $4 WHERE id = $1",
                    &[
                        id.into(),
                        copy.message_id.into(),
                        state.as_str().into(),
                        over.into(),
                    ],
                )?;
            }
            _ if ours && (known.is_some() || was_ours(tx, id, mailbox_id)?) => {
                owed::expunge_in(tx, copy.message_id, now)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// What the row of a draft says when something turns up.
struct Known {
    version: i64,
    copied: i64,
    on_server: OnServer,
    message_id: Option<String>,
    over: Vec<String>,
}

impl Known {
    /// What goes with the next copy once this message is what lies there. What another program wrote and nobody has seen stays.
    fn over_with(&self, message_id: &str) -> Vec<String> {
        let before = self.message_id.iter();
        let before = before.filter(|_| self.on_server != OnServer::Changed);
        let mut over = self.over.clone();
        over.extend(before.filter(|one| !self.over.contains(one)).cloned());
        over.retain(|one| one != message_id);
        over
    }

    /// Whether we wait for the copy of this version.
    fn awaits(&self, version: i64) -> bool {
        self.copied == version && self.on_server == OnServer::Owed && self.message_id.is_none()
    }

    /// Where the copy of the newest version is once the newest copy has turned up; `None`: another program's text stays in its place.
    fn with_copy(&self) -> Option<OnServer> {
        match self.on_server {
            _ if self.version == self.copied => Some(OnServer::Stored),
            OnServer::Changed => None,
            _ => Some(OnServer::Owed),
        }
    }
}

/// Whether these are the bytes that we gave this version's copy.
fn is_as_we_wrote_it(tx: &mut Tx<'_>, (id, version): (&str, i64), digest: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM draft_copies WHERE draft_id = $1 AND version = $2 AND digest = $3";
    let args = [id.into(), version.into(), digest.into()];
    Ok(tx.row(sql, &args)?.is_some())
}

/// Whether this was a draft that was kept here, and is over. Another installation's is not.
fn was_ours(tx: &mut Tx<'_>, id: &str, mailbox_id: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM drafts_over WHERE id = $1 AND mailbox_id = $2";
    Ok(tx.row(sql, &[id.into(), mailbox_id.into()])?.is_some())
}

/// "drf_x.3@domain" to its draft and version.
fn of_copy(internet_id: &str) -> Option<(&str, i64)> {
    let (id, version) = internet_id.split('@').next()?.rsplit_once('.')?;
    Some((id, version.parse().ok()?))
}

fn read(tx: &mut Tx<'_>, id: &str) -> Result<Draft> {
    let sql = format!(
        "SELECT {COLUMNS} FROM drafts WHERE id = $1 AND {}",
        not_removed("mailbox_id")
    );
    let row = tx.row(&sql, &[id.into()])?;
    let mut draft = row
        .as_ref()
        .map_or(Err(StoreError::NotFound("the draft")), from_row)?;
    look(tx, &mut draft)?;
    Ok(draft)
}

/// Whether its copy is still where it was.
fn look(tx: &mut Tx<'_>, draft: &mut Draft) -> Result<()> {
    if let Some(message_id) = &draft.message_id {
        let sql = "SELECT 1 FROM messages WHERE id = $1 AND vanished_at IS NULL";
        if tx.row(sql, &[message_id.into()])?.is_none() {
            // What is owed comes all the same.
            if draft.on_server != OnServer::Owed {
                draft.on_server = OnServer::Gone;
            }
            draft.message_id = None;
        }
    }
    Ok(())
}

fn from_row(row: &Row) -> Result<Draft> {
    let last_id: Option<String> = row.get(4)?;
    Ok(Draft {
        id: row.get(0)?,
        mailbox_id: row.get(1)?,
        content: row.json(2)?,
        version: row.get(3)?,
        message_id: last_id.clone(),
        last_id,
        on_server: row.word(5, OnServer::parse)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
        owed_id: row.get(8)?,
        copied: row.get(9)?,
        copy_due: row.get(10)?,
        changed_since: row.get(11)?,
        over: row.json(12)?,
    })
}
