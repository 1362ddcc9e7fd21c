use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use store::{audit, webhooks};

/// Removes a webhook with its deliveries.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove_webhook(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<StatusCode> {
    super::admit(&caller)?;
    webhooks::remove(&state.store, &id).await?;
    audit::append(&state.store, caller.id(), "webhook.removed", &id, json!({})).await?;
    Ok(StatusCode::NO_CONTENT)
}
