//! The encodings of generated mail: transfer encodings, encoded words, dates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Base64 in lines of 76 characters.
pub(crate) fn wrapped_base64(raw: &mut Vec<u8>, bytes: &[u8]) {
    for line in bytes.chunks(57) {
        raw.extend_from_slice(STANDARD.encode(line).as_bytes());
        raw.extend_from_slice(b"\r\n");
    }
}

/// RFC 2045 section 6.7; line breaks in the text stay line breaks.
pub(crate) fn quoted_printable(raw: &mut Vec<u8>, text: &[u8]) {
    let mut column = 0;
    for (i, byte) in text.iter().enumerate() {
        if *byte == b'\r' && text.get(i + 1) == Some(&b'\n') || *byte == b'\n' {
            raw.push(*byte);
            column = 0;
            continue;
        }
        let plain = matches!(byte, b' '..=b'~')
            && *byte != b'='
            && !(*byte == b' ' && text.get(i + 1) == Some(&b'\r'));
        let width = if plain { 1 } else { 3 };
        if column + width > 75 {
            raw.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if plain {
            raw.push(*byte);
        } else {
            raw.extend_from_slice(format!("={byte:02X}").as_bytes());
        }
        column += width;
    }
}

/// RFC 2047 encoded words in UTF-8, each short enough and with whole characters.
pub(crate) fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut part = String::new();
    for c in text.chars() {
        if part.len() + c.len_utf8() > 42 {
            words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(&part)));
            part.clear();
        }
        part.push(c);
    }
    words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(&part)));
    words.join("\r\n ")
}

/// `Tue, 1 Jan 2019 10:00:00 +0200` (RFC 5322 section 3.3); the offset in minutes.
pub(crate) fn rfc5322_date(seconds: i64, offset: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let local = seconds + offset * 60;
    let (days, time) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    // Days to a civil date, in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12;
    let year = year_of_era + era * 400 + i64::from(month < 2);
    let sign = if offset < 0 { '-' } else { '+' };
    let zone = offset.abs() / 60 * 100 + offset.abs() % 60;
    format!(
        "{}, {day} {} {year} {:02}:{:02}:{:02} {sign}{zone:04}",
        DAYS[usize::try_from(days.rem_euclid(7)).unwrap_or(0)],
        MONTHS[usize::try_from(month).unwrap_or(0)],
        time / 3_600,
        time / 60 % 60,
        time % 60
    )
}

#[cfg(test)]
mod tests {
    use super::{quoted_printable, rfc5322_date};

    #[test]
    fn dates_are_right() {
        assert_eq!(
            rfc5322_date(1_546_300_800, 0),
            "Tue, 1 Jan 2019 00:00:00 +0000"
        );
        assert_eq!(
            rfc5322_date(1_709_164_800, -300),
            "Wed, 28 Feb 2024 19:00:00 -0500"
        );
        assert_eq!(
            rfc5322_date(1_709_251_199, 330),
            "Fri, 1 Mar 2024 05:29:59 +0530"
        );
    }

    #[test]
    fn quoted_printable_keeps_lines_short() {
        let mut out = Vec::new();
        quoted_printable(&mut out, "é= \r\n".repeat(3).as_bytes());
        assert_eq!(String::from_utf8_lossy(&out), "=C3=A9=3D=20\r\n".repeat(3));
    }
}
