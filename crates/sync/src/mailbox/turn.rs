//! A place among those that may fetch their past at once, over all mailboxes. Who waits for one goes on hearing of new mail
//! meanwhile, and keeps its place in the line.

use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::ReusableBoxFuture;

/// A place that comes so soon is waited for on the spot.
const SOON: Duration = Duration::from_millis(300);

type Coming = ReusableBoxFuture<'static, Result<OwnedSemaphorePermit, AcquireError>>;

/// Where a mailbox stands in the line.
pub(crate) struct Turn {
    places: Arc<Semaphore>,
    coming: Option<Coming>,
    place: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Not in the line yet.
    pub(crate) fn new(places: Arc<Semaphore>) -> Self {
        Self {
            places,
            coming: None,
            place: None,
        }
    }

    /// The place, if there is one now or soon; otherwise this mailbox stands in the line from now on.
    ///
    /// # Errors
    /// The server is stopping.
    pub(crate) async fn take(&mut self) -> Result<Option<OwnedSemaphorePermit>, StoreError> {
        if self.place.is_none() {
            if self.coming.is_none() {
                self.coming = Some(ReusableBoxFuture::new(self.places.clone().acquire_owned()));
            }
            let _ = tokio::time::timeout(SOON, self.come()).await;
        }
        if self.places.is_closed() {
            return Err(StoreError::Unavailable("the server is stopping".into()));
        }
        Ok(self.place.take())
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
        self.place = None;
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
        assert!(first.take().await.is_ok_and(|place| place.is_none()));
        assert!(second.take().await.is_ok_and(|place| place.is_none()));
        drop(held);
        // The second asks first, and the first has the place all the same.
        assert!(second.take().await.is_ok_and(|place| place.is_none()));
        let place = first.take().await.ok().flatten();
        assert!(place.is_some());
        drop(place);
        second.come().await;
        second.give_back();
        assert_eq!(places.available_permits(), 1);
    }
}
