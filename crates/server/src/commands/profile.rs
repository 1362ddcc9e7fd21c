//! `postroom profile ...`: settings that many mailboxes share.

use super::context::{Context, confirm};
use super::correct::{self, Line};
use super::steps::{self, LiveSteps};
use crate::client::{Client, segment};
use crate::exit::{self, Exit, Failure};
use crate::output::{self, Output};
use connect::typed::SecurityWord;
use model::mailbox::{Auth, LoginChoice};
use model::report::Report;
use serde_json::{Value, json};

/// Profiles that a list shows at most.
const LISTED: usize = 1_000;

/// The commands of `profile`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Every server profile
    List,
    /// One server profile
    Show(Which),
    /// Add a server profile
    Add {
        /// A name that tells people which servers these are
        name: String,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Change a server profile, and with its servers the mailboxes that use it; what is not named stays
    Edit {
        #[command(flatten)]
        which: Which,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// Let the stored passwords of its mailboxes go to a new host; without it they have to be entered again
        #[arg(long)]
        keep_credentials: bool,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Remove a server profile that no mailbox uses
    Remove {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Prove its servers without signing in
    Test(Which),
}

/// Names a server profile.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The server profile: its name or spr_...
    profile: String,
}

/// The flags that describe a server profile.
#[derive(Debug, clap::Args)]
pub struct Settings {
    /// Host of the IMAP server
    #[arg(long, value_name = "HOST", conflicts_with = "pop3_host")]
    imap_host: Option<String>,
    /// Host of the POP3 server
    #[arg(long, value_name = "HOST")]
    pop3_host: Option<String>,
    /// Port of the receiving server [default: by its security]
    #[arg(long, value_name = "PORT")]
    incoming_port: Option<u16>,
    /// tls, starttls or none [default: by the port]
    #[arg(long, value_name = "SECURITY")]
    incoming_security: Option<SecurityWord>,
    /// Host of the sending server
    #[arg(long, value_name = "HOST")]
    smtp_host: Option<String>,
    /// Port of the sending server [default: by its security]
    #[arg(long, value_name = "PORT")]
    smtp_port: Option<u16>,
    /// tls, starttls or none [default: by the port]
    #[arg(long, value_name = "SECURITY")]
    smtp_security: Option<SecurityWord>,
    /// Let passwords go out without encryption where the security is none
    #[arg(long)]
    allow_plaintext: bool,
    /// Where the names to sign in with come from [default: email]
    #[arg(long, value_name = "email|local_part|custom|auto")]
    login_format: Option<LoginChoice>,
    /// How its mailboxes sign in [default: password]
    #[arg(long, value_name = "password|oauth2")]
    auth: Option<Auth>,
    /// Addresses of this domain get this profile; repeat for several
    #[arg(long, value_name = "DOMAIN")]
    domain: Vec<String>,
    /// Connections that the provider allows at once
    #[arg(long, value_name = "N")]
    max_connections: Option<u16>,
    /// Minutes between two looks where the server does not tell of changes
    #[arg(long, value_name = "N")]
    poll_minutes: Option<u16>,
    /// Megabytes that one mailbox may download in a day
    #[arg(long, value_name = "N")]
    download_mb: Option<u32>,
    /// Megabytes that one mailbox may upload to its receiving server in a day
    #[arg(long, value_name = "N")]
    upload_mb: Option<u32>,
    /// Messages that may be fetched of one mailbox in a day
    #[arg(long, value_name = "N")]
    messages_per_day: Option<u32>,
    /// Messages that one mailbox may send in a minute
    #[arg(long, value_name = "N")]
    sends_per_minute: Option<u32>,
    /// Recipients that one mailbox may write to in a day
    #[arg(long, value_name = "N")]
    recipients_per_day: Option<u32>,
    /// New mailboxes fetch mail from this day on where they name none; `all` for everything
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// For new mailboxes where nothing else was found
    #[arg(long)]
    default: bool,
}

impl Settings {
    /// Puts what was typed into the body of a request.
    fn fill(&self, body: &mut Value) {
        let (protocol, host) = match (&self.imap_host, &self.pop3_host) {
            (Some(host), _) => (Some("imap"), Some(host)),
            (None, Some(host)) => (Some("pop3"), Some(host)),
            (None, None) => (None, None),
        };
        let plain = self.allow_plaintext.then_some(true);
        let security = |word: &Option<SecurityWord>| {
            let word = word.as_ref()?;
            let ours = word.meant.map(|meant| meant.as_str().to_owned());
            word.typed.clone().or(ours)
        };
        let sides = [
            (
                "incoming",
                json!({"protocol": protocol, "host": host, "port": self.incoming_port,
                "security": security(&self.incoming_security), "allow_plaintext": plain}),
            ),
            (
                "outgoing",
                json!({"host": self.smtp_host, "port": self.smtp_port, "security": security(&self.smtp_security),
                "allow_plaintext": plain}),
            ),
        ];
        for (name, side) in sides {
            let side = without_nulls(side);
            let says = |key: &str| side.get(key).is_some();
            if says("host") || says("port") || says("security") {
                body[name] = side;
            }
        }
        let limits = without_nulls(
            json!({"max_connections": self.max_connections, "poll_minutes": self.poll_minutes,
            "download_mb_per_day": self.download_mb, "upload_mb_per_day": self.upload_mb,
            "messages_per_day": self.messages_per_day, "sends_per_minute": self.sends_per_minute,
            "recipients_per_day": self.recipients_per_day}),
        );
        let rest = json!({
            "login_format": self.login_format, "auth": self.auth,
            "domains": (!self.domain.is_empty()).then_some(&self.domain),
            "limits": limits.as_object().filter(|limits| !limits.is_empty()),
            "is_default": self.default.then_some(true),
        });
        if let (Some(body), Value::Object(rest)) = (body.as_object_mut(), without_nulls(rest)) {
            body.extend(rest);
        }
        match self.since.as_deref() {
            Some("all") => body["fetch_since"] = Value::Null,
            Some(since) => body["fetch_since"] = json!(since),
            None => {}
        }
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List => {
            let list = client.list("/v1/server-profiles", &[], LISTED).await?;
            context.output.value(&list, table)?;
        }
        Command::Show(which) => {
            let id = resolve(client, &which.profile).await?;
            let profile = client.get(&path(&id), &[]).await?;
            context.output.value(&profile, show)?;
        }
        Command::Add { name, settings } => {
            let mut body = json!({ "name": name });
            settings.fill(&mut body);
            let line = Line::typed();
            let added = client.post("/v1/server-profiles", &body).await;
            let profile = added.map_err(|failure| correct::in_words(failure, &line))?;
            correct::tell(&profile, &line);
            context.output.value(&profile, show)?;
        }
        Command::Edit {
            which,
            name,
            keep_credentials,
            settings,
        } => {
            let id = resolve(client, &which.profile).await?;
            let mut body = json!({ "keep_credentials": keep_credentials });
            if let Some(name) = name {
                body["name"] = json!(name);
            }
            settings.fill(&mut body);
            let line = Line::typed();
            let changed = client.patch(&path(&id), &body).await;
            let profile = changed.map_err(|failure| correct::in_words(failure, &line))?;
            correct::tell(&profile, &line);
            context.output.value(&profile, show)?;
        }
        Command::Remove { which, yes } => {
            let id = resolve(client, &which.profile).await?;
            confirm(yes, &format!("remove the server profile {}", which.profile))?;
            client.delete(&path(&id)).await?;
            let done = json!({ "id": id, "removed": true });
            context.output.value(&done, |_, _| {
                format!("{} is removed.", output::line(&which.profile))
            })?;
        }
        Command::Test(which) => {
            let id = resolve(client, &which.profile).await?;
            return test(context, client, &id).await;
        }
    }
    Ok(Exit::Good)
}

/// The id of a server profile that was named by its id or name.
///
/// # Errors
/// There is none, or more than one.
pub async fn resolve(client: &Client, named: &str) -> Result<String, Failure> {
    if named.starts_with("spr_") {
        return Ok(named.to_owned());
    }
    let list = client.list("/v1/server-profiles", &[], LISTED).await?;
    let mut found = output::rows(&list)
        .iter()
        .filter(|profile| output::at(profile, "/name").eq_ignore_ascii_case(named));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(output::at(one, "/id").to_owned()),
        (None, _) => Err(
            Failure::new(Exit::NotFound, format!("{named} is not a server profile"))
                .remedy("`postroom profile list` shows them all"),
        ),
        _ => Err(Failure::new(
            Exit::Conflict,
            format!("several server profiles are called {named}"),
        )
        .remedy("name one by its id, spr_...")),
    }
}

fn path(id: &str) -> String {
    format!("/v1/server-profiles/{}", segment(id))
}

async fn test(context: &Context, client: &Client, id: &str) -> Result<Exit, Failure> {
    let live = (!context.output.json).then(LiveSteps::start);
    let answer = client
        .post_with_steps(&format!("{}/test", path(id)), &json!({}), |step| {
            if let Some(live) = &live {
                live.step(step);
            }
        })
        .await;
    let filled_in = live.is_some_and(LiveSteps::end);
    let document = answer?;
    let report: Report = serde_json::from_value(document.clone()).map_err(|error| {
        Failure::new(Exit::Unexpected, "the server sent no report").because(error)
    })?;
    context.output.value(&document, |output, _| {
        steps::render(output, &report, !filled_in)
    })?;
    Ok(exit::of_report(&report))
}

fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list);
    if rows.is_empty() {
        return "There is no server profile yet: `postroom profile add NAME --imap-host HOST --smtp-host HOST`.".to_owned();
    }
    let rows = rows.iter().map(|row| {
        [
            output::at(row, "/id").to_owned(),
            output::at(row, "/name").to_owned(),
            output::at(row, "/incoming/host").to_owned(),
            output::at(row, "/outgoing/host").to_owned(),
            domains(row),
            output::number(row, "/usage_count").to_string(),
            if row["is_default"] == json!(true) {
                "default"
            } else {
                ""
            }
            .to_owned(),
        ]
    });
    output.table(
        [
            "ID",
            "NAME",
            "RECEIVING",
            "SENDING",
            "DOMAINS",
            "MAILBOXES",
            "",
        ],
        rows.collect(),
    )
}

fn domains(profile: &Value) -> String {
    let names = profile["domains"].as_array().into_iter().flatten();
    names
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

fn show(_: &Output, profile: &Value) -> String {
    let text = |pointer: &str| output::line(output::at(profile, pointer));
    let server = |side: &str| {
        let side = &profile[side];
        if !side.is_object() {
            return "not set up".to_owned();
        }
        output::line(&format!(
            "{} {}:{} ({})",
            side["protocol"].as_str().unwrap_or("smtp"),
            output::at(side, "/host"),
            output::number(side, "/port"),
            output::at(side, "/security"),
        ))
    };
    let default = if profile["is_default"] == json!(true) {
        ", the default"
    } else {
        ""
    };
    [
        format!("{}  {}{default}", text("/id"), text("/name")),
        format!("  receiving   {}", server("incoming")),
        format!("  sending     {}", server("outgoing")),
        format!(
            "  signs in    {} as {}",
            text("/auth"),
            text("/login_format")
        ),
        format!("  domains     {}", output::line(&domains(profile))),
        format!("  mail since  {}", output::time(profile, "/fetch_since")),
        format!("  mailboxes   {}", output::number(profile, "/usage_count")),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_shown_with_its_servers_and_what_uses_it() {
        let profile = json!({
            "id": "spr_1", "name": "Corp", "is_default": true, "auth": "password", "login_format": "local_part",
            "incoming": { "protocol": "pop3", "host": "pop.corp.example", "port": 995, "security": "tls" },
            "outgoing": null, "domains": ["corp.example"], "usage_count": 3,
        });
        let text = show(&Output::new(false), &profile);
        for expected in [
            "Corp, the default",
            "pop3 pop.corp.example:995 (tls)",
            "not set up",
            "corp.example",
            "mailboxes   3",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }
}
