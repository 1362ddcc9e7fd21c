//! Times as people name them: a date and an hour in a place, through summer time and back.

use crate::Timestamp;
use jiff::civil::Time;
use jiff::fmt::temporal::Pieces;
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

    /// The instant of a time. One with an offset (`2026-03-29T02:30:00+01:00`, or `Z`) is that instant, whatever the zone; one
    /// without is local to the zone: `2026-03-29T02:30`, or a date alone for its midnight. A local hour that is skipped is counted
    /// on from before the skip, and of an hour that comes twice it is the first (RFC 5545 3.3.5). `None`: it is no time, or it
    /// names a zone of its own without an offset.
    pub fn instant(&self, text: &str) -> Option<Timestamp> {
        let pieces = Pieces::parse(text).ok()?;
        if pieces.offset().is_some() {
            return Timestamp::parse(text);
        }
        if pieces.time_zone_annotation().is_some() {
            return None;
        }
        let time = pieces.time().unwrap_or(Time::midnight());
        let local = pieces.date().to_datetime(time);
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
    fn a_time_with_an_offset_is_that_instant_in_every_zone() {
        let new_york = Zone::named("America/New_York").unwrap();
        for (text, utc) in [
            ("2026-06-01T09:00:00+00:00", "2026-06-01T09:00:00Z"),
            ("2026-06-01T09:00:00Z", "2026-06-01T09:00:00Z"),
            ("2026-06-01T09:00:00z", "2026-06-01T09:00:00Z"),
            ("2026-06-01T09:00-0230", "2026-06-01T11:30:00Z"),
            ("2026-08-01T00:00:00.250+02:00", "2026-07-31T22:00:00.250Z"),
            // In the hour that comes twice, an offset says which one; in the one that is skipped, it is still an instant.
            ("2026-11-01T01:30:00-04:00", "2026-11-01T05:30:00Z"),
            ("2026-11-01T01:30:00-05:00", "2026-11-01T06:30:00Z"),
            ("2026-03-08T02:30:00-05:00", "2026-03-08T07:30:00Z"),
            // Without one it is local: the first of two, and counted on from before the skip.
            ("2026-11-01T01:30:00", "2026-11-01T05:30:00Z"),
            ("2026-03-08T02:30:00", "2026-03-08T07:30:00Z"),
            ("2026-06-01", "2026-06-01T04:00:00Z"),
        ] {
            let at = Timestamp::parse(utc);
            assert!(at.is_some(), "{utc}");
            assert_eq!(new_york.instant(text), at, "{text}");
        }
        for none in [
            "2026-06-01T09:00[Europe/Vienna]",
            "2026-06-01[Europe/Vienna]",
            "2026-06-01T09:00+",
            "2026-06-01Z",
        ] {
            assert_eq!(new_york.instant(none), None, "{none}");
        }
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
