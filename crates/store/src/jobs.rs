//! Jobs that make submissions: who gets what, and how far it is. A recipient's message and the note that it was made are
//! written in one transaction, so that a crash makes nothing twice and leaves nobody out.
//!
//! A job that cannot go on now, for a reason that all its recipients share, is stopped: it is paused, says why, and is looked
//! at again until the reason is gone. What a person paused waits for a person.

use crate::db::{Column, Row};
use crate::error::{Result, StoreError};
use crate::removal::not_removed;
use crate::wake::Topic;
use crate::{Store, Tx, events, leases};
use model::event::NewEvent;
use model::job::{Job, JobFailure, Phase};
use model::{Timestamp, fresh_id};
use serde_json::{Value, json};

/// Messages of one job that wait in the outbox at a time: what was made is soon taken back when the job is cancelled.
pub const OPEN: i64 = 100;
/// How long a job is kept once it has ended, with its list of recipients.
pub const KEPT_MILLIS: i64 = 30 * 24 * 3_600_000;
/// How long a node may work on a piece of a job without saying so.
const CLAIM_MILLIS: i64 = 120_000;
/// How long a job rests whose messages the outbox has not sent yet.
const REST_MILLIS: i64 = 2_000;
/// How long a job that was stopped rests before it is looked at again.
const STOPPED_MILLIS: i64 = 10_000;
/// Failures that a job shows.
const SHOWN: i64 = 100;

const COLUMNS: &str = "id, phase, mailbox_id, total, done, failed,
  CASE WHEN ending = 1 AND finished_at IS NULL THEN 'it is being cancelled' ELSE coalesce(stopped, last_error) END,
  created_at, finished_at";
/// What more can be made of, whoever is at it.
const OPEN_JOBS: &str =
    "finished_at IS NULL AND (phase = 'running' OR phase = 'paused' AND stopped IS NOT NULL)";
/// What somebody could work on, whoever is at it: also what only waits for its end.
const TO_DO: &str = "finished_at IS NULL AND (ending = 1 OR phase = 'running' OR phase = 'paused' AND stopped IS NOT NULL)";

/// What is needed to make a job.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The mailbox that sends.
    pub mailbox_id: String,
    /// Who asks, with what they may: the job does no more.
    pub caller: Value,
    /// Whose id it is under.
    pub owner: String,
    /// What is the same for all.
    pub request: Value,
    /// What is each one's own, with `address` for people to see.
    pub rows: Vec<(String, Value)>,
}

/// A piece of a job, for the one who took it.
#[derive(Clone, Debug)]
pub struct Work {
    /// The job.
    pub id: String,
    /// It was stopped: before anything is made, [`go_on`] is to be called.
    pub stopped: bool,
    /// Who asked, as they were then.
    pub caller: Value,
    /// What is the same for all.
    pub request: Value,
    /// Each with its number.
    pub rows: Vec<(i64, Value)>,
    /// The outbox has enough of it: nothing more is made now.
    pub waits: bool,
    /// It is being cancelled ([`begin_cancel`]): what waits is to be taken back, and then it ends.
    pub ending: bool,
}

/// Makes a job: it runs from then on by itself.
///
/// # Errors
/// No such mailbox.
pub fn create_in(tx: &mut Tx<'_>, new: &NewJob, now: Timestamp) -> Result<Job> {
    crate::mailboxes::hold(tx, &new.mailbox_id)?;
    let id = fresh_id("job", now);
    tx.exec(
        "INSERT INTO jobs (id, phase, mailbox_id, owner, caller, request, total, done, failed, created_at)
         VALUES ($1, 'running', $2, $3, $4, $5, $6, 0, 0, $7)",
        &[
            (&id).into(),
            (&new.mailbox_id).into(),
            (&new.owner).into(),
            new.caller.to_string().into(),
            new.request.to_string().into(),
            (new.rows.len() as i64).into(),
            now.into(),
        ],
    )?;
    let rows = new.rows.iter().enumerate();
    let rows = rows
        .map(|(n, (address, body))| json!({"n": n, "address": address, "body": body.to_string()}));
    let rows = Value::Array(rows.collect());
    let columns = [
        Column::Int("n"),
        Column::Text("address"),
        Column::Text("body"),
    ];
    let sql = format!(
        "INSERT INTO job_rows (job_id, n, address, body, state) SELECT $1, r.n, r.address, r.body, 'pending' FROM {}",
        tx.dialect().records(2, &columns)
    );
    tx.exec(&sql, &[(&id).into(), rows.to_string().into()])?;
    tx.wake(Topic::Jobs);
    read(tx, &id, now)
}

/// Jobs, newest first, older than the one with the id `before`; `owner`: only this caller's.
///
/// # Errors
/// The database is out of reach.
pub async fn list(
    store: &Store,
    owner: Option<String>,
    before: Option<String>,
    limit: i64,
) -> Result<Vec<Job>> {
    let now = store.now();
    store
        .db
        .read(move |tx| {
            let mut args = vec![before.unwrap_or_default().into(), limit.into()];
            let mut only = "";
            if let Some(owner) = owner {
                args.push(owner.into());
                only = " AND owner = $3";
            }
            let sql = format!(
                "SELECT {COLUMNS} FROM jobs WHERE ($1 = '' OR id < $1) AND {}{only} ORDER BY id DESC LIMIT $2",
                not_removed("mailbox_id")
            );
            tx.rows(&sql, &args)?.iter().map(|row| from_row(row, now)).collect()
        })
        .await
}

/// One job, with who asked for it and the first that failed.
///
/// # Errors
/// No such job.
pub async fn get(store: &Store, id: &str) -> Result<(Job, String, Vec<JobFailure>)> {
    let (id, now) = (id.to_owned(), store.now());
    store
        .db
        .read(move |tx| {
            let job = read(tx, &id, now)?;
            let row = tx.row("SELECT owner FROM jobs WHERE id = $1", &[(&id).into()])?;
            let owner: String = row.map_or(Ok(String::new()), |row| row.get(0))?;
            let sql = "SELECT n, address, reason FROM job_rows WHERE job_id = $1 AND state = 'failed' ORDER BY n LIMIT $2";
            let rows = tx.rows(sql, &[(&id).into(), SHOWN.into()])?;
            let failure = |row: &Row| {
                let reason: Option<String> = row.get(2)?;
                Ok(JobFailure {
                    index: row.get(0)?,
                    address: row.get(1)?,
                    reason: reason.unwrap_or_default(),
                })
            };
            let failures: Result<Vec<_>> = rows.iter().map(failure).collect();
            Ok((job, owner, failures?))
        })
        .await
}

/// Writes down that a job is to be cancelled: nothing more is made from here on. It has not ended yet: whoever asks for this
/// takes back what [`waiting`] names and then ends it ([`set_phase`]). If nobody lives to do so, [`take`] gives it to somebody.
///
/// # Errors
/// No such job, or it is done.
pub async fn begin_cancel(store: &Store, id: &str) -> Result<()> {
    let (id, now) = (id.to_owned(), store.now());
    store
        .db
        .write(move |tx| {
            match lock(tx, &id, now)?.phase {
                Phase::Cancelled => return Ok(()),
                Phase::Done => return Err(over(Phase::Done)),
                Phase::Running | Phase::Paused => {}
            }
            tx.exec(
                "UPDATE jobs SET phase = 'paused', stopped = NULL, ending = 1,
                   claimed_until = CASE WHEN claimed_by IS NULL THEN NULL ELSE claimed_until END WHERE id = $1",
                &[(&id).into()],
            )?;
            tx.wake(Topic::Jobs);
            Ok(())
        })
        .await
}

fn over(phase: Phase) -> StoreError {
    StoreError::Conflict(format!("the job is {phase} already"))
}

/// Pauses a job, lets it go on, or ends it; what is in the outbox already is not touched.
///
/// # Errors
/// No such job, or it has ended, or is being cancelled.
pub async fn set_phase(store: &Store, id: &str, to: Phase) -> Result<Job> {
    let (id, now) = (id.to_owned(), store.now());
    store
        .db
        .write(move |tx| {
            let old = lock(tx, &id, now)?;
            if matches!(old.phase, Phase::Done | Phase::Cancelled) {
                return match old.phase == to {
                    true => Ok(old),
                    false => Err(over(old.phase)),
                };
            }
            let ending = tx.row("SELECT 1 FROM jobs WHERE id = $1 AND ending = 1", &[(&id).into()])?;
            if ending.is_some() && to != Phase::Cancelled {
                return Err(StoreError::Conflict("the job is being cancelled".into()));
            }
            let ended = (to == Phase::Cancelled).then_some(now);
            // What rests is looked at now; what somebody works on stays theirs.
            tx.exec(
                "UPDATE jobs SET phase = $2, finished_at = $3, stopped = NULL,
                   claimed_until = CASE WHEN claimed_by IS NULL THEN NULL ELSE claimed_until END WHERE id = $1",
                &[(&id).into(), to.as_str().into(), ended.into()],
            )?;
            tx.wake(Topic::Jobs);
            read(tx, &id, now)
        })
        .await
}

/// Stops a job for a reason that is wrong with all of it now: it is paused, shows the reason, and is looked at again by itself.
/// Not where a person has paused or ended it meanwhile.
///
/// # Errors
/// The database is out of reach.
pub async fn stop(store: &Store, work: &Work, reason: String) -> Result<()> {
    let (id, until) = (work.id.clone(), store.now().plus_millis(STOPPED_MILLIS));
    store
        .db
        .write(move |tx| {
            let sql = format!(
                "UPDATE jobs SET phase = 'paused', stopped = $2, claimed_until = $3, claimed_by = NULL WHERE id = $1 AND {OPEN_JOBS}"
            );
            tx.exec(&sql, &[(&id).into(), reason.clone().into(), until.into()])
                .map(drop)
        })
        .await
}

/// Lets a job that was stopped go on. `false`: not any more: a person has paused or ended it meanwhile.
///
/// # Errors
/// The database is out of reach.
pub async fn go_on(store: &Store, work: &Work) -> Result<bool> {
    let id = work.id.clone();
    store
        .db
        .write(move |tx| {
            let sql = format!(
                "UPDATE jobs SET phase = 'running', stopped = NULL WHERE id = $1 AND {OPEN_JOBS}"
            );
            Ok(tx.exec(&sql, &[(&id).into()])? == 1)
        })
        .await
}

/// Ends a job that nobody may go on with, and says why; `job.failed` tells it.
///
/// # Errors
/// The database is out of reach.
pub async fn end(store: &Store, work: &Work, reason: String) -> Result<()> {
    let (id, now) = (work.id.clone(), store.now());
    store
        .db
        .write(move |tx| {
            let ended = tx.exec(
                "UPDATE jobs SET phase = 'cancelled', stopped = $2, finished_at = $3, claimed_until = NULL, claimed_by = NULL
                 WHERE id = $1 AND finished_at IS NULL",
                &[(&id).into(), (&reason).into(), now.into()],
            )?;
            if ended == 0 {
                return Ok(());
            }
            let job = read(tx, &id, now)?;
            tell(tx, "job.failed", &job, now)
        })
        .await
}

/// What an event says of a job.
fn tell(tx: &mut Tx<'_>, kind: &'static str, job: &Job, now: Timestamp) -> Result<()> {
    let mut data =
        json!({"job_id": job.id, "kind": job.kind, "total": job.total, "failed": job.failed});
    if kind == "job.failed" {
        data["done"] = json!(job.done);
        data["reason"] = json!(job.last_error);
    }
    events::append(tx, &[NewEvent::live(kind, &job.mailbox_id, data)], now)
}

/// Whether a job was cancelled, or is just being so: nothing of it goes out any more.
pub(crate) fn is_cancelled(tx: &mut Tx<'_>, id: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM jobs WHERE id = $1 AND (ending = 1 OR phase = 'cancelled')";
    Ok(tx.row(sql, &[id.into()])?.is_some())
}

/// The submissions of a job that have not gone out, for whoever cancels it. Some of those that a courier has are with the server
/// already, and cannot be taken back.
///
/// # Errors
/// The database is out of reach.
pub async fn waiting(store: &Store, id: &str) -> Result<Vec<String>> {
    let id = id.to_owned();
    store
        .db
        .read(move |tx| {
            let sql = "SELECT id FROM submissions WHERE job_id = $1 AND state IN ('queued', 'deferred', 'sending', 'unclear') ORDER BY id";
            tx.rows(sql, &[(&id).into()])?.iter().map(|row| row.get(0)).collect()
        })
        .await
}

/// Whether a job is open that runs, was stopped or is being cancelled, whoever is at it; `free`: one that can be taken now.
///
/// # Errors
/// The database is out of reach.
pub async fn any_open(store: &Store, free: bool) -> Result<bool> {
    let (now, node) = (store.now(), store.node.to_string());
    store
        .db
        .glance(move |tx| {
            let (mut sql, mut args) = (format!("SELECT 1 FROM jobs WHERE {TO_DO}"), Vec::new());
            if free {
                let (claim, its) = leases::claimable(tx, &node, now);
                sql.push_str(&format!(" AND {claim}"));
                args = its;
            }
            Ok(tx.row(&format!("{sql} LIMIT 1"), &args)?.is_some())
        })
        .await
}

/// The only server of a store begins: nobody works on anything (see [`leases::enter_alone`]).
pub(crate) fn enter_alone_in(tx: &mut Tx<'_>) -> Result<()> {
    let sql =
        "UPDATE jobs SET claimed_until = NULL, claimed_by = NULL WHERE claimed_by IS NOT NULL";
    tx.exec(sql, &[]).map(drop)
}

/// Takes a piece of a job to work on, for two minutes at most: at most `limit` recipients, and none while the outbox has enough of it.
///
/// # Errors
/// The database is out of reach.
pub async fn take(store: &Store, limit: i64) -> Result<Option<Work>> {
    let (now, node) = (store.now(), store.node.to_string());
    store
        .db
        .write(move |tx| {
            leases::show_life(tx, &node, now)?;
            let (claim, args) = leases::claimable(tx, &node, now);
            let sql = format!(
                "SELECT id, caller, request, phase, ending FROM jobs WHERE {TO_DO} AND {claim}
                   AND {} ORDER BY coalesce(claimed_until, 0), id LIMIT 1{}",
                not_removed("mailbox_id"),
                tx.dialect().for_update_skip_locked()
            );
            let Some(row) = tx.row(&sql, &args)? else {
                return Ok(None);
            };
            let id: String = row.get(0)?;
            let open = "SELECT count(*) FROM submissions WHERE job_id = $1 AND state IN ('queued', 'sending')";
            let open = tx.row(open, &[(&id).into()])?;
            let open: i64 = open.map_or(Ok(0), |row| row.get(0))?;
            let ending = row.get::<i64>(4)? == 1;
            let room = if ending { 0 } else { (OPEN - open).clamp(0, limit) };
            let (until, by) = match room {
                0 if !ending => (REST_MILLIS, None),
                _ => (CLAIM_MILLIS, Some(node)),
            };
            let claim = "UPDATE jobs SET claimed_until = $2, claimed_by = $3 WHERE id = $1";
            tx.exec(claim, &[(&id).into(), now.plus_millis(until).into(), by.into()])?;
            let sql = "SELECT n, body FROM job_rows WHERE job_id = $1 AND state = 'pending' ORDER BY n LIMIT $2";
            let rows = tx.rows(sql, &[(&id).into(), room.into()])?;
            let rows: Result<Vec<_>> = rows.iter().map(|row| Ok((row.get(0)?, row.json(1)?))).collect();
            Ok(Some(Work {
                id,
                stopped: row.word(3, Phase::parse)? == Phase::Paused,
                caller: row.json(1)?,
                request: row.json(2)?,
                rows: rows?,
                waits: room == 0 && !ending,
                ending,
            }))
        })
        .await
}

/// Notes in the transaction that makes the message that this recipient has it. `false`: not any more: the job was paused or
/// cancelled, or another node was faster, and nothing may be made.
///
/// # Errors
/// The database is out of reach.
pub fn made_in(tx: &mut Tx<'_>, id: &str, n: i64) -> Result<bool> {
    settle(tx, id, n, None)
}

/// Notes that this recipient's message cannot be made.
///
/// # Errors
/// The database is out of reach.
pub async fn failed(store: &Store, id: &str, n: i64, reason: String) -> Result<()> {
    let id = id.to_owned();
    let note = move |tx: &mut Tx<'_>| settle(tx, &id, n, Some(&reason)).map(|_| ());
    store.db.write(note).await
}

fn settle(tx: &mut Tx<'_>, id: &str, n: i64, reason: Option<&str>) -> Result<bool> {
    let sql = format!(
        "SELECT 1 FROM jobs WHERE id = $1 AND phase = 'running'{}",
        tx.dialect().for_update()
    );
    if tx.row(&sql, &[id.into()])?.is_none() {
        return Ok(false);
    }
    let state = if reason.is_some() { "failed" } else { "made" };
    let changed = tx.exec(
        "UPDATE job_rows SET state = $3, reason = $4 WHERE job_id = $1 AND n = $2 AND state = 'pending'",
        &[id.into(), n.into(), state.into(), reason.into()],
    )?;
    if changed == 0 {
        return Ok(false);
    }
    tx.exec(
        "UPDATE jobs SET done = done + 1, failed = failed + $2, last_error = coalesce($3, last_error) WHERE id = $1",
        &[id.into(), i64::from(reason.is_some()).into(), reason.into()],
    )?;
    Ok(true)
}

/// Gives a piece of a job back. The job that has nobody left is done, and `job.completed` tells it. `true`: there is more to do at once.
///
/// # Errors
/// The database is out of reach.
pub async fn give_back(store: &Store, work: &Work) -> Result<bool> {
    let (id, worked, now) = (work.id.clone(), !work.rows.is_empty(), store.now());
    let node = store.node.to_string();
    store
        .db
        .write(move |tx| {
            let left = "SELECT 1 FROM job_rows WHERE job_id = $1 AND state = 'pending' LIMIT 1";
            let left = tx.row(left, &[(&id).into()])?.is_some();
            let free = "UPDATE jobs SET claimed_until = NULL, claimed_by = NULL WHERE id = $1 AND claimed_by = $2";
            tx.exec(free, &[(&id).into(), node.into()])?;
            if left {
                return Ok(worked);
            }
            // One that was stopped too: nothing is left that its reason could keep from being made.
            let done = format!(
                "UPDATE jobs SET phase = 'done', stopped = NULL, finished_at = $2 WHERE id = $1 AND {OPEN_JOBS}"
            );
            let ended = tx.exec(&done, &[(&id).into(), now.into()])?;
            if ended > 0 {
                let job = read(tx, &id, now)?;
                tell(tx, "job.completed", &job, now)?;
            }
            Ok(ended > 0)
        })
        .await
}

/// Gives a job back that could not be worked on, for a while: the others come first.
///
/// # Errors
/// The database is out of reach.
pub async fn rest(store: &Store, work: &Work) -> Result<()> {
    let (id, node) = (work.id.clone(), store.node.to_string());
    let until = store.now().plus_millis(REST_MILLIS);
    store
        .db
        .write(move |tx| {
            let sql = "UPDATE jobs SET claimed_until = $3, claimed_by = NULL WHERE id = $1 AND claimed_by = $2";
            tx.exec(sql, &[id.into(), node.into(), until.into()]).map(drop)
        })
        .await
}

fn lock(tx: &mut Tx<'_>, id: &str, now: Timestamp) -> Result<Job> {
    let sql = format!(
        "SELECT 1 FROM jobs WHERE id = $1{}",
        tx.dialect().for_update()
    );
    tx.row(&sql, &[id.into()])?;
    read(tx, id, now)
}

fn read(tx: &mut Tx<'_>, id: &str, now: Timestamp) -> Result<Job> {
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE id = $1 AND {}",
        not_removed("mailbox_id")
    );
    let row = tx.row(&sql, &[id.into()])?;
    row.map_or(Err(StoreError::NotFound("the job")), |row| {
        from_row(&row, now)
    })
}

fn from_row(row: &Row, now: Timestamp) -> Result<Job> {
    let phase = row.word(1, Phase::parse)?;
    let (total, done): (i64, i64) = (row.get(3)?, row.get(4)?);
    let created_at: Timestamp = row.get(7)?;
    let took = (now.0 - created_at.0).max(1);
    let rate = (done.saturating_mul(60_000) / took).max(1);
    let known = phase == Phase::Running && done > 0;
    let left = (total - done).saturating_mul(60_000) / rate;
    Ok(Job {
        id: row.get(0)?,
        kind: "merge".to_owned(),
        phase,
        mailbox_id: row.get(2)?,
        total,
        done,
        failed: row.get(5)?,
        rate: known.then_some(rate),
        eta: known.then(|| now.plus_millis(left)),
        last_error: row.get(6)?,
        created_at,
        finished_at: row.get(8)?,
    })
}
