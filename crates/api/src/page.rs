//! Pages of lists: `limit` and an opaque `cursor`; no offsets.

use crate::error::{ApiError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::limits::{PAGE_DEFAULT, PAGE_MAX};
use serde::Serialize;

/// A page of a list.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Page<T> {
    /// The items.
    pub(crate) data: Vec<T>,
    /// Pass it as `cursor` to get the next page; null: this was the last one.
    pub(crate) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of things that were asked for with this limit: a full one may have another behind it.
    pub(crate) fn new(data: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> Self {
        let full = data.len() as i64 >= limit;
        let next_cursor = data.last().filter(|_| full).map(cursor);
        Self { data, next_cursor }
    }
}

/// The limit that was asked for.
///
/// # Errors
/// 400 when it is out of bounds.
pub(crate) fn limit(asked: Option<i64>) -> Result<i64> {
    match asked {
        None => Ok(PAGE_DEFAULT),
        Some(limit) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(ApiError::parameter(
            "limit",
            format!("must be 1 to {PAGE_MAX}"),
        )),
    }
}

/// An opaque cursor from the key of the last item.
pub(crate) fn cursor(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(parts.join("\n"))
}

/// The key in a cursor.
///
/// # Errors
/// 400 when it is none of ours.
pub(crate) fn parse_cursor<const N: usize>(text: &str) -> Result<[String; N]> {
    let bad = || ApiError::parameter("cursor", "is not a cursor of this list");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
    let text = String::from_utf8(bytes).map_err(|_| bad())?;
    if text.contains('\0') {
        return Err(bad());
    }
    let parts: Vec<String> = text.split('\n').map(str::to_owned).collect();
    parts.try_into().map_err(|_| bad())
}

/// A cursor that is one id.
pub(crate) fn id_cursor(id: &str) -> String {
    cursor(&[id])
}

/// The id in a cursor, if there is a cursor.
///
/// # Errors
/// 400 when it is none of ours.
pub(crate) fn parse_id_cursor(text: Option<&str>) -> Result<Option<String>> {
    text.map(|text| parse_cursor::<1>(text).map(|[id]| id))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_refuse_nonsense() {
        let text = cursor(&["12", "msg_1"]);
        assert_eq!(parse_cursor::<2>(&text).unwrap(), ["12", "msg_1"]);
        assert!(parse_cursor::<1>(&text).is_err());
        assert!(parse_cursor::<2>("???").is_err());
    }

    #[test]
    fn a_limit_out_of_bounds_is_refused() {
        assert_eq!(limit(None).unwrap(), PAGE_DEFAULT);
        for bad in [0, -1, PAGE_MAX + 1, i64::MAX, i64::MIN] {
            assert!(limit(Some(bad)).is_err());
        }
    }
}
