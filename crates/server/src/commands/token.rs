//! `postroom token create|list|revoke`: straight in the store, beside a server or without one.

use super::context::{Context, confirm};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::{lifecycle, wire};
use model::Timestamp;
use model::access::Scope;
use serde_json::json;
use store::Store;

/// The actor in the audit log.
const ACTOR: &str = "command";
/// Tokens that a list shows at most.
const LISTED: i64 = 1000;

/// The commands of `token`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a token; it is shown once
    Create {
        /// A name for people
        #[arg(long)]
        name: String,
        /// all, read, write, send or manage; repeat for several
        #[arg(long, value_name = "SCOPE", required = true, value_delimiter = ',')]
        scope: Vec<Scope>,
        /// Only this mailbox; repeat for several [default: all]
        #[arg(long, value_name = "MAILBOX_ID")]
        mailbox: Vec<String>,
        /// When it ends: a date or an RFC 3339 time [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Every token, without its secret
    List,
    /// End a token at once
    Revoke {
        /// The token's id, tok_...
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs one of them.
pub async fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    let config = context.config()?;
    lifecycle::make_data_dir(&config)?;
    let store = wire::open_store_beside(&config).await?;
    match command {
        Command::Create {
            name,
            scope,
            mailbox,
            expires,
        } => create(context, &store, &name, &scope, &mailbox, expires).await?,
        Command::List => list(context, &store).await?,
        Command::Revoke { id, yes } => {
            let token = store::access::get_token(&store, &id).await?;
            confirm(yes, &format!("end the token {}", token.name))?;
            store::access::revoke_token(&store, &id).await?;
            store::audit::append(
                &store,
                ACTOR,
                "token.revoked",
                &id,
                json!({ "name": token.name }),
            )
            .await?;
            context
                .output
                .value(&json!({ "id": id, "revoked": true }), |_, _| {
                    format!("{id} has ended.")
                })?;
        }
    }
    Ok(Exit::Good)
}

async fn create(
    context: &Context,
    store: &Store,
    name: &str,
    scopes: &[Scope],
    mailboxes: &[String],
    expires: Option<String>,
) -> Result<(), Failure> {
    let expires = match expires {
        None => None,
        Some(text) => Some(Timestamp::parse(&text).ok_or_else(|| {
            Failure::usage(format!("{text} is not a time"))
                .remedy("write a date such as 2027-01-31")
        })?),
    };
    for id in mailboxes {
        store::mailboxes::get(store, id).await?;
    }
    let (token, secret) =
        store::access::create_token(store, name, scopes, mailboxes, expires).await?;
    let detail =
        json!({ "name": token.name, "scopes": token.scopes, "mailbox_ids": token.mailbox_ids });
    store::audit::append(store, ACTOR, "token.created", &token.id, detail).await?;
    let value = json!({
        "id": token.id, "name": token.name, "token": secret.expose(), "scopes": token.scopes,
        "mailbox_ids": token.mailbox_ids, "expires_at": token.expires_at,
    });
    context.output.value(&value, |_, _| {
        output::note("This token is shown once:");
        secret.expose().to_owned()
    })
}

async fn list(context: &Context, store: &Store) -> Result<(), Failure> {
    let tokens = store::access::list_tokens(store, None, LISTED).await?;
    context
        .output
        .value(&json!({ "data": tokens }), |output, value| {
            let rows = output::rows(value).iter().map(|row| {
                let words = |name: &str| {
                    let list = row[name].as_array().into_iter().flatten();
                    list.filter_map(|item| item.as_str())
                        .collect::<Vec<_>>()
                        .join(" ")
                };
                [
                    output::at(row, "/id").to_owned(),
                    output::at(row, "/name").to_owned(),
                    words("scopes"),
                    words("mailbox_ids"),
                    output::time(row, "/last_used_at"),
                    output::time(row, "/expires_at"),
                ]
            });
            output.table(
                ["ID", "NAME", "SCOPES", "MAILBOXES", "LAST USED", "ENDS"],
                rows.collect(),
            )
        })
}
