//! Tokens: keys to this API.

mod create;
mod get;
mod list;
mod remove;

use crate::caller::Caller;
use crate::error::Result;
use crate::state::ApiState;
use model::access::Scope;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_tokens, create::create_token))
        .routes(routes!(get::get_token, remove::remove_token))
}

/// Whoever makes tokens can do everything.
fn admit(caller: &Caller) -> Result<()> {
    caller.need(Scope::All)?;
    caller.need_all_mailboxes()
}
