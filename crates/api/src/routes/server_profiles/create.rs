use super::input::{self, IncomingServerInput, OutgoingServerInput};
use crate::caller::Caller;
use crate::error::Result;
use crate::idempotent::{self, Answer};
use crate::input::{Checks, Json, present};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::Timestamp;
use model::mailbox::{Auth, LoginChoice};
use model::normalised::Normalised;
use model::server_profile::{ProfileKind, ProfileLimits, ServerProfile};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::audit;
use store::idempotency::{Key, Stage};
use store::server_profiles::{self, NewProfile};

/// A new server profile.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewServerProfile {
    /// A name that tells people which servers these are.
    name: String,
    /// Left out: `other_imap_pop_smtp`.
    #[serde(rename = "type", default)]
    kind: Option<ProfileKind>,
    /// The receiving server; left out or null: its mailboxes only send.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<IncomingServerInput>)]
    incoming: Option<Option<IncomingServerInput>>,
    /// The sending server; left out or null: its mailboxes only receive.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<OutgoingServerInput>)]
    outgoing: Option<Option<OutgoingServerInput>>,
    /// Where the names to sign in with come from; left out: `email`.
    #[serde(default)]
    login_format: Option<LoginChoice>,
    /// How its mailboxes sign in; left out: `password`.
    #[serde(default)]
    auth: Option<Auth>,
    /// Addresses of these domains get this profile.
    #[serde(default)]
    domains: Vec<String>,
    /// What the provider allows.
    #[serde(default)]
    limits: ProfileLimits,
    /// New mailboxes fetch mail from this time on where they say nothing of their own; null: all.
    #[serde(default)]
    fetch_since: Option<Timestamp>,
    /// Whether new mailboxes get this profile where nothing else was found; it takes the place of the one before.
    #[serde(default)]
    is_default: bool,
}

/// The server profile, with what was put right.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ProfileAnswer {
    #[serde(flatten)]
    pub(super) profile: ServerProfile,
    /// What was typed in one way and understood in another.
    pub(super) normalised: Vec<Normalised>,
}

/// Adds a server profile. From then on the mailboxes of its domains need an address and a password, no servers.
#[utoipa::path(post, path = "/v1/server-profiles", tag = "server-profiles", request_body = NewServerProfile,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 201, body = ProfileAnswer)))]
pub(crate) async fn create_server_profile(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Json { value, bytes }: Json<NewServerProfile>,
) -> Result<Response> {
    super::admit(&caller)?;
    let mut checks = Checks::default();
    input::check_name(&mut checks, &value.name);
    input::check_auth(&mut checks, value.auth);
    checks.limits(Some(&value.limits));
    let domains = input::domains(&mut checks, &value.domains);
    let servers = input::servers(
        value.incoming,
        value.outgoing,
        None,
        &state.rules,
        &mut checks,
    );
    let (incoming, outgoing) = (servers.incoming.flatten(), servers.outgoing.flatten());
    if incoming.is_none() && outgoing.is_none() {
        checks.refuse("/incoming", "a server profile receives or sends, or both");
    }
    checks.end()?;
    let new = NewProfile {
        name: value.name.trim().to_owned(),
        kind: value.kind.unwrap_or(ProfileKind::OtherImapPopSmtp),
        incoming,
        outgoing,
        login_format: value.login_format.unwrap_or(LoginChoice::Email),
        auth: value.auth.unwrap_or(Auth::Password),
        domains,
        limits: value.limits,
        fetch_since: value.fetch_since,
        is_default: value.is_default,
    };
    let (inner, actor) = (state.clone(), caller.clone());
    let work = |key| create(inner, actor, new, servers.normalised, key);
    idempotent::once(
        &state,
        &caller,
        &headers,
        ("/v1/server-profiles", &bytes),
        work,
    )
    .await
}

async fn create(
    state: ApiState,
    caller: Caller,
    new: NewProfile,
    normalised: Vec<Normalised>,
    key: Option<Key>,
) -> Result<Answer> {
    let now = state.store.now();
    let work = move |tx: &mut store::Tx<'_>| {
        let profile = server_profiles::create_in(tx, &new, now)?;
        let detail = json!({"name": profile.name, "domains": profile.domains});
        let action = "server_profile.created";
        audit::append_in(tx, caller.id(), action, &profile.id, &detail, now)?;
        Ok(ProfileAnswer {
            profile,
            normalised,
        })
    };
    let (_, answer) = idempotent::make(&state, key, Stage::Done, StatusCode::CREATED, work).await?;
    Ok(answer)
}
