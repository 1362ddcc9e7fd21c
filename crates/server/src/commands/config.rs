//! `postroom config check|show`.

use super::context::Context;
use crate::config::KEYS;
use crate::exit::{Exit, Failure};
use serde_json::json;

/// The commands of `config`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say whether the configuration is good
    Check,
    /// Every key with its value and origin
    Show,
}

/// Runs one of them.
pub fn run(context: &Context, command: &Command) -> Result<Exit, Failure> {
    let config = context.config()?;
    match command {
        Command::Check => {
            // What the server would read at start, it must be able to read.
            crate::wire::network(&config)?;
            super::provider::refuse_broken_file(&crate::wire::providers(&config))?;
            let file = config.file.as_ref().map(|file| file.display().to_string());
            context.output.value(
                &json!({ "valid": true, "file": file }),
                |_, _| match &file {
                    Some(file) => format!("The configuration is good (file {file})."),
                    None => "The configuration is good (there is no file).".to_owned(),
                },
            )?;
        }
        Command::Show => {
            let keys: Vec<_> = KEYS
                .iter()
                .map(|key| {
                    let origin = config.settings.get(key.name).map(|s| s.origin.to_string());
                    json!({
                        "key": key.name, "value": config.shown(key), "origin": origin, "flag": key.flag,
                        "variable": key.variable, "help": key.help,
                    })
                })
                .collect();
            context
                .output
                .value(&json!({ "data": keys }), |output, value| {
                    let text = |row: &serde_json::Value, name: &str| {
                        crate::output::at(row, name).to_owned()
                    };
                    let rows = crate::output::rows(value).iter().map(|row| {
                        [
                            text(row, "/key"),
                            text(row, "/value"),
                            text(row, "/origin"),
                            text(row, "/variable"),
                            text(row, "/flag"),
                        ]
                    });
                    output.table(
                        ["KEY", "VALUE", "ORIGIN", "VARIABLE", "FLAG"],
                        rows.collect(),
                    )
                })?;
        }
    }
    Ok(Exit::Good)
}
