//! Growing pauses between tries.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

/// The pause before try number `failures` + 1: `first`, doubled with every failure, at most `most`,
/// and up to a quarter longer by `jitter` (0 to 1), so that many do not come back at once.
pub fn backoff(failures: u32, first: Duration, most: Duration, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let pause = first.saturating_mul(1 << doublings).min(most);
    pause.mul_f64(1.0 + 0.25 * jitter.clamp(0.0, 1.0))
}

/// A fresh random number from 0 to 1. Not for secrets.
pub fn jitter() -> f64 {
    // Every RandomState has keys of its own, so the hash of nothing is random.
    let bits = std::hash::RandomState::new().build_hasher().finish();
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let pause = |n| backoff(n, Duration::from_secs(1), Duration::from_secs(60), 0.0).as_secs();
        let all: Vec<_> = (1..=8).map(pause).collect();
        assert_eq!(all, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(u32::MAX), 60);
        let late = backoff(1, Duration::from_secs(4), Duration::from_secs(60), 1.0);
        assert_eq!(late, Duration::from_secs(5));
    }

    #[test]
    fn jitter_is_a_part_of_one_and_changes() {
        let some: Vec<f64> = (0..50).map(|_| jitter()).collect();
        assert!(some.iter().all(|j| (0.0..1.0).contains(j)));
        assert!(some.iter().any(|j| *j != some[0]));
    }
}
