//! HTTP load: some connections that are kept, each asking again as soon as it has its answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use model::{Clock, fresh_id};
use testkit::Api;

use crate::meter::percentile;

/// Not counted: connections are made, caches fill.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Requests in a second.
    pub rate: f64,
    /// Milliseconds for half of them.
    pub middle: f64,
    /// Milliseconds for 99 of 100.
    pub tail: f64,
    /// Bytes of answers in a second.
    pub bytes_per_second: f64,
}

/// Asks for a path with so many connections for so long.
///
/// # Panics
/// When an answer is not 200.
pub fn run(api: &Api, path: &str, connections: usize, time: Duration) -> Load {
    let token = api.token.as_deref().unwrap_or_default();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nauthorization: Bearer {token}\r\n\r\n",
        api.port
    );
    let port = api.port;
    let begin = Instant::now() + WARM_UP;
    let results: Vec<(Vec<f64>, u64)> = thread::scope(|scope| {
        let request = request.as_bytes();
        let workers: Vec<_> = (0..connections)
            .map(|_| scope.spawn(move || ask(port, request, begin, begin + time)))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("every answer is 200"))
            .collect()
    });
    let bytes: u64 = results.iter().map(|(_, bytes)| bytes).sum();
    let mut times: Vec<f64> = results.into_iter().flat_map(|(times, _)| times).collect();
    assert!(!times.is_empty(), "no answer to {path} in {time:?}");
    Load {
        rate: times.len() as f64 / time.as_secs_f64(),
        middle: percentile(&mut times, 0.5),
        tail: percentile(&mut times, 0.99),
        bytes_per_second: bytes as f64 / time.as_secs_f64(),
    }
}

/// POSTs JSON bodies over so many connections, each number below `count` once, and waits for all answers.
///
/// # Panics
/// When an answer is not 202.
pub fn submit(
    api: &Api,
    path: &str,
    connections: usize,
    count: usize,
    body: impl Fn(usize) -> String + Sync,
) {
    let token = api.token.as_deref().unwrap_or_default();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n",
        api.port
    );
    let run = fresh_id("run", Clock::system().now());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut reader = connect(api.port);
                let mut answer = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let body = body(number);
                    let length = body.len();
                    let request = format!(
                        "{head}idempotency-key: {run}-{number}\r\ncontent-length: {length}\r\n\r\n{body}"
                    );
                    exchange(&mut reader, request.as_bytes(), "202", &mut answer);
                }
            });
        }
    });
}

fn connect(port: u16) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_nodelay(true).expect("a socket takes options");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a socket takes options");
    BufReader::with_capacity(256 * 1024, stream)
}

/// Sends a request and reads its whole answer, which has this status.
fn exchange(reader: &mut BufReader<TcpStream>, request: &[u8], status: &str, body: &mut Vec<u8>) {
    reader
        .get_ref()
        .write_all(request)
        .expect("the server reads");
    body.resize(read_head(reader, status), 0);
    reader.read_exact(body).expect("the whole body comes");
}

/// One connection: the milliseconds of each answer that came in time, and the bytes of all of them.
fn ask(port: u16, request: &[u8], begin: Instant, end: Instant) -> (Vec<f64>, u64) {
    let mut reader = connect(port);
    let (mut times, mut bytes) = (Vec::new(), 0);
    let mut body = Vec::new();
    loop {
        let asked = Instant::now();
        exchange(&mut reader, request, "200", &mut body);
        let now = Instant::now();
        if now > end {
            return (times, bytes);
        }
        if asked >= begin {
            times.push((now - asked).as_secs_f64() * 1_000.0);
            bytes += body.len() as u64;
        }
    }
}

/// Reads the head of an answer with this status; returns the length of its body.
fn read_head(reader: &mut BufReader<TcpStream>, status: &str) -> usize {
    let mut line = String::new();
    reader.read_line(&mut line).expect("the server answers");
    assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{line}");
    let mut length = None;
    loop {
        line.clear();
        reader.read_line(&mut line).expect("the server answers");
        let Some((name, value)) = line.split_once(':') else {
            return length.expect("the answer tells its length");
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        }
    }
}
