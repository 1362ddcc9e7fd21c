//! `postroom provider list|show`: what is known of mail providers; needs no running server.

use super::context::Context;
use super::nearest::nearest;
use crate::exit::{Exit, Failure};
use crate::output;
use connect::providers::{
    AppPasswordNeed, Kind, Origin, Provider, Providers, SentCopyBehaviour, Server, SignIn, Table,
    Wanted, preparation,
};
use serde_json::json;

/// The commands of `provider`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// All providers that are known, or some of them
    List(ListArgs),
    /// What is known of one
    Show(ShowArgs),
}

/// Arguments of `provider list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Words in the id, the name or a domain
    text: Vec<String>,
    /// The one that has this domain
    #[arg(long)]
    domain: Option<String>,
    /// consumer, business, isp, privacy, pec, bridge or none
    #[arg(long)]
    kind: Option<Kind>,
}

/// Arguments of `provider show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The provider's id, or a domain of its addresses
    provider: String,
}

/// Runs one of them.
pub fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    let providers = crate::wire::providers(&context.config()?);
    refuse_broken_file(&providers)?;
    let table = providers.current();
    match command {
        Command::List(args) => list(context, &table, args),
        Command::Show(args) => show(context, &table, &args.provider),
    }
}

/// A server goes on with the last good table; a command has none.
///
/// # Errors
/// The administrator's file cannot be used.
pub fn refuse_broken_file(providers: &Providers) -> Result<(), Failure> {
    match providers.problem() {
        None => Ok(()),
        Some(why) => Err(Failure::configuration("the providers file cannot be used")
            .because(output::line(&why))
            .remedy("correct the file, or providers_file if it names the wrong one")),
    }
}

fn list(context: &Context, table: &Table, args: ListArgs) -> Result<Exit, Failure> {
    let wanted = Wanted {
        domain: args.domain,
        kind: args.kind,
        text: Some(args.text.join(" ")),
    };
    let found: Vec<_> = table.search(&wanted).collect();
    let value = json!({ "data": found, "compiled": table.compiled() });
    context.output.value(&value, |output, _| {
        let rows = found.iter().map(|provider| {
            [
                provider.id.clone(),
                provider.name.clone(),
                provider.kind.to_string(),
                host(provider.imap.as_ref().or(provider.pop3.as_ref())),
                host(provider.smtp.as_ref()),
                provider.compiled.clone(),
            ]
        });
        output.table(
            [
                "PROVIDER",
                "NAME",
                "KIND",
                "RECEIVING",
                "SENDING",
                "CHECKED",
            ],
            rows.collect(),
        )
    })?;
    Ok(Exit::Good)
}

fn show(context: &Context, table: &Table, named: &str) -> Result<Exit, Failure> {
    let by_domain = || {
        let domain = Some(named.to_owned());
        let wanted = Wanted {
            domain,
            ..Wanted::default()
        };
        table.search(&wanted).next()
    };
    let Some(provider) = table.get(named).or_else(by_domain) else {
        let failure = Failure::new(
            Exit::NotFound,
            format!("no provider {} is known", output::line(named)),
        );
        let ids = table.iter().map(|provider| provider.id.as_str());
        let domains = table.iter().flat_map(|provider| &provider.domains);
        let near = nearest(named, ids.chain(domains.map(String::as_str)));
        return Err(match near.as_slice() {
            [] => failure.remedy("`postroom provider list` lists them all"),
            near => failure.remedy(format!("did you mean {}?", near.join(", "))),
        });
    };
    let steps = preparation(table, provider);
    let mut value = json!(provider);
    value["preparation"] = json!(steps);
    context.output.value(&value, |_, _| {
        let mut lines = settings(provider);
        if !steps.is_empty() {
            lines.push("Before the first sign-in".to_owned());
        }
        for step in &steps {
            let must = if step.required { "first" } else { "note" };
            let url = step
                .url
                .as_ref()
                .map_or(String::new(), |url| format!(" {url}"));
            lines.push(format!("  {must}: {}{url}", step.text));
        }
        if !provider.quirks.is_empty() {
            lines.push("To know".to_owned());
        }
        lines.extend(provider.quirks.iter().map(|quirk| format!("  {quirk}")));
        if !provider.errors.is_empty() {
            lines.push("Known problems (`postroom explain ID`)".to_owned());
            lines.push(format!("  {}", provider.errors.join(", ")));
        }
        let whose = match provider.origin {
            Origin::BuiltIn => "built in",
            Origin::Administrator => "from the providers file",
        };
        lines.push(format!("Last checked {}, {whose}.", provider.compiled));
        output::text(&lines.join("\n"))
    })?;
    Ok(Exit::Good)
}

fn settings(provider: &Provider) -> Vec<String> {
    let mut lines = vec![format!(
        "{} ({}, {})",
        provider.name, provider.id, provider.kind
    )];
    let mut row = |name: &str, text: String| {
        if !text.is_empty() {
            lines.push(format!("  {name:<9} {text}"));
        }
    };
    let roads = |servers: &[&Server]| {
        let roads: Vec<_> = servers.iter().map(|server| road(server)).collect();
        roads.join(" or ")
    };
    let with = |first: &'_ Option<Server>, others: &[Server]| {
        roads(&first.iter().chain(others).collect::<Vec<_>>())
    };
    row("IMAP", with(&provider.imap, &provider.imap_alternatives));
    row("POP3", with(&provider.pop3, &[]));
    row("SMTP", with(&provider.smtp, &provider.smtp_alternatives));
    let login = match provider.smtp_login_format {
        Some(sending) => format!("{}; for sending {sending}", provider.login_format),
        None => provider.login_format.to_string(),
    };
    row("login", login);
    let ways = |ways: &[SignIn]| {
        let ways: Vec<_> = ways.iter().map(|way| way.as_str()).collect();
        ways.join(", ")
    };
    row(
        "sign-in",
        match provider.smtp_auth.is_empty() {
            true => ways(&provider.auth),
            false => format!(
                "{}; for sending {}",
                ways(&provider.auth),
                ways(&provider.smtp_auth)
            ),
        },
    );
    let app_password = &provider.app_password;
    if app_password.required != AppPasswordNeed::Unknown {
        let term = app_password.term.as_deref().unwrap_or_default();
        let term = format!("{} {term}", app_password.required);
        row("app pw.", term.trim_end().to_owned());
    }
    if provider.sent_copy.behaviour == SentCopyBehaviour::Server {
        row("Sent copy", "the provider files it".to_owned());
    }
    row("domains", provider.domains.join(", "));
    row("MX", provider.mx_suffixes.join(", "));
    lines
}

fn road(server: &Server) -> String {
    format!("{}:{} ({})", server.host, server.port, server.security)
}

fn host(server: Option<&Server>) -> String {
    server.map_or(String::new(), |server| server.host.clone())
}
