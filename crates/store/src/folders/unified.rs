//! Folders of one role over all mailboxes, as one.

use crate::db::Value;
use crate::error::Result;
use crate::messages::{After, Filter};
use crate::removal::not_removed;
use crate::{Store, Tx};
use model::Timestamp;
use model::folder::{Role, Unified};

/// Folders that a person has switched off show nothing, and count nothing.
const SWITCHED_ON: &str = "(f.mode <> 'off' OR f.mode_fixed = 0)";

/// What each role holds over all mailboxes, or over the `visible` ones.
///
/// # Errors
/// The database is out of reach.
pub async fn unified(store: &Store, visible: Option<Vec<String>>) -> Result<Vec<Unified>> {
    store
        .db
        .read(move |tx| {
            let mut args: Vec<Value> = Vec::new();
            let mut seen = String::new();
            if let Some(ids) = visible {
                args.push(serde_json::to_string(&ids)?.into());
                seen = format!(" AND f.mailbox_id IN {}", tx.dialect().texts(1));
            }
            let sql = format!(
                "SELECT f.role, count(*), CAST(sum(f.messages) AS BIGINT), CAST(sum(f.unread) AS BIGINT) FROM folders f
                 WHERE f.role IS NOT NULL AND {SWITCHED_ON} AND {}{seen} GROUP BY f.role",
                not_removed("f.mailbox_id")
            );
            let mut found = tx
                .rows(&sql, &args)?
                .iter()
                .map(|row| {
                    Ok(Unified {
                        role: row.word(0, Role::parse)?,
                        folders: row.get(1)?,
                        messages: row.get(2)?,
                        unread: row.get(3)?,
                    })
                })
                .collect::<Result<Vec<_>>>()?;
            let order = |role| Role::ALL.iter().position(|known| *known == role);
            found.sort_by_key(|unified| order(unified.role));
            Ok(found)
        })
        .await
}

/// Of all folders with a role those that the next page can come from, however many there are: the `limit` with the newest
/// messages behind the cursor. Each of them has one that comes before everything in the folders that are left out.
pub(crate) fn newest_of_role(
    tx: &mut Tx<'_>,
    role: Role,
    filter: &Filter,
    after: Option<&After>,
    limit: i64,
) -> Result<(Vec<String>, Option<Timestamp>)> {
    let mut args: Vec<Value> = vec![role.as_str().into()];
    let mut behind = "";
    let cursor;
    if let Some(after) = after {
        args.push(after.at.into());
        args.push((&after.id).into());
        cursor = " AND (p.received_at, p.message_id) < ($2, $3)";
        behind = cursor;
    }
    let mut sql = format!(
        "SELECT f.id, (SELECT p.received_at FROM placements p WHERE p.folder_id = f.id{behind}
                       ORDER BY p.received_at DESC, p.message_id DESC LIMIT 1)
         FROM folders f WHERE f.role = $1 AND {SWITCHED_ON} AND {}",
        not_removed("f.mailbox_id")
    );
    if let Some(ids) = &filter.visible {
        args.push(serde_json::to_string(ids)?.into());
        let texts = tx.dialect().texts(args.len());
        sql.push_str(&format!(" AND f.mailbox_id IN {texts}"));
    }
    let mut heads: Vec<(Timestamp, String)> = Vec::new();
    for row in tx.rows(&sql, &args)? {
        if let Some(at) = row.get::<Option<Timestamp>>(1)? {
            heads.push((at, row.get(0)?));
        }
    }
    heads.sort_unstable_by(|a, b| b.cmp(a));
    let last = usize::try_from(limit - 1).unwrap_or(0);
    let floor = heads.get(last).map(|(at, _)| *at);
    // All that share the last one's time: their ids decide.
    heads.retain(|(at, _)| floor.is_none_or(|floor| *at >= floor));
    Ok((heads.into_iter().map(|(_, id)| id).collect(), floor))
}
