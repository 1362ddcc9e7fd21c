use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::auto_reply::AutoReply;

/// One out of office.
#[utoipa::path(get, path = "/v1/auto-replies/{id}", tag = "auto-replies", params(("id" = String, Path)),
    responses((status = 200, body = AutoReply)))]
pub(crate) async fn get_auto_reply(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<AutoReply>> {
    caller.need(Scope::Read)?;
    Ok(Json(super::visible(&state, &caller, &id).await?))
}
