//! What an endpoint's answer means for a delivery. Pure: time and chance are handed in.

use super::post::Answer;
use model::Timestamp;
use store::deliveries::{Claimed, Settlement, Verdict};

/// Pauses after the first tries, in seconds; the last one is for all that follow.
const LADDER_SECONDS: &[i64] = &[5, 30, 120, 600, 1800, 3600, 7200];
/// How much longer a pause may be by chance, in hundredths.
const JITTER_PERCENT: f64 = 20.0;
/// The longest pause that an endpoint may ask for.
const RETRY_AFTER_MOST_MILLIS: i64 = 7200 * 1000;

/// 2xx is delivered; 410 switches the webhook off; everything else is tried again, later and later,
/// until three days are over.
pub fn judge(claimed: &Claimed, answer: &Answer, now: Timestamp, jitter: f64) -> Settlement {
    let (status, error, asked) = match answer {
        Answer::Status { code, retry_after } => {
            (Some(i64::from(*code)), in_words(*code), *retry_after)
        }
        Answer::None { why } => (None, Some(why.clone()), None),
    };
    let gone = status == Some(410);
    let verdict = if error.is_none() {
        Verdict::Delivered
    } else if gone || now >= claimed.give_up_at {
        Verdict::Dead
    } else {
        let asked = asked.map_or(0, |seconds| {
            seconds.saturating_mul(1000).min(RETRY_AFTER_MOST_MILLIS)
        });
        let pause = pause_millis(claimed.attempt, jitter).max(asked);
        Verdict::Again(now.plus_millis(pause).min(claimed.give_up_at))
    };
    Settlement {
        verdict,
        status,
        error,
        gone,
    }
}

fn pause_millis(attempt: i64, jitter: f64) -> i64 {
    let rung = usize::try_from(attempt - 1).unwrap_or(0);
    let seconds = LADDER_SECONDS[rung.min(LADDER_SECONDS.len() - 1)];
    (seconds as f64 * 1000.0 * (1.0 + jitter.clamp(0.0, 1.0) * JITTER_PERCENT / 100.0)) as i64
}

fn in_words(code: u16) -> Option<String> {
    match code {
        200..300 => None,
        300..400 => Some(format!(
            "The endpoint answered {code}, a redirect; Postroom follows none. Set the final address."
        )),
        410 => Some("The endpoint answered 410 Gone: it wants no more events.".to_owned()),
        _ => Some(format!(
            "The endpoint answered {code}; Postroom expects a status from 200 to 299."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn claimed(attempt: i64, give_up_at: Timestamp) -> Claimed {
        Claimed {
            id: "dlv_1".into(),
            webhook_id: "whk_1".into(),
            url: "https://example.com/".into(),
            event_id: "evt_1".into(),
            body: "{}".into(),
            attempt,
            give_up_at,
        }
    }

    fn status(code: u16) -> Answer {
        Answer::Status {
            code,
            retry_after: None,
        }
    }

    #[test]
    fn only_2xx_is_delivered() {
        let late = NOW.plus_millis(1_000_000_000);
        for (code, delivered) in [
            (200, true),
            (204, true),
            (299, true),
            (301, false),
            (400, false),
            (500, false),
        ] {
            let settled = judge(&claimed(1, late), &status(code), NOW, 0.0);
            assert_eq!(settled.verdict == Verdict::Delivered, delivered, "{code}");
            assert_eq!(settled.error.is_none(), delivered, "{code}");
            assert_eq!(settled.status, Some(i64::from(code)));
        }
    }

    #[test]
    fn pauses_grow_and_end_with_the_third_day() {
        let late = NOW.plus_millis(1_000_000_000);
        let wait = |attempt, give_up_at, jitter| {
            let why = "The endpoint did not answer.".to_owned();
            match judge(
                &claimed(attempt, give_up_at),
                &Answer::None { why },
                NOW,
                jitter,
            )
            .verdict
            {
                Verdict::Again(at) => Some((at.0 - NOW.0) / 1000),
                Verdict::Dead => None,
                Verdict::Delivered => panic!("delivered"),
            }
        };
        let all: Vec<_> = (1..=9).filter_map(|n| wait(n, late, 0.0)).collect();
        assert_eq!(all, [5, 30, 120, 600, 1800, 3600, 7200, 7200, 7200]);
        assert_eq!(wait(1, late, 1.0), Some(6));
        assert_eq!(
            wait(9, NOW.plus_millis(60_000), 1.0),
            Some(60),
            "one last try at the end"
        );
        assert_eq!(wait(9, NOW, 0.0), None);
    }

    #[test]
    fn an_endpoint_may_ask_for_a_pause_or_for_the_end() {
        let late = NOW.plus_millis(1_000_000_000);
        for (asked, waits) in [(60, 60), (1, 5), (1_000_000, 7200)] {
            let busy = Answer::Status {
                code: 429,
                retry_after: Some(asked),
            };
            let settled = judge(&claimed(1, late), &busy, NOW, 0.0);
            assert_eq!(
                settled.verdict,
                Verdict::Again(NOW.plus_millis(waits * 1000)),
                "{asked}"
            );
        }
        let settled = judge(&claimed(1, late), &status(410), NOW, 0.0);
        assert!(settled.gone && settled.verdict == Verdict::Dead);
    }
}
