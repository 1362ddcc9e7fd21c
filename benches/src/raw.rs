//! A bare IMAP connection over TLS: the floor under every client. It finds lines and skips literals, no more.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use testkit::{TestUser, servers};

const PATIENCE: Duration = Duration::from_secs(600);
/// Read from the socket at once: rustls itself asks for 4 KB.
const SOCKET_BUFFER: usize = 128 * 1024;
/// Read from TLS at once: the size of its records.
const TLS_BUFFER: usize = 16 * 1024;

/// A connection that is signed in.
pub struct RawImap {
    stream: BufReader<StreamOwned<ClientConnection, Socket>>,
}

impl RawImap {
    /// Connects over TLS and signs in.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn login(user: &TestUser) -> Self {
        let socket =
            TcpStream::connect(("127.0.0.1", servers().imaps_port)).expect("Dovecot listens");
        socket.set_nodelay(true).expect("a socket takes options");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket takes options");
        let name = ServerName::try_from("localhost").expect("a host name");
        let tls = ClientConnection::new(tls_config(), name).expect("a TLS client");
        let stream = StreamOwned::new(tls, Socket::new(socket));
        let mut this = Self {
            stream: BufReader::with_capacity(TLS_BUFFER, stream),
        };
        let mut greeting = Vec::new();
        this.line(&mut greeting);
        this.command(&format!("LOGIN {} {}", user.address, user.password));
        this
    }

    /// Sends a command and reads its answer; returns how many bytes came.
    ///
    /// # Panics
    /// When the answer is not OK.
    pub fn command(&mut self, command: &str) -> u64 {
        self.send(&format!("r {command}\r\n"));
        let mut total = 0;
        let mut line = Vec::new();
        loop {
            self.line(&mut line);
            total += line.len() as u64;
            if let Some(length) = literal(&line) {
                total += length;
                self.skip(length);
            } else if line.starts_with(b"r ") {
                let text = String::from_utf8_lossy(&line);
                assert!(text.starts_with("r OK"), "{command}: {text}");
                return total;
            }
        }
    }

    /// Goes into IDLE on the folder that is open.
    pub fn idle(&mut self) {
        self.send("r IDLE\r\n");
        let mut line = Vec::new();
        while !line.starts_with(b"+") {
            self.line(&mut line);
        }
    }

    /// In IDLE: waits until the server says how many messages there are; returns when it said so.
    pub fn next_exists(&mut self) -> Instant {
        let mut line = Vec::new();
        loop {
            self.line(&mut line);
            if line.ends_with(b" EXISTS\r\n") {
                return Instant::now();
            }
        }
    }

    fn send(&mut self, text: &str) {
        let stream = self.stream.get_mut();
        stream
            .write_all(text.as_bytes())
            .and_then(|()| stream.flush())
            .expect("Dovecot reads");
    }

    fn line(&mut self, line: &mut Vec<u8>) {
        line.clear();
        let read = self
            .stream
            .read_until(b'\n', line)
            .expect("Dovecot answers");
        assert!(read > 0, "Dovecot closed the connection");
    }

    fn skip(&mut self, mut length: u64) {
        while length > 0 {
            let there = self.stream.fill_buf().expect("Dovecot answers").len() as u64;
            assert!(there > 0, "Dovecot closed the connection");
            let some = there.min(length);
            self.stream.consume(some as usize);
            length -= some;
        }
    }
}

/// Reads the whole INBOX once; returns how many bytes came.
pub fn read_everything(user: &TestUser) -> u64 {
    let mut imap = RawImap::login(user);
    imap.command("EXAMINE INBOX");
    imap.command("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
}

/// The length in `{123}` at the end of a line.
fn literal(line: &[u8]) -> Option<u64> {
    let rest = line.strip_suffix(b"}\r\n")?;
    let start = rest.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&rest[start + 1..]).ok()?.parse().ok()
}

fn tls_config() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let authority =
        CertificateDer::from_pem_file(&servers().ca_pem_path).expect("the test authority");
    roots.add(authority).expect("the test authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A socket that reads ahead.
struct Socket {
    reader: BufReader<TcpStream>,
}

impl Socket {
    fn new(stream: TcpStream) -> Self {
        Self {
            reader: BufReader::with_capacity(SOCKET_BUFFER, stream),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(into)
    }
}

impl Write for Socket {
    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        self.reader.get_ref().write(from)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.reader.get_ref().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn a_literal_is_at_the_end_of_a_line() {
        assert_eq!(literal(b"* 1 FETCH (BODY[] {42}\r\n"), Some(42));
        assert_eq!(literal(b"* 1 EXISTS\r\n"), None);
        assert_eq!(literal(b"* OK {x}\r\n"), None);
    }
}
