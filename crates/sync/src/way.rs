//! The right of way: what has just come goes before the past. Whoever hears of news asks for the way, and for a moment those
//! who fill their past read and parse nothing more: the processors, the disk and the servers' own processes are free for the
//! few steps that bring a new message in. After each moment the past has as long: news that never ends slows the filling down to a
//! half, and does not stop it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long the way is free for what was heard of: longer than it takes on a machine with nothing else to do.
const MOMENT: Duration = Duration::from_millis(25);
/// How often a thread that parses looks whether it may go on.
const LOOK: Duration = Duration::from_millis(1);

/// The way that all mailboxes of a node share: until when it was last given. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Way(Arc<Mutex<Option<Instant>>>);

impl Way {
    /// There is news: the way is free for it from now on, unless it is the turn of the past.
    pub(crate) fn ask(&self) {
        let (mut until, now) = (self.until(), Instant::now());
        if until.is_none_or(|until| until + MOMENT <= now) {
            *until = Some(now + MOMENT);
        }
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
        self.until().filter(|until| Instant::now() < *until)
    }

    fn until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn i43_who_fills_the_past_stands_still_for_a_moment_when_there_is_news_and_half_the_time_at_most()
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
        // News without end, every millisecond: half of the time is the past's.
        let (began, mut stood) = (Instant::now(), Duration::ZERO);
        for _ in 0..1_000 {
            tokio::time::advance(LOOK).await;
            way.ask();
            let before = Instant::now();
            way.give().await;
            stood += before.elapsed();
        }
        let went = began.elapsed() - stood;
        assert!(stood <= went + MOMENT, "{stood:?} of {:?}", began.elapsed());
        assert!(stood >= went / 2, "{stood:?} of {:?}", began.elapsed());
    }
}
