use super::in_mailbox;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Query};
use crate::routes::mailboxes;
use crate::routes::owed::{Owed, settled};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::access::Scope;
use serde::Deserialize;
use store::owed;

/// What goes with it.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Whether the messages in it may be deleted for good; without it a folder with messages stays (409, `folder_not_empty`).
    #[serde(default)]
    with_messages: bool,
}

/// Deletes a folder on the server. 204: it is gone; 202: that is owed, and `folder.removed` tells when it is gone.
#[utoipa::path(delete, path = "/v1/mailboxes/{id}/folders/{folder_id}", tag = "folders",
    params(("id" = String, Path), ("folder_id" = String, Path), Params),
    responses((status = 204), (status = 202, body = Owed)))]
pub(crate) async fn remove_folder(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id, folder_id]): Ids<2>,
    Query(params): Query<Params>,
) -> Result<Response> {
    caller.need(Scope::Manage)?;
    let mailbox = mailboxes::visible(&state, &caller, &id).await?;
    in_mailbox(&state, &id, &folder_id).await?;
    let owed_id = owed::delete_folder(&state.store, &folder_id, params.with_messages).await?;
    Ok(match settled(&state, &mailbox, &owed_id).await? {
        Some(entry) => (StatusCode::ACCEPTED, axum::Json(Owed::from(entry))).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}
