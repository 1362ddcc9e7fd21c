//! UID SEARCH, as compact as the server can (ESEARCH, RFC 4731).

use crate::limits::Budget;
use crate::session::Session;
use crate::wire::response::Response;
use crate::wire::value::Value;
use crate::{ImapError, UidSet};

impl Session {
    /// Finds the UIDs of messages that match. `criteria` is IMAP syntax, such as `SINCE 1-Jan-2026`; text from users
    /// goes through [`crate::quoted`].
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn uid_search(&mut self, criteria: &str) -> Result<UidSet, ImapError> {
        if !criteria.is_ascii() {
            return Err(ImapError::protocol("search criteria have to be ASCII"));
        }
        let compact = if self.supports("ESEARCH") {
            "RETURN (ALL) "
        } else {
            ""
        };
        let command = self
            .command("UID SEARCH")
            .raw(&format!("{compact}{criteria}"))?;
        let mut budget = Budget::new(self.limits.collected);
        let mut found = UidSet::new();
        self.run(command, &mut |response: &Response<'_>| {
            if let Some(rest) = response.data("SEARCH") {
                budget.extend(&mut found, &plain(rest.rest()))?;
                return Ok(true);
            }
            let Some(mut rest) = response.data("ESEARCH") else {
                return Ok(false);
            };
            // `(TAG "P5") UID ALL 1:5,7 MODSEQ 3`
            loop {
                match rest.value() {
                    Value::End => return Ok(true),
                    Value::Atom(name) if name.eq_ignore_ascii_case(b"ALL") => {
                        if let Some(set) = rest.value().bytes() {
                            budget.extend(&mut found, &UidSet::parse_bytes(&set))?;
                        }
                    }
                    _ => {}
                }
            }
        })
        .await?;
        Ok(found)
    }
}

/// `1 5 9 (MODSEQ 917)`: a line of up to sixteen megabytes, so it is not cut into values.
fn plain(text: &[u8]) -> UidSet {
    let end = text
        .iter()
        .position(|byte| *byte == b'(')
        .unwrap_or(text.len());
    UidSet::parse_bytes(&text[..end])
}
