//! `ETag` and `If-Match`: a change of what somebody else changed meanwhile is refused.

use crate::error::{ApiError, Result};
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// An answer with a version as its ETag.
pub(crate) fn tagged<T: serde::Serialize>(version: i64, body: T) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{version}\""));
    let mut response = Json(body).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The version that the caller has seen, if the request says so.
///
/// # Errors
/// 412, when it is not the current one.
pub(crate) fn wanted(headers: &HeaderMap, current: i64) -> Result<Option<i64>> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let tag = format!("\"{current}\"");
    if text.split(',').any(|named| named.trim() == tag) {
        Ok(Some(current))
    } else {
        Err(changed_meanwhile())
    }
}

/// 412.
pub(crate) fn changed_meanwhile() -> ApiError {
    let detail = "it has another version than the one in If-Match";
    ApiError::new(
        StatusCode::PRECONDITION_FAILED,
        "precondition_failed",
        detail,
    )
}
