//! ENABLE (RFC 5161). What was enabled is read, not assumed: Courier answers with an empty list and OK.

use crate::ImapError;
use crate::mailbox_name::NameForm;
use crate::session::Session;
use crate::wire::response::Response;
use crate::wire::value::clean;

/// More than this is not kept.
const MAX_ENABLED: usize = 100;

impl Session {
    /// Asks for extensions, such as `QRESYNC`, `UTF8=ACCEPT` or `IMAP4rev2`, and gives back what was really enabled, in capitals. Extensions that are not offered are
    /// not asked for.
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn enable(&mut self, extensions: &[&str]) -> Result<Vec<String>, ImapError> {
        let offered: Vec<&str> = extensions
            .iter()
            .copied()
            .filter(|name| self.supports(name))
            .collect();
        if offered.is_empty() || !self.supports("ENABLE") {
            return Ok(Vec::new());
        }
        let command = self.command("ENABLE").raw(&offered.join(" "))?;
        let mut enabled: Vec<String> = Vec::new();
        self.run(command, &mut |response: &Response<'_>| {
            let Some(rest) = response.data("ENABLED") else {
                return Ok(false);
            };
            let words = rest.rest().split(u8::is_ascii_whitespace);
            let room = MAX_ENABLED - enabled.len();
            for word in words.filter(|word| !word.is_empty()).take(room) {
                enabled.push(clean(word).to_ascii_uppercase());
            }
            Ok(true)
        })
        .await?;
        self.enabled.extend(enabled.iter().cloned());
        self.enabled.sort_unstable();
        self.enabled.dedup();
        if self.is_enabled("UTF8=ACCEPT") || self.is_enabled("IMAP4REV2") {
            self.facts.name_form = NameForm::Utf8;
        }
        Ok(enabled)
    }
}
