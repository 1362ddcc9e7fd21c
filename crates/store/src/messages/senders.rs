//! Mail from certain senders. An address is looked for in the list of all who ever wrote, which the index of senders has in
//! order; where few fit, the page is made from what each of them wrote, and no other message is looked at.

use super::{Filter, SENDERS_WALKED, Wanted};
use crate::Tx;
use crate::db::Value;
use crate::error::Result;

/// Where a page begins that asks for senders and is not narrower by anything else that has an index; `None`: as without them.
pub(super) fn starts(tx: &mut Tx<'_>, filter: &Filter) -> Result<Option<Vec<Wanted>>> {
    let narrow =
        filter.folder_id.is_some() || filter.thread_id.is_some() || !filter.tags.is_empty();
    if filter.from.is_empty() || narrow {
        return Ok(None);
    }
    let senders = fitting(tx, &filter.from)?;
    if senders.len() > SENDERS_WALKED {
        // So many that their mail is never far.
        return Ok(None);
    }
    let starts = senders.iter().map(|sender| {
        let mut wanted = Wanted::from_sender(sender);
        wanted.lying_there(filter.role, None);
        wanted
    });
    Ok(Some(starts.collect()))
}

/// Addresses with each of these texts in them, at most one more than are walked. The index is leapt through from one address
/// to the next, however many messages each wrote.
fn fitting(tx: &mut Tx<'_>, parts: &[String]) -> Result<Vec<String>> {
    let mut args: Vec<Value> = vec![(SENDERS_WALKED as i64 + 1).into()];
    let mut conditions = Vec::new();
    for part in parts {
        args.push(containing(part).into());
        conditions.push(format!("s.v LIKE ${} ESCAPE '\\'", args.len()));
    }
    let sql = format!(
        "WITH RECURSIVE s(v) AS (
           SELECT min(sender) FROM messages
           UNION ALL
           SELECT (SELECT min(m.sender) FROM messages m WHERE m.sender > s.v) FROM s WHERE s.v IS NOT NULL)
         SELECT s.v FROM s WHERE s.v IS NOT NULL AND {} LIMIT $1",
        conditions.join(" AND ")
    );
    tx.rows(&sql, &args)?.iter().map(|row| row.get(0)).collect()
}

/// A pattern for what has this text in it.
pub(super) fn containing(part: &str) -> String {
    let escaped: String = part
        .to_lowercase()
        .chars()
        .flat_map(|c| {
            let escape = matches!(c, '%' | '_' | '\\').then_some('\\');
            escape.into_iter().chain(std::iter::once(c))
        })
        .collect();
    format!("%{escaped}%")
}
