use super::input::{self, ChangeInput, Sides};
use super::profile;
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::etag;
use crate::input::{Checks, Ids, Json};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use model::access::Scope;
use model::mailbox::Mailbox;
use model::normalised::Normalised;
use serde::Serialize;
use serde_json::json;
use store::{audit, mailboxes};

/// The mailbox, with what was put right.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ChangedMailbox {
    #[serde(flatten)]
    mailbox: Mailbox,
    /// What was typed in one way and understood in another.
    normalised: Vec<Normalised>,
}

/// Changes settings; what is left out stays. With `If-Match`, only if nobody else changed it since.
#[utoipa::path(patch, path = "/v1/mailboxes/{id}", tag = "mailboxes", request_body = ChangeInput,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = ChangedMailbox, headers(("ETag" = String)))))]
pub(crate) async fn change_mailbox(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    headers: HeaderMap,
    Json { value, .. }: Json<ChangeInput>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    let old = super::visible(&state, &caller, &id).await?;
    let shares = value.send_shared.is_some() || value.system_sender.is_some();
    if shares && !caller.administers() {
        let text = "who else sends through a mailbox is for an administrator to say";
        return Err(ApiError::forbidden(text));
    }
    let wanted = etag::wanted(&headers, old.version)?;
    // Where the password may go was decided by the settings as they were read: others must not have come between.
    let other_servers =
        value.incoming.is_some() || value.outgoing.is_some() || value.server_profile_id.is_some();
    let (change, normalised) = checked(&state, value, &old).await?;
    let new_secrets =
        change.credentials.incoming.is_some() || change.credentials.outgoing.is_some();
    let version = wanted.or(other_servers.then_some(old.version));
    let mailbox = mailboxes::change(&state.store, &id, change, version)
        .await
        .map_err(|error| match error {
            store::StoreError::Conflict(_) if wanted.is_some() => etag::changed_meanwhile(),
            other => other.into(),
        })?;
    let mut detail = json!({"version": mailbox.version, "credentials": new_secrets});
    if shares {
        detail["send_shared"] = json!(mailbox.send_shared);
        detail["system_sender"] = json!(mailbox.system_sender);
    }
    audit::append(&state.store, caller.id(), "mailbox.changed", &id, detail).await?;
    let version = mailbox.version;
    let changed = ChangedMailbox {
        mailbox,
        normalised,
    };
    Ok(etag::tagged(version, changed))
}

async fn checked(
    state: &ApiState,
    value: ChangeInput,
    old: &Mailbox,
) -> Result<(mailboxes::Change, Vec<Normalised>)> {
    let mut checks = Checks::default();
    let address = value.address.map(|address| address.trim().to_owned());
    if let Some(address) = &address {
        checks.address("/address", address);
    }
    if let Some(name) = &value.name {
        checks.line("/name", name, 0, 200);
    }
    let folders = value.monitored_folders.as_ref().and_then(Option::as_deref);
    input::check_folders(&mut checks, folders);
    let delete_after = value.pop3_delete_after_days.flatten();
    input::check_deletion(&mut checks, delete_after);
    input::check_size_limit(&mut checks, value.size_limit.flatten());
    input::check_owner(&mut checks, value.owner.as_ref().and_then(Option::as_ref));
    checks.limits(value.limits.as_ref());
    let profile = match &value.server_profile_id {
        Some(Some(id)) => Some(profile::named(state, id).await?),
        Some(None) | None => None,
    };
    let sides = Sides {
        incoming: value.incoming,
        outgoing: value.outgoing,
        password: value.password,
        profile,
    };
    let settings = sides.settle(
        &state.rules,
        address.as_deref().unwrap_or(&old.address),
        Some(old),
        &mut checks,
    );
    let stored = mailboxes::credentials_of(&state.store, old).await?;
    input::keep_secrets_home(old, &stored, &settings, &mut checks);
    if let (None, Some(id)) = (&value.server_profile_id, &old.server_profile_id) {
        let profile = store::server_profiles::get(&state.store, id).await?;
        let incoming = settings.incoming.as_ref().and_then(Option::as_ref);
        let outgoing = settings.outgoing.as_ref().and_then(Option::as_ref);
        profile::refuse_leaving(incoming, outgoing, &profile, &mut checks);
    }
    let keeps_incoming = settings
        .incoming
        .as_ref()
        .map_or(old.incoming.is_some(), Option::is_some);
    let keeps_outgoing = settings
        .outgoing
        .as_ref()
        .map_or(old.outgoing.is_some(), Option::is_some);
    if !keeps_incoming && !keeps_outgoing {
        checks.refuse("/incoming", "a mailbox receives or sends, or both");
    }
    if !keeps_outgoing {
        for (pointer, wish) in [
            ("/send_shared", value.send_shared),
            ("/system_sender", value.system_sender),
        ] {
            if wish == Some(true) {
                checks.refuse(pointer, "needs settings for sending");
            }
        }
    }
    checks.end()?;
    let incoming = settings.incoming.as_ref().unwrap_or(&old.incoming);
    input::deletes_by_pop3(delete_after, Some(incoming))?;
    let change = mailboxes::Change {
        login_formats: Some(settings.logins_over(old.login_formats)),
        server_profile_id: value.server_profile_id,
        address,
        name: value.name,
        kind: value.kind,
        incoming: settings.incoming,
        outgoing: settings.outgoing,
        credentials: settings.credentials,
        fetch_since: value.fetch_since,
        size_limit: value.size_limit,
        monitored_folders: value.monitored_folders,
        pop3_delete_after_days: value.pop3_delete_after_days,
        read_only: value.read_only,
        owner: value.owner,
        limits: value.limits,
        send_shared: value.send_shared,
        system_sender: value.system_sender,
    };
    Ok((change, settings.normalised))
}
