use crate::caller::Caller;
use crate::error::{ApiError, Result};
use crate::input::Query;
use crate::page::{self, Page};
use crate::state::ApiState;
use axum::Json;
use axum::extract::State;
use model::access::{AuditLine, Scope};
use serde::Deserialize;
use store::audit;

/// Which page.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// 1 to 500; 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Who did what, newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(Params),
    responses((status = 200, body = Page<AuditLine>)))]
pub(crate) async fn list_audit(
    caller: Caller,
    State(state): State<ApiState>,
    Query(params): Query<Params>,
) -> Result<Json<Page<AuditLine>>> {
    caller.need(Scope::All)?;
    caller.need_all_mailboxes()?;
    let limit = page::limit(params.limit)?;
    let before = page::parse_id_cursor(params.cursor.as_deref())?;
    let before = before.map(|text| text.parse::<i64>()).transpose();
    let before =
        before.map_err(|_| ApiError::parameter("cursor", "is not a cursor of this list"))?;
    let found = audit::list(&state.store, before, limit).await?;
    Ok(Json(Page::new(found, limit, |line| {
        page::id_cursor(&line.id)
    })))
}
