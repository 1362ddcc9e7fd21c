//! The `postroom` binary: the server, and the commands that work with it.
//!
//! - [`config`]: every key, with the origin of its value
//! - [`wire`]: the one file that knows every crate and puts them together
//! - [`lifecycle`], [`http`]: ready, signals, the stop in two stages; connections
//! - [`commands`]: one file for each family of commands, on top of [`client`], [`output`] and [`exit`]

mod client;
mod commands;
mod config;
mod exit;
mod housekeeping;
mod http;
mod lifecycle;
mod logs;
mod metrics;
mod output;
mod sse;
mod wire;

fn main() -> std::process::ExitCode {
    commands::main()
}
