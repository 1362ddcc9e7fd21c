//! `postroom mailbox ...`: connect mailboxes and look after them.

use super::context::{Context, confirm};
use super::correct::{self, Line};
use super::profile;
use super::settings::Settings;
use super::size::{SizeLimit, size_limit};
use super::steps::{self, LiveSteps};
use crate::client::{Client, segment};
use crate::exit::{self, Exit, Failure};
use crate::output::{self, Output, Tone};
use model::report::Report;
use serde_json::{Value, json};

/// Mailboxes that a list shows at most.
const LISTED: usize = 10_000;

/// The commands of `mailbox`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Connect a mailbox
    Add(Box<Add>),
    /// Every mailbox with its state
    List,
    /// One mailbox with its four facts
    Show(Which),
    /// Change settings; what is not named stays
    Edit(Box<Edit>),
    /// Prove the stored settings
    Test(Which),
    /// Test, and switch on what works
    Enable {
        #[command(flatten)]
        which: Which,
        /// Switch on without a test
        #[arg(long)]
        no_test: bool,
    },
    /// Switch off; what is stored stays
    Disable(Which),
    /// Rest until `resume`
    Pause(Which),
    /// Go on after `pause`
    Resume(Which),
    /// Try a mailbox that waits or is held again, now
    TryAgain(Which),
    /// Remove a mailbox and its local copy; nothing changes on its server
    Remove {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Names a mailbox.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The mailbox: its address or mbx_...
    mailbox: String,
}

/// Arguments of `mailbox add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The mail address
    address: String,
    /// A name for people [default: the address]
    #[arg(long)]
    name: Option<String>,
    /// Fetch mail from this day on [default: all]
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Store larger messages as headers, such as 25MB [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size_limit)]
    size_limit: Option<SizeLimit>,
    /// Store only this folder; repeat for several [default: all but junk and trash]
    #[arg(long, value_name = "PATH")]
    folder: Vec<String>,
    /// Take the servers from this server profile: its name or spr_... [default: the one for the address's domain]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Change nothing on the receiving server: no flag, no folder, no copy of what is sent
    #[arg(long)]
    read_only: bool,
    /// Test it, and switch it on if it works
    #[arg(long)]
    enable: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Arguments of `mailbox edit`.
#[derive(Debug, clap::Args)]
pub struct Edit {
    /// The mailbox: its address or mbx_...
    mailbox: String,
    /// A name for people
    #[arg(long)]
    name: Option<String>,
    /// Fetch mail from this day on; `all` for everything
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Store larger messages as headers, such as 25MB; `none`: store all whole
    #[arg(long, value_name = "SIZE", value_parser = size_limit)]
    size_limit: Option<SizeLimit>,
    /// Store only this folder; repeat for several
    #[arg(long, value_name = "PATH", conflicts_with = "all_folders")]
    folder: Vec<String>,
    /// Store every folder but junk and trash
    #[arg(long)]
    all_folders: bool,
    /// POP3: delete from the server what is safely stored here, after so many days; `stored`: at once; `never`
    #[arg(long, value_name = "DAYS|stored|never", value_parser = deletion)]
    delete_after: Option<Deletion>,
    /// Whether Postroom changes nothing on the receiving server; what is owed to it rests meanwhile
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    read_only: Option<bool>,
    /// Ask for a new password
    #[arg(long)]
    new_password: bool,
    /// Take the servers from this server profile: its name or spr_...
    #[arg(long, value_name = "PROFILE", conflicts_with = "no_profile")]
    profile: Option<String>,
    /// Follow no server profile any more; the servers stay
    #[arg(long)]
    no_profile: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Days after which POP3 deletes what is stored; `None`: never.
#[derive(Clone, Copy, Debug)]
struct Deletion(Option<u32>);

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("is `yes` or `no`".to_owned()),
    }
}

fn deletion(text: &str) -> Result<Deletion, String> {
    match text {
        "never" => Ok(Deletion(None)),
        "stored" => Ok(Deletion(Some(0))),
        days => match days.parse() {
            Ok(days) => Ok(Deletion(Some(days))),
            Err(_) => Err("give a number of days, `stored` or `never`".to_owned()),
        },
    }
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Add(args) => add(context, client, *args).await,
        Command::List => {
            let list = client.list("/v1/mailboxes", &[], LISTED).await?;
            context.output.value(&list, table)?;
            Ok(Exit::Good)
        }
        Command::Show(which) => {
            let mailbox = get(client, &which).await?;
            context.output.value(&mailbox, show)?;
            Ok(Exit::Good)
        }
        Command::Edit(args) => edit(context, client, *args).await,
        Command::Test(which) => {
            let id = resolve(client, &which.mailbox).await?;
            let (exit, report) = test(context, client, &id).await?;
            context.output.value(&report, |_, _| String::new())?;
            Ok(exit)
        }
        Command::Enable { which, no_test } => {
            let id = resolve(client, &which.mailbox).await?;
            enable(context, client, &id, !no_test).await
        }
        Command::Disable(which) => act(context, client, &which, "disable").await,
        Command::Pause(which) => act(context, client, &which, "pause").await,
        Command::Resume(which) => act(context, client, &which, "resume").await,
        Command::TryAgain(which) => act(context, client, &which, "try-again").await,
        Command::Remove { which, yes } => {
            let mailbox = get(client, &which).await?;
            let address = output::at(&mailbox, "/address").to_owned();
            confirm(yes, &format!("remove {address} and its local copy"))?;
            client.delete(&path(output::at(&mailbox, "/id"))).await?;
            let done = json!({ "id": mailbox["id"], "removed": true });
            context.output.value(&done, |_, _| {
                format!(
                    "{} is removed. Its server was not touched.",
                    output::line(&address)
                )
            })?;
            Ok(Exit::Good)
        }
    }
}

/// The id of a mailbox that was named by its id or address.
///
/// # Errors
/// There is none, or more than one.
pub async fn resolve(client: &Client, named: &str) -> Result<String, Failure> {
    if named.starts_with("mbx_") {
        return Ok(named.to_owned());
    }
    let list = client.list("/v1/mailboxes", &[], LISTED).await?;
    let mut found = output::rows(&list)
        .iter()
        .filter(|mailbox| output::at(mailbox, "/address").eq_ignore_ascii_case(named));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(output::at(one, "/id").to_owned()),
        (None, _) => Err(Failure::new(
            Exit::NotFound,
            format!("{named} is not a connected mailbox"),
        )
        .remedy("`postroom mailbox list` shows them all")),
        _ => Err(Failure::new(
            Exit::Conflict,
            format!("several mailboxes have the address {named}"),
        )
        .remedy("name one by its id, mbx_...")),
    }
}

/// [`resolve`] where the mailbox is optional.
///
/// # Errors
/// As there.
pub async fn resolve_some(client: &Client, named: Option<&str>) -> Result<Option<String>, Failure> {
    match named {
        Some(named) => resolve(client, named).await.map(Some),
        None => Ok(None),
    }
}

fn path(id: &str) -> String {
    format!("/v1/mailboxes/{}", segment(id))
}

async fn get(client: &Client, which: &Which) -> Result<Value, Failure> {
    let id = resolve(client, &which.mailbox).await?;
    client.get(&path(&id), &[]).await
}

async fn act(
    context: &Context,
    client: &Client,
    which: &Which,
    verb: &str,
) -> Result<Exit, Failure> {
    let id = resolve(client, &which.mailbox).await?;
    let mailbox = client
        .post(&format!("{}/{verb}", path(&id)), &json!({}))
        .await?;
    context.output.value(&mailbox, show)?;
    Ok(Exit::Good)
}

async fn add(context: &Context, client: &Client, args: Add) -> Result<Exit, Failure> {
    let mut body = json!({ "address": args.address });
    if let Some(name) = &args.name {
        body["name"] = json!(name);
    }
    if let Some(since) = &args.since {
        body["fetch_since"] = json!(since);
    }
    if let Some(SizeLimit(limit)) = args.size_limit {
        body["size_limit"] = json!(limit);
    }
    if !args.folder.is_empty() {
        body["monitored_folders"] = json!(args.folder);
    }
    if let Some(named) = &args.profile {
        body["server_profile_id"] = json!(profile::resolve(client, named).await?);
    }
    if args.read_only {
        body["read_only"] = json!(true);
    }
    let by_profile = args.profile.is_some();
    args.settings
        .fill(&mut body, &args.address, (by_profile, by_profile), true)?;
    let line = Line::typed();
    let created = client.post("/v1/mailboxes", &body).await;
    let mailbox = created.map_err(|failure| correct::in_words(failure, &line))?;
    correct::tell(&mailbox, &line);
    let id = output::at(&mailbox, "/id").to_owned();
    if args.enable {
        return enable(context, client, &id, true).await;
    }
    context.output.value(&mailbox, show)?;
    Ok(Exit::Good)
}

async fn edit(context: &Context, client: &Client, args: Edit) -> Result<Exit, Failure> {
    let id = resolve(client, &args.mailbox).await?;
    let old = client.get(&path(&id), &[]).await?;
    let address = output::at(&old, "/address").to_owned();
    let mut body = json!({});
    if let Some(name) = &args.name {
        body["name"] = json!(name);
    }
    match args.since.as_deref() {
        Some("all") => body["fetch_since"] = Value::Null,
        Some(since) => body["fetch_since"] = json!(since),
        None => {}
    }
    if let Some(SizeLimit(limit)) = args.size_limit {
        body["size_limit"] = json!(limit);
    }
    if args.all_folders {
        body["monitored_folders"] = Value::Null;
    } else if !args.folder.is_empty() {
        body["monitored_folders"] = json!(args.folder);
    }
    if let Some(Deletion(days)) = args.delete_after {
        body["pop3_delete_after_days"] = json!(days);
    }
    if let Some(read_only) = args.read_only {
        body["read_only"] = json!(read_only);
    }
    let password = args.new_password || args.settings.names_password();
    if args.no_profile {
        body["server_profile_id"] = Value::Null;
    } else if let Some(named) = &args.profile {
        body["server_profile_id"] = json!(profile::resolve(client, named).await?);
    }
    let exists = (old["incoming"].is_object(), old["outgoing"].is_object());
    args.settings.fill(&mut body, &address, exists, password)?;
    let line = Line::typed();
    let changed = client.patch(&path(&id), &body).await;
    let mailbox = changed.map_err(|failure| correct::in_words(failure, &line))?;
    correct::tell(&mailbox, &line);
    context.output.value(&mailbox, show)?;
    Ok(Exit::Good)
}

/// Tests while the lines fill in, then switches on what is good enough: one sign-in on each side.
async fn enable(
    context: &Context,
    client: &Client,
    id: &str,
    with_test: bool,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Good;
    let mut report = Value::Null;
    if with_test {
        (exit, report) = test(context, client, id).await?;
        let mailbox = client.get(&path(id), &[]).await?;
        if !good_enough(&mailbox) {
            let kept = json!({ "mailbox": mailbox, "report": report });
            context.output.value(&kept, |_, _| {
                format!("The mailbox is kept as a draft ({id}). Correct it with `postroom mailbox edit {id}`, then enable it.")
            })?;
            return Ok(exit);
        }
    }
    let mailbox = client
        .post(&format!("{}/enable?test=false", path(id)), &json!({}))
        .await?;
    let done = json!({ "mailbox": mailbox, "report": report });
    context
        .output
        .value(&done, |output, value| show(output, &value["mailbox"]))?;
    Ok(exit)
}

/// What is received must work, or else what is sent.
fn good_enough(mailbox: &Value) -> bool {
    let side = if mailbox["incoming"].is_object() {
        "/receiving"
    } else {
        "/sending"
    };
    matches!(output::at(mailbox, side), "works" | "works_with_warnings")
}

/// The report of stored settings: its lines on standard error as they end, its verdict there too.
async fn test(context: &Context, client: &Client, id: &str) -> Result<(Exit, Value), Failure> {
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
    if !context.output.json {
        output::note(&steps::render(&context.output, &report, !filled_in));
    }
    Ok((exit::of_report(&report), document))
}

fn tone(state: &str) -> Tone {
    match state {
        "live" | "polling" | "works" | "complete" | "enabled" => Tone::Good,
        "held" | "fails" | "holes" => Tone::Bad,
        "waiting" | "limited" | "works_with_warnings" => Tone::Warning,
        _ => Tone::Plain,
    }
}

fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list);
    if rows.is_empty() {
        return "No mailbox is connected yet: `postroom mailbox add ADDRESS`.".to_owned();
    }
    let rows = rows.iter().map(|row| {
        let text = |pointer: &str| output::at(row, pointer).to_owned();
        [
            text("/id"),
            text("/address"),
            text("/lifecycle"),
            text("/receiving"),
            text("/sending"),
            text("/connection/state"),
            coverage(row),
        ]
    });
    output.table(
        [
            "ID",
            "ADDRESS",
            "LIFECYCLE",
            "RECEIVING",
            "SENDING",
            "CONNECTION",
            "COVERAGE",
        ],
        rows.collect(),
    )
}

/// "filling 1200/20000", with the holes.
pub fn coverage(mailbox: &Value) -> String {
    let state = output::at(mailbox, "/coverage/state");
    let number = |name: &str| output::number(mailbox, &format!("/coverage/{name}"));
    let mut text = match state {
        "filling" => {
            let mut text = format!("filling {}/{}", number("done"), number("total"));
            if let Some(rate) = mailbox["coverage"]["messages_per_minute"].as_i64() {
                text.push_str(&format!(", {} messages/s", (rate + 30) / 60));
            }
            if let Some(rate) = mailbox["coverage"]["bytes_per_second"].as_i64() {
                text.push_str(&format!(", {}/s", output::size(rate)));
            }
            if mailbox["coverage"]["ends_at"].is_string() {
                text.push_str(&format!(
                    ", ends about {}",
                    output::time(mailbox, "/coverage/ends_at")
                ));
            }
            if mailbox["coverage"]["waits_until"].is_string() {
                let until = output::time(mailbox, "/coverage/waits_until");
                text.push_str(&format!(", waits for the provider until {until}"));
            }
            text
        }
        "complete" => format!("complete ({})", number("done")),
        other => other.to_owned(),
    };
    if number("holes") > 0 {
        text.push_str(&format!(", {} missing", number("holes")));
    }
    text
}

fn show(output: &Output, mailbox: &Value) -> String {
    let text = |pointer: &str| output::line(output::at(mailbox, pointer));
    let state = |pointer: &str| output.tone(tone(output::at(mailbox, pointer)), &text(pointer));
    let mut lines = vec![
        format!("{}  {}", text("/id"), text("/address")),
        format!("  lifecycle   {}", state("/lifecycle")),
        format!(
            "  receiving   {}{}",
            state("/receiving"),
            server(mailbox, "incoming")
        ),
        format!(
            "  sending     {}{}",
            state("/sending"),
            server(mailbox, "outgoing")
        ),
        format!(
            "  connection  {}, proven alive {}",
            state("/connection/state"),
            output::time(mailbox, "/connection/proven_alive_at")
        ),
        format!("  coverage    {}", coverage(mailbox)),
    ];
    if let (Some(used), Some(limit)) = (
        mailbox["quota"]["used"].as_i64(),
        mailbox["quota"]["limit"].as_i64(),
    ) {
        lines.push(format!(
            "  on server   {} of {}",
            output::size(used),
            output::size(limit)
        ));
    }
    if let Some(limit) = mailbox["size_limit"].as_i64() {
        lines.push(format!(
            "  size limit  {}: larger messages are stored as headers",
            output::size(limit)
        ));
    }
    match mailbox["pop3_delete_after_days"].as_u64() {
        Some(0) => lines.push("  deletes     from the server, once a message is stored".to_owned()),
        Some(days) => lines.push(format!(
            "  deletes     from the server, {days} days after a message is stored"
        )),
        None => {}
    }
    if mailbox["read_only"] == json!(true) {
        lines.push("  changes     nothing on the server: it is only read".to_owned());
    }
    if let Some(problem) = mailbox
        .pointer("/connection/problem_id")
        .and_then(Value::as_str)
    {
        let title = connect::problems::find(problem).map_or("", |entry| entry.title);
        lines.push(format!(
            "  problem     {title} (`postroom explain {}`)",
            output::line(problem)
        ));
    }
    for missing in mailbox["missing"].as_array().into_iter().flatten() {
        lines.push(format!(
            "  missing     {}",
            output::line(output::at(missing, "/text"))
        ));
    }
    lines.join("\n")
}

fn server(mailbox: &Value, side: &str) -> String {
    let side = &mailbox[side];
    if !side.is_object() {
        return "  (not set up)".to_owned();
    }
    let protocol = side["protocol"].as_str().unwrap_or("smtp");
    output::line(&format!(
        "  {protocol} {}:{} ({}) as {}",
        output::at(side, "/host"),
        output::number(side, "/port"),
        output::at(side, "/security"),
        output::at(side, "/username"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_shown_with_its_four_facts() {
        let mailbox = json!({
            "id": "mbx_1", "address": "ann@example.com", "lifecycle": "enabled", "receiving": "works", "sending": "untested",
            "connection": { "state": "held", "proven_alive_at": "2026-11-21T02:47:07.123Z", "problem_id": "password_refused" },
            "coverage": { "state": "filling", "done": 3, "total": 9, "holes": 1 },
            "incoming": { "protocol": "imap", "host": "imap.example.com", "port": 993, "security": "tls", "username": "ann" },
            "outgoing": null,
        });
        let text = show(&Output::new(false), &mailbox);
        for expected in [
            "filling 3/9, 1 missing",
            "imap imap.example.com:993 (tls) as ann",
            "(not set up)",
            "postroom explain password_refused",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(good_enough(&mailbox));
    }

    #[test]
    fn deleting_from_the_server_is_said_in_days_or_in_words() {
        let days = |text: &str| deletion(text).map(|Deletion(days)| days);
        assert_eq!(days("never"), Ok(None));
        assert_eq!(days("stored"), Ok(Some(0)));
        assert_eq!(days("14"), Ok(Some(14)));
        assert!(days("-1").is_err() && days("soon").is_err() && days("").is_err());
        let shown = show(&Output::new(false), &json!({"pop3_delete_after_days": 14}));
        assert!(
            shown.contains("14 days after a message is stored"),
            "{shown}"
        );
        assert!(!show(&Output::new(false), &json!({})).contains("deletes"));
    }
}
