//! Which addresses a message was written to, so that an answer leaves from the one that was meant.

use crate::{address, header};

/// Fields in the order in which they tell it: what people wrote, then what servers noted when they delivered it (the first
/// address that the message was sent to before the last).
const FIELDS: [&str; 5] = ["To", "Cc", "X-Original-To", "Envelope-To", "Delivered-To"];
/// Addresses that are looked at.
const MAX: usize = 500;

/// The addresses in lower case, each once, the likeliest first. `raw`: a message, or its header alone.
#[must_use]
pub fn written_to(raw: &[u8]) -> Vec<String> {
    let (fields, _) = header::block(raw, |_| false);
    let mut out: Vec<String> = Vec::new();
    for name in FIELDS {
        let (people, _) = address::list(fields.all(name));
        for person in people {
            let key = person.key();
            if key.contains('@') && out.len() < MAX && !out.contains(&key) {
                out.push(key);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_comes_before_what_servers_noted() {
        let raw = b"Delivered-To: box@y.com\r\nX-Original-To: Sales@y.com\r\nReturn-Path: <a@x.com>\r\nFrom: a@x.com\r\n\
            To: List <list@x.com>, box@Y.com\r\nCc: \"B\" <b@x.com>\r\n\r\nTo: nobody@x.com\r\n";
        let all = ["list@x.com", "box@y.com", "b@x.com", "sales@y.com"];
        assert_eq!(written_to(raw), all);
        assert_eq!(written_to(b"Envelope-To: <me@y.com>\n\n"), ["me@y.com"]);
        assert!(written_to(b"").is_empty());
    }
}
