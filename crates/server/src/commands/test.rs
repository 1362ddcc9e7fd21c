//! `postroom test ADDRESS|MAILBOX`: the connection report, in this process; needs no running server.

use super::context::Context;
use super::correct::{self, Line};
use super::detect;
use super::provider::refuse_broken_file;
use super::settings::{self, Settings};
use super::steps::{self, LiveSteps};
use crate::config::Config;
use crate::exit::{self, Exit, Failure};
use crate::output;
use crate::wire;
use connect::TestRequest;
use connect::detect::{Address, AddressError, tidy};
use connect::typed::{Before, Rules, Settled};
use model::detection::{Candidate, PreparationId};
use model::mailbox::{Auth, Incoming, Mailbox, Outgoing, Protocol};
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
    /// Show what was said in each step, without secrets
    #[arg(long)]
    transcript: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Runs the ten steps and prints the report.
pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let config = context.config()?;
    refuse_broken_file(&wire::providers(&config))?;
    let args = checked(args, context.output.json)?;
    let engine = wire::engine(&config, wire::network(&config)?);
    let named = args.settings.has_servers();
    let transcript = args.transcript;
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
    let mut line = Line::typed();
    let request = match &stored {
        Some((store, mailbox)) => {
            line = Line::of(&["postroom", "mailbox", "edit", &args.target]);
            of_mailbox(store, mailbox, args).await?
        }
        None if named => of_settings(args, &wire::rules(&config), context.output.json)?,
        None => of_detection(context, &config, args).await?,
    };
    let hosts = steps::Hosts::of(&request);
    let mut report = follow(&engine, request, context.output.json).await?;
    if let Some((store, mailbox)) = &stored {
        report = keep(store, mailbox, report).await?;
    }
    let exit = exit::of_report(&report);
    context.output.value(&json!(report), |out, _| {
        let mut text = steps::render(out, &report, !output::shows_progress());
        if let Some(corrected) = steps::correction(&report, line, &hosts) {
            text.push_str(&format!("\n  As a command: {corrected}"));
        }
        if transcript {
            text.push_str(&steps::conversation(&report));
        }
        text
    })?;
    Ok(exit)
}

/// What can be said before anything starts: addresses without what stood around them, and what cannot be meant.
fn checked(args: Args, quiet: bool) -> Result<Args, Failure> {
    let line = Line::typed();
    let tell = |pointer: &str, typed: &str, meant: &str, because: Option<&str>| {
        if let Some(because) = because.filter(|_| !quiet) {
            let note =
                json!({ "pointer": pointer, "was": typed, "became": meant, "because": because });
            correct::tell(&json!({ "normalised": [note] }), &line);
        }
    };
    let (target, because) = tidy(&args.target);
    if !target.contains('@') && !target.starts_with("mbx_") {
        return Err(Failure::usage(format!(
            "{} is neither a mail address nor the id of a mailbox (mbx_...)",
            output::line(&target)
        )));
    }
    tell("/address", &args.target, &target, because);
    let mut send_to = None;
    if let Some(typed) = &args.send_to {
        let (recipient, because) = recipient(typed, &target, &line)?;
        tell("/test_recipient", typed, &recipient, because);
        if args.settings.receives_only() {
            return Err(Failure::usage(
                "--send-to needs a sending server, and --receive-only leaves it out",
            )
            .remedy("leave one of the two out"));
        }
        send_to = Some(recipient);
    }
    if args.settings.names_pop3() && !args.folder.is_empty() {
        return Err(Failure::usage("--folder cannot be used with --pop3-host")
            .because("POP3 has the inbox alone, and no folders")
            .remedy("leave --folder out, or name the IMAP server with --imap-host"));
    }
    Ok(Args {
        target,
        send_to,
        ..args
    })
}

/// Whom the test message goes to. A name without a dot is a machine of one's own, unless it is a provider's.
fn recipient(
    typed: &str,
    own: &str,
    line: &Line,
) -> Result<(String, Option<&'static str>), Failure> {
    let (bare, because) = tidy(typed);
    let Err(error) = Address::read(typed) else {
        return Ok((bare, because));
    };
    let meant = detect::suggestion(typed);
    let domain = bare.rsplit_once('@').map_or("", |(_, domain)| domain);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let local = match error {
        AddressError::NoDot => meant.is_none() && domain.chars().all(plain),
        AddressError::IpAddress => domain.starts_with('['),
        _ => false,
    };
    if local {
        return Ok((bare, because));
    }
    let failure = Failure::usage(format!("--send-to: {} {error}", output::line(typed)));
    Err(match meant {
        Some(meant) => failure.remedy(format!(
            "did you mean {}? {}",
            meant.address,
            line.clone().with("--send-to", &meant.address)
        )),
        None if error == AddressError::NotAnAddress && own.contains('@') => {
            failure.remedy(format!(
                "to send it to the mailbox itself: {}",
                line.clone().with("--send-to", own)
            ))
        }
        None => failure,
    })
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
    let settled = args.settings.settled(
        &args.target,
        Before::default(),
        rules,
        settings::PASSWORD,
        quiet,
    )?;
    Ok(request(args, None, None, settled))
}

/// What the flags say, else what was found.
fn request(
    args: Args,
    incoming: Option<Incoming>,
    outgoing: Option<Outgoing>,
    settled: Settled,
) -> TestRequest {
    TestRequest {
        count: None,
        mailbox_id: None,
        incoming: settled.incoming.unwrap_or(incoming),
        outgoing: settled.outgoing.unwrap_or(outgoing),
        credentials: settled.credentials,
        login: settled.login,
        monitored_folders: args.folder,
        test_recipient: args.send_to,
        read_only: false,
        test_message_id: None,
        trigger: Trigger::Command,
        address: args.target,
    }
}

async fn of_detection(
    context: &Context,
    config: &Config,
    args: Args,
) -> Result<TestRequest, Failure> {
    let quiet = context.output.json;
    let (found, candidate) = detect::settings_for(config, &args.target).await?;
    if !quiet {
        output::note(&format!(
            "Settings found: {} (source: {})",
            output::line(&candidate.because),
            candidate.source
        ));
        for line in detect::preparation(&found) {
            output::note(&line);
        }
    }
    let oauth = |auth: Option<Auth>| auth == Some(Auth::Oauth2);
    let needs_token = oauth(candidate.incoming.as_ref().map(|side| side.auth))
        || oauth(candidate.outgoing.as_ref().map(|side| side.auth));
    if needs_token && !args.settings.is_token() {
        return Err(detect::token_needed(&found, &Line::typed()));
    }
    let prompt = if found
        .preparation
        .iter()
        .any(|item| item.required && item.id == PreparationId::AppPassword)
    {
        "App password"
    } else {
        settings::PASSWORD
    };
    let before = Before {
        incoming: candidate.incoming.as_ref(),
        outgoing: candidate.outgoing.as_ref(),
    };
    let pop3 = candidate
        .incoming
        .as_ref()
        .is_some_and(|side| side.protocol == Protocol::Pop3);
    if pop3 && !args.folder.is_empty() && !quiet {
        output::note("--folder is not used: POP3 has the inbox alone, and no folders.");
    }
    let rules = wire::rules(config);
    let settled = args
        .settings
        .settled(&args.target, before, &rules, prompt, quiet)?;
    let Candidate {
        incoming, outgoing, ..
    } = candidate;
    Ok(request(args, incoming, outgoing, settled))
}

async fn of_mailbox(store: &Store, mailbox: &Mailbox, args: Args) -> Result<TestRequest, Failure> {
    if args.settings.says_anything() {
        return Err(Failure::usage(format!(
            "{} is connected, and its stored settings are what is tested",
            output::line(&args.target)
        ))
        .because("options beside --send-to and --folder are for servers that are named here")
        .remedy("change them with `postroom mailbox edit`, or name the servers with --imap-host and --smtp-host"));
    }
    if args.send_to.is_some() && mailbox.outgoing.is_none() {
        return Err(Failure::usage(
            "--send-to needs a sending server, and this mailbox has none",
        ));
    }
    // Noted before it is sent, so that the installation does not take it in as mail.
    let test_message_id = match &args.send_to {
        Some(_) => {
            let id = connect::TestMessageId::fresh("", store.now());
            store::test_messages::note(store, &id.to_string()).await?;
            Some(id)
        }
        None => None,
    };
    let stored = mailbox.monitored_folders.clone().unwrap_or_default();
    Ok(TestRequest {
        count: None,
        mailbox_id: Some(mailbox.id.clone()),
        address: mailbox.address.clone(),
        incoming: mailbox.incoming.clone(),
        outgoing: mailbox.outgoing.clone(),
        credentials: store::mailboxes::credentials(store, &mailbox.id).await?,
        login: mailbox.login_formats,
        monitored_folders: if args.folder.is_empty() {
            stored
        } else {
            args.folder
        },
        test_recipient: args.send_to,
        read_only: mailbox.read_only,
        test_message_id,
        trigger: Trigger::Command,
    })
}

/// A connected mailbox, by its id or address, straight from the store.
async fn find(config: &Config, target: &str) -> Result<(Store, Mailbox), Failure> {
    let unknown = || {
        Failure::new(
            Exit::NotFound,
            format!("{} is not a connected mailbox", output::line(target)),
        )
        .remedy("`postroom mailbox list` lists them")
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
        let page = store::mailboxes::list(&store, store::mailboxes::Filter::default(), after, PAGE)
            .await?;
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
