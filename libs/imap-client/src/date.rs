//! IMAP's dates: `17-Jul-1996 02:44:25 -0700` and, in searches, `17-Jul-1996`.

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY: i64 = 86_400;
/// The last second that fits IMAP's four-digit years.
const LAST_SECOND: i64 = 253_402_300_799;

/// Unix seconds of an INTERNALDATE; a missing zone counts as UTC. `None` when it is not a date.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let mut words = text.split_ascii_whitespace();
    let mut date = words.next()?.splitn(3, '-');
    let day: i64 = date.next()?.parse().ok()?;
    let month_name = date.next()?;
    let month = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(month_name))?;
    let year: i64 = date.next()?.parse().ok()?;
    let mut time = words.next().unwrap_or("0:0:0").splitn(3, ':');
    let hour: i64 = time.next()?.parse().ok()?;
    let minute: i64 = time.next()?.parse().ok()?;
    let second: i64 = time.next().unwrap_or("0").parse().ok()?;
    let sane = (1..=31).contains(&day)
        && (0..=9999).contains(&year)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !sane {
        return None;
    }
    let offset = words.next().and_then(zone).unwrap_or(0);
    let month = i64::try_from(month).ok()? + 1;
    Some(days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset)
}

fn zone(text: &str) -> Option<i64> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let number: i64 = text.get(1..).filter(|rest| rest.len() == 4)?.parse().ok()?;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

/// An INTERNALDATE in UTC for APPEND. Years outside 0 to 9999 are moved to the nearest that IMAP can say.
pub(crate) fn format(unix: i64) -> String {
    let unix = unix.clamp(days_from_civil(0, 1, 1) * DAY, LAST_SECOND);
    let (year, month, day) = civil_from_days(unix.div_euclid(DAY));
    let second = unix.rem_euclid(DAY);
    format!(
        "{day:02}-{month}-{year:04} {:02}:{:02}:{:02} +0000",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The UTC day of a moment (Unix seconds) as search keys such as `SINCE` want it: `17-Jul-1996`.
pub fn search_date(unix: i64) -> String {
    let unix = unix.clamp(days_from_civil(0, 1, 1) * DAY, LAST_SECOND);
    let (year, month, day) = civil_from_days(unix.div_euclid(DAY));
    format!("{day}-{month}-{year:04}")
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's algorithm).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, &'static str, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let name = usize::try_from(month - 1)
        .ok()
        .and_then(|index| MONTHS.get(index))
        .copied()
        .unwrap_or("Jan");
    (year, name, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        assert_eq!(parse("17-Jul-1996 02:44:25 -0700"), Some(837_596_665));
        assert_eq!(parse(" 1-Jan-1970 00:00:00 +0000"), Some(0));
        assert_eq!(parse("01-jan-1970 01:00:00 +0100"), Some(0));
        assert_eq!(parse("29-Feb-2024 12:00:00"), Some(1_709_208_000));
        assert_eq!(format(837_596_665), "17-Jul-1996 09:44:25 +0000");
        assert_eq!(format(i64::MAX), "31-Dec-9999 23:59:59 +0000");
        assert_eq!(format(i64::MIN), "01-Jan-0000 00:00:00 +0000");
        assert_eq!(search_date(837_596_665), "17-Jul-1996");
        for unix in [
            -62_135_596_800,
            -1,
            0,
            951_782_400,
            951_868_800,
            4_102_444_800,
        ] {
            assert_eq!(parse(&format(unix)), Some(unix));
        }
    }

    #[test]
    fn what_is_not_a_date_is_none() {
        for bad in [
            "",
            "NIL",
            "1-Foo-2000 0:0:0",
            "99-Jan-2000 0:0:0 +0000",
            "1-Jan-99999 0:0:0",
            "1-Jan-2000 99:0:0",
            "-- :",
            "1-Jan-9223372036854775807",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
