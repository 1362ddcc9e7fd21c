use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use serde_json::json;
use store::{audit, identities};

/// Removes an identity. The main one of a mailbox stays until another one is.
#[utoipa::path(delete, path = "/v1/identities/{id}", tag = "identities", params(("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove_identity(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<StatusCode> {
    caller.need(Scope::Manage)?;
    let old = identities::get(&state.store, &id).await?;
    caller.must_see(&old.mailbox_id, "the identity")?;
    identities::remove(&state.store, &id).await?;
    let detail = json!({"address": old.address, "mailbox_id": old.mailbox_id});
    audit::append(&state.store, caller.id(), "identity.removed", &id, detail).await?;
    Ok(StatusCode::NO_CONTENT)
}
