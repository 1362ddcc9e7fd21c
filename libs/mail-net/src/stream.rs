//! One connection to a mail server, plain or inside TLS.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::certificate::CertificateInfo;

/// What was agreed in the TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsInfo {
    /// Such as `TLSv1.3`.
    pub version: String,
    /// Such as `TLS13_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// The server's own certificate.
    pub certificate: CertificateInfo,
    /// How many certificates the server showed, its own included.
    pub chain_length: usize,
}

/// A connection; reads and writes go through TLS once [`crate::Net::tls`] has been passed.
pub struct Stream {
    inner: Inner,
    peer: Option<SocketAddr>,
}

enum Inner {
    Plain(Transport),
    // Boxed: a TLS state is large, and a stream moves into tasks and sessions.
    Tls(Box<Secured>),
}

struct Secured {
    io: TlsStream<Transport>,
    info: TlsInfo,
}

/// What carries the bytes, with read-ahead below TLS: rustls asks for 4 KB at a time, and a system call for each of
/// those costs more than the decryption.
pub(crate) struct Transport {
    carrier: Carrier,
    /// `ahead[at..end]` has been read from the carrier but not handed on. Empty while the peer is silent.
    ahead: Vec<u8>,
    at: usize,
    end: usize,
    reads_ahead: bool,
}

/// A socket, or anything else that carries bytes (tests, proxies).
enum Carrier {
    Tcp(TcpStream),
    Other(Box<dyn Duplex>),
}

/// How much is read ahead below TLS.
const READ_AHEAD: usize = 64 << 10;

/// Bytes both ways.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Duplex for T {}

impl Stream {
    pub(crate) fn from_tcp(tcp: TcpStream) -> io::Result<Stream> {
        Ok(Stream {
            peer: Some(tcp.peer_addr()?),
            inner: Inner::Plain(Transport::new(Carrier::Tcp(tcp))),
        })
    }

    /// Wraps any two-way byte stream, for tests and for connections made elsewhere. It passed no policy.
    pub fn from_io(io: impl AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static) -> Stream {
        Stream {
            inner: Inner::Plain(Transport::new(Carrier::Other(Box::new(io)))),
            peer: None,
        }
    }

    /// A stream that is always at its end: a placeholder while the real one is being upgraded.
    pub fn closed() -> Stream {
        Stream::from_io(tokio::io::empty())
    }

    pub(crate) fn secured(
        io: TlsStream<Transport>,
        info: TlsInfo,
        peer: Option<SocketAddr>,
    ) -> Stream {
        Stream {
            inner: Inner::Tls(Box::new(Secured { io, info })),
            peer,
        }
    }

    /// The transport of a plain stream; `None` when it is already inside TLS.
    pub(crate) fn into_transport(self) -> Option<Transport> {
        match self.inner {
            Inner::Plain(transport) => Some(transport),
            Inner::Tls(_) => None,
        }
    }

    /// The address at the other end; `None` for a stream made by [`Stream::from_io`].
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// What TLS agreed on; `None` while the stream is plain.
    pub fn tls_info(&self) -> Option<&TlsInfo> {
        match &self.inner {
            Inner::Plain(_) => None,
            Inner::Tls(secured) => Some(&secured.info),
        }
    }

    /// Whether the bytes are protected.
    pub fn is_tls(&self) -> bool {
        matches!(self.inner, Inner::Tls(_))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("peer", &self.peer)
            .field("tls", &self.tls_info())
            .finish()
    }
}

/// Hands a poll function on to whichever stream there is.
macro_rules! forward {
    ($self:ident, $enum:ident, $io:ident => $call:expr) => {
        match &mut $self.get_mut().inner {
            Inner::Plain(io) => {
                let $io = Pin::new(io);
                $call
            }
            Inner::Tls(secured) => {
                let $io = Pin::new(&mut secured.io);
                $call
            }
        }
    };
    ($self:ident, $io:ident => $call:expr) => {
        match &mut $self.get_mut().carrier {
            Carrier::Tcp(io) => {
                let $io = Pin::new(io);
                $call
            }
            Carrier::Other(io) => {
                let $io = Pin::new(io);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        forward!(self, Inner, io => io.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        forward!(self, Inner, io => io.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, Inner, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, Inner, io => io.poll_shutdown(cx))
    }
}

impl Transport {
    fn new(carrier: Carrier) -> Transport {
        Transport {
            carrier,
            ahead: Vec::new(),
            at: 0,
            end: 0,
            reads_ahead: false,
        }
    }

    /// From here on reads may take more from the carrier than was asked for.
    pub(crate) fn read_ahead(mut self) -> Transport {
        self.reads_ahead = true;
        self
    }

    fn hand_on(&mut self, buf: &mut ReadBuf<'_>) {
        let count = buf.remaining().min(self.end - self.at);
        buf.put_slice(&self.ahead[self.at..self.at + count]);
        self.at += count;
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.at < this.end {
            this.hand_on(buf);
            return Poll::Ready(Ok(()));
        }
        if !this.reads_ahead {
            return this.carrier.poll_read(cx, buf);
        }
        this.ahead.resize(READ_AHEAD, 0);
        let mut ahead = ReadBuf::new(&mut this.ahead);
        match this.carrier.poll_read(cx, &mut ahead) {
            Poll::Ready(Ok(())) => {
                (this.at, this.end) = (0, ahead.filled().len());
                this.hand_on(buf);
                Poll::Ready(Ok(()))
            }
            outcome => {
                // Nothing there: an idle connection must not keep the buffer.
                this.ahead = Vec::new();
                (this.at, this.end) = (0, 0);
                outcome
            }
        }
    }
}

impl Carrier {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Carrier::Tcp(io) => Pin::new(io).poll_read(cx, buf),
            Carrier::Other(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        forward!(self, io => io.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, io => io.poll_shutdown(cx))
    }
}
