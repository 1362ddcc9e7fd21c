//! The one ordered log.

pub(crate) mod list;

pub(crate) use list::is_type;

use crate::state::ApiState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(list::list_events))
}
