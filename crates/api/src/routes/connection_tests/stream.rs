//! A report as one answer, or step by step as server-sent events.

use crate::error::{ApiError, Result};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use model::report::Step;
use serde::Serialize;
use std::future::Future;
use std::time::Duration;
use tokio::sync::mpsc;

/// A sign of life while a step takes long.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Whether the caller wants server-sent events.
pub(crate) fn wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

/// One server-sent event.
pub(crate) fn event<T: Serialize>(name: &str, id: Option<&str>, data: &T) -> Bytes {
    let mut text = Vec::with_capacity(512);
    if let Some(id) = id {
        text.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    text.extend_from_slice(format!("event: {name}\ndata: ").as_bytes());
    // JSON has no line breaks of its own.
    if let Err(error) = serde_json::to_writer(&mut text, data) {
        tracing::error!(%error, "an event could not be written as JSON");
    }
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// A response of server-sent events.
pub(crate) fn response(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies must not collect events.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Runs the report to its end, even if the caller goes away, and answers as the caller likes.
pub(crate) async fn answer<T: Serialize + Send + 'static>(
    headers: &HeaderMap,
    status: StatusCode,
    steps: mpsc::Receiver<Step>,
    report: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<Response> {
    let running = tokio::spawn(report);
    if !wanted(headers) {
        drop(steps);
        let report = running.await.map_err(|_| ApiError::internal())??;
        return Ok((status, axum::Json(report)).into_response());
    }
    let events = stream::unfold((steps, Some(running)), |(mut steps, running)| async move {
        let mut running = running?;
        tokio::select! {
            biased;
            Some(step) = steps.recv() => Some((event("step", None, &step), (steps, Some(running)))),
            ended = &mut running => {
                let mut text = Vec::new();
                while let Ok(step) = steps.try_recv() {
                    text.extend_from_slice(&event("step", None, &step));
                }
                text.extend_from_slice(&match ended {
                    Ok(Ok(report)) => event("report", None, &report),
                    Ok(Err(error)) => event("problem", None, &error.problem()),
                    Err(_) => event("problem", None, &ApiError::internal().problem()),
                });
                Some((text.into(), (steps, None)))
            }
            () = tokio::time::sleep(HEARTBEAT) => {
                Some((Bytes::from_static(b": still at it\n\n"), (steps, Some(running))))
            }
        }
    });
    let events = futures_util::StreamExt::map(events, Ok::<_, std::convert::Infallible>);
    Ok(response(Body::from_stream(events)))
}
