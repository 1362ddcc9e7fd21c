//! Project chores: `cargo run -p xtask -- tidy` checks the rules that the compiler does not know.
//!
//! The same check is a test of this crate, so that the test run finds what is untidy.

mod imports;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => check(),
        _ => {
            eprintln!("usage: cargo run -p xtask -- tidy");
            ExitCode::from(2)
        }
    }
}

fn check() -> ExitCode {
    let found = tidy::check(root());
    for line in &found {
        eprintln!("{line}");
    }
    if found.is_empty() {
        println!("tidy");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The project's folder.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}
