use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Json};
use crate::routes::mailboxes;
use crate::routes::owed::{Owed, settled};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::access::Scope;
use model::folder::Folder;
use serde::Deserialize;
use store::{folders, owed};

/// A folder to make on the server.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFolder {
    /// Its name, as people write it: one level.
    name: String,
    /// The folder that it is made in; left out: at the top.
    #[serde(default)]
    parent_id: Option<String>,
}

/// Makes a folder on the server. 201: it is there; 202: it is owed, and `folder.created` tells when it is there.
#[utoipa::path(post, path = "/v1/mailboxes/{id}/folders", tag = "folders", params(("id" = String, Path)),
    request_body = NewFolder, responses((status = 201, body = Folder), (status = 202, body = Owed)))]
pub(crate) async fn create_folder(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<NewFolder>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    let mailbox = mailboxes::visible(&state, &caller, &id).await?;
    let before = folders::list(&state.store, &id).await?;
    let wish = owed::create_folder(&state.store, &id, value.parent_id, &value.name);
    let owed_id = wish.await?;
    if let Some(entry) = settled(&state, &mailbox, &owed_id).await? {
        return Ok((StatusCode::ACCEPTED, axum::Json(Owed::from(entry))).into_response());
    }
    let after = folders::list(&state.store, &id).await?;
    let made = after
        .into_iter()
        .find(|folder| folder.name == value.name && before.iter().all(|old| old.id != folder.id));
    Ok((StatusCode::CREATED, axum::Json(made)).into_response())
}
