use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::tag::Tag;

/// One tag or own folder.
#[utoipa::path(get, path = "/v1/tags/{id}", tag = "tags", params(("id" = String, Path)),
    responses((status = 200, body = Tag)))]
pub(crate) async fn get_tag(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Tag>> {
    caller.need(Scope::Read)?;
    Ok(Json(super::visible(&state, &caller, &id).await?))
}
