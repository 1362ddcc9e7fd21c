use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::webhook::Delivery;
use store::deliveries;

/// Posts a delivery again: the same id, the same body.
#[utoipa::path(post, path = "/v1/webhooks/{id}/deliveries/{delivery_id}/replay", tag = "webhooks",
    params(("id" = String, Path), ("delivery_id" = String, Path)), responses((status = 202, body = Delivery)))]
pub(crate) async fn replay_delivery(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id, delivery_id]): Ids<2>,
) -> Result<(StatusCode, Json<Delivery>)> {
    super::admit(&caller)?;
    if deliveries::get(&state.store, &delivery_id)
        .await?
        .webhook_id
        != id
    {
        return Err(ApiError::not_found("the delivery"));
    }
    let delivery = deliveries::replay(&state.store, &delivery_id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery)))
}
