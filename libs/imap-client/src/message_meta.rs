//! What a FETCH response says about one message, item by item: an item that makes no sense is left out, the rest stays.

use std::borrow::Cow;

use crate::MailboxName;
use crate::date;
use crate::limits::ITEM_COST;
use crate::wire::tokenizer::Cursor;
use crate::wire::value::{Value, digits};

/// The facts of one message that a FETCH response carried. `None` means that the response did not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageMeta {
    /// The sequence number at this moment; good for logs only.
    pub seq: u64,
    /// The UID. Always there in answers to commands; unsolicited responses may lack it.
    pub uid: Option<u64>,
    /// The flags as the server spells them; `Some` of nothing means "no flags".
    pub flags: Option<Vec<String>>,
    /// RFC822.SIZE in bytes; servers lie about it.
    pub size: Option<u64>,
    /// INTERNALDATE in Unix seconds.
    pub internal_date: Option<i64>,
    /// MODSEQ (RFC 7162).
    pub modseq: Option<u64>,
    /// EMAILID (RFC 8474), or Gmail's X-GM-MSGID.
    pub email_id: Option<String>,
    /// THREADID (RFC 8474), or Gmail's X-GM-THRID.
    pub thread_id: Option<String>,
    /// Gmail's labels (X-GM-LABELS) as people wrote them; Gmail's own begin with a backslash, such as `\\Inbox`.
    pub labels: Option<Vec<String>>,
    /// The header or the asked-for header fields, as sent.
    pub header: Option<Vec<u8>>,
}

/// What a FETCH response said about the body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyItem<'a> {
    /// Nothing.
    Absent,
    /// NIL: the message is gone or cannot be read.
    Nil,
    /// It is right here.
    Here {
        bytes: Cow<'a, [u8]>,
        /// Where in the message it begins, for a part of it.
        origin: Option<u64>,
    },
}

/// Reads `(UID 5 FLAGS (\Seen) ..)`.
pub(crate) fn parse(seq: u64, mut rest: Cursor<'_>) -> (MessageMeta, BodyItem<'_>) {
    let mut meta = MessageMeta {
        seq,
        ..MessageMeta::default()
    };
    let mut body = BodyItem::Absent;
    let Some(mut items) = rest.value().list() else {
        return (meta, body);
    };
    loop {
        let name = match items.value() {
            Value::Atom(name) | Value::Quoted(name) => name,
            Value::End => return (meta, body),
            // A value without a name; the next name is found again behind it.
            _ => continue,
        };
        let value = items.value();
        if is_whole_body(name) {
            body = match value {
                Value::Nil => BodyItem::Nil,
                value => value.bytes().map_or(BodyItem::Nil, |bytes| BodyItem::Here {
                    bytes,
                    origin: origin(name),
                }),
            };
        } else {
            meta.take(name, &value);
        }
    }
}

impl MessageMeta {
    /// Roughly the memory it takes, in bytes.
    pub(crate) fn cost(&self) -> usize {
        let flags = self
            .flags
            .iter()
            .flatten()
            .map(|flag| flag.len() + size_of::<String>());
        let header = self.header.as_ref().map_or(0, Vec::len);
        let labels = self.labels.iter().flatten();
        let labels = labels.map(|label| label.len() + size_of::<String>());
        ITEM_COST + header + flags.sum::<usize>() + labels.sum::<usize>()
    }

    fn take(&mut self, name: &[u8], value: &Value<'_>) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("UID") {
            self.uid = value.number().filter(|uid| *uid > 0);
        } else if is("FLAGS") {
            self.flags = value.words();
        } else if is("INTERNALDATE") {
            self.internal_date = value.text().and_then(|text| date::parse(&text));
        } else if is("RFC822.SIZE") {
            self.size = value.number();
        } else if is("MODSEQ") {
            self.modseq = value.number();
        } else if is("EMAILID") || is("X-GM-MSGID") {
            self.email_id = value.text();
        } else if is("THREADID") || is("X-GM-THRID") {
            self.thread_id = value.text();
        } else if is("X-GM-LABELS") {
            let decoded = |label: String| MailboxName::from_wire(label.as_bytes()).decoded();
            self.labels = value
                .words()
                .map(|labels| labels.into_iter().map(decoded).collect());
        } else if is("RFC822.HEADER") || starts_with(name, "BODY[HEADER") {
            self.header = value.bytes().map(Cow::into_owned);
        }
    }
}

/// `BODY[]`, `BODY[]<0>`, `BINARY[]`, `RFC822`.
pub(crate) fn is_whole_body(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"RFC822")
        || ["BODY[]", "BINARY[]"].iter().any(|whole| {
            starts_with(name, whole) && matches!(name.get(whole.len()), None | Some(b'<'))
        })
}

/// The number in `BODY[]<512>`.
fn origin(name: &[u8]) -> Option<u64> {
    let open = name.iter().rposition(|byte| *byte == b'<')?;
    digits(name[open + 1..].strip_suffix(b">")?)
}

fn starts_with(name: &[u8], prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (MessageMeta, BodyItem<'_>) {
        parse(7, Cursor::new(text.as_bytes()))
    }

    #[test]
    fn all_items_are_read_in_any_order_and_case() {
        let (meta, body) = read(
            "(MODSEQ (99) rfc822.size 4294967297 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" \
             FLAGS (\\Seen $x) X-GM-LABELS (\"\\\\Inbox\" a) EMAILID (M1) THREADID NIL \
             BODY[HEADER.FIELDS (SUBJECT)] {3}\r\nS:x UID 5 BODY[] NIL)\r\n",
        );
        assert_eq!(body, BodyItem::Nil);
        let expected = MessageMeta {
            seq: 7,
            uid: Some(5),
            flags: Some(vec!["\\Seen".to_owned(), "$x".to_owned()]),
            size: Some(4_294_967_297),
            internal_date: Some(837_596_665),
            modseq: Some(99),
            email_id: Some("M1".to_owned()),
            thread_id: None,
            labels: Some(vec!["\\Inbox".to_owned(), "a".to_owned()]),
            header: Some(b"S:x".to_vec()),
        };
        assert_eq!(meta, expected);
    }

    #[test]
    fn items_that_make_no_sense_cost_only_themselves() {
        for odd in [
            "INTERNALDATE NIL",
            "RFC822.SIZE -5",
            "RFC822.SIZE 99999999999999999999999",
            "MODSEQ ()",
            "ENVELOPE (NIL (()) \"x\" ((NIL NIL)))",
            "BODYSTRUCTURE ((((((\"TEXT\")))))) ",
            "BODYSTRUCTURE ()",
            "X-UNKNOWN {5}\r\n(()\"(",
            "PREVIEW NIL",
            "SAVEDATE \"x\"",
            "()",
        ] {
            let text = format!("(UID 5 {odd} FLAGS () )\r\n");
            let (meta, body) = read(&text);
            assert_eq!(meta.uid, Some(5), "{odd}");
            assert_eq!(meta.flags, Some(Vec::new()), "{odd}");
            assert_eq!(body, BodyItem::Absent, "{odd}");
        }
    }

    #[test]
    fn a_body_structure_nested_thousands_deep_is_skipped() {
        let text = format!(
            "(UID 5 BODYSTRUCTURE {}{} FLAGS ())",
            "(".repeat(5000),
            ")".repeat(5000)
        );
        assert_eq!(read(&text).0.flags, Some(Vec::new()));
    }

    #[test]
    fn bodies_in_every_form_are_found() {
        for (text, bytes, origin) in [
            ("(BODY[] {2}\r\nab)", &b"ab"[..], None),
            ("(BODY[]<0> \"a\\\"b\")", b"a\"b", Some(0)),
            ("(body[]<4711> ab)", b"ab", Some(4711)),
            ("(BODY[]<-1> ab)", b"ab", None),
            ("(RFC822 \"\")", b"", None),
        ] {
            let bytes = bytes.into();
            assert_eq!(read(text).1, BodyItem::Here { bytes, origin }, "{text}");
        }
        assert_eq!(read("(BODY[TEXT] \"x\" BODY[]x \"\")").1, BodyItem::Absent);
        assert_eq!(read("garbage").1, BodyItem::Absent);
    }
}
