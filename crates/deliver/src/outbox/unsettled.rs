//! What came of a message, until it is written down: together with the final dot of the next one, or by itself.

use super::body::AtEnd;
use model::submission::{State, Submission};
use runner::{backoff, jitter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::submissions::{self, Claimed, Settlement};
use store::{Store, StoreError};
use tokio::time::sleep;

/// Tries to write down an outcome; the pauses between them double.
const SETTLE_TRIES: u32 = 9;

/// One message's outcome that is not written down yet, if there is one.
#[derive(Clone, Default)]
pub(super) struct Unsettled(Arc<Mutex<Slot>>);

#[derive(Default)]
struct Slot {
    last: Option<Arc<Outcome>>,
    /// The stored message that was answered by one that was accepted, and has no mark yet.
    answered: Option<String>,
}

struct Outcome {
    claimed: Claimed,
    settlement: Settlement,
}

impl Unsettled {
    /// Puts an outcome here; the one before is written down.
    pub(super) fn put(&self, claimed: Claimed, settlement: Settlement) {
        self.slot().last = Some(Arc::new(Outcome {
            claimed,
            settlement,
        }));
    }

    /// Writes down that the final dot of `next` leaves, and with it what is here. The dot does not leave if the message was
    /// cancelled meanwhile, somebody else has it, or it cannot be written down.
    pub(super) fn at_final_dot(&self, store: &Store, next: &Claimed) -> AtEnd {
        let (this, store, next) = (self.clone(), store.clone(), next.clone());
        Box::pin(async move {
            let last = this.slot().last.clone();
            let dot = match last {
                None => {
                    let attempt = next.submission.attempts;
                    submissions::at_final_dot(&store, &next.submission.id, attempt).await
                }
                Some(last) => {
                    let settlement = last.settlement.clone();
                    let done =
                        submissions::settle_at_final_dot(&store, &last.claimed, settlement, &next);
                    match done.await {
                        Ok((settled, dot)) => {
                            this.written(&last, settled.ok());
                            dot
                        }
                        Err(error) => Err(error),
                    }
                }
            };
            dot.map_err(std::io::Error::other)
        })
    }

    /// Writes down what is here, and does not give up easily: it is the only proof of what was sent. Where a final dot takes it
    /// along at the same moment it is written once: who comes second is told that it is settled.
    ///
    /// # Errors
    /// The database is out of reach for minutes.
    pub(super) async fn settle(&self, store: &Store) -> Result<(), StoreError> {
        let Some(last) = self.slot().last.clone() else {
            return Ok(());
        };
        let Outcome {
            claimed,
            settlement,
        } = &*last;
        let mut tries = 0;
        loop {
            tries += 1;
            match submissions::settle(store, claimed, settlement.clone()).await {
                Ok(settled) => {
                    self.written(&last, Some(settled));
                    return Ok(());
                }
                // The mailbox was removed meanwhile, or somebody else took over: there is nothing to write down.
                Err(StoreError::NotFound(_) | StoreError::Fenced) => {
                    self.written(&last, None);
                    return Ok(());
                }
                Err(error) if tries == SETTLE_TRIES => return Err(error),
                Err(error) => {
                    tracing::warn!(submission_id = claimed.submission.id, %error, "an outcome could not be written down yet");
                    sleep(backoff(
                        tries,
                        Duration::from_millis(250),
                        Duration::from_secs(30),
                        jitter(),
                    ))
                    .await;
                    // A failure of this is one of the next try too.
                    let _ = submissions::renew(store, &claimed.submission.mailbox_id).await;
                }
            }
        }
    }

    /// The message that was answered by what was written down, told once.
    pub(super) fn answered(&self) -> Option<String> {
        self.slot().answered.take()
    }

    fn written(&self, done: &Arc<Outcome>, settled: Option<Submission>) {
        let mut slot = self.slot();
        slot.last.take_if(|last| Arc::ptr_eq(last, done));
        let Some(settled) = settled else { return };
        count(&settled);
        if settled.state == State::Accepted {
            slot.answered = done.claimed.answers_message_id.clone();
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts an outcome for the metrics.
pub(super) fn count(settled: &Submission) {
    metrics::counter!("postroom_submissions_total", "result" => settled.state.as_str())
        .increment(1);
}
