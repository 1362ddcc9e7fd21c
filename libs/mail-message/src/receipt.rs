//! Reading receipts that a reader gives (RFC 8098). Nothing is given by itself: a person or an application says so.

use crate::mime::Tree;
use crate::report::Disposition;
use crate::{Address, address};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// Addresses of a request that are looked at.
const MAX_ASKING: usize = 5;
/// Bytes of a subject in one encoded word (RFC 2047 section 2), before base64.
const WORD: usize = 42;

/// Who asks for a receipt: `Disposition-Notification-To`.
pub(crate) fn asked_by(tree: &Tree<'_>) -> Vec<Address> {
    let Some(root) = tree.parts.first() else {
        return Vec::new();
    };
    let (people, _) = address::list(root.fields.all("Disposition-Notification-To"));
    people
        .into_iter()
        .filter(|person| person.address.contains('@'))
        .take(MAX_ASKING)
        .collect()
}

/// What a receipt says.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt<'a> {
    /// Who gives it.
    pub from: &'a Address,
    /// Who asked for it.
    pub to: &'a str,
    /// What happened to the message.
    pub disposition: Disposition,
    /// The subject of the message.
    pub subject: &'a str,
    /// Its Message-ID, without brackets.
    pub original_message_id: Option<&'a str>,
    /// The Message-ID of the receipt, without brackets.
    pub message_id: &'a str,
    /// `Date`, Unix milliseconds.
    pub date_ms: i64,
}

/// Writes a receipt. None where an address or an id cannot stand in a header.
#[must_use]
pub fn write(receipt: &Receipt<'_>) -> Option<Vec<u8>> {
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| (33..127).contains(&b) && !b"<>,;\"()".contains(&b))
    };
    let address_ok = |text: &str| plain(text) && text.contains('@');
    let ids_ok = plain(receipt.message_id) && receipt.original_message_id.is_none_or(plain);
    if !address_ok(&receipt.from.address) || !address_ok(receipt.to) || !ids_ok {
        return None;
    }
    let (word, said, kind) = match receipt.disposition {
        Disposition::Displayed => (
            "Read",
            "was displayed to its recipient. It may not have been read or understood",
            "displayed",
        ),
        Disposition::Deleted => ("Not read", "was deleted", "deleted"),
        Disposition::Denied => (
            "Receipt denied",
            "has arrived. Its recipient does not say whether it was read",
            "denied",
        ),
        Disposition::Processed => ("Processed", "was handled by a machine", "processed"),
        Disposition::Failed => ("Failed", "has arrived and could not be shown", "failed"),
    };
    let date = mail_builder::headers::date::Date::new(receipt.date_ms.div_euclid(1000)).to_rfc822();
    let subject = encoded(&format!("{word}: {}", receipt.subject));
    let boundary = format!(
        "receipt-{}",
        receipt.message_id.split('@').next().unwrap_or("0")
    );
    let boundary: String = boundary
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(60)
        .collect();
    let (from, to) = (&receipt.from.address, receipt.to);
    let mut out = String::with_capacity(2_048);
    let _ = write!(
        out,
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {date}\r\nMessage-ID: <{}>\r\n",
        receipt.message_id
    );
    if let Some(id) = receipt.original_message_id {
        let _ = write!(out, "In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n");
    }
    let _ = write!(
        out,
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=disposition-notification;\r\n \
         boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         Your message to {from} {said}.\r\n\r\n--{boundary}\r\nContent-Type: message/disposition-notification\r\n\r\n\
         Final-Recipient: rfc822;{from}\r\n"
    );
    if let Some(id) = receipt.original_message_id {
        let _ = write!(out, "Original-Message-ID: <{id}>\r\n");
    }
    let _ = write!(
        out,
        "Disposition: manual-action/MDN-sent-manually; {kind}\r\n\r\n--{boundary}--\r\n"
    );
    Some(out.into_bytes())
}

/// A subject for a header: as it is where it is plain and short, in encoded words otherwise.
fn encoded(subject: &str) -> String {
    const PLAIN: usize = 60;
    let subject = crate::clean::line(subject, 500);
    let plain = subject.len() <= PLAIN && subject.bytes().all(|b| (32..127).contains(&b));
    if plain && !subject.contains("=?") {
        return subject;
    }
    let mut words: Vec<String> = Vec::new();
    let mut piece = String::new();
    for c in subject.chars() {
        if piece.len() + c.len_utf8() > WORD {
            words.push(std::mem::take(&mut piece));
        }
        piece.push(c);
    }
    words.push(piece);
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)))
        .collect();
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReportKind, read};

    #[test]
    fn a_receipt_is_recognised_as_what_it_says() {
        let from = Address {
            name: None,
            address: "kim@there.example".into(),
        };
        for (disposition, kind) in [
            (Disposition::Displayed, ReportKind::Read),
            (Disposition::Deleted, ReportKind::Delivered),
            (Disposition::Denied, ReportKind::Delivered),
        ] {
            let receipt = Receipt {
                from: &from,
                to: "ann@here.example",
                disposition,
                subject: "Größe\r\nBcc: eve@x.example und noch viel mehr, so dass es nicht in eine Zeile passt",
                original_message_id: Some("m1@here.example"),
                message_id: "r1@there.example",
                date_ms: 1_772_445_600_000,
            };
            let raw = write(&receipt).expect("a receipt");
            let message = read(&raw);
            assert!(message.head.bcc.is_empty() && message.head.automatic);
            assert!(
                message
                    .head
                    .subject
                    .as_deref()
                    .is_some_and(|s| s.contains("Größe Bcc:"))
            );
            let report = message.report.expect("a report");
            assert_eq!((report.kind, report.disposition), (kind, Some(disposition)));
            assert_eq!(
                report.original_message_id.as_deref(),
                Some("m1@here.example")
            );
            assert_eq!(report.recipients[0].address, "kim@there.example");
            assert!(raw.split(|b| *b == b'\n').all(|line| line.len() < 200));
            let bad = Receipt {
                to: "ann@here.example>\r\nBcc: x@y.z",
                ..receipt
            };
            assert_eq!(write(&bad), None);
        }
    }

    #[test]
    fn who_asks_is_read_from_the_header_alone() {
        let raw = b"Disposition-Notification-To: Ann <ann@here.example>\r\n\r\nDisposition-Notification-To: eve@x.example\r\n";
        let asked = read(raw).receipt_to;
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].address, "ann@here.example");
    }
}
