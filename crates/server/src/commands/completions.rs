//! `postroom completions SHELL`.

use crate::exit::{Exit, Failure};
use crate::output;
use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &Args, mut command: clap::Command) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "postroom", &mut script);
    output::print_bytes(&script)?;
    Ok(Exit::Good)
}
