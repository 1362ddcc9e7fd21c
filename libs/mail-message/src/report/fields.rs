//! The small language of reports: groups of fields, addresses with a type, codes.

use crate::mime::Part;
use crate::{charset, clean};

/// Bytes read of a machine-readable part.
const MAX_PART: usize = 512 * 1024;
const MAX_GROUPS: usize = super::MAX_RECIPIENTS + 1;
/// Characters of a server's words.
pub(super) const MAX_DIAGNOSTIC: usize = 1_000;
/// Longest address (RFC 5321 section 4.5.3.1).
const MAX_ADDRESS: usize = 320;
/// Longest envelope id (RFC 3461 section 4.4 allows 100 before decoding).
const MAX_ENVELOPE_ID: usize = 200;

/// Fields between two blank lines.
pub(super) type Group = Vec<(String, String)>;

/// Groups of fields divided by blank lines.
pub(super) fn groups(part: &Part<'_>) -> Vec<Group> {
    let text = charset::guess(&part.bytes(MAX_PART));
    let mut groups: Vec<Group> = vec![Vec::new()];
    for line in text.lines() {
        if line.trim().is_empty() {
            if groups.last().is_some_and(|g| !g.is_empty()) {
                if groups.len() >= MAX_GROUPS {
                    break;
                }
                groups.push(Vec::new());
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = groups.last_mut().and_then(|g| g.last_mut()) {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let (Some((name, value)), Some(group)) = (line.split_once(':'), groups.last_mut())
        {
            group.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    groups.retain(|g| !g.is_empty());
    groups
}

pub(super) fn field<'g>(group: &'g Group, name: &str) -> Option<&'g str> {
    group
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, v)| v.as_str())
        .filter(|v| !v.is_empty())
}

/// "rfc822; a@b.c" to "a@b.c".
pub(super) fn after_type(value: &str) -> &str {
    value.split_once(';').map_or(value, |(_, v)| v).trim()
}

/// The address of a field with a type. Some servers pass on ORCPT undecoded (xtext, RFC 3461 section 4): of its escapes only
/// those of "+" and "=" can stand in an address.
pub(super) fn address(value: &str) -> String {
    let text = after_type(value)
        .trim_matches(['<', '>', ' ', '"', '\''])
        .replace("+2B", "+")
        .replace("+3D", "=");
    clean::line(&text, MAX_ADDRESS)
}

/// `Original-Envelope-Id`, its xtext decoded.
pub(super) fn envelope_id(value: &str) -> Option<String> {
    let mut out: Vec<u8> = Vec::with_capacity(value.len().min(MAX_ENVELOPE_ID));
    let mut rest = value.trim().trim_matches(['<', '>']).as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = |n: usize| tail.get(n).and_then(|b| char::from(*b).to_digit(16));
        rest = tail;
        match (byte, hex(0), hex(1)) {
            (b'+', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => out.push(byte),
        }
        if out.len() > MAX_ENVELOPE_ID {
            return None;
        }
    }
    let id = clean::line(&String::from_utf8_lossy(&out), MAX_ENVELOPE_ID);
    (!id.is_empty()).then_some(id)
}

/// The first enhanced status code of a text ("5.1.1", RFC 3463). Numbers with four parts are addresses of machines.
pub(super) fn status_code(text: &str) -> Option<String> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map(|w| w.trim_matches('.'))
        .find(|w| is_status(w))
        .map(str::to_owned)
}

fn is_status(word: &str) -> bool {
    let mut numbers = word.split('.');
    let class = matches!(numbers.next(), Some("2" | "4" | "5"));
    let subject = numbers
        .next()
        .is_some_and(|n| matches!(n, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7"));
    let detail = numbers
        .next()
        .is_some_and(|n| !n.is_empty() && n.len() <= 3);
    class && subject && detail && numbers.next().is_none()
}

/// The reply code of SMTP in a server's words: a number from 400 to 559 that begins the line, that an enhanced code follows,
/// or that stands where a reply begins.
pub(super) fn reply_code(line: &str) -> Option<u16> {
    const BEFORE: &[&str] = &[
        "<--", ":", "(", "\"", "'", ";", "#", "<<<", ">", "smtp", "error", "code", "said", "reply",
        "response",
    ];
    let mut from = 0;
    for word in line.split(|c: char| !c.is_ascii_digit()) {
        // Where the word stands: pieces of the line itself.
        let at = word.as_ptr() as usize - line.as_ptr() as usize;
        if word.len() != 3 || at < from {
            continue;
        }
        from = at;
        let Some(code) = word
            .parse::<u16>()
            .ok()
            .filter(|c| (400..=459).contains(c) || (500..=559).contains(c))
        else {
            continue;
        };
        let before = line.get(..at).unwrap_or_default();
        let after = line.get(at + 3..).unwrap_or_default();
        if before
            .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '@'))
        {
            continue;
        }
        let next = after.trim_start_matches([' ', '-', '#', ':', '\t']);
        if after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '@' | '/')) {
            continue;
        }
        let first = before
            .trim_matches(|c: char| !c.is_alphanumeric())
            .is_empty();
        let enhanced = next
            .split(|c: char| !(c.is_ascii_digit() || c == '.'))
            .next()
            .is_some_and(is_status);
        let before = before.trim_end().to_ascii_lowercase();
        if first || enhanced || BEFORE.iter().any(|b| before.ends_with(b)) {
            return Some(code);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_where_a_reply_stands_and_nowhere_else() {
        for (line, code, status) in [
            ("550 5.1.1 no such user", Some(550), Some("5.1.1")),
            ("550-5.1.1 The account", Some(550), Some("5.1.1")),
            ("smtp;550 5.2.2 full", Some(550), Some("5.2.2")),
            ("host mx.example[192.0.2.1] said: 554 no", Some(554), None),
            (
                "Remote Server returned '550 5.1.10 x'",
                Some(550),
                Some("5.1.10"),
            ),
            ("#< #5.1.1 smtp;550 x> #SMTP#", Some(550), Some("5.1.1")),
            ("(reason: 452 mailbox full)", Some(452), None),
            (
                "Sorry, no mailbox here by that name. (#5.1.1)",
                None,
                Some("5.1.1"),
            ),
            ("relay 5.1.12.9 on port 587", None, None),
            ("we have 500 seats", None, None),
            ("id 4f550a, 550 MB", None, None),
            ("version 4.96.1 of 2026", None, None),
            ("", None, None),
        ] {
            assert_eq!(reply_code(line), code, "{line}");
            assert_eq!(status_code(line).as_deref(), status, "{line}");
        }
    }

    #[test]
    fn an_envelope_id_is_decoded_and_bounded() {
        assert_eq!(envelope_id("sub_01").as_deref(), Some("sub_01"));
        assert_eq!(envelope_id("a+2Bb+3Dc").as_deref(), Some("a+b=c"));
        assert_eq!(envelope_id("a+"), Some("a+".into()));
        assert_eq!(envelope_id(" "), None);
        assert_eq!(envelope_id(&"x".repeat(500)), None);
    }
}
