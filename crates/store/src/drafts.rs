//! Messages that are being written. What stands here is the newest; the server's Drafts folder gets a copy of each version, so
//! that other programs see it, and the copy of the version before goes.
//!
//! Each version's copy has a Message-ID of its own (`drf_….3@domain`). When a copy turns up in the Drafts folder, it is the one
//! that stands here, or one that is over: then it is removed from the server ([`arrived`]).

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
    "id, mailbox_id, content, version, message_id, on_server, created_at, updated_at";

/// Where the copy of a draft is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnServer {
    /// On its way.
    Owed,
    /// In the Drafts folder.
    Stored,
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
            Self::Gone => "gone",
            Self::None => "none",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Owed, Self::Stored, Self::Gone, Self::None]
            .into_iter()
            .find(|state| state.as_str() == text)
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
    /// The copy in the Drafts folder, once it is known here.
    pub message_id: Option<String>,
    /// Where the copy is.
    pub on_server: OnServer,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
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
    /// A message in the Drafts folder that this draft takes the place of.
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
/// [`StoreError::Conflict`]: another version came meanwhile, or there are too many drafts.
pub async fn save(store: &Store, new: Version) -> Result<Draft> {
    let now = store.now();
    store.db.write(move |tx| save_in(tx, &new, now)).await
}

fn save_in(tx: &mut Tx<'_>, new: &Version, now: Timestamp) -> Result<Draft> {
    mailboxes::lock(tx, &new.mailbox_id)?;
    let old = match new.after {
        0 => None,
        _ => Some(read(tx, &new.id)?),
    };
    if old.as_ref().is_some_and(|old| old.version != new.after) {
        let text = "the draft was changed meanwhile: read it again";
        return Err(StoreError::Conflict(text.into()));
    }
    let folder = drafts_folder(tx, &new.mailbox_id)?;
    let mut on_server = OnServer::None;
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
            Ok(_) => on_server = OnServer::Owed,
            Err(StoreError::ReadOnly | StoreError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let over = old.as_ref().and_then(|old| old.message_id.clone());
    for message_id in over.iter().chain(&new.replaces) {
        if on_server == OnServer::Owed {
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
    ];
    if let Some(old) = &old {
        if old.mailbox_id != new.mailbox_id {
            is_over(tx, &old.id, &old.mailbox_id, now)?;
        }
        let kept = tx.exec(
            "UPDATE drafts SET mailbox_id = $2, content = $3, version = $4, message_id = NULL, on_server = $5,
               updated_at = $6 WHERE id = $1 AND version = $4 - 1",
            &args,
        )?;
        if kept != 1 {
            let text = "the draft was changed meanwhile: read it again";
            return Err(StoreError::Conflict(text.into()));
        }
    } else {
        let sql = "SELECT count(*) FROM drafts WHERE mailbox_id = $1";
        let row = tx.row(sql, &[(&new.mailbox_id).into()])?;
        if row.map_or(Ok(0), |row| row.get::<i64>(0))? >= MOST {
            let text = format!("the mailbox has {MOST} drafts, and no more may wait");
            return Err(StoreError::Conflict(text));
        }
        tx.exec(
            "INSERT INTO drafts (id, mailbox_id, content, version, on_server, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6)",
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

/// Throws a draft away, its copy too.
///
/// # Errors
/// No such draft.
pub async fn remove(store: &Store, id: &str) -> Result<()> {
    let (now, id) = (store.now(), id.to_owned());
    store.db.write(move |tx| remove_in(tx, &id, now)).await
}

/// Like [`remove`], in the transaction that sends it.
///
/// # Errors
/// As [`remove`].
pub fn remove_in(tx: &mut Tx<'_>, id: &str, now: Timestamp) -> Result<()> {
    let old = read(tx, id)?;
    if let Some(message_id) = &old.message_id {
        owed::expunge_in(tx, message_id, now)?;
    }
    // Whoever comes second, on another node perhaps, finds none.
    if tx.exec("DELETE FROM drafts WHERE id = $1", &[id.into()])? != 1 {
        return Err(StoreError::NotFound("the draft"));
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

/// Copies of drafts that have turned up in a Drafts folder, by Message-ID and id. One that is over goes again.
pub(crate) fn arrived<'a>(
    tx: &mut Tx<'_>,
    mailbox_id: &str,
    messages: impl Iterator<Item = (Option<&'a str>, &'a str)>,
    now: Timestamp,
) -> Result<()> {
    for (internet_id, message_id) in messages {
        let Some(internet_id) = internet_id.filter(|id| id.starts_with(BEGINS)) else {
            continue;
        };
        let Some((id, version)) = of_copy(internet_id) else {
            continue;
        };
        let sql = "SELECT version FROM drafts WHERE id = $1 AND mailbox_id = $2";
        let row = tx.row(sql, &[id.into(), mailbox_id.into()])?;
        let current = row.map(|row| row.get::<i64>(0)).transpose()?;
        if current == Some(version) {
            tx.exec(
                "UPDATE drafts SET message_id = $2, on_server = 'stored' WHERE id = $1",
                &[id.into(), message_id.into()],
            )?;
        } else if current.is_some() || was_ours(tx, id, mailbox_id)? {
            owed::expunge_in(tx, message_id, now)?;
        }
    }
    Ok(())
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
    })
}
