use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Json};
use crate::state::ApiState;
use axum::extract::State;
use axum::http::StatusCode;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::{deliveries, webhooks};

/// From when on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    /// Events from this time on.
    since: Timestamp,
}

/// How many.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Replayed {
    /// Deliveries that are on their way now.
    deliveries: u64,
}

/// Makes good what a webhook has missed since a time; what was delivered stays so.
#[utoipa::path(post, path = "/v1/webhooks/{id}/replay", tag = "webhooks", params(("id" = String, Path)),
    request_body = Since, responses((status = 202, body = Replayed)))]
pub(crate) async fn replay_webhook(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Json { value, .. }: Json<Since>,
) -> Result<(StatusCode, axum::Json<Replayed>)> {
    super::admit(&caller)?;
    webhooks::get(&state.store, &id).await?;
    let deliveries = deliveries::replay_since(&state.store, &id, value.since).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Replayed { deliveries })))
}
