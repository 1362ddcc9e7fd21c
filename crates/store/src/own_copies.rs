//! Messages that we stored ourselves on the server, copies of others and those that the application brought: when they are seen
//! in their folder, they are no foreign mail.

use crate::Tx;
use crate::error::Result;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How long a copy is waited for; a folder that is not stored never shows it.
const WAITED_MILLIS: i64 = 24 * 3600 * 1000;

/// Where a folder ended: what was copied later has this UID or a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyFrom {
    /// UIDVALIDITY.
    pub uid_validity: i64,
    /// UIDNEXT.
    pub uid_next: i64,
}

/// Remembers where (folder, UIDVALIDITY, UID) the server has put a message that we stored: which one it is a copy of, or with which owed
/// change it was brought.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    (folder_id, uid_validity, uid): (&str, i64, i64),
    of: &str,
    now: Timestamp,
) -> Result<()> {
    tx.exec(
        "DELETE FROM own_copies WHERE folder_id = $1 AND made_at < $2",
        &[folder_id.into(), now.plus_millis(-WAITED_MILLIS).into()],
    )?;
    tx.exec(
        "INSERT INTO own_copies (folder_id, uid_validity, uid, message_id, made_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (folder_id, uid_validity, uid) DO NOTHING",
        &[
            folder_id.into(),
            uid_validity.into(),
            uid.into(),
            of.into(),
            now.into(),
        ],
    )
    .map(drop)
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

/// Which of these messages (UID, digest) that are new in a folder we stored there ourselves, by UID: each with the reason. Also one whose answer was lost, and that nobody has looked for yet.
pub(crate) fn seen(
    tx: &mut Tx<'_>,
    folder_id: &str,
    uid_validity: i64,
    new: &[(i64, &str)],
) -> Result<HashMap<i64, Ours>> {
    let mut ours = HashMap::new();
    if new.is_empty() {
        return Ok(ours);
    }
    let sql = "SELECT uid, message_id FROM own_copies WHERE folder_id = $1 AND uid_validity = $2";
    let noted = tx.rows(sql, &[folder_id.into(), uid_validity.into()])?;
    for row in &noted {
        let uid: i64 = row.get(0)?;
        if new.iter().any(|(new, _)| *new == uid) {
            ours.insert(uid, Ours::by(row.get(1)?));
            tx.exec(
                "DELETE FROM own_copies WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3",
                &[folder_id.into(), uid_validity.into(), uid.into()],
            )?;
        }
    }
    let sql = "SELECT coalesce(o.message_id, o.id), o.copy_from, coalesce(m.digest, o.digest)
         FROM owed o LEFT JOIN messages m ON m.id = o.message_id
         WHERE o.mailbox_id = (SELECT mailbox_id FROM folders WHERE id = $1) AND o.kind IN ('copy', 'append') AND o.folder_id = $1
           AND o.copy_from IS NOT NULL AND o.state <> 'failed'";
    for row in &tx.rows(sql, &[folder_id.into()])? {
        let (of, from): (String, CopyFrom) = (row.get(0)?, row.json(1)?);
        let digest: Option<String> = row.get(2)?;
        let later = |uid: i64| from.uid_validity == uid_validity && uid >= from.uid_next;
        let same = |bytes: &str| digest.as_deref() == Some(bytes);
        let copy = new
            .iter()
            .find(|(uid, bytes)| later(*uid) && same(bytes) && !ours.contains_key(uid));
        if let Some((uid, _)) = copy {
            ours.insert(*uid, Ours::by(of));
        }
    }
    Ok(ours)
}
