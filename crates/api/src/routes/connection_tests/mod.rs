//! Connection reports: of unsaved settings, or of a mailbox.

mod create;
mod get;
mod list;
pub(crate) mod stream;

use crate::state::ApiState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(
            list::list_connection_tests,
            create::create_connection_test
        ))
        .routes(routes!(get::get_connection_test))
}
