//! `postroom webhook ...`: where events are posted to.

use super::context::{Context, confirm};
use super::mailbox;
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use serde_json::{Value, json};

/// Webhooks that a list shows at most.
const LISTED: usize = 1000;

/// The commands of `webhook`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Every webhook
    List,
    /// Post events to a URL; prints the signing secret once
    Add {
        /// Where to post
        #[arg(id = "endpoint", value_name = "URL")]
        url: String,
        /// Only these types, comma-separated (`message.*` for a family) [default: all]
        #[arg(long, value_delimiter = ',', value_name = "TYPES")]
        types: Vec<String>,
        /// Only this mailbox; repeat for several [default: all]
        #[arg(long)]
        mailbox: Vec<String>,
        /// Only these origins, comma-separated: live, catch_up, backfill [default: all]
        #[arg(long, value_delimiter = ',', value_name = "ORIGINS")]
        origins: Vec<model::event::Origin>,
    },
    /// Stop posting
    Remove {
        /// The webhook, whk_...
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Post a test event
    Test {
        /// The webhook, whk_...
        id: String,
    },
    /// How deliveries went, newest first
    Deliveries {
        /// The webhook, whk_...
        id: String,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Deliver again: one delivery, or all that was missed since a time
    Replay {
        /// The webhook, whk_...
        id: String,
        /// The delivery, dlv_...
        #[arg(required_unless_present = "since")]
        delivery: Option<String>,
        /// Everything since this time that was not delivered
        #[arg(long, value_name = "TIME", conflicts_with = "delivery")]
        since: Option<String>,
    },
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List => {
            let list = client.list("/v1/webhooks", &[], LISTED).await?;
            context.output.value(&list, table)?;
        }
        Command::Add {
            url,
            types,
            mailbox,
            origins,
        } => {
            let mut ids = Vec::with_capacity(mailbox.len());
            for named in &mailbox {
                ids.push(mailbox::resolve(client, named).await?);
            }
            let body =
                json!({ "url": url, "types": types, "mailbox_ids": ids, "origins": origins });
            let webhook = client.post("/v1/webhooks", &body).await?;
            context.output.value(&webhook, |_, webhook| {
                output::note("The signing secret is shown once:");
                format!(
                    "{}\n{}",
                    output::line(output::at(webhook, "/id")),
                    output::line(output::at(webhook, "/secret"))
                )
            })?;
        }
        Command::Remove { id, yes } => {
            confirm(yes, &format!("remove the webhook {id}"))?;
            client.delete(&path(&id)).await?;
            context
                .output
                .value(&json!({ "id": id, "removed": true }), |_, _| {
                    format!("{} is removed.", output::line(&id))
                })?;
        }
        Command::Test { id } => {
            let delivery = client
                .post(&format!("{}/test", path(&id)), &json!({}))
                .await?;
            context.output.value(&delivery, |_, _| {
                format!(
                    "A test event is on its way: `postroom webhook deliveries {}`.",
                    output::line(&id)
                )
            })?;
        }
        Command::Deliveries { id, limit } => {
            let list = client
                .list(&format!("{}/deliveries", path(&id)), &[], limit)
                .await?;
            context.output.value(&list, deliveries)?;
        }
        Command::Replay {
            id,
            delivery,
            since,
        } => {
            let (path, body) = match delivery {
                Some(delivery) => (
                    format!("{}/deliveries/{}/replay", path(&id), segment(&delivery)),
                    json!({}),
                ),
                None => (format!("{}/replay", path(&id)), json!({ "since": since })),
            };
            let answer = client.post(&path, &body).await?;
            context
                .output
                .value(&answer, |_, _| "It is delivered again.".to_owned())?;
        }
    }
    Ok(Exit::Good)
}

fn path(id: &str) -> String {
    format!("/v1/webhooks/{}", segment(id))
}

fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list).iter().map(|row| {
        let types: Vec<_> = row["types"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let state = if row["enabled"] == json!(false) {
            output::at(row, "/disabled_reason")
        } else {
            "on"
        };
        [
            output::at(row, "/id").to_owned(),
            output::at(row, "/url").to_owned(),
            if types.is_empty() {
                "all".to_owned()
            } else {
                types.join(" ")
            },
            state.to_owned(),
        ]
    });
    output.table(["ID", "URL", "TYPES", "STATE"], rows.collect())
}

fn deliveries(output: &Output, list: &Value) -> String {
    let rows = output::rows(list).iter().map(|row| {
        let status = row["last_status"].as_i64().map(|status| status.to_string());
        let error = row["last_error"].as_str().map(str::to_owned);
        [
            output::at(row, "/id").to_owned(),
            output::at(row, "/event_type").to_owned(),
            output::at(row, "/state").to_owned(),
            output::number(row, "/attempts").to_string(),
            [status, error]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" "),
            output::time(row, "/created_at"),
        ]
    });
    output.table(
        ["ID", "EVENT", "STATE", "TRIES", "LAST ANSWER", "QUEUED"],
        rows.collect(),
    )
}
