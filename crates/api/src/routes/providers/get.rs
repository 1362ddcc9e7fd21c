use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use connect::providers::Provider;
use model::access::Scope;

/// One provider.
#[utoipa::path(get, path = "/v1/providers/{id}", tag = "providers", params(("id" = String, Path)),
    responses((status = 200, body = Provider)))]
pub(crate) async fn get_provider(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Provider>> {
    caller.need(Scope::Read)?;
    let table = state.providers.current();
    let provider = table
        .get(&id)
        .ok_or_else(|| ApiError::not_found("the provider"))?;
    Ok(Json(provider.clone()))
}
