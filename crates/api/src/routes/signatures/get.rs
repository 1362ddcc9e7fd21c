use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::signature::Signature;

/// One signature.
#[utoipa::path(get, path = "/v1/signatures/{id}", tag = "signatures", params(("id" = String, Path)),
    responses((status = 200, body = Signature)))]
pub(crate) async fn get_signature(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Signature>> {
    super::may_look(&caller)?;
    Ok(Json(super::visible(&state, &caller, &id).await?))
}
