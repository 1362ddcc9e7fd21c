//! A scripted server at the other end of a pipe, for clients of protocols in lines.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
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

impl From<JoinHandle<()>> for Peer {
    fn from(task: JoinHandle<()>) -> Peer {
        Peer(task)
    }
}

impl Peer {
    /// Ends the client's side, then waits for the rest of the script.
    pub async fn finish<Client>(self, session: Client) {
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
pub fn play(steps: &[Step]) -> (DuplexStream, Peer) {
    start(steps, usize::MAX)
}

/// The same, one byte at a time.
pub fn play_bytewise(steps: &[Step]) -> (DuplexStream, Peer) {
    start(steps, 1)
}

fn start(steps: &[Step], piece: usize) -> (DuplexStream, Peer) {
    let (ours, theirs) = duplex(64 * 1024);
    let task = tokio::spawn(run(theirs, steps.to_vec(), piece));
    (ours, Peer(task))
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

/// A server whose first line begins like this and never ends.
pub fn play_endless_line(start: &'static str) -> (DuplexStream, Peer) {
    let (ours, mut theirs) = duplex(64 * 1024);
    let task = async move {
        let _ = theirs.write_all(start.as_bytes()).await;
        while theirs.write_all(&[b'x'; 1000]).await.is_ok() {}
    };
    (ours, Peer(tokio::spawn(task)))
}
