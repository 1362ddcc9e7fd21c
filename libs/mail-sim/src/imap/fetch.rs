//! FETCH: the items of messages, and the faults in their midst.

use std::collections::BTreeSet;
use std::time::Duration;

use super::command::{Argument, Command};
use super::mailbox::Message;
use super::session::{Next, Session, argument};
use super::{ImapFault, Point};
use crate::net::{lock, nonsense};

/// How often a message that waits for its fault to end is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// One item of an answer.
enum Part {
    /// Name and value, ready to send.
    Ready(String),
    /// A name and bytes that go as a literal; none is NIL.
    Bytes(String, Option<Vec<u8>>),
}

impl Session {
    pub(super) async fn fetch(&mut self, command: &Command) -> std::io::Result<Next> {
        let by_uid = command.name.starts_with("UID");
        let (name, writable) = self.selected.clone().unwrap_or_default();
        let faults = self.faults();
        let messages: Vec<(usize, u32, Message)> = {
            let mut script = lock(&self.shared.script);
            let folder = script.mailbox.folder_mut(&name);
            let set = folder.select(&argument(command, 0), by_uid);
            set.into_iter()
                .filter_map(|(n, uid)| Some((n, uid, folder.messages.get(&uid)?.clone())))
                .collect()
        };
        for fault in &faults {
            let refusal = match fault {
                ImapFault::BadUidFails(bad) if messages.iter().any(|(_, uid, _)| uid == bad) => {
                    "[SERVERBUG] Internal error, message cannot be read"
                }
                ImapFault::ThrottleText(text) => text,
                _ => continue,
            };
            self.connection
                .send(format!("{} NO {refusal}\r\n", command.tag))
                .await?;
            return Ok(Next::GoOn);
        }
        let mut items: Vec<String> = command
            .arguments
            .iter()
            .skip(1)
            .map(Argument::text)
            .collect();
        items.retain(|item| !item.is_empty());
        if by_uid && !items.iter().any(|item| item.eq_ignore_ascii_case("UID")) {
            items.insert(0, "UID".to_owned());
        }
        let bodies = items
            .iter()
            .any(|item| item.to_uppercase().starts_with("BODY"));
        self.has_fetched |= bodies;
        for (sequence, uid, message) in messages {
            if bodies && faults.contains(&ImapFault::StallAtUid(uid)) {
                self.connection.stall().await?;
                return Ok(Next::End);
            }
            while bodies && self.waits_at(&name, uid) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            let parts: Vec<Part> = items
                .iter()
                .map(|item| part(item, uid, &message, &faults))
                .collect();
            self.connection
                .send(format!("* {sequence} FETCH ("))
                .await?;
            for (at, part) in parts.into_iter().enumerate() {
                if at > 0 {
                    self.connection.send(" ").await?;
                }
                if self.send_part(part, &faults).await? == Next::End {
                    return Ok(Next::End);
                }
            }
            self.connection.send(")\r\n").await?;
            if writable
                && items
                    .iter()
                    .any(|item| item.to_uppercase().starts_with("BODY["))
            {
                self.mark_seen(&name, uid);
            }
        }
        self.done(&command.tag, "", "OK").await?;
        Ok(Next::GoOn)
    }

    /// Whether [`ImapFault::WaitAt`] holds at this message now.
    fn waits_at(&self, folder: &str, uid: u32) -> bool {
        let script = lock(&self.shared.script);
        let mut faults = script.faults.iter();
        faults.any(|fault| matches!(fault, ImapFault::WaitAt(at, n) if *at == folder && *n == uid))
    }

    async fn send_part(&mut self, part: Part, faults: &[ImapFault]) -> std::io::Result<Next> {
        let (name, bytes) = match part {
            Part::Ready(text) => {
                self.connection.send(text).await?;
                return Ok(Next::GoOn);
            }
            Part::Bytes(name, None) => {
                self.connection.send(format!("{name} NIL")).await?;
                return Ok(Next::GoOn);
            }
            Part::Bytes(name, Some(bytes)) => (name, bytes),
        };
        self.connection.send(format!("{name} ")).await?;
        for fault in faults {
            match fault {
                ImapFault::EndlessLine(Point::Fetch) => {
                    self.connection.send("\"").await?;
                    self.connection.send_for_ever(b'x').await?;
                }
                ImapFault::HugeLiteralClaim(Point::Fetch) => {
                    self.connection.send("{4294967296}\r\n").await?;
                    self.connection.send_for_ever(b'x').await?;
                }
                ImapFault::Nonsense(Point::Fetch) => {
                    self.connection
                        .send(nonsense(bytes.len().max(4_096)))
                        .await?;
                    self.connection.stall().await?;
                }
                ImapFault::StallAfter(Point::Fetch) => {
                    let half = &bytes[..bytes.len() / 2];
                    self.connection
                        .send([format!("{{{}}}\r\n", bytes.len()).as_bytes(), half].concat())
                        .await?;
                    self.connection.stall().await?;
                }
                ImapFault::CloseMidLiteral => {
                    let half = &bytes[..bytes.len() / 2];
                    self.connection
                        .send([format!("{{{}}}\r\n", bytes.len()).as_bytes(), half].concat())
                        .await?;
                }
                ImapFault::CloseAt(Point::Fetch) => {}
                _ => continue,
            }
            return Ok(Next::End);
        }
        self.connection
            .send([format!("{{{}}}\r\n", bytes.len()).as_bytes(), &bytes].concat())
            .await?;
        Ok(Next::GoOn)
    }

    fn mark_seen(&self, folder: &str, uid: u32) {
        if let Some(message) = lock(&self.shared.script)
            .mailbox
            .folder_mut(folder)
            .messages
            .get_mut(&uid)
        {
            message.flags.insert("\\Seen".to_owned());
        }
    }
}

fn part(item: &str, uid: u32, message: &Message, faults: &[ImapFault]) -> Part {
    let upper = item.to_uppercase();
    let size = message.raw.len() as u64;
    match upper.as_str() {
        "UID" => Part::Ready(format!("UID {uid}")),
        "FLAGS" => {
            let flags = message.flags.iter().cloned().collect::<Vec<_>>().join(" ");
            Part::Ready(format!("FLAGS ({flags})"))
        }
        "INTERNALDATE" => Part::Ready(format!("INTERNALDATE \"{}\"", message.date)),
        "RFC822.SIZE" => {
            let claimed = faults.iter().find_map(|fault| match fault {
                ImapFault::WrongSize(size) => Some(*size),
                _ => None,
            });
            Part::Ready(format!("RFC822.SIZE {}", claimed.unwrap_or(size)))
        }
        "X-GM-MSGID" => Part::Ready(format!("X-GM-MSGID {}", message.id)),
        "X-GM-THRID" => Part::Ready(format!("X-GM-THRID {}", message.thread)),
        "X-GM-LABELS" => Part::Ready(labels(&message.labels)),
        "EMAILID" => Part::Ready(format!("EMAILID (M{})", message.id)),
        "THREADID" => Part::Ready(format!("THREADID (T{})", message.thread)),
        "ENVELOPE" => Part::Ready("ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)".to_owned()),
        "BODYSTRUCTURE" | "BODY" => Part::Ready(format!(
            "{upper} (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"UTF-8\") NIL NIL \"8BIT\" {size} 1)"
        )),
        _ if upper.starts_with("BODY[") || upper.starts_with("BODY.PEEK[") => {
            section(&upper, uid, message, faults)
        }
        _ => Part::Ready(format!("{upper} NIL")),
    }
}

/// As FETCH shows a message's labels.
pub(super) fn labels(labels: &BTreeSet<String>) -> String {
    let quoted: Vec<String> = labels.iter().map(|l| quoted(l)).collect();
    format!("X-GM-LABELS ({})", quoted.join(" "))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.100>` and its kin.
fn section(item: &str, uid: u32, message: &Message, faults: &[ImapFault]) -> Part {
    let (name, partial) = item.rsplit_once(']').unwrap_or((item, ""));
    let name = name.split_once('[').map_or("", |(_, name)| name);
    let raw = &message.raw;
    let end = raw
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(raw.len(), |at| at + 4);
    let mut bytes = match name {
        "" => Some(raw.clone()),
        "HEADER" => Some(raw[..end].to_vec()),
        "TEXT" => Some(raw[end..].to_vec()),
        _ if name.starts_with("HEADER.FIELDS ") => Some(header_fields(&raw[..end], name)),
        _ => None,
    };
    let mut label = format!("BODY[{name}]");
    if let Some((from, length)) = partial.trim_matches(['<', '>']).split_once('.') {
        label.push_str(&format!("<{from}>"));
        let from: usize = from.parse().unwrap_or(0);
        let length: usize = length.parse().unwrap_or(0);
        bytes = bytes.map(|bytes| bytes.into_iter().skip(from).take(length).collect());
    }
    if faults.contains(&ImapFault::NilBody(uid)) {
        bytes = None;
    }
    Part::Bytes(label, bytes)
}

/// The header's lines with these names, and the empty line.
fn header_fields(header: &[u8], section: &str) -> Vec<u8> {
    let wanted: Vec<String> = section
        .trim_start_matches("HEADER.FIELDS")
        .split([' ', '(', ')'])
        .map(str::to_lowercase)
        .collect();
    let mut out = Vec::new();
    let mut taken = false;
    for line in header.split_inclusive(|b| *b == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|b| *b == b':').next().unwrap_or_default();
            let name = String::from_utf8_lossy(name).trim().to_lowercase();
            taken = !name.is_empty() && wanted.contains(&name);
        }
        if taken {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}
