//! A scripted server at the other end of a pipe.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use mail_net::Stream;
use smtp_client::Session;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream,
    ReadBuf, duplex,
};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// One thing that the server does.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Sends this.
    Say(&'static str),
    /// Demands exactly this line.
    Hear(&'static str),
    /// Takes any line.
    HearAny,
    /// Demands that the client hangs up without another byte.
    NoMore,
    /// Hangs up.
    Close,
    /// Does nothing any more, and keeps the connection.
    Stall,
}

/// The server's task.
pub struct Peer(JoinHandle<()>);

impl Peer {
    /// Ends the client's side, then waits for the rest of the script.
    pub async fn finish(self, session: Session) {
        drop(session);
        self.done().await;
    }

    /// Waits for the end of the script.
    pub async fn done(self) {
        timeout(Duration::from_secs(10), self.0)
            .await
            .expect("the script came to its end")
            .expect("the script was followed");
    }

    /// Gives up a server that stalls.
    pub fn abandon(self) {
        self.0.abort();
    }
}

/// Plays a script; after it the client may only hang up.
pub fn play(steps: &[Step]) -> (Stream, Peer) {
    start(steps, usize::MAX)
}

/// The same, one byte at a time.
pub fn play_bytewise(steps: &[Step]) -> (Stream, Peer) {
    start(steps, 1)
}

fn start(steps: &[Step], piece: usize) -> (Stream, Peer) {
    let (ours, theirs) = duplex(64 * 1024);
    (
        Stream::from_io(ours),
        Peer(tokio::spawn(run(theirs, steps.to_vec(), piece))),
    )
}

async fn run(io: DuplexStream, steps: Vec<Step>, piece: usize) {
    let mut io = BufReader::new(io);
    for step in steps {
        match step {
            Step::Say(text) => {
                for part in text.as_bytes().chunks(piece.min(text.len().max(1))) {
                    // The client may have hung up already; what it did then is what the test looks at.
                    let _ = io.write_all(part).await;
                    tokio::task::yield_now().await;
                }
            }
            Step::Hear(wanted) => assert_eq!(line(&mut io).await, wanted),
            Step::HearAny => drop(line(&mut io).await),
            Step::NoMore => break,
            Step::Close => return,
            Step::Stall => std::future::pending().await,
        }
    }
    let mut rest = Vec::new();
    io.read_to_end(&mut rest).await.expect("the end");
    assert_eq!(
        String::from_utf8_lossy(&rest),
        "",
        "the client said more than the script has"
    );
}

async fn line(io: &mut BufReader<DuplexStream>) -> String {
    let mut line = String::new();
    io.read_line(&mut line).await.expect("a line");
    line.strip_suffix("\r\n")
        .unwrap_or_else(|| panic!("{line:?} does not end in CR LF"))
        .to_owned()
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
    (Stream::from_io(ours), Peer(tokio::spawn(task)))
}

/// A server whose first line begins like this and never ends.
pub fn play_endless_line(start: &'static str) -> (Stream, Peer) {
    let (ours, mut theirs) = duplex(64 * 1024);
    let task = async move {
        let _ = theirs.write_all(start.as_bytes()).await;
        while theirs.write_all(&[b'x'; 1000]).await.is_ok() {}
    };
    (Stream::from_io(ours), Peer(tokio::spawn(task)))
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
