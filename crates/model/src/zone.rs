//! Times as people name them: a date and an hour in a place, through summer time and back.

use crate::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A time zone of the IANA database, such as `Europe/Vienna`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone with this name; `None`: there is none. The machine's own database is asked first, then the one that is built in.
    pub fn named(name: &str) -> Option<Self> {
        // An offset, or a rule of its own, is no name.
        let looks_right = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
        let zone = TimeZone::get(name).ok().filter(|_| looks_right)?;
        Some(Self(zone))
    }

    /// The instant of a local time: `2026-03-29T02:30`, or a date alone for its midnight. An hour that is skipped is counted on
    /// from before the skip, and of an hour that comes twice it is the first (RFC 5545 3.3.5). `None`: it is no time.
    pub fn instant(&self, local: &str) -> Option<Timestamp> {
        let local: DateTime = local.parse().ok()?;
        let at = self.0.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(Timestamp(at.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_go_through_summer_time_and_back() {
        let vienna = Zone::named("Europe/Vienna").unwrap();
        for (local, utc) in [
            ("2026-01-31T09:00", "2026-01-31T08:00:00Z"),
            ("2026-07-31T09:00:30", "2026-07-31T07:00:30Z"),
            ("2026-07-31", "2026-07-30T22:00:00Z"),
            // There is no half past two on this day.
            ("2026-03-29T02:30", "2026-03-29T01:30:00Z"),
            // And two of them on this one.
            ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(vienna.instant(local), Timestamp::parse(utc), "{local}");
        }
        assert_eq!(vienna.instant("at noon"), None);
        let kathmandu = Zone::named("Asia/Kathmandu").unwrap();
        let noon = kathmandu.instant("2026-01-01T12:00");
        assert_eq!(noon, Timestamp::parse("2026-01-01T06:15:00Z"));
    }

    #[test]
    fn what_is_no_zone_is_none() {
        for name in [
            "",
            "Europe/Atlantis",
            "+02:00",
            "CET-1CEST",
            "../etc/passwd",
        ] {
            assert_eq!(Zone::named(name), None, "{name}");
        }
    }
}
