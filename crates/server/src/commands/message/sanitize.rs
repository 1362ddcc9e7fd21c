//! `postroom message sanitize`: HTML in, the HTML that the console would show out.

use crate::commands::context::Context;
use crate::exit::{Exit, Failure};
use crate::output;
use mail_message::sanitize::{Options, RemoteImages, sanitize};
use serde_json::json;
use std::io::Read;

/// Bytes that are read at most; more is never shown.
const INPUT_BYTES: u64 = 64 * 1024 * 1024;

/// Arguments of `message sanitize`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file; without one or with -, standard input
    file: Option<String>,
    /// Let pictures of other servers load
    #[arg(long)]
    remote_images: bool,
}

/// Sanitises one document.
pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let bytes = match args.file.as_deref() {
        None | Some("-") => read(std::io::stdin().lock())?,
        Some(name) => std::fs::File::open(name).and_then(read).map_err(|error| {
            Failure::new(Exit::NotFound, format!("{name} cannot be read")).because(error)
        })?,
    };
    let options = Options {
        remote_images: if args.remote_images {
            RemoteImages::Allowed
        } else {
            RemoteImages::Blocked
        },
        cid: None,
    };
    let sanitized = sanitize(&String::from_utf8_lossy(&bytes), &options);
    if context.output.json {
        let value = json!({
            "html": sanitized.html, "blocked_remote": sanitized.blocked_remote, "truncated": sanitized.truncated,
        });
        output::print(&output::json(&value, false))?;
    } else {
        output::print_bytes(sanitized.html.as_bytes())?;
    }
    Ok(Exit::Good)
}

fn read(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(INPUT_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
