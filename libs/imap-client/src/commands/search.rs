//! UID SEARCH, as compact as the server can (ESEARCH, RFC 4731): the matches as ranges, or only how many there are.

use crate::limits::Budget;
use crate::session::Session;
use crate::wire::response::Response;
use crate::wire::tokenizer::Cursor;
use crate::wire::value::Value;
use crate::{ImapError, UidSet};

/// What to tell about the matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SearchReturn {
    /// Their UIDs.
    pub all: bool,
    /// How many they are.
    pub count: bool,
    /// The lowest UID.
    pub min: bool,
    /// The highest UID.
    pub max: bool,
}

/// What was told about the matches. What was not asked for may be there all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchResult {
    /// Their UIDs; empty also when they were not asked for.
    pub all: UidSet,
    /// How many they are; `None` when it was not asked for.
    pub count: Option<u64>,
    /// The lowest UID; `None` without matches, too.
    pub min: Option<u64>,
    /// The highest UID; `None` without matches, too.
    pub max: Option<u64>,
    /// The highest MODSEQ among the matches, where the criteria asked for MODSEQ (RFC 7162 section 3.1.5).
    pub modseq: Option<u64>,
}

impl Session {
    /// Finds the UIDs of messages that match. `criteria` is IMAP syntax, such as `SINCE 1-Jan-2026`; text from users
    /// goes through [`crate::quoted`].
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn uid_search(&mut self, criteria: &str) -> Result<UidSet, ImapError> {
        let all = SearchReturn {
            all: true,
            ..SearchReturn::default()
        };
        Ok(self.uid_search_return(criteria, all).await?.all)
    }

    /// As [`Session::uid_search`], but asks only for what is wanted. A server without ESEARCH sends all UIDs, and the rest
    /// is counted here.
    ///
    /// # Errors
    /// As [`Session::uid_search`].
    pub async fn uid_search_return(
        &mut self,
        criteria: &str,
        wanted: SearchReturn,
    ) -> Result<SearchResult, ImapError> {
        if !criteria.is_ascii() {
            return Err(ImapError::protocol("search criteria have to be ASCII"));
        }
        let compact = if self.supports("ESEARCH") {
            wanted.options()
        } else {
            String::new()
        };
        let command = self
            .command("UID SEARCH")
            .raw(&format!("{compact}{criteria}"))?;
        let mut budget = Budget::new(self.limits.collected);
        let mut found = SearchResult::default();
        // Servers exist that offer ESEARCH and answer in the old form.
        let mut old_form = compact.is_empty();
        self.run(command, &mut |response: &Response<'_>| {
            if let Some(rest) = response.data("SEARCH") {
                old_form = true;
                let (uids, modseq) = plain(rest.rest());
                budget.extend(&mut found.all, &uids)?;
                found.modseq = modseq.or(found.modseq);
                return Ok(true);
            }
            let Some(rest) = response.data("ESEARCH") else {
                return Ok(false);
            };
            found.take(rest, &mut budget)?;
            Ok(true)
        })
        .await?;
        if old_form {
            found.count_here(wanted);
        }
        Ok(found)
    }
}

impl SearchReturn {
    fn options(self) -> String {
        let names = [
            (self.all, "ALL"),
            (self.count, "COUNT"),
            (self.min, "MIN"),
            (self.max, "MAX"),
        ];
        let names: Vec<&str> = names
            .iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, name)| *name)
            .collect();
        format!("RETURN ({}) ", names.join(" "))
    }
}

impl SearchResult {
    /// Reads `(TAG "P5") UID COUNT 9 ALL 1:5,7 MODSEQ 3`.
    fn take(&mut self, mut rest: Cursor<'_>, budget: &mut Budget) -> Result<(), ImapError> {
        loop {
            let name = match rest.value() {
                Value::End => return Ok(()),
                Value::Atom(name) => name.to_ascii_uppercase(),
                _ => continue,
            };
            match name.as_slice() {
                b"ALL" => {
                    if let Some(set) = rest.value().bytes() {
                        budget.extend(&mut self.all, &UidSet::parse_bytes(&set))?;
                    }
                }
                b"COUNT" => self.count = rest.value().number(),
                b"MIN" => self.min = rest.value().number(),
                b"MAX" => self.max = rest.value().number(),
                b"MODSEQ" => self.modseq = rest.value().number(),
                // `UID`, which has no value, and what is not known.
                _ => {}
            }
        }
    }

    fn count_here(&mut self, wanted: SearchReturn) {
        if wanted.count {
            self.count = Some(self.all.len());
        }
        if wanted.min {
            self.min = self.all.first();
        }
        if wanted.max {
            self.max = self.all.last();
        }
    }
}

/// `1 5 9 (MODSEQ 917)`: a line of up to sixteen megabytes, so it is not cut into values.
fn plain(text: &[u8]) -> (UidSet, Option<u64>) {
    let end = text
        .iter()
        .position(|byte| *byte == b'(')
        .unwrap_or(text.len());
    let modseq = Cursor::new(&text[end..]).value().list().and_then(|list| {
        let mut list = list;
        list.value();
        list.value().number()
    });
    (UidSet::parse_bytes(&text[..end]), modseq)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> SearchResult {
        let mut found = SearchResult::default();
        found
            .take(Cursor::new(text.as_bytes()), &mut Budget::new(10_000))
            .unwrap();
        found
    }

    #[test]
    fn esearch_answers_are_read_in_any_order() {
        let found =
            read("(TAG \"P5\") UID MAX 9 COUNT 4 ALL 1:3,9 MODSEQ 77 X-NEW (1 2) MIN 1\r\n");
        assert_eq!(found.all.to_string(), "1:3,9");
        assert_eq!(
            (found.count, found.min, found.max, found.modseq),
            (Some(4), Some(1), Some(9), Some(77))
        );
        assert_eq!(read("(TAG \"P5\") UID\r\n"), SearchResult::default());
        assert_eq!(read("UID COUNT x MIN NIL").count, None);
    }

    #[test]
    fn old_answers_are_read_with_their_modseq() {
        let (uids, modseq) = plain(b"2 84 882 (MODSEQ 917)");
        assert_eq!((uids.to_string().as_str(), modseq), ("2,84,882", Some(917)));
        assert_eq!(plain(b"").1, None);
        assert_eq!(plain(b"5 (").1, None);
    }

    #[test]
    fn a_set_that_costs_too_much_is_refused() {
        let scattered: String = (1..5000).map(|uid| format!("{},", uid * 2)).collect();
        let mut found = SearchResult::default();
        let text = format!("UID ALL {scattered}1");
        let taken = found.take(Cursor::new(text.as_bytes()), &mut Budget::new(10_000));
        assert!(matches!(taken, Err(ImapError::Limit { .. })));
    }
}
