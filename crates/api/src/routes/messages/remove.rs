use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Query};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use model::access::Scope;
use serde::Deserialize;
use store::owed;

/// How a message is removed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Removes it for good, wherever it lies.
    #[serde(default)]
    permanent: bool,
}

/// Moves a message to the trash; one that is there already is removed for good. The server is told
/// as soon as it can be reached. 409 `trash_missing` where no folder is known as the trash.
#[utoipa::path(delete, path = "/v1/messages/{id}", tag = "messages", params(("id" = String, Path), Params),
    responses((status = 204)))]
pub(crate) async fn remove_message(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Query(params): Query<Params>,
) -> Result<StatusCode> {
    caller.need(Scope::Write)?;
    let message = super::visible(&state, &caller, &id).await?;
    owed::trash(&state.store, &id, params.permanent).await?;
    super::carried_out(&state, &message).await?;
    Ok(StatusCode::NO_CONTENT)
}
