//! A whole message from the application: sent as it is, but for its line ends, `Bcc`, and what a
//! message must have.

use super::input::NewSubmission;
use super::ready::Ready;
use crate::decode::base64;
use crate::error::{ApiError, Result};
use crate::input::Checks;
use crate::state::ApiState;
use mail_message::{Composed, Head};
use model::fresh_id;
use model::mailbox::Mailbox;

const POINTER: &str = "/raw_base64";
/// Longest line without its end (RFC 5322 section 2.1.1).
const LINE: usize = 998;

/// Checks the message and makes it ready for the wire.
pub(super) async fn ready(
    state: &ApiState,
    mailbox: &Mailbox,
    value: NewSubmission,
) -> Result<Ready> {
    if let Some(name) = value.beside_raw() {
        return Err(ApiError::field(
            format!("/{name}"),
            "cannot stand beside `raw_base64`",
        ));
    }
    let raw = base64(POINTER, &value.raw_base64.unwrap_or_default())?;
    let unique = fresh_id("m", state.store.now());
    let envelope = value.envelope;
    let mailbox = mailbox.clone();
    let done = tokio::task::spawn_blocking(move || {
        let head = mail_message::head(&raw);
        let raw = on_the_wire(&raw)?;
        own_author(&head, &mailbox)?;
        let (raw, message_id) = with_message_id(raw, &head, &unique, &mailbox);
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
        let from = from.unwrap_or_else(|| mailbox.address.clone());
        if !from.eq_ignore_ascii_case(&mailbox.address) {
            let text = format!("this mailbox sends as {} only", mailbox.address);
            checks.refuse("/envelope/from", text);
        }
        checks.end()?;
        let subject = head.subject.unwrap_or_default();
        let composed = Composed {
            raw,
            envelope_from: from,
            envelope_to: to,
            message_id,
        };
        Ok(Ready { composed, subject })
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
                hidden = line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"bcc:");
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

fn own_author(head: &Head, mailbox: &Mailbox) -> Result<()> {
    match head.from.as_slice() {
        [one] if one.address.eq_ignore_ascii_case(&mailbox.address) => Ok(()),
        [] => Err(ApiError::field(POINTER, "has no From")),
        _ => Err(ApiError::field(
            POINTER,
            format!(
                "has another author: this mailbox sends as {} only",
                mailbox.address
            ),
        )),
    }
}

fn with_message_id(
    raw: Vec<u8>,
    head: &Head,
    unique: &str,
    mailbox: &Mailbox,
) -> (Vec<u8>, String) {
    if let Some(id) = &head.internet_message_id {
        return (raw, id.clone());
    }
    let id = mail_message::message_id(unique, &mailbox.address);
    let mut with = format!("Message-ID: <{id}>\r\n").into_bytes();
    with.extend_from_slice(&raw);
    (with, id)
}

fn recipients(head: &Head) -> Vec<String> {
    let all = head.to.iter().chain(&head.cc).chain(&head.bcc);
    all.map(|person| person.address.clone())
        .filter(|address| !address.is_empty())
        .collect()
}

/// An address that can stand in a command without leaving it (S8).
fn check_path(checks: &mut Checks, pointer: &str, address: &str) {
    let good =
        |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '"');
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
