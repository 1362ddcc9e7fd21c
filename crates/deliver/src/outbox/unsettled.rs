//! What came of a message, until it is written down: together with the final dot of the next one, or by itself.

use super::body::AtEnd;
use model::submission::{State, Submission};
use runner::{backoff, jitter};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::submissions::{self, Claimed, Settlement};
use store::{Store, StoreError};
use tokio::time::sleep;

/// Tries to write down an outcome; the pauses between them double.
const SETTLE_TRIES: u32 = 9;

/// Outcomes that are not written down yet: one, or two where the database was out of reach.
#[derive(Clone, Default)]
pub(super) struct Unsettled(Arc<Mutex<Slots>>);

#[derive(Default)]
struct Slots {
    waiting: VecDeque<Arc<Outcome>>,
    /// Stored messages that were answered by one that was accepted, and have no mark yet.
    answered: Vec<String>,
}

struct Outcome {
    claimed: Claimed,
    settlement: Settlement,
}

impl Unsettled {
    /// Puts an outcome here, behind one that could not be written down.
    pub(super) fn put(&self, claimed: Claimed, settlement: Settlement) {
        self.slots().waiting.push_back(Arc::new(Outcome {
            claimed,
            settlement,
        }));
    }

    /// Writes down that the final dot of `next` leaves, and with it the outcome that is here. The dot does not leave if the message was
    /// cancelled meanwhile, somebody else has it, or it cannot be written down. `left_out`: whom it is not for, of those whose fate is
    /// open.
    pub(super) fn at_final_dot(
        &self,
        store: &Store,
        next: &Claimed,
        left_out: Vec<String>,
    ) -> AtEnd {
        let (this, store, next) = (self.clone(), store.clone(), next.clone());
        Box::pin(async move {
            let last = this.slots().waiting.front().cloned();
            let dot = match last {
                None => {
                    let attempt = next.submission.attempts;
                    let id = &next.submission.id;
                    submissions::at_final_dot(&store, id, attempt, &left_out).await
                }
                Some(last) => {
                    let settlement = last.settlement.clone();
                    let done = submissions::settle_at_final_dot(
                        &store,
                        &last.claimed,
                        settlement,
                        &next,
                        &left_out,
                    );
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
        loop {
            let Some(next) = self.slots().waiting.front().cloned() else {
                return Ok(());
            };
            let settled = settle(store, &next).await?;
            self.written(&next, settled);
        }
    }

    /// The messages that were answered by what was written down, each told once.
    pub(super) fn answered(&self) -> Vec<String> {
        std::mem::take(&mut self.slots().answered)
    }

    fn written(&self, done: &Arc<Outcome>, settled: Option<Submission>) {
        let mut slots = self.slots();
        slots.waiting.retain(|waiting| !Arc::ptr_eq(waiting, done));
        let Some(settled) = settled else { return };
        count(&settled);
        if settled.state == State::Accepted {
            slots
                .answered
                .extend(done.claimed.answers_message_id.clone());
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one down. `None`: there is nothing to write down any more, as the mailbox was removed meanwhile or somebody else took
/// over.
async fn settle(store: &Store, outcome: &Outcome) -> Result<Option<Submission>, StoreError> {
    let Outcome {
        claimed,
        settlement,
    } = outcome;
    let mut tries = 0;
    loop {
        tries += 1;
        match submissions::settle(store, claimed, settlement.clone()).await {
            Ok(settled) => return Ok(Some(settled)),
            Err(StoreError::NotFound(_) | StoreError::Fenced) => return Ok(None),
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

/// Counts an outcome for the metrics.
pub(super) fn count(settled: &Submission) {
    metrics::counter!("postroom_submissions_total", "result" => settled.state.as_str())
        .increment(1);
}
