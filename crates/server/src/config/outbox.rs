//! The keys of the outbox: how long it tries, with which pauses, and how patient it is with a lost answer.

use std::sync::Arc;
use store::submissions::Rules;

/// The longest time that a key may name.
const MOST_MILLIS: i64 = 3650 * DAY;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The keys with their defaults.
pub(super) const DEFAULTS: [(&str, &str); 4] = [
    ("outbox.retry_after", "5m,10m,20m,40m,1h"),
    ("outbox.give_up_after", "5d"),
    ("outbox.unclear_after", "15m"),
    ("outbox.keep", "90d"),
];

/// The rules that the keys name; `text` gives a key's value.
///
/// # Errors
/// The key whose value makes no sense, and why.
pub(super) fn rules(text: impl Fn(&str) -> String) -> Result<Rules, (&'static str, String)> {
    let time = |name: &'static str| time(&text(name)).map_err(|why| (name, why));
    let pauses = text("outbox.retry_after");
    let pauses: Vec<i64> = super::list(&pauses)
        .map(self::time)
        .collect::<Result<_, _>>()
        .map_err(|why| ("outbox.retry_after", why))?;
    if pauses.is_empty() {
        return Err(("outbox.retry_after", "expected at least one pause".into()));
    }
    Ok(Rules {
        ladder_millis: Arc::from(pauses),
        give_up_millis: time("outbox.give_up_after")?,
        unclear_millis: time("outbox.unclear_after")?,
        kept_millis: time("outbox.keep")?,
    })
}

/// `90s`, `15m`, `2h` or `5d` in milliseconds; never nothing.
pub(super) fn time(text: &str) -> Result<i64, String> {
    let wrong = || format!("expected a time such as 90s, 15m, 2h or 5d, not {text:?}");
    let unit = match text.chars().last() {
        Some('s') => SECOND,
        Some('m') => MINUTE,
        Some('h') => HOUR,
        Some('d') => DAY,
        _ => return Err(wrong()),
    };
    let number: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number
        .checked_mul(unit)
        .filter(|millis| (1..=MOST_MILLIS).contains(millis))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_rules_of_the_store() {
        let default = |name: &str| {
            let key = DEFAULTS.iter().find(|(key, _)| *key == name);
            key.map_or(String::new(), |(_, value)| (*value).to_owned())
        };
        let (ours, theirs) = (rules(default).unwrap(), Rules::default());
        assert_eq!(ours.ladder_millis, theirs.ladder_millis);
        assert_eq!(ours.give_up_millis, theirs.give_up_millis);
        assert_eq!(ours.unclear_millis, theirs.unclear_millis);
        assert_eq!(ours.kept_millis, theirs.kept_millis);
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(time("90s"), Ok(90_000));
        assert_eq!(time("2h"), Ok(7_200_000));
        for wrong in [
            "",
            "5",
            "m",
            "-1m",
            "0s",
            "5 minutes",
            "99999999999999d",
            "ü",
        ] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
