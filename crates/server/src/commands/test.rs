//! `postroom test ADDRESS|MAILBOX`: the connection report, in this process; needs no running server.

use super::settings::Settings;
use super::{Context, detect};
use crate::exit::{self, Exit, Failure};
use crate::output;
use crate::steps::{self, LiveSteps};
use crate::wire;
use connect::TestRequest;
use connect::typed::Rules;
use model::mailbox::{Logins, Mailbox};
use model::report::{Report, Trigger};
use serde_json::json;
use store::Store;

/// Steps on their way to the display.
const STEPS: usize = 32;
/// Mailboxes read at once while looking for an address.
const PAGE: i64 = 200;

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A mail address, or a connected mailbox (its address or mbx_...); settings that are not named below are found out
    target: String,
    /// Send a test message to this address and wait for it
    #[arg(long, value_name = "ADDRESS")]
    send_to: Option<String>,
    /// A folder that must exist; repeat for several
    #[arg(long, value_name = "PATH")]
    folder: Vec<String>,
    #[command(flatten)]
    settings: Settings,
}

/// Runs the ten steps and prints the report.
pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let config = context.config()?;
    let engine = wire::engine(&config, wire::network(&config)?);
    let named = args.settings.has_servers();
    let stored = if named {
        None
    } else {
        match find(&config, &args.target).await {
            Ok(found) => Some(found),
            // An address that is not connected yet: its settings are found out.
            Err(failure) if failure.exit == Exit::NotFound && args.target.contains('@') => None,
            Err(failure) => return Err(failure),
        }
    };
    let request = match &stored {
        Some((store, mailbox)) => of_mailbox(store, mailbox, args.send_to).await?,
        None if named => of_settings(args, &wire::rules(&config), context.output.json)?,
        None => of_detection(context, &config, args).await?,
    };
    let mut report = follow(&engine, request, context.output.json).await?;
    if let Some((store, mailbox)) = &stored {
        report = keep(store, mailbox, report).await?;
    }
    let exit = exit::of_report(&report);
    context.output.value(&json!(report), |out, _| {
        steps::render(out, &report, !output::shows_progress())
    })?;
    Ok(exit)
}

/// Runs the report while its lines fill in.
async fn follow(
    engine: &connect::Engine,
    request: TestRequest,
    quiet: bool,
) -> Result<Report, Failure> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(STEPS);
    let live = (!quiet).then(LiveSteps::start);
    let display = async {
        while let Some(step) = receiver.recv().await {
            if let Some(live) = &live {
                live.step(&step);
            }
        }
    };
    let (report, ()) = tokio::join!(engine.test(request, sender), display);
    if let Some(live) = live {
        live.end();
    }
    Ok(report)
}

fn of_settings(args: Args, rules: &Rules, quiet: bool) -> Result<TestRequest, Failure> {
    let settled = args.settings.settled(&args.target, rules, quiet)?;
    Ok(TestRequest {
        count: None,
        mailbox_id: None,
        incoming: settled.incoming.flatten(),
        outgoing: settled.outgoing.flatten(),
        credentials: settled.credentials,
        login: settled.login,
        monitored_folders: args.folder,
        test_recipient: args.send_to,
        test_message_id: None,
        trigger: Trigger::Command,
        address: args.target,
    })
}

async fn of_detection(
    context: &Context,
    config: &crate::config::Config,
    args: Args,
) -> Result<TestRequest, Failure> {
    let found = detect::settings_for(config, &args.target).await?;
    if !context.output.json {
        output::note(&format!(
            "Settings found: {} (source: {})",
            output::line(&found.because),
            found.source
        ));
    }
    let (incoming, outgoing) = args.settings.over(found.incoming, found.outgoing);
    let choice = args.settings.login_format();
    let rules = wire::rules(config);
    let mut request = of_settings(args, &rules, context.output.json)?;
    // Which provider takes the password shows only now.
    let hosts = [
        incoming.as_ref().map(|side| &side.host),
        outgoing.as_ref().map(|side| &side.host),
    ];
    let secrets = [
        &mut request.credentials.incoming,
        &mut request.credentials.outgoing,
    ];
    for (host, secret) in hosts.into_iter().zip(secrets) {
        let tidied = host
            .zip(secret.as_ref())
            .and_then(|(host, typed)| rules.tidy_secret(host, typed));
        if let Some((tidied, _)) = tidied {
            *secret = Some(tidied);
        }
    }
    Ok(TestRequest {
        incoming,
        outgoing,
        login: Logins {
            incoming: choice,
            outgoing: choice,
        },
        ..request
    })
}

async fn of_mailbox(
    store: &Store,
    mailbox: &Mailbox,
    send_to: Option<String>,
) -> Result<TestRequest, Failure> {
    Ok(TestRequest {
        count: None,
        mailbox_id: Some(mailbox.id.clone()),
        address: mailbox.address.clone(),
        incoming: mailbox.incoming.clone(),
        outgoing: mailbox.outgoing.clone(),
        credentials: store::mailboxes::credentials(store, &mailbox.id).await?,
        login: mailbox.login_formats,
        monitored_folders: mailbox.monitored_folders.clone().unwrap_or_default(),
        test_recipient: send_to,
        test_message_id: None,
        trigger: Trigger::Command,
    })
}

/// A connected mailbox, by its id or address, straight from the store.
async fn find(config: &crate::config::Config, target: &str) -> Result<(Store, Mailbox), Failure> {
    let unknown = || {
        Failure::new(
            Exit::NotFound,
            format!("{target} is not a connected mailbox"),
        )
        .remedy("name its servers, such as --imap-host HOST --smtp-host HOST")
    };
    if !config.store.key_file.exists() {
        return Err(unknown());
    }
    let store = wire::open_store_beside(config).await?;
    if target.starts_with("mbx_") {
        let mailbox = store::mailboxes::get(&store, target).await?;
        return Ok((store, mailbox));
    }
    let mut after = None;
    loop {
        let page = store::mailboxes::list(&store, None, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Err(unknown());
        };
        after = Some(last.id.clone());
        if let Some(found) = page
            .into_iter()
            .find(|m| m.address.eq_ignore_ascii_case(target))
        {
            return Ok((store, found));
        }
    }
}

/// Keeps the report of a connected mailbox, and what it proves. Gives it back with what changed.
async fn keep(store: &Store, mailbox: &Mailbox, report: Report) -> Result<Report, Failure> {
    let report = store::reports::insert(store, report).await?;
    let (receives, sends) = (mailbox.incoming.is_some(), mailbox.outgoing.is_some());
    let (receiving, sending) = connect::proofs(&report, receives, sends);
    let found = mailbox.login_formats.found(receiving, sending);
    let (id, tested) = (&mailbox.id, mailbox.version);
    let (receiving, sending) = (receives.then_some(receiving), sends.then_some(sending));
    store::mailboxes::set_proofs(store, id, tested, receiving, sending, &report.id).await?;
    store::mailboxes::set_names(store, id, tested, report.accepted.clone(), found).await?;
    Ok(report)
}
