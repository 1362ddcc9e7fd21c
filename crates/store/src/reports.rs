//! Connection reports: the last ones of each mailbox, and of settings that were never saved.

use crate::error::{Result, StoreError};
use crate::removal::not_removed;
use crate::{Store, Tx};
use model::limits::REPORTS_KEPT;
use model::report::{Report, Trigger, Verdict};

/// Good reports that are looked at for one of both sides.
const GOOD_LOOKED_AT: i64 = 10;

/// Keeps a report, and gives it back with what changed since the last good one of the same mailbox. Older ones than the
/// last [`REPORTS_KEPT`] of the mailbox go.
///
/// # Errors
/// The mailbox is gone, or the database is out of reach.
pub async fn insert(store: &Store, report: Report) -> Result<Report> {
    store
        .db
        .write(move |tx| {
            let mut report = report;
            compare(tx, &mut report)?;
            if let Some(id) = &report.mailbox_id {
                crate::mailboxes::read(tx, id)?;
            }
            tx.exec(
                "INSERT INTO reports (id, mailbox_id, verdict, body, created_at) VALUES ($1, $2, $3, $4, $5)",
                &[
                    (&report.id).into(),
                    report.mailbox_id.clone().into(),
                    report.verdict.as_str().into(),
                    serde_json::to_string(&report)?.into(),
                    report.started_at.into(),
                ],
            )?;
            let (group, mut args) = match &report.mailbox_id {
                Some(id) => ("mailbox_id = $2", vec![REPORTS_KEPT.into(), id.into()]),
                None => ("mailbox_id IS NULL", vec![REPORTS_KEPT.into()]),
            };
            let sql = format!(
                "SELECT created_at FROM reports WHERE {group} ORDER BY created_at DESC LIMIT 1 OFFSET $1"
            );
            if let Some(row) = tx.row(&sql, &args)? {
                args[0] = row.get::<i64>(0)?.into();
                tx.exec(&format!("DELETE FROM reports WHERE {group} AND created_at <= $1"), &args)?;
            }
            Ok(report)
        })
        .await
}

/// Puts into a report what changed since the last good one.
fn compare(tx: &mut Tx<'_>, report: &mut Report) -> Result<()> {
    let Some(mailbox_id) = &report.mailbox_id else {
        return Ok(());
    };
    let sql = "SELECT body FROM reports WHERE mailbox_id = $1 AND verdict = $2 ORDER BY created_at DESC LIMIT $3";
    let good = Verdict::Works.as_str();
    let args = [mailbox_id.into(), good.into(), GOOD_LOOKED_AT.into()];
    for row in tx.rows(sql, &args)? {
        let last: Report = row.json(0)?;
        // The running engine tests one side only.
        if last.trigger != Trigger::Runtime {
            report.changed = model::changes::changes(&last, report);
            report.compared_with = Some(last.id);
            break;
        }
    }
    Ok(())
}

/// One report.
///
/// # Errors
/// No such report.
pub async fn get(store: &Store, id: &str) -> Result<Report> {
    let id = id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = format!("SELECT body FROM reports WHERE id = $1 AND {}", seen());
            let row = tx.row(&sql, &[id.into()])?;
            row.map_or(Err(StoreError::NotFound("the report")), |row| row.json(0))
        })
        .await
}

/// Reports, newest first, older than the one with the id `before`; of one mailbox, of `visible`
/// mailboxes, or (`None`) all.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    mailbox_id: Option<String>,
    visible: Option<Vec<String>>,
    before: Option<String>,
    limit: i64,
) -> Result<Vec<Report>> {
    store
        .db
        .read(move |tx| read(tx, mailbox_id, visible, before, limit))
        .await
}

/// Of no mailbox, or of one that is there.
fn seen() -> String {
    format!("(mailbox_id IS NULL OR {})", not_removed("mailbox_id"))
}

fn read(
    tx: &mut Tx<'_>,
    mailbox_id: Option<String>,
    visible: Option<Vec<String>>,
    before: Option<String>,
    limit: i64,
) -> Result<Vec<Report>> {
    let mut sql = format!("SELECT body FROM reports WHERE {}", seen());
    let mut args = vec![limit.into()];
    if let Some(id) = mailbox_id {
        args.push(id.into());
        sql.push_str(&format!(" AND mailbox_id = ${}", args.len()));
    }
    if let Some(ids) = visible {
        args.push(serde_json::to_string(&ids)?.into());
        sql.push_str(&format!(
            " AND mailbox_id IN {}",
            tx.dialect().texts(args.len())
        ));
    }
    if let Some(before) = before {
        args.push(before.into());
        // Ids begin with their time.
        sql.push_str(&format!(" AND id < ${}", args.len()));
    }
    sql.push_str(" ORDER BY id DESC LIMIT $1");
    tx.rows(&sql, &args)?
        .iter()
        .map(|row| row.json(0))
        .collect()
}
