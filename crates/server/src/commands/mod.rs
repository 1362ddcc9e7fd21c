//! The commands: one file for each family. Each parses its own arguments, does its one thing through
//! the REST client or the store, and prints a table or JSON.

mod audit;
mod auto_reply;
mod completions;
mod config;
mod context;
mod correct;
mod detect;
mod draft;
mod event;
mod explain;
mod folder;
mod identity;
mod job;
mod mailbox;
mod message;
mod nearest;
mod outbox;
mod owed;
mod profile;
mod provider;
mod secrets;
mod serve;
mod settings;
mod signature;
mod size;
mod steps;
mod sync;
mod tag;
mod template;
mod test;
mod text_file;
mod token;
mod webhook;

use crate::config::Flags;
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use clap::{Parser, Subcommand};
use context::Context;
use std::process::ExitCode;

/// Blocking threads at most: files and password hashes, both bounded elsewhere too.
const BLOCKING_THREADS: usize = 32;

/// Postroom connects any IMAP, POP3 and SMTP mailbox to a business application.
#[derive(Debug, Parser)]
#[command(
    name = "postroom",
    version,
    arg_required_else_help = true,
    propagate_version = true
)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// The server [default: the one that runs on this data directory]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = "Configuration"
    )]
    url: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve,
    /// Prove a mailbox's settings: ten steps and a verdict; needs no running server
    Test(Box<test::Args>),
    /// Find the settings for an address, and say where they come from; needs no running server
    Detect(detect::Args),
    /// Connect mailboxes and look after them
    #[command(subcommand)]
    Mailbox(mailbox::Command),
    /// Settings that many mailboxes share
    #[command(subcommand)]
    Profile(profile::Command),
    /// Folders of a mailbox
    #[command(subcommand)]
    Folder(folder::Command),
    /// Read, sort and send mail
    #[command(subcommand)]
    Message(message::Command),
    /// Tags and folders of your own, beside the server's
    #[command(subcommand)]
    Tag(tag::Command),
    /// What mailboxes send as, and who may use it
    #[command(subcommand)]
    Identity(identity::Command),
    /// What goes below messages
    #[command(subcommand)]
    Signature(signature::Command),
    /// Stored messages with variables
    #[command(subcommand)]
    Template(template::Command),
    /// Work that goes on for a while: a template for many
    #[command(subcommand)]
    Job(job::Command),
    /// Messages that are being written
    #[command(subcommand)]
    Draft(draft::Command),
    /// Out of office: what mailboxes answer by themselves
    #[command(subcommand)]
    AutoReply(auto_reply::Command),
    /// What is on its way out
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Changes that a mailbox's server has not confirmed
    #[command(subcommand)]
    Owed(owed::Command),
    /// How far the local copy is
    #[command(subcommand)]
    Sync(sync::Command),
    /// Where events are posted to
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// What happened
    #[command(subcommand)]
    Event(event::Command),
    /// Keys of the API; works beside a running server
    #[command(subcommand)]
    Token(token::Command),
    /// What is known of mail providers, offline
    #[command(subcommand)]
    Provider(provider::Command),
    /// What a problem means and what to do about it, offline
    Explain(explain::Args),
    /// Every setting, with its origin
    #[command(subcommand)]
    Config(config::Command),
    /// Completions for a shell
    Completions(completions::Args),
}

/// Parses the command line, runs the command, prints what went wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = Context {
        flags: cli.flags,
        url: cli.url,
        output: Output::new(cli.json),
    };
    match run(&context, cli.command) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            if context.output.json {
                let _ = output::print(&output::json(&failure.to_json(), false));
            }
            output::note(&output::text(&failure.to_string()));
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    // What needs neither network nor store runs without a runtime.
    match command {
        Command::Explain(args) => explain::run(context, &args),
        Command::Provider(command) => provider::run(context, command),
        Command::Config(command) => config::run(context, &command),
        Command::Completions(args) => {
            completions::run(&args, <Cli as clap::CommandFactory>::command())
        }
        Command::Message(message::Command::Parse(args)) => message::parse::run(context, &args),
        Command::Message(message::Command::Sanitize(args)) => {
            message::sanitize::run(context, &args)
        }
        Command::Serve => {
            install_crypto();
            serve::run(context, &server_runtime()?)
        }
        online => {
            install_crypto();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(BLOCKING_THREADS)
                .build()?;
            let done = runtime.block_on(run_online(context, online));
            // A look-up that hangs in the system's resolver must not hold the command.
            runtime.shutdown_background();
            done
        }
    }
}

async fn run_online(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Test(args) => test::run(context, *args).await,
        Command::Detect(args) => detect::run(context, args).await,
        Command::Token(command) => token::run(context, command).await,
        online => {
            let client = context.client().await?;
            let done = match online {
                Command::Mailbox(command) => mailbox::run(context, &client, command).await,
                Command::Profile(command) => profile::run(context, &client, command).await,
                Command::Folder(command) => folder::run(context, &client, command).await,
                Command::Message(command) => message::run(context, &client, command).await,
                Command::Tag(command) => tag::run(context, &client, command).await,
                Command::Identity(command) => identity::run(context, &client, command).await,
                Command::Signature(command) => signature::run(context, &client, command).await,
                Command::Template(command) => template::run(context, &client, command).await,
                Command::Job(command) => job::run(context, &client, command).await,
                Command::Draft(command) => draft::run(context, &client, command).await,
                Command::AutoReply(command) => auto_reply::run(context, &client, command).await,
                Command::Outbox(command) => outbox::run(context, &client, command).await,
                Command::Owed(command) => owed::run(context, &client, command).await,
                Command::Sync(command) => sync::run(context, &client, command).await,
                Command::Webhook(command) => webhook::run(context, &client, command).await,
                Command::Event(command) => event::run(context, &client, command).await,
                _ => Ok(Exit::Good),
            };
            client.close().await;
            done
        }
    }
}

fn server_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.max(2))
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()?)
}

/// TLS clients take the process's provider. Another one being installed already is no fault.
fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_of_the_configuration_exists() {
        let command = Cli::command();
        for flag in crate::config::KEYS.iter().filter_map(|key| key.flag) {
            let name = flag.trim_start_matches("--");
            assert!(
                command
                    .get_arguments()
                    .any(|arg| arg.get_long() == Some(name)),
                "{flag}"
            );
        }
    }

    #[test]
    fn no_password_can_be_given_as_a_flag() {
        for command in Cli::command().get_subcommands() {
            for inner in command.get_subcommands().chain([command]) {
                let takes_value = inner
                    .get_arguments()
                    .filter(|arg| arg.get_action().takes_values());
                for flag in takes_value.filter_map(|arg| arg.get_long()) {
                    assert!(
                        !flag.contains("password") || flag.ends_with("-file"),
                        "{flag}"
                    );
                }
            }
        }
    }

    /// clap would quietly give both the same value.
    #[test]
    fn no_command_has_an_argument_with_the_name_of_a_global_one() {
        fn walk(command: &clap::Command, globals: &[&clap::Id]) {
            for inner in command.get_subcommands() {
                for arg in inner.get_arguments().filter(|arg| !arg.is_global_set()) {
                    assert!(
                        !globals.contains(&arg.get_id()),
                        "{} {}",
                        inner.get_name(),
                        arg.get_id()
                    );
                }
                walk(inner, globals);
            }
        }
        let command = Cli::command();
        let globals: Vec<_> = command
            .get_arguments()
            .filter(|arg| arg.is_global_set())
            .map(clap::Arg::get_id)
            .collect();
        assert!(globals.len() > 8);
        walk(&command, &globals);
    }

    #[test]
    fn global_flags_may_stand_behind_the_command() {
        let line = [
            "postroom",
            "token",
            "create",
            "--name",
            "n",
            "--scope",
            "all",
            "--json",
            "--data-dir",
            "/x",
        ];
        let cli = Cli::try_parse_from(line).unwrap();
        assert!(cli.json);
        assert_eq!(cli.flags.data_dir.as_deref(), Some("/x"));
    }
}
