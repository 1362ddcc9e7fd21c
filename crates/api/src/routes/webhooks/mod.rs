//! Webhooks, and how their deliveries went.

mod change;
mod create;
mod deliveries;
mod get;
pub(crate) mod input;
mod list;
mod remove;
mod replay;
mod replay_since;
mod test;

use crate::caller::Caller;
use crate::error::Result;
use crate::state::ApiState;
use model::access::Scope;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_webhooks, create::create_webhook))
        .routes(routes!(
            get::get_webhook,
            change::change_webhook,
            remove::remove_webhook
        ))
        .routes(routes!(test::test_webhook))
        .routes(routes!(replay_since::replay_webhook))
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(replay::replay_delivery))
}

/// Webhooks carry the mail of all mailboxes away: nothing for tokens that see only some.
fn admit(caller: &Caller) -> Result<()> {
    caller.need(Scope::Manage)?;
    caller.need_all_mailboxes()
}
