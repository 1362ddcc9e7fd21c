use super::SeenIdentity;
use super::input::{self, Given};
use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::idempotent::{self, Answer};
use crate::input::{Checks, Json};
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::access::Scope;
use model::identity::{Limits, UsableBy};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use store::idempotency::Stage;
use store::{audit, identities};

/// A new identity.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewIdentity)]
pub(crate) struct Input {
    /// The mailbox that sends it.
    mailbox_id: String,
    /// The name before the address; left out: none.
    #[serde(default)]
    name: String,
    /// The address.
    address: String,
    /// Where answers should go; null: to the address.
    #[serde(default)]
    reply_to: Option<String>,
    /// Whether it is taken where a request names none, instead of the one before.
    #[serde(default)]
    is_main: bool,
    /// Whether mail to it arrives in the mailbox; left out: yes, unless it is the mailbox's own address.
    #[serde(default)]
    is_alias: Option<bool>,
    /// What signatures and templates can say of it, such as `{"phone": "+49 30 1234"}`.
    #[serde(default)]
    fields: BTreeMap<String, String>,
    /// Its signature; null: the central one, if there is one; `none`: none.
    #[serde(default)]
    signature_id: Option<String>,
    /// Who may use it; left out: everyone who may send through the mailbox.
    #[serde(default)]
    usable_by: UsableBy,
    /// How much may be sent as it, besides what its mailbox may send.
    #[serde(default)]
    limits: Limits,
}

/// Makes an identity: a further address that a mailbox sends as.
#[utoipa::path(post, path = "/v1/identities", tag = "identities", request_body = Input,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses((status = 201, body = SeenIdentity)))]
pub(crate) async fn create_identity(
    caller: Caller,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Json { value, bytes }: Json<Input>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    let (inner, actor) = (state.clone(), caller.clone());
    let new = checked(&state, &caller, value).await?;
    let work = |key| async move {
        let (now, by) = (inner.store.now(), actor.clone());
        let make = move |tx: &mut store::Tx<'_>| {
            let made = identities::create_in(tx, &new, now)?;
            let detail = json!({"address": made.address, "mailbox_id": made.mailbox_id});
            audit::append_in(tx, by.id(), "identity.created", &made.id, &detail, now)?;
            Ok(super::seen(&by, made))
        };
        let made = idempotent::make(&inner, key, Stage::Done, StatusCode::CREATED, make);
        Ok::<Answer, ApiError>(made.await?.1)
    };
    idempotent::once(&state, &caller, &headers, ("/v1/identities", &bytes), work).await
}

async fn checked(
    state: &ApiState,
    caller: &Caller,
    value: Input,
) -> Result<identities::NewIdentity> {
    let mailbox = mailboxes::visible(state, caller, &value.mailbox_id).await;
    let mut checks = Checks::default();
    if mailbox.is_err() {
        checks.refuse("/mailbox_id", "is no mailbox");
    }
    let address = value.address.trim().to_owned();
    let given = Given {
        name: Some(&value.name),
        address: Some(&address),
        reply_to: value.reply_to.as_deref(),
        fields: Some(&value.fields),
        usable_by: Some(&value.usable_by),
        limits: Some(&value.limits),
    };
    input::check(&mut checks, &given);
    super::check_signature(state, caller, &mut checks, value.signature_id.as_deref()).await?;
    checks.end()?;
    let is_alias = !address.eq_ignore_ascii_case(&mailbox?.address);
    Ok(identities::NewIdentity {
        mailbox_id: value.mailbox_id,
        name: value.name,
        is_alias: value.is_alias.unwrap_or(is_alias),
        address,
        reply_to: value.reply_to,
        is_main: value.is_main,
        fields: value.fields,
        signature_id: value.signature_id,
        usable_by: value.usable_by,
        limits: value.limits,
    })
}
