//! How a merge goes on by and by. What all its recipients share (who asked, the mailbox, the identity, the signature) is looked
//! at before each piece: what is wrong with it stops the job, which goes on by itself once it is right again, and whoever asked
//! and may not do so any more ends it. What is wrong with one recipient alone is noted, and the others get theirs.

use super::author::{self, Sender};
use super::create::{can_send, prepare};
use super::merge::{for_all, submission};
use super::signature::{self, Writer};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::routes::jobs::{end, take_back};
use crate::state::ApiState;
use axum::http::StatusCode;
use model::access::Scope;
use model::submission::Priority;
use serde_json::Value;
use std::time::Duration;
use store::jobs::{self, Work};
use store::wake::Topic;
use store::{StoreError, submissions};

/// Recipients that are worked on at a time.
const BATCH: i64 = 25;
/// How often open jobs are looked for, where nothing tells of one.
const LOOK: Duration = Duration::from_secs(10);
/// The same while a job waits: for the outbox, or for what has stopped it.
const SOON: Duration = Duration::from_secs(1);

/// Works on merges until the server stops.
pub(crate) async fn run(state: ApiState) {
    let mut wakes = state.store.db.wakes().listen(Topic::Jobs);
    loop {
        let pause = match some(&state).await {
            Ok(true) => continue,
            Ok(false) => match jobs::any_open(&state.store, false).await {
                Ok(true) => SOON,
                _ => LOOK,
            },
            Err(error) => {
                tracing::warn!(%error, "a merge waits for the store");
                LOOK
            }
        };
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            () = wakes.next() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Why a job does not go on.
enum Halt {
    /// Not now.
    Stop(String),
    /// Never.
    End(String),
    /// Somebody has paused or ended it.
    Left,
    /// Somebody has asked for its end, and may not have lived to see to it.
    Cancel,
}

impl Halt {
    /// For what is wrong with all recipients.
    fn of(error: &ApiError) -> Self {
        Self::Stop(error.problem().detail)
    }
}

/// Does a piece of a merge. `true`: there may be more.
async fn some(state: &ApiState) -> Result<bool, StoreError> {
    if state.shutdown.is_cancelled() || !jobs::any_open(&state.store, true).await? {
        return Ok(false);
    }
    let Some(work) = jobs::take(&state.store, BATCH).await? else {
        return Ok(false);
    };
    let done = match piece(state, &work).await {
        Ok(()) | Err(Halt::Left) => jobs::give_back(&state.store, &work).await,
        Err(Halt::Stop(reason)) => {
            tracing::info!(job_id = work.id, reason, "a job cannot go on now");
            jobs::stop(&state.store, &work, reason).await.map(|()| true)
        }
        Err(Halt::End(reason)) => {
            tracing::info!(job_id = work.id, reason, "a job is ended");
            // In this order: after a crash in between the job is still open, and whoever takes it next does the rest.
            match take_back(&state.store, &work.id).await {
                Ok(()) => jobs::end(&state.store, &work, reason).await.map(|()| true),
                Err(error) => Err(error),
            }
        }
        Err(Halt::Cancel) => end(&state.store, &work.id).await.map(|_| true),
    };
    if done.is_err() {
        // Whoever comes next need not wait for the end of the claim; and other jobs come before one that fails each time.
        let _ = jobs::rest(&state.store, &work).await;
    }
    done
}

async fn piece(state: &ApiState, work: &Work) -> Result<(), Halt> {
    if work.ending {
        return Err(Halt::Cancel);
    }
    if work.rows.is_empty() && !work.waits {
        return Ok(());
    }
    let (caller, sender) = ground(state, work).await?;
    if work.stopped && !stored(jobs::go_on(&state.store, work).await)? {
        return Err(Halt::Left);
    }
    for (n, row) in &work.rows {
        if state.shutdown.is_cancelled() {
            break;
        }
        one(state, work, (&caller, &sender), *n, row.clone()).await?;
    }
    Ok(())
}

/// What does not answer now may answer later.
fn stored<T>(result: Result<T, StoreError>) -> Result<T, Halt> {
    result.map_err(|error| Halt::of(&error.into()))
}

/// What all messages of a piece have in common, as it is now: who asked, and as whom they send.
async fn ground(state: &ApiState, work: &Work) -> Result<(Caller, Sender), Halt> {
    let stop = |error: ApiError| Halt::of(&error);
    let Some(caller) = Caller::again(&state.store, &work.caller)
        .await
        .map_err(stop)?
    else {
        let reason = "who asked for it is not known any more: the token was revoked or has ended, or the user is gone";
        return Err(Halt::End(reason.into()));
    };
    if caller.need(Scope::Send).is_err() {
        let reason = "who asked for it may not send any more";
        return Err(Halt::End(reason.into()));
    }
    let value = for_all(work.request.clone()).map_err(stop)?;
    let sender = author::sender(state, &caller, &value).await;
    let sender = sender.map_err(|error| match error.status() {
        StatusCode::NOT_FOUND => {
            let reason = "who asked for it may not send through its mailbox any more";
            Halt::End(reason.into())
        }
        _ => stop(error),
    })?;
    can_send(&sender.mailbox).map_err(stop)?;
    let author = sender.author(&value, &[]).map_err(stop)?;
    let writer = Writer {
        state,
        caller: &caller,
        mailbox: &sender.mailbox,
        identity: &author.identity,
    };
    signature::wanted(&writer, &value).await.map_err(stop)?;
    Ok((caller, sender))
}

/// Makes the message of one recipient. What is wrong with it alone is noted, and the others get theirs.
async fn one(
    state: &ApiState,
    work: &Work,
    (caller, sender): (&Caller, &Sender),
    n: i64,
    row: Value,
) -> Result<(), Halt> {
    let new = async {
        let value = submission(&work.request, row)?;
        let unique = format!("{}_{n}", work.id);
        prepare(state, caller, sender, value, &unique).await
    };
    let mut new = match new.await {
        Ok(new) => new,
        // A signature that was there a moment ago is nothing of this recipient's.
        Err(error) if error.passes() || error.is_about("/signature") => {
            return Err(Halt::of(&error));
        }
        Err(error) => {
            let reason = error.problem().detail;
            return stored(jobs::failed(&state.store, &work.id, n, reason).await);
        }
    };
    new.job_id = Some(work.id.clone());
    // Letters that people write go first.
    new.priority = Priority::Low;
    let (now, rules, id) = (
        state.store.now(),
        state.store.sending.clone(),
        work.id.clone(),
    );
    let queue = move |tx: &mut store::Tx<'_>| {
        let mine = jobs::made_in(tx, &id, n)?;
        if mine {
            submissions::create_in(tx, &rules, &new, now)?;
        }
        Ok(mine)
    };
    match stored(state.store.db.write(queue).await)? {
        true => Ok(()),
        false => Err(Halt::Left),
    }
}
