use super::WholeJob;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;

/// One job, with the first hundred that it did not reach.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = WholeJob)))]
pub(crate) async fn get_job(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<WholeJob>> {
    caller.need(Scope::Send)?;
    Ok(Json(super::visible(&state, &caller, &id).await?))
}
