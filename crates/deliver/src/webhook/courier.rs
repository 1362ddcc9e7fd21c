//! The webhooks' courier: posts what is due, many at once, a few to each endpoint.

use super::ladder;
use super::post::Poster;
use crate::StartError;
use crate::outbox::until;
use mail_net::Net;
use runner::{CancellationToken, Next, StepError, Supervisor, Task, jitter};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::deliveries::{self, Claimed};
use store::wake::Topic;
use store::{Store, StoreError, webhooks};

/// Posts to one endpoint at the same time.
pub const POSTS_PER_WEBHOOK: usize = 4;
/// The same while every post to it fails: an endpoint that hangs must not use up what others need.
const POSTS_PER_FAILING_WEBHOOK: usize = 1;
/// Posts at the same time, all endpoints together.
pub const POSTS_AT_ONCE: usize = 256;

/// Posts what is due.
pub struct Courier {
    store: Store,
    poster: Poster,
    supervisor: Supervisor,
    flying: Flying,
}

impl Courier {
    /// With the trust and the address policy of `net`.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(store: &Store, net: &Net, supervisor: &Supervisor) -> Result<Self, StartError> {
        Ok(Self {
            store: store.clone(),
            poster: Poster::new(net)?,
            supervisor: supervisor.clone(),
            flying: Flying::default(),
        })
    }

    fn start(&self, claimed: Claimed) {
        let place = self.flying.take(&claimed.webhook_id);
        let (store, poster) = (self.store.clone(), self.poster.clone());
        // A post that has begun is ended, not cut short: it is not long.
        self.supervisor
            .run(format!("webhook {}", claimed.webhook_id), |_| async move {
                if let Err(error) = deliver(&store, &poster, &claimed).await {
                    // Its claim runs out, and it is posted again.
                    tracing::warn!(delivery_id = claimed.id, %error, "a delivery could not be settled");
                }
                drop(place);
                store.db.wakes().send_all(&[Topic::Deliveries]);
            });
    }
}

impl Task for Courier {
    async fn run_once(&mut self, stop: &CancellationToken) -> Result<Next, StepError> {
        for (webhook_id, failing) in deliveries::due_webhooks(&self.store).await? {
            let most = if failing {
                POSTS_PER_FAILING_WEBHOOK
            } else {
                POSTS_PER_WEBHOOK
            };
            let room = self.flying.room(&webhook_id, most);
            if room == 0 || stop.is_cancelled() {
                continue;
            }
            for claimed in deliveries::claim_due(&self.store, &webhook_id, room as i64).await? {
                self.start(claimed);
            }
        }
        let next = deliveries::next_due(&self.store).await?;
        Ok(next.map_or(Next::Idle, |at| Next::After(until(at, self.store.now()))))
    }

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::Deliveries]
    }
}

/// Posts one delivery and writes down what came back.
async fn deliver(store: &Store, poster: &Poster, claimed: &Claimed) -> Result<(), StoreError> {
    let secret = match webhooks::secret(store, &claimed.webhook_id).await {
        // Removed meanwhile, and its deliveries with it.
        Err(StoreError::NotFound(_)) => return Ok(()),
        secret => secret?,
    };
    let answer = poster.post(claimed, &secret, store.now()).await;
    let settlement = ladder::judge(claimed, &answer, store.now(), jitter());
    let result = match settlement.verdict {
        deliveries::Verdict::Delivered => "delivered",
        deliveries::Verdict::Again(_) => "failed",
        deliveries::Verdict::Dead => "dead",
    };
    metrics::counter!("postroom_webhook_deliveries_total", "result" => result).increment(1);
    match deliveries::settle(store, claimed, settlement).await {
        // Removed, or posted by somebody else since: theirs counts.
        Err(StoreError::NotFound(_) | StoreError::Fenced) => Ok(()),
        settled => settled.map(drop),
    }
}

/// How many posts are under way, by webhook.
#[derive(Clone, Default)]
struct Flying(Arc<Mutex<HashMap<String, usize>>>);

impl Flying {
    /// How many more posts to this webhook there may be.
    fn room(&self, webhook_id: &str, most: usize) -> usize {
        let flying = self.lock();
        let all: usize = flying.values().sum();
        let here = flying.get(webhook_id).copied().unwrap_or(0);
        most.saturating_sub(here)
            .min(POSTS_AT_ONCE.saturating_sub(all))
    }

    fn take(&self, webhook_id: &str) -> Place {
        *self.lock().entry(webhook_id.to_owned()).or_default() += 1;
        Place {
            flying: self.clone(),
            webhook_id: webhook_id.to_owned(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One post's place; given back when it is dropped, also by a panic.
struct Place {
    flying: Flying,
    webhook_id: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut flying = self.flying.lock();
        if let Some(count) = flying.get_mut(&self.webhook_id) {
            *count -= 1;
            if *count == 0 {
                flying.remove(&self.webhook_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_endpoint_and_all_together_have_a_bound() {
        let flying = Flying::default();
        assert_eq!(flying.room("a", POSTS_PER_WEBHOOK), 4);
        let places: Vec<_> = (0..3).map(|_| flying.take("a")).collect();
        assert_eq!(flying.room("a", POSTS_PER_WEBHOOK), 1);
        assert_eq!(flying.room("a", POSTS_PER_FAILING_WEBHOOK), 0);
        let rest: Vec<_> = (3..POSTS_AT_ONCE - 1)
            .map(|n| flying.take(&n.to_string()))
            .collect();
        assert_eq!(flying.room("b", POSTS_PER_WEBHOOK), 1);
        drop((places, rest));
        assert_eq!(flying.room("a", POSTS_PER_WEBHOOK), 4);
        assert!(flying.lock().is_empty());
    }
}
