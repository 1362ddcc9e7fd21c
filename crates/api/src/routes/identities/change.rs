use super::SeenIdentity;
use super::input::{self, Given};
use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Checks, Ids, Json, present};
use crate::state::ApiState;
use axum::extract::State;
use model::access::Scope;
use model::identity::{Limits, UsableBy};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use store::{audit, identities};

/// What may change; what is left out stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityChange {
    /// The name before the address; empty: none.
    #[serde(default)]
    name: Option<String>,
    /// The address.
    #[serde(default)]
    address: Option<String>,
    /// Where answers should go; null: to the address.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    reply_to: Option<Option<String>>,
    /// True: it is the main one from now on, instead of the one before.
    #[serde(default)]
    is_main: Option<bool>,
    /// Whether mail to it arrives in the mailbox.
    #[serde(default)]
    is_alias: Option<bool>,
    /// What signatures and templates can say of it, all of it.
    #[serde(default)]
    fields: Option<BTreeMap<String, String>>,
    /// Its signature; null: the central one, if there is one; `none`: none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    signature_id: Option<Option<String>>,
    /// Who may use it from now on.
    #[serde(default)]
    usable_by: Option<UsableBy>,
    /// How much may be sent as it from now on, all of it.
    #[serde(default)]
    limits: Option<Limits>,
}

/// Changes an identity.
#[utoipa::path(patch, path = "/v1/identities/{id}", tag = "identities", params(("id" = String, Path)),
    request_body = IdentityChange, responses((status = 200, body = SeenIdentity)))]
pub(crate) async fn change_identity(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<IdentityChange>,
) -> Result<axum::Json<SeenIdentity>> {
    caller.need(Scope::Manage)?;
    let old = identities::get(&state.store, &id).await?;
    caller.must_see(&old.mailbox_id, "the identity")?;
    let mut checks = Checks::default();
    let address = value.address.map(|address| address.trim().to_owned());
    let given = Given {
        name: value.name.as_deref(),
        address: address.as_deref(),
        reply_to: value.reply_to.as_ref().and_then(Option::as_deref),
        fields: value.fields.as_ref(),
        usable_by: value.usable_by.as_ref(),
        limits: value.limits.as_ref(),
    };
    input::check(&mut checks, &given);
    if value.is_main == Some(false) && old.is_main {
        let text = "cannot be taken back: make another identity the main one";
        checks.refuse("/is_main", text);
    }
    let signature = value.signature_id.as_ref().and_then(Option::as_deref);
    super::check_signature(&state, &caller, &mut checks, signature).await?;
    checks.end()?;
    let change = identities::Change {
        name: value.name,
        address,
        reply_to: value.reply_to,
        is_main: value.is_main == Some(true),
        is_alias: value.is_alias,
        fields: value.fields,
        signature_id: value.signature_id,
        usable_by: value.usable_by,
        limits: value.limits,
    };
    let changed = identities::change(&state.store, &id, change).await?;
    let detail = json!({"address": changed.address, "usable_by": changed.usable_by});
    audit::append(&state.store, caller.id(), "identity.changed", &id, detail).await?;
    Ok(axum::Json(super::seen(&caller, changed)))
}
