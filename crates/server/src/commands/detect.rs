//! `postroom detect ADDRESS`: settings and where they came from; needs no running server and no password.

use super::context::Context;
use super::correct::{self, Line};
use super::provider::refuse_broken_file;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, Output, Tone};
use crate::wire;
use connect::detect::{AddressError, DetectRequest, Profile};
use connect::providers::Table;
use model::detection::{
    Candidate, Confidence, Detection, Outcome, Preparation, PreparationId, Source, Suggestion,
};
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
    if !context.output.json {
        correct::tell(&json!({ "normalised": found.normalised }), &Line::typed());
    }
    context
        .output
        .value(&json!(found), |output, _| render(output, &found))?;
    Ok(exit_of(&found))
}

/// The settings for an address whose servers were not named, for a command that sends a password to them.
///
/// # Errors
/// Nothing was found, or nothing that a password may go to before a person has looked at it.
pub async fn settings_for(
    config: &Config,
    address: &str,
) -> Result<(Detection, Candidate), Failure> {
    let request = DetectRequest {
        address: address.to_owned(),
        profiles: profiles(config, address).await?,
        ..DetectRequest::default()
    };
    let found = search(config, request, config.directory).await?;
    let usable = |c: &&Candidate| c.trusted && (c.incoming.is_some() || c.outgoing.is_some());
    if let Some(candidate) = found.candidates.iter().find(usable).cloned() {
        return Ok((found, candidate));
    }
    let domain = output::line(&found.domain);
    let line = Line::typed();
    let code = match (found.best(), found.preparation.first()) {
        (Some(_), _) => Some("settings_unconfirmed"),
        (None, None) => Some("settings_not_found"),
        // What the provider wants says more.
        (None, Some(_)) => None,
    };
    let failure = why_none(&found, line, &domain);
    Err(match code {
        Some(code) => named(code, failure),
        None => failure,
    })
}

/// Why no settings can be used, and what to do.
fn why_none(found: &Detection, line: Line, domain: &str) -> Failure {
    match found.best() {
        Some(doubtful) => Failure::new(
            Exit::NotFound,
            format!("the settings that were found for {domain} have to be confirmed"),
        )
        .because(output::line(&doubtful.because))
        .remedy(format!(
            "if these servers are right: {}",
            naming(line, doubtful)
        )),
        None => {
            let failure = Failure::new(
                exit_of(found),
                format!("no settings were found for {domain}"),
            );
            let why = why_nothing(found).map(output::line);
            let failure = match (found.preparation.first(), why) {
                (Some(item), _) => return failure.because(output::line(&item.text)),
                (None, Some(why)) => failure.because(why),
                (None, None) => failure,
            };
            match &found.suggestion {
                Some(meant) => failure.remedy(did_you_mean(meant, line)),
                None => failure.remedy(correct::naming_hosts(&line)),
            }
        }
    }
}

/// The failure with the id of the catalogue's problem, for programs.
fn named(code: &str, failure: Failure) -> Failure {
    let document = json!({
        "title": failure.what, "code": code, "detail": failure.why, "remedy": { "text": failure.remedy },
    });
    Failure {
        document: Some(document),
        ..failure
    }
}

/// The address that was probably meant, by the built-in table.
pub fn suggestion(typed: &str) -> Option<Suggestion> {
    connect::detect::suggestion(&Table::built_in(), typed)
}

fn did_you_mean(meant: &Suggestion, mut line: Line) -> String {
    line.apply("/address", &format!("use_address:{}", meant.address), None);
    format!(
        "did you mean {} ({})? {line}",
        meant.address, meant.provider
    )
}

/// The line with these servers named.
fn naming(mut line: Line, candidate: &Candidate) -> Line {
    if let Some(side) = &candidate.incoming {
        let word = side.protocol.as_str();
        line = with_server(line, word, &side.host, side.port, side.security);
    }
    if let Some(side) = &candidate.outgoing {
        line = with_server(line, "smtp", &side.host, side.port, side.security);
    }
    line
}

fn with_server(line: Line, word: &str, host: &str, port: u16, security: Security) -> Line {
    line.with(&format!("--{word}-host"), host)
        .with(&format!("--{word}-port"), &port.to_string())
        .with(&format!("--{word}-security"), security.as_str())
}

/// What has to be done before the first sign-in, a line for each.
pub fn preparation(found: &Detection) -> Vec<String> {
    let line = |item: &Preparation| {
        let must = if item.required { "First" } else { "Note" };
        let url = item
            .url
            .as_ref()
            .map_or(String::new(), |url| format!(" {url}"));
        format!(
            "  {must}: {}{}",
            output::line(&item.text),
            output::line(&url)
        )
    };
    found.preparation.iter().map(line).collect()
}

/// A password would be refused, so that it is not even asked for.
pub fn token_needed(found: &Detection, line: &Line) -> Failure {
    let name = found
        .provider
        .as_ref()
        .map_or("the provider", |provider| &provider.name);
    let why = found
        .preparation
        .iter()
        .find(|item| item.id == PreparationId::OauthOnly);
    let what = format!("nobody has signed in: {name} wants an OAuth 2.0 access token");
    let remedy = format!(
        "with a token in a file: {} --token-auth",
        line.clone().or_with("--password-file", "FILE")
    );
    let document = json!({
        "title": what, "code": "oauth_required", "detail": why.map(|item| &item.text),
        "remedy": { "text": remedy }, "preparation": found.preparation,
    });
    Failure {
        document: Some(document),
        ..Failure::new(Exit::ProviderSetting, output::line(&what)).remedy(remedy)
    }
}

/// What the domain's mail servers tell about why nothing was found.
fn why_nothing(found: &Detection) -> Option<&str> {
    let mx = found.searched.iter().find(|s| s.source == Source::Mx);
    mx.filter(|s| s.outcome != Outcome::Skipped)
        .map(|s| s.detail.as_str())
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
    refuse_broken_file(&providers)?;
    let detector = wire::detector(config, net, providers, directory)?;
    detector
        .detect(&request)
        .await
        .map_err(|error: AddressError| {
            let typed = match request.address.trim() {
                "" => "that was given",
                typed => &output::line(typed),
            };
            let failure = Failure::usage(format!("the address {typed} {error}"));
            match (detector.suggestion(&request.address), error) {
                (Some(meant), _) => failure.remedy(did_you_mean(&meant, Line::typed())),
                (None, AddressError::NoDot | AddressError::IpAddress) => {
                    let test = Line::of(&["postroom", "test", request.address.trim()]);
                    failure.remedy(correct::naming_hosts(&test))
                }
                (None, _) => failure,
            }
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
        .filter(|s| s.source == Source::Mx)
        .any(|s| s.outcome == Outcome::Failed);
    if network && !asked(Outcome::Found) {
        Exit::Network
    } else {
        Exit::NotFound
    }
}

fn render(output: &Output, found: &Detection) -> String {
    let mut lines = Vec::new();
    let domain = match found.unicode_domain == found.domain || found.unicode_domain.is_empty() {
        true => output::line(&found.domain),
        false => format!(
            "{} ({})",
            output::line(&found.unicode_domain),
            output::line(&found.domain)
        ),
    };
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
        None => lines.push(format!("No settings were found for {domain}.")),
    }
    lines.extend(preparation(found));
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
    lines.push(format!("Next: {}", next(found)));
    lines.join("\n")
}

/// What to do now, with the line to copy.
fn next(found: &Detection) -> String {
    let test = Line::of(&["postroom", "test", &found.address]);
    let blocked = found
        .preparation
        .iter()
        .find(|item| item.id == PreparationId::NoImap);
    if let Some(meant) = &found.suggestion {
        return did_you_mean(meant, Line::of(&["postroom", "detect", &found.address]));
    }
    match found.best() {
        Some(best) if !best.trusted => format!(
            "look at the names; if they are right, {}",
            naming(test, best)
        ),
        Some(_)
            if found
                .preparation
                .iter()
                .any(|item| item.id == PreparationId::OauthOnly) =>
        {
            let test = test.with("--password-file", "FILE");
            format!("with an access token in a file, {test} --token-auth")
        }
        Some(_) => format!("prove them with {test}"),
        None if blocked.is_some() => {
            "connect the mailbox that its mail is forwarded to.".to_owned()
        }
        None => correct::naming_hosts(&test),
    }
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
