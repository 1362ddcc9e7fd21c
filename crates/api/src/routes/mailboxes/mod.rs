//! Mailboxes: connected addresses with their credentials, which are never shown.

mod change;
mod compare;
mod create;
mod disable;
pub(crate) mod draft;
mod enable;
mod get;
pub(crate) mod input;
mod list;
mod pause;
mod plan;
pub(crate) mod profile;
mod remove;
mod resume;
mod resync;
mod test;
mod try_again;

use crate::caller::Caller;
use crate::error::Result;
use crate::etag;
use crate::state::ApiState;
use axum::response::Response;
use model::mailbox::{Lifecycle, Mailbox, Proof};
use serde_json::json;
use store::{audit, mailboxes};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_mailboxes, create::create_mailbox))
        .routes(routes!(
            get::get_mailbox,
            change::change_mailbox,
            remove::remove_mailbox
        ))
        .routes(routes!(test::test_mailbox))
        .routes(routes!(enable::enable_mailbox))
        .routes(routes!(disable::disable_mailbox))
        .routes(routes!(pause::pause_mailbox))
        .routes(routes!(resume::resume_mailbox))
        .routes(routes!(try_again::try_mailbox_again))
        .routes(routes!(resync::resync_mailbox))
        .routes(routes!(compare::audit_mailbox, compare::get_audit))
        .routes(routes!(plan::get_plan))
}

/// The mailbox, if it exists for this caller.
pub(crate) async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<Mailbox> {
    caller.must_see(id, "the mailbox")?;
    Ok(mailboxes::get(&state.store, id).await?)
}

/// A mailbox with its version as the ETag.
fn tagged(mailbox: Mailbox) -> Response {
    etag::tagged(mailbox.version, mailbox)
}

/// Whether the proofs are enough to switch it on: what is received must work, or else what is sent.
fn good_enough(mailbox: &Mailbox) -> bool {
    let works = |proof| matches!(proof, Proof::Works | Proof::WorksWithWarnings);
    if mailbox.incoming.is_some() {
        works(mailbox.receiving)
    } else {
        works(mailbox.sending)
    }
}

/// Moves a mailbox to another stage of its life, for the audit log too.
async fn set_lifecycle(
    state: &ApiState,
    caller: &Caller,
    id: &str,
    to: Lifecycle,
) -> Result<Mailbox> {
    let action = match to {
        Lifecycle::Enabled => "mailbox.enabled",
        Lifecycle::Paused => "mailbox.paused",
        Lifecycle::Disabled => "mailbox.disabled",
        Lifecycle::Draft | Lifecycle::AwaitingApproval => "mailbox.changed",
    };
    let mailbox = mailboxes::set_lifecycle(&state.store, id, to).await?;
    audit::append(&state.store, caller.id(), action, id, json!({})).await?;
    Ok(mailbox)
}
