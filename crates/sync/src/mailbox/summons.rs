//! When another connection of a mailbox is sent for. It is kept for as long as the mailbox is worked on, whatever becomes of
//! its connections: a helper that cannot come, or breaks, is not sent for again at once, each time later; and settings whose
//! sign-in was refused are never tried again by a helper, because a secret that is shown again and again locks an account.

use crate::error::SyncError;
use connect::problems;
use model::problem::Retry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long no other connection is opened after one that has ended; doubled each time that one brought nothing.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(1_800);

/// What is known of helpers that were sent for. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Summons(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    sent: u64,
    /// The helper that has not signed in yet.
    coming: Option<u64>,
    /// Helpers in a row that brought nothing.
    in_vain: u32,
    /// No other one before.
    not_before: Option<Instant>,
    /// The settings (the mailbox's version) whose sign-in was refused.
    refused: Option<i64>,
}

/// How a helper ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It filled what there was to fill.
    Well,
    /// It broke, or found nothing to do.
    InVain,
    /// Its sign-in was refused, in a way that only a person can mend.
    Refused,
}

impl Ended {
    /// What an error says of the next helper.
    pub(super) fn by(error: &SyncError) -> Self {
        let refused = match error {
            SyncError::Connect(failure) => {
                let problem = &failure.problem;
                matches!(problem.retry, Retry::AfterChange | Retry::Never)
                    || problems::may_be_the_secret(&problem.id)
            }
            _ => false,
        };
        if refused { Self::Refused } else { Self::InVain }
    }
}

impl Summons {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a helper may be sent for with these settings: only one is on its way at a time.
    pub(super) fn is_open(&self, version: i64) -> bool {
        let known = self.known();
        known.coming.is_none()
            && known.refused != Some(version)
            && known.not_before.is_none_or(|at| Instant::now() >= at)
    }

    /// A helper is sent for, which ends with the first connection when `stop` says so.
    pub(super) fn send(&self, version: i64, stop: CancellationToken) -> Errand {
        let mut known = self.known();
        known.sent += 1;
        known.coming = Some(known.sent);
        Errand {
            summons: self.clone(),
            number: known.sent,
            version,
            stop,
            ended: Ended::InVain,
        }
    }
}

/// One helper's way, from being sent for to its end, however that comes.
#[derive(Debug)]
pub(super) struct Errand {
    summons: Summons,
    /// Which helper it is, counted from one.
    pub(super) number: u64,
    version: i64,
    stop: CancellationToken,
    /// How it ended, as far as is known.
    ended: Ended,
}

impl Errand {
    /// The helper has signed in.
    pub(super) fn arrived(&self) {
        let mut known = self.summons.known();
        known.coming = known.coming.filter(|coming| *coming != self.number);
    }

    /// It has ended in this way.
    pub(super) fn end(mut self, ended: Ended) {
        self.ended = ended;
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.arrived();
        let mut known = self.summons.known();
        match self.ended {
            Ended::Refused => known.refused = Some(self.version),
            Ended::Well => known.in_vain = 0,
            // The first one took it along: that says nothing of it.
            Ended::InVain if self.stop.is_cancelled() => {}
            Ended::InVain => known.in_vain += 1,
        }
        let times = 1 << known.in_vain.saturating_sub(1).min(10);
        let pause = (PAUSE * times).min(PAUSE_MAX);
        known.not_before = Some(Instant::now() + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connect::Failure;

    fn end(summons: &Summons, ended: Ended) {
        let errand = summons.send(1, CancellationToken::new());
        errand.arrived();
        errand.end(ended);
    }

    #[tokio::test(start_paused = true)]
    async fn one_helper_comes_at_a_time_and_later_each_time_that_it_is_in_vain() {
        let summons = Summons::default();
        let first = summons.send(1, CancellationToken::new());
        assert!(!summons.is_open(1));
        first.arrived();
        // While one is at work, the next one may come; where it cannot, there is a pause, whoever else is at work.
        assert!(summons.is_open(1));
        for pause in [60, 120, 240, 480, 960, 1_800, 1_800] {
            end(&summons, Ended::InVain);
            tokio::time::advance(Duration::from_secs(pause - 1)).await;
            assert!(!summons.is_open(1), "{pause}");
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(summons.is_open(1), "{pause}");
        }
        end(&summons, Ended::Well);
        tokio::time::advance(PAUSE).await;
        assert!(summons.is_open(1));
        // That one which ended was another one.
        let coming = summons.send(1, CancellationToken::new());
        drop(first);
        assert_eq!(summons.known().coming, Some(coming.number));
    }

    #[tokio::test(start_paused = true)]
    async fn settings_whose_sign_in_was_refused_are_not_tried_again() {
        let summons = Summons::default();
        let refusal = Failure::new("password_refused", &[], None);
        end(&summons, Ended::by(&SyncError::Connect(refusal)));
        tokio::time::advance(PAUSE_MAX * 100).await;
        assert!(!summons.is_open(1) && summons.is_open(2));
        let full = Failure::new("too_many_connections", &[], None);
        assert_eq!(Ended::by(&SyncError::Connect(full)), Ended::InVain);
    }
}
