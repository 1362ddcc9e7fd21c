//! QRESYNC (RFC 7162): what a server needs to tell only the differences, and how it tells what vanished.

use crate::UidSet;
use crate::wire::tokenizer::Cursor;
use crate::wire::value::Value;

/// What we knew when we last looked.
#[derive(Debug, Clone)]
pub struct QresyncFrom {
    /// The folder's UIDVALIDITY then.
    pub uidvalidity: u64,
    /// Its HIGHESTMODSEQ then; everything up to it has been applied.
    pub modseq: u64,
    /// The UIDs we hold; without it the server may report every UID that ever vanished.
    pub known: Option<UidSet>,
}

impl QresyncFrom {
    /// The longest list of known UIDs that is sent, in characters; a longer one is left out, which is always correct.
    const MAX_KNOWN: usize = 8000;

    /// The SELECT parameter. Zero is not allowed in it, so without real values there is none.
    pub(crate) fn parameter(&self) -> Option<String> {
        if self.uidvalidity == 0 || self.modseq == 0 {
            return None;
        }
        let known = self
            .known
            .as_ref()
            .filter(|known| !known.is_empty())
            .map(|known| format!(" {known}"))
            .filter(|text| text.len() <= QresyncFrom::MAX_KNOWN)
            .unwrap_or_default();
        Some(format!(
            "(QRESYNC ({} {}{known}))",
            self.uidvalidity, self.modseq
        ))
    }
}

/// Reads `(EARLIER) 1:3,7` or `5`: whether it is about earlier, and the UIDs.
pub(crate) fn vanished(mut rest: Cursor<'_>) -> (bool, UidSet) {
    let mut earlier = false;
    let mut uids = UidSet::new();
    loop {
        match rest.value() {
            Value::End => return (earlier, uids),
            Value::List(_) => earlier = true,
            value => {
                if let Some(text) = value.bytes() {
                    uids.extend(&UidSet::parse_bytes(&text));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vanished_is_read_in_both_forms() {
        let read = |text: &str| {
            let (earlier, uids) = vanished(Cursor::new(text.as_bytes()));
            (earlier, uids.to_string())
        };
        assert_eq!(
            read(" (EARLIER) 41,43:116\r\n"),
            (true, "41,43:116".to_owned())
        );
        assert_eq!(read(" 405\r\n"), (false, "405".to_owned()));
        assert_eq!(read(" (EARLIER)\r\n"), (true, String::new()));
        assert_eq!(read(" 1, 2,3\r\n"), (false, "1:3".to_owned()));
    }

    #[test]
    fn zeros_and_endless_lists_are_not_sent() {
        let from = |modseq, known| QresyncFrom {
            uidvalidity: 5,
            modseq,
            known,
        };
        assert_eq!(from(0, None).parameter(), None);
        assert_eq!(from(9, None).parameter().unwrap(), "(QRESYNC (5 9))");
        assert_eq!(
            from(9, Some(UidSet::parse("1:7"))).parameter().unwrap(),
            "(QRESYNC (5 9 1:7))"
        );
        let scattered: UidSet = (1..9000).map(|uid| uid * 2).collect();
        assert_eq!(
            from(9, Some(scattered)).parameter().unwrap(),
            "(QRESYNC (5 9))"
        );
    }
}
