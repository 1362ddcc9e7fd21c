//! `postroom mailbox ...`: connect mailboxes and look after them.

mod belonging;
mod shown;

pub use shown::coverage;

use super::context::{Context, confirm};
use super::correct::{self, Line};
use super::profile;
use super::settings::Settings;
use super::size::{SizeLimit, size_limit};
use super::steps::{self, LiveSteps};
use crate::client::{Client, segment};
use crate::exit::{self, Exit, Failure};
use crate::output;
use belonging::{Belonging, OwnerChoice, owner_choice};
use model::report::Report;
use serde_json::{Value, json};
use shown::{show, table};

/// Mailboxes that a list shows at most.
const LISTED: usize = 10_000;

/// The commands of `mailbox`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Connect a mailbox
    Add(Box<Add>),
    /// Every mailbox with its state
    List {
        /// Only those of this owner, as `user:NAME` or `queue:NAME`
        #[arg(long, value_name = "OWNER", value_parser = owner_choice)]
        owner: Option<OwnerChoice>,
    },
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
    belonging: Belonging,
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
    /// Whether everyone may send through it, also who cannot see it; nobody reads it by that
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    share_sending: Option<bool>,
    /// Whether it is the installation's own sender, for those without a mailbox of their own; the one before is so no more
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    system_sender: Option<bool>,
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
    belonging: Belonging,
    #[command(flatten)]
    settings: Settings,
}

/// Days after which POP3 deletes what is stored; `None`: never.
#[derive(Clone, Copy, Debug)]
struct Deletion(Option<u32>);

/// `yes` or `no`, as an argument.
pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
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
        Command::List { owner } => {
            let owner = owner.and_then(|OwnerChoice(owner)| owner);
            let query = [
                ("owner_kind", owner.as_ref().map(|o| o.kind.to_string())),
                ("owner", owner.map(|o| o.name)),
            ];
            let list = client.list("/v1/mailboxes", &query, LISTED).await?;
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
    args.belonging.fill(&mut body, &Value::Null);
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
    for (name, wish) in [
        ("send_shared", args.share_sending),
        ("system_sender", args.system_sender),
    ] {
        if let Some(wish) = wish {
            body[name] = json!(wish);
        }
    }
    args.belonging.fill(&mut body, &old);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_that_receives_is_good_enough_when_receiving_works() {
        let mut mailbox = json!({"incoming": {}, "receiving": "works", "sending": "fails"});
        assert!(good_enough(&mailbox));
        mailbox["incoming"] = Value::Null;
        assert!(!good_enough(&mailbox));
    }

    #[test]
    fn deleting_from_the_server_is_said_in_days_or_in_words() {
        let days = |text: &str| deletion(text).map(|Deletion(days)| days);
        assert_eq!(days("never"), Ok(None));
        assert_eq!(days("stored"), Ok(Some(0)));
        assert_eq!(days("14"), Ok(Some(14)));
        assert!(days("-1").is_err() && days("soon").is_err() && days("").is_err());
    }
}
