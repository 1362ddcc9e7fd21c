//! moto's S3 server, from the virtual environment that scripts/install-test-deps makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Server;
use crate::machine::{Machine, Result};

/// The program, where it is installed.
pub fn program() -> Result<Option<PathBuf>> {
    // target/<profile>/mail-servers -> target/testkit-venv
    let own = std::env::current_exe()?;
    let program = own
        .ancestors()
        .nth(2)
        .map(|target| target.join("testkit-venv/bin/moto_server"));
    Ok(program.filter(|p| p.exists()))
}

/// Starts it; it listens one or two seconds later.
pub fn start(machine: &Machine, program: &Path, port: u16) -> Result<Server> {
    machine.spawn(
        "s3",
        "-TERM",
        Command::new(program).args(["-H", "127.0.0.1", "-p", &port.to_string()]),
    )
}
