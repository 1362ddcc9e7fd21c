//! Messages that are being written. What stands here is the newest; the server's Drafts folder gets a copy of each version, so
//! that other programs see it, and the copy of the version before goes.
//!
//! Each version's copy has a Message-ID of its own (`drf_….3@domain`). When a copy turns up in the Drafts folder, it is the one
//! that stands here, or one that is over: then it is removed from the server ([`arrived`]). One that is not as we wrote it was
//! changed by another program: it is nobody's to overwrite who has not seen it.

use crate::blobs::Stored;
use crate::db::{Row, Value};
use crate::error::{Result, StoreError};
use crate::owed::{self, Brought};
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
const COLUMNS: &str =
    "id, mailbox_id, content, version, message_id, on_server, created_at, updated_at, owed_id";

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
    /// The copy in the Drafts folder, once it is known here, or what another program made of it.
    pub message_id: Option<String>,
    /// Where the copy is.
    pub on_server: OnServer,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// The owed change that stores the copy, while it is on its way.
    #[serde(skip)]
    owed_id: Option<String>,
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
    /// Its copy as a message.
    pub copy: Stored,
    /// The copy's Message-ID (see [`unique`]).
    pub internet_message_id: String,
    /// The copy's subject.
    pub subject: String,
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

/// Keeps a version, and owes its copy to the server.
///
/// # Errors
/// [`StoreError::Conflict`]: another version came meanwhile, or there are too many drafts. `draft_changed_elsewhere`: another
/// program has changed its copy, and this version does not say that it replaces that.
pub async fn save(store: &Store, new: Version) -> Result<Draft> {
    let now = store.now();
    store.db.write(move |tx| save_in(tx, &new, now)).await
}

/// Like [`save`], as the last act of the caller's own transaction (with an idempotency key).
///
/// # Errors
/// As [`save`].
pub fn save_in(tx: &mut Tx<'_>, new: &Version, now: Timestamp) -> Result<Draft> {
    mailboxes::lock(tx, &new.mailbox_id)?;
    let old = match new.after {
        0 => None,
        _ => Some(read(tx, &new.id)?),
    };
    if let Some(old) = &old {
        old.is_version(new.after)?;
        old.is_unchanged(new.replaces.as_deref())?;
    }
    let folder = drafts_folder(tx, &new.mailbox_id)?;
    let (mut on_server, mut owed_id) = (OnServer::None, None);
    if let Some(folder_id) = folder {
        let brought = Brought {
            folder_id,
            stored: new.copy.clone(),
            internet_message_id: Some(new.internet_message_id.clone()),
            subject: new.subject.clone(),
            flags: vec!["\\Draft".to_owned(), "\\Seen".to_owned()],
            received_at: now,
        };
        // First the new copy, then away with the old one.
        match owed::append_in(tx, &brought, now) {
            Ok(entry) => (on_server, owed_id) = (OnServer::Owed, Some(entry.id)),
            Err(StoreError::ReadOnly | StoreError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(old) = &old {
        old.withdraw(tx)?;
    }
    let mut over: Vec<&String> = old
        .iter()
        .filter_map(|old| old.message_id.as_ref())
        .collect();
    over.extend(&new.replaces);
    over.dedup();
    if on_server == OnServer::Owed {
        wrote(tx, new, now)?;
        for message_id in over {
            owed::expunge_in(tx, message_id, now)?;
        }
    }
    let content = serde_json::to_string(&new.content)?;
    let args = [
        Value::from(&new.id),
        (&new.mailbox_id).into(),
        content.into(),
        (new.after + 1).into(),
        on_server.as_str().into(),
        now.into(),
        owed_id.into(),
    ];
    if let Some(old) = &old {
        if old.mailbox_id != new.mailbox_id {
            is_over(tx, &old.id, &old.mailbox_id, now)?;
        }
        let kept = tx.exec(
            "UPDATE drafts SET mailbox_id = $2, content = $3, version = $4, message_id = NULL, on_server = $5,
               updated_at = $6, owed_id = $7 WHERE id = $1 AND version = $4 - 1",
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
            "INSERT INTO drafts (id, mailbox_id, content, version, on_server, created_at, updated_at, owed_id)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
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

fn changed_meanwhile() -> StoreError {
    StoreError::Conflict("the draft was changed meanwhile: read it again".into())
}

impl Draft {
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

/// Remembers the bytes of a version's copy, so that it is known when it turns up.
fn wrote(tx: &mut Tx<'_>, new: &Version, now: Timestamp) -> Result<()> {
    let old = now.plus_millis(-OVER_MILLIS);
    tx.exec("DELETE FROM draft_copies WHERE made_at < $1", &[old.into()])?;
    tx.exec(
        "INSERT INTO draft_copies (draft_id, version, digest, made_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (draft_id, version) DO UPDATE SET digest = excluded.digest",
        &[
            (&new.id).into(),
            (new.after + 1).into(),
            (&new.copy.digest).into(),
            now.into(),
        ],
    )
    .map(drop)
}

/// The folder for drafts, if the mailbox has one.
fn drafts_folder(tx: &mut Tx<'_>, mailbox_id: &str) -> Result<Option<String>> {
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

/// Throws a draft away, its copy too; what another program made of it stays. `version`: only if it is still this one.
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
    let ours = old.on_server != OnServer::Changed;
    if let Some(message_id) = old.message_id.as_ref().filter(|_| ours) {
        owed::expunge_in(tx, message_id, now)?;
    }
    // Whoever comes second, on another node perhaps, finds none, or another version: one that went to another mailbox meanwhile is
    // under the lock of that one.
    let sql = "DELETE FROM drafts WHERE id = $1 AND version = $2";
    if tx.exec(sql, &[id.into(), old.version.into()])? != 1 {
        read(tx, id)?;
        return Err(changed_meanwhile());
    }
    is_over(tx, id, &old.mailbox_id, now)
}

/// Remembers that copies of a draft that still turn up in this mailbox are over. What nobody here has written is left alone.
fn is_over(tx: &mut Tx<'_>, id: &str, mailbox_id: &str, now: Timestamp) -> Result<()> {
    tx.exec(
        "DELETE FROM drafts_over WHERE over_at < $1",
        &[now.plus_millis(-OVER_MILLIS).into()],
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
        let sql = "SELECT version, on_server FROM drafts WHERE id = $1 AND mailbox_id = $2";
        let row = tx.row(sql, &[id.into(), mailbox_id.into()])?;
        let current = match &row {
            None => None,
            Some(row) => Some((row.get::<i64>(0)?, row.word(1, OnServer::parse)?)),
        };
        let is_current = current.is_some_and(|(current, _)| current == version);
        let awaited = is_current && matches!(current, Some((_, OnServer::Owed)));
        // A server may change the bytes of what it stores: what we wait for, or know the place of, is ours all the same.
        let ours = awaited || copy.brought || is_as_we_wrote_it(tx, (id, version), copy.digest)?;
        let state = match ours {
            true => OnServer::Stored,
            false => OnServer::Changed,
        };
        if current.is_some() && (is_current || !ours) {
            tx.exec(
                "UPDATE drafts SET message_id = $2, on_server = $3 WHERE id = $1",
                &[id.into(), copy.message_id.into(), state.as_str().into()],
            )?;
        } else if ours && (current.is_some() || was_ours(tx, id, mailbox_id)?) {
            owed::expunge_in(tx, copy.message_id, now)?;
        }
    }
    Ok(())
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
            draft.on_server = OnServer::Gone;
            draft.message_id = None;
        }
    }
    Ok(())
}

fn from_row(row: &Row) -> Result<Draft> {
    Ok(Draft {
        id: row.get(0)?,
        mailbox_id: row.get(1)?,
        content: row.json(2)?,
        version: row.get(3)?,
        message_id: row.get(4)?,
        on_server: row.word(5, OnServer::parse)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
        owed_id: row.get(8)?,
    })
}
