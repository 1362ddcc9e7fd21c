//! The right of way: what has just come goes before the past. Whoever hears of news asks for the way, and for a moment those
//! who fill their past read and parse nothing more: the processors, the disk and the servers' own processes are free for the
//! few steps that bring a new message in. It is a moment only: news that never ends slows the filling down, and does not stop it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long the way is free for what was heard of: longer than it takes on a machine with nothing else to do.
const MOMENT: Duration = Duration::from_millis(25);
/// How often a thread that parses looks whether it may go on.
const LOOK: Duration = Duration::from_millis(1);

/// The way that all mailboxes of a node share. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way(Arc<Mutex<Option<Instant>>>);

impl Way {
    /// There is news: the way is free for it from now on.
    pub(crate) fn ask(&self) {
        *self.until() = Some(Instant::now() + MOMENT);
    }

    /// Lets others of this thread go first, and whoever has the way. At most a moment.
    pub(crate) async fn give(&self) {
        match self.is_asked_for() {
            Some(until) => sleep_until(until).await,
            None => tokio::task::yield_now().await,
        }
    }

    /// The same for a thread of its own.
    pub(crate) fn give_on_thread(&self) {
        let Some(end) = self.is_asked_for() else {
            return;
        };
        while Instant::now() < end {
            std::thread::sleep(LOOK);
        }
    }

    fn is_asked_for(&self) -> Option<Instant> {
        let mut until = self.until();
        *until = until.filter(|until| Instant::now() < *until);
        *until
    }

    fn until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn i43_who_fills_the_past_stands_still_for_a_moment_when_there_is_news_and_never_longer()
    {
        let way = Way::default();
        let began = Instant::now();
        way.give().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        way.ask();
        way.give().await;
        assert_eq!(began.elapsed(), MOMENT);
        way.give().await;
        assert_eq!(began.elapsed(), MOMENT);
        // News without end: each piece of the past waits for one moment.
        for _ in 0..10 {
            way.ask();
            way.give().await;
        }
        assert_eq!(began.elapsed(), MOMENT * 11);
    }
}
