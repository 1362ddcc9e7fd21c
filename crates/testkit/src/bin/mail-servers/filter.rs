//! A content filter of Postfix (a milter): refuses recipients by their name, and messages by what their header asks for.
//!
//! `filtered...` is refused for good, `filterbusy...` for now. A message with a field `X-Filter: 554 5.7.1 Some words` gets
//! just this answer at its end. Of the protocol (libmilter's `mfdef.h`) only what that takes is spoken.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::forward;
use crate::machine::{Machine, Result};

/// The version of the protocol that we speak.
const VERSION: u32 = 6;
/// The steps that Postfix need not tell us: connection, EHLO, MAIL, body, end of header, unknown commands, DATA.
const NOT_NEEDED: u32 = 0x1 | 0x2 | 0x4 | 0x10 | 0x40 | 0x100 | 0x200;
/// More than any packet without a body.
const PACKET_LIMIT: usize = 1 << 20;

/// Answers Postfix on the port that it gives back.
pub fn start(machine: &Machine) -> Result<u16> {
    let (port, listener) = forward::listen(machine)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok(port)
}

/// One connection, which may carry many messages.
async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut wanted = None;
    loop {
        let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
        if length == 0 || length > PACKET_LIMIT {
            return Ok(());
        }
        let mut packet = vec![0; length];
        stream.read_exact(&mut packet).await?;
        let (command, data) = (packet[0], &packet[1..]);
        let answer = match command {
            b'O' => Some(negotiated(data)),
            b'R' => Some(to_recipient(&words(data))),
            b'L' => {
                if let [name, value, ..] = words(data).as_slice()
                    && name.eq_ignore_ascii_case("X-Filter")
                {
                    wanted = Some(value.trim().to_owned());
                }
                Some(go_on())
            }
            b'E' => Some(wanted.take().map_or_else(go_on, |text| reply(&text))),
            // The end of a message that was not finished; macros; the end of a connection that is kept for another client.
            b'A' | b'K' => {
                wanted = None;
                None
            }
            b'D' => None,
            b'Q' => return Ok(()),
            _ => Some(go_on()),
        };
        if let Some(answer) = answer {
            // In one piece: else the second waits until the first is acknowledged, which takes Postfix 40 ms each time.
            let length = u32::try_from(answer.len()).unwrap_or_default();
            stream
                .write_all(&[&length.to_be_bytes(), answer.as_slice()].concat())
                .await?;
        }
    }
}

/// Our version, no changes to messages, and the steps that we do without, as far as Postfix offers that.
fn negotiated(offer: &[u8]) -> Vec<u8> {
    let number = |at: usize| {
        let bytes = offer.get(at..at + 4).and_then(|b| b.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    };
    let mut answer = vec![b'O'];
    for number in [VERSION.min(number(0)), 0, NOT_NEEDED & number(8)] {
        answer.extend(number.to_be_bytes());
    }
    answer
}

fn to_recipient(words: &[String]) -> Vec<u8> {
    let address = words
        .first()
        .map_or("", |word| word.trim_matches(['<', '>']));
    if address.starts_with("filtered") {
        reply("550 5.7.1 The filter takes nothing for this test user")
    } else if address.starts_with("filterbusy") {
        reply("451 4.7.1 The filter is busy, come back later")
    } else {
        go_on()
    }
}

fn go_on() -> Vec<u8> {
    vec![b'c']
}

/// This reply to the client.
fn reply(text: &str) -> Vec<u8> {
    let mut answer = vec![b'y'];
    answer.extend(text.as_bytes());
    answer.push(0);
    answer
}

/// Texts that each end in a zero byte.
fn words(data: &[u8]) -> Vec<String> {
    let data = data.strip_suffix(&[0]).unwrap_or(data);
    let words = data.split(|byte| *byte == 0);
    words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}
