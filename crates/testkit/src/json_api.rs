//! Postroom's REST interface as a test sees it: status and JSON.

use std::time::Duration;

use serde_json::Value;

use crate::http::{self, Response, SseReader};

/// A client with a token.
#[derive(Debug, Clone)]
pub struct Api {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The bearer token; none sends no Authorization header.
    pub token: Option<String>,
}

impl Api {
    /// GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> (u16, Value) {
        json(self.send("GET", path, &[], b""))
    }

    /// POST with a JSON body.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send_json("POST", path, &[], body)
    }

    /// PATCH with a JSON body.
    #[track_caller]
    pub fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send_json("PATCH", path, &[], body)
    }

    /// PUT with a JSON body.
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send_json("PUT", path, &[], body)
    }

    /// DELETE.
    #[track_caller]
    pub fn delete(&self, path: &str) -> (u16, Value) {
        json(self.send("DELETE", path, &[], b""))
    }

    /// Any method with a JSON body and further headers (`Idempotency-Key`, `If-Match`).
    #[track_caller]
    pub fn send_json(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> (u16, Value) {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        json(self.send(method, path, &all, body.to_string().as_bytes()))
    }

    /// Any request, the answer as it is.
    ///
    /// # Panics
    /// When nothing answers.
    #[track_caller]
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.try_send(method, path, headers, body)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// Any request to a server that may be away.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Response> {
        let bearer = self.bearer();
        let mut all = headers.to_vec();
        if let Some(bearer) = &bearer {
            all.push(("authorization", bearer));
        }
        http::request(self.port, method, path, &all, body)
    }

    /// Opens a stream of server-sent events, after `last_event_id` where that is not empty.
    #[track_caller]
    pub fn events(&self, path: &str, last_event_id: &str) -> SseReader {
        let id = [("last-event-id", last_event_id)];
        self.stream(
            "GET",
            path,
            if last_event_id.is_empty() { &[] } else { &id },
            b"",
        )
    }

    /// Opens a stream of server-sent events with any request: the steps of a connection test.
    #[track_caller]
    pub fn stream(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> SseReader {
        let bearer = self.bearer();
        let mut all = headers.to_vec();
        if !body.is_empty() {
            all.push(("content-type", "application/json"));
        }
        if let Some(bearer) = &bearer {
            all.push(("authorization", bearer));
        }
        SseReader::open(self.port, method, path, &all, body)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// Asks again and again until `check` finds in the answer what the test waits for.
    ///
    /// # Panics
    /// After `limit`, with the last answer.
    #[track_caller]
    pub fn poll<T>(
        &self,
        path: &str,
        limit: Duration,
        mut check: impl FnMut(u16, &Value) -> Option<T>,
    ) -> T {
        let mut last = String::new();
        let found = crate::postroom::poll_until(limit, || {
            let (status, value) = self.get(path);
            let found = check(status, &value);
            last = format!("{status} {value:#}");
            found
        });
        found.unwrap_or_else(|| panic!("after {limit:?} GET {path} still answers {last}"))
    }

    fn bearer(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {token}"))
    }
}

/// An empty body is null; a body that is not JSON becomes a string, so that a test shows it.
fn json(response: Response) -> (u16, Value) {
    let value = match response.body.as_slice() {
        [] => Value::Null,
        bytes => serde_json::from_slice(bytes).unwrap_or_else(|_| Value::String(response.text())),
    };
    (response.status, value)
}
