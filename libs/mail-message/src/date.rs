//! Dates in headers (RFC 5322 section 3.3) as people's programs really write them.

use jiff::civil::{Date, Time};

/// 1970 and 2100, in seconds: dates outside are of broken clocks or jokers.
const RANGE: std::ops::Range<i64> = 0..4_102_444_800;
/// Longest value looked at.
const MAX_VALUE: usize = 200;

/// Unix milliseconds of a `Date` value; none where unreadable or outside 1970 to 2100. Without a
/// zone UTC is meant.
pub(crate) fn parse(value: &[u8]) -> Option<i64> {
    let text = String::from_utf8_lossy(crate::header::cap(value, MAX_VALUE));
    let mut found = Found::default();
    for word in without_comments(&text).split([' ', '\t', '\r', '\n', ',', ';']) {
        found.word(word);
    }
    found.milliseconds()
}

fn without_comments(text: &str) -> String {
    let mut depth = 0usize;
    text.chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' if depth > 0 => {
                    depth -= 1;
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

#[derive(Default)]
struct Found {
    day: Option<i8>,
    month: Option<i8>,
    year: Option<i16>,
    time: Option<(i8, i8, i8)>,
    /// Seconds east of Greenwich.
    zone: Option<i64>,
    afternoon: Option<bool>,
}

impl Found {
    fn word(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        if word.contains(':') {
            self.timed(word);
        } else if let Some(zone) = numeric_zone(word).filter(|_| self.time.is_some()) {
            self.zone.get_or_insert(zone);
        } else if word.contains('-') {
            self.hyphened(word);
        } else if word.bytes().all(|b| b.is_ascii_digit()) {
            self.number(word);
        } else {
            self.name(word);
        }
    }

    /// "10:00:00", "10:00:00.5Z", "2026-03-02T10:00:00+01:00".
    fn timed(&mut self, word: &str) {
        let clock = match word.split_once(['T', 't']) {
            Some((date, clock)) => {
                self.hyphened(date);
                clock
            }
            None => word,
        };
        let end = clock
            .find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'))
            .unwrap_or(clock.len());
        let (clock, zone) = (
            clock.get(..end).unwrap_or_default(),
            clock.get(end..).unwrap_or_default(),
        );
        let mut numbers = clock
            .split(':')
            .map(|n| n.split('.').next().unwrap_or_default().parse::<i8>().ok());
        let (hour, minute) = (numbers.next().flatten(), numbers.next().flatten());
        let second = match numbers.next() {
            Some(second) => second,
            None => Some(0),
        };
        if let (None, Some(h), Some(m), Some(s)) = (self.time, hour, minute, second) {
            // A leap second is the last second of its minute.
            self.time = Some((h, m, s.min(59)));
        }
        if !zone.is_empty() {
            match numeric_zone(&zone.replace(':', "")) {
                Some(zone) => self.zone = Some(zone),
                None => self.name(zone),
            }
        }
    }

    /// "2-Mar-2026", "2026-03-02".
    fn hyphened(&mut self, word: &str) {
        let mut parts = word.split('-');
        let (Some(a), Some(b), Some(c)) = (parts.next(), parts.next(), parts.next()) else {
            return;
        };
        if a.len() == 4 {
            self.year = a.parse().ok();
            self.month = b.parse().ok();
            self.day = c.parse().ok();
        } else {
            self.number(a);
            self.name(b);
            self.number(c);
        }
    }

    fn number(&mut self, word: &str) {
        let Ok(number) = word.parse::<i16>() else {
            return;
        };
        if self.day.is_none() && word.len() <= 2 {
            self.day = i8::try_from(number).ok();
        } else if self.year.is_none() {
            // RFC 5322 section 4.3.
            self.year = Some(match (word.len(), number) {
                (0..=2, 0..=49) => number + 2000,
                (0..=3, _) => number + 1900,
                _ => number,
            });
        }
    }

    fn name(&mut self, word: &str) {
        const MONTHS: [&str; 12] = [
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ];
        let word = word.to_ascii_lowercase();
        if self.month.is_none()
            && let Some(at) = MONTHS.iter().position(|m| word.starts_with(m))
        {
            self.month = i8::try_from(at + 1).ok();
            return;
        }
        let hours = match word.as_str() {
            "pm" => {
                self.afternoon = Some(true);
                return;
            }
            "am" => {
                self.afternoon = Some(false);
                return;
            }
            "ut" | "utc" | "gmt" | "z" => 0,
            "edt" => -4,
            "est" | "cdt" => -5,
            "cst" | "mdt" => -6,
            "mst" | "pdt" => -7,
            "pst" => -8,
            "bst" | "cet" | "met" => 1,
            "cest" | "mest" | "eet" => 2,
            "jst" => 9,
            _ => return,
        };
        if self.time.is_some() {
            self.zone.get_or_insert(hours * 3_600);
        }
    }

    fn milliseconds(self) -> Option<i64> {
        let (mut hour, minute, second) = self.time.unwrap_or((0, 0, 0));
        match self.afternoon {
            Some(true) if hour < 12 => hour += 12,
            Some(false) if hour == 12 => hour = 0,
            _ => {}
        }
        let date = Date::new(self.year?, self.month?, self.day?).ok()?;
        let time = Time::new(hour, minute, second, 0).ok()?;
        let utc = date
            .to_datetime(time)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?;
        let seconds = utc.timestamp().as_second() - self.zone.unwrap_or(0);
        RANGE.contains(&seconds).then(|| seconds * 1_000)
    }
}

/// "+0100" to seconds; zones beyond a day are nonsense and mean UTC.
fn numeric_zone(word: &str) -> Option<i64> {
    let (sign, digits) = match word.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let (hours, minutes) = if digits.len() <= 2 {
        (number, 0)
    } else {
        (number / 100, number % 100)
    };
    let seconds = hours * 3_600 + minutes * 60;
    Some(if hours < 24 && minutes < 60 {
        sign * seconds
    } else {
        0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_every_dialect() {
        let table = [
            ("Mon, 2 Mar 2026 10:00:00 +0100", "2026-03-02T09:00:00Z"),
            ("2 Mar 2026 10:00 -0530", "2026-03-02T15:30:00Z"),
            (
                "Mon, 2 Mar 2026 10:00:00 GMT (comment (nested))",
                "2026-03-02T10:00:00Z",
            ),
            ("2 Mar 2026 10:00:00", "2026-03-02T10:00:00Z"),
            ("Mon Mar  2 10:00:00 2026", "2026-03-02T10:00:00Z"),
            ("1 Jan 99 10:00 EST", "1999-01-01T15:00:00Z"),
            ("1 Jan 101 10:00 Z", "2001-01-01T10:00:00Z"),
            ("2026-03-02T10:00:00+01:00", "2026-03-02T09:00:00Z"),
            ("2026-03-02 10:00:00", "2026-03-02T10:00:00Z"),
            ("02-Mar-2026 10:00:00 +0000", "2026-03-02T10:00:00Z"),
            ("Thu, 31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59Z"),
            ("Monday, 2 March 2026 3:04:05 PM", "2026-03-02T15:04:05Z"),
            ("Thu, 1 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00Z"),
            ("2 Mar 2026 10:00:00 +9999", "2026-03-02T10:00:00Z"),
        ];
        for (given, want) in table {
            let got = parse(given.as_bytes())
                .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
                .map(|t| t.to_string());
            assert_eq!(got.as_deref(), Some(want), "{given}");
        }
    }

    #[test]
    fn nonsense_and_other_ages_are_no_date() {
        for given in [
            "",
            "nonsense",
            "31 Feb 2026 10:00",
            "Fri, 31 Dec 9999 23:59:59 +0000",
            "1 Jan 1960 00:00",
            "99 Foo 2026 99:99:99",
            "2 Mar 2026 25:00",
        ] {
            assert_eq!(parse(given.as_bytes()), None, "{given}");
        }
    }
}
