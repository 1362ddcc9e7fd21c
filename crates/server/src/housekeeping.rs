//! Housekeeping: what is not needed any more is taken away, in small steps with a breath between them, so
//! that nobody who wants something from the store notices.

use runner::{CancellationToken, Next, StepError, Task};
use std::time::Duration;
use store::{Store, ahead, removal, sweep};
use tokio::time::Instant;

/// How often there is a look for removed mailboxes and for times that a wrong clock has written.
const LOOK: Duration = Duration::from_secs(20);
/// How often a round through the whole store begins.
const ROUND: Duration = Duration::from_secs(3600);
/// The pause between two steps.
const BREATH: Duration = Duration::from_millis(100);

/// Keeps the store in order.
pub struct Housekeeping {
    store: Store,
    round: Option<sweep::Round>,
    next_round: Instant,
}

impl Housekeeping {
    /// Of this store; the first round begins at once.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            round: None,
            next_round: Instant::now(),
        }
    }
}

impl Task for Housekeeping {
    async fn run_once(&mut self, _: &CancellationToken) -> Result<Next, StepError> {
        if removal::step(&self.store, removal::ROWS).await? {
            return Ok(Next::After(BREATH));
        }
        if let Some(round) = &mut self.round {
            match round.step(&self.store).await {
                Ok(None) => {}
                Ok(Some(swept)) => {
                    tracing::debug!(?swept, "swept");
                    self.round = None;
                }
                Err(error) => {
                    // It is begun again, from its beginning.
                    self.round = None;
                    self.next_round = Instant::now();
                    return Err(error.into());
                }
            }
            return Ok(Next::After(BREATH));
        }
        let cut = ahead::cut(&self.store).await?;
        if cut > 0 {
            tracing::warn!(
                rows = cut,
                "a clock stood far ahead: what it had put off is tried sooner"
            );
        }
        if Instant::now() >= self.next_round {
            self.next_round = Instant::now() + ROUND;
            self.round = Some(sweep::Round::new());
            return Ok(Next::After(BREATH));
        }
        Ok(Next::Idle)
    }

    fn floor(&self) -> Duration {
        LOOK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Clock;

    #[tokio::test]
    async fn there_is_a_breath_between_two_steps() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = store::Config {
            database: store::db::Location::Sqlite(dir.path().join("postroom.db")),
            blobs: store::blobs::Location::Folder(dir.path().join("blobs")),
            key_file: dir.path().join("key"),
            extra_ca_file: None,
            node: "here".to_owned(),
        };
        let store = Store::open(&config, Clock::system())
            .await
            .expect("a store");
        let insert = store.db.write(|tx| {
            tx.exec(
                "INSERT INTO idempotency (key, owner, request_digest, status, body, created_at)
                 VALUES ('k', 'o', '', 200, '', 0)",
                &[],
            )
        });
        insert.await.expect("an old row");
        let mut housekeeping = Housekeeping::new(store);
        let stop = CancellationToken::new();
        let mut steps = 0;
        while let Next::After(pause) = housekeeping.run_once(&stop).await.expect("a step") {
            assert!(pause >= Duration::from_millis(50));
            steps += 1;
        }
        assert!(
            (2..20).contains(&steps),
            "{steps} steps, and then an hour's rest"
        );
        let next = housekeeping.run_once(&stop).await.expect("a step");
        assert_eq!(next, Next::Idle);
    }
}
