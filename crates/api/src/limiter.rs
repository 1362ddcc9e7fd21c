//! Counts by key in fixed windows: so many, then wait for the window's end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Keys remembered at the same time; beyond that, windows that have ended are dropped, and in a
/// flood all of them: a limit that forgets is better than memory that grows.
const KEYS: usize = 20_000;

/// At most `limit` counts of a key in each `window`.
pub(crate) struct Limiter {
    limit: u32,
    window: Duration,
    counts: Mutex<HashMap<String, (Instant, u32)>>,
}

impl Limiter {
    pub(crate) fn new(limit: u32, window: Duration) -> Self {
        Self {
            limit,
            window,
            counts: Mutex::default(),
        }
    }

    /// Refuses with the time to wait when the key has used up its window.
    pub(crate) fn check(&self, key: &str) -> Result<(), Duration> {
        self.check_at(key, Instant::now())
    }

    /// Counts one.
    pub(crate) fn count(&self, key: &str) {
        self.count_at(key, Instant::now());
    }

    /// Forgets what was counted for a key.
    pub(crate) fn forget(&self, key: &str) {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }

    fn check_at(&self, key: &str, now: Instant) -> Result<(), Duration> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get(key) {
            Some((begun, count)) if *count >= self.limit => {
                match (*begun + self.window).checked_duration_since(now) {
                    Some(rest) if !rest.is_zero() => Err(rest),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn count_at(&self, key: &str, now: Instant) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= KEYS {
            let window = self.window;
            counts.retain(|_, (begun, _)| *begun + window > now);
            if counts.len() >= KEYS {
                counts.clear();
            }
        }
        let entry = counts.entry(key.to_owned()).or_insert((now, 0));
        if entry.0 + self.window <= now {
            *entry = (now, 0);
        }
        entry.1 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_used_up_waits_for_its_own_window_only() {
        let limiter = Limiter::new(2, Duration::from_secs(10));
        let start = Instant::now();
        limiter.count_at("a", start);
        assert!(limiter.check_at("a", start).is_ok());
        limiter.count_at("a", start);
        assert_eq!(
            limiter.check_at("a", start + Duration::from_secs(4)),
            Err(Duration::from_secs(6))
        );
        assert!(limiter.check_at("b", start).is_ok());
        assert!(
            limiter
                .check_at("a", start + Duration::from_secs(10))
                .is_ok()
        );
    }
}
