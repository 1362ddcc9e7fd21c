//! What every command can reach: the configuration, the running server, the way to print, and the question before something
//! is destroyed.

use crate::client::Client;
use crate::config::{Config, Flags};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use std::io::{IsTerminal as _, Write as _};

/// What every command can reach.
pub struct Context {
    /// Where the configuration comes from.
    pub flags: Flags,
    /// The server, where one was named.
    pub url: Option<String>,
    /// How to print.
    pub output: Output,
}

impl Context {
    /// The configuration, read when it is needed: what works offline works with a broken one, too.
    ///
    /// # Errors
    /// The configuration is wrong.
    pub fn config(&self) -> Result<Config, Failure> {
        Config::load(&self.flags)
    }

    /// A client for the running server.
    ///
    /// # Errors
    /// There is no token, and none can be made.
    pub async fn client(&self) -> Result<Client, Failure> {
        Client::open(&self.config()?, self.url.as_deref()).await
    }
}

/// Asks before something is destroyed: `--yes`, or a "y" on a terminal.
///
/// # Errors
/// The answer is no, or nobody can be asked.
pub fn confirm(yes: bool, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("{what} needs to be confirmed")).remedy("add --yes"));
    }
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{} [y/N] ", output::line(&format!("{what}?")));
    let _ = err.flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Failure::new(Exit::Refused, "nothing was done"))
    }
}
