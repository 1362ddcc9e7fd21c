//! A scripted server: it waits for a line that contains given words, then says given bytes.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::Duration;

use imap_client::{Greeting, ImapError, Limits, Session};
use mail_net::Stream;
use mail_net::sasl::{Credentials, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// Says `reply` after a line that contains `expect`; an empty `expect` waits for nothing. `$T` in the reply is the
/// tag of the last line that had one.
pub struct Turn {
    pub expect: &'static str,
    pub reply: Vec<u8>,
}

pub fn turn(expect: &'static str, reply: impl AsRef<[u8]>) -> Turn {
    Turn {
        expect,
        reply: reply.as_ref().to_vec(),
    }
}

/// Plays the turns, then closes. Gives back every line the client sent.
pub async fn play(mut io: DuplexStream, turns: Vec<Turn>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tag = String::new();
    for turn in turns {
        while !turn.expect.is_empty() {
            let Some(line) = read_line(&mut io).await else {
                return lines;
            };
            if line.starts_with('P') {
                tag = line.split(' ').next().unwrap_or_default().to_owned();
            }
            let found = line.contains(turn.expect);
            lines.push(line);
            if found {
                break;
            }
        }
        let reply = replace_tag(&turn.reply, &tag);
        if io.write_all(&reply).await.is_err() {
            return lines;
        }
    }
    lines
}

fn replace_tag(reply: &[u8], tag: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(reply.len());
    let mut rest = reply;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"$T") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(tag.as_bytes());
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    out
}

async fn read_line(io: &mut DuplexStream) -> Option<String> {
    let mut line = Vec::new();
    loop {
        let byte = io.read_u8().await.ok()?;
        if byte == b'\n' {
            return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        line.push(byte);
    }
}

pub fn quick() -> Limits {
    Limits {
        greeting: Duration::from_millis(300),
        progress: Duration::from_millis(300),
        ..Limits::default()
    }
}

pub fn password() -> Credentials {
    Credentials {
        username: "joe".to_owned(),
        secret: Secret::Password("s3cret".to_owned()),
    }
}

pub type Server = tokio::task::JoinHandle<Vec<String>>;

/// A session with a server that plays `turns` after the given greeting.
pub async fn start_with(
    greeting: &str,
    turns: Vec<Turn>,
) -> (Result<(Session, Greeting), ImapError>, Server) {
    let (client, server) = duplex(1 << 16);
    let mut all = vec![turn("", greeting)];
    all.extend(turns);
    let server = tokio::spawn(play(server, all));
    let session = Session::start(Stream::from_io(client), quick(), None).await;
    (session, server)
}

/// A session that is logged in from the start, with the given capabilities.
pub async fn session(capabilities: &str, turns: Vec<Turn>) -> (Session, Server) {
    let greeting = format!("* PREAUTH [CAPABILITY IMAP4rev1 {capabilities}] hello\r\n");
    let (session, server) = start_with(&greeting, turns).await;
    (session.unwrap().0, server)
}
