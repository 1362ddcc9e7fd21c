//! Servers at the other end of a pipe: scripted ones, and some that no script can play.

use mail_net::Stream;
use testkit::script;
pub use testkit::script::{Peer, Step};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex};

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

/// A server with 200 messages that answers a command only when its last answer is out, over a narrow pipe. The body of
/// message n is n lines; every tenth is gone.
pub fn play_many_messages() -> (Stream, Peer) {
    let (ours, theirs) = duplex(1024);
    let task = async move {
        let mut io = BufReader::new(theirs);
        let mut text = String::new();
        io.write_all(b"+OK\r\n").await.expect("a write");
        while io.read_line(&mut text).await.expect("a line") > 0 {
            let answer = match text.trim_end().split_once(' ') {
                None if text.starts_with("CAPA") => "+OK\r\nPIPELINING\r\n.\r\n".to_owned(),
                Some(("RETR", number)) => match number.parse::<usize>() {
                    Ok(number) if number % 10 == 0 => "-ERR gone\r\n".to_owned(),
                    Ok(number) => format!("+OK\r\n{}.\r\n", "..a line\r\n".repeat(number)),
                    Err(_) => "-ERR what?\r\n".to_owned(),
                },
                _ => "+OK\r\n".to_owned(),
            };
            io.write_all(answer.as_bytes()).await.expect("a write");
            text.clear();
        }
    };
    (Stream::from_io(ours), tokio::spawn(task).into())
}

/// A server that says this and then sends lines without end.
pub fn play_endless_lines(start: &'static str) -> (Stream, Peer) {
    let (ours, mut theirs) = duplex(64 * 1024);
    let task = async move {
        let _ = theirs.write_all(start.as_bytes()).await;
        let lines: String = (1..1000)
            .map(|number| format!("{number} 1234567890\r\n"))
            .collect();
        while theirs.write_all(lines.as_bytes()).await.is_ok() {}
    };
    (Stream::from_io(ours), tokio::spawn(task).into())
}
