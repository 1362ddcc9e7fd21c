//! Signatures: one's own, everybody's, and the central one.

mod change;
mod create;
mod get;
mod input;
mod list;
mod preview;
mod remove;

use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::state::ApiState;
use model::access::Scope;
use model::signature::{Kind, Signature};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_signatures, create::create_signature))
        .routes(routes!(preview::preview_signature))
        .routes(routes!(
            get::get_signature,
            change::change_signature,
            remove::remove_signature
        ))
}

/// The signature, if it exists for this caller.
pub(super) async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<Signature> {
    let signature = store::signatures::get(&state.store, id).await?;
    let own = signature.owner_id.as_deref() == Some(caller.id());
    if signature.kind == Kind::Personal && !own && !caller.administers() {
        return Err(ApiError::not_found("the signature"));
    }
    Ok(signature)
}

/// One's own takes who sends; everybody's who manages; the central one is the administrator's.
fn may_write(caller: &Caller, kind: Kind) -> Result<()> {
    match kind {
        Kind::Personal => caller.need(Scope::Send),
        Kind::Shared => {
            caller.need(Scope::Manage)?;
            caller.need_all_mailboxes()
        }
        Kind::Central if caller.administers() => Ok(()),
        Kind::Central => Err(ApiError::forbidden(
            "the central signature is for an administrator to write",
        )),
    }
}

/// Who reads mail and who sends it knows the signatures.
fn may_look(caller: &Caller) -> Result<()> {
    caller
        .need(Scope::Read)
        .or_else(|_| caller.need(Scope::Send))
}
