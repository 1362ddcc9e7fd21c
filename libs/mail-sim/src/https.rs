//! A web server with a certificate for names of the test's own: pages, redirects, and bodies that do harm.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::net::{Connection, Server, lock};

/// Between two bytes of a slow page.
const DRIP: Duration = Duration::from_millis(200);
/// Sent at once of a large page, in bytes.
const PIECE: usize = 64 * 1024;

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// 200 with this body.
    Body(Vec<u8>),
    /// This status with these headers and no body.
    Status(u16, Vec<(String, String)>),
    /// 302 to this address.
    Redirect(String),
    /// 200 and so many bytes, without saying how many they will be.
    Large(usize),
    /// 200 and one byte after the other, slowly, without end.
    Drip,
    /// No answer.
    Stall,
}

/// Pages by host and path.
#[derive(Debug, Clone, Default)]
pub struct HttpsScript {
    names: Vec<String>,
    pages: Vec<(String, Page)>,
}

impl HttpsScript {
    /// With a certificate for these names.
    pub fn new(names: &[&str]) -> Self {
        Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            pages: Vec::new(),
        }
    }

    /// Puts a page at `host/path`, without a query. `%PORT%` in a redirect becomes the server's own port. Everything else
    /// is 404.
    #[must_use]
    pub fn page(mut self, at: &str, page: Page) -> Self {
        self.pages.push((at.to_owned(), page));
        self
    }
}

/// A running web server: ends when dropped.
pub struct HttpsSim {
    server: Server,
    requests: Arc<Mutex<Vec<String>>>,
}

impl HttpsSim {
    /// Starts it on 127.0.0.1.
    pub fn start(script: HttpsScript) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let pages = Arc::new(script.pages);
        let log = Arc::clone(&requests);
        let names: Vec<&str> = script.names.iter().map(String::as_str).collect();
        let server = Server::start_as(&names, move |connection| {
            serve(connection, Arc::clone(&pages), Arc::clone(&log))
        });
        Self { server, requests }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The authority behind its certificate, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.server.ca_pem
    }

    /// The requests so far: method, host without port, path and query, and then the headers, one line each.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.requests).clone()
    }
}

async fn serve(
    connection: Connection,
    pages: Arc<Vec<(String, Page)>>,
    log: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut connection = connection.encrypt().await?;
    let first = text(&mut connection).await?;
    let mut headers = Vec::new();
    loop {
        let line = text(&mut connection).await?;
        if line.is_empty() {
            break;
        }
        headers.push(line);
    }
    let host = headers.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    });
    let (host, port) = host
        .and_then(|host| host.rsplit_once(':'))
        .unwrap_or((host.unwrap_or(""), "443"));
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let entry = format!("{method} {host}{target}\n{}", headers.join("\n"));
    lock(&log).push(entry);
    let at = format!("{host}{}", target.split('?').next().unwrap_or(""));
    let page = pages.iter().find(|(known, _)| *known == at);
    match page.map(|(_, page)| page) {
        None => status(&mut connection, 404, &[]).await,
        Some(Page::Status(code, headers)) => status(&mut connection, *code, headers).await,
        Some(Page::Redirect(to)) => {
            let to = to.replace("%PORT%", port);
            status(&mut connection, 302, &[("location".to_owned(), to)]).await
        }
        Some(Page::Body(body)) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            connection.send(head).await?;
            connection.send(body).await
        }
        Some(Page::Large(bytes)) => {
            connection
                .send("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
                .await?;
            let piece = vec![b' '; PIECE];
            for _ in 0..bytes.div_ceil(PIECE) {
                connection.send(&piece).await?;
            }
            Ok(())
        }
        Some(Page::Drip) => {
            connection
                .send("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
                .await?;
            loop {
                connection.send(" ").await?;
                tokio::time::sleep(DRIP).await;
            }
        }
        Some(Page::Stall) => connection.stall().await,
    }
}

async fn status(
    connection: &mut Connection,
    code: u16,
    headers: &[(String, String)],
) -> std::io::Result<()> {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let answer = format!(
        "HTTP/1.1 {code} scripted\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n"
    );
    connection.send(answer).await
}

async fn text(connection: &mut Connection) -> std::io::Result<String> {
    Ok(String::from_utf8_lossy(&connection.line().await?)
        .trim_end()
        .to_owned())
}
