//! Sockets, TLS and threads for the simulators.

use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::tls::{self, Acceptor, Identity};

/// How a simulator encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    /// Not at all; STARTTLS is not offered.
    #[default]
    None,
    /// STARTTLS is offered.
    Starttls,
    /// From the first byte.
    Implicit,
}

/// The longest line that a client may send, in bytes.
const LINE_LIMIT: u64 = 1_000_000;
/// Sent again and again by what never ends, in bytes.
const CHUNK: usize = 16 * 1024;

/// A listening simulator: ends when dropped.
pub(crate) struct Server {
    pub port: u16,
    /// The authority that signed the certificate for localhost and 127.0.0.1, as PEM.
    pub ca_pem: String,
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1 and serves every connection in a thread of the simulator's own.
    pub fn start<F, Fut>(serve: F) -> Self
    where
        F: Fn(Connection) -> Fut + Send + 'static,
        Fut: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        Self::start_as(&["localhost", "127.0.0.1"], serve)
    }

    /// The same with a certificate for these names.
    pub fn start_as<F, Fut>(names: &[&str], serve: F) -> Self
    where
        F: Fn(Connection) -> Fut + Send + 'static,
        Fut: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Self::start_with(&Identity { names, fault: None }, serve)
    }

    /// The same, proving itself as told.
    pub fn start_with<F, Fut>(identity: &Identity, serve: F) -> Self
    where
        F: Fn(Connection) -> Fut + Send + 'static,
        Fut: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let (acceptor, ca_pem) = tls::make(identity);
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener
            .local_addr()
            .expect("a bound socket has an address")
            .port();
        listener
            .set_nonblocking(true)
            .expect("a socket takes options");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listening socket");
                let accept = async {
                    loop {
                        let Ok((stream, _)) = listener.accept().await else {
                            continue;
                        };
                        let _ = stream.set_nodelay(true);
                        // A client that goes away is not worth a word: the test knows.
                        tokio::spawn(serve(Connection::new(stream, acceptor.clone())));
                    }
                };
                tokio::select! {
                    _ = stopped => {}
                    () = accept => {}
                }
            });
        });
        Self {
            port,
            ca_pem,
            _stop: stop,
        }
    }
}

pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// One client.
pub(crate) struct Connection {
    socket: BufReader<Box<dyn Socket>>,
    acceptor: Acceptor,
    pub encrypted: bool,
}

impl Connection {
    fn new(stream: TcpStream, acceptor: Acceptor) -> Self {
        Self {
            socket: BufReader::new(Box::new(stream)),
            acceptor,
            encrypted: false,
        }
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.socket.write_all(bytes.as_ref()).await?;
        self.socket.flush().await
    }

    /// One line with its end; empty at the end of the connection. Only LF ends it: what came before shows whether CR did.
    pub async fn line(&mut self) -> std::io::Result<Vec<u8>> {
        let mut line = Vec::new();
        (&mut self.socket)
            .take(LINE_LIMIT)
            .read_until(b'\n', &mut line)
            .await?;
        Ok(line)
    }

    /// What the client sent and nobody read yet, at least one byte of it; empty at the end of the connection.
    pub async fn ahead(&mut self) -> std::io::Result<&[u8]> {
        self.socket.fill_buf().await
    }

    /// Exactly so many bytes.
    pub async fn bytes(&mut self, length: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.socket.read_exact(&mut bytes).await?;
        Ok(bytes)
    }

    /// The server's side of a TLS handshake; what was read ahead is lost, as it should be.
    pub async fn encrypt(self) -> std::io::Result<Self> {
        let Self {
            socket, acceptor, ..
        } = self;
        let stream = acceptor.accept(socket.into_inner()).await?;
        Ok(Self {
            socket: BufReader::new(Box::new(stream)),
            acceptor,
            encrypted: true,
        })
    }

    /// From here on both directions are compressed.
    pub fn compress(self) -> Self {
        let ahead = self.socket.buffer().to_vec();
        let plain = crate::deflate::start(self.socket.into_inner(), ahead);
        Self {
            socket: BufReader::new(Box::new(plain)),
            ..self
        }
    }

    /// Sends one byte again and again until the client goes away.
    pub async fn send_for_ever(&mut self, byte: u8) -> std::io::Result<()> {
        let chunk = [byte; CHUNK];
        loop {
            self.send(chunk).await?;
        }
    }

    /// Says nothing until the client goes away.
    pub async fn stall(&mut self) -> std::io::Result<()> {
        let mut ignored = [0; CHUNK];
        while self.socket.read(&mut ignored).await? > 0 {}
        Ok(())
    }
}

/// Locks what only a panicking test could have poisoned.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that look random and are the same every time.
pub(crate) fn nonsense(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(length);
    for _ in 0..length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.push(state.to_be_bytes()[0]);
    }
    bytes
}
