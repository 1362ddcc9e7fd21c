use super::CatalogueEntry;
use crate::page::Page;
use axum::Json;

/// The whole catalogue. It is no secret: errors before the sign-in refer to it.
#[utoipa::path(get, path = "/v1/problems", tag = "problems", security(()),
    responses((status = 200, body = Page<CatalogueEntry>)))]
pub(crate) async fn list_problems() -> Json<Page<CatalogueEntry>> {
    Json(Page {
        data: connect::problems::catalogue()
            .map(CatalogueEntry::from)
            .collect(),
        next_cursor: None,
    })
}
