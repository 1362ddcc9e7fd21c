//! Sizes as people write them.

/// Octets of the largest message that is stored whole; `None`: no limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeLimit(pub Option<u64>);

/// Reads "25MB", "25 MiB", "1000000", or `none`.
///
/// # Errors
/// It is none of these.
pub fn size_limit(text: &str) -> Result<SizeLimit, String> {
    let wrong = || "give a size such as 25MB, or `none`".to_owned();
    if matches!(text, "none" | "mailbox") {
        return Ok(SizeLimit(None));
    }
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let octets = number.checked_mul(unit).filter(|octets| *octets > 0);
    octets
        .map(|octets| SizeLimit(Some(octets)))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, octets) in [
            ("25MB", 25_000_000),
            ("1 GiB", 1 << 30),
            ("7", 7),
            ("3k", 3_000),
        ] {
            assert_eq!(size_limit(text), Ok(SizeLimit(Some(octets))), "{text}");
        }
        assert_eq!(size_limit("none"), Ok(SizeLimit(None)));
        for text in [
            "",
            "0",
            "MB",
            "-1",
            "2.5MB",
            "25MBit",
            "99999999999999999999",
        ] {
            assert!(size_limit(text).is_err(), "{text}");
        }
    }
}
