use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Token;
use store::access;

/// One token without its secret.
#[utoipa::path(get, path = "/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path)),
    responses((status = 200, body = Token)))]
pub(crate) async fn get_token(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Token>> {
    super::admit(&caller)?;
    Ok(Json(access::get_token(&state.store, &id).await?))
}
