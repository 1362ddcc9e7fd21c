//! How long a server asks us to wait.

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// Nobody waits longer than this for a server without asking again.
const LONGEST: i64 = 24 * HOUR;

/// The words before a number of time, with the unit that is meant when none follows.
const BEFORE_A_TIME: &[(&str, i64)] = &[
    // Microsoft: "Request is throttled. Suggested Backoff Time: 274000 milliseconds".
    ("backoff time:", 1),
    ("retry after", SECOND),
    ("retry in", SECOND),
    ("try again in", SECOND),
    ("try again after", SECOND),
    ("greylisted for", SECOND),
    ("wait for", SECOND),
    ("please wait", SECOND),
];

/// The pause in milliseconds that the server's text names, at most a day.
pub(super) fn named(text: &str) -> Option<i64> {
    let text = text.to_ascii_lowercase();
    BEFORE_A_TIME.iter().find_map(|(words, usual_unit)| {
        let (_, after) = text.split_once(words)?;
        let after = after.trim_start_matches([' ', ':', '=']);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = after[..digits].parse().ok()?;
        let unit = match after[digits..].trim_start() {
            unit if unit.starts_with("ms") || unit.starts_with("millisec") => 1,
            unit if unit.starts_with('s') => SECOND,
            unit if unit.starts_with('m') => MINUTE,
            unit if unit.starts_with('h') => HOUR,
            _ => *usual_unit,
        };
        Some(number.saturating_mul(unit).clamp(SECOND, LONGEST))
    })
}

/// The pause in milliseconds for a problem whose server named none.
pub(super) fn usual(id: &str) -> i64 {
    match id {
        "too_many_connections" => 2 * MINUTE,
        "quota_exceeded" | "transfer_limit_reached" => HOUR,
        // One of its causes is too many tries, which providers count over a quarter of an hour.
        "smtp_limit_reached" | "sign_in_refused_unclear" => 15 * MINUTE,
        _ => 5 * MINUTE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_pauses_are_understood() {
        for (text, wanted) in [
            (
                "Request is throttled. Suggested Backoff Time: 274000 milliseconds",
                Some(274_000),
            ),
            ("suggested backoff time: 5000", Some(5_000)),
            ("Rate limit, try again in 15 minutes", Some(15 * MINUTE)),
            ("Greylisted for 300 seconds", Some(300 * SECOND)),
            ("retry after 2h", Some(2 * HOUR)),
            (
                "Suggested Backoff Time: 99999999999999999 milliseconds",
                Some(LONGEST),
            ),
            ("Suggested Backoff Time: 999999999999999999999999", None),
            ("Suggested Backoff Time: 0", Some(SECOND)),
            ("try again later", None),
            ("", None),
        ] {
            assert_eq!(named(text), wanted, "{text}");
        }
    }
}
