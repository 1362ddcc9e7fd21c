//! Server profiles: an administrator's settings that many mailboxes share.

mod change;
mod create;
mod get;
mod input;
mod list;
mod remove;
mod test;

use crate::caller::Caller;
use crate::error::Result;
use crate::state::ApiState;
use model::access::Scope;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(
            list::list_server_profiles,
            create::create_server_profile
        ))
        .routes(routes!(
            get::get_server_profile,
            change::change_server_profile,
            remove::remove_server_profile
        ))
        .routes(routes!(test::test_server_profile))
}

/// What changes a profile changes the mailboxes of everybody who uses it.
fn admit(caller: &Caller) -> Result<()> {
    caller.need(Scope::Manage)?;
    caller.need_all_mailboxes()
}
