//! Messages that we stored ourselves on the server, copies of others and those that the application brought: when they are seen
//! in their folder, they are no foreign mail. For a day it stays known whose they are, so that no other change takes them for its own.

use crate::Tx;
use crate::error::Result;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How long a copy is remembered; a folder that is not stored never shows it.
const WAITED_MILLIS: i64 = 24 * 3600 * 1000;

/// Where a folder ended: what was copied later has this UID or a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyFrom {
    /// UIDVALIDITY.
    pub uid_validity: i64,
    /// UIDNEXT.
    pub uid_next: i64,
}

/// Remembers where (folder, UIDVALIDITY, UID) the server has put a message that we stored: which one it is a copy of, or with
/// which owed change it was brought. `digest`: of the bytes of what was brought.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    (folder_id, uid_validity, uid): (&str, i64, i64),
    of: &str,
    digest: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    tx.exec(
        "DELETE FROM own_copies WHERE folder_id = $1 AND made_at < $2",
        &[folder_id.into(), now.plus_millis(-WAITED_MILLIS).into()],
    )?;
    tx.exec(
        "INSERT INTO own_copies (folder_id, uid_validity, uid, message_id, made_at, digest) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (folder_id, uid_validity, uid) DO NOTHING",
        &[
            folder_id.into(),
            uid_validity.into(),
            uid.into(),
            of.into(),
            now.into(),
            digest.into(),
        ],
    )
    .map(drop)
}

/// The UIDs of those in a folder, from this one on, that are not of this owed change.
pub(crate) fn by_others(
    tx: &mut Tx<'_>,
    (folder_id, uid_validity, from): (&str, i64, i64),
    owed_id: &str,
) -> Result<Vec<i64>> {
    let sql = "SELECT uid FROM own_copies
         WHERE folder_id = $1 AND uid_validity = $2 AND uid >= $3 AND message_id <> $4";
    tx.rows(
        sql,
        &[
            folder_id.into(),
            uid_validity.into(),
            from.into(),
            owed_id.into(),
        ],
    )?
    .iter()
    .map(|row| row.get(0))
    .collect()
}

/// Why a message on the server is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ours {
    /// It is a copy of the message with this id.
    CopyOf(String),
    /// The application brought it, by the owed change with this id.
    Brought(String),
}

impl Ours {
    fn by(id: String) -> Self {
        if id.starts_with("owe_") {
            Self::Brought(id)
        } else {
            Self::CopyOf(id)
        }
    }
}

/// Which of these messages (UID, digest) that are new in a folder we stored ourselves, by UID: each with the reason. Also one
/// whose answer was lost, and that nobody has looked for yet. With labels (`labelled`) a message may be seen first in another
/// folder than the one that it was brought to.
pub(crate) fn seen(
    tx: &mut Tx<'_>,
    folder_id: &str,
    uid_validity: i64,
    new: &[(i64, &str)],
    labelled: bool,
) -> Result<HashMap<i64, Ours>> {
    let mut ours = HashMap::new();
    let Some(first) = new.iter().map(|(uid, _)| *uid).min() else {
        return Ok(ours);
    };
    let elsewhere = if labelled {
        "folder_id <> $1 AND digest IS NOT NULL AND folder_id IN (SELECT id FROM folders
           WHERE mailbox_id = (SELECT mailbox_id FROM folders WHERE id = $1))"
    } else {
        "1 = 0"
    };
    let sql = format!(
        "SELECT folder_id, uid_validity, uid, message_id, digest FROM own_copies
         WHERE (folder_id = $1 AND uid_validity = $2 AND uid >= $3) OR ({elsewhere})"
    );
    let known = tx.rows(&sql, &[folder_id.into(), uid_validity.into(), first.into()])?;
    for row in &known {
        let (folder, validity, uid): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let digest: Option<String> = row.get(4)?;
        let here = folder == folder_id;
        let fits = |(new, bytes): &&(i64, &str)| match here {
            true => *new == uid,
            false => digest.as_deref() == Some(*bytes) && !ours.contains_key(new),
        };
        let found = new.iter().find(fits).map(|(uid, _)| *uid);
        if let Some(found) = found {
            ours.insert(found, Ours::by(row.get(3)?));
            // Without its bytes it is waited for nowhere else.
            let sql = match here {
                true => {
                    "UPDATE own_copies SET digest = NULL WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3"
                }
                false => {
                    "DELETE FROM own_copies WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3"
                }
            };
            tx.exec(sql, &[folder.into(), validity.into(), uid.into()])?;
        }
    }
    let elsewhere = if labelled {
        "o.digest IS NOT NULL"
    } else {
        "1 = 0"
    };
    let sql = format!(
        "SELECT coalesce(o.message_id, o.id), o.copy_from, coalesce(m.digest, o.digest), o.folder_id
         FROM owed o LEFT JOIN messages m ON m.id = o.message_id
         WHERE o.mailbox_id = (SELECT mailbox_id FROM folders WHERE id = $1) AND o.kind IN ('copy', 'append')
           AND (o.folder_id = $1 OR {elsewhere}) AND o.copy_from IS NOT NULL AND o.state <> 'failed'"
    );
    for row in &tx.rows(&sql, &[folder_id.into()])? {
        let (of, from): (String, CopyFrom) = (row.get(0)?, row.json(1)?);
        let digest: Option<String> = row.get(2)?;
        let here = row.get::<Option<String>>(3)?.as_deref() == Some(folder_id);
        let later = |uid: i64| from.uid_validity == uid_validity && uid >= from.uid_next;
        let same = |bytes: &str| digest.as_deref() == Some(bytes);
        let copy = new
            .iter()
            .find(|(uid, bytes)| (!here || later(*uid)) && same(bytes) && !ours.contains_key(uid));
        if let Some((uid, _)) = copy {
            ours.insert(*uid, Ours::by(of));
        }
    }
    Ok(ours)
}
