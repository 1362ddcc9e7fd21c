//! `postroom detect ADDRESS`: settings and where they came from; needs no running server and no password.

use super::Context;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, Output, Tone};
use crate::wire;
use connect::detect::{AddressError, DetectRequest, Profile};
use model::detection::{Candidate, Confidence, Detection, Outcome, PreparationId};
use model::mailbox::Security;
use serde_json::json;

/// Arguments of `detect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mail address
    address: String,
    /// Also ask the public directory of providers, which then learns the domain
    #[arg(long)]
    directory: bool,
    /// Ask every source, even where the best has answered
    #[arg(long)]
    all: bool,
}

/// Searches and prints what was found.
pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let config = context.config()?;
    let request = DetectRequest {
        profiles: profiles(&config, &args.address).await?,
        address: args.address,
        directory: args.directory,
        all: args.all,
    };
    // Whoever starts the command with the flag has consented twice.
    let found = search(&config, request, args.directory || config.directory).await?;
    context
        .output
        .value(&json!(found), |output, _| render(output, &found))?;
    Ok(exit_of(&found))
}

/// The settings for an address whose servers were not named, for a command that sends a password to them.
///
/// # Errors
/// Nothing was found, or nothing that a password may go to before a person has looked at it.
pub async fn settings_for(config: &Config, address: &str) -> Result<Candidate, Failure> {
    let request = DetectRequest {
        address: address.to_owned(),
        profiles: profiles(config, address).await?,
        ..DetectRequest::default()
    };
    let found = search(config, request, config.directory).await?;
    let usable = |c: &&Candidate| c.trusted && (c.incoming.is_some() || c.outgoing.is_some());
    if let Some(candidate) = found.candidates.iter().find(usable) {
        return Ok(candidate.clone());
    }
    let domain = output::line(&found.domain);
    let named = "name its servers, such as --imap-host HOST --smtp-host HOST";
    Err(match found.best() {
        Some(doubtful) => Failure::new(
            Exit::NotFound,
            format!("the settings that were found for {domain} have to be confirmed"),
        )
        .because(output::line(&doubtful.because))
        .remedy(format!(
            "`postroom detect` shows them; if they are right, {named}"
        )),
        None => {
            let failure = Failure::new(
                exit_of(&found),
                format!("no settings were found for {domain}"),
            );
            match found.preparation.first() {
                Some(item) => failure.because(output::line(&item.text)),
                None => failure.remedy(named),
            }
        }
    })
}

/// The server profiles of this installation; none where there is no installation yet.
async fn profiles(config: &Config, address: &str) -> Result<Vec<Profile>, Failure> {
    if !config.store.key_file.exists() {
        return Ok(Vec::new());
    }
    let store = wire::open_store_beside(config).await?;
    let all = store::server_profiles::all(&store).await?;
    let of = |profile| Profile::of(profile, address);
    Ok(all.into_iter().map(of).collect())
}

async fn search(
    config: &Config,
    request: DetectRequest,
    directory: bool,
) -> Result<Detection, Failure> {
    let (net, providers) = (wire::network(config)?, wire::providers(config));
    let detector = wire::detector(config, net, providers, directory)?;
    detector
        .detect(&request)
        .await
        .map_err(|error: AddressError| {
            Failure::usage(format!(
                "the address {} {error}",
                output::line(&request.address)
            ))
        })
}

/// 0: there are settings. 23: the provider lets no mail program in. 20: nobody could be asked. 4: nothing was found.
fn exit_of(found: &Detection) -> Exit {
    if found.best().is_some() {
        return Exit::Good;
    }
    if found.preparation.iter().any(|item| {
        matches!(
            item.id,
            PreparationId::NoImap | PreparationId::OauthOnly | PreparationId::EnableImap
        )
    }) {
        return Exit::ProviderSetting;
    }
    let asked = |outcome| found.searched.iter().any(|s| s.outcome == outcome);
    let network = found
        .searched
        .iter()
        .filter(|s| s.source == model::detection::Source::Mx)
        .any(|s| s.outcome == Outcome::Failed);
    if network && !asked(Outcome::Found) {
        Exit::Network
    } else {
        Exit::NotFound
    }
}

fn render(output: &Output, found: &Detection) -> String {
    let mut lines = Vec::new();
    if let Some(provider) = &found.provider {
        lines.push(format!(
            "{} is {}.",
            output::line(&found.address),
            output::line(&provider.name)
        ));
    }
    let mut candidates = found.candidates.iter();
    match candidates.next() {
        Some(best) => lines.extend(of_candidate(output, best)),
        None => lines.push(format!(
            "No settings were found for {}.",
            output::line(&found.domain)
        )),
    }
    for item in &found.preparation {
        let must = if item.required { "First" } else { "Note" };
        let url = item
            .url
            .as_ref()
            .map(|url| format!(" {url}"))
            .unwrap_or_default();
        lines.push(format!(
            "  {must}: {}{}",
            output::line(&item.text),
            output::line(&url)
        ));
    }
    for other in candidates {
        lines.push("Or:".to_owned());
        lines.extend(of_candidate(output, other));
    }
    lines.push("Looked at:".to_owned());
    for searched in &found.searched {
        let (sign, tone) = match searched.outcome {
            Outcome::Found => ("found  ", Tone::Good),
            Outcome::Nothing => ("nothing", Tone::Faint),
            Outcome::Failed => ("failed ", Tone::Warning),
            Outcome::Skipped => ("skipped", Tone::Faint),
        };
        lines.push(format!(
            "  {} {:<14} {}",
            output.tone(tone, sign),
            searched.source.as_str(),
            output::line(&searched.detail)
        ));
    }
    lines.join("\n")
}

fn of_candidate(output: &Output, candidate: &Candidate) -> Vec<String> {
    let tone = match (candidate.trusted, candidate.confidence) {
        (false, _) | (_, Confidence::Low) => Tone::Warning,
        _ => Tone::Good,
    };
    let mut lines = Vec::new();
    if let Some(side) = &candidate.incoming {
        let road = road(&side.host, side.port, side.security, &side.username);
        let word = if side.protocol == model::mailbox::Protocol::Imap {
            "IMAP"
        } else {
            "POP3"
        };
        lines.push(format!("  {word}  {}", output.tone(tone, &road)));
    }
    if let Some(side) = &candidate.outgoing {
        let road = road(&side.host, side.port, side.security, &side.username);
        lines.push(format!("  SMTP  {}", output.tone(tone, &road)));
    }
    lines.push(format!(
        "  because {} ({} confidence)",
        output::line(&candidate.because),
        candidate.confidence
    ));
    lines
}

fn road(host: &str, port: u16, security: Security, username: &str) -> String {
    output::line(&format!("{host}:{port} ({security}) as {username}"))
}
