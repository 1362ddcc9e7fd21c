//! Out of office: what mailboxes answer by themselves.

mod ask_server;
mod change;
mod create;
mod get;
mod input;
mod list;
mod on_server;
mod preview;
mod remove;

use crate::caller::Caller;
use crate::error::Result;
use crate::state::ApiState;
use model::access::Scope;
use model::auto_reply::AutoReply;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_auto_replies, create::create_auto_reply))
        .routes(routes!(
            get::get_auto_reply,
            change::change_auto_reply,
            remove::remove_auto_reply
        ))
        .routes(routes!(preview::preview_auto_reply))
        .routes(routes!(ask_server::ask_server))
}

/// Whoever sets one lets mail go out by itself in a mailbox's name: that is managing and sending.
fn may_set(caller: &Caller) -> Result<()> {
    caller.need(Scope::Manage)?;
    caller.need(Scope::Send)
}

/// The out of office, if its mailbox exists for this caller.
async fn visible(state: &ApiState, caller: &Caller, id: &str) -> Result<AutoReply> {
    let found = store::auto_replies::get(&state.store, id).await?;
    caller.must_see(&found.mailbox_id, "the out of office")?;
    Ok(found)
}
