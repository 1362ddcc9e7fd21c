//! Who sends now. Only so many couriers are at work at a time; one whose server has kept it waiting for a while keeps its
//! connection and gives up its place, so that any number of slow servers stands in nobody's way. So does one that has nothing
//! to send just now, until it is called.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Mailboxes that send at the same time, without those whose servers are slow.
pub const MAILBOXES_AT_ONCE: usize = 32;
/// And with them: what so many open connections need in memory is bounded.
const AT_MOST: usize = 1_024;
/// From when on a courier that has settled nothing counts as slow.
pub const SLOW: Duration = Duration::from_secs(5);

/// The mailboxes that have a courier now, and when each has last got on.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<String, Seat>>>);

/// A courier as others see it.
struct Seat {
    /// When it has last got on.
    since: Instant,
    /// It has nothing to send, keeps its connection and waits to be called.
    idle: bool,
    call: Arc<Notify>,
}

impl Places {
    /// Takes a place for a mailbox. `None`: it has a courier, which is called.
    pub(super) fn take(&self, mailbox_id: String) -> Option<Place> {
        let mut places = self.lock();
        if let Some(seat) = places.get_mut(&mailbox_id) {
            seat.idle = false;
            seat.since = Instant::now();
            seat.call.notify_one();
            return None;
        }
        let call = Arc::new(Notify::new());
        let seat = Seat {
            since: Instant::now(),
            idle: false,
            call: call.clone(),
        };
        places.insert(mailbox_id.clone(), seat);
        drop(places);
        Some(Place {
            places: self.clone(),
            mailbox_id,
            call,
        })
    }

    /// The mailboxes whose couriers are at work, and for how many more there is room.
    pub(super) fn look(&self) -> (Vec<String>, usize) {
        self.look_at(Instant::now())
    }

    fn look_at(&self, now: Instant) -> (Vec<String>, usize) {
        let places = self.lock();
        let slow = |seat: &Seat| now.saturating_duration_since(seat.since) >= SLOW;
        let at_work = places.iter().filter(|(_, seat)| !seat.idle);
        let quick = at_work.clone().filter(|(_, seat)| !slow(seat)).count();
        let busy = at_work.map(|(id, _)| id.clone()).collect();
        let room = MAILBOXES_AT_ONCE.saturating_sub(quick);
        (busy, room.min(AT_MOST.saturating_sub(places.len())))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A courier's place; given back when it is dropped, also by a panic.
pub(super) struct Place {
    places: Places,
    mailbox_id: String,
    call: Arc<Notify>,
}

impl Place {
    /// Whose it is.
    pub(super) fn mailbox_id(&self) -> &str {
        &self.mailbox_id
    }

    /// The courier has got on: its server is not slow.
    pub(super) fn gets_on(&self) {
        if let Some(seat) = self.places.lock().get_mut(&self.mailbox_id) {
            seat.since = Instant::now();
        }
    }

    /// From now on the courier has nothing to send: whoever looks finds its mailbox without one at work. `false`: it is not to
    /// stay, because there are enough who have a connection.
    pub(super) fn idles(&self) -> bool {
        let mut places = self.places.lock();
        if places.len() > MAILBOXES_AT_ONCE {
            return false;
        }
        if let Some(seat) = places.get_mut(&self.mailbox_id) {
            seat.idle = true;
        }
        true
    }

    /// Waits until there is something to send again.
    pub(super) async fn called(&self) {
        self.call.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(&self.mailbox_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_a_slow_server_takes_no_place() {
        let places = Places::default();
        let slow: Vec<_> = (0..MAILBOXES_AT_ONCE)
            .map(|n| places.take(format!("mbx_{n}")).unwrap())
            .collect();
        let begun = Instant::now();
        assert_eq!(places.look_at(begun).1, 0);
        places.lock().get_mut("mbx_0").unwrap().since = begun + SLOW / 2;
        let (busy, room) = places.look_at(begun + SLOW);
        assert_eq!(
            (busy.len(), room),
            (MAILBOXES_AT_ONCE, MAILBOXES_AT_ONCE - 1)
        );
        drop(slow);
        assert_eq!(places.look(), (Vec::new(), MAILBOXES_AT_ONCE));
    }

    #[test]
    fn there_is_an_end_to_open_connections() {
        let places = Places::default();
        let _slow: Vec<_> = (0..AT_MOST)
            .map(|n| places.take(format!("mbx_{n}")).unwrap())
            .collect();
        assert_eq!(places.look_at(Instant::now() + SLOW).1, 0);
    }

    #[tokio::test]
    async fn whoever_has_nothing_to_send_takes_no_place_until_it_is_called() {
        let places = Places::default();
        let place = places.take("mbx_0".to_owned()).unwrap();
        assert_eq!(
            places.look(),
            (vec!["mbx_0".to_owned()], MAILBOXES_AT_ONCE - 1)
        );
        assert!(place.idles());
        assert_eq!(places.look(), (Vec::new(), MAILBOXES_AT_ONCE));
        assert!(places.take("mbx_0".to_owned()).is_none());
        place.called().await;
        assert_eq!(places.look().0, ["mbx_0"]);
        let _others: Vec<_> = (1..=MAILBOXES_AT_ONCE)
            .map(|n| places.take(format!("mbx_{n}")).unwrap())
            .collect();
        assert!(!place.idles(), "there are enough");
    }
}
