//! Housekeeping: once an hour what is not needed any more is taken away.

use runner::{CancellationToken, Next, StepError, Task};
use std::time::Duration;
use store::{Store, sweep};

/// How often the store is swept.
const EVERY: Duration = Duration::from_secs(3600);

/// Sweeps the store.
pub struct Housekeeping(pub Store);

impl Task for Housekeeping {
    async fn run_once(&mut self, _: &CancellationToken) -> Result<Next, StepError> {
        let swept = sweep::run(&self.0).await?;
        if swept.rows == 0 && swept.segments == 0 {
            return Ok(Next::Idle);
        }
        tracing::debug!(rows = swept.rows, segments = swept.segments, "swept");
        // A sweep is bounded: what was found may not have been all.
        Ok(Next::Now)
    }

    fn floor(&self) -> Duration {
        EVERY
    }
}
