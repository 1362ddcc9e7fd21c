//! A whole message from the application: sent as it is, but for its line ends, what is not for its
//! readers (`Bcc`, `Return-Path`), and what a message must have.

use super::author::Sender;
use super::input::NewSubmission;
use super::ready::{Ready, Stamp};
use crate::decode::base64;
use crate::error::{ApiError, Result};
use crate::input::Checks;
use mail_message::{Head, Piece};
use model::Timestamp;

const POINTER: &str = "/raw_base64";
/// Longest line without its end (RFC 5322 section 2.1.1).
const LINE: usize = 998;
/// Fields that do not go out: hidden recipients, and where the last server notes the envelope (RFC 5321 section 4.4).
const LEFT_OUT: [&[u8]; 3] = [b"Bcc", b"Resent-Bcc", b"Return-Path"];
/// Fields that a message has once at most (RFC 5322 section 3.6, RFC 2045): programs differ in which of two they believe.
const ONCE: [&str; 14] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
];

/// Checks the message and makes it ready for the wire.
pub(super) async fn ready(
    sender: &Sender,
    value: NewSubmission,
    stamp: Stamp<'_>,
) -> Result<Ready> {
    if let Some(name) = value.beside_raw() {
        return Err(ApiError::field(
            format!("/{name}"),
            "cannot stand beside `raw_base64`",
        ));
    }
    let raw = base64(POINTER, &value.raw_base64.unwrap_or_default())?;
    let (unique, date) = (stamp.unique.to_owned(), stamp.date);
    let envelope = value.envelope;
    let (sender, identity_id) = (sender.clone(), value.identity_id);
    let done = tokio::task::spawn_blocking(move || {
        let head = mail_message::head(&raw);
        let raw = on_the_wire(&raw)?;
        let fields = Fields::of(&raw)?;
        let author = sender.raw_author(&head, identity_id.as_deref())?;
        own_senders(&fields, &sender)?;
        let message_id = match &head.internet_message_id {
            Some(id) => id.clone(),
            None => mail_message::message_id(&unique, &author.from.address),
        };
        let raw = with_what_is_missing(raw, &fields, &message_id, date)?;
        let mut checks = Checks::default();
        let (from, to, pointer) = match envelope {
            Some(envelope) => (envelope.from, envelope.to, "/envelope/to"),
            None => (None, recipients(&head), POINTER),
        };
        if to.is_empty() {
            checks.refuse(pointer, "the message has no recipient");
        }
        for (i, address) in to.iter().enumerate() {
            let pointer = match pointer {
                POINTER => POINTER.to_owned(),
                list => format!("{list}/{i}"),
            };
            check_path(&mut checks, &pointer, address);
        }
        checks.end()?;
        if let Some(address) = &from {
            sender.may_send_as(address, "/envelope/from")?;
        }
        let from = from.unwrap_or_else(|| author.identity.address.clone());
        Ok(Ready {
            length: raw.len() as u64,
            pieces: vec![Piece::Bytes(raw)],
            files: Vec::new(),
            envelope_from: from,
            envelope_to: to,
            message_id,
            subject: head.subject.unwrap_or_default(),
            identity_id: author.identity.id,
            _place: None,
        })
    });
    done.await.map_err(|_| ApiError::internal())?
}

/// CR LF everywhere, no line too long, no `Bcc`, nothing that is no text.
fn on_the_wire(raw: &[u8]) -> Result<Vec<u8>> {
    let refuse = |detail: &str| Err(ApiError::field(POINTER, detail));
    if raw.contains(&0) {
        return refuse("holds NUL bytes, which no mail server takes");
    }
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 40);
    let mut in_head = true;
    let mut hidden = false;
    let lines = raw.strip_suffix(b"\n").unwrap_or(raw);
    for line in lines.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.contains(&b'\r') {
            return refuse("holds a CR without its LF");
        }
        if line.len() > LINE {
            return refuse("has a line of more than 998 bytes");
        }
        if in_head {
            if line.is_empty() {
                in_head = false;
            } else if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                let end = line.iter().position(|b| *b == b':').unwrap_or(line.len());
                let name = line.get(..end).unwrap_or_default().trim_ascii_end();
                hidden = LEFT_OUT.iter().any(|out| name.eq_ignore_ascii_case(out));
            }
            if in_head && hidden {
                continue;
            }
        }
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    if in_head {
        return refuse("is no message: it has no empty line between header and body");
    }
    Ok(out)
}

/// The names of the fields of a header, in lower case, each with its value.
struct Fields(Vec<(String, String)>);

impl Fields {
    /// Of a message that is on the wire already. What is no field ends a header for some programs and not for others (S8).
    fn of(raw: &[u8]) -> Result<Self> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in raw.split(|b| *b == b'\n') {
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            if line.is_empty() {
                break;
            }
            if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), fields.last_mut()) {
                value.push_str(&line);
                continue;
            }
            let field = line.split_once(':');
            let name = |name: &str| {
                let name = name.trim_end_matches([' ', '\t']);
                let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
                good.then(|| name.to_ascii_lowercase())
            };
            match field.and_then(|(n, value)| Some((name(n)?, value.to_owned()))) {
                Some(field) => fields.push(field),
                None => {
                    return Err(ApiError::field(
                        POINTER,
                        "has a header line that is no field",
                    ));
                }
            }
        }
        let fields = Self(fields);
        for name in ONCE {
            if fields.all(name).count() > 1 {
                let text = format!("has {name} more than once");
                return Err(ApiError::field(POINTER, text));
            }
        }
        Ok(fields)
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let matches = move |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.0.iter().filter(matches).map(|field| field.1.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

/// Who else is said to have sent it must be oneself too: Sender, and those of a message that is sent on.
fn own_senders(fields: &Fields, sender: &Sender) -> Result<()> {
    for name in ["Sender", "Resent-From", "Resent-Sender"] {
        for value in fields.all(name) {
            let read = mail_message::head(format!("From: {}\r\n\r\n", value.trim()).as_bytes());
            if read.from.is_empty() {
                return Err(ApiError::field(POINTER, format!("names nobody as {name}")));
            }
            for person in &read.from {
                sender.may_send_as(&person.address, POINTER)?;
            }
        }
    }
    Ok(())
}

/// Adds what every message has, in front (RFC 5322 section 3.6, RFC 2045 section 4).
fn with_what_is_missing(
    raw: Vec<u8>,
    fields: &Fields,
    message_id: &str,
    date: Timestamp,
) -> Result<Vec<u8>> {
    let mut with = String::new();
    if !fields.has("Message-ID") {
        with.push_str(&format!("Message-ID: <{message_id}>\r\n"));
    } else if mail_message::head(&raw).internet_message_id.is_none() {
        // Two of them would be one too many, and replies could not be told apart from strangers.
        return Err(ApiError::field(POINTER, "has a Message-ID that is none"));
    }
    if !fields.has("Date") {
        with.push_str(&format!("Date: {}\r\n", mail_message::date_field(date.0)));
    }
    if !fields.has("MIME-Version") {
        with.push_str("MIME-Version: 1.0\r\n");
    }
    let mut with = with.into_bytes();
    with.extend_from_slice(&raw);
    Ok(with)
}

fn recipients(head: &Head) -> Vec<String> {
    let all = head.to.iter().chain(&head.cc).chain(&head.bcc);
    all.map(|person| person.address.clone())
        .filter(|address| !address.is_empty())
        .collect()
}

/// An address that can stand in a command without leaving it (S8).
fn check_path(checks: &mut Checks, pointer: &str, address: &str) {
    let good = |c: char| {
        (c.is_ascii_graphic() && !matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '"'))
            || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
    };
    let whole = address
        .rsplit_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if !whole || address.len() > 320 || !address.chars().all(good) {
        checks.refuse(
            pointer,
            format!("{address:?} is no address that mail can be sent to"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_recipients_go_and_line_ends_are_made_whole() {
        let raw = b"From: a@b.c\nBcc: x@y.z,\n more@y.z\nSubject: hi\n\nBcc: stays here\r\nend";
        assert_eq!(
            String::from_utf8(on_the_wire(raw).unwrap()).unwrap(),
            "From: a@b.c\r\nSubject: hi\r\n\r\nBcc: stays here\r\nend\r\n"
        );
        assert_eq!(
            on_the_wire(b"A: b\r\n\r\nx\r\n").unwrap(),
            b"A: b\r\n\r\nx\r\n"
        );
    }

    #[test]
    fn what_could_be_smuggled_is_refused() {
        assert!(on_the_wire(b"A: b\r\n\r\nx\r.\r\n").is_err());
        assert!(on_the_wire(b"A: b\r\n\r\n\0").is_err());
        assert!(on_the_wire(b"A: b\r\n").is_err());
        assert!(
            on_the_wire(
                [b"A: b\r\n\r\n".as_slice(), &[b'x'; 999]]
                    .concat()
                    .as_slice()
            )
            .is_err()
        );
    }
}
