//! Leases become tasks: each mailbox whose lease this node holds has one task, and a task ends with
//! its lease. Other nodes take over what a dead one held once its leases have run out.

use crate::{Context, mailbox};
use model::limits::{LEASE_MILLIS, LEASE_RENEW_MILLIS};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use store::leases::{self, Lease};
use store::wake::Topic;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Leases taken in one step: nodes that begin together, or inherit from a dead one, all get some.
const TAKEN_AT_ONCE: i64 = 400;
/// The pause before the next step where there may be more to take.
const MORE: Duration = Duration::from_millis(500);
/// Wake-ups that come together are one: hundreds of mailboxes may be switched on in a second.
const TOGETHER: Duration = Duration::from_millis(20);
/// How often the leases are renewed.
const RENEW: Duration = Duration::from_millis(LEASE_RENEW_MILLIS as u64);
/// How long the tasks may take to stop when asked.
const STOPPING: Duration = Duration::from_secs(5);

struct Worker {
    lease: Lease,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

/// Runs until it is cancelled; then all tasks have ended and the leases are given back.
pub async fn run(context: Context, cancel: CancellationToken) {
    let mut roster = Roster {
        context,
        workers: HashMap::new(),
        renewed: None,
        begun: Instant::now(),
    };
    let mut wake = roster.context.store.db.wakes().listen(Topic::Roster);
    loop {
        let mut next = RENEW;
        match roster.step().await {
            Ok(taken) if taken == TAKEN_AT_ONCE as usize => next = MORE,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the leases cannot be renewed now");
                roster.stop_when_stale().await;
            }
        }
        if let Err(error) = roster.context.alive.flush(&roster.context.store).await {
            tracing::debug!(%error, "proofs of life were not written");
        }
        tokio::select! {
            () = tokio::time::sleep(next) => {}
            () = wake.next() => tokio::time::sleep(TOGETHER).await,
            () = cancel.cancelled() => break,
        }
    }
    roster.stop_all().await;
    if let Err(error) = leases::leave(&roster.context.store).await {
        tracing::warn!(%error, "the leases were not given back; they run out by themselves");
    }
}

struct Roster {
    context: Context,
    workers: HashMap<String, Worker>,
    /// When the leases were last renewed.
    renewed: Option<Instant>,
    begun: Instant,
}

impl Roster {
    /// Renews, hands over, takes. Returns how many leases were taken.
    async fn step(&mut self) -> Result<usize, store::StoreError> {
        if self.renewed.is_none_or(|at| at.elapsed() >= RENEW) {
            self.renew().await?;
        } else {
            let finished = self.workers.values().filter(|w| w.task.is_finished());
            let finished: Vec<String> = finished.map(|w| w.lease.mailbox_id.clone()).collect();
            self.stop_some(&finished).await;
        }
        let store = &self.context.store;
        let surplus = usize::try_from(leases::surplus(store).await?).unwrap_or(0);
        // Another node has joined: the newest work is handed over first, all of it at the same time.
        let mut ids: Vec<String> = self.workers.keys().cloned().collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.truncate(surplus);
        self.stop_some(&ids).await;
        let taken = leases::acquire(&self.context.store, TAKEN_AT_ONCE).await?;
        let count = taken.len();
        for lease in taken {
            self.start(lease);
        }
        Ok(count)
    }

    /// Renews all leases, and ends the work of those that are lost.
    async fn renew(&mut self) -> Result<(), store::StoreError> {
        let held = leases::renew(&self.context.store).await?;
        self.renewed = Some(Instant::now());
        self.end_finished(&held).await?;
        // A lease without a task: the task has ended, or this process has just begun.
        let workers = &self.workers;
        let idle = held
            .into_iter()
            .filter(|lease| !workers.contains_key(&lease.mailbox_id));
        leases::release(&self.context.store, idle.collect()).await
    }

    /// Ends the tasks whose lease is lost, and forgets those that ended by themselves.
    async fn end_finished(&mut self, held: &[Lease]) -> Result<(), store::StoreError> {
        let held: HashSet<&Lease> = held.iter().collect();
        let lost: Vec<String> = self
            .workers
            .values()
            .filter(|worker| !held.contains(&&worker.lease) || worker.task.is_finished())
            .map(|worker| worker.lease.mailbox_id.clone())
            .collect();
        self.stop_some(&lost).await;
        Ok(())
    }

    fn start(&mut self, lease: Lease) {
        let cancel = CancellationToken::new();
        let task = tokio::spawn(guarded(self.context.clone(), lease.clone(), cancel.clone()));
        self.workers.insert(
            lease.mailbox_id.clone(),
            Worker {
                lease,
                cancel,
                task,
            },
        );
    }

    /// Ends these tasks and gives their leases back. All are told first, so that the slowest alone is waited for.
    async fn stop_some(&mut self, ids: &[String]) {
        let workers: Vec<Worker> = ids
            .iter()
            .filter_map(|id| self.workers.remove(id))
            .collect();
        for worker in &workers {
            worker.cancel.cancel();
        }
        let end = Instant::now() + STOPPING;
        let mut leases = Vec::with_capacity(workers.len());
        for worker in workers {
            let abort = worker.task.abort_handle();
            if tokio::time::timeout_at(end, worker.task).await.is_err() {
                abort.abort();
            }
            leases.push(worker.lease);
        }
        if let Err(error) = leases::release(&self.context.store, leases).await {
            tracing::debug!(%error, "leases were not given back");
        }
    }

    async fn stop_all(&mut self) {
        for worker in self.workers.values() {
            worker.cancel.cancel();
        }
        let ids: Vec<String> = self.workers.keys().cloned().collect();
        let end = Instant::now() + STOPPING;
        for id in ids {
            let Some(worker) = self.workers.remove(&id) else {
                continue;
            };
            let abort = worker.task.abort_handle();
            if tokio::time::timeout_at(end, worker.task).await.is_err() {
                abort.abort();
            }
        }
    }

    /// Without a renewal for the life of a lease, others may have taken over: the work must stop.
    /// (Fencing would refuse its writes; this spares the servers a second connection.)
    async fn stop_when_stale(&mut self) {
        let renewed = self.renewed.unwrap_or(self.begun);
        if renewed.elapsed() >= Duration::from_millis(LEASE_MILLIS as u64) {
            self.stop_all().await;
        }
    }
}

/// A panic in one mailbox's task is that mailbox's problem alone: it is logged, the task is over, and
/// the roster starts a new one.
async fn guarded(context: Context, lease: Lease, cancel: CancellationToken) {
    let id = lease.mailbox_id.clone();
    let inner = tokio::spawn(mailbox::run(context, lease, cancel.clone()));
    let abort = inner.abort_handle();
    let _guard = AbortOnDrop(abort);
    match inner.await {
        Ok(()) => {}
        Err(error) if error.is_panic() => {
            tracing::error!(
                mailbox = id,
                "the work on a mailbox panicked; it starts again"
            );
            // Not at once: a message that makes us panic must not spin.
            tokio::select! {
                () = tokio::time::sleep(STOPPING) => {}
                () = cancel.cancelled() => {}
            }
        }
        Err(_) => {}
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
