//! The first user, by the one-time secret that the server printed.

mod create;
mod get;

use crate::state::ApiState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(get::get_setup, create::create_setup))
}
