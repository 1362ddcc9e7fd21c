//! The audit log: one line for each security event, appended and never changed, without secrets.

use crate::db::Row;
use crate::error::Result;
use crate::{Store, Tx};
use model::Timestamp;
use model::access::AuditLine;

/// Longest text of one field; what comes from outside is cut.
const FIELD_CHARS: usize = 300;

/// Appends a line.
///
/// # Errors
/// The database is out of reach.
pub async fn append(
    store: &Store,
    actor: &str,
    action: &'static str,
    subject: &str,
    detail: serde_json::Value,
) -> Result<()> {
    let now = store.now();
    let (actor, subject) = (actor.to_owned(), subject.to_owned());
    store
        .db
        .write(move |tx| append_in(tx, &actor, action, &subject, &detail, now))
        .await
}

/// Like [`append`], in the transaction that does what the line tells.
///
/// # Errors
/// As [`append`].
pub fn append_in(
    tx: &mut Tx<'_>,
    actor: &str,
    action: &'static str,
    subject: &str,
    detail: &serde_json::Value,
    now: Timestamp,
) -> Result<()> {
    let cut = |text: &str| text.chars().take(FIELD_CHARS).collect::<String>();
    tx.exec(
        "INSERT INTO audit (at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)",
        &[
            now.into(),
            cut(actor).into(),
            action.into(),
            cut(subject).into(),
            detail.to_string().into(),
        ],
    )?;
    Ok(())
}

/// Lines, newest first, older than the one with the id `before`.
///
/// # Errors
/// The database is out of reach.
pub async fn list(store: &Store, before: Option<i64>, limit: i64) -> Result<Vec<AuditLine>> {
    store
        .db
        .read(move |tx| {
            let sql = "SELECT n, at, actor, action, subject, detail FROM audit WHERE n < $1 ORDER BY n DESC LIMIT $2";
            let args = [before.unwrap_or(i64::MAX).into(), limit.into()];
            tx.rows(sql, &args)?.iter().map(from_row).collect()
        })
        .await
}

fn from_row(row: &Row) -> Result<AuditLine> {
    Ok(AuditLine {
        id: row.get::<i64>(0)?.to_string(),
        at: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.json(5)?,
    })
}
