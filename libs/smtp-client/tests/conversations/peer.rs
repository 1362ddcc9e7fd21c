//! Servers at the other end of a pipe: scripted ones, and some that no script can play.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use mail_net::Stream;
use testkit::script;
pub use testkit::script::{Peer, Step};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf, duplex,
};

/// Plays a script; after it the client may only hang up.
pub fn play(steps: &[Step]) -> (Stream, Peer) {
    let (io, peer) = script::play(steps);
    (Stream::from_io(io), peer)
}

/// The same, one byte at a time.
pub fn play_bytewise(steps: &[Step]) -> (Stream, Peer) {
    let (io, peer) = script::play_bytewise(steps);
    (Stream::from_io(io), peer)
}

/// A server whose first line begins like this and never ends.
pub fn play_endless_line(start: &'static str) -> (Stream, Peer) {
    let (io, peer) = script::play_endless_line(start);
    (Stream::from_io(io), peer)
}

/// A server that accepts everything and reads a command only when its last reply is out, over a narrow pipe.
pub fn play_yes_to_everything() -> (Stream, Peer) {
    let (ours, theirs) = duplex(8 * 1024);
    let task = async move {
        let mut io = BufReader::new(theirs);
        let mut text = String::new();
        io.write_all(b"220 mx\r\n").await.expect("a write");
        while io.read_line(&mut text).await.expect("a line") > 0 {
            let reply: &[u8] = match text.trim_end() {
                "EHLO me" => b"250-mx\r\n250 PIPELINING\r\n",
                "DATA" => b"354 go\r\n",
                "x" => b"",
                _ => b"250 2.0.0 yes, with some words to fill the pipe\r\n",
            };
            io.write_all(reply).await.expect("a write");
            text.clear();
        }
    };
    (Stream::from_io(ours), tokio::spawn(task).into())
}

/// A body that breaks after its first bytes.
pub struct BrokenBody {
    given: bool,
}

impl BrokenBody {
    pub fn new() -> BrokenBody {
        BrokenBody { given: false }
    }
}

impl AsyncRead for BrokenBody {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if std::mem::replace(&mut self.given, true) {
            return Poll::Ready(Err(io::Error::other("the disk is gone")));
        }
        buf.put_slice(b"half a line");
        Poll::Ready(Ok(()))
    }
}

/// A connection that has all its replies ready, takes so many bytes and then breaks.
pub struct TakesOnly {
    replies: &'static [u8],
    bytes: usize,
}

impl TakesOnly {
    pub fn new(replies: &'static [u8], bytes: usize) -> TakesOnly {
        TakesOnly { replies, bytes }
    }
}

impl AsyncRead for TakesOnly {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (now, later) = self
            .replies
            .split_at(self.replies.len().min(buf.remaining()));
        buf.put_slice(now);
        self.replies = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TakesOnly {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = bytes.len().min(self.bytes);
        self.bytes -= count;
        Poll::Ready(if count == 0 {
            Err(io::ErrorKind::BrokenPipe.into())
        } else {
            Ok(count)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
