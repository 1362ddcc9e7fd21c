use crate::caller::Caller;
use crate::error::Result;
use crate::input::{Ids, Query};
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::webhook::{Delivery, DeliveryState};
use serde::Deserialize;
use store::deliveries;

/// Which ones.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// Only in this state.
    state: Option<DeliveryState>,
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The deliveries of a webhook, newest first.
#[utoipa::path(get, path = "/v1/webhooks/{id}/deliveries", tag = "webhooks", params(("id" = String, Path), Params),
    responses((status = 200, body = Page<Delivery>)))]
pub(crate) async fn list_deliveries(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
    Query(params): Query<Params>,
) -> Result<Json<Page<Delivery>>> {
    super::admit(&caller)?;
    let limit = page::limit(params.limit)?;
    let before = page::parse_id_cursor(params.cursor.as_deref())?;
    let found = deliveries::list(&state.store, &id, params.state, before, limit).await?;
    Ok(Json(Page::new(found, limit, |delivery| {
        page::id_cursor(&delivery.id)
    })))
}
