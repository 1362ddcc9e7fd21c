//! `postroom identity ...`: the addresses that mailboxes send as, and who may use each of them.

use super::context::{Context, confirm};
use super::mailbox;
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output};
use serde_json::{Map, Value, json};

/// Identities that are looked through for an address.
const LISTED: usize = 5_000;
/// Instead of a user or a token: all who may send through the mailbox.
const EVERYONE: &str = "everyone";
/// Instead of a user or a token: none.
const NOBODY: &str = "nobody";

/// The commands of `identity`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Every identity that you may see
    List {
        /// Only of this mailbox
        #[arg(long)]
        mailbox: Option<String>,
    },
    /// One identity
    Show {
        /// Its address or idn_...
        identity: String,
    },
    /// Make an identity: a further address that a mailbox sends as
    Add {
        /// The mailbox that sends it
        #[arg(long)]
        mailbox: String,
        /// The address
        address: String,
        #[command(flatten)]
        parts: Parts,
    },
    /// Change an identity; what is left out stays
    Edit {
        /// Its address or idn_...
        identity: String,
        /// New address
        #[arg(long)]
        address: Option<String>,
        #[command(flatten)]
        parts: Parts,
    },
    /// Remove an identity
    Remove {
        /// Its address or idn_...
        identity: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What `add` and `edit` share.
#[derive(Debug, clap::Args)]
pub struct Parts {
    /// The name before the address
    #[arg(long)]
    name: Option<String>,
    /// Where answers should go; `none`: to the address
    #[arg(long, value_name = "ADDRESS")]
    reply_to: Option<String>,
    /// Take it where nothing else is said, instead of the one before
    #[arg(long)]
    main: bool,
    /// Whether mail to the address arrives in the mailbox
    #[arg(long, value_name = "yes|no", value_parser = mailbox::yes_or_no)]
    alias: Option<bool>,
    /// What signatures can say of it, such as phone=+49301234; repeat for several; an empty text removes it
    #[arg(long, value_name = "NAME=TEXT", value_parser = field)]
    field: Vec<(String, String)>,
    /// Its signature, sig_...; `central`: the central one; `none`: none
    #[arg(long, value_name = "SIGNATURE")]
    signature: Option<String>,
    /// Messages that may be sent as it in a minute; 0: as many as its mailbox may
    #[arg(long, value_name = "NUMBER")]
    messages_per_minute: Option<u32>,
    /// Recipients that may be written to as it in 24 hours; 0: as many as its mailbox may
    #[arg(long, value_name = "NUMBER")]
    recipients_per_day: Option<u32>,
    /// Who may use it, among those who may send through the mailbox: everyone, nobody, usr_... or tok_...; repeat for several
    #[arg(long, value_name = "WHO", value_parser = who)]
    usable_by: Vec<String>,
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, text) = text.split_once('=').ok_or("write it as phone=12345")?;
    Ok((name.trim().to_owned(), text.trim().to_owned()))
}

fn who(text: &str) -> Result<String, String> {
    let known =
        [EVERYONE, NOBODY].contains(&text) || text.starts_with("usr_") || text.starts_with("tok_");
    known
        .then(|| text.to_owned())
        .ok_or_else(|| format!("say {EVERYONE}, {NOBODY}, usr_... or tok_..."))
}

impl Parts {
    /// Puts what was typed into the body of a request; fields that are not named stay as they were.
    fn fill(&self, body: &mut Value, old: &Value) {
        if let Some(name) = &self.name {
            body["name"] = json!(name);
        }
        match self.reply_to.as_deref() {
            Some("none") => body["reply_to"] = Value::Null,
            Some(address) => body["reply_to"] = json!(address),
            None => {}
        }
        if self.main {
            body["is_main"] = json!(true);
        }
        if let Some(alias) = self.alias {
            body["is_alias"] = json!(alias);
        }
        if !self.field.is_empty() {
            let mut fields: Map<String, Value> =
                old["fields"].as_object().cloned().unwrap_or_default();
            for (name, text) in &self.field {
                if text.is_empty() {
                    fields.remove(name);
                } else {
                    fields.insert(name.clone(), json!(text));
                }
            }
            body["fields"] = Value::Object(fields);
        }
        match self.signature.as_deref() {
            Some("central") => body["signature_id"] = Value::Null,
            Some(id) => body["signature_id"] = json!(id),
            None => {}
        }
        for (name, limit) in [
            ("messages_per_minute", self.messages_per_minute),
            ("recipients_per_day", self.recipients_per_day),
        ] {
            let Some(limit) = limit else { continue };
            if !body["limits"].is_object() {
                let known = old["limits"].as_object().cloned();
                body["limits"] = Value::Object(known.unwrap_or_default());
            }
            body["limits"][name] = if limit == 0 {
                Value::Null
            } else {
                json!(limit)
            };
        }
        if !self.usable_by.is_empty() {
            let named = |prefix: &str| -> Vec<&String> {
                let all = self.usable_by.iter();
                all.filter(|who| who.starts_with(prefix)).collect()
            };
            body["usable_by"] = json!({
                "everyone": self.usable_by.iter().any(|who| who == EVERYONE),
                "user_ids": named("usr_"), "token_ids": named("tok_"),
            });
        }
    }
}

/// Runs one of them.
pub async fn run(context: &Context, client: &Client, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List { mailbox } => {
            let id = mailbox::resolve_some(client, mailbox.as_deref()).await?;
            let query: Vec<_> = id.map(|id| ("mailbox_id", Some(id))).into_iter().collect();
            let list = client.list("/v1/identities", &query, LISTED).await?;
            context.output.value(&list, table)?;
        }
        Command::Show { identity } => {
            let identity = get(client, &identity).await?;
            context.output.value(&identity, show)?;
        }
        Command::Add {
            mailbox,
            address,
            parts,
        } => {
            let mailbox = mailbox::resolve(client, &mailbox).await?;
            let mut body = json!({ "mailbox_id": mailbox, "address": address });
            parts.fill(&mut body, &Value::Null);
            let identity = client.post("/v1/identities", &body).await?;
            context.output.value(&identity, show)?;
        }
        Command::Edit {
            identity,
            address,
            parts,
        } => {
            let old = get(client, &identity).await?;
            let mut body = json!({});
            if let Some(address) = address {
                body["address"] = json!(address);
            }
            parts.fill(&mut body, &old);
            let path = path(output::at(&old, "/id"));
            let identity = client.patch(&path, &body).await?;
            context.output.value(&identity, show)?;
        }
        Command::Remove { identity, yes } => {
            let id = resolve(client, &identity).await?;
            confirm(yes, &format!("remove the identity {identity}"))?;
            client.delete(&path(&id)).await?;
            let removed = json!({ "id": id, "removed": true });
            context.output.value(&removed, |_, _| {
                format!("{} is removed.", output::line(&identity))
            })?;
        }
    }
    Ok(Exit::Good)
}

async fn get(client: &Client, named: &str) -> Result<Value, Failure> {
    let id = resolve(client, named).await?;
    client.get(&path(&id), &[]).await
}

/// The id of an identity by its address; ids go through.
///
/// # Errors
/// There is none with that address, or more than one.
pub async fn resolve(client: &Client, named: &str) -> Result<String, Failure> {
    if named.starts_with("idn_") {
        return Ok(named.to_owned());
    }
    let query = [("address", Some(named.to_owned()))];
    let list = client.list("/v1/identities", &query, LISTED).await?;
    match output::rows(&list) {
        [one] => Ok(output::at(one, "/id").to_owned()),
        [] => Err(Failure::new(
            Exit::NotFound,
            format!("no mailbox has the identity {named}"),
        )
        .remedy("`postroom identity list` shows them, `postroom identity add` makes one")),
        _ => Err(Failure::new(
            Exit::Conflict,
            format!("several identities have the address {named}"),
        )
        .remedy("name it by its id: `postroom identity list`")),
    }
}

fn path(id: &str) -> String {
    format!("/v1/identities/{}", segment(id))
}

/// Who may use an identity, in words.
fn users(identity: &Value) -> String {
    if identity.pointer("/usable_by/everyone") == Some(&json!(true)) {
        return EVERYONE.to_owned();
    }
    let named = ["/usable_by/user_ids", "/usable_by/token_ids"];
    let lists = named
        .iter()
        .filter_map(|at| identity.pointer(at)?.as_array());
    let ids: Vec<&str> = lists.flatten().filter_map(Value::as_str).collect();
    match ids.as_slice() {
        [] => NOBODY.to_owned(),
        ids => ids.join(", "),
    }
}

fn show(_: &Output, identity: &Value) -> String {
    let at = |path: &str| output::line(output::at(identity, path));
    let mut lines = vec![
        format!("{} <{}>", at("/name"), at("/address"))
            .trim_start()
            .to_owned(),
        format!("  id          {}", at("/id")),
        format!("  mailbox     {}", at("/mailbox_id")),
    ];
    if identity["is_main"] == json!(true) {
        lines.push("  main        taken where nothing else is said".to_owned());
    }
    if identity["is_alias"] == json!(true) {
        lines.push("  alias       mail to it arrives in the mailbox".to_owned());
    }
    if identity["reply_to"].is_string() {
        lines.push(format!("  answers to  {}", at("/reply_to")));
    }
    lines.push(match identity["signature_id"].as_str() {
        Some(id) => format!("  signature   {}", output::line(id)),
        None => "  signature   the central one, if there is one".to_owned(),
    });
    for (name, text) in identity["fields"].as_object().into_iter().flatten() {
        let text = output::line(text.as_str().unwrap_or_default());
        lines.push(format!("  {:<11} {text}", output::line(name)));
    }
    lines.push(format!("  usable by   {}", output::line(&users(identity))));
    lines.join("\n")
}

fn table(output: &Output, list: &Value) -> String {
    let rows = output::rows(list).iter().map(|row| {
        let main = row["is_main"] == json!(true);
        [
            output::at(row, "/id").to_owned(),
            output::at(row, "/address").to_owned(),
            output::at(row, "/name").to_owned(),
            if main { "main" } else { "" }.to_owned(),
            users(row),
            output::at(row, "/mailbox_id").to_owned(),
        ]
    });
    let head = ["ID", "ADDRESS", "NAME", "MAIN", "USABLE BY", "MAILBOX"];
    output.table(head, rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_use_an_identity_and_its_fields_are_typed_in_words() {
        let parts = Parts {
            name: None,
            reply_to: Some("none".into()),
            main: false,
            alias: Some(false),
            field: vec![field("phone = 12").unwrap(), field("title=").unwrap()],
            signature: Some("central".into()),
            messages_per_minute: Some(30),
            recipients_per_day: Some(0),
            usable_by: vec![who("usr_1").unwrap(), who("tok_2").unwrap()],
        };
        let mut body = json!({});
        let old =
            json!({"fields": {"title": "x", "room": "7"}, "limits": {"recipients_per_day": 9}});
        parts.fill(&mut body, &old);
        let wanted = json!({
            "reply_to": null, "is_alias": false, "fields": {"phone": "12", "room": "7"}, "signature_id": null,
            "usable_by": {"everyone": false, "user_ids": ["usr_1"], "token_ids": ["tok_2"]},
            "limits": {"messages_per_minute": 30, "recipients_per_day": null},
        });
        assert_eq!(body, wanted);
        assert_eq!(users(&body), "usr_1, tok_2");
        assert!(who("ann").is_err() && field("phone").is_err());
    }
}
