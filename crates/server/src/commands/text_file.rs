//! A text from a file or from standard input.

use crate::exit::Failure;
use std::io::Read as _;

/// Longest text that is read.
const BYTES: u64 = 1024 * 1024;

/// Reads it; `-` is standard input.
///
/// # Errors
/// It cannot be read, is too long, or is no UTF-8.
pub fn read(file: &str) -> Result<String, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::usage(format!("{file} cannot be read")).because(error);
    let mut bytes = Vec::new();
    if file == "-" {
        std::io::stdin()
            .lock()
            .take(BYTES + 1)
            .read_to_end(&mut bytes)?;
    } else {
        let opened = std::fs::File::open(file).map_err(unreadable)?;
        opened
            .take(BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
    }
    if bytes.len() as u64 > BYTES {
        return Err(Failure::usage(format!(
            "{file} is too large: 1 MiB is allowed"
        )));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{file} is not UTF-8 text")))
}
