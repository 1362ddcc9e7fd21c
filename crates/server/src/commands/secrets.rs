//! Where a password comes from: never from the command line, which every user of the machine can read.

use crate::exit::Failure;
use model::Secret;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Longest password or token.
const SECRET_BYTES: u64 = 64 * 1024;

/// The flags that say where the password comes from.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PasswordSource {
    /// Read the password from standard input (its first line)
    #[arg(long)]
    pub password_stdin: bool,
    /// Read the password from a file (its first line)
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    pub password_file: Option<PathBuf>,
}

impl PasswordSource {
    /// Whether the command line names a source.
    pub const fn is_named(&self) -> bool {
        self.password_stdin || self.password_file.is_some()
    }

    /// The password: from standard input, a file, POSTROOM_PASSWORD, or a prompt.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn read(&self, prompt: &str) -> Result<Secret, Failure> {
        if self.password_stdin {
            return first_line(std::io::stdin().lock(), "standard input");
        }
        if let Some(path) = &self.password_file {
            return read_file(path);
        }
        if let Some(secret) = std::env::var("POSTROOM_PASSWORD")
            .ok()
            .filter(|s| !s.is_empty())
        {
            return Ok(Secret::new(secret));
        }
        if !std::io::stdin().is_terminal() {
            return Err(
                Failure::usage("a password is needed, and nobody can be asked for it")
                    .remedy("use --password-stdin, --password-file or POSTROOM_PASSWORD"),
            );
        }
        ask(prompt)
    }
}

/// The first line of a file.
///
/// # Errors
/// It cannot be read.
pub fn read_file(path: &Path) -> Result<Secret, Failure> {
    let file = std::fs::File::open(path).map_err(|error| {
        Failure::usage(format!("{} cannot be read", path.display())).because(error)
    })?;
    first_line(file, &path.display().to_string())
}

fn first_line(from: impl std::io::Read, name: &str) -> Result<Secret, Failure> {
    let mut text = String::new();
    from.take(SECRET_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| {
            Failure::usage(format!("no password can be read from {name}")).because(error)
        })?;
    // Wiped when dropped, like every secret.
    let text = Secret::new(text);
    let secret = Secret::new(text.expose().lines().next().unwrap_or_default());
    if secret.expose().is_empty() {
        return Err(Failure::usage(format!("there is no password in {name}")));
    }
    Ok(secret)
}

/// Asks on the terminal, without echo.
fn ask(prompt: &str) -> Result<Secret, Failure> {
    let stdin = std::io::stdin();
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{prompt}: ");
    let _ = err.flush();
    let before = tcgetattr(&stdin).map_err(std::io::Error::from)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &silent).map_err(std::io::Error::from)?;
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    let restored = tcsetattr(&stdin, OptionalActions::Now, &before);
    let _ = writeln!(err);
    read?;
    restored.map_err(std::io::Error::from)?;
    let line = Secret::new(line);
    let secret = Secret::new(line.expose().trim_end_matches(['\r', '\n']));
    if secret.expose().is_empty() {
        return Err(Failure::usage("no password was entered"));
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_counts_and_blanks_stay() {
        let secret = first_line(&b" pass word \r\nsecond\n"[..], "x").unwrap();
        assert_eq!(secret.expose(), " pass word ");
        assert!(first_line(&b"\n"[..], "x").is_err());
    }
}
