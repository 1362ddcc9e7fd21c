//! The scripts of one user: which there are, which one is active, what is in them.

use crate::error::SieveError;
use crate::limits::{NAME_BYTES, SCRIPT_BYTES};
use crate::response::{Response, Token};
use crate::session::Session;

/// A script that the server keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its name, unique for its user.
    pub name: String,
    /// Whether the server runs it over incoming mail. At most one is.
    pub active: bool,
}

impl Session {
    /// All scripts, in the server's order.
    ///
    /// # Errors
    /// [`SieveError::Refused`] and those of the connection.
    pub async fn list_scripts(&mut self) -> Result<Vec<Script>, SieveError> {
        let response = self.command("LISTSCRIPTS", "LISTSCRIPTS\r\n").await?;
        Ok(response
            .lines
            .iter()
            .filter_map(|line| script(line))
            .collect())
    }

    /// The text of a script as it was stored; bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// [`SieveError::Refused`] with [`NonExistent`](crate::RefusalCode::NonExistent), [`SieveError::BadName`], and those of the
    /// connection.
    pub async fn get_script(&mut self, name: &str) -> Result<String, SieveError> {
        let command = format!("GETSCRIPT {}\r\n", quoted_name(name)?);
        let response = self.command("GETSCRIPT", &command).await?;
        match response.lines.as_slice() {
            [line] => line.first().and_then(Token::text),
            _ => None,
        }
        .ok_or_else(|| SieveError::Nonsense {
            line: "an answer to GETSCRIPT without a script".to_owned(),
        })
    }

    /// Stores a script under a name, in place of the one that is there. The server checks it first, and takes none that is
    /// wrong. Gives the server's warnings. An active script stays active.
    ///
    /// # Errors
    /// [`SieveError::Refused`], with what is wrong with the script as its text; [`SieveError::BadName`],
    /// [`SieveError::TooLarge`], and those of the connection.
    pub async fn put_script(
        &mut self,
        name: &str,
        script: &str,
    ) -> Result<Option<String>, SieveError> {
        let command = format!("PUTSCRIPT {} {}\r\n", quoted_name(name)?, counted(script)?);
        let response = self.command("PUTSCRIPT", &command).await?;
        Ok(warnings(response))
    }

    /// Has the server look through a script without storing it. Gives the server's warnings.
    ///
    /// # Errors
    /// [`SieveError::Refused`], with what is wrong with the script as its text; [`SieveError::NotOffered`] by servers older
    /// than RFC 5804; [`SieveError::TooLarge`], and those of the connection.
    pub async fn check_script(&mut self, script: &str) -> Result<Option<String>, SieveError> {
        if self.capabilities.version.is_none() {
            return Err(SieveError::NotOffered {
                command: "CHECKSCRIPT",
            });
        }
        let command = format!("CHECKSCRIPT {}\r\n", counted(script)?);
        let response = self.command("CHECKSCRIPT", &command).await?;
        Ok(warnings(response))
    }

    /// Makes this script the active one, or with none: lets mail come in unfiltered.
    ///
    /// # Errors
    /// [`SieveError::Refused`] with [`NonExistent`](crate::RefusalCode::NonExistent), [`SieveError::BadName`], and those of the
    /// connection.
    pub async fn set_active(&mut self, name: Option<&str>) -> Result<(), SieveError> {
        let name = name.map_or_else(|| Ok("\"\"".to_owned()), quoted_name)?;
        let command = format!("SETACTIVE {name}\r\n");
        self.command("SETACTIVE", &command).await.map(drop)
    }

    /// Deletes a script that is not active.
    ///
    /// # Errors
    /// [`SieveError::Refused`] with [`NonExistent`](crate::RefusalCode::NonExistent) or
    /// [`Active`](crate::RefusalCode::Active), [`SieveError::BadName`], and those of the connection.
    pub async fn delete_script(&mut self, name: &str) -> Result<(), SieveError> {
        let command = format!("DELETESCRIPT {}\r\n", quoted_name(name)?);
        self.command("DELETESCRIPT", &command).await.map(drop)
    }

    /// Asks whether a script of so many bytes would find room.
    ///
    /// # Errors
    /// [`SieveError::Refused`] with [`Quota`](crate::RefusalCode::Quota), [`SieveError::BadName`], and those of the connection.
    pub async fn have_space(&mut self, name: &str, bytes: usize) -> Result<(), SieveError> {
        let command = format!("HAVESPACE {} {bytes}\r\n", quoted_name(name)?);
        self.command("HAVESPACE", &command).await.map(drop)
    }
}

fn script(line: &[Token]) -> Option<Script> {
    let name = line.first()?.text()?;
    let active = line[1..]
        .iter()
        .any(|token| matches!(token, Token::Atom(word) if word.eq_ignore_ascii_case("ACTIVE")));
    Some(Script { name, active })
}

fn warnings(response: Response) -> Option<String> {
    let end = response.end;
    (end.code.as_deref() == Some("WARNINGS")).then_some(end.text)
}

/// A name in quotation marks, where it can be one (RFC 5804 section 1.6).
fn quoted_name(name: &str) -> Result<String, SieveError> {
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if name.is_empty() || name.len() > NAME_BYTES || name.contains(forbidden) {
        return Err(SieveError::BadName {
            name: name.to_owned(),
        });
    }
    let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{escaped}\""))
}

/// A script as a counted text that the server need not be asked for.
fn counted(script: &str) -> Result<String, SieveError> {
    if script.len() > SCRIPT_BYTES {
        return Err(SieveError::TooLarge {
            size: script.len(),
            limit: SCRIPT_BYTES,
        });
    }
    Ok(format!("{{{}+}}\r\n{script}", script.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_no_command_and_scripts_are_counted_in_bytes() {
        assert_eq!(
            quoted_name("a \"b\" \\").expect("a name"),
            r#""a \"b\" \\""#
        );
        assert_eq!(
            quoted_name("Abwesenheit \u{f6}").expect("a name"),
            "\"Abwesenheit \u{f6}\""
        );
        let long = "x".repeat(NAME_BYTES + 1);
        for bad in [
            "",
            "a\r\nLOGOUT",
            "a\nb",
            "\0",
            "a\u{2028}",
            "a\u{85}",
            &long,
        ] {
            assert!(
                matches!(quoted_name(bad), Err(SieveError::BadName { .. })),
                "{bad:?}"
            );
        }
        assert_eq!(
            counted("k\u{f6}\r\n").expect("a script"),
            "{5+}\r\nk\u{f6}\r\n"
        );
        let large = "#".repeat(SCRIPT_BYTES + 1);
        assert!(matches!(counted(&large), Err(SieveError::TooLarge { .. })));
    }
}
