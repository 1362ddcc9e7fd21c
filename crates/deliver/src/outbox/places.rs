//! Who sends now. Only so many couriers are at work at a time; one whose server has kept it waiting for a while keeps its
//! connection and gives up its place, so that any number of slow servers stands in nobody's way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Mailboxes that send at the same time, without those whose servers are slow.
pub const MAILBOXES_AT_ONCE: usize = 32;
/// And with them: what so many open connections need in memory is bounded.
const AT_MOST: usize = 1_024;
/// From when on a courier that has settled nothing counts as slow.
pub const SLOW: Duration = Duration::from_secs(5);

/// The mailboxes that have a courier now, and when each has last got on.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<String, Instant>>>);

impl Places {
    /// Takes a place for a mailbox.
    pub(super) fn take(&self, mailbox_id: String) -> Place {
        self.lock().insert(mailbox_id.clone(), Instant::now());
        Place {
            places: self.clone(),
            mailbox_id,
        }
    }

    /// The mailboxes that have a courier, and for how many more there is room.
    pub(super) fn look(&self) -> (Vec<String>, usize) {
        self.look_at(Instant::now())
    }

    fn look_at(&self, now: Instant) -> (Vec<String>, usize) {
        let places = self.lock();
        let slow = |since: Instant| now.saturating_duration_since(since) >= SLOW;
        let at_work = places.values().filter(|since| !slow(**since));
        let room = MAILBOXES_AT_ONCE.saturating_sub(at_work.count());
        let all = places.keys().cloned().collect();
        (all, room.min(AT_MOST.saturating_sub(places.len())))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A courier's place; given back when it is dropped, also by a panic.
pub(super) struct Place {
    places: Places,
    mailbox_id: String,
}

impl Place {
    /// Whose it is.
    pub(super) fn mailbox_id(&self) -> &str {
        &self.mailbox_id
    }

    /// The courier has got on: its server is not slow.
    pub(super) fn gets_on(&self) {
        if let Some(since) = self.places.lock().get_mut(&self.mailbox_id) {
            *since = Instant::now();
        }
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
            .map(|n| places.take(format!("mbx_{n}")))
            .collect();
        let begun = Instant::now();
        assert_eq!(places.look_at(begun).1, 0);
        *places.lock().get_mut("mbx_0").unwrap() = begun + SLOW / 2;
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
            .map(|n| places.take(format!("mbx_{n}")))
            .collect();
        assert_eq!(places.look_at(Instant::now() + SLOW).1, 0);
    }
}
