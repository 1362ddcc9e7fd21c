//! Whoever starts tasks also ends them.

use crate::task::{self, Task};
use futures_util::FutureExt as _;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::wake::Wakes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// How long dropped tasks may take to be gone.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// Runs tasks and ends them. Cheap to clone; must be used inside a tokio runtime.
#[derive(Clone)]
pub struct Supervisor(Arc<Inner>);

struct Inner {
    wakes: Wakes,
    tracker: TaskTracker,
    stop: CancellationToken,
    abort: CancellationToken,
    /// What is running, by number, for the log at the end.
    running: Mutex<BTreeMap<u64, String>>,
}

/// One running task, to be ended before the others.
#[derive(Clone, Debug)]
pub struct Handle {
    stop: CancellationToken,
    abort: CancellationToken,
    ended: CancellationToken,
}

impl Handle {
    /// Stage one: it finishes the step in hand and ends.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Stage two: it is dropped where it stands.
    pub fn abort(&self) {
        self.stop.cancel();
        self.abort.cancel();
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits for its end.
    pub async fn finished(&self) {
        self.ended.cancelled().await;
    }
}

impl Supervisor {
    /// A supervisor whose tasks hear these wake-ups.
    pub fn new(wakes: Wakes) -> Self {
        Self(Arc::new(Inner {
            wakes,
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            running: Mutex::new(BTreeMap::new()),
        }))
    }

    /// Runs a task until it is told to stop.
    pub fn spawn<T: Task>(&self, name: impl Into<String>, task: T) -> Handle {
        let (name, wakes) = (name.into(), self.0.wakes.clone());
        self.run(name.clone(), move |stop| async move {
            task::run(&name, task, &wakes, &stop).await;
        })
    }

    /// Runs a single job to its end, under the same rules. It is handed the token of stage one.
    pub fn run<F, Fut>(&self, name: impl Into<String>, job: F) -> Handle
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let name = name.into();
        let handle = Handle {
            stop: self.0.stop.child_token(),
            abort: self.0.abort.child_token(),
            ended: CancellationToken::new(),
        };
        let span = tracing::info_span!("task", name = %name);
        let work = AssertUnwindSafe(job(handle.stop.clone())).catch_unwind();
        let guard = Running::begin(self.0.clone(), name.clone(), handle.ended.clone());
        let abort = handle.abort.clone();
        self.0.tracker.spawn(
            async move {
                let _guard = guard;
                tokio::select! {
                    outcome = work => {
                        if outcome.is_err() {
                            tracing::error!(task = %name, "a job panicked, which is a bug; the others go on");
                        }
                    }
                    () = abort.cancelled() => tracing::warn!(task = %name, "dropped in the middle of a step"),
                }
            }
            .instrument(span),
        );
        handle
    }

    /// Whether the end has begun.
    pub fn is_stopping(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// Ends everything: each task finishes its step; what is not done by the deadline is dropped.
    /// Returns the names of those that had to be dropped.
    pub async fn shutdown(&self, deadline: Duration) -> Vec<String> {
        self.0.stop.cancel();
        self.0.tracker.close();
        if tokio::time::timeout(deadline, self.0.tracker.wait())
            .await
            .is_ok()
        {
            return Vec::new();
        }
        let late: Vec<String> = self.0.running().values().cloned().collect();
        self.0.abort.cancel();
        if tokio::time::timeout(ABORT_GRACE, self.0.tracker.wait())
            .await
            .is_err()
        {
            tracing::error!(tasks = ?self.0.running().values().collect::<Vec<_>>(), "some tasks do not even let themselves be dropped");
        }
        late
    }
}

impl Inner {
    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stands in the list of what is running for as long as it lives.
struct Running {
    inner: Arc<Inner>,
    number: u64,
    ended: CancellationToken,
}

impl Running {
    fn begin(inner: Arc<Inner>, name: String, ended: CancellationToken) -> Self {
        let mut running = inner.running();
        let number = running.keys().next_back().map_or(0, |last| last + 1);
        running.insert(number, name);
        drop(running);
        Self {
            inner,
            number,
            ended,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.inner.running().remove(&self.number);
        self.ended.cancel();
    }
}
