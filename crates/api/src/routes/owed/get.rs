use super::Owed;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::routes::mailboxes;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use store::owed;

/// One change that the server has not confirmed. 404: it was confirmed, or given up.
#[utoipa::path(get, path = "/v1/mailboxes/{id}/owed/{owed_id}", tag = "owed",
    params(("id" = String, Path), ("owed_id" = String, Path)), responses((status = 200, body = Owed)))]
pub(crate) async fn get_owed(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id, owed_id]): Ids<2>,
) -> Result<Json<Owed>> {
    caller.need(Scope::Read)?;
    mailboxes::visible(&state, &caller, &id).await?;
    Ok(Json(owed::get(&state.store, &id, &owed_id).await?.into()))
}
