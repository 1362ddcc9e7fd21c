//! What a task is, and the loop that runs it.

use crate::backoff::{backoff, jitter};
use futures_util::FutureExt as _;
use futures_util::future::select_all;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use store::wake::{Listener, Topic, Wakes};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// The pause after the first failed step; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after a failed step.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// When a task wants to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is more to do right now.
    Now,
    /// After this time, or at a wake-up.
    After(Duration),
    /// At a wake-up, or when the floor is reached.
    Idle,
}

/// A step that failed; its text is for the log.
pub type StepError = Box<dyn std::error::Error + Send + Sync>;

/// Something that goes on in the background, step by step.
pub trait Task: Send + 'static {
    /// Takes one step and commits it. `stop` tells that the process is about to end: a step that
    /// waits for something outside should then come to its end.
    ///
    /// # Errors
    /// The step is taken again after a pause.
    fn run_once(
        &mut self,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<Next, StepError>> + Send;

    /// What makes it look sooner.
    fn topics(&self) -> Vec<Topic> {
        Vec::new()
    }

    /// The shortest time from one look to the next, however often it is woken: what comes in thousands is not looked at one by
    /// one.
    fn pace(&self) -> Duration {
        Duration::ZERO
    }

    /// How long it goes without looking when nothing wakes it.
    fn floor(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// Runs a task until `stop`.
pub(crate) async fn run<T: Task>(name: &str, mut task: T, wakes: &Wakes, stop: &CancellationToken) {
    // Listening begins before the first look, so that nothing falls in between.
    let mut listeners: Vec<Listener> = task.topics().into_iter().map(|t| wakes.listen(t)).collect();
    let mut failures = 0;
    while !stop.is_cancelled() {
        let next_look = Instant::now() + task.pace();
        let step = AssertUnwindSafe(task.run_once(stop)).catch_unwind().await;
        let wait = match step {
            Ok(Ok(next)) => {
                failures = 0;
                match next {
                    Next::Now => {
                        // A task that always has more to do must not keep others from their turn.
                        tokio::task::yield_now().await;
                        continue;
                    }
                    Next::After(wait) => wait.min(task.floor()),
                    Next::Idle => task.floor(),
                }
            }
            failed => {
                failures += 1;
                let pause = backoff(failures, FIRST_PAUSE, LONGEST_PAUSE, jitter());
                match failed {
                    Ok(Err(error)) => {
                        tracing::warn!(task = name, %error, failures, "a step failed; it is taken again in {pause:.1?}");
                    }
                    _ => tracing::error!(
                        task = name,
                        failures,
                        "a step panicked, which is a bug; the task goes on in {pause:.1?}"
                    ),
                }
                // Wake-ups do not shorten this pause: what fails must not fail in a busy loop.
                tokio::select! {
                    () = sleep(pause) => {}
                    () = stop.cancelled() => {}
                }
                continue;
            }
        };
        tokio::select! {
            () = async {
                woken(&mut listeners).await;
                sleep_until(next_look).await;
            } => {}
            () = sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Waits for a wake-up of any listener.
async fn woken(listeners: &mut [Listener]) {
    if listeners.is_empty() {
        return std::future::pending().await;
    }
    select_all(
        listeners
            .iter_mut()
            .map(|listener| Box::pin(listener.next())),
    )
    .await;
}
