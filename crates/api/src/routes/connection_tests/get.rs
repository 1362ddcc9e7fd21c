use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Ids;
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::Scope;
use model::report::Report;
use store::reports;

/// One connection report.
#[utoipa::path(get, path = "/v1/connection-tests/{id}", tag = "connection-tests", params(("id" = String, Path)),
    responses((status = 200, body = Report)))]
pub(crate) async fn get_connection_test(
    caller: Caller,
    State(state): State<ApiState>,
    Ids([id]): Ids<1>,
) -> Result<Json<Report>> {
    caller.need(Scope::Read)?;
    let report = reports::get(&state.store, &id).await?;
    let visible = match &report.mailbox_id {
        Some(mailbox_id) => caller.sees(mailbox_id),
        None => caller.visible().is_none(),
    };
    if visible {
        Ok(Json(report))
    } else {
        Err(ApiError::not_found("the report"))
    }
}
