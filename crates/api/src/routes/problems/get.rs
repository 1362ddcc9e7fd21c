use super::CatalogueEntry;
use crate::error::{ApiError, Result};
use crate::input::Ids;
use axum::Json;

/// One entry: the page behind the `type` of an error.
#[utoipa::path(get, path = "/v1/problems/{id}", tag = "problems", security(()), params(("id" = String, Path)),
    responses((status = 200, body = CatalogueEntry)))]
pub(crate) async fn get_problem(Ids([id]): Ids<1>) -> Result<Json<CatalogueEntry>> {
    let entry = connect::problems::find(&id).ok_or_else(|| ApiError::not_found("the problem"))?;
    Ok(Json(entry.into()))
}
