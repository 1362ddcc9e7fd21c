//! What is known of mail providers: servers, sign-in, switches, limits, quirks; each entry dated.

mod get;
mod list;

use crate::state::ApiState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_providers))
        .routes(routes!(get::get_provider))
}
