//! What comes in: JSON bodies and parameters of the query, each mistake with a pointer to it.

use crate::error::{ApiError, FieldError, Result};
use crate::state::ApiState;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use bytes::Bytes;
use futures_util::StreamExt as _;
use model::server_profile::ProfileLimits;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Largest body of an ordinary request.
const SMALL_BYTES: usize = 1024 * 1024;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(120);

/// A JSON body, with its bytes (an idempotency key stands for them).
pub struct Json<T> {
    /// The value.
    pub value: T,
    /// The bytes.
    pub bytes: Bytes,
}

impl<T: DeserializeOwned> FromRequest<ApiState> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &ApiState) -> Result<Self> {
        json_of(request, SMALL_BYTES).await
    }
}

/// A JSON body of up to [`model::limits::REQUEST_BYTES`]; only a few large ones are in memory at a time.
pub struct LargeJson<T> {
    /// The body.
    pub json: Json<T>,
    /// The place in memory, given back when the request is done. A body that says of itself that it is no larger than an
    /// ordinary one needs none.
    pub place: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl<T: DeserializeOwned> FromRequest<ApiState> for LargeJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self> {
        if length(&request).is_some_and(|length| length <= SMALL_BYTES) {
            let json = json_of(request, SMALL_BYTES).await?;
            return Ok(Self { json, place: None });
        }
        let place = state.large_at_once.clone().acquire_owned().await;
        let place = place.map_err(|_| ApiError::internal())?;
        let json = json_of(request, model::limits::REQUEST_BYTES).await?;
        Ok(Self {
            json,
            place: Some(place),
        })
    }
}

/// How long a body says that it is; `None`: it does not.
fn length(request: &Request) -> Option<usize> {
    let length = request.headers().get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

async fn json_of<T: DeserializeOwned>(request: Request, limit: usize) -> Result<Json<T>> {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    if !content_type.is_some_and(|value| is_json(value.as_bytes())) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "the body must be JSON, with Content-Type: application/json",
        ));
    }
    let bytes = read(body, limit).await?;
    let value = parse(&bytes)?;
    Ok(Json { value, bytes })
}

fn is_json(content_type: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content_type).to_ascii_lowercase();
    let kind = text.split(';').next().unwrap_or_default().trim();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

async fn read(body: Body, limit: usize) -> Result<Bytes> {
    let whole = async {
        let mut stream = body.into_data_stream();
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|_| {
                let broken = "the body broke off";
                ApiError::new(StatusCode::BAD_REQUEST, "invalid_request", broken)
            })?;
            if bytes.len() + piece.len() > limit {
                return Err(ApiError::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "payload_too_large",
                    format!("the body may have {limit} bytes at most"),
                ));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.into())
    };
    tokio::time::timeout(BODY_PATIENCE, whole)
        .await
        .unwrap_or_else(|_| {
            let late = "the body did not arrive in time";
            Err(ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "invalid_request",
                late,
            ))
        })
}

/// Parses a JSON body.
///
/// # Errors
/// 400 when it is not JSON, 422 with a pointer when it is not the JSON that is wanted.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let malformed =
        |detail: String| ApiError::new(StatusCode::BAD_REQUEST, "malformed_json", detail);
    if std::str::from_utf8(bytes).is_err() {
        return Err(malformed("the body is not UTF-8".into()));
    }
    if has_nul(bytes) {
        return Err(ApiError::field(
            "",
            "texts may not hold the character U+0000",
        ));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer_of(error.path());
        let inner = error.into_inner();
        match inner.classify() {
            serde_json::error::Category::Data => data_error(&pointer, &inner),
            _ => malformed(inner.to_string()),
        }
    })?;
    reader.end().map_err(|error| malformed(error.to_string()))?;
    // serde would take a list for an object, its items as the fields in order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(ApiError::field("", "must be an object, not a list"));
    }
    Ok(value)
}

/// PostgreSQL has no U+0000 in texts, and mail has none either.
fn has_nul(bytes: &[u8]) -> bool {
    const ESCAPE: &[u8] = b"\\u0000";
    let mut from = 0;
    while let Some(at) = bytes[from..]
        .windows(ESCAPE.len())
        .position(|w| w == ESCAPE)
    {
        let at = from + at;
        let slashes = bytes[..at]
            .iter()
            .rev()
            .take_while(|b| **b == b'\\')
            .count();
        if slashes % 2 == 0 {
            return true;
        }
        from = at + 1;
    }
    false
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |mut pointer, segment| {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
        pointer
    })
}

/// serde names a field that is missing only in its text.
fn data_error(pointer: &str, error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    let text = match text.rfind(" at line ") {
        Some(end) => &text[..end],
        None => text.as_str(),
    };
    let named = |prefix: &str| text.strip_prefix(prefix)?.split('`').next();
    let pointer = match (named("missing field `"), named("unknown field `")) {
        (Some(name), _) => format!("{pointer}/{name}"),
        (_, Some(name)) if !pointer.ends_with(&format!("/{name}")) => format!("{pointer}/{name}"),
        _ => pointer.to_owned(),
    };
    ApiError::field(pointer, text)
}

/// Parameters of the query.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self> {
        let refused = |error: FieldError| {
            ApiError::parameter(error.pointer.trim_start_matches('/'), error.detail)
        };
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            let text = "parameters may not hold the character U+0000";
            return Err(refused(FieldError::new("", text)));
        }
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let text = text
                    .strip_prefix("Failed to deserialize query string: ")
                    .unwrap_or(&text);
                let (name, detail) = match text.split_once(": ") {
                    Some((name, detail)) if !name.contains(' ') => (name, detail),
                    _ => ("", text),
                };
                let named = |prefix: &str| detail.strip_prefix(prefix)?.split('`').next();
                let name = named("unknown field `")
                    .or_else(|| named("missing field `"))
                    .or_else(|| named("duplicate field `"))
                    .unwrap_or(name);
                Err(ApiError::parameter(name, detail))
            }
        }
    }
}

/// The ids in the path, in order. What is no id of ours is simply not there.
pub struct Ids<const N: usize>(pub [String; N]);

impl<const N: usize> FromRequestParts<ApiState> for Ids<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self> {
        let missing = || ApiError::not_found("the resource");
        let Path(ids) = Path::<Vec<String>>::from_request_parts(parts, state)
            .await
            .map_err(|_| missing())?;
        let plain = |id: &String| {
            id.len() <= 64
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        if !ids.iter().all(plain) {
            return Err(missing());
        }
        Ok(Self(ids.try_into().map_err(|_| missing())?))
    }
}

/// Tells a field that is null from one that is not there.
pub fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    <Option<T> as serde::Deserialize>::deserialize(deserializer).map(Some)
}

/// Collects what is wrong with a request, so that all of it is said at once.
#[derive(Default)]
pub(crate) struct Checks(Vec<FieldError>);

impl Checks {
    /// Notes a mistake.
    pub(crate) fn refuse(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError::new(pointer, detail));
    }

    /// Limits that leave something to do.
    pub(crate) fn limits(&mut self, limits: Option<&ProfileLimits>) {
        let Some(limits) = limits else { return };
        for (name, value) in [
            ("max_connections", limits.max_connections.map(u32::from)),
            ("poll_minutes", limits.poll_minutes.map(u32::from)),
            ("download_mb_per_day", limits.download_mb_per_day),
            ("upload_mb_per_day", limits.upload_mb_per_day),
            ("messages_per_day", limits.messages_per_day),
            ("sends_per_minute", limits.sends_per_minute),
            ("recipients_per_day", limits.recipients_per_day),
        ] {
            if value == Some(0) {
                self.refuse(format!("/limits/{name}"), "must be at least 1");
            }
        }
    }

    /// Notes mistakes in settings, with their corrections.
    pub(crate) fn refuse_all(&mut self, refused: Vec<connect::typed::Refused>) {
        self.0.extend(refused.into_iter().map(|refused| FieldError {
            pointer: refused.pointer,
            detail: refused.detail,
            remedy: refused.remedy,
            action: refused.action,
        }));
    }

    /// A text of one line with a length between the two.
    pub(crate) fn line(&mut self, pointer: &str, text: &str, least: usize, most: usize) {
        let length = text.chars().count();
        if length < least {
            self.refuse(pointer, "must not be empty");
        } else if length > most {
            self.refuse(pointer, format!("may have {most} characters at most"));
        } else if text.chars().any(char::is_control) {
            self.refuse(
                pointer,
                "may not hold line breaks or other control characters",
            );
        }
    }

    /// Something that looks like a mail address.
    pub(crate) fn address(&mut self, pointer: &str, text: &str) {
        self.line(pointer, text, 1, 320);
        let good = text
            .rsplit_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        if !text.is_empty() && (!good || text.contains(char::is_whitespace)) {
            self.refuse(pointer, "is not a mail address such as ann@example.com");
        }
    }

    /// Everything noted so far as one error.
    ///
    /// # Errors
    /// 422, when something was noted.
    pub(crate) fn end(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ApiError::fields(self.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only parsed")]
    struct Outer {
        inner: Inner,
        #[serde(default)]
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only parsed")]
    struct Inner {
        port: u16,
    }

    fn pointer(text: &str) -> (u16, String) {
        let problem = parse::<Outer>(text.as_bytes()).unwrap_err().problem();
        let pointer = problem.errors.first().map(|e| e.pointer.clone());
        (problem.status, pointer.unwrap_or_default())
    }

    #[test]
    fn each_mistake_has_its_pointer() {
        assert_eq!(
            pointer(r#"{"inner":{"port":"x"}}"#),
            (422, "/inner/port".into())
        );
        assert_eq!(
            pointer(r#"{"inner":{"prot":1}}"#),
            (422, "/inner/prot".into())
        );
        assert_eq!(pointer(r#"{"inner":{}}"#), (422, "/inner/port".into()));
        assert_eq!(pointer(r#"{"list":[]}"#), (422, "/inner".into()));
        assert_eq!(
            pointer(r#"{"inner":{"port":1},"list":[{"port":1},{"port":-1}]}"#),
            (422, "/list/1/port".into())
        );
        assert_eq!(pointer("[]"), (422, String::new()));
        assert_eq!(pointer(r#"[{"port":1},[]]"#), (422, String::new()));
    }

    #[test]
    fn what_is_no_json_is_400() {
        for text in ["", "{", "{\"inner\"", "nonsense", "{}{}"] {
            let status = parse::<serde_json::Value>(text.as_bytes())
                .unwrap_err()
                .status();
            assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(
            parse::<serde_json::Value>(deep.as_bytes())
                .unwrap_err()
                .status(),
            StatusCode::BAD_REQUEST
        );
    }

    #[test]
    fn an_escaped_nul_is_found_and_an_escaped_backslash_is_not() {
        assert!(has_nul(br#""a\u0000""#));
        assert!(has_nul(br#""a\\\u0000""#));
        assert!(!has_nul(br#""a\\u0000""#));
        assert!(has_nul(br#""a\\u0000 \u0000""#));
    }
}
