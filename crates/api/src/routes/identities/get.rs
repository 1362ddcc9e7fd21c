use super::SeenIdentity;
use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;

/// One identity.
#[utoipa::path(get, path = "/v1/identities/{id}", tag = "identities", params(("id" = String, Path)),
    responses((status = 200, body = SeenIdentity)))]
pub(crate) async fn get_identity(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<SeenIdentity>> {
    super::may_look(&caller)?;
    let identity = super::visible(&state, &caller, &id).await?;
    Ok(Json(super::seen(&caller, identity)))
}
