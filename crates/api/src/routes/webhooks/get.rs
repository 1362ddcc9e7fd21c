use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::webhook::Webhook;
use store::webhooks;

/// One webhook, without its secret.
#[utoipa::path(get, path = "/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, body = Webhook)))]
pub(crate) async fn get_webhook(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Webhook>> {
    super::admit(&caller)?;
    Ok(Json(webhooks::get(&state.store, &id).await?))
}
