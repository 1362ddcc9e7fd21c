//! A webhook receiver: records every request and answers as scripted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::net::{Connection, Server, lock};

/// How often [`HookSim::wait`] looks.
const POLL_EVERY: Duration = Duration::from_millis(5);

/// How a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// With this status and an empty body.
    Status(u16),
    /// With this status and these headers (`Retry-After`, `Location`).
    Headers(u16, Vec<(String, String)>),
    /// With 200 and a body that never ends.
    EndlessBody,
    /// Not at all; the connection stays open.
    Stall,
    /// The connection is closed without an answer.
    Close,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct HookRequest {
    /// `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// When it had come whole.
    pub at: Instant,
    /// How it was answered.
    pub reaction: Reaction,
}

impl HookRequest {
    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A running receiver.
pub struct HookSim {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    requests: Mutex<Vec<HookRequest>>,
    queue: Mutex<VecDeque<Reaction>>,
    usual: Mutex<Reaction>,
}

impl HookSim {
    /// Starts it: the first requests are answered from `script`, all later ones with 204.
    pub fn start(script: &[Reaction]) -> Self {
        let shared = Arc::new(Shared {
            requests: Mutex::default(),
            queue: Mutex::new(script.iter().cloned().collect()),
            usual: Mutex::new(Reaction::Status(204)),
        });
        let state = Arc::clone(&shared);
        let server = Server::start(move |connection| serve(connection, Arc::clone(&state)));
        Self { server, shared }
    }

    /// The same with statuses only.
    pub fn with_statuses(statuses: &[u16]) -> Self {
        Self::start(
            &statuses
                .iter()
                .map(|status| Reaction::Status(*status))
                .collect::<Vec<_>>(),
        )
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// Its URL: `http://127.0.0.1:PORT/hook`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port())
    }

    /// The requests so far, in order.
    pub fn requests(&self) -> Vec<HookRequest> {
        lock(&self.shared.requests).clone()
    }

    /// Answers every request in this way once the script is used up.
    pub fn set_usual(&self, reaction: Reaction) {
        *lock(&self.shared.usual) = reaction;
    }

    /// Waits, blocking the thread, until so many requests have come; returns all there are by then or by `limit`.
    pub fn wait(&self, count: usize, limit: Duration) -> Vec<HookRequest> {
        let since = Instant::now();
        while lock(&self.shared.requests).len() < count && since.elapsed() < limit {
            std::thread::sleep(POLL_EVERY);
        }
        self.requests()
    }

    /// The same without blocking the thread.
    pub async fn wait_async(&self, count: usize, limit: Duration) -> Vec<HookRequest> {
        let since = Instant::now();
        while lock(&self.shared.requests).len() < count && since.elapsed() < limit {
            tokio::time::sleep(POLL_EVERY).await;
        }
        self.requests()
    }
}

/// Serves requests one after the other until the client goes away.
async fn serve(mut connection: Connection, shared: Arc<Shared>) -> std::io::Result<()> {
    while let Some(mut request) = read(&mut connection).await? {
        let next = lock(&shared.queue).pop_front();
        let reaction = next.unwrap_or_else(|| lock(&shared.usual).clone());
        request.reaction = reaction.clone();
        lock(&shared.requests).push(request);
        match reaction {
            Reaction::Status(status) => answer(&mut connection, status, &[]).await?,
            Reaction::Headers(status, headers) => answer(&mut connection, status, &headers).await?,
            Reaction::EndlessBody => {
                connection.send("HTTP/1.1 200 OK\r\n\r\n").await?;
                connection.send_for_ever(b'x').await?;
            }
            Reaction::Stall => return connection.stall().await,
            Reaction::Close => return Ok(()),
        }
    }
    Ok(())
}

async fn answer(
    connection: &mut Connection,
    status: u16,
    headers: &[(String, String)],
) -> std::io::Result<()> {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    // 204 has no body and no length (RFC 9110 section 8.6).
    let length = if status == 204 {
        ""
    } else {
        "content-length: 0\r\n"
    };
    connection
        .send(format!(
            "HTTP/1.1 {status} scripted\r\n{length}{headers}\r\n"
        ))
        .await
}

async fn read(connection: &mut Connection) -> std::io::Result<Option<HookRequest>> {
    let first = text(connection).await?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut headers = Vec::new();
    loop {
        let line = text(connection).await?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let find = |wanted: &str| {
        headers
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.clone())
    };
    let mut body = Vec::new();
    if let Some(length) = find("content-length").and_then(|n| n.parse().ok()) {
        body = connection.bytes(length).await?;
    } else if find("transfer-encoding").is_some() {
        loop {
            let size = usize::from_str_radix(text(connection).await?.trim(), 16).unwrap_or(0);
            body.extend(connection.bytes(size).await?);
            text(connection).await?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(Some(HookRequest {
        method,
        path,
        headers,
        body,
        at: Instant::now(),
        reaction: Reaction::Close,
    }))
}

async fn text(connection: &mut Connection) -> std::io::Result<String> {
    Ok(String::from_utf8_lossy(&connection.line().await?)
        .trim_end()
        .to_owned())
}
