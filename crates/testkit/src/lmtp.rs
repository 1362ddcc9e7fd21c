//! Delivery by LMTP (RFC 2033): the way in which real mail arrives. Courier gets it into the Maildir.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use crate::{Brand, TestUser, maildir};

/// Delivers a message into the user's INBOX; returns when the server has stored it.
///
/// # Panics
/// When the server refuses it; the text is the server's.
pub fn deliver(user: &TestUser, raw: &[u8]) {
    deliver_from(user, "sender@elsewhere.test", raw);
}

/// Like [`deliver`], from this envelope's sender, as far as the server keeps one.
///
/// # Panics
/// As [`deliver`].
pub fn deliver_from(user: &TestUser, sender: &str, raw: &[u8]) {
    let Some(port) = Brand::of(user).lmtp_port() else {
        return maildir::deliver_into(user, raw);
    };
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the LMTP server listens");
    stream.set_nodelay(true).expect("a socket takes options");
    let mut writer = stream.try_clone().expect("a socket can be shared");
    let mut reader = BufReader::new(stream);
    let mut step = |command: &[u8], expected: &str| {
        writer.write_all(command).expect("the LMTP server reads");
        loop {
            let mut line = String::new();
            reader
                .read_line(&mut line)
                .expect("the LMTP server answers");
            if line.as_bytes().get(3) != Some(&b'-') {
                let command = String::from_utf8_lossy(command);
                let command = command.lines().next().unwrap_or("greeting");
                assert!(line.starts_with(expected), "LMTP {command}: {line}");
                return;
            }
        }
    };
    step(b"", "220");
    step(b"LHLO testkit\r\n", "250");
    step(format!("MAIL FROM:<{sender}>\r\n").as_bytes(), "250");
    step(format!("RCPT TO:<{}>\r\n", user.address).as_bytes(), "250");
    step(b"DATA\r\n", "354");
    let mut data = Vec::with_capacity(raw.len() + 16);
    for line in raw.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b".") {
            data.push(b'.');
        }
        data.extend_from_slice(line);
    }
    if !data.ends_with(b"\r\n") {
        data.extend_from_slice(b"\r\n");
    }
    data.extend_from_slice(b".\r\n");
    step(&data, "250");
    step(b"QUIT\r\n", "221");
}
