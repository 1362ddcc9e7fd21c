//! Growing pauses with jitter.

use std::time::Duration;

/// The pause before try number `failures` + 1, for `failures` >= 1 in a row. `dice` is random in
/// 0..=255 and moves the pause by up to a quarter, so that many mailboxes do not come back together.
pub(crate) fn pause(failures: u32, first: Duration, longest: Duration, dice: u8) -> Duration {
    let doubled = first
        .saturating_mul(1 << failures.saturating_sub(1).min(20))
        .min(longest);
    doubled + doubled.mul_f64(f64::from(dice) / 255.0 / 4.0)
}

/// A random byte.
pub(crate) fn dice() -> u8 {
    let mut byte = [128u8];
    // Without randomness all mailboxes come back together: worse, but not wrong.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let seconds = |n, dice| {
            pause(n, Duration::from_secs(2), Duration::from_secs(300), dice).as_secs_f64()
        };
        assert_eq!(seconds(1, 0), 2.0);
        assert_eq!(seconds(2, 0), 4.0);
        assert_eq!(seconds(3, 255), 10.0);
        assert_eq!(seconds(30, 0), 300.0);
    }

    #[test]
    fn at_most_three_connections_in_the_first_ten_seconds() {
        let mut at = 0.0;
        let mut connections = 1;
        for failures in 1.. {
            at += pause(
                failures,
                Duration::from_secs(2),
                Duration::from_secs(300),
                0,
            )
            .as_secs_f64();
            if at > 10.0 {
                break;
            }
            connections += 1;
        }
        assert!(connections <= 3, "{connections}");
    }
}
