//! Webhooks: every event that a webhook wants, posted until the endpoint has said yes.
//!
//! [`FanOut`] gives each event to the webhooks that want it, as rows; [`Courier`] posts the rows.
//! Several posts go on at once, also to one endpoint, so they can arrive in another order than they
//! happened: the body carries the event's cursor, and whoever needs the order has it there, or reads
//! `GET /v1/events`, which is always in order.

mod courier;
mod guard;
pub mod ladder;
mod post;
pub mod signature;

pub use courier::Courier;

use runner::{CancellationToken, Next, StepError, Task};
use std::time::Duration;
use store::wake::Topic;
use store::{Store, deliveries};

/// How often settled deliveries that are too old are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// The pause before the next piece, where there were any.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// Gives new events to the webhooks that want them.
pub struct FanOut {
    store: Store,
}

impl FanOut {
    /// For the events of a store.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

impl Task for FanOut {
    async fn run_once(&mut self, _: &CancellationToken) -> Result<Next, StepError> {
        let events = deliveries::fan_out_if_wanted(&self.store).await?;
        Ok(if events < deliveries::FAN_OUT_EVENTS {
            Next::Idle
        } else {
            Next::Now
        })
    }

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::Events]
    }
}

/// Forgets settled deliveries together with the events that they were about.
pub struct Sweep {
    store: Store,
}

impl Sweep {
    /// For the deliveries of a store.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

impl Task for Sweep {
    async fn run_once(&mut self, _: &CancellationToken) -> Result<Next, StepError> {
        let swept = deliveries::sweep(&self.store).await?;
        // There may be more, and there is no hurry.
        Ok(if swept == 0 {
            Next::Idle
        } else {
            Next::After(SWEEP_PAUSE)
        })
    }

    fn floor(&self) -> Duration {
        SWEEP_EVERY
    }
}
