//! ID (RFC 2971): who we are, and who they say they are.

use crate::ImapError;
use crate::session::Session;
use crate::wire::response::Response;
use crate::wire::value::Value;

/// RFC 2971 section 3.3 allows thirty pairs; more are not kept.
const MAX_FIELDS: usize = 60;

impl Session {
    /// Tells the server our fields and gives back its own; empty when it does not offer ID.
    ///
    /// # Errors
    /// `No`/`Bad`, or a fatal error.
    pub async fn id(&mut self, ours: &[(&str, &str)]) -> Result<Vec<(String, String)>, ImapError> {
        if !self.supports("ID") {
            return Ok(Vec::new());
        }
        let pairs: Vec<String> = ours
            .iter()
            .filter_map(|(name, value)| {
                Some(format!(
                    "{} {}",
                    crate::quoted(name)?,
                    crate::quoted(value)?
                ))
            })
            .collect();
        let arguments = if pairs.is_empty() {
            "NIL".to_owned()
        } else {
            format!("({})", pairs.join(" "))
        };
        let command = self.command("ID").raw(&arguments)?;
        let mut theirs = Vec::new();
        self.run(command, &mut |response: &Response<'_>| {
            let Some(mut rest) = response.data("ID") else {
                return Ok(false);
            };
            if let Some(mut fields) = rest.value().list() {
                while theirs.len() < MAX_FIELDS {
                    let (name, value) = (fields.value(), fields.value());
                    match name {
                        Value::End => break,
                        name => theirs.extend(name.text().zip(value.text())),
                    }
                }
            }
            Ok(true)
        })
        .await?;
        Ok(theirs)
    }
}
