//! The trace id of a request: taken over from the caller or made here, and at hand wherever the request is worked on.

use axum::http::{HeaderMap, HeaderName};
use std::future::Future;

/// Where the trace id travels.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest trace id that is taken over from the caller.
const TRACE_ID_BYTES: usize = 64;

tokio::task_local! {
    static TRACE_ID: String;
}

/// The trace id of the request at work; empty outside of one.
pub(crate) fn id() -> String {
    TRACE_ID.try_with(Clone::clone).unwrap_or_default()
}

/// The trace id for a request with these headers.
pub(crate) fn id_of(headers: &HeaderMap) -> String {
    taken_over(headers).unwrap_or_else(fresh)
}

/// Works on a request under its trace id.
pub(crate) fn within<F: Future>(trace_id: String, work: F) -> impl Future<Output = F::Output> {
    TRACE_ID.scope(trace_id, work)
}

fn taken_over(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(&REQUEST_ID)?.to_str().ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (!text.is_empty() && text.len() <= TRACE_ID_BYTES && text.bytes().all(plain))
        .then(|| text.to_owned())
}

fn fresh() -> String {
    use std::fmt::Write as _;
    let mut bytes = [0u8; 12];
    // Without randomness the id is a row of zeros: it is only for finding log lines.
    let _ = getrandom::fill(&mut bytes);
    bytes
        .iter()
        .fold(String::with_capacity(24), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
