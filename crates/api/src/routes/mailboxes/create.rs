use super::draft::{Complete, Draft};
use super::input::{self, IncomingInput, OutgoingInput, Sides};
use crate::caller::Caller;
use crate::detection;
use crate::error::Result;
use crate::idempotent::{self, Answer};
use crate::input::{Checks, Json, present};
use crate::proving;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::access::Scope;
use model::detection::Candidate;
use model::folder::Role;
use model::mailbox::{Credentials, Kind, Lifecycle, Mailbox, Owner};
use model::normalised::Normalised;
use model::report::Trigger;
use model::server_profile::ProfileLimits;
use model::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use store::idempotency::{Key, Stage};
use store::{audit, mailboxes, server_profiles};

/// A new mailbox.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMailbox {
    /// The mail address.
    address: String,
    /// A name for people; left out: the address.
    #[serde(default)]
    name: Option<String>,
    /// Left out: `personal`.
    #[serde(default)]
    kind: Option<Kind>,
    /// The receiving side; null: send only; left out: found from the address.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<IncomingInput>)]
    incoming: Option<Option<IncomingInput>>,
    /// The sending side; null: receive only; left out: found from the address.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<OutgoingInput>)]
    outgoing: Option<Option<OutgoingInput>>,
    /// The password of both sides, unless a side has its own; never shown again.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, write_only)]
    password: Option<Secret>,
    /// Mail from this time on is fetched; null: all; left out: as its server profile says, and else all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    fetch_since: Option<Option<Timestamp>>,
    /// Octets of the largest message that is stored whole; of larger ones, the header is. Null: all are stored whole.
    #[serde(default)]
    #[schema(minimum = 1)]
    size_limit: Option<i64>,
    /// Folders to store; null: every folder but junk and trash.
    #[serde(default)]
    monitored_folders: Option<Vec<String>>,
    /// POP3: days after which a message that is safely stored here is deleted from the server, 0: at once; null: never.
    #[serde(default)]
    #[schema(maximum = 3650)]
    pop3_delete_after_days: Option<u32>,
    /// Whether Postroom changes nothing on the receiving server: no flag, no folder, no copy of what is sent.
    #[serde(default)]
    read_only: bool,
    /// The user or the queue that it belongs to, in the application's own words.
    #[serde(default)]
    owner: Option<Owner>,
    /// Limits of this mailbox alone: where one is named, its server profile's does not count.
    #[serde(default)]
    limits: ProfileLimits,
    /// What folders are for, by path, where the server does not say it or says it wrong; null: for nothing.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Role>)]
    folder_roles: BTreeMap<String, Option<Role>>,
    /// The server profile that the servers come from; left out: the one for the address's domain, if there is one and both
    /// sides are left out.
    #[serde(default)]
    server_profile_id: Option<String>,
    /// Test it, and switch it on if it works. If it does not, it stays as a draft with its report.
    #[serde(default)]
    enable: bool,
}

/// The mailbox, with where its settings were found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CreatedMailbox {
    #[serde(flatten)]
    mailbox: Mailbox,
    /// What was found from the address, where settings were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    detected: Option<Candidate>,
    /// What was typed in one way and understood in another.
    normalised: Vec<Normalised>,
}

/// Adds a mailbox.
#[utoipa::path(post, path = "/v1/mailboxes", tag = "mailboxes", request_body = NewMailbox,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 201, body = CreatedMailbox)))]
pub(crate) async fn create_mailbox(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    body: Json<NewMailbox>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    caller.need_all_mailboxes()?;
    let Json { value, bytes } = body;
    let enable = value.enable;
    let checked = checked(&state, value).await?;
    if enable {
        proving::admit(&state, &caller)?;
    }
    let (inner, actor) = (state.clone(), caller.clone());
    let work = |key| create(inner, actor, checked, enable, key);
    idempotent::once(&state, &caller, &headers, ("/v1/mailboxes", &bytes), work).await
}

/// A request without mistakes.
struct Checked {
    draft: Draft,
    /// The rest; its sides are not filled in yet.
    rest: mailboxes::NewMailbox,
    /// Whether it says from when on mail is fetched; otherwise its profile may.
    says_since: bool,
}

async fn checked(state: &ApiState, value: NewMailbox) -> Result<Checked> {
    let mut checks = Checks::default();
    let (address, put_right) = detection::tidy(&value.address);
    checks.address("/address", &address);
    let name = value.name.unwrap_or_else(|| address.clone());
    checks.line("/name", &name, 0, 200);
    input::check_folders(&mut checks, value.monitored_folders.as_deref());
    input::check_deletion(&mut checks, value.pop3_delete_after_days);
    input::check_size_limit(&mut checks, value.size_limit);
    input::check_owner(&mut checks, value.owner.as_ref());
    checks.limits(Some(&value.limits));
    let sides = Sides {
        incoming: value.incoming,
        outgoing: value.outgoing,
        password: value.password,
        profile: None,
    };
    let profile = value.server_profile_id.as_deref();
    let draft = Draft::read(state, sides, profile, address.clone(), checks).await?;
    let draft = draft.noting(put_right);
    let rest = mailboxes::NewMailbox {
        address,
        name,
        kind: value.kind.unwrap_or(Kind::Personal),
        incoming: None,
        outgoing: None,
        credentials: Credentials::default(),
        login_formats: model::mailbox::Logins::default(),
        server_profile_id: None,
        fetch_since: value.fetch_since.flatten(),
        size_limit: value.size_limit,
        monitored_folders: value.monitored_folders,
        pop3_delete_after_days: value.pop3_delete_after_days,
        read_only: value.read_only,
        owner: value.owner,
        limits: value.limits,
        folder_roles: value.folder_roles,
    };
    let says_since = value.fetch_since.is_some();
    Ok(Checked {
        draft,
        rest,
        says_since,
    })
}

async fn create(
    state: ApiState,
    caller: Caller,
    checked: Checked,
    enable: bool,
    key: Option<Key>,
) -> Result<Answer> {
    let Checked {
        draft,
        rest,
        says_since,
    } = checked;
    let Complete {
        settings,
        detected,
        server_profile_id,
    } = draft.complete(&state, &caller).await?;
    input::deletes_by_pop3(rest.pop3_delete_after_days, settings.incoming.as_ref())?;
    let fetch_since = match &server_profile_id {
        Some(id) if !says_since => server_profiles::get(&state.store, id).await?.fetch_since,
        _ => rest.fetch_since,
    };
    let new = mailboxes::NewMailbox {
        login_formats: settings.logins(),
        server_profile_id,
        incoming: settings.incoming.flatten(),
        outgoing: settings.outgoing.flatten(),
        credentials: settings.credentials,
        fetch_since,
        ..rest
    };
    let stage = if enable { Stage::Made } else { Stage::Done };
    let (store, actor) = (state.store.clone(), caller.clone());
    let work = move |tx: &mut store::Tx<'_>| {
        let mailbox = mailboxes::create_in(&store, tx, &new)?;
        let source = detected.as_ref().map(|found| found.source);
        let detail = json!({"address": mailbox.address, "detected": source});
        let action = "mailbox.created";
        audit::append_in(tx, actor.id(), action, &mailbox.id, &detail, store.now())?;
        Ok(CreatedMailbox {
            mailbox,
            detected,
            normalised: settings.normalised,
        })
    };
    let (mut created, answer) =
        idempotent::make(&state, key, stage, StatusCode::CREATED, work).await?;
    if !enable {
        return Ok(answer);
    }
    // Whatever the test brings, what was typed is kept.
    let on_step = proving::unheard();
    let proven = proving::prove(&state, &created.mailbox, None, Trigger::Enable, on_step).await?;
    created.mailbox = proven.mailbox;
    if proven.current && super::good_enough(&created.mailbox) {
        let id = created.mailbox.id.clone();
        created.mailbox = super::set_lifecycle(&state, &caller, &id, Lifecycle::Enabled).await?;
    }
    Answer::json(StatusCode::CREATED, &created)
}
