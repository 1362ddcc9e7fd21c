use super::input::{self, ChangeInput, Sides};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::{Checks, Ids, Json};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use model::access::Scope;
use model::mailbox::Mailbox;
use serde_json::json;
use store::{audit, mailboxes};

/// Changes settings; what is left out stays. With `If-Match`, only if nobody else changed it since.
#[utoipa::path(patch, path = "/v1/mailboxes/{id}", tag = "mailboxes", request_body = ChangeInput,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Mailbox, headers(("ETag" = String)))))]
pub(crate) async fn change_mailbox(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    headers: HeaderMap,
    Json { value, .. }: Json<ChangeInput>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    let old = super::visible(&state, &caller, &id).await?;
    let wanted = wanted_version(&headers, &old)?;
    let change = checked(value, &old)?;
    let new_secrets =
        change.credentials.incoming.is_some() || change.credentials.outgoing.is_some();
    let mailbox = mailboxes::change(&state.store, &id, change, wanted)
        .await
        .map_err(|error| match error {
            store::StoreError::Conflict(_) if wanted.is_some() => changed_meanwhile(),
            other => other.into(),
        })?;
    let detail = json!({"version": mailbox.version, "credentials": new_secrets});
    audit::append(&state.store, caller.id(), "mailbox.changed", &id, detail).await?;
    Ok(super::tagged(mailbox))
}

fn changed_meanwhile() -> ApiError {
    let detail = "the mailbox has another version than the one in If-Match";
    ApiError::new(
        StatusCode::PRECONDITION_FAILED,
        "precondition_failed",
        detail,
    )
}

fn wanted_version(headers: &HeaderMap, old: &Mailbox) -> Result<Option<i64>> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let current = format!("\"{}\"", old.version);
    if text.split(',').any(|tag| tag.trim() == current) {
        Ok(Some(old.version))
    } else {
        Err(changed_meanwhile())
    }
}

fn checked(value: ChangeInput, old: &Mailbox) -> Result<mailboxes::Change> {
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
    let sides = Sides {
        incoming: value.incoming,
        outgoing: value.outgoing,
        password: value.password,
    };
    let settings = sides.settle(
        address.as_deref().unwrap_or(&old.address),
        Some(old),
        &mut checks,
    );
    input::keep_secrets_home(old, &settings, &mut checks);
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
    checks.end()?;
    Ok(mailboxes::Change {
        address,
        name: value.name,
        kind: value.kind,
        incoming: settings.incoming,
        outgoing: settings.outgoing,
        credentials: settings.credentials,
        login_formats: None,
        server_profile_id: None,
        fetch_since: value.fetch_since,
        monitored_folders: value.monitored_folders,
    })
}
