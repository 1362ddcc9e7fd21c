//! Identities: what mailboxes send as, and who may use it.

mod change;
mod create;
mod get;
mod input;
mod list;
mod remove;

use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Checks;
use crate::routes::signatures;
use crate::state::ApiState;
use model::access::Scope;
use model::identity::{Identity, UsableBy};
use serde::Serialize;
use store::{identities, mailboxes};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_identities, create::create_identity))
        .routes(routes!(
            get::get_identity,
            change::change_identity,
            remove::remove_identity
        ))
}

/// Instead of a signature's id: no signature, whatever the central one says.
pub(crate) const NO_SIGNATURE: &str = "none";
/// Identities that are looked through for one to show something for.
const LOOKED_THROUGH: i64 = 200;

/// An identity as a caller sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SeenIdentity {
    #[serde(flatten)]
    identity: Identity,
    /// Whether whoever asks may send as it.
    usable: bool,
}

/// Who sends through a shared mailbox without seeing it learns who else may only as far as it is about itself.
fn seen(caller: &Caller, mut identity: Identity) -> SeenIdentity {
    let usable = usable(caller, &identity);
    if !caller.sees(&identity.mailbox_id) {
        identity.usable_by = UsableBy {
            everyone: identity.usable_by.everyone,
            ..UsableBy::default()
        };
    }
    SeenIdentity { identity, usable }
}

/// Whether the caller, who may send through the mailbox, may send as this. Whoever may change the rule need not.
pub(crate) fn usable(caller: &Caller, identity: &Identity) -> bool {
    caller.administers() || identity.usable_by.permits(caller.id())
}

/// Who reads mail and who sends it knows its identities.
fn may_look(caller: &Caller) -> Result<()> {
    caller
        .need(Scope::Read)
        .or_else(|_| caller.need(Scope::Send))
}

/// The identity, if its mailbox can be seen or sent through by this caller.
async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<Identity> {
    let identity = identities::get(&state.store, id).await?;
    if !caller.sees(&identity.mailbox_id) {
        let mailbox = mailboxes::get(&state.store, &identity.mailbox_id).await?;
        if !caller.may_send_through(&mailbox) {
            return Err(ApiError::not_found("the identity"));
        }
    }
    Ok(identity)
}

/// An identity's signature is one that there is for whoever sets it.
async fn check_signature(
    state: &ApiState,
    caller: &Caller,
    checks: &mut Checks,
    signature: Option<&str>,
) -> Result<()> {
    if let Some(id) = signature.filter(|id| *id != NO_SIGNATURE)
        && signatures::visible(state, caller, id).await.is_err()
    {
        checks.refuse("/signature_id", "is no signature");
    }
    Ok(())
}

/// The identity that a signature or a template is shown for: the one that is named, or the first that the caller may use.
pub(crate) async fn for_preview(
    state: &ApiState,
    caller: &Caller,
    id: Option<&str>,
) -> Result<Identity> {
    if let Some(id) = id {
        let missing = |_| ApiError::field("/identity_id", "is no identity");
        return visible(state, caller, id).await.map_err(missing);
    }
    let filter = identities::Filter {
        mailbox_ids: caller.visible(),
        or_shared: true,
        ..identities::Filter::default()
    };
    let found = identities::list(&state.store, filter, None, LOOKED_THROUGH).await?;
    let first = found.into_iter().find(|one| usable(caller, one));
    first.ok_or_else(|| ApiError::field("/identity_id", "there is no identity to show it for yet"))
}
