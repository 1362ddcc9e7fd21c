//! `postroom event list|follow`: what happened.

use super::context::Context;
use super::mailbox;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

/// The pause before a broken line is taken up again.
const PAUSE: Duration = Duration::from_secs(2);

/// The commands of `event`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Events, oldest first
    List {
        /// After this position
        #[arg(long)]
        cursor: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        filter: Filter,
    },
    /// Events as they happen, until interrupted
    Follow {
        /// After this position [default: now]
        #[arg(long)]
        cursor: Option<String>,
        #[command(flatten)]
        filter: Filter,
    },
}

/// Which events.
#[derive(Debug, clap::Args)]
pub struct Filter {
    /// Only these types, comma-separated (`message.*` for a family)
    #[arg(long, value_name = "TYPES")]
    types: Option<String>,
    /// Only this mailbox
    #[arg(long)]
    mailbox: Option<String>,
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List {
            cursor,
            limit,
            filter,
        } => {
            let mailbox = mailbox::resolve_some(client, filter.mailbox.as_deref()).await?;
            let query = [
                ("cursor", cursor),
                ("types", filter.types),
                ("mailbox_id", mailbox),
            ];
            let list = client.list("/v1/events", &query, limit).await?;
            context.output.value(&list, |_, list| {
                let lines: Vec<_> = output::rows(list).iter().map(line).collect();
                lines.join("\n")
            })?;
            Ok(Exit::Good)
        }
        Command::Follow { cursor, filter } => {
            let mailbox = mailbox::resolve_some(client, filter.mailbox.as_deref()).await?;
            follow(context, client, cursor, filter.types, mailbox).await
        }
    }
}

/// Follows the log for ever; a line that breaks off is taken up where it ended.
async fn follow(
    context: &Context,
    client: &Client,
    mut cursor: Option<String>,
    types: Option<String>,
    mailbox: Option<String>,
) -> Result<Exit, Failure> {
    // A token of our own runs out sooner than patience: a new client then comes with a new one.
    let mut renewed: Option<Client> = None;
    loop {
        let from = cursor.is_none().then(|| "now".to_owned());
        let query = [
            ("cursor", cursor.clone()),
            ("from", from),
            ("types", types.clone()),
            ("mailbox_id", mailbox.clone()),
        ];
        let at_work = renewed.as_ref().unwrap_or(client);
        let ended = at_work
            .events(Method::GET, "/v1/events", &query, None, |event| {
                if !event.id.is_empty() {
                    cursor = Some(event.id.clone());
                }
                if let Ok(document) = serde_json::from_str::<Value>(&event.data) {
                    let text = if context.output.json {
                        output::json(&document, false)
                    } else {
                        line(&document)
                    };
                    output::print(&text)?;
                }
                Ok(true)
            })
            .await;
        match ended {
            Ok(()) => return Ok(Exit::Good),
            Err(failure) if failure.exit == Exit::Network => {
                output::note("the line broke off; it is taken up again");
                tokio::time::sleep(PAUSE).await;
            }
            Err(failure) if failure.exit == Exit::Refused && renewed.is_none() => {
                renewed = Some(context.client().await?);
                continue;
            }
            Err(failure) => return Err(failure),
        }
        if let Some(old) = renewed.take() {
            old.close().await;
        }
    }
}

fn line(event: &Value) -> String {
    let mut line = format!(
        "{}  {:<28} {}",
        output::time(event, "/occurred_at"),
        output::line(output::at(event, "/type")),
        output::line(output::at(event, "/mailbox_id")),
    );
    let origin = output::at(event, "/origin");
    if origin != "live" {
        line.push_str(&format!("  ({})", output::line(origin)));
    }
    for name in [
        "subject",
        "path",
        "state",
        "problem_id",
        "message_id",
        "submission_id",
    ] {
        if let Some(value) = event["data"][name].as_str() {
            line.push_str(&format!("  {name}={}", output::line(value)));
        }
    }
    line
}
