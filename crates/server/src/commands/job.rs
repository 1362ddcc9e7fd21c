//! `postroom job ...`: work that goes on for a while, such as a template for many.

use super::context::{Context, confirm};
use super::{identity, mailbox, template, text_file};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use serde_json::{Value, json};

/// Jobs that are listed.
const LISTED: usize = 500;

/// The commands of `job`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Jobs, newest first
    List,
    /// One job, with whom it did not reach
    Show {
        /// The job, job_...
        id: String,
    },
    /// Send a template to many, each with data of their own
    Merge(Box<Merge>),
    /// Make nothing more until it is resumed
    Pause {
        /// The job, job_...
        id: String,
    },
    /// Let a paused job go on
    Resume {
        /// The job, job_...
        id: String,
    },
    /// End a job; what waits in the outbox is cancelled
    Cancel {
        /// The job, job_...
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Arguments of `job merge`.
#[derive(Debug, clap::Args)]
pub struct Merge {
    /// The template: its name or tpl_...
    #[arg(long)]
    template: String,
    /// Recipients, as JSON from a file: [{"to": {"address": "ann@example.com"}, "data": {"name": "Ann"}}]; - for standard input
    #[arg(long, value_name = "FILE")]
    recipients: String,
    /// A value for all, such as place=Kiel; repeat for several
    #[arg(long, value_name = "NAME=TEXT", value_parser = template::datum)]
    data: Vec<(String, String)>,
    /// The mailbox that sends: its address or mbx_... [default: the identity's, or your own]
    #[arg(long)]
    mailbox: Option<String>,
    /// Send as this identity: its address or idn_...
    #[arg(long)]
    identity: Option<String>,
    /// Not before this time (RFC 3339; with --time-zone a local time, 2026-01-31T09:00)
    #[arg(long, value_name = "TIME")]
    send_at: Option<String>,
    /// The time zone of --send-at, such as Europe/Vienna
    #[arg(long, value_name = "ZONE", requires = "send_at")]
    time_zone: Option<String>,
    /// Where one click ends the subscription: an https address with variables, such as {{ recipient.address|urlencode }}
    #[arg(long, value_name = "URL")]
    unsubscribe_url: Option<String>,
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    let (id, verb) = match command {
        Command::List => {
            let list = client.list("/v1/jobs", &[], LISTED).await?;
            context.output.value(&list, table)?;
            return Ok(Exit::Good);
        }
        Command::Show { id } => {
            let job = client.get(&path(&id), &[]).await?;
            context.output.value(&job, show)?;
            return Ok(Exit::Good);
        }
        Command::Merge(args) => {
            let job = merge(client, *args).await?;
            context.output.value(&job, show)?;
            return Ok(Exit::Good);
        }
        Command::Pause { id } => (id, "pause"),
        Command::Resume { id } => (id, "resume"),
        Command::Cancel { id, yes } => {
            confirm(
                yes,
                &format!("cancel the job {id} and what of it waits in the outbox"),
            )?;
            (id, "cancel")
        }
    };
    let job = client
        .post(&format!("{}/{verb}", path(&id)), &json!({}))
        .await?;
    context.output.value(&job, show)?;
    Ok(Exit::Good)
}

async fn merge(client: &Client, args: Merge) -> Result<Value, Failure> {
    let recipients: Value = serde_json::from_str(&text_file::read(&args.recipients)?)
        .map_err(|error| Failure::usage("the recipients are no JSON").because(error))?;
    let mut body = json!({
        "template_id": template::resolve(client, &args.template).await?,
        "mailbox_id": mailbox::resolve_some(client, args.mailbox.as_deref()).await?,
        "data": template::data(&args.data, None)?, "recipients": recipients,
        "send_at": args.send_at, "time_zone": args.time_zone, "unsubscribe_url": args.unsubscribe_url,
    });
    if let Some(named) = &args.identity {
        body["identity_id"] = json!(identity::resolve(client, named).await?);
    }
    client.post("/v1/merges", &body).await
}

fn path(id: &str) -> String {
    format!("/v1/jobs/{}", segment(id))
}

fn show(_: &Output, job: &Value) -> String {
    let at = |path: &str| output::line(output::at(job, path));
    let mut lines = vec![
        format!("{} {}", at("/id"), at("/phase")),
        format!(
            "  done     {} of {}, {} failed",
            output::number(job, "/done"),
            output::number(job, "/total"),
            output::number(job, "/failed")
        ),
    ];
    if job["rate"].is_number() {
        let rate = output::number(job, "/rate");
        lines.push(format!("  rate     {rate} a minute, until {}", at("/eta")));
    }
    for failure in job["failures"].as_array().into_iter().flatten() {
        let of = |path: &str| output::line(output::at(failure, path));
        lines.push(format!("  {}: {}", of("/address"), of("/reason")));
    }
    lines.join("\n")
}

fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list).iter().map(|row| {
        [
            output::at(row, "/id").to_owned(),
            output::at(row, "/phase").to_owned(),
            output::number(row, "/done").to_string(),
            output::number(row, "/total").to_string(),
            output::number(row, "/failed").to_string(),
            output::at(row, "/created_at").to_owned(),
        ]
    });
    let head = ["ID", "PHASE", "DONE", "TOTAL", "FAILED", "MADE"];
    output.table(head, rows.collect())
}
