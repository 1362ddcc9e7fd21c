use super::create::ProfileAnswer;
use super::input::{self, IncomingServerInput, OutgoingServerInput};
use crate::caller::Caller;
use crate::error::Result;
use crate::etag;
use crate::input::{Checks, Ids, Json, present};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use model::Timestamp;
use model::access::Scope;
use model::mailbox::{Auth, LoginChoice};
use model::server_profile::ProfileLimits;
use serde::Deserialize;
use serde_json::json;
use store::{StoreError, audit, server_profiles};

/// What may change about a server profile; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerProfileChange {
    /// New name.
    #[serde(default)]
    name: Option<String>,
    /// New receiving server, for its mailboxes too; null: new mailboxes only send.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<IncomingServerInput>)]
    incoming: Option<Option<IncomingServerInput>>,
    /// New sending server, for its mailboxes too; null: new mailboxes only receive.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<OutgoingServerInput>)]
    outgoing: Option<Option<OutgoingServerInput>>,
    /// For new mailboxes.
    #[serde(default)]
    login_format: Option<LoginChoice>,
    /// For new mailboxes.
    #[serde(default)]
    auth: Option<Auth>,
    /// New domains.
    #[serde(default)]
    domains: Option<Vec<String>>,
    /// New limits.
    #[serde(default)]
    limits: Option<ProfileLimits>,
    /// For new mailboxes: from when on they fetch mail where they say nothing of their own; null: all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    fetch_since: Option<Option<Timestamp>>,
    /// Whether it is the default.
    #[serde(default)]
    is_default: Option<bool>,
    /// Lets the stored passwords of its mailboxes go to the new servers; needs the scope `all`. Left out: where the host
    /// is another one they are forgotten, and the mailboxes are held until somebody enters them again.
    #[serde(default)]
    keep_credentials: bool,
}

/// Changes a server profile. New servers reach its mailboxes at once, which must be tested again. With `If-Match`, only if
/// nobody else changed it since.
#[utoipa::path(patch, path = "/v1/server-profiles/{id}", tag = "server-profiles", request_body = ServerProfileChange,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = ProfileAnswer, headers(("ETag" = String)))))]
pub(crate) async fn change_server_profile(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    headers: HeaderMap,
    Json { value, .. }: Json<ServerProfileChange>,
) -> Result<Response> {
    super::admit(&caller)?;
    if value.keep_credentials {
        caller.need(Scope::All)?;
    }
    let old = server_profiles::get(&state.store, &id).await?;
    let wanted = etag::wanted(&headers, old.version)?;
    let mut checks = Checks::default();
    if let Some(name) = &value.name {
        input::check_name(&mut checks, name);
    }
    input::check_auth(&mut checks, value.auth);
    checks.limits(value.limits.as_ref());
    let domains = value
        .domains
        .as_deref()
        .map(|typed| input::domains(&mut checks, typed));
    let servers = input::servers(
        value.incoming,
        value.outgoing,
        Some(&old),
        &state.rules,
        &mut checks,
    );
    let receives = servers
        .incoming
        .as_ref()
        .map_or(old.incoming.is_some(), Option::is_some);
    let sends = servers
        .outgoing
        .as_ref()
        .map_or(old.outgoing.is_some(), Option::is_some);
    if !receives && !sends {
        checks.refuse("/incoming", "a server profile receives or sends, or both");
    }
    checks.end()?;
    let change = server_profiles::Change {
        name: value.name.map(|name| name.trim().to_owned()),
        incoming: servers.incoming,
        outgoing: servers.outgoing,
        login_format: value.login_format,
        auth: value.auth,
        domains,
        limits: value.limits,
        fetch_since: value.fetch_since,
        is_default: value.is_default,
        keep_credentials: value.keep_credentials,
    };
    // Under If-Match a conflict can still be one of domains: what was read above tells them apart.
    let profile = match server_profiles::change(&state.store, &id, change, wanted).await {
        Err(StoreError::Conflict(_))
            if wanted.is_some() && has_moved_on(&state, &id, old.version).await? =>
        {
            return Err(etag::changed_meanwhile());
        }
        changed => changed?,
    };
    let detail = json!({"version": profile.version, "keep_credentials": value.keep_credentials});
    audit::append(
        &state.store,
        caller.id(),
        "server_profile.changed",
        &id,
        detail,
    )
    .await?;
    let answer = ProfileAnswer {
        profile,
        normalised: servers.normalised,
    };
    Ok(etag::tagged(answer.profile.version, answer))
}

async fn has_moved_on(state: &ApiState, id: &str, version: i64) -> Result<bool> {
    Ok(server_profiles::get(&state.store, id).await?.version != version)
}
