//! What every request passes: a trace id, a span, security headers, and a net under panics.

use crate::error::ApiError;
use crate::trace;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use std::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

/// The policy of what is no page: nothing may run, nothing may frame it.
const CSP: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Wraps the whole router.
pub(crate) fn wrap(router: Router) -> Router {
    router
        .layer(CatchPanicLayer::custom(
            |_: Box<dyn std::any::Any + Send>| {
                tracing::error!("a handler panicked");
                ApiError::internal().into_response()
            },
        ))
        .layer(from_fn(around))
}

async fn around(request: Request, next: Next) -> Response {
    let trace_id = trace::id_of(request.headers());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    // The query stays out of the logs: people put secrets there.
    let span = tracing::info_span!("request", %method, path = uri.path(), trace_id);
    let begun = Instant::now();
    let mut response = trace::within(trace_id.clone(), next.run(request))
        .instrument(span.clone())
        .await;
    add_headers(response.headers_mut(), &uri, &trace_id);
    log(&span, &method, &response, begun);
    response
}

fn log(span: &tracing::Span, method: &Method, response: &Response, begun: Instant) {
    let _entered = span.enter();
    let (status, ms) = (
        response.status().as_u16(),
        begun.elapsed().as_millis() as u64,
    );
    if status >= 500 {
        tracing::error!(status, ms, "answered");
    } else if *method == Method::GET {
        tracing::debug!(status, ms, "answered");
    } else {
        tracing::info!(status, ms, "answered");
    }
}

fn add_headers(headers: &mut HeaderMap, uri: &Uri, trace_id: &str) {
    let fixed = |text: &'static str| HeaderValue::from_static(text);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(CSP);
    if uri.path().starts_with("/v1") {
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(fixed("no-store"));
    }
    if let Ok(value) = HeaderValue::from_str(trace_id) {
        headers.insert(trace::REQUEST_ID, value);
    }
}
