//! Places among those that may fetch their past at once, over all mailboxes. Who waits for them goes on hearing of new mail
//! meanwhile, and keeps its place in the line. A mailbox with a batch or less to fetch takes one place and others four: many
//! small mailboxes spend their time on the way to their servers and back, few large ones have all processors at work.

use model::limits::BATCH_MESSAGES;
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::ReusableBoxFuture;

/// Places of one whose past is more than a batch.
pub(super) const MANY: u32 = 4;
/// A place that comes so soon is waited for on the spot.
const SOON: Duration = Duration::from_millis(300);

type Coming = ReusableBoxFuture<'static, Result<OwnedSemaphorePermit, AcquireError>>;

/// How much a mailbox has to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A batch at most.
    Small,
    /// More, or nobody knows.
    Large,
}

impl Work {
    /// So many messages.
    pub(crate) fn of(messages: i64) -> Self {
        match messages <= BATCH_MESSAGES as i64 {
            true => Self::Small,
            false => Self::Large,
        }
    }
}

/// Where a mailbox stands in the line.
pub(crate) struct Turn {
    places: Arc<Semaphore>,
    /// How many it stands in line for.
    wanted: u32,
    coming: Option<Coming>,
    place: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Not in the line yet.
    pub(crate) fn new(places: Arc<Semaphore>) -> Self {
        Self {
            places,
            wanted: 0,
            coming: None,
            place: None,
        }
    }

    /// The places for as much work, if they are free now or soon; otherwise this mailbox stands in the line from now on.
    ///
    /// # Errors
    /// The server is stopping.
    pub(crate) async fn take(
        &mut self,
        work: Work,
    ) -> Result<Option<OwnedSemaphorePermit>, StoreError> {
        let wanted = match work {
            Work::Small => 1,
            Work::Large => MANY,
        };
        if self.wanted < wanted {
            // What came, or was waited for, was for less.
            (self.coming, self.place) = (None, None);
        }
        if self.place.is_none() {
            if self.coming.is_none() {
                let coming = self.places.clone().acquire_many_owned(wanted);
                self.coming = Some(ReusableBoxFuture::new(coming));
                self.wanted = wanted;
            }
            let _ = tokio::time::timeout(SOON, self.come()).await;
        }
        if self.places.is_closed() {
            return Err(StoreError::Unavailable("the server is stopping".into()));
        }
        let place = self.place.take();
        if place.is_some() {
            self.wanted = 0;
        }
        Ok(place)
    }

    /// Ends when the place is there; never, where none is waited for. Whoever stops waiting here stays in the line.
    pub(crate) async fn come(&mut self) {
        match &mut self.coming {
            Some(coming) => self.place = coming.get_pin().await.ok(),
            None => return std::future::pending().await,
        }
        self.coming = None;
    }

    /// Gives back a place that came and is not needed any more.
    pub(crate) fn give_back(&mut self) {
        if self.place.take().is_some() {
            self.wanted = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn places_come_in_the_order_of_the_line_and_nobody_has_to_stand_still() {
        let places = Arc::new(Semaphore::new(1));
        let (mut first, mut second) = (Turn::new(places.clone()), Turn::new(places.clone()));
        let held = places.clone().acquire_owned().await.ok();
        assert!(
            first
                .take(Work::Small)
                .await
                .is_ok_and(|place| place.is_none())
        );
        assert!(
            second
                .take(Work::Small)
                .await
                .is_ok_and(|place| place.is_none())
        );
        drop(held);
        // The second asks first, and the first has the place all the same.
        assert!(
            second
                .take(Work::Small)
                .await
                .is_ok_and(|place| place.is_none())
        );
        let place = first.take(Work::Small).await.ok().flatten();
        assert!(place.is_some());
        drop(place);
        second.come().await;
        second.give_back();
        assert_eq!(places.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_mailbox_takes_the_places_of_several_small_ones_and_is_not_passed_for_ever() {
        let places = Arc::new(Semaphore::new(5));
        let turn = || Turn::new(places.clone());
        let (mut small, mut large, mut late) = (turn(), turn(), turn());
        let one = small.take(Work::of(20)).await.ok().flatten();
        let four = large.take(Work::of(20_000)).await.ok().flatten();
        assert!(one.is_some() && four.is_some());
        drop(one);
        // One place is free; a large mailbox that waits for four has it before a small one that came later.
        assert!(
            small
                .take(Work::Large)
                .await
                .is_ok_and(|place| place.is_none())
        );
        assert!(
            late.take(Work::Small)
                .await
                .is_ok_and(|place| place.is_none())
        );
        drop(four);
        assert!(
            small
                .take(Work::Large)
                .await
                .is_ok_and(|place| place.is_some())
        );
        assert!(
            late.take(Work::Small)
                .await
                .is_ok_and(|place| place.is_some())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_came_for_little_is_not_used_for_much() {
        let places = Arc::new(Semaphore::new(5));
        let mut turn = Turn::new(places.clone());
        let held = places.clone().acquire_many_owned(5).await.ok();
        assert!(
            turn.take(Work::Small)
                .await
                .is_ok_and(|place| place.is_none())
        );
        drop(held);
        turn.come().await;
        let place = turn.take(Work::Large).await.ok().flatten();
        assert_eq!(place.map(|place| place.num_permits()), Some(MANY as usize));
        assert_eq!(places.available_permits(), 5);
    }
}
