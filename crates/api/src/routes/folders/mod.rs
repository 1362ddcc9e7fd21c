//! Folders of a mailbox.

mod change;
mod create;
mod list;
mod remove;
mod unified;

use crate::error::{ApiError, Result};
use crate::state::ApiState;
use model::folder::Folder;
use store::folders;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(list::list_folders, create::create_folder))
        .routes(routes!(change::change_folder, remove::remove_folder))
        .routes(routes!(unified::list_unified_folders))
}

/// The folder, if it is one of this mailbox.
async fn in_mailbox(state: &ApiState, mailbox_id: &str, folder_id: &str) -> Result<Folder> {
    let folder = folders::get(&state.store, folder_id).await?;
    if folder.mailbox_id != mailbox_id {
        return Err(ApiError::not_found("the folder"));
    }
    Ok(folder)
}
