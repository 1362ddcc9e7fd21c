//! `postroom signature ...`: what goes below a message, with variables of whoever sends it.

use super::context::{Context, confirm};
use super::{identity, text_file};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use model::signature::Kind;
use serde_json::{Value, json};

/// Signatures that are looked through for a name.
const LISTED: usize = 5_000;

/// The commands of `signature`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Every signature that you may use
    List,
    /// One signature
    Show {
        /// Its name or sig_...
        signature: String,
    },
    /// Make a signature for everybody; with --personal, for yourself; with --central, for every identity that names no other
    Add {
        /// Its name
        name: String,
        /// Its HTML from a file, with variables such as {{ identity.name }}; - for standard input
        #[arg(long, value_name = "FILE")]
        html_file: String,
        /// Its text form from a file [default: made from the HTML]
        #[arg(long, value_name = "FILE")]
        text_file: Option<String>,
        /// Take it wherever no other is named, instead of the one before
        #[arg(long, conflicts_with = "personal")]
        central: bool,
        /// Keep it for yourself: nobody else sees it
        #[arg(long)]
        personal: bool,
    },
    /// Change a signature; what is left out stays
    Edit {
        /// Its name or sig_...
        signature: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        /// New HTML from a file; - for standard input
        #[arg(long, value_name = "FILE")]
        html_file: Option<String>,
        /// New text form from a file; `none`: made from the HTML
        #[arg(long, value_name = "FILE|none")]
        text_file: Option<String>,
        /// Take it wherever no other is named, instead of the one before
        #[arg(long)]
        central: bool,
    },
    /// What a signature looks like below a message
    Preview {
        /// Its name or sig_...
        signature: String,
        /// For this identity: its address or idn_...
        #[arg(long)]
        identity: Option<String>,
    },
    /// Remove a signature
    Remove {
        /// Its name or sig_...
        signature: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// A personal signature is its owner's, who has to be somebody tomorrow too.
fn nobodys() -> Failure {
    Failure::usage("a personal signature needs somebody whom it belongs to")
        .because(
            "without POSTROOM_TOKEN this command speaks for the machine, and not for you"
                .to_owned(),
        )
        .remedy("set POSTROOM_TOKEN to a token of yours, or leave --personal out")
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List => {
            let list = client.list("/v1/signatures", &[], LISTED).await?;
            context.output.value(&list, table)?;
        }
        Command::Show { signature } => {
            let id = resolve(client, &signature).await?;
            let signature = client.get(&path(&id), &[]).await?;
            context.output.value(&signature, show)?;
        }
        Command::Add {
            name,
            html_file,
            text_file,
            central,
            personal,
        } => {
            if personal && client.is_of_one_command() {
                return Err(nobodys());
            }
            let kind = match (central, personal) {
                (true, _) => Kind::Central,
                (_, true) => Kind::Personal,
                _ => Kind::Shared,
            };
            let mut body =
                json!({"name": name, "kind": kind, "html": text_file::read(&html_file)?});
            if let Some(file) = text_file {
                body["text"] = json!(text_file::read(&file)?);
            }
            let made = client.post("/v1/signatures", &body).await?;
            context.output.value(&made, show)?;
        }
        Command::Edit {
            signature,
            name,
            html_file,
            text_file,
            central,
        } => {
            let id = resolve(client, &signature).await?;
            let mut body = json!({});
            if let Some(name) = name {
                body["name"] = json!(name);
            }
            if let Some(file) = html_file {
                body["html"] = json!(text_file::read(&file)?);
            }
            match text_file.as_deref() {
                Some("none") => body["text"] = Value::Null,
                Some(file) => body["text"] = json!(text_file::read(file)?),
                None => {}
            }
            if central {
                body["kind"] = json!(Kind::Central);
            }
            let changed = client.patch(&path(&id), &body).await?;
            context.output.value(&changed, show)?;
        }
        Command::Preview {
            signature,
            identity,
        } => {
            let mut body = json!({"signature_id": resolve(client, &signature).await?});
            if let Some(named) = identity {
                body["identity_id"] = json!(identity::resolve(client, &named).await?);
            }
            let shown = client.post("/v1/signatures/preview", &body).await?;
            context
                .output
                .value(&shown, |_, shown| output::text(output::at(shown, "/text")))?;
        }
        Command::Remove { signature, yes } => {
            let id = resolve(client, &signature).await?;
            confirm(yes, &format!("remove the signature {signature}"))?;
            client.delete(&path(&id)).await?;
            let removed = json!({ "id": id, "removed": true });
            context.output.value(&removed, |_, _| {
                format!("{} is removed.", output::line(&signature))
            })?;
        }
    }
    Ok(Exit::Good)
}

/// The id of a signature by its name; ids go through.
///
/// # Errors
/// There is none of that name, or more than one.
pub async fn resolve(client: &Client, named: &str) -> Result<String, Failure> {
    if named.starts_with("sig_") {
        return Ok(named.to_owned());
    }
    let list = client.list("/v1/signatures", &[], LISTED).await?;
    let mut found = output::rows(&list)
        .iter()
        .filter(|row| output::at(row, "/name").eq_ignore_ascii_case(named));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(output::at(one, "/id").to_owned()),
        (Some(_), Some(_)) => Err(Failure::new(
            Exit::Conflict,
            format!("several signatures are called {named}"),
        )
        .remedy("name it by its id: `postroom signature list`")),
        (None, _) => Err(
            Failure::new(Exit::NotFound, format!("no signature is called {named}"))
                .remedy("`postroom signature list` shows them, `postroom signature add` makes one"),
        ),
    }
}

fn path(id: &str) -> String {
    format!("/v1/signatures/{}", segment(id))
}

fn show(_: &Output, signature: &Value) -> String {
    let at = |path: &str| output::text(output::at(signature, path));
    let mut lines = vec![
        at("/name"),
        format!("  id    {}", at("/id")),
        format!("  kind  {}", at("/kind")),
        at("/html"),
    ];
    if signature["text"].is_string() {
        lines.push(format!("-- as text:\n{}", at("/text")));
    }
    lines.join("\n")
}

fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list)
        .iter()
        .map(|row| ["/id", "/kind", "/name"].map(|path| output::at(row, path).to_owned()));
    output.table(["ID", "KIND", "NAME"], rows.collect())
}
