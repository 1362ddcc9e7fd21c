//! Byte ranges (RFC 9110 section 14): one range of a thing whose length is known.

use crate::error::ApiError;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use std::ops::Range;

/// What a request asks for of `length` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Everything.
    Whole,
    /// A part.
    Part(Range<u64>),
    /// Nothing that there is.
    Nothing,
}

/// Reads the Range header; one that cannot be understood, or has several ranges, asks for all.
pub(crate) fn asked(headers: &HeaderMap, length: u64) -> Asked {
    let text = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
    text.and_then(|text| parse(text, length))
        .unwrap_or(Asked::Whole)
}

fn parse(text: &str, length: u64) -> Option<Asked> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // A number that does not fit is beyond every end.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = match (first.trim(), last.trim()) {
        ("", last) => {
            let last = number(last)?;
            length.saturating_sub(last)..if last == 0 { 0 } else { length }
        }
        (first, "") => number(first)?..length,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(length)
        }
    };
    Some(if range.is_empty() || range.start >= length {
        Asked::Nothing
    } else {
        Asked::Part(range)
    })
}

/// 416, with the length that there is.
pub(crate) fn out_of_range(length: u64) -> Response {
    let refused = ApiError::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "invalid_request",
        "the range is outside of what there is",
    );
    let mut response = refused.into_response();
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{length}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let cases = [
            ("bytes=0-0", Some(Asked::Part(0..1))),
            ("bytes=0-99", Some(Asked::Part(0..10))),
            ("bytes=4-", Some(Asked::Part(4..10))),
            ("bytes=-3", Some(Asked::Part(7..10))),
            ("bytes=-30", Some(Asked::Part(0..10))),
            ("bytes=-0", Some(Asked::Nothing)),
            ("bytes=10-", Some(Asked::Nothing)),
            ("bytes=99999999999999999999-", Some(Asked::Nothing)),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("bytes=+1-2", None),
            ("lines=1-2", None),
            ("bytes=-", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(parse(text, 10), wanted, "{text}");
        }
        assert_eq!(parse("bytes=0-", 0), Some(Asked::Nothing));
    }
}
