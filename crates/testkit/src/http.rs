//! A small blocking HTTP/1.1 client for plain http on loopback: one request per connection, and a reader of
//! server-sent events.

use std::io::{BufRead, BufReader, Error, Result, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// How long a server may stay silent within one answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server answered.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request to 127.0.0.1 and reads the whole answer.
pub(crate) fn request(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let (mut response, mut reader) = open(port, method, path, headers, body)?;
    if method != "HEAD" && !matches!(response.status, 204 | 304) {
        response.body = read_body(&response, &mut reader)?;
    }
    Ok(response)
}

/// Sends a request and reads the answer's head; the body is still to be read.
fn open(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(Response, BufReader<TcpStream>)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut message = head.into_bytes();
    message.extend_from_slice(body);
    // A server may refuse a large body before it has read it all; its answer counts, not our broken pipe.
    let sent = stream.write_all(&message);
    let mut reader = BufReader::new(stream);
    match read_head(&mut reader) {
        Ok(response) => Ok((response, reader)),
        Err(e) => Err(sent.err().unwrap_or(e)),
    }
}

fn read_head(reader: &mut impl BufRead) -> Result<Response> {
    let status = line(reader)?;
    let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| Error::other("the answer is not HTTP"))?;
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            return Ok(Response {
                status,
                headers,
                body: Vec::new(),
            });
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

fn read_body(response: &Response, reader: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    if is_chunked(response) {
        while let Some(chunk) = read_chunk(reader)? {
            body.extend_from_slice(&chunk);
        }
    } else if let Some(length) = response
        .header("content-length")
        .and_then(|n| n.parse().ok())
    {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
    } else {
        reader.read_to_end(&mut body)?;
    }
    Ok(body)
}

fn is_chunked(response: &Response) -> bool {
    response
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
}

/// One chunk (RFC 9112 section 7.1); none after the last.
fn read_chunk(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let size = line(reader)?;
    let size = usize::from_str_radix(size.split(';').next().unwrap_or("").trim(), 16)
        .map_err(Error::other)?;
    let mut chunk = vec![0; size];
    reader.read_exact(&mut chunk)?;
    line(reader)?;
    Ok((size > 0).then_some(chunk))
}

fn line(reader: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(Error::other("the server closed the connection"));
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

/// One server-sent event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// `id:`, empty where there is none.
    pub id: String,
    /// `event:`, empty where there is none.
    pub event: String,
    /// `data:`, lines joined.
    pub data: String,
}

impl SseEvent {
    /// The data as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data)
            .unwrap_or_else(|e| panic!("the event's data is not JSON ({e}): {}", self.data))
    }
}

/// An open stream of server-sent events.
pub struct SseReader {
    /// The status code of the answer; 200 for a stream.
    pub status: u16,
    reader: BufReader<TcpStream>,
    chunked: bool,
    text: Vec<u8>,
}

impl SseReader {
    pub(crate) fn open(
        port: u16,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Self> {
        let mut headers = headers.to_vec();
        headers.push(("accept", "text/event-stream"));
        let (response, reader) = open(port, method, path, &headers, body)?;
        Ok(Self {
            status: response.status,
            reader,
            chunked: is_chunked(&response),
            text: Vec::new(),
        })
    }

    /// The next event; none when the stream ended or nothing came within `limit`. Comments are skipped.
    pub fn next(&mut self, limit: Duration) -> Option<SseEvent> {
        self.reader.get_ref().set_read_timeout(Some(limit)).ok()?;
        loop {
            while let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                let event = parse_event(&String::from_utf8_lossy(&block));
                // Without data it is no event: a comment, or only a new Last-Event-ID.
                if !event.data.is_empty() {
                    return Some(event);
                }
            }
            let more = if self.chunked {
                read_chunk(&mut self.reader).ok()??
            } else {
                let bytes = self.reader.fill_buf().ok()?.to_vec();
                self.reader.consume(bytes.len());
                bytes
            };
            if more.is_empty() {
                return None;
            }
            self.text
                .extend(more.into_iter().filter(|byte| *byte != b'\r'));
        }
    }
}

fn parse_event(block: &str) -> SseEvent {
    let mut event = SseEvent::default();
    for line in block.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => event.id = value.to_owned(),
            "event" => event.event = value.to_owned(),
            "data" if event.data.is_empty() => event.data = value.to_owned(),
            "data" => event.data = format!("{}\n{value}", event.data),
            _ => {}
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::{SseEvent, parse_event, read_chunk};

    #[test]
    fn an_event_has_its_fields() {
        let event =
            parse_event(": hello\nid: 7\nevent: message.received\ndata: {\"a\":\ndata: 1}\n\n");
        assert_eq!(
            event,
            SseEvent {
                id: "7".into(),
                event: "message.received".into(),
                data: "{\"a\":\n1}".into()
            }
        );
    }

    #[test]
    fn chunks_are_joined_until_the_empty_one() {
        let mut from: &[u8] = b"3;x=y\r\nabc\r\n0\r\n\r\n";
        assert_eq!(read_chunk(&mut from).expect("chunk"), Some(b"abc".to_vec()));
        assert_eq!(read_chunk(&mut from).expect("end"), None);
    }
}
