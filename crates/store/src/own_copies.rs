//! Copies that we made ourselves on the server: when they are seen in their folder, they are no foreign mail.

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

/// Remembers where (folder, UIDVALIDITY, UID) the server has put a copy of a message.
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

/// Which of these messages (UID, digest) that are new in a folder are copies of our own making, by UID: each with the message
/// that it is a copy of. Also one whose answer was lost, and that nobody has looked for yet.
pub(crate) fn seen(
    tx: &mut Tx<'_>,
    folder_id: &str,
    uid_validity: i64,
    new: &[(i64, &str)],
) -> Result<HashMap<i64, String>> {
    let mut ours = HashMap::new();
    if new.is_empty() {
        return Ok(ours);
    }
    let sql = "SELECT uid, message_id FROM own_copies WHERE folder_id = $1 AND uid_validity = $2";
    let noted = tx.rows(sql, &[folder_id.into(), uid_validity.into()])?;
    for row in &noted {
        let uid: i64 = row.get(0)?;
        if new.iter().any(|(new, _)| *new == uid) {
            ours.insert(uid, row.get(1)?);
            tx.exec(
                "DELETE FROM own_copies WHERE folder_id = $1 AND uid_validity = $2 AND uid = $3",
                &[folder_id.into(), uid_validity.into(), uid.into()],
            )?;
        }
    }
    let sql = "SELECT o.message_id, o.copy_from, m.digest FROM owed o JOIN messages m ON m.id = o.message_id
         WHERE o.mailbox_id = (SELECT mailbox_id FROM folders WHERE id = $1) AND o.kind = 'copy' AND o.folder_id = $1
           AND o.copy_from IS NOT NULL AND o.state <> 'failed'";
    for row in &tx.rows(sql, &[folder_id.into()])? {
        let (of, from, digest): (String, CopyFrom, String) =
            (row.get(0)?, row.json(1)?, row.get(2)?);
        let later = |uid: i64| from.uid_validity == uid_validity && uid >= from.uid_next;
        let copy = new
            .iter()
            .find(|(uid, bytes)| later(*uid) && *bytes == digest && !ours.contains_key(uid));
        if let Some((uid, _)) = copy {
            ours.insert(*uid, of);
        }
    }
    Ok(ours)
}
