//! Folders of a mailbox.

mod change;
mod list;

use crate::state::ApiState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_folders))
        .routes(routes!(change::change_folder))
}
