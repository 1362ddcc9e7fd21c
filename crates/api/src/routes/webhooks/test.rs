use crate::caller::Caller;
use crate::error::Result;
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::webhook::Delivery;
use store::deliveries;

/// Posts a `webhook.test` event to this webhook alone.
#[utoipa::path(post, path = "/v1/webhooks/{id}/test", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 202, body = Delivery)))]
pub(crate) async fn test_webhook(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<(StatusCode, Json<Delivery>)> {
    super::admit(&caller)?;
    let delivery = deliveries::test(&state.store, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery)))
}
